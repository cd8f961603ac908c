"""What Prometheus is asked of a new version: the triggers' bounds, the objectives' budgets, the spec's own queries.

Only metrics that this bundle's Prometheus is told to scrape are asked for. The new version is told apart by the label `track`
of its pods, which the scrape configuration carries over.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from hug_agents.errors import UnsupportedError
from hug_agents.render.naming import DURATION_METRIC, REQUESTS_METRIC
from hug_agents.slo import MIN_RANGE_SECONDS, number, scraped, slos
from hug_agents.spec import Analysis, DeploymentSpec, Line, Model, Service, Text

MIN_HEALTH_SECONDS = 60
"""Two scrapes: one that is missed is no failure."""


class Series(Model):
    """Which series are the new version's, and what a query calls it."""

    environment: Line
    track: Line
    """Empty: the pods have none."""
    version: Line | None
    """None: nothing tells it, and a query that names it is not asked."""
    range: Line = "5m"
    """How far back enough traffic is looked for."""

    def of(self, service: Service, more: str = "") -> str:
        """The selector of a service's."""
        track = f',track="{self.track}"' if self.track else ""
        return f'{{service="{service.name}",environment="{self.environment}"{track}{more}}}'


ARGUMENTS = Series(
    environment="{{args.environment}}", track="{{args.track}}", version="{{args.version}}", range="{{args.range}}"
)
"""As Argo Rollouts fills them in."""


class Bound(Model):
    """One query and the values that are good."""

    name: Line
    query: Text
    at_most: Decimal | None = None
    at_least: Decimal | None = None
    traffic: Text = ""
    """A query that has a value only where there was enough traffic to judge by; empty: it does not depend on traffic."""

    @property
    def good(self) -> str:
        """The condition, in Argo's expression language."""
        return " && ".join(f"result[0] {sign} {number(value)}" for sign, value in self._sides("<=", ">="))

    @property
    def bad(self) -> str:
        """Its contrary."""
        return " || ".join(f"result[0] {sign} {number(value)}" for sign, value in self._sides(">", "<"))

    def _sides(self, most: str, least: str) -> Iterator[tuple[str, Decimal]]:
        if self.at_most is not None:
            yield most, self.at_most
        if self.at_least is not None:
            yield least, self.at_least


def measured(spec: DeploymentSpec, service: Service) -> bool:
    """This bundle's Prometheus knows the service."""
    return "prometheus" in spec.toolchain.monitors and service in scraped(spec)


def bounds(spec: DeploymentSpec, service: Service, series: Series = ARGUMENTS) -> tuple[Bound, ...]:
    """Each bound of a service once; none where nothing measures it."""
    if not measured(spec, service):
        return ()
    found: dict[str, Bound] = {}
    for bound in (*_triggers(spec, service, series), *_objectives(spec, service, series), *_own(spec, series)):
        found.setdefault(bound.query, bound)
    return tuple(found.values())


def _triggers(spec: DeploymentSpec, service: Service, series: Series) -> Iterator[Bound]:
    for trigger in spec.triggers:
        window = f"{max(trigger.for_seconds, MIN_RANGE_SECONDS)}s"
        threshold = Decimal(str(trigger.threshold or 0))
        if trigger.metric == "error_rate":
            yield Bound(
                name=f"error-rate-{window}",
                query=f"100 * {_failed(service, series, window)}",
                at_most=threshold,
                traffic=_requests(service, series),
            )
        elif trigger.metric == "latency":
            buckets = f"sum by (le) (rate({DURATION_METRIC}_bucket{series.of(service)}[{window}]))"
            yield Bound(
                name=f"latency-p99-{window}",
                query=f"1000 * histogram_quantile(0.99, {buckets})",
                at_most=threshold,
                traffic=_requests(service, series),
            )
        elif trigger.metric == "health":
            # down for the whole window, as the trigger says; a single missed scrape is none
            window = f"{max(trigger.for_seconds, MIN_HEALTH_SECONDS)}s"
            yield Bound(
                name=f"health-{window}",
                query=f"min(max_over_time(up{series.of(service)}[{window}]))",
                at_least=Decimal(1),
            )


def _objectives(spec: DeploymentSpec, service: Service, series: Series) -> Iterator[Bound]:
    """The new version alone must not burn a budget as fast as the alert that wakes people."""
    for slo in slos(spec):
        if service.name not in slo.services:
            continue
        burn = slo.burns()[0]
        window = f"{burn.short_minutes}m"
        query = _failed(service, series, window)
        if slo.threshold_ms is not None:
            seconds = number(Decimal(slo.threshold_ms) / 1000)
            bucket = f',le="{seconds}"' if "." in seconds else f',le=~"{seconds}([.]0)?"'
            fast = f"sum(rate({DURATION_METRIC}_bucket{series.of(service, bucket)}[{window}]))"
            query = f"1 - {fast} / sum(rate({DURATION_METRIC}_count{series.of(service)}[{window}]))"
        yield Bound(
            name=slo.id.replace(".", "-")[:60], query=query, at_most=burn.ratio, traffic=_requests(service, series)
        )


def _own(spec: DeploymentSpec, series: Series) -> Iterator[Bound]:
    for query in spec.analysis.queries if spec.analysis else ():
        text = query.promql.replace("{{version}}", "\0")
        if "{{" in text or "}}" in text:
            raise UnsupportedError(
                f"the query {query.name} holds {{{{ or }}}}, which Argo Rollouts would read as an argument of its own",
                where="analysis.queries",
                hint="only {{version}} may stand in it",
            )
        if "\0" in text and series.version is None:
            continue
        yield Bound(
            name=f"query-{query.name}",
            query=text.replace("\0", series.version or ""),
            at_most=None if query.at_most is None else Decimal(str(query.at_most)),
            at_least=None if query.at_least is None else Decimal(str(query.at_least)),
        )


def _failed(service: Service, series: Series, window: str) -> str:
    bad = series.of(service, ',code=~"5.."')
    failed = f"sum(rate({REQUESTS_METRIC}{bad}[{window}]))"
    return f"({failed} or vector(0)) / sum(rate({REQUESTS_METRIC}{series.of(service)}[{window}]))"


def _requests(service: Service, series: Series) -> str:
    return f"sum(increase({REQUESTS_METRIC}{series.of(service)}[{series.range}]))"


def how(spec: DeploymentSpec) -> Analysis:
    """How a new version is watched."""
    return spec.analysis or Analysis()
