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
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from hug_agents.approve.clock import Clock, instant, system_clock
from hug_agents.approve.decision import Verdict
from hug_agents.approve.desk import Pending, Taken
from hug_agents.approve.keys import PublicKey, SigningKey
from hug_agents.approve.ledger import Entry
from hug_agents.approve.packet import Packet
from hug_agents.approve.resolution import Matter
from hug_agents.approve.review import changes
from hug_agents.approve.waiver import finding_id
from hug_agents.bundle import Bundle
from hug_agents.connections import kept_open
from hug_agents.errors import UsageError
from hug_agents.execute.register import Registered
from hug_agents.generation import Generation, build_crew, build_request, scan_repository
from hug_agents.office import open_office
from hug_agents.plans import Blueprint, Role
from hug_agents.request import Choices, Request
from hug_agents.settings import Settings
from hug_agents.spec import DeploymentSpec
from hug_agents.status import Review, Status
from hug_agents.store import Store
from hug_agents.underway import UnderWay
from hug_agents.validate.gate import Finding, GateReport

if TYPE_CHECKING:
    from hug_agents.agents.choice import AddressChoice, ModelChoice
    from hug_agents.execute.deletion import Deletion
    from hug_agents.execute.executor import Executor, Targets
    from hug_agents.execute.faults import FaultKind


class Release(UnderWay):
    """One release of a store. Make one with `start` or `open`."""

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
        model: ModelChoice | None = None,
        base_url: AddressChoice = None,
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
            from hug_agents.planning import blueprint_of

            values |= {"spec": request.manifest.spec, "blueprint": crew.store.put_model(blueprint_of(spec))}
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
        model: ModelChoice | None = None,
        base_url: AddressChoice = None,
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

    def pending(self) -> tuple[Pending, ...]:
        """The packets of this release that wait for people."""
        return tuple(item for item in self._executor.desk.pending() if item.packet.release == self.id)

    def review(self) -> Review:
        """The packet that waits, as a reviewer needs it. Raises UsageError if none does."""
        packet = self._packet()
        store = self._crew.store
        bundle = store.get_bundle(packet.bundle)
        previous = store.get_bundle(packet.previous) if packet.previous else None
        blueprint = self._state().get("blueprint")
        asked = store.get_model(Blueprint, blueprint).requirements if blueprint else ()
        unmet = tuple(item for item in asked if item.missed)
        return Review(packet, self._executor.desk.standing(packet), changes(bundle, previous), bundle, unmet)

    @kept_open()
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
            envelope = self._signed(waiting, verdict, reviewer, key, role, comment, reviewed)
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
        return self._signed(self._packet(), verdict, reviewer, key, role, comment, packet or "")

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
        return self._policy.owner_of(key)

    def findings(self) -> dict[str, Finding]:
        """The errors that the gates found, by the id that a waiver names."""
        name = self._state().get("gates")
        results = self._crew.store.get_model(GateReport, name).results if name else ()
        return {finding_id(item): item for gate in results for item in gate.findings if item.severity == "error"}

    @kept_open()
    def edit(
        self,
        *,
        by: str,
        fields: Mapping[str, int | float | bool | str] | None = None,
        files: Mapping[str, str | None] | None = None,
        comment: str = "",
    ) -> Status:
        """Change values of the spec or whole files by hand while a checkpoint waits, or is blocked.

        The bundle is written, gated and named anew, and the checkpoints begin again: no signature covers the new bytes.
        Raises UsageError for an edit that cannot be made.
        """
        from hug_agents.workflow import run as graph

        if graph.look(self._crew, self.id).status not in ("checkpoint", "blocked"):
            raise UsageError(
                "an edit is made while a checkpoint waits", where=self.id, hint=f"hug release show {self.id}"
            )
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
        state = self._state()
        notice = str(state.get("notice", ""))
        if notice.startswith("the edit cannot be made") and state["bundle"] == before:
            raise UsageError(notice.removeprefix("the edit cannot be made: "), where=self.id)
        return self.status()

    def _signed(
        self,
        waiting: Packet,
        verdict: Verdict,
        reviewer: str,
        key: SigningKey,
        role: Role | None,
        comment: str,
        named: str,
    ) -> bytes:
        standing = self._executor.desk.standing(waiting)
        return self._pen(reviewer, key).decision(waiting, verdict, standing, role=role, comment=comment, named=named)

    def _repr_markdown_(self) -> str:
        return self.review().markdown() if self.status().stage == "checkpoint" else f"release `{self.id}`"

    def _packet(self) -> Packet:
        """The packet that people are asked about now."""
        from hug_agents.workflow import run as graph

        position = graph.look(self._crew, self.id)
        if position.status != "checkpoint" or self._executor.register.find(self.id).outcome:
            raise UsageError("nothing waits for a decision", where=self.id, hint=f"hug release show {self.id}")
        return self._crew.store.get_model(Packet, position.state["packet"])  # type: ignore[no-any-return]


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


@kept_open()
def matters(*, store: str | Path | None = None, policy: str | Path | None = None) -> tuple[Matter, ...]:
    """What only a person can settle, in every release of a store that stands still for it."""
    executor = _office(store, policy)
    found = (executor.matters.waiting(row.id) for row in executor.register.list(open_only=True, limit=10_000))
    return tuple(item for item in found if item is not None)


def deletions(
    *, store: str | Path | None = None, policy: str | Path | None = None, person: str = ""
) -> tuple[Deletion, ...]:
    """Lists of what is to go from a registry that wait for a signature; `person`: only what that person may sign."""
    deletions = _office(store, policy).deletions
    return tuple(asked for _, asked in deletions.waiting() if not person or deletions.may_sign(person, asked))


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
    names = ("request", "facts", "bundle", "spec", "blueprint", "refinement", "deployment", "devops", "amendments")
    return {name: state[name] for name in names if state.get(name)}
