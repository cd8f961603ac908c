from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hug_agents.approve.audit import Anchor, export, read_anchors, verify, verify_file, write_anchor
from hug_agents.errors import StoreError, UsageError
from tests.approve.office import KEYS, OPS, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "store")


def test_an_empty_ledger_is_whole(office: Office, tmp_path: Path) -> None:
    verified = verify(office.desk.ledger)
    assert (verified.entries, verified.head) == (0, None)
    assert export(office.desk.ledger, tmp_path / "out") is None
    assert verify_file(tmp_path / "out", [KEYS["ana"].public]).entries == 0


def test_nobody_else_may_read_it(office: Office) -> None:
    office.desk.record("r1", "release_started")
    assert office.desk.ledger.path.stat().st_mode & 0o777 == 0o600


def test_anchors_are_lines_of_a_file(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "anchors"
    for event in ("release_started", "release_closed"):
        office.desk.record("r1", event)
        head = verify(office.desk.ledger).head
        assert head
        write_anchor(head, path)
    assert [anchor.seq for anchor in read_anchors(path)] == [1, 2]
    assert verify(office.desk.ledger, anchors=read_anchors(path)).head == read_anchors(path)[-1]
    for text in ("", "1", "0 sha256:" + "0" * 64, "1 sha256:xyz"):
        with pytest.raises(UsageError):
            Anchor.parse(text)


def test_a_file_is_checked_without_the_store(office: Office, tmp_path: Path) -> None:
    office.approve(office.packet())
    office.desk.record("r1", "effect_done", target="terraform")
    path = tmp_path / "ledger.jsonl"
    head = export(office.desk.ledger, path)
    office.desk.ledger.path.unlink()
    verified = verify_file(path, [KEYS["ana"].public, KEYS["ben"].public], anchors=[head] if head else [])
    assert (verified.entries, verified.signatures, verified.head) == (5, 2, head)
    for data in (b"", b"{}\n", b"not json\n", b'{"format":"hug-agents-ledger-1"}\n', b"\x00" * 100):
        path.write_bytes(data)
        with pytest.raises(UsageError, match="not an exported ledger"):
            verify_file(path, [KEYS["ana"].public])
    with pytest.raises(UsageError, match="public keys that you trust"):
        verify_file(path, [])


def test_a_ledger_of_a_newer_version_is_left_alone(office: Office) -> None:
    office.desk.record("r1", "release_started")
    with closing(sqlite3.connect(office.desk.ledger.path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreError, match=r"newer version \(format 2\)"):
        office.desk.record("r1", "release_closed")


def test_a_file_that_is_no_database(office: Office) -> None:
    office.desk.ledger.path.write_bytes(b"hello" * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        office.desk.record("r1", "release_started")


def test_what_fails_inside_the_lock_leaves_nothing(office: Office) -> None:
    packet = office.packet()
    office.desk.present(packet)
    before = office.snapshot()
    with pytest.raises(RuntimeError), office.desk.ledger.writing() as writer:
        writer.append("event", "r1", {"event": "x"}, "2026-11-23T10:00:00Z")
        raise RuntimeError
    assert office.snapshot() == before
    office.decide(packet, "ana", OPS)
