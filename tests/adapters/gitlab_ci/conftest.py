"""An emulated GitLab for each test, a store that knows the bundles, and work as the executor would give it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.forge import Pace
from hug_agents.adapters.gitlab_ci.place import Place
from hug_agents.adapters.gitlab_ci.target import GitlabCiTarget
from hug_agents.bundle import Bundle
from hug_agents.execute.target import Action, Order, SavedPlan, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.process import find
from hug_agents.render import render
from hug_agents.spec import Environment
from hug_agents.store import Store
from tests.examples import kubernetes_rolling
from tests.gitlab.emulator import PROJECT, TOKEN, Emulator

SPEC = kubernetes_rolling().model_copy(
    update={"toolchain": kubernetes_rolling().toolchain.model_copy(update={"ci": "gitlab_ci"})}
)
STAGING, PRODUCTION = SPEC.environments
PACKET = "sha256:" + "1" * 64
QUICK = Pace(poll=0.01, settle=0.4, merge=0.2, follow=20.0, attempts=2, timeout=20.0)


@cache
def blueprint(version: str = "1.0.0") -> Blueprint:
    return plan(SPEC.model_copy(update={"version": version}))


@cache
def bundle(version: str = "1.0.0") -> Bundle:
    return render(blueprint(version))


class Desk:
    """The target against the emulator, and what it is given."""

    def __init__(self, gitlab: Emulator, store: Store) -> None:
        self.gitlab = gitlab
        self.store = store
        self.told: list[str] = []
        self.target = self.another()

    def another(self, token: str = TOKEN, **options: str) -> GitlabCiTarget:
        """The same target in another process."""
        name = "&".join([f"{PROJECT}?api={self.gitlab.url}", *(f"{key}={value}" for key, value in options.items())])
        return GitlabCiTarget(Place.parse(name), self.store, token, pace=QUICK, tell=self.told.append)

    def planned(self, version: str = "1.0.0", previous: str = "", place: Environment = STAGING) -> SavedPlan:
        return self.target.plan(bundle(version), blueprint(version), place, bundle(previous) if previous else None)

    def work(
        self, saved: SavedPlan, action: Action = "deploy", *, version: str = "1.0.0", previous: str = "", **more: Any
    ) -> Work:
        order = Order(
            release=more.get("release", "r1"),
            series=more.get("series", "release"),
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


@pytest.fixture
def gitlab(tmp_path: Path) -> Iterator[Emulator]:
    """One project on an emulated GitLab; at the end nothing may have been asked or answered that its description forbids."""
    if find("git") is None:
        pytest.skip("git is not installed: install with apt-get install git")
    with Emulator(tmp_path / "gitlab") as emulator:
        yield emulator
    assert emulator.violations == []


@pytest.fixture
def desk(gitlab: Emulator, tmp_path: Path) -> Desk:
    store = Store(tmp_path / "store")
    for version in ("1.0.0", "2.0.0"):
        store.put_bundle(bundle(version))
    return Desk(gitlab, store)
