"""A Prometheus server as the source of what is judged: the router's counters, and the user's own expressions.

What it does not know is never good: no series is no traffic, and an expression without exactly one number is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pydantic import Field

from hug_agents.approve.identity import Digest
from hug_agents.errors import HttpError
from hug_agents.execute.target import Counters
from hug_agents.http import Http
from hug_agents.rollout.verdict import Check, Judgement
from hug_agents.spec import EnvName, Line, Model, Name, Query

_CLIENT_ERRORS = (400, 422)
"""How Prometheus answers an expression that it cannot read or evaluate; the reason is in the body."""


class Metrics(Model):
    """How a router names what it counts. The defaults are Traefik's, with the names that the target `local` gives."""

    requests: Line = Field("traefik_service_requests_total", description="a counter")
    buckets: Line = Field("traefik_service_request_duration_seconds_bucket", description="of a histogram in seconds")
    code: EnvName = Field("code", description="the label that holds the HTTP status")
    error: Line = Field("5..", description="a regular expression: the statuses that are failures")
    given_up: Line = Field("499", description="the same: who asked left before there was an answer")
    label: EnvName = Field("service", description="the label that tells service and version")
    value: Line = Field(
        "{{service}}.{{version}}@file",
        description="its value; `{{version}}` is the first 12 digits of the bundle's digest, `{{digest}}` all of it",
    )
    matchers: Line = Field("", description='more matchers that every series must meet, e.g. job="edge"')


TRAEFIK = Metrics()


class Sample(NamedTuple):
    """One series of an answer and its value."""

    labels: dict[str, str]
    value: float


class Prometheus:
    """One server. `token` is sent as a bearer token and shown in no error."""

    def __init__(self, url: str, *, metrics: Metrics = TRAEFIK, token: str = "", timeout: float = 10.0) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else None
        self._http = Http(url, headers=headers, secrets=(token,), timeout=timeout, attempts=3)
        self._metrics = metrics

    def query(self, promql: str, at: float | None = None) -> tuple[Sample, ...]:
        """The series that an expression has now, or had `at` a Unix time. Raises HttpError, with the server's reason."""
        params = {"query": promql} if at is None else {"query": promql, "time": f"{at:.3f}"}
        answer = self._http.get("/api/v1/query", params=params, ok=_CLIENT_ERRORS)
        where = f"{self._http.base_url}/api/v1/query"
        said = answer.json()
        if not isinstance(said, dict) or said.get("status") not in ("success", "error"):
            raise HttpError("this is no answer of a Prometheus server", where=where, status=answer.status)
        if said["status"] == "error":
            reason = " ".join(str(said.get("error", "no reason")).split())[:300]
            raise HttpError(f"Prometheus cannot evaluate {promql[:200]!r}: {reason}", where=where, status=answer.status)
        try:
            return tuple(_samples(said["data"]))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise HttpError("the answer has not the shape of a query's", where=where, status=answer.status) from error

    def counters(self, services: Iterable[str], versions: Iterable[Digest]) -> tuple[Counters, ...]:
        """What the router has counted, as of the last scrape, over all its instances. Raises HttpError.

        A version without series took no request. A counter that is not a number raises: nothing can be made of it.
        """
        versions = tuple(versions)
        # All of one moment: a scrape between two expressions would make requests without a latency.
        at = self.query("time()")[0].value
        return tuple(self._counters(service, version, at) for service in services for version in versions)

    def checks(self, queries: Iterable[Query], version: Digest) -> tuple[Check, ...]:
        """Each expression of the spec against its bounds, for the version that is judged. Never raises HttpError."""
        return tuple(self._check(query, version) for query in queries)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Prometheus:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _counters(self, service: Name, version: Digest, at: float) -> Counters:
        names = self._metrics
        value = filled(names.value, version=version, service=service)
        matchers = ", ".join(item for item in (f'{names.label}="{value}"', names.matchers) if item)
        failed = f'{matchers}, {names.code}=~"{names.error}"'
        left = f'{matchers}, {names.code}=~"{names.given_up}"'
        latency = sorted(
            (float(sample.labels["le"]), self._count(sample.value, names.buckets))
            for sample in self.query(f"sum by (le) ({names.buckets}{{{matchers}}})", at)
            if "le" in sample.labels
        )
        return Counters(
            service=service,
            version=version,
            requests=self._total(f"sum({names.requests}{{{matchers}}})", at),
            errors=self._total(f"sum({names.requests}{{{failed}}})", at),
            unfinished=self._total(f"sum({names.requests}{{{left}}})", at),
            latency=tuple((bound, count) for bound, count in latency if bound < math.inf),
        )

    def _total(self, promql: str, at: float) -> int:
        return sum(self._count(sample.value, promql) for sample in self.query(promql, at))

    def _count(self, value: float, what: str) -> int:
        if not math.isfinite(value) or value < 0:
            raise HttpError(f"{what} is {value:g}, which no counter is", where=self._http.base_url)
        return int(value)

    def _check(self, query: Query, version: Digest) -> Check:
        try:
            samples = self.query(filled(query.promql, version=version))
        except HttpError as error:
            return _said(query, "inconclusive", " ".join(f"{error.where}: {error.what}".split()))
        if not samples:
            return _said(query, "inconclusive", "Prometheus has no data for it")
        if len(samples) > 1:
            return _said(query, "inconclusive", f"it answers {len(samples)} series and must answer one number")
        value = samples[0].value
        if not math.isfinite(value):
            return _said(query, "inconclusive", f"it is {value:g}, which is no number to judge by")
        if query.at_most is not None and value > query.at_most:
            return _said(query, "bad", f"{value:.6g} is above {query.at_most:g}", value, query.at_most)
        if query.at_least is not None and value < query.at_least:
            return _said(query, "bad", f"{value:.6g} is below {query.at_least:g}", value, query.at_least)
        return _said(query, "good", f"{value:.6g} is within bounds", value)


def filled(text: str, *, version: Digest, service: str = "") -> str:
    """The text with its placeholders filled: what is put in stays inside the quotes of a label's value, whatever it is."""
    parts = {"version": version.removeprefix("sha256:")[:12], "digest": version, "service": service}
    for name, value in parts.items():
        if value:
            text = text.replace("{{" + name + "}}", escaped(value))
    return text


def escaped(value: str) -> str:
    """A label's value for a PromQL string in single or double quotes; escapes of Go, the same in both."""
    return "".join(
        char if char.isascii() and (char.isalnum() or char in "_.:@/ -") else f"\\U{ord(char):08x}" for char in value
    )


def _said(
    query: Query, outcome: Judgement, reason: str, value: float | None = None, threshold: float | None = None
) -> Check:
    return Check(
        name=f"query {query.name}",
        outcome=outcome,
        reason=f"{query.name}: {reason}"[:2000],
        candidate=value,
        threshold=threshold,
    )


def _samples(data: dict[str, Any]) -> Iterator[Sample]:
    if data["resultType"] == "scalar":
        yield Sample({}, float(data["result"][1]))
    elif data["resultType"] == "vector":
        for item in data["result"]:
            yield Sample(dict(item["metric"]), float(item["value"][1]))
    else:
        raise ValueError(f"a {data['resultType']} is no number")
