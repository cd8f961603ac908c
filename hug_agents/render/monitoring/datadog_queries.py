"""Names and queries that Datadog's monitors, objectives and dashboard share. The Agent reads what the services export."""

from __future__ import annotations

import re
from decimal import Decimal

from hug_agents.render.naming import DURATION_METRIC, REQUESTS_METRIC
from hug_agents.slo import Slo, number
from hug_agents.spec import DeploymentSpec, Environment, Service

NAMESPACE = "app"
"""What the OpenMetrics check puts before the names of metrics."""
COUNTER = REQUESTS_METRIC.removesuffix("_total")
REQUESTS = f"{NAMESPACE}.{COUNTER}.count"
"""The counter, as the check submits it: `_total` becomes `.count`."""
DURATION = f"{NAMESPACE}.{DURATION_METRIC}"
"""The histogram, submitted as a distribution, so that percentiles and thresholds can be asked for."""
HEALTH = f"{NAMESPACE}.openmetrics.health"
"""The service check: whether the Agent could read the metrics of an instance."""
FAILED = "code:5*"
_TIMEFRAMES = (7, 30, 90)


def tags(spec: DeploymentSpec, *more: str) -> list[str]:
    """What everything of an application carries."""
    return ["managed_by:hug-agents", f"application:{spec.application}", *more]


def scope(environment: Environment | str, service: Service | str, *more: str) -> str:
    """The filter of a query: unified service tagging, then what else is asked for."""
    place = environment if isinstance(environment, str) else environment.name
    name = service if isinstance(service, str) else service.name
    return ",".join((f"env:{place}", f"service:{name}", *more))


def timeframe(slo: Slo) -> str:
    """Datadog knows objectives of 7, 30 and 90 days: the shortest that is not shorter, else the longest."""
    return f"{next((days for days in _TIMEFRAMES if days >= slo.window_days), _TIMEFRAMES[-1])}d"


def target(slo: Slo) -> float:
    """Percent of requests that are good."""
    return float(100 - slo.target_percent) if slo.kind == "error_rate" else float(slo.target_percent)


def good_and_all(slo: Slo, where: str) -> tuple[str, str]:
    """Good requests and all requests, as counts."""
    if slo.threshold_ms is None:
        return f"sum:{REQUESTS}{{{where},!{FAILED}}}.as_count()", f"sum:{REQUESTS}{{{where}}}.as_count()"
    seconds = number(Decimal(slo.threshold_ms) / 1000)
    return f"count(v: v<={seconds}):{DURATION}{{{where}}}.as_count()", f"count:{DURATION}{{{where}}}.as_count()"


def slo_file(slo: Slo, environment: Environment, service: str) -> str:
    """The file of an objective, and how monitors and dashboards refer to it before Datadog has given it an id."""
    return f"slos/{environment.name}.{service}.{slo.id}.json"


def reference(path: str) -> str:
    """Stands where the id of another document comes; whoever sends the documents fills it in."""
    return f"${{{path}}}"


def language(service: Service) -> str:
    """The source of its logs, by which Datadog picks the pipeline that reads them."""
    return service.build.stack.language if service.build and service.build.stack else "container"


def slug(text: str) -> str:
    """A part of a file name."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
