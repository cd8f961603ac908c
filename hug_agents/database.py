"""A SQLite file that several processes write: one transaction at a time, a format version, nothing half done."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hug_agents.connections import lent
from hug_agents.errors import StoreError


class Database:
    """One file. A connection lasts as long as one call, or as a block of `kept_open`."""

    def __init__(self, path: Path, schema: str, *, version: int, name: str) -> None:
        self.path = path
        self.name = name
        self._schema = schema
        self._version = version

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction under the write lock: nobody else writes meanwhile."""
        with lent(self.path, self.connect) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    self._known(connection)
                    yield connection
                except BaseException:  # whatever ends the block, half a transaction must not stay
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise StoreError(f"{self.name} could not be written: {error}", where=str(self.path)) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view; what is written inside is undone."""
        with lent(self.path, self.connect) as connection:
            try:
                connection.execute("BEGIN")
                self._known(connection)
                yield connection
                connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise StoreError(f"{self.name} could not be read: {error}", where=str(self.path)) from error

    def connect(self) -> sqlite3.Connection:
        """A connection of one's own, the file made where there is none. Raises StoreError."""
        try:
            if not self.path.exists():
                self.path.touch(mode=0o600)
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection)
            except BaseException:  # the connection is not handed out, so nobody else would close it
                connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self.name} cannot be opened: {error}", where=str(self.path)) from error
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        if self._known(connection):
            return
        for attempt in range(50):  # switching to WAL ignores the busy timeout
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError:
                if attempt == 49:
                    raise
                time.sleep(0.02)
        connection.executescript(f"BEGIN IMMEDIATE; {self._schema} PRAGMA user_version = {self._version}; COMMIT;")

    def _known(self, connection: sqlite3.Connection) -> bool:
        """Whether it has this version's format; False: an older one, or none yet. Raises StoreError for a newer one."""
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > self._version:
            raise StoreError(
                f"{self.name} was written by a newer version (format {version})",
                where=str(self.path),
                hint="upgrade hug-agents",
            )
        return bool(version == self._version)
