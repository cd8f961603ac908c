"""What the tests of these targets share: two bundles a system, and work as the executor would give it."""

from __future__ import annotations

from functools import cache

from hug_agents.adapters.circleci.target import circleci_target
from hug_agents.adapters.forge import Pace
from hug_agents.adapters.jenkins.target import jenkins_target
from hug_agents.adapters.pipelines.target import PipelineTarget
from hug_agents.bundle import Bundle
from hug_agents.execute.target import Action, Order, SavedPlan, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec, Environment
from hug_agents.store import Store
from tests.ci.circleci import PROJECT, CircleCI
from tests.ci.circleci import TOKEN as CIRCLECI_TOKEN
from tests.ci.jenkins import FOLDER, TOKEN, USER, Jenkins
from tests.examples import kubernetes_rolling

PACKET = "sha256:" + "1" * 64
QUICK = Pace(poll=0.05, settle=1.5, follow=60.0, attempts=2, backoff=0.01, timeout=20.0)
Ci = Jenkins | CircleCI


@cache
def spec(system: str, version: str = "1.0.0") -> DeploymentSpec:
    found = kubernetes_rolling()
    return found.model_copy(update={"version": version, "toolchain": found.toolchain.model_copy(update={"ci": system})})


@cache
def blueprint(system: str, version: str = "1.0.0") -> Blueprint:
    return plan(spec(system, version))


@cache
def bundle(system: str, version: str = "1.0.0") -> Bundle:
    return render(blueprint(system, version))


def place(system: str, role: str) -> Environment:
    return next(item for item in spec(system).environments if item.role == role)


def system_of(ci: Ci) -> str:
    return "jenkins" if isinstance(ci, Jenkins) else "circleci"


def target_of(ci: Ci, store: Store, tell: list[str] | None = None, **options: str) -> PipelineTarget:
    heard = [] if tell is None else tell
    query = "&".join(
        f"{key}={value}" for key, value in {"repository": str(ci.world.repository.folder), **options}.items()
    )
    if isinstance(ci, Jenkins):
        return jenkins_target(f"{ci.url}{FOLDER}?{query}", store, USER, TOKEN, pace=QUICK, tell=heard.append)
    return circleci_target(f"{PROJECT}?{query}&api={ci.url}", store, CIRCLECI_TOKEN, pace=QUICK, tell=heard.append)


def planned(
    target: PipelineTarget, ci: Ci, version: str = "1.0.0", previous: str = "", role: str = "staging"
) -> SavedPlan:
    system = system_of(ci)
    before = bundle(system, previous) if previous else None
    return target.plan(bundle(system, version), blueprint(system, version), place(system, role), before)


def work(
    ci: Ci,
    saved: SavedPlan,
    action: Action = "deploy",
    *,
    version: str = "1.0.0",
    previous: str = "",
    release: str = "r1",
    series: str = "release",
) -> Work:
    system = system_of(ci)
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
        blueprint=blueprint(system, version),
        bundle=bundle(system, version),
        previous=bundle(system, previous) if previous else None,
        packet=PACKET,
        approved_by=("ana", "ben"),
    )
