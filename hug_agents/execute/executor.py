"""The one door to effects. It recomputes the packet from what it is about to do, asks the ledger, and only then acts.

Nothing that a graph, a model or a caller says lets an effect happen. What was begun is written down first, so that
after a crash the world is asked before anything is done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from hug_agents.approve.checkpoints import CheckpointId
from hug_agents.approve.desk import Desk
from hug_agents.approve.identity import Digest, PersonId
from hug_agents.approve.packet import EnvironmentIdentity, Packet
from hug_agents.approve.quorum import Standing
from hug_agents.bundle import Bundle
from hug_agents.canonical import sha256
from hug_agents.errors import EnvironmentBusy, NotApproved, StoreError, UnsupportedError, UsageError
from hug_agents.execute.deletion import Deletions, list_of
from hug_agents.execute.dossier import Contents, Dossier, open_dossier, packet_of
from hug_agents.execute.events import Event, EventName, events, record_once
from hug_agents.execute.faults import FaultKind
from hug_agents.execute.gauges import Gauges
from hug_agents.execute.journal import Effect, Journal
from hug_agents.execute.matters import Matters
from hug_agents.execute.register import Register
from hug_agents.execute.target import Action, Cancellable, Destroyable, Order, Outcome, PlanStale, Target, Work
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment
from hug_agents.store import Store

RELEASE = "release"
"""The series of a release's own effects; every other is a drill's."""
Targets = Callable[[str], Target]
"""The target of a name. Raises UsageError if there is none."""


class Executor:
    """Carries out orders for the releases of a store."""

    def __init__(
        self,
        store: Store,
        desk: Desk,
        register: Register,
        journal: Journal,
        targets: Targets,
        sleep: Callable[[float], None] = time.sleep,
        gauges: Gauges | None = None,
    ) -> None:
        self.store = store
        self.desk = desk
        self.register = register
        self.journal = journal
        self.matters = Matters(store, desk, journal)
        self.deletions = Deletions(store, desk, journal)
        self.sleep = sleep
        self.gauges = gauges
        self._targets = targets

    def target(self, name: str) -> Target:
        """A target by name. Raises UsageError."""
        return self._targets(name)

    def plan(
        self,
        target: str,
        bundle: Bundle,
        blueprint: Blueprint,
        environment: Environment,
        previous: Digest | None,
        *,
        destroy: bool = False,
    ) -> Digest:
        """Let a target find out what it would change; it changes nothing. Returns the saved plan's digest."""
        carrier = self._targets(target)
        if destroy and not isinstance(carrier, Destroyable):
            raise UnsupportedError(f"the target {target} cannot remove an environment", where="target")
        kind = blueprint.rollout.strategy
        if kind not in carrier.abilities.strategies:
            able = ", ".join(sorted(carrier.abilities.strategies)) or "none"
            raise UnsupportedError(
                f"the target {target} cannot carry a {kind} rollout", where="strategy", hint=f"it can: {able}"
            )
        analysis = blueprint.spec.analysis
        if analysis and analysis.queries and self.gauges is None and not carrier.abilities.hands_over:
            raise UsageError(
                f"the analysis asks for {len(analysis.queries)} PromQL queries, and no Prometheus is named",
                where="analysis.queries",
                hint="HUG_AGENTS_PROMETHEUS=http://HOST:9090",
            )
        before = self.store.get_bundle(previous) if previous else None
        plan = carrier.plan_destroy if destroy and isinstance(carrier, Destroyable) else carrier.plan
        saved = plan(bundle, blueprint, environment, before)
        expected = (carrier.name, bundle.digest(), EnvironmentIdentity.of(environment), previous)
        if (saved.target, saved.bundle, saved.environment, saved.previous) != expected or saved.destroys != destroy:
            raise StoreError(f"the target {target} planned something else than it was asked to")
        return self.store.put_model(saved)

    def packet(self, dossier: Dossier, contents: Contents | None = None) -> Packet:
        """The packet of a dossier, computed anew from everything that it names. `contents`: where it was just read."""
        return packet_of(dossier, contents or open_dossier(dossier, self.store), self.desk, self.desk.policy())

    def authorise(self, dossier: Dossier, contents: Contents | None = None) -> Standing:
        """Whether the effects of this dossier may happen now. Raises NotApproved, naming what is missing."""
        return self.desk.authorise(self.packet(dossier, contents))

    def carry_out(
        self,
        dossier: Dossier,
        action: Action,
        *,
        step: int = 0,
        weight: int = 100,
        series: str = RELEASE,
        fault: FaultKind | None = None,
    ) -> Outcome:
        """Do one thing that the packet of this dossier allows, at most once, whoever asks and however often.

        A rollback of what this release itself put there is allowed by the approval that let it go there: nothing that
        has expired or changed since keeps a bad version standing. Raises NotApproved, naming what is missing;
        EnvironmentBusy; PlanStale, with nothing changed; InDoubt when the effect was begun before and the target cannot
        tell whether it happened.
        """
        contents = open_dossier(dossier, self.store)
        order = _order(dossier, contents, action, step, weight, series, fault)
        with self._alone(order, contents):
            if order.action == "rollback" and order.series == RELEASE:
                packet, signed_by = self._way_back(order, dossier)
            else:
                judged = self.packet(dossier, contents)
                packet, signed_by = judged.digest(), self._allowed(order, judged)
            work = _work(order, contents, packet, signed_by)
            known = self.journal.find(order.key)
            if known and known.outcome:
                record_once(self.desk, _event("effect_ended", work, outcome=known.outcome.status))
                return known.outcome
            return self._act(work, dossier, known)

    def delete(self, place: str, names: tuple[str, ...], act: Callable[[], Outcome]) -> Outcome:
        """Delete exactly this list, once somebody who did not ask for it has signed it: for what belongs to no release.

        `act` deletes, and twice is as once: cut off, it is called again for what is left. Raises NotApproved; UsageError where
        nobody was asked.
        """
        listed = list_of(place, names)
        matter, asked = self.deletions.find(listed)
        if asked.listed != listed:
            raise StoreError(f"what was asked about is another list than {listed}")
        answer = self.deletions.signed(matter, asked)
        if answer is None:
            who = " or ".join(self.desk.policy().override_roles)
            raise NotApproved(
                f"the deletion of {len(names)} of {place} is not approved",
                missing=(f"the word of a {who} other than {asked.requester}",),
                where=listed,
                hint=f"hug registry sign {listed} --key NAME --reason …",
            )
        self.deletions.begin(listed)
        self.deletions.note("effect_began", matter, "", f"deletion {listed} approved by {answer.reviewer}")
        outcome = act()
        self.deletions.note("effect_ended", matter, outcome.status, f"deletion {listed} {outcome.detail}"[:1000])
        if outcome.status == "done":
            self.deletions.close(listed)
        return outcome

    def begun(
        self, dossier: Dossier, contents: Contents, action: Action, *, step: int, weight: int, series: str = RELEASE
    ) -> bool:
        """Whether this was done before, or may have been: then it is seen to its end, whatever somebody wishes meanwhile."""
        known = self.journal.find(_order(dossier, contents, action, step, weight, series).key)
        return known is not None and known.state != "intended"

    def work(self, dossier: Dossier, *, weight: int = 100, series: str = RELEASE) -> Work:
        """What a target is told when it is only asked: for its address, its logs. Nothing is allowed by it."""
        contents = open_dossier(dossier, self.store)
        order = Order(
            release=dossier.release,
            series=series,
            environment=contents.plan.environment,
            action="deploy",
            weight=weight,
            bundle=dossier.bundle,
            plan=dossier.plan,
        )
        return _work(order, contents)

    def stop(self, dossier: Dossier) -> None:
        """End early what this release began to deploy and has not seen end, where it runs elsewhere and can be ended.

        It needs no signature: what was approved includes its way back.
        """
        contents = open_dossier(dossier, self.store)
        for effect in self.journal.of(dossier.release):
            order, target = effect.order, self._targets(effect.target)
            ours = (order.action, order.series, order.plan) == ("deploy", RELEASE, dossier.plan)
            if effect.state == "started" and ours and isinstance(target, Cancellable):
                target.cancel(_work(order, contents))

    def _allowed(self, order: Order, packet: Packet) -> tuple[PersonId, ...]:
        _opened(order, packet)
        return tuple(dict.fromkeys(item.reviewer for item in self.desk.authorise(packet).signatures))

    def _way_back(self, order: Order, dossier: Dossier) -> tuple[Digest, tuple[PersonId, ...]]:
        """The approval that let this bundle go where it is to be taken back from; with a word of today once it ended."""
        entries = self.desk.entries(order.release)
        begun = [
            item
            for item in events(entries)
            if item.name == "effect_began" and item.packet and item.environment == order.environment.name
        ]
        for item in begun:
            packet = self.store.get_model(Packet, item.packet)
            address = (packet.release, packet.bundle, packet.environment, packet.plans[0].digest)
            if address == (order.release, order.bundle, order.environment, order.plan):
                break
        else:
            raise NotApproved(
                f"nothing of this release was put into {order.environment.name}: there is nothing to take back",
                where=f"release {order.release}",
            )
        if any(item.name == "release_ended" for item in events(entries)):
            answer = self.matters.settle(
                "rollback", dossier, order.environment.name, order.bundle, "it was promoted, and the release has ended"
            )
            return packet.digest(), (answer.reviewer,)
        signed = (entry.envelope.document for entry in entries if entry.kind == "decision")
        return packet.digest(), tuple(dict.fromkeys(item.reviewer for item in signed if item.packet == packet.digest()))

    def _act(self, work: Work, dossier: Dossier, known: Effect | None) -> Outcome:
        order = work.order
        target = self._targets(work.plan.target)
        if known and known.state == "started":
            seen = target.observe(work)
            if seen.state == "unknown":
                where = order.environment.name
                answer = self.matters.settle("in_doubt", dossier, where, order.key, f"{order.action}: {seen.evidence}")
                if answer.choice == "done":
                    return self._ended(
                        work, Outcome(status="done", detail=f"as {answer.reviewer} says: {answer.reason}")
                    )
                self._begin(work, dossier, known)
            elif seen.state == "done":
                return self._ended(work, Outcome(status="done", detail=f"seen after a restart: {seen.evidence}"[:2000]))
        else:
            self._begin(work, dossier, known)
        try:
            outcome = target.rollback(work) if order.action == "rollback" else target.apply(work)
        except PlanStale:
            self.journal.forget(order)
            raise
        return self._ended(work, outcome)

    def _begin(self, work: Work, dossier: Dossier, known: Effect | None) -> None:
        """From here on nobody knows whether it happened. What a person said of an attempt that is `known` says nothing of
        this one: it is closed while the effect is only intended, so that neither is the word lost nor is it used twice."""
        order, target = work.order, work.plan.target
        self.journal.intend(order, target)
        record_once(self.desk, _event("effect_began", work))
        if known:
            self.matters.close("in_doubt", dossier, order.environment.name, order.key)
        self.journal.start(order, target)

    def _ended(self, work: Work, outcome: Outcome) -> Outcome:
        self.journal.end(work.order, outcome)
        record_once(self.desk, _event("effect_ended", work, outcome=outcome.status))
        return outcome

    @contextmanager
    def _alone(self, order: Order, contents: Contents) -> Iterator[None]:
        """One process at a time in an environment, and only for the release that holds it."""
        application, environment = contents.spec.application, order.environment.name
        folder = self.store.root / "locks"
        folder.mkdir(mode=0o700, exist_ok=True)
        name = sha256(f"{application}/{environment}".encode()).removeprefix("sha256:")[:24]
        try:
            with FileLock(folder / f"{name}.lock", timeout=0):
                holder = self.register.holder(application, environment)
                if holder != order.release:
                    raise EnvironmentBusy(
                        f"{environment} of {application} is "
                        + (f"held by the release {holder}" if holder else "not held by this release"),
                        where=f"release {order.release}",
                        hint="hug release resume takes it when it is free",
                    )
                yield
        except Timeout:
            raise EnvironmentBusy(
                f"another process is at work in {environment} of {application}",
                hint="wait for it to end, then resume",
            ) from None


def _order(
    dossier: Dossier,
    contents: Contents,
    action: Action,
    step: int,
    weight: int,
    series: str,
    fault: FaultKind | None = None,
) -> Order:
    return Order(
        release=dossier.release,
        series=series,
        environment=contents.plan.environment,
        action=action,
        step=step,
        weight=weight,
        bundle=contents.bundle.digest(),
        plan=contents.plan.digest(),
        fault=fault,
    )


def _work(order: Order, contents: Contents, packet: Digest = "", approved_by: tuple[PersonId, ...] = ()) -> Work:
    """An order with what its dossier names."""
    return Work(order, contents.plan, contents.blueprint, contents.bundle, contents.previous, packet, approved_by)


def _opened(order: Order, packet: Packet) -> None:
    """Each kind of effect is opened by a checkpoint of its own, whatever else was signed."""
    drilling = order.series != RELEASE
    wanted: CheckpointId = "rollback_drill" if drilling else "pre_deployment"
    if order.environment.role == "production":
        wanted = "production_go_no_go"
    if packet.destroys != (order.action == "destroy"):
        what = "to remove the environment" if packet.destroys else "a deployment"
        raise NotApproved(
            f"{order.action} in {order.environment.name} is not approved: what was asked about is {what}",
            where=f"release {order.release}",
        )
    if packet.checkpoint != wanted or (drilling and wanted != "rollback_drill"):
        what = f"{order.action} in {order.environment.name}" + (" for a drill" if drilling else "")
        raise NotApproved(
            f"{what} is not approved",
            missing=(f"{what} is opened by {wanted}; what was approved is {packet.checkpoint}",),
            where=f"release {order.release}",
        )


def _event(name: EventName, work: Work, outcome: str = "") -> Event:
    order = work.order
    return Event(
        name=name,
        release=order.release,
        application=work.blueprint.spec.application,
        environment=order.environment.name,
        role=order.environment.role,
        target=work.plan.target,
        bundle=order.bundle,
        packet=work.packet,
        outcome=outcome,
        detail=f"{order.series} {order.action} step {order.step} weight {order.weight} key {order.key}",
    )
