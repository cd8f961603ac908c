"""What was approved, changed afterwards: a byte, the plan, the policy, the place, the store, the ledger, the clock."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hug_agents.approve.audit import Anchor, export, verify, verify_file
from hug_agents.approve.clock import instant
from hug_agents.approve.decision import Decision
from hug_agents.approve.envelope import read, seal
from hug_agents.approve.ledger import GENESIS, Ledger
from hug_agents.approve.packet import EnvironmentIdentity, Packet, Prior, policy_ref
from hug_agents.approve.policy_file import load_policy
from hug_agents.approve.quorum import status
from hug_agents.approve.risk import PlannedChange
from hug_agents.bundle import Artifact, Bundle
from hug_agents.canonical import canonical_json, sha256
from hug_agents.errors import DecisionRefused, LedgerBroken, NotApproved, TamperedObject
from tests.approve.office import KEYS, OPS, SEC, SRE, Office, policy


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def approved(office: Office) -> Packet:
    return office.approve(office.packet())


def bundle(content: str = "resource {}\n", executable: bool = False) -> str:
    artifact = Artifact(path="main.tf", content=content, system="terraform", executable=executable)
    return Bundle(sha256(b"spec"), (artifact,)).digest()


@pytest.mark.parametrize("changed", [bundle("resource {} \n"), bundle(executable=True)], ids=["byte", "mode"])
def test_a_file_changed_after_approval(office: Office, changed: str) -> None:
    approved = office.approve(office.packet(bundle=bundle()))
    assert office.desk.authorise(office.packet(bundle=bundle())) == office.desk.authorise(approved)
    with pytest.raises(NotApproved, match="something has changed"):
        office.desk.authorise(office.packet(bundle=changed))


@pytest.mark.parametrize(
    "change",
    [
        {"plans": (PlannedChange(environment="staging", target="terraform", digest=sha256(b"plan2"), updates=2),)},
        {"plans": ()},
        {"environment": EnvironmentIdentity(name="staging", role="staging", cloud="aws", region="eu-west-2")},
        {"environment": EnvironmentIdentity(name="staging", role="production", cloud="aws", region="eu-west-1")},
        {"requester": "somebody"},
        {"spec": sha256(b"other")},
        {"gates": ()},
        {"round": 2},
        {"release": "r2"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_anything_else_changed_after_approval(office: Office, approved: Packet, change: dict[str, Any]) -> None:
    office.desk.authorise(approved)
    with pytest.raises(NotApproved):
        office.desk.authorise(office.packet(**change))


def test_the_policy_changed_after_approval(office: Office, approved: Packet) -> None:
    signed = office.sign(approved, "dee", OPS)
    office.policy = policy(version=2)
    with pytest.raises(NotApproved, match="the policy has changed"):
        office.desk.authorise(approved)
    with pytest.raises(DecisionRefused) as refused:
        office.enter(approved, signed)
    assert refused.value.reason == "policy_changed"
    anew = office.packet()
    assert anew.policy == policy_ref(office.policy) != approved.policy
    assert office.desk.present(anew).standing.signatures == (), "nothing signed under the old policy counts"


def test_the_policy_file_swapped_while_running(tmp_path: Path) -> None:
    office = Office(tmp_path / "store")
    path = tmp_path / "governance.yaml"
    path.write_bytes(canonical_json(office.policy.model_dump(mode="json")))
    office.desk._policy = lambda: load_policy(path)
    approved = office.approve(office.packet())
    office.desk.authorise(approved)
    weaker = office.policy.model_dump(mode="json")
    weaker["checkpoints"]["pre_deployment"] |= {"roles": [OPS], "quorum": 1}
    path.write_bytes(canonical_json(weaker))
    with pytest.raises(NotApproved, match="the policy has changed"):
        office.desk.authorise(approved)


def test_the_packets_object_swapped_in_the_store(office: Office) -> None:
    packet = office.packet()
    office.desk.present(packet)
    name = packet.digest().removeprefix("sha256:")
    path = office.root / "objects" / name[:2] / name[2:]
    path.write_bytes(canonical_json(office.packet(bundle=sha256(b"evil")).model_dump(mode="json")))
    with pytest.raises(DecisionRefused) as refused:
        office.decide(packet)
    assert refused.value.reason == "packet_damaged"
    assert office.desk.standing(packet).signatures == ()


def test_an_earlier_packet_swapped_in_the_store(office: Office) -> None:
    *_, production = office.through("production_go_no_go")
    name = production.earlier[0].packet.removeprefix("sha256:")
    (office.root / "objects" / name[:2] / name[2:]).write_bytes(b"{}")
    with pytest.raises(TamperedObject):
        office.desk.authorise(production)


def sql(ledger: Ledger, *statements: str, **values: Any) -> None:
    """As somebody with the file in their hands: without the triggers."""
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER entries_stay")
        connection.execute("DROP TRIGGER entries_remain")
        for statement in statements:
            connection.execute(statement, values)


def rechain(ledger: Ledger) -> None:
    """Rewrite every link and hash after an edit, as a careful forger would."""
    entries, previous, afters = list(ledger.stream()), GENESIS, {}
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as connection:
        for old in entries:
            entry = old.model_copy(update={"prev": previous, "after": afters.get(old.release, GENESIS)})
            previous = afters[entry.release] = entry.computed()
            connection.execute(
                "UPDATE entries SET prev = ?, after = ?, hash = ? WHERE seq = ?",
                (entry.prev, entry.after, previous, entry.seq),
            )
            head = (previous, entry.seq, entry.release)
            connection.execute("UPDATE heads SET hash = ?, seq = ? WHERE release = ?", head)


TAMPERING: dict[str, tuple[int, tuple[str, ...]]] = {
    "edited body": (3, ("UPDATE entries SET body = replace(body, 'policy', 'p0licy') WHERE seq = 3",)),
    "edited time": (3, ("UPDATE entries SET time = '2026-11-23T10:00:01Z' WHERE seq = 3",)),
    "edited release": (4, ("UPDATE entries SET release = 'r9' WHERE seq = 4",)),
    "deleted": (3, ("DELETE FROM entries WHERE seq = 3",)),
    "deleted, closed up": (3, ("DELETE FROM entries WHERE seq = 3", "UPDATE entries SET seq = 3 WHERE seq = 4")),
    "reordered": (
        3,
        (
            "UPDATE entries SET seq = 99 WHERE seq = 3",
            "UPDATE entries SET seq = 3 WHERE seq = 4",
            "UPDATE entries SET seq = 4 WHERE seq = 99",
        ),
    ),
    "cut off": (4, ("DELETE FROM entries WHERE seq = 4",)),
    "inserted": (
        5,
        (
            "INSERT INTO entries (seq, time, kind, release, prev, after, hash, body) "
            "SELECT 5, time, kind, release, prev, after, 'x', json_remove(body, '$.nonce') FROM entries WHERE seq = 3",
        ),
    ),
    "replaced": (3, ("UPDATE entries SET kind = 'event' WHERE seq = 3",)),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERING)
def test_a_ledger_row_tampered_with(office: Office, approved: Packet, how: str) -> None:
    assert verify(office.desk.ledger).entries == 4
    first, statements = TAMPERING[how]
    sql(office.desk.ledger, *statements)
    with pytest.raises(LedgerBroken) as broken:
        verify(office.desk.ledger)
    assert broken.value.seq == first, str(broken.value)
    with pytest.raises((LedgerBroken, NotApproved)):
        office.desk.authorise(approved)


def test_the_ledger_refuses_edits_of_its_own_accord(office: Office, approved: Packet) -> None:
    with closing(sqlite3.connect(office.desk.ledger.path)) as connection:
        for statement in ("UPDATE entries SET body = '{}'", "DELETE FROM entries"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)


def test_a_forger_who_rewrites_the_chain_still_lacks_the_keys(office: Office) -> None:
    packet = office.packet()
    office.desk.present(packet)
    office.decide(packet, "ana", OPS, verdict="reject")
    ledger = office.desk.ledger
    rejected = list(ledger.stream())[-1]
    body = json.loads(rejected.body)
    forged = json.loads(office.sign(packet, key=KEYS["eve"]))
    forged["signatures"][0]["keyid"] = KEYS["ana"].public.id
    nonce = read(json.dumps(forged).encode(), Decision).document.nonce
    text = canonical_json(body | {"envelope": forged, "nonce": nonce}).decode()
    sql(ledger, "UPDATE entries SET body = :text WHERE seq = :seq", text=text, seq=rejected.seq)
    rechain(ledger)
    with pytest.raises(LedgerBroken, match="entry 3: its signature is not over these bytes"):
        verify(ledger)
    standing = office.desk.standing(packet)
    assert standing.state == "waiting" and standing.signatures == ()


def test_a_rewritten_ledger_of_a_forgers_own_people(office: Office, approved: Packet, tmp_path: Path) -> None:
    """Consistent in itself: only keys from elsewhere, or an anchor, tell."""
    anchor = verify(office.desk.ledger).head
    assert anchor
    forger = Office(tmp_path / "forger", policy=policy(version=7))
    forger.approve(forger.packet(release="r1"))
    forger.desk.record("r1", "effect_done")
    assert verify(forger.desk.ledger).entries == 5
    with pytest.raises(LedgerBroken, match="not the entry that was anchored"):
        verify(forger.desk.ledger, anchors=(anchor,))
    with pytest.raises(LedgerBroken, match="not trusted here"):
        verify(forger.desk.ledger, keys=(KEYS["cho"].public,))


def test_cut_off_with_its_traces_removed(office: Office, approved: Packet) -> None:
    ledger = office.desk.ledger
    anchor = verify(ledger).head
    sql(ledger, "DELETE FROM entries WHERE seq = 4", "UPDATE sqlite_sequence SET seq = 3 WHERE name = 'entries'")
    rechain(ledger)
    assert verify(ledger).entries == 3, "nothing in the file itself tells"
    with pytest.raises(LedgerBroken, match="entry 4: it was anchored, and is gone"):
        verify(ledger, anchors=(Anchor.parse(str(anchor)),))


def test_a_line_changed_in_an_exported_file(office: Office, approved: Packet, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    head = export(office.desk.ledger, path)
    keys = [KEYS[name].public for name in ("ana", "ben", "cho")]
    assert verify_file(path, keys).head == head
    good = path.read_bytes().splitlines(keepends=True)
    for number in range(1, len(good)):
        for change in (good[number].replace(b"10:00:00Z", b"10:00:01Z", 1), b"", good[number] * 2, b"{}\n"):
            path.write_bytes(b"".join([*good[:number], change, *good[number + 1 :]]))
            with pytest.raises(LedgerBroken):
                verify_file(path, keys)
    path.write_bytes(b"".join(good))
    with pytest.raises(LedgerBroken, match="not trusted here"):
        verify_file(path, keys[:1])


@pytest.mark.parametrize("back", [timedelta(minutes=2), timedelta(days=2)])
def test_the_clock_turned_back(office: Office, approved: Packet, back: timedelta) -> None:
    office.now += timedelta(hours=8)
    with pytest.raises(NotApproved, match="the signature of an Operations Engineer"):
        office.desk.authorise(approved)
    office.now -= back
    with pytest.raises(NotApproved, match="the clock was turned back"):
        office.desk.authorise(approved)
    with pytest.raises(DecisionRefused) as refused:
        office.decide(approved, "dee", OPS)
    assert refused.value.reason == "clock_turned_back"
    office.now += back
    office.decide(approved, "dee", OPS)


def test_rows_that_never_passed_the_desk(office: Office) -> None:
    """Validly signed and well chained, but against the rules: not counted."""
    packet = office.packet(requester="ana")
    office.desk.present(packet)
    held = timedelta(hours=1)
    with office.desk.ledger.writing() as writer:
        for envelope in (
            office.sign(packet, "ana", OPS, lasts=held),
            office.sign(packet, "dee", OPS, lasts=held),
            office.sign(packet, "dee", SEC, lasts=held),
            office.sign(packet, "cho", OPS, lasts=held),
            office.sign(packet, "ben", SEC, lasts=timedelta(hours=900)),
        ):
            signed = read(envelope, Decision)
            body = {"envelope": signed.as_json(), "nonce": signed.document.nonce, "policy": office.policy.digest()}
            writer.append("decision", "r1", body, instant(office.now))
        entries = writer.of("r1")
    standing = status(packet, office.policy, entries, office.now)
    assert [(item.reviewer, item.role) for item in standing.signatures] == [("dee", OPS)]
    assert standing.state == "waiting"
    with pytest.raises(NotApproved):
        office.desk.authorise(packet)
    assert SRE not in {item.role for item in standing.missing}
    assert seal(signed.document, KEYS["ben"]).signed_by(KEYS["ben"].public)


@pytest.mark.parametrize("followed", [True, False], ids=["in the middle", "as the last"])
def test_a_rejection_deleted_among_other_releases(office: Office, followed: bool) -> None:
    """Noticed when the release is read, not only when the whole ledger is verified."""
    packet, other = office.packet(), office.packet(release="r2")
    office.desk.present(packet)
    rejection = office.decide(packet, "dee", OPS, verdict="reject").entry.seq
    office.desk.present(other)
    if followed:
        office.desk.record("r1", "commented")
    sql(office.desk.ledger, f"DELETE FROM entries WHERE seq = {rejection}")
    for ask in (office.desk.authorise, office.desk.standing, office.decide):
        with pytest.raises(LedgerBroken):
            ask(packet)
    with pytest.raises(LedgerBroken) as broken:
        verify(office.desk.ledger)
    assert broken.value.seq == rejection


@pytest.mark.parametrize(
    "change", [{"bundle": sha256(b"another")}, {"spec": sha256(b"another")}, {"requester": "ana"}, {"release": "r2"}]
)
def test_earlier_approvals_of_something_else(office: Office, change: dict[str, str]) -> None:
    (before,) = office.through("pre_deployment")
    prior = Prior(checkpoint="pre_deployment", packet=before.digest())
    office.desk.present(office.packet("staging_validation", earlier=(prior,)))
    with pytest.raises(DecisionRefused) as refused:
        office.desk.present(office.packet("staging_validation", earlier=(prior,), **change))
    assert refused.value.reason == ("requester" if "requester" in change else "earlier_checkpoint")
    another = Prior(checkpoint="staging_validation", packet=before.digest())
    with pytest.raises(DecisionRefused, match="staging_validation was passed with something else"):
        office.desk.present(office.packet("rollback_drill", earlier=(prior, another)))
