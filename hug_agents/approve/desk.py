"""The desk: the one place where a packet is asked about, a decision is taken, and an effect is allowed or refused.

Everything that a decision is checked for, and its entry into the ledger, happens in one transaction under the ledger's
lock. A refusal raises `DecisionRefused` with a reason code, and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from hug_agents.approve.checkpoints import checkpoint as checkpoint_of
from hug_agents.approve.clock import Clock, Instant, instant, later
from hug_agents.approve.decision import Decision, Override, RefusalReason
from hug_agents.approve.envelope import Envelope, Signable, read
from hug_agents.approve.ledger import Entry, Kind, Ledger, Writer
from hug_agents.approve.packet import Packet
from hug_agents.approve.policy import Policy
from hug_agents.approve.quorum import (
    Missing,
    Standing,
    closed_by,
    demand_of,
    earlier_of,
    eligible,
    excluded_requester,
    gate_gaps,
    latest_presented,
    metrics_short,
    nothing_to_return_to,
    person_of,
    status,
)
from hug_agents.approve.resolution import Matter, Resolution
from hug_agents.approve.strict import Malformed
from hug_agents.approve.waiver import Waiver, finding_id
from hug_agents.canonical import canonical_json
from hug_agents.errors import DecisionRefused, NotApproved, StoreError
from hug_agents.plans import Role
from hug_agents.spec import Model
from hug_agents.store import Store
from hug_agents.validate.gate import GateResult

S = TypeVar("S", bound=Signable)


class Taken(Model):
    """What the desk did: the entry it wrote, and where the packet stands now. `notice` is to be shown."""

    entry: Entry
    standing: Standing
    notice: str = ""


class Pending(Model):
    """A packet that waits for people."""

    packet: Packet
    standing: Standing
    since: Instant


@dataclass(frozen=True)
class _Session:
    """One transaction: who writes, under which policy, and when."""

    writer: Writer
    policy: Policy
    now: datetime

    @property
    def at(self) -> Instant:
        return instant(self.now)


class Desk:
    """Takes decisions for every release of a store. `policy` is read anew each time: a swapped file is noticed."""

    def __init__(self, store: Store, policy: Callable[[], Policy], clock: Clock) -> None:
        self.store = store
        self.ledger = Ledger(store.root / "ledger.sqlite")
        self._policy = policy
        self._clock = clock

    def policy(self) -> Policy:
        """The policy as it is now."""
        return self._policy()

    def now(self) -> datetime:
        """The desk's time."""
        return self._clock()

    def present(self, packet: Packet) -> Taken:
        """Ask people about a packet. It takes the place of the one that this checkpoint was asked about before.

        Raises DecisionRefused when the policy is another one, an earlier checkpoint is not approved for this bundle, or
        an automated gate is neither green nor waived: then nobody is asked.
        """
        where = f"release/{packet.release}/{packet.checkpoint}"
        with self._session() as session:
            policy, entries = session.policy, session.writer.of(packet.release)
            if packet.policy.digest != policy.digest():
                raise _refuse("policy_changed", "the packet was made under another policy", where)
            self._one_requester(packet, entries, where)
            if gaps := tuple(self._earlier_gaps(packet, policy, entries, session.now)):
                raise _refuse("earlier_checkpoint", "; ".join(item.text for item in gaps), where)
            if gaps := gate_gaps(packet, policy, entries, session.now):
                raise _refuse("gates_not_green", "; ".join(item.text for item in gaps), where)
            digest = self.store.put_model(packet)
            if latest_presented(entries, packet.checkpoint, packet.environment.name) == digest:
                entry = _presented(entries, digest)
            else:
                address = {"checkpoint": packet.checkpoint, "environment": packet.environment.name}
                _adopt(session)
                body = {**address, "packet": digest, "policy": policy.digest()}
                entry = session.writer.append("presented", packet.release, body, session.at)
                entries = (*entries, entry)
            return Taken(entry=entry, standing=status(packet, policy, entries, session.now), notice=policy.notice)

    def decide(self, envelope: bytes, *, release: str, checkpoint: str, packet: str) -> Taken:
        """Take one signed decision on the packet that waits at this checkpoint of this release.

        The address is given beside the document, and both must agree. Raises DecisionRefused; StoreError when the
        ledger cannot be written.
        """
        signed = _read(envelope, Decision)
        decision = signed.document
        where = decision.subject_name
        with self._session() as session:
            entries = _known(session.writer, decision, release)
            if decision.checkpoint != checkpoint:
                raise _refuse("wrong_checkpoint", f"it is a decision on {decision.checkpoint}", where)
            held = self._held(decision, packet, entries, session.policy)
            rule = session.policy.checkpoints[held.checkpoint]
            roles, requester = demand_of(held, session.policy).roles, excluded_requester(held, session.policy)
            _admit(session, signed, roles, requester=requester, hours=rule.expires_hours)
            _not_backdated(session, decision, _presented(entries, packet))
            before = status(held, session.policy, entries, session.now)
            if before.state in ("rejected", "changes"):
                raise _refuse("closed", f"the packet is decided already: {before.state}", where)
            taken = {(item.reviewer, item.role if session.policy.solo else "") for item in before.signatures}
            if person_of(decision, session.policy) in taken:
                raise _refuse("already_decided", f"{decision.reviewer}'s first decision stands", where)
            return self._taken(session, "decision", signed, held, entries)

    def override(self, envelope: bytes, *, release: str, packet: str) -> Taken:
        """Take a reasoned word that this packet passes a closed window, a freeze, or short metrics. Raises DecisionRefused."""
        signed = _read(envelope, Override)
        document = signed.document
        with self._session() as session:
            entries = _known(session.writer, document, release)
            held = self._held(document, packet, entries, session.policy)
            policy, requester = session.policy, excluded_requester(held, session.policy)
            _admit(session, signed, policy.override_roles, requester=requester, hours=policy.override_hours)
            _not_backdated(session, document, _presented(entries, packet))
            if not (
                closed_by(held, policy, session.now)
                or metrics_short(held, policy)
                or nothing_to_return_to(held, policy)
            ):
                what = "the environment is open for changes now, no metric is short, and no drill is missing"
                raise _refuse("nothing_to_override", what, document.subject_name)
            return self._taken(session, "override", signed, held, entries)

    def waive(
        self, envelope: bytes, *, release: str, bundle: str, requester: str, gates: Iterable[GateResult]
    ) -> Entry:
        """Take a Security Engineer's waiver of one finding of these gates, for one bundle. Raises DecisionRefused."""
        signed = _read(envelope, Waiver)
        waiver = signed.document
        where = waiver.subject_name
        known = {finding_id(item) for gate in gates for item in gate.findings if item.severity == "error"}
        with self._session() as session:
            policy = session.policy
            if waiver.release != release:
                raise _refuse("wrong_release", f"it is a waiver for {waiver.release}", where)
            if waiver.bundle != bundle:
                raise _refuse("wrong_bundle", "it is a waiver for another bundle", where)
            if waiver.finding not in known:
                raise _refuse("unknown_finding", "no gate has an error of that id for this bundle", where)
            excluded = "" if policy.solo else requester
            _admit(session, signed, ("Security Engineer",), requester=excluded, hours=policy.waiver_max_days * 24)
            return _enter(session, "waiver", signed)

    def settle(self, envelope: bytes, *, matter: Matter, requester: str) -> Entry:
        """Take one person's signed answer to a matter. The first that counts stands. Raises DecisionRefused."""
        signed = _read(envelope, Resolution)
        document = signed.document
        where = document.subject_name
        with self._session() as session:
            entries = _known(session.writer, document, matter.release)
            if document.matter != matter.digest() or document.environment != matter.environment:
                raise _refuse("unknown_matter", "it answers another matter than the one that waits", where)
            if document.choice not in matter.choices:
                raise _refuse("no_such_choice", f"the answers are {', '.join(matter.choices)}", where)
            policy = session.policy
            _admit(session, signed, policy.override_roles, requester=requester, hours=policy.override_hours)
            if _answer(entries, matter, policy, requester, session.at):
                raise _refuse("already_decided", "the matter is settled; the first answer stands", where)
            return _enter(session, "resolution", signed)

    def settled(self, matter: Matter, *, requester: str) -> Resolution | None:
        """The signed answer to a matter, verified again; None: nobody has answered."""
        with self.ledger.reading() as reader:
            entries = reader.of(matter.release)
            return _answer(entries, matter, self._policy(), requester, instant(self._clock()))

    def entries(self, release: str) -> tuple[Entry, ...]:
        """What the ledger holds of a release, each entry checked."""
        with self.ledger.reading() as reader:
            return reader.of(release)

    def standing(self, packet: Packet) -> Standing:
        """Where a packet stands now, earlier checkpoints included. Changes nothing."""
        with self.ledger.reading() as reader:
            now = self._clock()
            return self._standing(packet, reader.of(packet.release), now, reader.latest(instant(now)))

    def authorise(self, packet: Packet) -> Standing:
        """Allow the effect that this packet describes, now. Raises NotApproved, naming everything that is missing.

        The caller has computed the packet from what it is about to do, never from what it was told. Only a checkpoint
        that opens production lets anything happen there, whoever signed an earlier one.
        """
        with self.ledger.writing() as writer:
            now = self._clock()
            found = self._standing(packet, writer.of(packet.release), now, writer.see(instant(now)))
        if packet.environment.role == "production" and checkpoint_of(packet.checkpoint).opens != "production":
            found = _with_gaps(found, (Missing(kind="opens", text=f"{packet.checkpoint} does not open production"),))
        if found.state != "approved":
            what = {"rejected": "was rejected", "changes": "was sent back, changes were asked for"}
            raise NotApproved(
                f"{packet.checkpoint} of {packet.release} for {packet.environment.name} "
                f"{what.get(found.state, 'is not approved')}",
                missing=found.lines,
                where=found.packet,
                hint="hug inbox shows who may decide",
            )
        return found

    def pending(self) -> tuple[Pending, ...]:
        """Every packet that waits for people, the longest waiting first: of a release, the one it was last asked about."""
        found = []
        with self.ledger.reading() as reader:
            policy, now = self._policy(), self._clock()
            for release in reader.open_releases():
                entries = reader.of(release)
                entry = next(reversed(_asked(entries)), None)
                if entry is None or entry.value["packet"] in _voided(entries):
                    continue
                packet = self.store.get_model(Packet, entry.value["packet"])
                standing = status(packet, policy, entries, now)
                if standing.state == "waiting":
                    found.append(Pending(packet=packet, standing=standing, since=entry.time))
        return tuple(sorted(found, key=lambda item: (item.since, item.packet.release)))

    def record(self, release: str, event: str, *, still_open: bool = True, once: bool = False, **detail: str) -> Entry:
        """Note in the ledger what was done, e.g. an effect begun or ended. `detail` holds digests and names only.

        `still_open=False` says that the release no longer waits for anyone: it leaves the inbox. `once`: the release's
        entry that says the very same, if there is one, and nothing has changed.
        """
        body = {"event": event, "detail": detail}
        with self.ledger.writing() as writer:
            if once:
                text = canonical_json(body).decode()
                for entry in writer.of(release):
                    if entry.kind == "event" and entry.body == text:
                        return entry
            session = self._begun(writer)
            return writer.append("event", release, body, session.at, still_open=still_open)

    def waivers(self, release: str, bundle: str) -> tuple[Waiver, ...]:
        """The waivers for a bundle that have not run out, for the packet to name. `status` verifies them again."""
        now = instant(self._clock())
        with self.ledger.reading() as reader:
            found = [entry.envelope.document for entry in reader.waivers(release)]
        return tuple(item for item in found if item.bundle == bundle and item.expires > now)

    @contextmanager
    def _session(self) -> Iterator[_Session]:
        """The lock, with the policy and the time as they are once it is held. Raises DecisionRefused."""
        with self.ledger.writing() as writer:
            yield self._begun(writer)

    def _begun(self, writer: Writer) -> _Session:
        policy, now = self._policy(), self._clock()
        latest = writer.see(instant(now))
        if later(latest, seconds=-policy.clock_skew_seconds) > instant(now):
            raise DecisionRefused(
                f"the clock says {instant(now)}, and the ledger has seen {latest}: it was turned back",
                reason="clock_turned_back",
                hint="set the clock right",
            )
        return _Session(writer, policy, now)

    def _taken(
        self, session: _Session, kind: Kind, signed: Envelope[Any], held: Packet, entries: tuple[Entry, ...]
    ) -> Taken:
        entry = _enter(session, kind, signed)
        standing = status(held, session.policy, (*entries, entry), session.now)
        return Taken(entry=entry, standing=standing, notice=session.policy.notice)

    def _standing(self, packet: Packet, entries: tuple[Entry, ...], now: datetime, latest: Instant) -> Standing:
        policy = self._policy()
        found = status(packet, policy, entries, now)
        gaps = list(self._earlier_gaps(packet, policy, entries, now))
        if later(latest, seconds=-policy.clock_skew_seconds) > instant(now):
            gaps.append(Missing(kind="clock", text=f"the clock was turned back: the ledger has seen {latest}"))
        return _with_gaps(found, gaps)

    def _earlier_gaps(
        self, packet: Packet, policy: Policy, entries: tuple[Entry, ...], now: datetime
    ) -> Iterator[Missing]:
        """The checkpoints before this one, each approved now for the same release, bundle, spec and policy."""
        named = {prior.checkpoint: prior.packet for prior in packet.earlier}
        for name in earlier_of(packet):
            if name not in named:
                yield Missing(kind="earlier", text=f"{name} was not passed")
                continue
            before = self.store.get_model(Packet, named[name])
            same = ("release", "requester", "bundle", "spec", "policy", "destroys")
            if before.checkpoint != name or any(getattr(before, item) != getattr(packet, item) for item in same):
                yield Missing(kind="earlier", text=f"{name} was passed with something else")
                continue
            standing = status(before, policy, entries, now)
            missing = [item.text for item in standing.missing if item.kind != "window"]
            if missing or standing.state in ("rejected", "changes"):
                why = "; ".join(missing) or standing.state
                yield Missing(kind="earlier", text=f"{name} is not approved: {why}"[:2000])

    def _one_requester(self, packet: Packet, entries: tuple[Entry, ...], where: str) -> None:
        for first in _asked(entries)[:1]:
            if self.store.get_model(Packet, first.value["packet"]).requester != packet.requester:
                raise _refuse("requester", "the release was asked for by somebody else", where)

    def _held(self, document: Decision | Override, named: str, entries: tuple[Entry, ...], policy: Policy) -> Packet:
        """The packet that waits at the document's address, from the store, every byte checked."""
        where = document.subject_name
        if document.packet != named:
            raise _refuse("stale_packet", "it speaks of another packet than the one named", where)
        asked = [item.value for item in _asked(entries) if item.value["checkpoint"] == document.checkpoint]
        here = [item["packet"] for item in asked if item["environment"] == document.environment]
        if asked and not here:
            raise _refuse("wrong_environment", f"{document.environment} was not asked about", where)
        if document.packet not in here:
            raise _refuse("unknown_packet", "no such packet was asked about", where)
        if here[-1] != document.packet:
            raise _refuse("stale_packet", "something has changed: another packet waits now", where)
        try:
            held = self.store.get_model(Packet, document.packet)
        except StoreError as error:
            raise _refuse("packet_damaged", f"the packet cannot be read: {error.what}", where) from error
        if held.policy.digest != policy.digest():
            raise _refuse("policy_changed", "the policy has changed; the packet has to be asked about anew", where)
        return held


def _with_gaps(standing: Standing, gaps: Iterable[Missing]) -> Standing:
    missing = (*standing.missing, *gaps)
    state = "waiting" if missing and standing.state == "approved" else standing.state
    return standing.model_copy(update={"state": state, "missing": missing})


def _admit(session: _Session, signed: Envelope[Any], roles: Iterable[Role], *, requester: str, hours: int) -> None:
    """Signer, key, signature, role, time and nonce."""
    document: Signable = signed.document
    where, policy = document.subject_name, session.policy
    if problem := eligible(signed, policy, roles, requester=requester, hours=hours):
        raise _refuse(*problem, where)
    if document.issued > later(session.at, seconds=policy.clock_skew_seconds):
        raise _refuse("future", f"it was issued at {document.issued}, and it is {session.at}", where)
    if document.expires <= session.at:
        raise _refuse("expired", f"it expired at {document.expires}", where)
    if session.writer.has_nonce(document.nonce):
        raise _refuse("nonce_reused", "this document, or another with its nonce, was entered already", where)


def _not_backdated(session: _Session, document: Signable, presented: Entry) -> None:
    if document.issued < later(presented.time, seconds=-session.policy.clock_skew_seconds):
        what = f"it was issued before the packet was asked about, at {presented.time}"
        raise _refuse("backdated", what, document.subject_name)


def _enter(session: _Session, kind: Kind, signed: Envelope[Any]) -> Entry:
    _adopt(session)
    document: Signable = signed.document
    body = {"envelope": signed.as_json(), "nonce": document.nonce, "policy": session.policy.digest()}
    if session.policy.solo:
        body["notice"] = session.policy.notice
    return session.writer.append(kind, document.release, body, session.at)


def _adopt(session: _Session) -> None:
    """Enter the policy the first time that anything happens under it: the ledger explains itself."""
    digest = session.policy.digest()
    if not any(entry.value.get("digest") == digest for entry in session.writer.of("")):
        body = {"digest": digest, "policy": session.policy.model_dump(mode="json")}
        session.writer.append("policy", "", body, session.at)


def _read(data: bytes, kind: type[S]) -> Envelope[S]:
    try:
        return read(data, kind)
    except Malformed as error:
        raise DecisionRefused(
            f"not a signed {kind.__name__.lower()}: {error}", reason=error.reason, hint="hug decide writes one"
        ) from None


def _known(writer: Writer, document: Signable, release: str) -> tuple[Entry, ...]:
    if document.release != release:
        raise _refuse("wrong_release", f"it is for the release {document.release}", document.subject_name)
    entries = writer.of(release)
    if not entries:
        raise _refuse("unknown_release", "there is no such release here", document.subject_name)
    return entries


def _answer(
    entries: tuple[Entry, ...], matter: Matter, policy: Policy, requester: str, at: Instant
) -> Resolution | None:
    name = matter.digest()
    for entry in entries:
        if entry.kind != "resolution" or entry.envelope.document.matter != name:
            continue
        document: Resolution = entry.envelope.document
        hours = policy.override_hours
        if document.expires > at and not eligible(
            entry.envelope, policy, policy.override_roles, requester=requester, hours=hours
        ):
            return document
    return None


def _asked(entries: tuple[Entry, ...]) -> list[Entry]:
    return [item for item in entries if item.kind == "presented"]


def _voided(entries: tuple[Entry, ...]) -> set[str]:
    """The packets whose bundle somebody has edited since: nobody is asked about them any more."""
    edits = (item.value for item in entries if item.kind == "event")
    return {item["detail"].get("packet", "") for item in edits if item["event"] == "bundle_edited"}


def _presented(entries: tuple[Entry, ...], packet: str) -> Entry:
    """When a packet was first asked about."""
    return next(item for item in _asked(entries) if item.value["packet"] == packet)


def _refuse(reason: RefusalReason, what: str, where: str) -> DecisionRefused:
    return DecisionRefused(what, reason=reason, where=where)
