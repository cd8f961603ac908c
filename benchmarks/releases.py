"""What a release costs in a store with one release and in one with 10,000, and the bytes that it leaves there."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.measure import Figure
from hug_agents.release import Release
from hug_agents.validate import GateResult
from hug_agents.workflow import nodes
from tests.approve.office import KEYS
from tests.governed import REQUEST, SIGNERS, Site

RELEASES = 10_000
ROUNDS = 9


def figures(releases: int = RELEASES) -> Iterator[Figure]:
    """`status` and `resume` while it waits, and a whole release's bytes. The gates are left out: they cost the same."""
    gates = nodes.run_gates  # type: ignore[attr-defined]
    nodes.run_gates = lambda *_, **__: (GateResult(name="left out", tool="", status="passed"),)  # type: ignore[attr-defined]
    try:
        with tempfile.TemporaryDirectory() as name:
            yield from _measured(Site(Path(name) / "site"), releases)
    finally:
        nodes.run_gates = gates  # type: ignore[attr-defined]


def _measured(site: Site, releases: int) -> Iterator[Figure]:
    release = site.start()
    actions: dict[str, Callable[[], object]] = {
        "status": lambda: site.open(release).status(),
        "resume": lambda: site.open(release).resume(),
    }
    alone = {name: _median(action) for name, action in actions.items()}
    _multiply(site, release, releases)
    for name, seconds in alone.items():
        crowded = _median(actions[name])
        detail = f"{crowded * 1e3:.0f} ms / {seconds * 1e3:.0f} ms"
        yield Figure(f"{name} with {releases:,} releases / with one", crowded / seconds, 2.0, detail)
    before = _bytes(site.store)
    whole = site.start(REQUEST.replace("hello", "adieu"), release="whole")
    for people in SIGNERS.values():
        for who in people:
            whole.decide("approve", reviewer=who, key=KEYS[who])
        whole.resume()
    size = sum(entry.size for entry in whole._crew.store.get_bundle(whole.status().bundle).manifest.entries)
    added = _bytes(site.store) - before
    yield Figure("bytes of a whole release / bytes of its bundle", added / size, 4.0, f"{added:,} B / {size:,} B")


def _median(action: Callable[[], object]) -> float:
    action()
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _multiply(site: Site, release: Release, count: int) -> None:
    """The rows of one release again and again under other names: register, ledger heads, checkpoints."""
    with closing(sqlite3.connect(site.store / "releases.sqlite")) as connection:
        connection.executemany(
            "INSERT INTO releases (id, begun, requester, target, title) VALUES (?, '2026-01-01T00:00:00Z', 'kim', 'x', 'x')",
            ((f"old-{number}",) for number in range(count)),
        )
        connection.commit()
    with release._executor.desk.ledger.writing() as writer:
        for number in range(count):
            for name in ("release_began", "release_ended"):
                body = {"event": name, "detail": {"application": "old"}}
                writer.append("event", f"old-{number}", body, "2026-11-23T10:00:00Z", still_open=False)
    with closing(sqlite3.connect(site.store / "checkpoints.sqlite")) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(checkpoints)")]
        others = ", ".join(name for name in columns if name != "thread_id")
        last = f"SELECT {others} FROM checkpoints WHERE thread_id = '{release.id}' ORDER BY checkpoint_id DESC LIMIT 1"
        row = connection.execute(last).fetchone()
        marks = ", ".join("?" * (len(row) + 1))
        connection.executemany(
            f"INSERT INTO checkpoints ({others}, thread_id) VALUES ({marks})",
            ((*row, f"old-{number}") for number in range(count)),
        )
        connection.commit()


def _bytes(root: Path) -> int:
    for path in root.glob("*.sqlite"):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
