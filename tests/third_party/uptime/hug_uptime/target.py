"""A target: the document is put into a folder that Uptime watches, one file an environment."""

from __future__ import annotations

from pathlib import Path

from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment
from hug_agents.store import Store
from hug_uptime.renderer import PATH


class UptimeTarget:
    abilities = Abilities(strategies=frozenset(("rolling", "blue_green", "canary")), hands_over=True)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"uptime:{folder}"

    def _file(self, environment: str) -> Path:
        return self.folder / f"{environment}.json"

    def _is(self, environment: str, bundle: Bundle | None) -> bool:
        file = self._file(environment)
        wanted = bundle[PATH].data if bundle else None
        return (file.read_bytes() if file.exists() else None) == wanted

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base="a file",
            updates=int(not self._is(environment.name, bundle)),
        )

    def apply(self, work: Work) -> Outcome:
        self._file(work.order.environment.name).write_bytes(work.bundle[PATH].data)
        return Outcome(status="done")

    def rollback(self, work: Work) -> Outcome:
        file = self._file(work.order.environment.name)
        if work.previous:
            file.write_bytes(work.previous[PATH].data)
        else:
            file.unlink(missing_ok=True)
        return Outcome(status="done")

    def observe(self, work: Work) -> Observation:
        return Observation(state="done" if self._is(work.order.environment.name, work.bundle) else "not_done")

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        return Drift(status="none" if self._is(environment.name, bundle) else "drifted")


def load(rest: str, store: Store) -> UptimeTarget:
    return UptimeTarget(Path(rest))
