"""The ledger: what was asked, signed and done, in order. Append-only and hash-chained, in SQLite, outside graph state.

Every entry names the hash of the one before it (`prev`) and of the one before it in its own release (`after`), so a
release is read and checked without reading all others, and `hug_agents.approve.audit` checks all. One writer at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field

from hug_agents.approve.clock import Instant
from hug_agents.approve.decision import Decision, Override
from hug_agents.approve.envelope import Envelope, Signable, from_json
from hug_agents.approve.resolution import Resolution
from hug_agents.approve.strict import Malformed, parse
from hug_agents.approve.waiver import Waiver
from hug_agents.canonical import canonical_json, digest, sha256
from hug_agents.database import Database
from hug_agents.errors import LedgerBroken, StoreError
from hug_agents.spec import Line, Model

Kind = Literal["policy", "presented", "decision", "waiver", "override", "resolution", "event"]
SIGNED: tuple[Kind, ...] = ("decision", "waiver", "override", "resolution")
GENESIS = "sha256:" + "0" * 64
VERSION = 1
_MAX_BODY = 8 * 1024 * 1024
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  time TEXT NOT NULL, kind TEXT NOT NULL, release TEXT NOT NULL,
  prev TEXT NOT NULL, after TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
  nonce TEXT GENERATED ALWAYS AS (json_extract(body, '$.nonce')) VIRTUAL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS entries_nonce ON entries (nonce) WHERE nonce IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_release ON entries (release, seq);
CREATE TABLE IF NOT EXISTS heads (
  release TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL, open INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS heads_open ON heads (open, release);
CREATE TABLE IF NOT EXISTS seen (one INTEGER PRIMARY KEY CHECK (one = 1), latest TEXT NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE UPDATE ON entries
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entries_remain BEFORE DELETE ON entries
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""
_COLUMNS = "seq, time, kind, release, prev, after, hash, body"


class Entry(Model):
    """One line of the ledger. `body` is canonical JSON; its digest is in the hash."""

    seq: int
    time: Instant
    kind: Kind
    release: Line = Field(description="empty for what concerns all releases")
    prev: str
    after: str = Field(description="hash of the entry before it of the same release")
    hash: str
    body: str = Field(repr=False)

    def computed(self) -> str:
        """The hash that these contents have."""
        return _hash(self.seq, self.time, self.kind, self.release, self.prev, self.after, sha256(self.body.encode()))

    @property
    def value(self) -> Mapping[str, Any]:
        """The body as JSON. Raises LedgerBroken if it is not."""
        try:
            return _value(self.body)
        except Malformed as error:
            raise LedgerBroken(f"its body cannot be read: {error}", seq=self.seq) from error

    @property
    def envelope(self) -> Envelope[Any]:
        """The signed envelope that the entry holds, not verified yet. Raises LedgerBroken if it holds none."""
        try:
            found = _envelope(self.kind, self.body)
        except (Malformed, KeyError) as error:
            raise LedgerBroken(f"its envelope cannot be read: {error}", seq=self.seq) from error
        if found.document.release != self.release or found.document.nonce != self.value.get("nonce"):
            raise LedgerBroken("its envelope belongs to another entry", seq=self.seq)
        return found


_KINDS: dict[str, type[Signable]] = {
    "decision": Decision,
    "waiver": Waiver,
    "override": Override,
    "resolution": Resolution,
}


def _hash(seq: int, time: str, kind: str, release: str, prev: str, after: str, body: str) -> str:
    header = {"seq": seq, "time": time, "kind": kind, "release": release, "prev": prev, "after": after}
    return digest({**header, "body": body})


# What a body says depends on nothing but the text.
@lru_cache(maxsize=512)
def _value(body: str) -> Mapping[str, Any]:
    return MappingProxyType(parse(body.encode(), limit=_MAX_BODY))


@lru_cache(maxsize=128)
def _envelope(kind: str, body: str) -> Envelope[Any]:
    return from_json(_value(body).get("envelope") or {}, _KINDS[kind])


class Writer:
    """The one who may append, while the lock is held."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def append(self, kind: Kind, release: str, body: dict[str, Any], now: Instant, *, still_open: bool = True) -> Entry:
        """Add an entry, its time never before the last one's. `still_open`: the release may wait for people."""
        last = self.last()
        mine = self._connection.execute("SELECT hash FROM heads WHERE release = ?", (release,)).fetchone()
        draft = Entry(
            seq=last.seq + 1 if last else 1,
            time=max(now, last.time) if last else now,
            kind=kind,
            release=release,
            prev=last.hash if last else GENESIS,
            after=mine[0] if mine else GENESIS,
            hash="",
            body=canonical_json(body).decode(),
        )
        entry = draft.model_copy(update={"hash": draft.computed()})
        self._connection.execute(
            f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own constant
            (entry.seq, entry.time, kind, release, entry.prev, entry.after, entry.hash, entry.body),
        )
        self._connection.execute(
            "INSERT INTO heads VALUES (?1, ?2, ?3, ?4) "
            "ON CONFLICT (release) DO UPDATE SET seq = ?2, hash = ?3, open = ?4",
            (release, entry.seq, entry.hash, int(still_open and release != "")),
        )
        return entry

    def last(self) -> Entry | None:
        """The newest entry, checked against its hash and against the counter that never goes back."""
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM entries ORDER BY seq DESC LIMIT 1").fetchone()  # noqa: S608
        counted = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entries'").fetchone()
        if (row[0] if row else 0) != (counted[0] if counted else 0):
            raise LedgerBroken("entries from here on are gone", seq=(row[0] if row else 0) + 1)
        return _checked(row) if row else None

    def of(self, release: str) -> tuple[Entry, ...]:
        """The entries of one release in order, each checked, none missing. Raises LedgerBroken."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM entries WHERE release = ? ORDER BY seq",  # noqa: S608 - our own constant
            (release,),
        ).fetchall()
        head = self._connection.execute("SELECT seq, hash FROM heads WHERE release = ?", (release,)).fetchone()
        entries = tuple(_checked(row) for row in rows)
        expected, number = GENESIS, 0
        for entry in entries:
            if entry.after != expected:
                raise LedgerBroken("an entry of this release before it is gone, added or moved", seq=entry.seq)
            if entry.prev != (expected if number and entry.seq == number + 1 else self._hash_of(entry.seq - 1)):
                raise LedgerBroken("the entry before it is not the one it was written after", seq=entry.seq)
            expected, number = entry.hash, entry.seq
        last = (entries[-1].seq, entries[-1].hash) if entries else None
        if last != (tuple(head) if head else None):
            raise LedgerBroken("the last entries of this release are not the ones written", seq=head[0] if head else 0)
        return entries

    def waivers(self, release: str) -> Iterator[Entry]:
        """The waivers among the entries of one release, each checked."""
        for row in self._connection.execute(
            f"SELECT {_COLUMNS} FROM entries WHERE release = ? AND kind = 'waiver' ORDER BY seq",  # noqa: S608 - our own constant
            (release,),
        ):
            yield _checked(row)

    def open_releases(self) -> tuple[str, ...]:
        """The releases that may wait for people. A hint for an inbox, and nothing that an effect relies on."""
        rows = self._connection.execute("SELECT release FROM heads WHERE open = 1").fetchall()
        return tuple(row[0] for row in rows)

    def has_nonce(self, nonce: str) -> bool:
        """Whether a signed document with this nonce was entered, in any release."""
        return self._connection.execute("SELECT 1 FROM entries WHERE nonce = ?", (nonce,)).fetchone() is not None

    def latest(self, now: Instant) -> Instant:
        """The latest time that anyone has worked with this ledger, `now` included."""
        return max(now, self._noted())

    def see(self, now: Instant) -> Instant:
        """As `latest`, and noted, so that a clock that is turned back later is noticed."""
        noted = self._noted()
        if now <= noted:
            return noted
        self._connection.execute("INSERT INTO seen VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET latest = ?1", (now,))
        return now

    def _noted(self) -> Instant:
        row = self._connection.execute("SELECT latest FROM seen").fetchone()
        last = self.last()
        return max(row[0] if row else "", last.time if last else "")

    def _hash_of(self, seq: int) -> str:
        row = self._connection.execute("SELECT hash FROM entries WHERE seq = ?", (seq,)).fetchone()
        return row[0] if row else GENESIS


class Ledger:
    """The ledger of a store. Safe for several processes; a connection lasts as long as one call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path, _SCHEMA, version=VERSION, name="the ledger")

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """The lock: everything inside is one transaction, and nobody else writes meanwhile."""
        with self._database.writing() as connection:
            yield Writer(connection)

    @contextmanager
    def reading(self) -> Iterator[Writer]:
        """One consistent view; what is appended inside is undone."""
        with self._database.reading() as connection:
            yield Writer(connection)

    def stream(self, *, after: int = 0, kinds: tuple[Kind, ...] = (), without: tuple[str, ...] = ()) -> Iterator[Entry]:
        """Every entry after a number, in order, unchecked, a few in memory at a time.

        `kinds`: only these; none: all. `without`: events of these names are left out.
        """
        where = "seq > ?"
        if kinds:
            where += f" AND kind IN ({', '.join('?' * len(kinds))})"
        if without:
            where += f" AND (kind <> 'event' OR json_extract(body, '$.event') NOT IN ({', '.join('?' * len(without))}))"
        with closing(self._database.connect()) as connection:
            try:
                query = f"SELECT {_COLUMNS} FROM entries WHERE {where} ORDER BY seq"  # noqa: S608 - our own constants
                for row in connection.execute(query, (after, *kinds, *without)):
                    yield _entry(row)
            except sqlite3.Error as error:
                raise StoreError(f"the ledger could not be read: {error}", where=str(self.path)) from error

    def stray_head(self) -> tuple[str, int] | None:
        """The first release whose noted head is not its last entry, and that entry's number."""
        with closing(self._database.connect()) as connection:
            return connection.execute(  # type: ignore[no-any-return]
                "SELECT h.release, h.seq FROM heads h LEFT JOIN entries e ON e.seq = h.seq "
                "WHERE e.hash IS NOT h.hash OR e.release <> h.release ORDER BY h.seq LIMIT 1"
            ).fetchone()

    def counted(self) -> int:
        """How many entries were ever appended, as the counter beside them says."""
        with closing(self._database.connect()) as connection:
            row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entries'").fetchone()
        return int(row[0]) if row else 0


def _entry(row: tuple[Any, ...]) -> Entry:
    names = ("seq", "time", "kind", "release", "prev", "after", "hash", "body")
    try:
        return Entry.model_validate(dict(zip(names, row, strict=True)))
    except ValueError as error:
        raise LedgerBroken("its fields cannot be read", seq=row[0]) from error


# A row is read from the file each time; whether it has its hash depends on nothing but the row, and a release's rows
# are read several times while a packet is judged, and with each event that is said once.
@lru_cache(maxsize=1024)
def _checked(row: tuple[Any, ...]) -> Entry:
    entry = _entry(row)
    if entry.computed() != entry.hash:
        raise LedgerBroken("its contents do not have its hash", seq=entry.seq)
    return entry
