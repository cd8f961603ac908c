"""A release that was begun: where it stands, how it moves, and how people steer it on its way and afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock, Timeout
from pydantic import ValidationError

from hug_agents.approve.checkpoints import CheckpointId
from hug_agents.approve.clock import Instant, instant, later
from hug_agents.approve.identity import ReleaseId
from hug_agents.approve.keys import SigningKey
from hug_agents.approve.ledger import Entry
from hug_agents.approve.packet import DrillRecord, Packet
from hug_agents.approve.policy import Policy
from hug_agents.approve.quorum import Standing
from hug_agents.approve.resolution import Choice, Matter, Resolution
from hug_agents.approve.signing import Pen
from hug_agents.connections import kept_open
from hug_agents.errors import EnvironmentBusy, UsageError
from hug_agents.execute.dossier import Dossier
from hug_agents.execute.events import Event, events, record_once
from hug_agents.execute.executor import RELEASE
from hug_agents.execute.register import Registered, Wish
from hug_agents.plans import Role
from hug_agents.spec import DeploymentSpec
from hug_agents.status import NEXT, Explained, Stage, Status

if TYPE_CHECKING:
    from hug_agents.agents.diagnosis import Diagnosis
    from hug_agents.execute.executor import Executor
    from hug_agents.execute.faults import FaultKind
    from hug_agents.rollout.deployment import Deployment
    from hug_agents.rollout.drill import DrillReport
    from hug_agents.workflow.run import Position

_GLANCE = 0.5
"""Seconds that a process waits for one that only looks whether somebody moves the release."""


class UnderWay:
    """One release of a store, found again by any process."""

    def __init__(self, release: ReleaseId, crew: Any) -> None:
        self.id = release
        self._crew = crew

    @kept_open()
    def status(self) -> Status:
        """Where it stands now. Changes nothing."""
        from hug_agents.workflow import run as graph

        return self._status(graph.look(self._crew, self.id))

    def _status(self, position: Position) -> Status:
        row = self._executor.register.find(self.id)
        state = position.state
        stage: Stage = "ended" if row.outcome else position.status
        if stage == "interrupted" and self._driven():
            stage = "moving"
        standing, packet = self._standing(position) if stage == "checkpoint" else (None, None)
        matter = self._matter(stage, state)
        answer = self._answer(matter) if matter else None
        return Status(
            id=self.id,
            application=row.application,
            requester=row.requester,
            target=row.target,
            begun=row.begun,
            stage=stage,
            outcome=row.outcome,
            checkpoint=packet.checkpoint if packet else None,
            environment=packet.environment.name if packet else matter.environment if matter else "",
            packet=standing.packet if standing else "",
            bundle=state.get("bundle", ""),
            waits_for=standing.missing if standing else (),
            signatures=standing.signatures if standing else (),
            questions=tuple(position.pending.get("questions", ())) if stage == "questions" else (),
            matter=matter,
            settled=f"{answer.choice} by {answer.reviewer}: {' '.join(answer.reason.split())}"[:500] if answer else "",
            passed=tuple(
                dict.fromkeys([*(name for name, _ in state.get("earlier", [])), *self._opened(stage, row, state)])
            ),
            effects=self._executor.journal.of(self.id),
            notice=self._notice(stage, position),
            diagnosis=self._explained(),
            next=self._next(stage, standing, matter, settled=bool(answer)),
            solo=bool(standing and standing.solo),
        )

    @kept_open()
    def resume(self, answers: Mapping[str, str] | None = None) -> Status:
        """Go on as far as the ledger allows: after a decision, an answer, a crash, or when what blocked it is gone.

        Raises EnvironmentBusy while another process drives this release.
        """
        from hug_agents.workflow import run as graph

        if self._executor.register.find(self.id).outcome:
            return self.status()
        with self._driving():
            position = graph.look(self._crew, self.id)
            if position.status == "questions":
                if not answers:
                    return self._status(position)
                asked = {item["id"] for item in position.pending["questions"]}
                if unknown := sorted(set(answers) - asked):
                    raise UsageError(
                        f"no such question: {', '.join(unknown)}", hint=f"asked: {', '.join(sorted(asked))}"
                    )
                position = graph.resume(self._crew, self.id, {"answers": dict(answers)}, seen=position)
            else:
                position = self._go_on(position)
        return self._status(position)

    def _go_on(self, position: Position) -> Position:
        """Move until something waits that the ledger has no answer to yet."""
        from hug_agents.workflow import run as graph

        self._unpause(position)
        seen = set()
        while True:
            position = graph.resume(self._crew, self.id, {"type": "look"}, seen=position)
            if position.status != "checkpoint" or self._executor.register.find(self.id).outcome:
                return position
            place = (position.pending.get("checkpoint"), position.digest("packet"))
            if place in seen or self._standing(position)[0].state != "approved":
                return position
            seen.add(place)

    def _unpause(self, position: Position) -> None:
        """To resume where it stands paused is to go on, unless somebody signed otherwise. A pause that was asked for and
        not seen yet is still to come."""
        register = self._executor.register
        if position.status == "attention":
            matter = self._crew.store.get_model(Matter, position.state["matter"])
            if matter.kind == "paused" and self._answer(matter) is None:
                if register.wish(self.id)[0] == "pause":
                    register.ask(self.id, "go_on", register.wish(self.id)[1])
                dossier = self._crew.store.get_model(Dossier, position.state["dossier"])
                self._executor.matters.close("paused", dossier, matter.environment, matter.subject)

    def pause(self, by: str) -> None:
        """Ask the process that moves this release to stand still at its next step; `resume` goes on."""
        self._wish("pause", by)

    def abort(self, by: str) -> Status:
        """Take back what the rollout under way has done: at its next step, or now if nobody is moving it. A pipeline that
        runs elsewhere is ended first.

        No signature is asked for: what was approved includes its way back. It is written down who asked.
        """
        self._wish("abort", by)
        if named := self._state().get("dossier"):
            self._executor.stop(self._crew.store.get_model(Dossier, named))
        try:
            return self.resume()
        except EnvironmentBusy:  # the process that moves it looks for the word at every step
            return self.status()

    def settle(
        self,
        choice: Choice,
        *,
        reviewer: str,
        key: SigningKey,
        reason: str,
        role: Role | None = None,
    ) -> Entry:
        """Sign and take the answer to what only a person can settle (`status().matter`). Raises DecisionRefused."""
        matter = self.matter()
        signed = self._pen(reviewer, key).resolution(matter, choice, role=role, reason=reason)
        requester = self._executor.register.find(self.id).requester
        return self._executor.desk.settle(signed, matter=matter, requester=self._executor.matters.excluded(requester))

    def matter(self) -> Matter:
        """What only a person can settle. Raises UsageError if nothing waits for that."""
        matter = self._executor.matters.waiting(self.id)
        if matter is None:
            raise UsageError("nothing waits to be settled", where=self.id, hint=f"hug release show {self.id}")
        return matter

    @kept_open()
    def rollback(
        self, *, reviewer: str, key: SigningKey, reason: str, environment: str | None = None, role: Role | None = None
    ) -> Deployment:
        """Take back what this release promoted, also long after: traffic, desired state, then a look whether it worked.

        `environment`: default the last production environment that it went to. Raises UsageError when something else
        runs there now; DecisionRefused; NeedsPerson when the way back was not completed (call it again once settled).
        """
        from hug_agents.rollout.promoted import take_back_promoted, where_it_runs

        executor, row = self._executor, self._executor.register.find(self.id)
        if not row.outcome:
            raise UsageError("the release is under way", where=self.id, hint=f"hug release abort {self.id}")
        with self._driving():
            state = self._state()
            spec = executor.store.get_model(DeploymentSpec, executor.store.get_bundle(state["bundle"]).manifest.spec)
            place = where_it_runs(executor, row, spec, environment)
            dossier = executor.store.get_model(Dossier, state["dossier"])
            dossier = dossier.model_copy(update={"plan": state.get("plans", {}).get(place, dossier.plan)})
            matter = executor.matters.open(
                "rollback", dossier, place, dossier.bundle, "it was promoted, and the release has ended"
            )
            excluded = executor.matters.excluded(row.requester)
            if executor.desk.settled(matter, requester=excluded) is None:
                signed = self._pen(reviewer, key).resolution(matter, "roll_back", role=role, reason=reason)
                executor.desk.settle(signed, matter=matter, requester=excluded)
            return take_back_promoted(executor, dossier, reason, tell=self._crew.tell)

    def rehearse(
        self,
        requester: str,
        *,
        fault: FaultKind | None = None,
        progress: Callable[[str, Any], None] | None = None,
    ) -> Self:
        """Begin a drill of this release's bundle: a release of its own, which ends after its rollback drill."""
        crew = replace(self._crew, fault=fault, progress=progress or self._crew.progress)
        state = self._state()
        names = ("request", "facts", "bundle", "spec", "blueprint", "refinement", "deployment", "devops", "amendments")
        values = {name: state[name] for name in names if state.get(name)}
        target = self._executor.register.find(self.id).target
        return self._begin(
            crew,
            values | {"scope": "drill", "requester": requester, "target": target},
            f"drill-{self.id[:50]}-{uuid.uuid4().hex[:6]}",
        )

    def destroy(self, environment: str, requester: str) -> Self:
        """Ask for an environment of this release's application to be removed: a release of its own, signed as such.

        Raises UsageError when something else runs there; UnsupportedError for a target that cannot remove.
        """
        row = self._executor.register.find(self.id)
        there = self._executor.register.runs(row.application, environment)
        if there is None or there.release != self.id:
            nothing = "nothing runs there" if row.outcome else "the release is under way: hug release show says where"
            raise UsageError(
                f"what this release put into {environment[:60]!r} does not run there now",
                where=self.id,
                hint=f"it is {there.release}" if there else nothing,
            )
        state = self._state()
        values = {name: state[name] for name in ("request", "bundle", "spec", "blueprint") if state.get(name)}
        values |= {"scope": "destroy", "place": environment, "requester": requester, "target": row.target}
        return self._begin(self._crew, values, f"destroy-{self.id[:50]}-{uuid.uuid4().hex[:6]}")

    def drilled(self) -> DrillReport | None:
        """What was seen in the last rollback drill of this release."""
        from hug_agents.rollout.drill import DrillReport

        name = self._state().get("drill")
        record = self._crew.store.get_model(DrillRecord, name) if name else None
        return self._crew.store.get_model(DrillReport, record.evidence) if record else None

    def rehearsed_within(self, hours: int) -> Instant | None:
        """When a drill of this release's bundle last passed, in whichever release, if that is not longer ago."""
        from hug_agents.execute.schedule import rehearsed

        passed = rehearsed(self._executor, self._state()["bundle"])
        now = instant(self._executor.desk.now())
        return passed if passed and later(passed, seconds=hours * 3600) > now else None

    def diagnosis(self) -> Diagnosis | None:
        """Why the DevOps agent thinks that gates, a run or the rollout failed; None if none did."""
        from hug_agents.agents.diagnosis import Diagnosis

        name = self._state().get("diagnosis")
        return self._crew.store.get_model(Diagnosis, name) if name else None

    def _opened(self, stage: Stage, row: Registered, state: Mapping[str, Any]) -> tuple[CheckpointId, ...]:
        """The checkpoint that opened what is under way, stands still or went wrong: it was passed, whatever comes of it."""
        under_way = stage in ("attention", "moving", "interrupted")
        if not (under_way or row.outcome in ("rolled_back", "failed")) or not state.get("dossier"):
            return ()
        dossier = self._crew.store.get_model(Dossier, state["dossier"])
        opens = dossier.checkpoint in ("pre_deployment", "production_go_no_go")
        begun = any(
            (item.order.plan, item.order.series) == (dossier.plan, RELEASE)
            for item in self._executor.journal.of(self.id)
        )
        return (dossier.checkpoint,) if opens and begun else ()

    def _explained(self) -> Explained | None:
        found = self.diagnosis()
        if found is None:
            return None
        return Explained(by=found.by, **found.model_dump(include=set(Explained.model_fields)))

    def cancel(self, reason: str) -> Status:
        """End a release that is not wanted any more; its environments are free again. What was done stays done."""
        executor = self._executor
        with self._driving():
            if begun := [item for item in executor.journal.of(self.id) if item.state == "started"]:
                what = f"{begun[0].order.action} in {begun[0].order.environment.name} was begun and not seen to end"
                raise UsageError(what, where=self.id, hint="resume it first, so that nothing is left half done")
            row = executor.register.find(self.id)
            if not row.outcome:
                event = Event(
                    name="release_ended",
                    release=self.id,
                    application=row.application,
                    outcome="cancelled",
                    detail=" ".join(reason.split())[:500],
                )
                record_once(executor.desk, event)
                executor.register.end(self.id, "cancelled")
            executor.register.unlock(self.id)  # also of one that was being taken back when its process was killed
        return self.status()

    @classmethod
    @kept_open()
    def _begin(cls, crew: Any, values: Mapping[str, Any], name: str) -> Self:
        from hug_agents.workflow import run as graph

        made = cls(_release_id(name), crew)
        with made._driving():
            try:
                graph.start(crew, graph.as_input(dict(values)), thread=made.id)
            except Exception as error:
                if made._executor.register.knows(made.id):
                    error.add_note(f"the release is kept: {made.id}")
                raise
        return made

    def _wish(self, wanted: Wish, by: str) -> None:
        if self._executor.register.find(self.id).outcome:
            raise UsageError("the release has ended", where=self.id, hint=f"hug rollback {self.id} takes it back")
        self._executor.register.ask(self.id, wanted, by)

    @property
    def _executor(self) -> Executor:
        executor: Executor = self._crew.doors
        return executor

    @property
    def _policy(self) -> Policy:
        return self._executor.desk.policy()

    def _state(self) -> dict[str, Any]:
        from hug_agents.workflow import run as graph

        return graph.look(self._crew, self.id).state

    def _standing(self, position: Position) -> tuple[Standing, Packet]:
        packet = self._crew.store.get_model(Packet, position.state["packet"])
        return self._executor.desk.standing(packet), packet

    def _answer(self, matter: Matter) -> Resolution | None:
        """What somebody has signed about a matter that the release has not seen yet."""
        requester = self._executor.register.find(self.id).requester
        return self._executor.desk.settled(matter, requester=self._executor.matters.excluded(requester))

    def _matter(self, stage: Stage, state: Mapping[str, Any]) -> Matter | None:
        """What stands still for a person: the rollout, or the way back of what was promoted."""
        if stage == "attention":
            return self._crew.store.get_model(Matter, state["matter"])  # type: ignore[no-any-return]
        asked = self._executor.matters.last(self.id) if stage == "ended" and self._held else None
        return asked if asked and asked.kind in ("rollback_failed", "in_doubt") else None

    @property
    def _held(self) -> bool:
        return self._executor.register.holds(self.id)

    def _next(self, stage: str, standing: Standing | None, matter: Matter | None, *, settled: bool) -> str:
        if stage == "ended":
            if self._held and not self._driven():
                stage = "attention" if matter and not settled else "back"
        elif settled:
            stage = "interrupted"
        elif stage == "checkpoint" and standing:
            kinds = {item.kind for item in standing.missing}
            if not kinds & {"role", "quorum"}:
                stage = "closed" if kinds and kinds <= {"metrics", "window"} else "interrupted"
        elif matter and matter.kind == "paused":
            stage = "paused"
        return NEXT.get(stage, "").format(id=self.id)

    def _pen(self, reviewer: str, key: SigningKey) -> Pen:
        return Pen(reviewer, key, self._policy, self._executor.desk.now())

    def _notice(self, stage: Stage, position: Position) -> str:
        """What is to be known where it stands."""
        if stage == "blocked":
            return str(position.pending.get("reason", ""))
        if stage == "ended" and (said := self._afterwards()):
            return said
        if stage != "moving":
            return str(position.state.get("notice", ""))
        wanted, by = self._executor.register.wish(self.id)  # the process that moves it has not seen it yet
        return f"{by} asked: {wanted}, at its next step" if wanted in ("pause", "abort") else ""

    def _afterwards(self) -> str:
        """What happened when it ended, or since, and stands in the ledger alone."""
        if self._held:
            return "it is being taken back"
        found = list(events(self._executor.desk.entries(self.id)))
        ended = next((place for place, item in enumerate(found) if item.name == "release_ended"), len(found))
        for item in reversed(found[ended:]):
            if item.name == "release_ended" and item.outcome == "cancelled":
                return f"cancelled: {item.detail}"
            if item.name == "rollback_ended":
                return f"{item.environment}: rolled back afterwards" + (": " + item.detail if item.detail else "")
        return ""

    def _driven(self) -> bool:
        """Whether some process moves this release at this moment."""
        try:
            with self._driving(patience=0):
                return False
        except EnvironmentBusy:
            return True

    @contextmanager
    def _driving(self, *, patience: float = _GLANCE) -> Iterator[None]:
        """One process at a time moves a release. `patience`: seconds for one that holds it; see `_driven`."""
        folder = self._crew.store.root / "locks"
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            with FileLock(folder / f"release-{self.id}.lock", timeout=patience):
                yield
        except Timeout:
            raise EnvironmentBusy(
                "another process is moving this release", where=self.id, hint="wait for it, then resume"
            ) from None


def _release_id(text: str) -> ReleaseId:
    try:
        return Registered.model_validate(
            {"id": text, "begun": "2026-01-01T00:00:00Z", "requester": "x", "target": "", "title": ""}
        ).id
    except ValidationError:
        raise UsageError(
            f"{text[:60]!r} cannot name a release", hint="lower-case letters, digits and inner hyphens, at most 80"
        ) from None
