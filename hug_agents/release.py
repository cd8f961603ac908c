"""A governed release: begun once, found again by any process, moved only by what people have signed.

    from hug_agents import Release
    release = Release.start("Put payments-api on ECS in eu-west-1, canary", requester="kim", target="write:../infra")
    print(release.status().waits_for)

`decide` takes a signed decision; `resume` goes on as far as the ledger allows. Both may be called from anywhere, again
and again. Everything that lasts is in the store.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout
from pydantic import ValidationError

from hug_agents.approve.clock import Clock, instant, system_clock
from hug_agents.approve.decision import Verdict
from hug_agents.approve.desk import Pending, Taken
from hug_agents.approve.identity import ReleaseId
from hug_agents.approve.keys import PublicKey, SigningKey
from hug_agents.approve.ledger import Entry
from hug_agents.approve.packet import DrillRecord, Packet
from hug_agents.approve.policy import Policy
from hug_agents.approve.quorum import Standing
from hug_agents.approve.resolution import Choice, Matter
from hug_agents.approve.review import changes
from hug_agents.approve.signing import Pen
from hug_agents.approve.waiver import finding_id
from hug_agents.bundle import Bundle
from hug_agents.errors import DecisionRefused, EnvironmentBusy, UsageError
from hug_agents.execute.dossier import Dossier
from hug_agents.execute.events import Event, record_once
from hug_agents.execute.register import Registered, Wish
from hug_agents.generation import Generation, build_crew, build_request, scan_repository
from hug_agents.office import open_office
from hug_agents.plans import Role
from hug_agents.request import Choices, Request
from hug_agents.settings import Settings
from hug_agents.spec import DeploymentSpec
from hug_agents.status import NEXT, Review, Stage, Status
from hug_agents.store import Store
from hug_agents.validate.gate import Finding, GateReport

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from hug_agents.agents.diagnosis import Diagnosis
    from hug_agents.execute.executor import Executor, Targets
    from hug_agents.execute.target import FaultKind
    from hug_agents.rollout.deployment import Deployment
    from hug_agents.rollout.drill import DrillReport
    from hug_agents.workflow.run import Position


class Release:
    """One release of a store. Make one with `start` or `open`."""

    def __init__(self, release: ReleaseId, crew: Any) -> None:
        self.id = release
        self._crew = crew

    @classmethod
    def start(
        cls,
        request: str | Request | Bundle | Generation | None = None,
        *,
        requester: str,
        target: str,
        run: str | None = None,
        repo: str | Path | None = None,
        choices: Choices | None = None,
        answers: Mapping[str, str] | None = None,
        release: str | None = None,
        model: str | BaseChatModel | None = None,
        base_url: str | None = None,
        gates: tuple[str, ...] | None = None,
        store: str | Path | None = None,
        policy: str | Path | None = None,
        targets: Targets | None = None,
        scope: Literal["release", "drill"] = "release",
        fault: FaultKind | None = None,
        clock: Clock = system_clock,
        sleep: Callable[[float], None] = time.sleep,
        progress: Callable[[str, Any], None] | None = None,
    ) -> Release:
        """Begin a release from a request, from a bundle that `generate` made, or from its run's id.

        Goes on until it waits: for answers, for people, or for something that `status()` names. `requester` is the id
        of who asks (who then signs nothing), `target` what carries it out, e.g. `write:../infrastructure`.
        `scope` `drill` ends after the rollback drill, which injects `fault`.
        Raises what `generate` raises, but for questions: they are in `status()`.
        """
        crew = build_crew(store, model, base_url, None, gates, progress)
        executor = open_office(crew.store, policy=_path(policy), clock=clock, targets=targets, sleep=sleep)
        crew = replace(crew, executor=executor, fault=fault)
        values: dict[str, Any] = {"scope": scope, "requester": requester}
        values["target"] = crew.doors.target(target).name
        if isinstance(request, Generation):
            run, request = request.thread, None
        if run is not None:
            values |= _from_run(crew, run)
        elif isinstance(request, Bundle):
            values["bundle"] = crew.store.put_bundle(request)
            spec = crew.store.get_model(DeploymentSpec, request.manifest.spec)
            from hug_agents.planning import plan

            values |= {"spec": request.manifest.spec, "blueprint": crew.store.put_model(plan(spec))}
        elif request is not None:
            asked = build_request(request, choices, answers)
            values["request"] = crew.store.put_model(asked)
            facts = scan_repository(repo)
            if facts is not None:
                values["facts"] = crew.store.put_model(facts)
        else:
            raise UsageError("a release starts from a request, a bundle or a run")
        return cls._begin(crew, values, release or f"r{instant(clock())[:10].replace('-', '')}-{uuid.uuid4().hex[:8]}")

    @classmethod
    def open(
        cls,
        release: str,
        *,
        store: str | Path | None = None,
        policy: str | Path | None = None,
        model: str | BaseChatModel | None = None,
        base_url: str | None = None,
        gates: tuple[str, ...] | None = None,
        targets: Targets | None = None,
        fault: FaultKind | None = None,
        clock: Clock = system_clock,
        sleep: Callable[[float], None] = time.sleep,
        progress: Callable[[str, Any], None] | None = None,
    ) -> Release:
        """A release that was begun before, in this or another process. Raises UsageError if there is none."""
        crew = build_crew(store, model, base_url, None, gates, progress)
        executor = open_office(crew.store, policy=_path(policy), clock=clock, targets=targets, sleep=sleep)
        executor.register.find(release)
        return cls(release, replace(crew, executor=executor, fault=fault))

    def status(self) -> Status:
        """Where it stands now. Changes nothing."""
        from hug_agents.workflow import run as graph

        row = self._executor.register.find(self.id)
        position = graph.look(self._crew, self.id)
        state = position.state
        stage: Stage = "ended" if row.outcome else position.status
        standing, packet = self._standing(position) if stage == "checkpoint" else (None, None)
        matter = self._crew.store.get_model(Matter, state["matter"]) if stage == "attention" else None
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
            passed=tuple(name for name, _ in state.get("earlier", [])),
            effects=self._executor.journal.of(self.id),
            notice=position.pending.get("reason", "") if stage == "blocked" else state.get("notice", ""),
            next=self._next("paused" if matter and matter.kind == "paused" else stage, standing),
            solo=bool(standing and standing.solo),
        )

    def pending(self) -> tuple[Pending, ...]:
        """The packets of this release that wait for people."""
        return tuple(item for item in self._executor.desk.pending() if item.packet.release == self.id)

    def review(self) -> Review:
        """The packet that waits, as a reviewer needs it. Raises UsageError if none does."""
        packet = self._packet()
        store = self._crew.store
        bundle = store.get_bundle(packet.bundle)
        previous = store.get_bundle(packet.previous) if packet.previous else None
        return Review(packet, self._executor.desk.standing(packet), changes(bundle, previous), bundle)

    def decide(
        self,
        verdict: Verdict | None = None,
        *,
        reviewer: str = "",
        role: Role | None = None,
        key: SigningKey | None = None,
        comment: str = "",
        packet: str | None = None,
        envelope: bytes | None = None,
    ) -> Taken:
        """Take a decision on the packet that waits: one signed here with `key`, or an envelope that was signed elsewhere.

        `packet` is the digest that was reviewed; another one than the waiting is refused. `role` may be left out where
        the reviewer holds one of the roles that are asked for. Raises DecisionRefused, and nothing has changed.
        """
        waiting = self._packet()
        reviewed = packet or waiting.digest()
        if envelope is None:
            if verdict is None or key is None or not reviewer:
                raise UsageError("a decision needs a verdict, a reviewer and a key, or a signed envelope")
            envelope = self.sign(verdict, reviewer=reviewer, role=role, key=key, comment=comment, packet=reviewed)
        return self._executor.desk.decide(envelope, release=self.id, checkpoint=waiting.checkpoint, packet=reviewed)

    def sign(
        self,
        verdict: Verdict,
        *,
        reviewer: str,
        key: SigningKey,
        role: Role | None = None,
        comment: str = "",
        packet: str | None = None,
    ) -> bytes:
        """The signed envelope of a decision on the packet that waits. Nothing is taken yet."""
        waiting = self._packet()
        standing = self._executor.desk.standing(waiting)
        return self._pen(reviewer, key).decision(
            waiting, verdict, standing, role=role, comment=comment, named=packet or ""
        )

    def waive(self, finding: str, *, reviewer: str, key: SigningKey, reason: str, days: int = 7) -> Entry:
        """Let one finding of one bundle stand, by a Security Engineer's signature. `finding`: its id, or how it begins.

        Raises DecisionRefused.
        """
        state = self._state()
        report = self._crew.store.get_model(GateReport, state["gates"])
        errors = {
            finding_id(item): item for gate in report.results for item in gate.findings if item.severity == "error"
        }
        wanted = finding.removeprefix("sha256:")
        found = [name for name in errors if name.removeprefix("sha256:").startswith(wanted)]
        if len(found) != 1:
            listed = ", ".join(name[7:19] for name in errors) or "there is none"
            raise UsageError(
                f"{finding[:80]!r} names {len(found)} findings", hint=f"the errors of this bundle: {listed}"
            )
        signed = self._pen(reviewer, key).waiver(self.id, state["bundle"], found[0], reason=reason, days=days)
        return self._executor.desk.waive(
            signed, release=self.id, bundle=state["bundle"], requester=state["requester"], gates=report.results
        )

    def override(self, *, reviewer: str, key: SigningKey, reason: str, role: Role | None = None) -> Taken:
        """Let the packet that waits pass a closed window or a freeze. Raises DecisionRefused."""
        waiting = self._packet()
        signed = self._pen(reviewer, key).override(waiting, role=role, reason=reason)
        return self._executor.desk.override(signed, release=self.id, packet=waiting.digest())

    def owner_of(self, key: PublicKey) -> str:
        """Whose key it is, by the policy as it is now. Raises DecisionRefused if it is nobody's."""
        person, _ = self._policy.keys.get(key.id, (None, None))
        if person is None:
            raise DecisionRefused(
                f"the policy knows nobody with the key {key.line[-12:]}",
                reason="unknown_key",
                hint="its owners add the line of `hug keys list` to governance.yaml",
            )
        return person.id

    def findings(self) -> dict[str, Finding]:
        """The errors that the gates found, by the id that a waiver names."""
        name = self._state().get("gates")
        results = self._crew.store.get_model(GateReport, name).results if name else ()
        return {finding_id(item): item for gate in results for item in gate.findings if item.severity == "error"}

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
                    return self.status()
                asked = {item["id"] for item in position.pending["questions"]}
                if unknown := sorted(set(answers) - asked):
                    raise UsageError(
                        f"no such question: {', '.join(unknown)}", hint=f"asked: {', '.join(sorted(asked))}"
                    )
                graph.resume(self._crew, self.id, {"answers": dict(answers)})
            else:
                self._go_on()
        return self.status()

    def _go_on(self) -> None:
        """Move until something waits that the ledger has no answer to yet."""
        from hug_agents.workflow import run as graph

        self._unpause()
        seen = set()
        while True:
            position = graph.resume(self._crew, self.id, {"type": "look"})
            if self._executor.register.find(self.id).outcome:
                return
            place = (position.pending.get("checkpoint"), position.digest("packet"))
            if position.status != "checkpoint" or place in seen or self._standing(position)[0].state != "approved":
                return
            seen.add(place)

    def _unpause(self) -> None:
        """To resume where it stands paused is to go on. A pause that was asked for and not seen yet is still to come."""
        from hug_agents.workflow import run as graph

        register = self._executor.register
        position = graph.look(self._crew, self.id)
        if position.status == "attention":
            matter = self._crew.store.get_model(Matter, position.state["matter"])
            if matter.kind == "paused":
                if register.wish(self.id)[0] == "pause":
                    register.ask(self.id, "go_on", register.wish(self.id)[1])
                dossier = self._crew.store.get_model(Dossier, position.state["dossier"])
                self._executor.matters.close("paused", dossier, matter.environment, matter.subject)

    def edit(
        self,
        *,
        by: str,
        fields: Mapping[str, int | float | bool | str] | None = None,
        files: Mapping[str, str | None] | None = None,
        comment: str = "",
    ) -> Status:
        """Change values of the spec or whole files by hand while a checkpoint waits.

        The bundle is written, gated and named anew, and the checkpoints begin again: no signature covers the new bytes.
        Raises UsageError for an edit that cannot be made.
        """
        from hug_agents.workflow import run as graph

        if graph.look(self._crew, self.id).status != "checkpoint":
            raise UsageError("an edit is made while a checkpoint waits", where=self.id, hint="hug release show")
        before = self._state()["bundle"]
        edits = {
            "by": by,
            "comment": comment,
            "fields": [{"path": path, "value": value} for path, value in (fields or {}).items()],
            "files": [{"path": path, "content": content} for path, content in (files or {}).items()],
        }
        with self._driving():
            try:
                graph.resume(self._crew, self.id, {"type": "edit", "edits": edits})
            except ValidationError as error:
                raise UsageError(f"the edit cannot be used: {error.errors()[0]['msg']}") from error
        status = self.status()
        if status.notice.startswith("the edit cannot be made") and status.bundle == before:
            raise UsageError(status.notice.removeprefix("the edit cannot be made: "), where=self.id)
        return status

    def pause(self, by: str) -> None:
        """Ask the process that moves this release to stand still at its next step; `resume` goes on."""
        self._wish("pause", by)

    def abort(self, by: str) -> Status:
        """Take back what the rollout under way has done: at its next step, or now if nobody is moving it.

        No signature is asked for: what was approved includes its way back. It is written down who asked.
        """
        self._wish("abort", by)
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
    ) -> Release:
        """Begin a drill of this release's bundle: a release of its own, which ends after its rollback drill."""
        crew = replace(self._crew, fault=fault, progress=progress or self._crew.progress)
        state = self._state()
        names = ("request", "facts", "bundle", "spec", "blueprint", "refinement", "deployment", "devops")
        values = {name: state[name] for name in names if state.get(name)}
        target = self._executor.register.find(self.id).target
        return self._begin(
            crew,
            values | {"scope": "drill", "requester": requester, "target": target},
            f"drill-{self.id[:50]}-{uuid.uuid4().hex[:6]}",
        )

    def diagnosis(self) -> Diagnosis | None:
        """Why the DevOps agent thinks that the rollout went wrong; None if it did not."""
        from hug_agents.agents.diagnosis import Diagnosis

        name = self._state().get("diagnosis")
        return self._crew.store.get_model(Diagnosis, name) if name else None

    def destroy(self, environment: str, requester: str) -> Release:
        """Ask for an environment of this release's application to be removed: a release of its own, signed as such.

        Raises UsageError when something else runs there; UnsupportedError for a target that cannot remove.
        """
        row = self._executor.register.find(self.id)
        there = self._executor.register.runs(row.application, environment)
        if there is None or there.release != self.id:
            raise UsageError(
                f"what this release put into {environment[:60]!r} does not run there now",
                where=self.id,
                hint=f"it is {there.release}" if there else "nothing runs there",
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

    @classmethod
    def _begin(cls, crew: Any, values: Mapping[str, Any], name: str) -> Release:
        from hug_agents.workflow import run as graph

        made = cls(_release_id(name), crew)
        with made._driving():
            try:
                graph.start(crew, graph.as_input(dict(values)), thread=made.id)
            except Exception as error:
                error.add_note(f"the release is kept: {made.id}")
                raise
        return made

    def _wish(self, wanted: Wish, by: str) -> None:
        if self._executor.register.find(self.id).outcome:
            raise UsageError("the release has ended", where=self.id, hint=f"hug rollback {self.id} takes it back")
        self._executor.register.ask(self.id, wanted, by)

    def matter(self) -> Matter:
        """What only a person can settle. Raises UsageError if nothing waits for that."""
        matter = self._executor.matters.waiting(self.id)
        if matter is None:
            raise UsageError("nothing waits to be settled", where=self.id, hint=f"hug release show {self.id}")
        return matter

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

    def _repr_markdown_(self) -> str:
        return self.review().markdown() if self.status().stage == "checkpoint" else f"release `{self.id}`"

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

    def _packet(self) -> Packet:
        """The packet that people are asked about now."""
        from hug_agents.workflow import run as graph

        position = graph.look(self._crew, self.id)
        if position.status != "checkpoint" or self._executor.register.find(self.id).outcome:
            raise UsageError("nothing waits for a decision", where=self.id, hint=f"hug release show {self.id}")
        return self._crew.store.get_model(Packet, position.state["packet"])  # type: ignore[no-any-return]

    def _standing(self, position: Position) -> tuple[Standing, Packet]:
        packet = self._crew.store.get_model(Packet, position.state["packet"])
        return self._executor.desk.standing(packet), packet

    def _next(self, stage: str, standing: Standing | None) -> str:
        if stage == "checkpoint" and standing and not any(item.role for item in standing.missing):
            stage = "interrupted"
        return NEXT.get(stage, "").format(id=self.id)

    def _pen(self, reviewer: str, key: SigningKey) -> Pen:
        return Pen(reviewer, key, self._policy, self._executor.desk.now())

    @contextmanager
    def _driving(self) -> Iterator[None]:
        """One process at a time moves a release."""
        folder = self._crew.store.root / "locks"
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            with FileLock(folder / f"release-{self.id}.lock", timeout=0):
                yield
        except Timeout:
            raise EnvironmentBusy(
                "another process is moving this release", where=self.id, hint="wait for it, then resume"
            ) from None


def releases(*, store: str | Path | None = None, open_only: bool = False, limit: int = 50) -> tuple[Registered, ...]:
    """The releases of a store, newest first."""
    return _office(store).register.list(open_only=open_only, limit=limit)


def inbox(
    *, store: str | Path | None = None, policy: str | Path | None = None, person: str = ""
) -> tuple[Pending, ...]:
    """Every packet that waits for people, the longest waiting first; `person`: only what that person may decide."""
    waiting = _office(store, policy).desk.pending()
    return tuple(
        item for item in waiting if not person or any(person in missing.who for missing in item.standing.missing)
    )


def matters(*, store: str | Path | None = None, policy: str | Path | None = None) -> tuple[Matter, ...]:
    """What only a person can settle, in every release of a store that stands still for it."""
    executor = _office(store, policy)
    found = (executor.matters.waiting(row.id) for row in executor.register.list(open_only=True, limit=10_000))
    return tuple(item for item in found if item is not None)


def drills_due(*, store: str | Path | None = None, policy: str | Path | None = None) -> tuple[Release, ...]:
    """The releases whose bundle runs in staging and whose drill is due by the policy's schedule. Raises PolicyError."""
    from hug_agents.execute.schedule import due

    executor = _office(store, policy)
    return tuple(Release.open(name, store=executor.store.root, policy=policy) for name in due(executor))


def _office(store: str | Path | None, policy: str | Path | None = None) -> Executor:
    return open_office(Store(Path(store) if store else Settings.load().home), policy=_path(policy))


def _path(policy: str | Path | None) -> Path | None:
    return Path(policy) if policy else None


def _from_run(crew: Any, run: str) -> dict[str, Any]:
    """What a run of `generate` left, as the input of a release."""
    from hug_agents.workflow import run as graph

    state = graph.look(crew, run, any_version=True).state
    if not state.get("bundle"):
        raise UsageError(f"the run {run} has not made a bundle", hint=f"hug generate --resume {run}")
    names = ("request", "facts", "bundle", "spec", "blueprint", "refinement", "deployment", "devops")
    return {name: state[name] for name in names if state.get(name)}


def _release_id(text: str) -> ReleaseId:
    try:
        return Registered.model_validate(
            {"id": text, "begun": "2026-01-01T00:00:00Z", "requester": "x", "target": "", "title": ""}
        ).id
    except ValidationError:
        raise UsageError(
            f"{text[:60]!r} cannot name a release", hint="lower-case letters, digits and inner hyphens, at most 80"
        ) from None
