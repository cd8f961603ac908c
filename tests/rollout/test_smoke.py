"""Smoke tests against a real server that is slow, wrong, hanging, lying, or not there yet."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hug_agents.errors import UsageError
from hug_agents.rollout.smoke import SmokeReport, Timing, run_smoke_tests, smoke_tests
from hug_agents.spec import DeploymentSpec, SmokeTest
from tests import examples

Behaviour = Callable[[socket.socket, bytes], None]


def answer(status: str, body: bytes = b"fine", length: int | None = None) -> Behaviour:
    def say(connection: socket.socket, _: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)

    return say


def echo(connection: socket.socket, request: bytes) -> None:
    answer("201 Created", request)(connection, request)


def slow(connection: socket.socket, request: bytes) -> None:
    time.sleep(0.6)
    answer("200 OK")(connection, request)


def hang(connection: socket.socket, _: bytes) -> None:
    connection.settimeout(60)
    connection.recv(1)


def drip(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(600):
        connection.sendall(b".")
        time.sleep(0.1)


def garbage(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"\x00\x01 not HTTP at all \x1b[31m\r\n\r\n")


def shut(connection: socket.socket, _: bytes) -> None:
    connection.close()


PATHS: dict[str, Behaviour] = {
    "/healthz": answer("200 OK"),
    "/missing": answer("404 Not Found"),
    "/broken": answer("500 Internal Server Error", b"Traceback"),
    "/moved": answer("302 Found"),
    "/echo": echo,
    "/slow": slow,
    "/hang": hang,
    "/drip": drip,
    "/garbage": garbage,
    "/shut": shut,
    "/short": answer("200 OK", b"half", length=400),
    "/empty": answer("204 No Content", b""),
}


class Server:
    """Behaves by the path that is asked for; every request is kept."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            request = b""
            try:
                while b"\r\n\r\n" not in request or (request.startswith(b"POST") and not request.endswith(b"}")):
                    request += connection.recv(65_536)
                self.requests.append(request)
                PATHS[request.split()[1].decode()](connection, request)
            except OSError:
                pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def spec(*tests: SmokeTest, health: str | None = "/healthz") -> DeploymentSpec:
    base = examples.minimal()
    service = base.services[0].model_copy(update={"health_path": health})
    return base.model_copy(update={"services": (service,), "smoke_tests": tests})


def ask(server: Server, path: str, **more: object) -> SmokeReport:
    test = SmokeTest.model_validate({"service": "hello", "path": path, "max_ms": 20_000, **more})
    return run_smoke_tests(spec(test, health=None), lambda _: server.url, starting_seconds=0)


def test_all_is_well(server: Server) -> None:
    tests = (
        SmokeTest(service="hello", path="/echo", method="POST", status=201, send='{"id": 7}', contains='"id": 7'),
        SmokeTest(service="hello", path="/missing", status=404),
        SmokeTest(service="hello", path="/moved", status=302),
        SmokeTest(service="hello", path="/healthz", method="HEAD"),
        SmokeTest(service="hello", path="/empty", status=204),
    )
    report = run_smoke_tests(spec(*tests), lambda _: server.url)
    assert (report.outcome, report.reason) == ("passed", "")
    assert [item.test.path for item in report.results] == ["/healthz", *(test.path for test in tests)]
    assert [item.status for item in report.results] == [200, 201, 404, 302, 200, 204]
    assert len(server.requests) == 6
    assert b"content-type: application/json" in server.requests[1].lower()


@pytest.mark.parametrize(
    ("path", "more", "status", "reason"),
    [
        ("/broken", {}, 500, "it answers 500, not 200"),
        ("/moved", {}, 302, "it answers 302, not 200"),
        ("/healthz", {"status": 204}, 200, "it answers 200, not 204"),
        ("/healthz", {"contains": "excellent"}, 200, "the answer does not hold 'excellent'"),
        ("/hang", {"max_ms": 200}, None, "answer"),
        ("/drip", {"max_ms": 300}, None, "answer within 300 ms"),
        ("/garbage", {}, None, "no answer"),
        ("/shut", {}, None, "no answer"),
        ("/short", {}, None, "no answer"),
    ],
)
def test_what_is_wrong_is_said(
    server: Server, path: str, more: dict[str, object], status: int | None, reason: str
) -> None:
    report = ask(server, path, **more)
    assert report.outcome == "failed"
    (result,) = report.results
    assert (result.status, result.attempts) == (status, 1)
    assert reason in result.reason and f"GET {path} of hello" in result.reason
    assert result.reason.isprintable()
    assert report.reason == result.reason
    assert len(server.requests) == 1, "nothing but a refused connection is tried again"


def test_a_late_answer_is_no_good_answer(server: Server) -> None:
    (result,) = ask(server, "/slow", max_ms=200).results
    assert result.outcome == "failed" and result.ms >= 200
    assert "200 ms are allowed" in result.reason or "within 200 ms" in result.reason


def test_one_that_fails_does_not_stop_the_others(server: Server) -> None:
    tests = (SmokeTest(service="hello", path="/broken"), SmokeTest(service="hello", path="/healthz", contains="fine"))
    report = run_smoke_tests(spec(*tests, health=None), lambda _: server.url)
    assert [item.outcome for item in report.results] == ["failed", "passed"]
    assert report.outcome == "failed"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_a_program_that_is_still_starting_is_waited_for() -> None:
    port = free_port()
    made: list[Server] = []

    def sleep(_: float) -> None:
        if len(waits) == 3:
            made.append(Server(port))
        waits.append(now())

    waits: list[float] = []

    def now() -> float:
        return 0.25 * len(waits)

    report = run_smoke_tests(
        spec(), lambda _: f"http://127.0.0.1:{port}", starting_seconds=30, timing=Timing(now=now, sleep=sleep)
    )
    made[0].close()
    assert report.outcome == "passed"
    assert report.results[0].attempts == 5


def test_but_not_for_ever_and_not_once_it_was_there() -> None:
    port = free_port()
    waits: list[float] = []
    timing = Timing(now=lambda: sum(waits), sleep=waits.append)
    test = SmokeTest(service="hello", path="/echo", method="POST")
    report = run_smoke_tests(spec(test), lambda _: f"http://127.0.0.1:{port}", starting_seconds=5, timing=timing)
    assert report.outcome == "failed"
    assert [item.reason.partition(": ")[2] for item in report.results] == ["the connection is refused"] * 2
    assert sum(waits) <= 5

    server = Server()
    waits.clear()

    def address(_: str) -> str:
        if server.requests:
            return f"http://127.0.0.1:{port}"
        return server.url

    report = run_smoke_tests(spec(test), address, starting_seconds=5, timing=timing)
    server.close()
    assert [item.attempts for item in report.results] == [1, 1]
    assert waits == []


def test_a_service_without_an_address() -> None:
    def address(service: str) -> str:
        raise UsageError(f"{service} runs nowhere")

    report = run_smoke_tests(spec(), address)
    assert report.reason == "GET /healthz of hello: it has no address: hello runs nowhere"


def test_what_is_asked() -> None:
    shop = examples.shop_ecs_blue_green()
    assert [(item.service, item.path) for item in smoke_tests(shop)] == [("web", "/")]
    stated = SmokeTest(service="hello", path="/healthz", max_ms=100)
    assert smoke_tests(spec(stated, stated)) == (stated,)
    assert run_smoke_tests(spec(health=None), lambda _: "http://127.0.0.1:1").outcome == "nothing"
