"""Failed requests and p99 while production is changed: every strategy, and a rollback of each, at a steady rate.

The shipped demo application behind the target `local`. The client keeps to its schedule whatever the answers do, and a
request's time counts from the moment that it was due; a POST, which no part on the way may send again.
"""

from __future__ import annotations

import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Figure
from tests.adapters.local.place import Demo, Release

RATE = 220
"""Requests a second."""
CLIENTS = 11
IDLE_SECONDS = 10
HOLD_SECONDS = 3
BODY = json.dumps({"amount": 1250, "currency": "EUR", "reference": "order-17"})


@dataclass
class Traffic:
    """What the clients met."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    took: float = 0.0

    @property
    def p99(self) -> float:
        """Milliseconds."""
        return statistics.quantiles(self.seconds, n=100)[98] * 1e3


def figures() -> Iterator[Figure]:
    """Two figures a change: failed requests, and p99 against the one while nothing happens."""
    with tempfile.TemporaryDirectory() as name:
        shop = Demo(Path(name) / "shop")
        try:
            yield from _measured(shop)
        finally:
            shop.clean()


def _measured(shop: Demo) -> Iterator[Figure]:
    old = _release(shop, "1.0.0", "rolling", None)
    old.roll_out()
    url = old.url()
    with traffic(url) as idle:
        time.sleep(IDLE_SECONDS)
    rows = [("idle", idle)]
    for number, kind in enumerate(("rolling", "blue_green", "canary"), start=2):
        new = _release(shop, f"{number}.0.0", kind, old)
        for what, change in ((kind, lambda: _hold(new)), (f"{kind}, back", lambda: _back(new))):  # noqa: B023
            with traffic(url) as met:
                change()
            rows.append((what, met))
            yield Figure(f"failed requests: {what}", len(met.failures), 0, _detail(met))
            yield Figure(f"p99 / p99 idle: {what}", met.p99 / idle.p99, 5, f"{met.p99:.1f} ms / {idle.p99:.1f} ms")
    _table(rows)


def _release(shop: Demo, version: str, kind: str, previous: Release | None) -> Release:
    return shop.release(version, kind, previous, where="production", command=("python", "-m", "app"), replicas=3)


def _hold(release: Release) -> None:
    """Every step of the strategy, each held for a moment."""
    for step in release.blueprint.rollout.steps:
        if step.action == "analyse":
            time.sleep(HOLD_SECONDS)
        else:
            done = release.do(step.action, step.weight, step=step.order)
            assert done.status == "done", done.detail


def _back(release: Release) -> None:
    done: Callable[[], str] = lambda: release.do("rollback").status  # noqa: E731
    assert done() == "done"
    time.sleep(HOLD_SECONDS)


@contextmanager
def traffic(url: str) -> Iterator[Traffic]:
    """A steady stream of requests for as long as the block takes."""
    met, over, began = Traffic(), threading.Event(), time.perf_counter()
    threads = [threading.Thread(target=_client, args=(url, number, met, over)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield met
    finally:
        over.set()
        for thread in threads:
            thread.join()
        met.took = time.perf_counter() - began


def _client(url: str, number: int, met: Traffic, over: threading.Event) -> None:
    pause = CLIENTS / RATE
    due = time.perf_counter() + pause * number / CLIENTS
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    while not over.is_set():
        time.sleep(max(0.0, due - time.perf_counter()))
        try:
            connection.request("POST", "/payments", BODY, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                met.failures.append(str(answer.status))
        except (OSError, http.client.HTTPException) as error:
            met.failures.append(type(error).__name__)
            connection.close()
        met.seconds.append(time.perf_counter() - due)
        due += pause
    connection.close()


def _detail(met: Traffic) -> str:
    said = f"{len(met.seconds):,} requests in {met.took:.0f} s, {len(met.seconds) / met.took:.0f} a second"
    return said + (f": {', '.join(sorted(set(met.failures)))}" if met.failures else "")


def _table(rows: list[tuple[str, Traffic]]) -> None:
    print(f"\n{'':<20}{'requests':>10}{'a second':>10}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}", file=sys.stderr)
    for what, met in rows:
        middle = statistics.median(met.seconds) * 1e3
        each = len(met.seconds) / met.took
        print(
            f"{what:<20}{len(met.seconds):>10,}{each:>10.0f}{len(met.failures):>8}{middle:>9.1f}{met.p99:>9.1f}",
            file=sys.stderr,
        )
