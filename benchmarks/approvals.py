"""The ledger and the desk at size: verifying 100,000 entries, and taking a decision with 1 and with 10,000 releases."""

from __future__ import annotations

import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measure import Figure
from hug_agents.approve.audit import verify
from hug_agents.approve.clock import instant
from hug_agents.approve.decision import Decision
from hug_agents.approve.desk import Desk
from hug_agents.approve.envelope import Signable, seal
from hug_agents.approve.keys import SigningKey
from hug_agents.approve.ledger import Ledger
from hug_agents.approve.packet import EnvironmentIdentity, Packet, policy_ref, reviewed
from hug_agents.approve.policy import Person, Policy
from hug_agents.approve.policy_file import default_policy
from hug_agents.approve.risk import PlannedChange, Risk
from hug_agents.canonical import sha256
from hug_agents.store import Store
from hug_agents.validate.gate import GateResult

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
ENTRIES = 100_000
RELEASES = 10_000


def figures(entries: int = ENTRIES, releases: int = RELEASES) -> Iterator[Figure]:
    """Seconds for each 1,000 verified entries, memory, the cost of one `decide`, and the bytes that it leaves."""
    with tempfile.TemporaryDirectory() as name:
        yield from _verifying(Path(name), entries)
    with tempfile.TemporaryDirectory() as name:
        yield from _deciding(Path(name), releases)


def _verifying(root: Path, entries: int) -> Iterator[Figure]:
    ledger = _ledger(root / "whole", entries)
    started = time.perf_counter()
    verified = verify(ledger)
    seconds = time.perf_counter() - started
    rate = f"{verified.entries / seconds:,.0f} entries/s, {verified.signatures:,} signatures, {seconds:.1f} s"
    yield Figure("seconds to verify 1,000 entries of the ledger", seconds / verified.entries * 1_000, 1.0, rate)
    small, large = (_peak(_ledger(root / str(share), entries // share)) for share in (100, 10))
    detail = f"{large / 2**10:,.0f} KiB for {entries // 10:,} entries / {small / 2**10:,.0f} KiB for {entries // 100:,}"
    yield Figure("peak memory of verify, ten times the entries", large / small, 2.0, detail)


def _ledger(root: Path, entries: int) -> Ledger:
    """One policy, and a signed decision every second entry: as dense as releases make it."""
    desk, key, policy = _desk(root)
    desk.present(_packet(policy, "r0"))
    with desk.ledger.writing() as writer:
        for number in range((entries - 2) // 2):
            release = f"r{number // 8}"
            packet = sha256(b"%d" % number)
            body = {"checkpoint": "pre_deployment", "environment": "staging", "packet": packet}
            writer.append("presented", release, body, instant(NOW))
            envelope = seal(_decision(release, packet), key)
            signed = {"envelope": envelope.as_json(), "nonce": envelope.document.nonce, "policy": policy.digest()}
            writer.append("decision", release, signed, instant(NOW))
    return desk.ledger


def _peak(ledger: Ledger) -> int:
    """Bytes that verifying holds at most, as Python counts them; counting makes it several times slower."""
    verify(ledger)
    tracemalloc.start()
    verify(ledger)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _deciding(root: Path, releases: int) -> Iterator[Figure]:
    desk, key, policy = _desk(root)
    alone = _decide(desk, key, policy, "one")
    before = _bytes(root)
    _decide(desk, key, policy, "two", rounds=1)
    each = _bytes(root) - before
    with desk.ledger.writing() as writer:
        for number in range(releases):
            release = f"old{number}"
            body = {"checkpoint": "pre_deployment", "environment": "staging", "packet": sha256(release.encode())}
            for _ in range(2):
                writer.append("presented", release, body, instant(NOW), still_open=False)
    crowded = _decide(desk, key, policy, "many")
    detail = f"{crowded * 1e3:.1f} ms / {alone * 1e3:.1f} ms"
    yield Figure(f"decide with {releases:,} releases / with one", crowded / alone, 2.0, detail)
    yield Figure("KiB that one asked and decided checkpoint adds", each / 1024, 64, f"{each:,} B in ledger and objects")


def _decide(desk: Desk, key: SigningKey, policy: Policy, name: str, rounds: int = 15) -> float:
    """The median time of one decision, each on a release of its own."""
    times = []
    for number in range(rounds):
        packet = _packet(policy, f"{name}{number}")
        desk.present(packet)
        envelope = seal(_decision(packet.release, packet.digest()), key).to_bytes()
        started = time.perf_counter()
        desk.decide(envelope, release=packet.release, checkpoint=packet.checkpoint, packet=packet.digest())
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _desk(root: Path) -> tuple[Desk, SigningKey, Policy]:
    key = SigningKey.new()
    person = Person(id="ana", name="Ana", roles=("Operations Engineer",), keys=(key.public.line,))
    policy = default_policy().model_copy(update={"people": (person,)})
    return Desk(Store(root), lambda: policy, lambda: NOW), key, policy


def _packet(policy: Policy, release: str) -> Packet:
    return Packet(
        release=release,
        checkpoint="pre_deployment",
        requester="req",
        environment=EnvironmentIdentity(name="staging", role="staging", cloud="aws"),
        spec=sha256(b"spec"),
        bundle=sha256(release.encode()),
        plans=(PlannedChange(environment="staging", target="terraform", digest=sha256(b"plan")),),
        policy=policy_ref(policy),
        gates=reviewed(GateResult(name=f"gate{n}", tool="tool", version="1", status="passed") for n in range(15)),
        risk=Risk(tier="standard", reasons=()),
    )


def _decision(release: str, packet: str) -> Decision:
    stamp = Signable.stamp(NOW, timedelta(hours=8))
    values = {"verdict": "approve", "reviewer": "ana", "role": "Operations Engineer", "release": release, **stamp}
    values |= {"checkpoint": "pre_deployment", "environment": "staging", "packet": packet, "comment": "read it all"}
    return Decision.model_validate(values)


def _bytes(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
