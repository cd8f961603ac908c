"""The boundaries of a release: where something is put on disk or outside, with a moment before and one after.

Nobody lists them. The places where anything is written are watched (each commit of the ledger, the journal and the
register, each checkpoint of the graph, each object of the store, each call of the target), and whatever passes there
is counted. `Watch(at=k)` ends the process with SIGKILL at the k-th.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from threading import Lock
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver

from hug_agents.database import Database

KINDS = ("ledger", "journal", "register", "checkpoint", "object", "target")
_CALLS = ("plan", "apply", "observe", "rollback", "drift", "counters", "address")
_OWNERS = {"Journal": "journal", "Register": "register", "Ledger": "ledger"}


class Watch:
    """Counts boundaries, from one on. Installed once in a process that is thrown away afterwards."""

    def __init__(self, report: Path, at: int = 0) -> None:
        self.report = report
        self.at = at
        self.seen: list[str] = []
        self._lock = Lock()

    def hit(self, kind: str, what: str) -> None:
        """One boundary, by any thread."""
        with self._lock:
            self.seen.append(f"{kind}: {what}")
            if len(self.seen) == self.at:
                self.report.write_text(self.seen[-1])
                os.kill(os.getpid(), signal.SIGKILL)

    def install(self, target: Any) -> None:
        """Watch every place in this process."""
        watch, writing, replace = self, Database.writing, Path.replace

        @contextmanager
        def watched(database: Database) -> Iterator[sqlite3.Connection]:
            owner = _owner()
            with writing(database) as connection:
                yield connection
                watch.hit(owner[0], f"before the commit of {owner[1]}")
            watch.hit(owner[0], f"after the commit of {owner[1]}")

        def renamed(path: Path, to: Path) -> Path:
            if not path.name.startswith(".new-"):
                return replace(path, to)
            watch.hit("object", "before the rename")
            done = replace(path, to)
            watch.hit("object", "after the rename")
            return done

        Database.writing = watched  # type: ignore[method-assign]
        Path.replace = renamed  # type: ignore[method-assign,assignment]
        for name in ("put", "put_writes"):
            setattr(SqliteSaver, name, self._around("checkpoint", name, getattr(SqliteSaver, name)))
        for name in _CALLS:
            if hasattr(target, name):
                setattr(target, name, self._around("target", name, getattr(target, name)))
        if hasattr(target, "between"):
            target.between = lambda: watch.hit("target", "between the halves of an effect")

    def _around(self, kind: str, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def watched(*arguments: Any, **more: Any) -> Any:
            self.hit(kind, f"before {name}")
            result = call(*arguments, **more)
            self.hit(kind, f"after {name}")
            return result

        return watched


def _owner() -> tuple[str, str]:
    """Who writes: the first method of the journal, the register or the desk that is on the stack."""
    frame = sys._getframe(2)
    found = ("ledger", "?")
    while frame is not None:
        name = frame.f_code.co_qualname
        kind = name.partition(".")[0]
        if kind in ("Journal", "Register", "Desk"):
            found = (_OWNERS.get(kind, "ledger"), name)
            if not name.startswith("Desk._"):
                return found
        frame = frame.f_back  # type: ignore[assignment]
    return found
