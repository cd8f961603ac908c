"""Where a packet stands, computed from the signatures themselves. Pure: asked again at the time of every effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from hug_agents.approve.checkpoints import CheckpointId, checkpoint
from hug_agents.approve.clock import Instant, instant, later, moment
from hug_agents.approve.decision import Decision, Override, RefusalReason, Verdict
from hug_agents.approve.envelope import Envelope, Signable
from hug_agents.approve.identity import Digest, PersonId
from hug_agents.approve.ledger import Entry
from hug_agents.approve.measured import judged
from hug_agents.approve.packet import Packet
from hug_agents.approve.policy import Demand, Policy
from hug_agents.approve.waiver import Waiver
from hug_agents.approve.windows import closed
from hug_agents.plans import Role
from hug_agents.spec import Line, Model

State = Literal["approved", "waiting", "rejected", "changes"]


class Missing(Model):
    """One thing that stands between a packet and its effect."""

    kind: Literal[
        "asked", "policy", "gate", "drill", "metrics", "earlier", "opens", "window", "role", "quorum", "clock"
    ]
    text: Line
    role: Role | None = None
    who: tuple[PersonId, ...] = Field((), description="who may supply it")


class Signature(Model):
    """A decision that counts, and the ledger entry that holds it."""

    reviewer: PersonId
    role: Role
    verdict: Verdict
    comment: str
    issued: Instant
    expires: Instant
    entry: int


class Standing(Model):
    """Where a packet stands now. `approved` holds until `until` at the latest: ask again before every effect."""

    state: State
    packet: Digest
    signatures: tuple[Signature, ...] = ()
    missing: tuple[Missing, ...] = ()
    until: Instant | None = Field(None, description="when the first signature that counts expires")
    solo: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """What is missing, one line each."""
        return tuple(item.text for item in self.missing)


def status(packet: Packet, policy: Policy, entries: Iterable[Entry], now: datetime) -> Standing:
    """Approved only if a valid quorum of eligible people signed exactly this packet, unexpired now, under this policy.

    `entries` are those of the packet's release. Signatures are verified here; nothing that an entry says is trusted.
    """
    listed = tuple(entry for entry in entries if entry.release == packet.release)
    digest, at = packet.digest(), instant(now)
    if packet.policy.digest != policy.digest():
        text = "the policy has changed since; what was signed under the old one is void"
        return Standing(state="waiting", packet=digest, missing=(Missing(kind="policy", text=text),))
    signatures = tuple(_standing_decisions(packet, policy, listed, at))
    refusal = next((item for item in signatures if item.verdict != "approve"), None)
    if refusal:
        state: State = "rejected" if refusal.verdict == "reject" else "changes"
        return Standing(state=state, packet=digest, signatures=signatures, solo=policy.solo)
    valid = tuple(item for item in signatures if item.expires > at)
    missing = (
        *_asked(packet, listed),
        *gate_gaps(packet, policy, listed, now),
        *_drill_gaps(packet, policy, listed, now),
        *_metric_gaps(packet, policy, listed, now),
        *_window_gaps(packet, policy, listed, now),
        *_signature_gaps(packet, policy, valid),
    )
    return Standing(
        state="waiting" if missing else "approved",
        packet=digest,
        signatures=valid,
        missing=missing,
        until=min((item.expires for item in valid), default=None),
        solo=policy.solo,
    )


def eligible(
    envelope: Envelope[Any], policy: Policy, roles: Iterable[Role], *, requester: str = "", hours: int
) -> tuple[RefusalReason, str] | None:
    """Why this signer may not sign this, or None. Time and address are looked at elsewhere."""
    document: Signable = envelope.document
    person = policy.person(document.reviewer)
    if person is None:
        return "unknown_person", f"{document.reviewer} is not in the policy"
    owner, key = policy.keys.get(envelope.key_id, (None, None))
    if owner is None or key is None:
        return "unknown_key", "the signing key is not in the policy"
    if owner.id != person.id:
        return "wrong_key", f"the key is not one of {person.id}'s"
    if not envelope.signed_by(key):
        return "bad_signature", "the signature is not over these bytes"
    if document.role not in person.roles:
        return "role_not_held", f"{person.id} is not {_article(document.role)}"
    if document.role not in roles:
        return "role_not_asked", f"this does not ask for {_article(document.role)}"
    if person.id == requester:
        return "requester", f"{person.id} asked for this release and does not sign it"
    if moment(document.expires) - moment(document.issued) > timedelta(hours=hours):
        return "lasts_too_long", f"it would last longer than the {hours} h that the policy allows"
    return None


def demand_of(packet: Packet, policy: Policy) -> Demand:
    """The signatures that the policy asks for this packet."""
    return policy.demand(packet.checkpoint, packet.risk.tier, packet.environment.role)


def excluded_requester(packet: Packet, policy: Policy) -> str:
    """The requester, where the policy keeps the requester from signing."""
    rule = policy.checkpoints[packet.checkpoint]
    return "" if policy.solo or rule.requester_may_sign else packet.requester


def person_of(document: Signable, policy: Policy) -> tuple[str, str]:
    """What counts once: a person; in solo mode, a person in a role."""
    return (document.reviewer, document.role if policy.solo else "")


def latest_presented(entries: Iterable[Entry], checkpoint: CheckpointId, environment: str) -> Digest | None:
    """The packet that a checkpoint of an environment was last asked about."""
    found = None
    for entry in entries:
        if entry.kind == "presented" and entry.value.get("checkpoint") == checkpoint:
            found = entry.value.get("packet") if entry.value.get("environment") == environment else found
    return found


def closed_by(packet: Packet, policy: Policy, now: datetime) -> tuple[str, ...]:
    """Why the packet's environment may not be changed now; the spec's own windows hold for production."""
    role = packet.environment.role
    return closed(policy, role, now, spec_windows=packet.windows if role == "production" else ())


def metrics_short(packet: Packet, policy: Policy) -> tuple[str, ...]:
    """What the policy asks of earlier deployments, and the packet's figures do not show."""
    found = {item.name: item for item in packet.metrics}
    bounds = policy.checkpoints[packet.checkpoint].metrics
    return tuple(text for name, bound in bounds.items() if (text := judged(bound, found.get(name), name)))


def gate_gaps(packet: Packet, policy: Policy, entries: Iterable[Entry], now: datetime) -> tuple[Missing, ...]:
    """The automated gates that are not green, nor waived finding by finding. A skipped gate is not a pass."""
    waived = set(_waived(packet, policy, tuple(entries), instant(now)))
    wanted = set(policy.checkpoints[packet.checkpoint].gates)
    found = [
        Missing(kind="gate", text=f"gate {name} has not run") for name in wanted - {gate.name for gate in packet.gates}
    ]
    if not packet.gates:
        found.append(Missing(kind="gate", text="no automated gate has run"))
    for gate in packet.gates:
        if gate.status == "passed" or not (gate.required or gate.name in wanted or gate.status == "failed"):
            continue
        if gate.status != "failed":
            why = " ".join(gate.reason.split())[:200]
            found.append(Missing(kind="gate", text=f"gate {gate.name} is {gate.status}: {why}"))
        elif not gate.errors:
            found.append(Missing(kind="gate", text=f"gate {gate.name} failed"))
        open_ones = (item for item in gate.errors if gate.status == "failed" and item.id not in waived)
        for (rule, file), count in Counter((item.rule, item.file) for item in open_ones).items():
            what = f"{rule}{f' in {file}' if file else ''}" + (f" ({count} findings)" if count > 1 else "")
            found.append(
                Missing(
                    kind="gate",
                    text=f"gate {gate.name}: {what} is neither mended nor waived",
                    role="Security Engineer",
                    who=policy.holders("Security Engineer", without=excluded_requester(packet, policy)),
                )
            )
    return tuple(sorted(found, key=lambda item: item.text))


def _standing_decisions(packet: Packet, policy: Policy, entries: tuple[Entry, ...], at: Instant) -> Iterator[Signature]:
    """The decision of each person that stands: the first, unless it was an approval that has run out since."""
    standing: dict[tuple[str, str], Signature] = {}
    rule, demand = policy.checkpoints[packet.checkpoint], demand_of(packet, policy)
    requester, digest = excluded_requester(packet, policy), packet.digest()
    for entry in entries:
        if entry.kind != "decision" or entry.release != packet.release:
            continue
        document: Decision = entry.envelope.document
        address = (document.packet, document.checkpoint, document.environment)
        if address != (digest, packet.checkpoint, packet.environment.name):
            continue
        if eligible(entry.envelope, policy, demand.roles, requester=requester, hours=rule.expires_hours):
            continue
        if not _begun(document, policy, at):
            continue
        who = person_of(document, policy)
        before = standing.get(who)
        if before is None or (before.verdict == "approve" and before.expires <= at):
            standing[who] = Signature(
                reviewer=document.reviewer,
                role=document.role,
                verdict=document.verdict,
                comment=document.comment,
                issued=document.issued,
                expires=document.expires,
                entry=entry.seq,
            )
    yield from sorted(standing.values(), key=lambda item: item.entry)


def _asked(packet: Packet, entries: tuple[Entry, ...]) -> Iterator[Missing]:
    latest = latest_presented(entries, packet.checkpoint, packet.environment.name)
    if latest is None:
        yield Missing(kind="asked", text=f"{packet.checkpoint} was never asked for this release")
    elif latest != packet.digest():
        yield Missing(kind="asked", text="what was reviewed last is another packet: something has changed")


def earlier_of(packet: Packet) -> tuple[CheckpointId, ...]:
    """The checkpoints before a packet's own. What is destroyed is neither validated in staging nor rehearsed."""
    before = checkpoint(packet.checkpoint).earlier
    return before[:1] if packet.destroys else before


def nothing_to_return_to(packet: Packet, policy: Policy) -> bool:
    """A first release, of which no drill has run although the policy asks for one: only a signed override opens it."""
    rule = policy.checkpoints[packet.checkpoint]
    return rule.drill == "required" and packet.drill is None and packet.previous is None


def _drill_gaps(packet: Packet, policy: Policy, entries: tuple[Entry, ...], now: datetime) -> Iterator[Missing]:
    rule, drill, at = policy.checkpoints[packet.checkpoint], packet.drill, instant(now)
    if packet.destroys or (rule.drill == "optional" and drill is None):
        return
    text = ""
    if drill is None:
        if nothing_to_return_to(packet, policy) and _overridden(packet, policy, entries, at):
            return
        text = "no rollback drill of this bundle has run"
    elif drill.bundle != packet.bundle:
        text = "the rollback drill was of another bundle"
    elif drill.outcome != "passed":
        text = "the rollback drill failed"
    elif moment(at) - moment(drill.finished) > timedelta(hours=rule.drill_max_age_hours):
        text = f"the rollback drill is older than {rule.drill_max_age_hours} h"
    if text:
        yield Missing(kind="drill", text=text)


def _window_gaps(packet: Packet, policy: Policy, entries: tuple[Entry, ...], now: datetime) -> Iterator[Missing]:
    reasons = closed_by(packet, policy, now)
    if reasons and not _overridden(packet, policy, entries, instant(now)):
        yield from (Missing(kind="window", text=reason[:2000]) for reason in reasons)


def _metric_gaps(packet: Packet, policy: Policy, entries: tuple[Entry, ...], now: datetime) -> Iterator[Missing]:
    reasons = metrics_short(packet, policy)
    if reasons and not _overridden(packet, policy, entries, instant(now)):
        yield from (Missing(kind="metrics", text=reason) for reason in reasons)


def _signature_gaps(packet: Packet, policy: Policy, valid: tuple[Signature, ...]) -> Iterator[Missing]:
    demand, requester = demand_of(packet, policy), excluded_requester(packet, policy)
    people = {item.reviewer for item in valid}
    for role in demand.roles:
        if not any(item.role == role for item in valid):
            free = tuple(who for who in policy.holders(role, without=requester) if policy.solo or who not in people)
            yield Missing(kind="role", text=f"the signature of {_article(role)}", role=role, who=free)
    if not policy.solo and len(people) < demand.quorum and all(any(s.role == r for s in valid) for r in demand.roles):
        more = demand.quorum - len(people)
        free = tuple(
            dict.fromkeys(
                who for role in demand.roles for who in policy.holders(role, without=requester) if who not in people
            )
        )
        yield Missing(kind="quorum", text=f"{more} more of {', '.join(demand.roles)}", who=free)


def _waived(packet: Packet, policy: Policy, entries: tuple[Entry, ...], at: Instant) -> Iterator[Digest]:
    counted = {ref.nonce for ref in packet.waivers}
    for entry in entries:
        if entry.kind != "waiver":
            continue
        waiver: Waiver = entry.envelope.document
        if waiver.nonce in counted and waiver.bundle == packet.bundle and _holds(waiver, policy, at):
            hours = policy.waiver_max_days * 24
            requester = excluded_requester(packet, policy)
            if not eligible(entry.envelope, policy, ("Security Engineer",), requester=requester, hours=hours):
                yield waiver.finding


def _overridden(packet: Packet, policy: Policy, entries: tuple[Entry, ...], at: Instant) -> bool:
    for entry in entries:
        if entry.kind != "override":
            continue
        document: Override = entry.envelope.document
        if document.packet == packet.digest() and _holds(document, policy, at):
            requester = excluded_requester(packet, policy)
            hours = policy.override_hours
            if not eligible(entry.envelope, policy, policy.override_roles, requester=requester, hours=hours):
                return True
    return False


def _begun(document: Signable, policy: Policy, at: Instant) -> bool:
    return document.issued <= later(at, seconds=policy.clock_skew_seconds)


def _holds(document: Signable, policy: Policy, at: Instant) -> bool:
    return _begun(document, policy, at) and document.expires > at


def _article(role: Role) -> str:
    return f"an {role}" if role[0] in "AEIOU" else f"a {role}"
