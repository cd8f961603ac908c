"""What the tests of this target share: two bundles, and work as the executor would give it."""

from __future__ import annotations

from functools import cache

from hug_agents.adapters.forge import Pace
from hug_agents.adapters.github_actions.place import Place
from hug_agents.adapters.github_actions.target import GithubActionsTarget
from hug_agents.bundle import Bundle
from hug_agents.execute.target import Action, Order, SavedPlan, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.render import render
from hug_agents.spec import Environment
from hug_agents.store import Store
from tests.examples import ALL
from tests.github.emulator import NAME, OWNER, TOKEN, Emulator

SPEC = ALL["kubernetes_rolling"]()
STAGING = next(item for item in SPEC.environments if item.role == "staging")
PRODUCTION = next(item for item in SPEC.environments if item.role == "production")
PACKET = "sha256:" + "1" * 64
QUICK = Pace(poll=0.1, settle=3.0, merge=1.0, follow=240.0, limit=2.0, backoff=0.01, timeout=60.0)
"""Short where a test waits in vain, long where a slow machine needs it."""


@cache
def blueprint(version: str = "1.0.0") -> Blueprint:
    return plan(SPEC.model_copy(update={"version": version}))


@cache
def bundle(version: str = "1.0.0") -> Bundle:
    return render(blueprint(version))


def name_of(emulator: Emulator, **options: str) -> str:
    return "&".join([f"{OWNER}/{NAME}?api={emulator.url}", *(f"{key}={value}" for key, value in options.items())])


def target_of(
    emulator: Emulator, store: Store, *, pace: Pace = QUICK, tell: list[str] | None = None, **options: str
) -> GithubActionsTarget:
    heard = [] if tell is None else tell
    return GithubActionsTarget(Place.parse(name_of(emulator, **options)), store, TOKEN, pace=pace, tell=heard.append)


def planned(
    target: GithubActionsTarget, version: str = "1.0.0", previous: str = "", place: Environment = STAGING
) -> SavedPlan:
    before = bundle(previous) if previous else None
    return target.plan(bundle(version), blueprint(version), place, before)


def work(
    saved: SavedPlan,
    action: Action = "deploy",
    *,
    version: str = "1.0.0",
    previous: str = "",
    release: str = "r1",
    series: str = "release",
) -> Work:
    order = Order(
        release=release,
        series=series,
        environment=saved.environment,
        action=action,
        step=1 if action == "deploy" else 0,
        weight=100 if action == "deploy" else 0,
        bundle=saved.bundle,
        plan=saved.digest(),
    )
    return Work(
        order=order,
        plan=saved,
        blueprint=blueprint(version),
        bundle=bundle(version),
        previous=bundle(previous) if previous else None,
        packet=PACKET,
        approved_by=("ana", "ben"),
    )
