"""SQLite connections that are kept for as long as one call of ours lasts, and are then closed.

Opening, and closing with the checkpoint of the write-ahead log that goes with it, puts as much on disk as five commits.
Nothing stays open between two calls: a store can be copied, restored or removed while nobody is at work in it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from threading import Lock


@dataclass(frozen=True)
class _Connection:
    """A connection, and which file it was opened on, whatever lies under that name later."""

    path: Path
    file: tuple[int, int] | None
    sqlite: sqlite3.Connection

    @classmethod
    def made(cls, path: Path, connect: Callable[[], sqlite3.Connection]) -> _Connection:
        connection = connect()
        return cls(path, _file(path), connection)

    def again(self) -> bool:
        """Whether it can be used again: then it has forgotten every page that it has read before.

        SQLite sees by itself what others write, but not a byte that was changed on disk.
        """
        if self.file is None or self.file != _file(self.path) or self.sqlite.in_transaction:
            self.sqlite.close()
            return False
        self.sqlite.execute("PRAGMA shrink_memory")
        return True


class _Kept:
    """The connections of one block that are free."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._free: list[_Connection] = []
        self._ended = False
        self._lock = Lock()

    def take(self, path: Path) -> _Connection | None:
        """A free connection to the file that lies there now."""
        with self._lock:
            found = next((item for item in self._free if item.path == path), None)
            if found is not None:
                self._free.remove(found)
        return found if found is not None and found.again() else None

    def give(self, connection: _Connection) -> None:
        """Keep a connection for the next one."""
        with self._lock:
            if not self._ended:
                self._free.append(connection)
                return
        connection.sqlite.close()

    def end(self) -> None:
        """Close what is free, and whatever comes back later."""
        with self._lock:
            self._ended, free = True, self._free
        for connection in free:
            connection.sqlite.close()


_KEPT: ContextVar[_Kept | None] = ContextVar("kept", default=None)


@contextmanager
def kept_open() -> Iterator[None]:
    """Inside, also in the nodes of a graph that is run there, a connection is used again for the same file."""
    if _KEPT.get() is not None:
        yield
        return
    kept = _Kept()
    token = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(token)
        kept.end()


@contextmanager
def lent(path: Path, connect: Callable[[], sqlite3.Connection]) -> Iterator[sqlite3.Connection]:
    """A connection that nobody else uses meanwhile. One in whose block anything was raised is not used again."""
    kept = _KEPT.get()
    if kept is None or kept.process != os.getpid():  # a connection must not be carried over a fork
        with closing(connect()) as connection:
            yield connection
        return
    held = kept.take(path) or _Connection.made(path, connect)
    try:
        yield held.sqlite
    except BaseException:  # whatever it was: the next one begins with a connection of which everything is known
        held.sqlite.close()
        raise
    kept.give(held)


def _file(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
