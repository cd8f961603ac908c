"""A rollout under way: what it is about, what may stop it, and how its target is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from hug_agents.approve.identity import Digest
from hug_agents.bundle import Bundle
from hug_agents.errors import HugError
from hug_agents.execute.dossier import Contents, Dossier, open_dossier
from hug_agents.execute.events import Event, EventName, record_once
from hug_agents.execute.executor import RELEASE, Executor
from hug_agents.execute.target import Addressed, Counters, Explained, Measured, Order, Target, Work
from hug_agents.planning import blueprint_of
from hug_agents.rollout.smoke import SmokeReport, run_smoke_tests
from hug_agents.rollout.steps import Step
from hug_agents.rollout.verdict import Check
from hug_agents.spec import DeploymentSpec

Tell = Callable[[str, object], None]


class Stopped(Exception):
    """The rollout must not go on, and what it did is taken back. Its text says why."""


@dataclass(frozen=True)
class Run:
    """One bundle on its way into one environment, for a release or for a drill of it."""

    executor: Executor
    dossier: Dossier
    series: str = RELEASE
    tell: Tell = lambda *_: None

    @cached_property
    def contents(self) -> Contents:
        """What the dossier names."""
        return open_dossier(self.dossier, self.executor.store)

    @cached_property
    def target(self) -> Target:
        """What carries it out."""
        return self.executor.target(self.contents.plan.target)

    @property
    def environment(self) -> str:
        """The name of the environment."""
        return self.contents.environment.name

    @property
    def place(self) -> str:
        """What its marks in the journal are known by."""
        return f"{self.dossier.release}/{self.series}/{self.environment}/{self.dossier.bundle}/{self.dossier.plan}"

    def mark(self, name: str, document: Digest) -> None:
        """Remember a document of this rollout; the first stays."""
        self.executor.journal.mark(self.place, name, document)

    def marked(self, name: str) -> Digest | None:
        """A document that is remembered."""
        return self.executor.journal.marked(self.place, name)

    def record(self, name: EventName, outcome: str = "", detail: str = "") -> None:
        """Write an event of a release into the ledger, once; a drill writes its own."""
        if self.series == RELEASE:
            record_once(self.executor.desk, event_of(name, self.dossier, self.contents, outcome, detail))

    def poll(self, item: Step) -> None:
        """Look whether somebody asked for a pause or the way back. Raises NeedsPerson, Stopped."""
        if self.series != RELEASE:
            return
        wish, by = self.executor.register.wish(self.dossier.release)
        if wish == "abort":
            raise Stopped(f"aborted by {by}")
        if wish == "pause":
            subject = f"step {item.step}"
            said = f"by {by}, at step {item.step} ({item.action} {item.weight} %)"
            answer = self.executor.matters.settle("paused", self.dossier, self.environment, subject, said)
            if answer.choice == "roll_back":
                raise Stopped(f"aborted by {answer.reviewer}: {' '.join(answer.reason.split())}")
            self.executor.matters.close("paused", self.dossier, self.environment, subject)
            self.executor.register.ask(self.dossier.release, "go_on", answer.reviewer)

    def counters(self) -> tuple[Counters, ...] | None:
        """What the router has counted; None: neither the target counts nor a Prometheus server is named."""
        if isinstance(self.target, Measured):
            return self.target.counters(self.contents.blueprint, self.contents.environment)
        if self.executor.gauges is None or self.target.abilities.hands_over:
            return None
        previous = self.contents.plan.previous
        services = [service.name for service in self.contents.spec.web_services]
        return self.executor.gauges.counters(services, [self.dossier.bundle, *([previous] if previous else [])])

    def checks(self) -> tuple[Check, ...]:
        """The user's own expressions against their bounds."""
        analysis, gauges = self.contents.spec.analysis, self.executor.gauges
        return gauges.checks(analysis.queries, self.dossier.bundle) if analysis and gauges else ()

    def smoke(self, bundle: Bundle | None = None) -> SmokeReport | None:
        """The smoke tests of a version (without one: of the new); None: the target does not know where it answers."""
        target = self.target
        if not isinstance(target, Addressed):
            return None
        work = self._work_of(bundle)
        return run_smoke_tests(work.blueprint.spec, lambda service: target.address(work, service))

    def logs(self, item: Step) -> str:
        """The last lines of the new version, or of what carried this step out; empty where the target keeps none."""
        asked = {"action": item.action, "step": item.step, "weight": item.weight}
        order = Order.model_validate(self.work.order.model_dump() | asked)
        try:
            return self.target.logs(replace(self.work, order=order)) if isinstance(self.target, Explained) else ""
        except HugError as error:  # nothing keeps a bad version standing, least of all that nobody can read its logs
            return f"the logs could not be read: {error.what}"

    @cached_property
    def work(self) -> Work:
        """What the target is told when it is only asked."""
        return self.executor.work(self.dossier, series=self.series)

    def _work_of(self, bundle: Bundle | None) -> Work:
        if bundle is None or bundle.digest() == self.dossier.bundle:
            return self.work
        spec = self.executor.store.get_model(DeploymentSpec, bundle.manifest.spec)
        order = self.work.order.model_copy(update={"bundle": bundle.digest()})
        return replace(self.work, order=order, bundle=bundle, blueprint=blueprint_of(spec))


def event_of(name: EventName, dossier: Dossier, contents: Contents, outcome: str = "", detail: str = "") -> Event:
    """An event of the environment that a dossier is about."""
    return Event(
        name=name,
        release=dossier.release,
        application=contents.spec.application,
        environment=contents.environment.name,
        role=contents.environment.role,
        target=contents.plan.target,
        bundle=dossier.bundle,
        outcome=outcome,
        detail=" ".join(detail.split())[:1500],
    )
