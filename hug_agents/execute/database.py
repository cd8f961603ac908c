"""The SQLite file beside the ledger: what has begun, who holds an environment, which effects are under way.

Nothing in it allows anything: an effect is allowed by the ledger alone. It is what makes a release found again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hug_agents.errors import StoreError

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS releases (
  id TEXT PRIMARY KEY, begun TEXT NOT NULL, requester TEXT NOT NULL, target TEXT NOT NULL, title TEXT NOT NULL,
  application TEXT NOT NULL DEFAULT '', outcome TEXT NOT NULL DEFAULT '', ended TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS releases_begun ON releases (begun);
CREATE TABLE IF NOT EXISTS locks (
  application TEXT NOT NULL, environment TEXT NOT NULL, release TEXT NOT NULL, taken TEXT NOT NULL,
  PRIMARY KEY (application, environment)
) STRICT;
CREATE TABLE IF NOT EXISTS deployments (
  number INTEGER PRIMARY KEY AUTOINCREMENT, application TEXT NOT NULL, environment TEXT NOT NULL,
  release TEXT NOT NULL, bundle TEXT NOT NULL, outcome TEXT NOT NULL, ended TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS deployments_place ON deployments (application, environment, number);
CREATE TABLE IF NOT EXISTS effects (
  key TEXT PRIMARY KEY, release TEXT NOT NULL, target TEXT NOT NULL, work TEXT NOT NULL,
  state TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT '', changed TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS effects_release ON effects (release, changed);
"""


class Database:
    """Connections to the file; each lasts as long as one call. Safe for several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction under the write lock."""
        with closing(self._connect()) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:  # whatever ends the block, half a transaction must not stay
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise StoreError(f"could not be written: {error}", where=str(self.path)) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view."""
        with closing(self._connect()) as connection:
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise StoreError(f"could not be read: {error}", where=str(self.path)) from error

    def _connect(self) -> sqlite3.Connection:
        try:
            if not self.path.exists():
                self.path.touch(mode=0o600)
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous = FULL")
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version > VERSION:
                    raise StoreError(
                        f"was written by a newer version (format {version})",
                        where=str(self.path),
                        hint="upgrade hug-agents",
                    )
                if version < VERSION:
                    use_wal(connection)
                    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
            except BaseException:  # the connection is not handed out, so nobody else would close it
                connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot be opened: {error}", where=str(self.path)) from error
        return connection


def use_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, which ignores the busy timeout and so may need several attempts."""
    for attempt in range(50):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if attempt == 49:
                raise
            time.sleep(0.02)
