"""The metrics for Prometheus. Counters are of the whole log; the ratios are of the window that was asked for.

Each scrape reads the ledger on from where the last one stopped.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from hug_agents.approve.clock import Clock, Instant, instant, later
from hug_agents.approve.ledger import Ledger
from hug_agents.errors import MissingExtra, UsageError
from hug_agents.measure.metrics import Scope, figures
from hug_agents.measure.timeline import Place, Timeline

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_PLACE = ("application", "environment", "role")
_RATIOS = {
    "deployment_success_rate": ("hug_deployment_success_ratio", "Share of ended deployments that succeeded."),
    "change_failure_rate": ("hug_change_failure_ratio", "Share of ended deployments that failed, then or afterwards."),
    "rollback_rate": ("hug_rollback_ratio", "Share of ended deployments that were rolled back."),
    "configuration_drift_rate": ("hug_configuration_drift_ratio", "Share of looks for drift that found some."),
}
Begins = Callable[[Instant], Instant | None]
"""When the window of the ratios begins, seen from an instant."""


class Exposition:
    """A collector of prometheus_client over one ledger."""

    def __init__(self, ledger: Ledger, clock: Clock, begins: Begins = lambda _: None) -> None:
        self._ledger = ledger
        self._clock = clock
        self._begins = begins
        self._timeline = Timeline()
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Every family, after the ledger was read on."""
        with self._lock:
            yield from _families(self._timeline.follow(self._ledger), instant(self._clock()), self._begins)

    def describe(self) -> Iterator[Metric]:
        """Nothing: a registry need not read the ledger to know that the names are ours."""
        yield from ()


class Server:
    """An HTTP server of `/metrics`; `port` is the one that it got."""

    def __init__(self, exposition: Exposition, host: str, port: int) -> None:
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError as error:
            raise MissingExtra("--serve", "metrics") from error
        registry = CollectorRegistry()
        registry.register(exposition)
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        except (OSError, OverflowError) as error:
            raise UsageError(f"cannot listen there: {error}", where=f"{host}:{port}", hint="--serve PORT") from error
        self.host = host
        self.port: int = self._server.server_port

    def wait(self) -> None:
        """Until the process is told to end."""
        try:
            self._thread.join()
        finally:
            self.close()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _families(timeline: Timeline, now: Instant, begins: Begins) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    attempts = [item for item in timeline.attempts if item.outcome]
    failures = [item for item in timeline.failures if item.by != "dismissed"]
    label = _labels(timeline)
    yield _counter(
        "hug_deployments", "Deployments that ended, by how.", (*_PLACE, "outcome"),
        ((*label(item.place), item.outcome) for item in attempts),
    )  # fmt: skip
    yield _counter(
        "hug_change_failures", "Deployments that failed, were rolled back or caused an incident.", _PLACE,
        (label(item.place) for item in attempts if item.failed),
    )  # fmt: skip
    yield _counter(
        "hug_rollbacks", "Deployments that were rolled back.", _PLACE,
        (label(item.place) for item in attempts if item.rolled_back),
    )  # fmt: skip
    yield _counter(
        "hug_drift_checks", "Looks for drift, by what was seen.", (*_PLACE, "status"),
        ((*label(item.place), item.status) for item in timeline.checks),
    )  # fmt: skip
    yield _counter(
        "hug_reviews", "Decisions that people signed, by verdict.", ("application", "verdict"),
        ((timeline.applications.get(item.release, ""), item.verdict) for item in timeline.reviews),
    )  # fmt: skip
    yield _summary(
        "hug_deployment_duration_seconds", "From the beginning to the end of deployments that succeeded.", _PLACE,
        ((label(item.place), item.seconds) for item in attempts if item.outcome == "deployed"),
    )  # fmt: skip
    yield _summary(
        "hug_recovery_duration_seconds", "From the first sign of a failure until service was restored.", _PLACE,
        ((label(item.place), item.ended - item.began) for item in failures if item.ended is not None),
    )  # fmt: skip
    yield _summary(
        "hug_review_duration_seconds", "From putting a packet before people to a decision on it.", ("application",),
        (((timeline.applications.get(item.release, ""),), item.seconds) for item in timeline.reviews),
    )  # fmt: skip
    going = GaugeMetricFamily("hug_deployments_in_progress", "Deployments that have not ended.", labels=_PLACE)
    broken = GaugeMetricFamily("hug_failures_unrecovered", "Failures that nothing has ended yet.", labels=_PLACE)
    drifted = GaugeMetricFamily("hug_drifted", "Whether the last look that could tell found drift.", labels=_PLACE)
    last = {item.place: item for item in timeline.checks if item.status != "unknown"}
    opened = Counter(item.place for item in timeline.attempts if not item.outcome)
    hurting = Counter(item.place for item in failures if item.ended is None)
    places = sorted({item.place for item in timeline.attempts} | {item.place for item in timeline.failures})
    for place in places:
        going.add_metric(label(place), opened[place])
        broken.add_metric(label(place), hurting[place])
    for place, check in sorted(last.items()):
        drifted.add_metric(label(place), check.status == "drifted")
    yield from (going, broken, drifted)
    yield from _ratios(timeline, now, begins, places)


def _ratios(timeline: Timeline, now: Instant, begins: Begins, places: list[Place]) -> Iterator[Metric]:
    """Shares of the window, between 0 and 1; a place without data has no sample."""
    from prometheus_client.core import GaugeMetricFamily

    label = _labels(timeline)
    families = {name: GaugeMetricFamily(*about, labels=_PLACE) for name, about in _RATIOS.items()}
    for place in places:
        scope = Scope(
            application=place.application,
            environment=place.environment,
            since=begins(now),
            until=later(now, seconds=1),
        )
        for figure in figures(timeline, scope).figures:
            if figure.name in families and figure.value is not None:
                families[figure.name].add_metric(label(place), figure.value / 100)
    yield from families.values()


def _labels(timeline: Timeline) -> Callable[[Place], tuple[str, str, str]]:
    return lambda place: (*place, timeline.roles.get(place, ""))


def _counter(name: str, about: str, labels: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, about, labels=labels)
    for row, count in sorted(Counter(rows).items()):
        family.add_metric(row, count)
    return family


def _summary(
    name: str, about: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], int | None]]
) -> Metric:
    from prometheus_client.core import SummaryMetricFamily

    family = SummaryMetricFamily(name, about, labels=labels)
    sums: dict[tuple[str, ...], list[int]] = {}
    for row, seconds in rows:
        if seconds is not None:
            sums.setdefault(row, []).append(seconds)
    for row, listed in sorted(sums.items()):
        family.add_metric(row, count_value=len(listed), sum_value=sum(listed))
    return family


def address(text: str) -> tuple[str, int]:
    """`PORT` or `HOST:PORT`; without a host only this machine is answered. Raises UsageError."""
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise UsageError(f"{text[:60]!r} is not an address", where="--serve", hint="9464 or 0.0.0.0:9464")
    return host.strip("[]") or "127.0.0.1", int(port)


def text_of(exposition: Any) -> str:
    """What a scrape would get, as text. Raises MissingExtra."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError as error:
        raise MissingExtra("--serve", "metrics") from error
    registry = CollectorRegistry()
    registry.register(exposition)
    return generate_latest(registry).decode()
