"""A kept connection sees what one made anew would see, and nothing is left open when the call is over."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from pathlib import Path

import pytest

from hug_agents.connections import kept_open, lent
from hug_agents.database import Database
from hug_agents.errors import LedgerBroken, StoreError
from tests.approve.office import OPS, SEC, Office

SCHEMA = "CREATE TABLE IF NOT EXISTS words (word TEXT);"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "words.sqlite", SCHEMA, version=1, name="words")


def say(database: Database, word: str) -> sqlite3.Connection:
    with database.writing() as connection:
        connection.execute("INSERT INTO words VALUES (?)", (word,))
    return connection


def said(database: Database) -> list[str]:
    with database.reading() as connection:
        return [row[0] for row in connection.execute("SELECT word FROM words")]


def closed(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False


def test_one_connection_for_a_block_and_none_after_it(database: Database) -> None:
    with kept_open():
        first = say(database, "a")
        with kept_open():
            assert say(database, "b") is first
        assert not closed(first)
        with database.reading() as one, database.reading() as other:
            assert one is first
            assert other is not first, "nobody shares one"
    assert closed(first) and closed(other)
    assert [path.name for path in database.path.parent.iterdir()] == ["words.sqlite"], "all of it is in the one file"
    assert say(database, "c") is not say(database, "d")
    assert said(database) == ["a", "b", "c", "d"]


def test_what_was_raised_closes_it(database: Database) -> None:
    with kept_open():
        with pytest.raises(RuntimeError), database.writing() as connection:
            connection.execute("INSERT INTO words VALUES ('lost')")
            raise RuntimeError
        assert closed(connection)
        assert said(database) == []


def test_what_another_process_writes_is_seen(database: Database) -> None:
    with kept_open():
        say(database, "a")
        code = f"import sqlite3; c = sqlite3.connect({str(database.path)!r}); c.execute(\"INSERT INTO words VALUES ('b')\")"
        subprocess.run([sys.executable, "-c", code + "; c.commit()"], check=True)
        assert said(database) == ["a", "b"]


def test_a_byte_that_is_changed_on_disk_is_seen(tmp_path: Path) -> None:
    office = Office(tmp_path)
    packet = office.packet()
    office.desk.present(packet)
    office.decide(packet, "ana", OPS)
    office.decide(packet, "ben", SEC)
    path = office.desk.ledger.path
    with kept_open():
        office.desk.authorise(packet)
        good = path.read_bytes()
        assert good.count(b'"nonce"') == 2
        with path.open("r+b") as file:  # in place, behind SQLite's back
            file.seek(good.index(b'"nonce"') + 1)
            file.write(b"M")
        with pytest.raises(LedgerBroken):
            office.desk.authorise(packet)


def test_another_file_under_the_same_name_is_another_database(database: Database, tmp_path: Path) -> None:
    other = Database(tmp_path / "other.sqlite", SCHEMA, version=1, name="words")
    say(other, "theirs")
    with kept_open():
        say(database, "ours")
        with closing(sqlite3.connect(database.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.path.replace(database.path)
        assert said(database) == ["theirs"]


def test_a_newer_version_is_noticed_meanwhile(database: Database) -> None:
    with kept_open():
        say(database, "a")
        with closing(sqlite3.connect(database.path)) as connection:
            connection.execute("PRAGMA user_version = 2")
        with pytest.raises(StoreError, match=r"newer version \(format 2\)"):
            say(database, "b")


def test_the_threads_of_a_graph_take_turns(database: Database) -> None:
    with kept_open(), ThreadPoolExecutor(8) as pool:
        contexts = [copy_context() for _ in range(40)]
        used = set(pool.map(lambda context: id(context.run(say, database, "x")), contexts))
        assert len(used) <= 8
    assert said(database) == ["x"] * 40


def _in_a_fork(path: Path, before: int) -> None:
    with lent(path, lambda: sqlite3.connect(path)) as connection:
        os._exit(0 if id(connection) != before else 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_none_is_carried_over_a_fork(database: Database) -> None:
    with kept_open():
        connection = say(database, "a")
        process = multiprocessing.get_context("fork").Process(target=_in_a_fork, args=(database.path, id(connection)))
        process.start()
        process.join(60)
        assert process.exitcode == 0
        assert say(database, "b") is connection
