"""A target with traffic: a world of versions and weights, whose users never sleep while the site's clock goes on."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from hug_agents.bundle import Bundle
from hug_agents.execute.target import Abilities, Counters, Drift, Outcome, Work
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment
from tests.governed import Recorder

if TYPE_CHECKING:
    from tests.governed import Site

CANARY = (
    "Deploy hello from ghcr.io/acme/hello:{tag}@sha256:" + "3f" * 32 + " on port 8080 to the Kubernetes cluster main, "
    "canary 10 then 50 then 100 percent, 60 seconds each, health check on /healthz. 99.9 % availability."
)
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0)


class Live(Recorder):
    """Counts as a router would. `errors` and `slow` say how a version behaves, by its bundle."""

    def __init__(self) -> None:
        super().__init__(
            Abilities(strategies=frozenset(("rolling", "blue_green", "canary")), faults=frozenset(("errors", "crash")))
        )
        self.site: Site | None = None
        self.rate = 100
        self.weights: dict[str, dict[str, int]] = {}
        self.errors: dict[str, float] = {}
        self.everyone = 0.0
        self.counted: dict[tuple[str, str], list[float]] = {}
        self.at: dict[str, datetime] = {}

    def apply(self, work: Work) -> Outcome:
        outcome = super().apply(work)
        place, order = self._traffic(work.order.environment.name), work.order
        if outcome.status == "done" and order.action in ("deploy", "shift", "promote"):
            for other in place:
                place[other] = 100 - order.weight
            place[order.bundle] = order.weight
            if order.action == "deploy" and order.weight == 0 and work.plan.previous is None:
                place[order.bundle] = 0
            self.world[order.environment.name] = work.plan.previous or "" if order.weight < 100 else order.bundle
        return outcome

    def rollback(self, work: Work) -> Outcome:
        outcome = super().rollback(work)
        if outcome.status == "done":
            self._traffic(work.order.environment.name).clear()
            if work.plan.previous:
                self.weights[work.order.environment.name][work.plan.previous] = 100
        return outcome

    def counters(self, blueprint: Blueprint, environment: Environment) -> tuple[Counters, ...]:
        self._traffic(environment.name)
        service = blueprint.spec.services[0].name
        return tuple(
            Counters(
                service=service,
                version=version,
                requests=int(requests),
                errors=int(errors),
                latency=tuple((bound, int(requests)) for bound in BOUNDS),
            )
            for (place, version), (requests, errors) in self.counted.items()
            if place == environment.name
        )

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        seen = super().drift(bundle, blueprint, environment)
        there = {version for version, weight in self._traffic(environment.name).items() if weight}
        wanted = {bundle.digest()} if bundle else set()
        if there != wanted:
            return Drift(status="drifted", changes=("other versions take the traffic",))
        return seen

    def _traffic(self, place: str) -> dict[str, int]:
        """Let the users of an environment go on until now."""
        assert self.site is not None
        weights = self.weights.setdefault(place, {})
        seconds = (self.site.now - self.at.get(place, self.site.now)).total_seconds()
        self.at[place] = self.site.now
        whole = sum(weights.values())
        for version, weight in weights.items():
            row = self.counted.setdefault((place, version), [0.0, 0.0])
            requests = self.rate * seconds * weight / whole if whole else 0.0
            row[0] += requests
            row[1] += requests * self.errors.get(version, self.everyone)
        return weights
