"""Answers that break off in the middle: the router's figures leave them out, its access log does not."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from pathlib import Path

from hug_agents.adapters.local.access_log import RouterLog, with_broken
from hug_agents.adapters.local.state import BrokenOff
from hug_agents.execute.target import Counters
from hug_agents.rollout.failures import Failures
from hug_agents.rollout.smoke import run_smoke_tests
from hug_agents.spec import SmokeTest
from tests.adapters.local.place import Demo, Place, Release, until

BODY = json.dumps({"amount": 1250, "currency": "EUR", "reference": "order-17"})


def pay(url: str) -> str:
    """`whole`, or how it ended."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request("POST", "/payments", BODY, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return "whole" if answer.status == 201 else str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def test_a_version_of_the_demo_whose_answers_break_off_is_seen_in_a_few_requests(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "shop")
    command = {"command": ("python", "-m", "app"), "replicas": 1, "where": "production"}
    try:
        old = demo.release("1.0.0", "canary", **command)
        old.roll_out()
        new = demo.release("2.0.0", "canary", old, broken="cut", **command)
        assert new.do("deploy", 0).status == "done"
        assert new.do("shift", 20).status == "done"
        start = demo.target.counters(new.blueprint, new.environment)
        ends = Counter(pay(old.url()) for _ in range(100))
        assert ends["whole"] < 95 and ends["whole"] + ends["IncompleteRead"] + ends["RemoteDisconnected"] == 100
        until(lambda: _of(demo, new).unfinished == 100 - ends["whole"], 10)
        now = {row.version: row for row in demo.target.counters(new.blueprint, new.environment)}
        assert now[new.saved.bundle].errors == 0
        assert now[new.saved.bundle].requests == 20, "they are requests all the same"
        assert now[new.saved.bundle].latency[-1] == (10.0, 20)
        assert now[old.saved.bundle].unfinished == 0
        (check,) = Failures(new.spec, new.saved.bundle, old.saved.bundle, start).read(tuple(now.values()))
        assert check.outcome == "bad" and "broken off or given up" in check.reason
        said = (demo.world("production").logs / "router.log").read_text()
        assert "OriginStatus" not in said, "what customers ask for is in no log"
    finally:
        left = demo.clean()
    assert left == []


def test_smoke_tests_do_not_take_half_an_answer(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "shop")
    try:
        only = demo.release("1.0.0", broken="cut", command=("python", "-m", "app"), replicas=1)
        only.roll_out()
        asked = SmokeTest(service="web", method="POST", path="/payments", send=BODY, status=201)
        spec = only.spec.model_copy(update={"smoke_tests": (asked, asked.model_copy(update={"max_ms": 3_000}))})
        report = run_smoke_tests(spec, lambda _: only.url())
        assert report.outcome == "failed", "one of two breaks off"
        assert [item.outcome for item in report.results].count("passed") == 2, "health, and the other"
    finally:
        demo.clean()


def test_who_goes_away_before_an_answer_is_counted_so(place: Place) -> None:
    only = place.release("1.0.0", replicas=1)
    only.roll_out()
    connection = http.client.HTTPConnection(only.url().removeprefix("http://"))
    connection.request("GET", "/slow")
    time.sleep(0.2)
    connection.close()
    until(lambda: _of(place, only).unfinished == 1, 10)
    assert _of(place, only).errors == 0


def _of(place: Place, release: Release) -> Counters:
    rows = place.target.counters(release.blueprint, release.environment)
    return next(row for row in rows if row.version == release.saved.bundle)


def test_lines_of_the_access_log_are_counted_and_not_kept(tmp_path: Path) -> None:
    log = RouterLog(tmp_path / "router.log")
    whole = {"DownstreamStatus": 200, "Duration": 2_000_000, "OriginStatus": 200, "ServiceName": "web.abc@file"}
    for line in (
        whole,
        {**whole, "OriginStatus": 0},
        {**whole, "OriginStatus": 0, "Duration": 4e8},
        {"OriginStatus": 0},
    ):
        log.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    log.write(b"2026-01-01T00:00:00Z WRN something\n")
    log.write(b'{"OriginStatus":0,nonsense\n')
    assert log.path.read_text() == "2026-01-01T00:00:00Z WRN something\n"
    assert list(log.broken) == ["web.abc"]
    seen = log.broken["web.abc"]
    latency = dict(seen.latency)
    assert (seen.requests, latency[0.005], latency[0.3], latency[0.4]) == (2, 1, 1, 2)


def test_beside_the_figures_of_the_router() -> None:
    version = "sha256:" + "a" * 64
    row = Counters(service="web", version=version, requests=10, errors=1, unfinished=1, latency=((0.1, 8), (1.0, 10)))
    names = {"web.aaa": ("web", version)}
    assert with_broken([row], names, {}) == (row,)
    broken = {"web.aaa": BrokenOff(requests=3, latency=((0.1, 2), (1.0, 3)))}
    (both,) = with_broken([row], names, broken)
    assert (both.requests, both.errors, both.unfinished) == (13, 1, 4)
    assert both.latency == ((0.1, 10), (1.0, 13))
    (alone,) = with_broken([Counters(service="web", version=version, requests=0, errors=0)], names, broken)
    assert (alone.requests, alone.latency) == (3, ((0.1, 2), (1.0, 3)))
