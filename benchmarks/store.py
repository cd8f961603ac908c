"""What one run adds to the checkpoint store, against the bytes of the bundle that it made."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.imports import REQUEST
from benchmarks.measure import Figure
from hug_agents.generation import generate


def figures() -> Iterator[Figure]:
    """The growth of the SQLite file over ten runs, a run, after it was vacuumed."""
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "store"
        made = generate(REQUEST, store=store, gates=())
        before = _bytes(store / "checkpoints.sqlite")
        for _ in range(10):
            generate(REQUEST, store=store, gates=())
        each = (_bytes(store / "checkpoints.sqlite") - before) / 10
        size = sum(entry.size for entry in made.bundle.manifest.entries)
        yield Figure("checkpoint bytes of a run / bytes of its bundle", each / size, 1.0, f"{each:.0f} B / {size} B")


def _bytes(path: Path) -> int:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("VACUUM")
    connection.close()
    return path.stat().st_size
