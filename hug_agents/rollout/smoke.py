"""Smoke tests: a few requests, each with the answer that it must have, asked of a version where it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Thread
from typing import Final, Literal

from pydantic import Field

from hug_agents.errors import HttpError, HugError
from hug_agents.http import Answer, Http
from hug_agents.spec import DeploymentSpec, Line, Model, Service, SmokeTest

HEALTH_MS: Final = 2_000
STARTING_SECONDS: Final = 30.0
"""How long a refused connection is tried again: the program may not listen yet."""
PAUSE_SECONDS: Final = 0.25
PATIENCE_MS: Final = 1_000
"""How much later than allowed an answer may come and still be told apart from none."""
_ANY_STATUS = tuple(range(400, 600))


class SmokeResult(Model):
    """One request and what came of it."""

    test: SmokeTest
    outcome: Literal["passed", "failed"]
    status: int | None = Field(None, description="None: there was no answer")
    ms: int = Field(0, description="until the whole answer was there")
    attempts: int = 1
    reason: Line = Field("", description="why it failed, as a person says it")


class SmokeReport(Model):
    """Every test of a version, in the order of the spec."""

    outcome: Literal["passed", "failed", "nothing"] = Field(description="nothing: there was nothing to ask")
    results: tuple[SmokeResult, ...] = ()

    @property
    def reason(self) -> str:
        """Why it did not pass, in a line."""
        return "; ".join(item.reason for item in self.results if item.outcome == "failed")[:2000]


@dataclass(frozen=True)
class Timing:
    """The clock and the way to wait; tests put their own here."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = field(default=time.sleep)


def smoke_tests(spec: DeploymentSpec) -> tuple[SmokeTest, ...]:
    """The health path of each web service, then what the spec states, each once.

    A health check on a port of its own is for whoever runs the service: no request to its address reaches it.
    """
    stated = tuple(test for test in spec.smoke_tests if spec.service(test.service).kind == "web")
    asked = {(test.service, test.path) for test in stated if test.method == "GET"}
    return (*_health(spec.web_services, asked), *dict.fromkeys(stated))


def _health(services: tuple[Service, ...], asked: set[tuple[str, str]]) -> Iterator[SmokeTest]:
    for service in services:
        path = service.health_path
        if path and service.health_port_or_port == service.port and (service.name, path) not in asked:
            yield SmokeTest(service=service.name, path=path, max_ms=HEALTH_MS)


def run_smoke_tests(
    spec: DeploymentSpec,
    address: Callable[[str], str],
    *,
    starting_seconds: float = STARTING_SECONDS,
    timing: Timing | None = None,
) -> SmokeReport:
    """Ask every service, one request after the other; never raises. `address` gives a service's base URL.

    A refused connection is tried again for `starting_seconds` from the beginning, until the service has once accepted one;
    nothing else is tried again.
    """
    timing = timing or Timing()
    until = timing.now() + starting_seconds
    listening: set[str] = set()
    results = []
    for test in smoke_tests(spec):
        try:
            base = address(test.service)
        except HugError as error:
            results.append(_failed(test, f"it has no address: {error.what}"))
            continue
        results.append(_tried(test, base, until, timing, listening))
    outcome = "nothing" if not results else "failed" if any(item.outcome == "failed" for item in results) else "passed"
    return SmokeReport.model_validate({"outcome": outcome, "results": results})


def _tried(test: SmokeTest, base: str, until: float, timing: Timing, listening: set[str]) -> SmokeResult:
    attempts = 0
    while True:
        attempts += 1
        said = _asked(test, base)
        if not said.refused:
            listening.add(test.service)
            return said.result.model_copy(update={"attempts": attempts})
        if test.service in listening or timing.now() + PAUSE_SECONDS > until:
            return said.result.model_copy(update={"attempts": attempts})
        timing.sleep(PAUSE_SECONDS)


@dataclass
class _Said:
    result: SmokeResult
    refused: bool = False


def _asked(test: SmokeTest, base: str) -> _Said:
    """One attempt, ended in time even where a server sends a byte now and then: the thread is left to its fate."""
    allowed = (test.max_ms + PATIENCE_MS) / 1000
    http = Http(base, timeout=allowed, attempts=1)
    said: list[Answer | HttpError] = []
    content = test.send.encode() if test.send is not None else None
    headers = {"Content-Type": "application/json"} if content is not None else None

    def ask() -> None:
        try:
            said.append(http.request(test.method, test.path, content=content, headers=headers, ok=_ANY_STATUS))
        except HttpError as error:
            said.append(error)
        except Exception as error:  # noqa: BLE001 - nobody else would hear it: what a thread raises is only printed
            said.append(HttpError(f"{type(error).__name__}: {error}"))

    thread = Thread(target=ask, daemon=True)
    started = time.monotonic()
    thread.start()
    thread.join(allowed)
    ms = round((time.monotonic() - started) * 1000)
    http.close()
    if not said:
        return _Said(_failed(test, f"no whole answer within {test.max_ms} ms", ms=ms))
    answer = said[0]
    if isinstance(answer, HttpError):
        refused = _refused(answer)
        why = "the connection is refused" if refused else answer.what
        return _Said(_failed(test, why, status=answer.status, ms=ms), refused=refused)
    why = _objection(test, answer, ms)
    if why:
        return _Said(_failed(test, why, status=answer.status, ms=ms))
    return _Said(SmokeResult(test=test, outcome="passed", status=answer.status, ms=ms))


def _objection(test: SmokeTest, answer: Answer, ms: int) -> str:
    if answer.status != test.status:
        return f"it answers {answer.status}, not {test.status}"
    if test.contains is not None and test.contains not in answer.text:
        return f"the answer does not hold {test.contains[:200]!r}"
    if ms > test.max_ms:
        return f"it answers after {ms} ms; {test.max_ms} ms are allowed"
    return ""


def _failed(test: SmokeTest, why: str, *, status: int | None = None, ms: int = 0) -> SmokeResult:
    line = " ".join("".join(char if char.isprintable() else " " for char in why).split())
    reason = f"{test.method} {test.path} of {test.service}: {line}"
    return SmokeResult(test=test, outcome="failed", status=status, ms=ms, reason=reason[:2000])


def _refused(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
