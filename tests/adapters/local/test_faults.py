"""Faults of a drill are real: users meet them, the router counts them, and a rollback ends them."""

from __future__ import annotations

import time
import urllib.error
from typing import Any

import pytest

from hug_agents.execute.target import Counters
from tests.adapters.local.place import Place, Release, get, until, words


def spoiled(place: Place, fault: str) -> tuple[Release, Release, str]:
    """The second of two versions with all the traffic, and a fault."""
    first = place.release("1.0.0")
    first.roll_out()
    url = first.url()
    second = place.release("2.0.0", "rolling", first)
    second.do("deploy")
    done = second.do("inject", fault=fault)
    assert done.status == "done", done.detail
    assert fault in done.detail
    return first, second, url


def status(url: str) -> int:
    try:
        get(url)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def row(place: Place, release: Release) -> Counters:
    rows = place.target.counters(release.blueprint, release.environment)
    return next(item for item in rows if item.version == release.saved.bundle)


def back(place: Place, first: Release, second: Release, url: str) -> None:
    assert second.do("rollback").status == "done"
    assert words(url) == {"1.0.0": 40}
    assert place.target.drift(first.bundle, first.blueprint, first.environment).changes == ()


def test_errors(place: Place) -> None:
    first, second, url = spoiled(place, "errors")
    codes = [status(url) for _ in range(60)]
    assert 5 < codes.count(500) < 55
    assert set(codes) == {200, 500}
    assert row(place, second).errors == codes.count(500)
    back(place, first, second, url)


def test_latency(place: Place) -> None:
    first, second, url = spoiled(place, "latency")
    began = time.monotonic()
    get(url)
    assert time.monotonic() - began > 0.7
    counted = dict(row(place, second).latency)
    assert (counted[0.5], counted[10.0]) == (0, row(place, second).requests)
    back(place, first, second, url)


def test_health(place: Place) -> None:
    first, second, url = spoiled(place, "health")
    assert status(f"{url}/healthz") == 500
    until(lambda: _states(place) == {"unhealthy"})
    assert status(url) == 200, "where none is healthy all are asked"
    changes = place.target.drift(second.bundle, second.blueprint, second.environment).changes
    assert any("spoiled by a drill: health" in line for line in changes)
    back(place, first, second, url)


@pytest.mark.parametrize("fault", ["crash", "config"])
def test_processes_that_end(place: Place, fault: str) -> None:
    first, second, url = spoiled(place, fault)
    until(lambda: sum(item.restarts for item in _replicas(place)) >= 3)
    if fault == "config":
        until(lambda: status(url) == 502)
        assert row(place, second).errors > 0, "what the router answers for it counts as its error"
        assert "invalid literal" in place.target.logs(second.work("deploy"))
    back(place, first, second, url)


def test_in_a_canary_the_rest_of_the_traffic_is_safe(place: Place) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    url = first.url()
    second = place.release("2.0.0", "canary", first)
    second.do("deploy", 0)
    assert second.do("inject", fault="config").status == "done"
    assert words(url) == {"1.0.0": 40}
    assert second.do("shift", 20).status == "done", "a drill moves traffic to what it has spoiled"
    codes = [status(url) for _ in range(40)]
    # Roughly: each restart gives the router new routes, and its turn begins anew.
    assert set(codes) == {200, 502}
    assert 3 <= codes.count(502) <= 14
    back(place, first, second, url)


def _replicas(place: Place) -> tuple[Any, ...]:
    seen = place.world().observed()
    return seen.replicas if seen else ()


def _states(place: Place) -> set[str]:
    return {item.state for item in _replicas(place) if item.bundle == place.world().desired().newest}  # type: ignore[union-attr]
