"""The metrics of a ledger of 100,000 entries: how long they take, how much they hold, and what a second scrape costs."""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from benchmarks.approvals import NOW, _decision, _desk
from benchmarks.measure import Figure
from hug_agents.approve.clock import instant
from hug_agents.approve.envelope import seal
from hug_agents.approve.ledger import Ledger
from hug_agents.canonical import sha256
from hug_agents.measure import metrics
from hug_agents.measure.timeline import Timeline

ENTRIES = 100_000
PLACE = {"application": "payments", "environment": "production", "role": "production", "target": "local"}


def _measure(ledger: Ledger, timeline: Timeline) -> None:
    """Read on and compute everything."""
    timeline.follow(ledger)
    metrics.figures(timeline, metrics.Scope(until=instant(NOW + timedelta(days=3650))))


def figures(entries: int = ENTRIES) -> Iterator[Figure]:
    """Seconds, memory, and the cost of reading on."""
    with tempfile.TemporaryDirectory() as name:
        ledger = ledger_of(Path(name), entries)
        timeline = Timeline()
        started = time.process_time()
        _measure(ledger, timeline)
        whole = time.process_time() - started
        about = f"{len(timeline.attempts):,} deployments, {len(timeline.reviews):,} decisions"
        yield Figure(f"CPU seconds for the metrics of {entries:,} entries", whole, 4.0, about)
        started = time.process_time()
        _measure(ledger, timeline)
        again = time.process_time() - started
        yield Figure("a second scrape / the first", again / whole, 0.25, f"{again * 1e3:.0f} ms / {whole * 1e3:.0f} ms")
        tracemalloc.start()
        _measure(ledger, Timeline())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        size = ledger.path.stat().st_size
        detail = f"{peak / 2**20:.1f} MiB of {size / 2**20:.0f} MiB; {peak / entries:.0f} B an entry"
        yield Figure("memory held / size of the ledger", peak / size, 0.25, detail)


def ledger_of(root: Path, entries: int) -> Ledger:
    """As dense as releases make it: four packets, six decisions, effects, two deployments, every tenth one bad."""
    desk, key, _ = _desk(root)
    now = NOW
    with desk.ledger.writing() as writer:
        number, count = 0, 0
        while count < entries:
            release = f"r{number}"
            packet = sha256(b"%d" % number)
            signed = seal(_decision(release, packet), key)
            said = {"envelope": signed.as_json(), "nonce": signed.document.nonce, "policy": packet}
            bad = number % 10 == 0
            rows = [("event", "release_began", "")]
            rows += [("presented", "", ""), ("decision", "", "")] * 4 + [("decision", "", "")] * 2
            rows += [("event", "deployment_began", "")]
            rows += [("event", "effect_began", ""), ("event", "effect_ended", "done")] * 4
            rows += [("event", "verdict", "bad" if bad else "good")]
            rows += [("event", "rollback_began", ""), ("event", "rollback_ended", "passed")] * bad
            rows += [("event", "deployment_ended", "rolled_back" if bad else "deployed")]
            rows += [("event", "drift_checked", "none"), ("event", "release_ended", "released")]
            for kind, event, outcome in rows:
                now += timedelta(seconds=20)
                if kind == "decision":
                    body = {**said, "nonce": f"{count:032x}"}
                elif kind == "presented":
                    body = {"checkpoint": "pre_deployment", "environment": "staging", "packet": packet}
                else:
                    body = {"event": event, "detail": {**PLACE, "bundle": packet, "outcome": outcome}}
                writer.append(kind, release, body, instant(now))
                count += 1
            number += 1
    return desk.ledger
