"""A site for whole releases: people with keys, a policy file, a clock that can be set, a store, and a target that records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.approve.policy import Policy
from hug_agents.bundle import Bundle
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.release import Release
from hug_agents.spec import Environment
from hug_agents.status import Status
from tests.approve.office import KEYS, START, policy

REQUEST = (
    "Deploy hello from ghcr.io/acme/hello:1.2.0@sha256:" + "3f" * 32 + " on port 8080 to the Kubernetes cluster main, "
    "rolling, health check on /healthz"
)
SIGNERS: dict[str, tuple[str, ...]] = {
    "pre_deployment": ("ana", "ben"),
    "staging_validation": ("cho",),
    "rollback_drill": ("cho",),
    "production_go_no_go": ("ana", "cho"),
}
EVERYTHING = Abilities(strategies=frozenset(("rolling", "blue_green", "canary")))


class Recorder:
    """A target that keeps what it was told to do, and a world that is a word for each environment."""

    def __init__(self, abilities: Abilities = EVERYTHING, log: Path | None = None) -> None:
        self.log = log
        self.name = "recorder"
        self.abilities = abilities
        self.done: list[Work] = []
        self.world: dict[str, str] = {}
        self.settings: dict[str, str] = {"where": "here"}
        self.fails: set[str] = set()
        self.failure = Outcome(status="failed", detail="as the test wants it")
        self.sees: Observation | None = None

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base="world",
            settings=self.settings,
            creates=3,
        )

    def _keep(self, work: Work) -> None:
        self.done.append(work)
        if self.log:
            with self.log.open("a") as file:
                file.write(work.order.key + "\n")

    def apply(self, work: Work) -> Outcome:
        self._keep(work)
        if work.order.action in self.fails:
            return self.failure
        self.world[work.order.environment.name] = work.order.bundle
        return Outcome(status="done")

    def rollback(self, work: Work) -> Outcome:
        self._keep(work)
        if "rollback" in self.fails:
            return self.failure
        self.world[work.order.environment.name] = work.plan.previous or ""
        return Outcome(status="done")

    def observe(self, work: Work) -> Observation:
        if self.sees:
            return self.sees
        keys = {item.order.key for item in self.done}
        return Observation(state="done" if work.order.key in keys else "not_done")

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        wanted = bundle.digest() if bundle else ""
        there = self.world.get(environment.name, "")
        return Drift(status="none" if there == wanted else "drifted", changes=() if there == wanted else (there,))

    @property
    def keys(self) -> list[str]:
        return [work.order.key for work in self.done]

    @property
    def actions(self) -> list[str]:
        return [f"{work.order.environment.name} {work.order.series} {work.order.action}" for work in self.done]


@dataclass
class Site:
    root: Path
    target: Recorder = field(default_factory=Recorder)
    now: datetime = START

    def __post_init__(self) -> None:
        self.write_policy(policy())

    @property
    def policy_file(self) -> Path:
        return self.root / "governance.yaml"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def common(self) -> dict[str, Any]:
        return {
            "store": self.store,
            "policy": self.policy_file,
            "targets": lambda _: self.target,
            "clock": lambda: self.now,
            "sleep": lambda seconds: self.later(seconds=seconds),
        }

    def write_policy(self, value: Policy) -> None:
        self.root.mkdir(exist_ok=True)
        self.policy_file.write_text(yaml.safe_dump(value.model_dump(mode="json", by_alias=True)))

    def later(self, **much: float) -> None:
        self.now += timedelta(**much)

    def start(self, request: Any = REQUEST, **more: Any) -> Release:
        values = {"requester": "kim", "target": "recorder", **self.common, **more}
        return Release.start(request, **values)

    def open(self, release: str | Release) -> Release:
        return Release.open(release if isinstance(release, str) else release.id, **self.common)

    def approve(self, release: Release, *who: str) -> Status:
        """Let these people, or those whom the policy asks, approve what waits; then go on."""
        status = release.status()
        assert status.checkpoint is not None, status
        able = {name for item in status.waits_for for name in item.who}
        for name in who or [name for name in SIGNERS[status.checkpoint] if name in able]:
            release.decide("approve", reviewer=name, key=KEYS[name], comment="read it")
        return release.resume()

    def until(self, release: Release, checkpoint: str) -> Status:
        """Approve everything before a checkpoint."""
        status = release.resume()
        while status.checkpoint != checkpoint:
            status = self.approve(release)
        return status
