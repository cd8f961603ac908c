"""Two dashboards: what users see and what serves them (`overview`), and how fast error budgets burn (`objectives`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from hug_agents import slo as objectives
from hug_agents.render.infrastructure.aws.dependencies import backing
from hug_agents.render.monitoring.grafana_panels import (
    Row,
    cloudwatch,
    dashboard,
    elasticsearch,
    logs,
    prometheus,
    query,
    series,
    stat,
    timeline,
)
from hug_agents.render.monitoring.prometheus_rules import BAD_RATIO, bad_ratio, duration, matching, sli
from hug_agents.render.naming import DURATION_METRIC, REQUESTS_METRIC, namespace, stack_name
from hug_agents.slo import Slo, number
from hug_agents.spec import DeploymentSpec

CHOSEN = 'service=~"$service", environment="$environment"'
_RATE = "$__rate_interval"
FIRED = "ALERTS"
"""The series that Prometheus itself keeps of alerts."""


def dashboards(spec: DeploymentSpec) -> dict[str, dict[str, Any]]:
    """By file name. A spec without objectives that can be measured has no second one."""
    found = {"overview": _overview(spec)}
    if objectives.slos(spec):
        found["objectives"] = _objectives(spec)
    return found


def _overview(spec: DeploymentSpec) -> dict[str, Any]:
    rows = (
        Row("Requests, errors, duration", tuple(_red(spec)) if spec.web_services else ()),
        Row("By track: what a rollout compares", tuple(_tracks(spec))),
        Row("Alerts", tuple(_alerts(spec))),
        Row("Saturation", (*_load(spec), *_cloud(spec))),
        Row("Workers and jobs", tuple(_cluster(spec))),
        Row("Dependencies", tuple(_dependencies(spec))),
        Row("Logs", tuple(_logs(spec))),
    )
    about = "Requests, errors and duration of each service and track; what is saturated; deployments as vertical lines."
    return dashboard(
        spec, "overview", f"{spec.application}: overview", about, rows, annotations=list(_annotations(spec))
    )


def _objectives(spec: DeploymentSpec) -> dict[str, Any]:
    rows = (Row(slo.sentence[0].upper() + slo.sentence[1:], tuple(_budget(spec, slo))) for slo in objectives.slos(spec))
    about = "How much of each error budget is left, and how fast it burns. Above the red line an alert fires."
    return dashboard(
        spec, "objectives", f"{spec.application}: objectives", about, rows, annotations=list(_annotations(spec))
    )


def _annotations(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    source = {"type": "grafana", "uid": "-- Grafana --"}
    yield {
        "name": "Deployments",
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "datasource": source,
        "target": {"type": "tags", "tags": ["deployment", spec.application], "matchAny": False, "limit": 100},
    }
    yield {
        "name": "Alerts that page",
        "enable": True,
        "hide": False,
        "iconColor": "red",
        "datasource": prometheus(spec),
        "expr": f'{FIRED}{{alertstate="firing", severity="page", environment="$environment"}}',
    }


def error_limit(spec: DeploymentSpec) -> tuple[float, ...]:
    """The share of failed requests that is a matter: the strictest trigger, else the fastest burn of an objective."""
    shares = [float(item.threshold) / 100 for item in spec.triggers if item.metric == "error_rate" and item.threshold]
    shares = shares or [float(s.burns()[0].ratio) for s in objectives.slos(spec) if s.threshold_ms is None]
    return (min(shares),) if shares else ()


def latency_limit(spec: DeploymentSpec) -> tuple[float, ...]:
    """The seconds that are a matter: those of the objectives, and those of the triggers where they are longer."""
    slow = [item.threshold_ms / 1000 for item in objectives.slos(spec) if item.threshold_ms]
    back = [float(item.threshold) / 1000 for item in spec.triggers if item.metric == "latency" and item.threshold]
    found = sorted({*([min(slow)] if slow else []), *([min(back)] if back else [])})
    return tuple(found)


def _red(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    source = prometheus(spec)
    total = f"sum by (service) (rate({REQUESTS_METRIC}{{{CHOSEN}}}[{_RATE}]))"
    yield series("Requests", "Answered requests a second.", [query(source, total, "{{service}}")], unit="reqps")
    yield series(
        "Errors",
        "The share of requests answered with 5xx. 4xx is the client's.",
        [query(source, bad_ratio(CHOSEN, None, _RATE), "{{service}}")],
        unit="percentunit",
        limits=error_limit(spec),
    )
    yield series(
        "Duration",
        "How long answers take: half of them, 95 % and 99 % are faster.",
        [
            query(source, _quantile(share, "service"), f"{{{{service}}}} p{number(share * 100)}")
            for share in (Decimal("0.5"), Decimal("0.95"), Decimal("0.99"))
        ],
        unit="s",
        limits=latency_limit(spec),
    )
    codes = f"sum by (service, code) (rate({REQUESTS_METRIC}{{{CHOSEN}}}[{_RATE}]))"
    yield series(
        "Status codes",
        "Requests a second by the status that they were answered with.",
        [query(source, codes, "{{service}} {{code}}")],
        unit="reqps",
        width=24,
    )


def _quantile(share: Decimal, *by: str) -> str:
    labels = ", ".join(("le", *by))
    return f"histogram_quantile({share}, sum by ({labels}) (rate({DURATION_METRIC}_bucket{{{CHOSEN}}}[{_RATE}])))"


def _tracks(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    """On Kubernetes the pods of a rollout carry their track, and the scrape configuration keeps it."""
    if spec.toolchain.runtime != "kubernetes" or spec.strategy.kind == "rolling" or not spec.web_services:
        return
    source = prometheus(spec)
    chosen = f'{CHOSEN}, track!=""'
    by = "sum by (service, track)"
    total = f"{by} (rate({REQUESTS_METRIC}{{{chosen}}}[{_RATE}]))"
    failed = f'{by} (rate({REQUESTS_METRIC}{{{chosen}, code=~"5.."}}[{_RATE}]))'
    legend = "{{service}} {{track}}"
    yield series("Requests by track", "Who takes the traffic.", [query(source, total, legend)], unit="reqps")
    yield series(
        "Errors by track",
        "If the new one is worse than the old one, the rollout is to be stopped.",
        [query(source, f"({failed} or 0 * {total}) / {total}", legend)],
        unit="percentunit",
        limits=error_limit(spec),
    )
    buckets = f"sum by (le, service, track) (rate({DURATION_METRIC}_bucket{{{chosen}}}[{_RATE}]))"
    yield series(
        "Duration by track, p99",
        "99 % of the answers are faster.",
        [query(source, f"histogram_quantile(0.99, {buckets})", legend)],
        unit="s",
        limits=latency_limit(spec),
    )


def _alerts(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    watched = 'alertstate="firing", alertname!="Watchdog", environment="$environment"'
    yield timeline(
        "Firing alerts",
        "Each has an entry in docs/runbook.md.",
        [
            query(
                prometheus(spec),
                f"sum by (alertname, service, severity) ({FIRED}{{{watched}}})",
                "{{alertname}} {{service}} ({{severity}})",
            )
        ],
    )


def _load(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    if not spec.web_services:
        return
    source = prometheus(spec)
    busy = f"sum by (service) (rate({DURATION_METRIC}_sum{{{CHOSEN}}}[{_RATE}]))"
    yield series(
        "Requests in flight",
        "The mean number that is being answered (Little's law). Rising at the same rate: something behind is slow.",
        [query(source, busy, "{{service}}")],
        unit="short",
    )
    each = f"sum by (service, instance) (rate({REQUESTS_METRIC}{{{CHOSEN}}}[{_RATE}]))"
    yield series(
        "Requests of each instance",
        "Uneven: the load balancer, or an instance that is ill.",
        [query(source, each, "{{service}} {{instance}}")],
        unit="reqps",
    )
    if objectives.scraped(spec):
        yield series(
            "Instances that answer",
            "How many can be scraped.",
            [query(source, f"sum by (service) (up{{{CHOSEN}}})", "{{service}}")],
            unit="short",
        )


def _cloud(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    """CPU and memory of ECS services: CloudWatch knows them, Prometheus does not."""
    if spec.toolchain.runtime != "ecs":
        return
    for metric, title in (("CPUUtilization", "CPU"), ("MemoryUtilization", "Memory")):
        targets = [
            _cloudwatch(
                spec,
                "AWS/ECS",
                metric,
                {"ClusterName": [stack_name(spec, place)], "ServiceName": ["*"]},
                f"{place.name} ${{PROP('Dim.ServiceName')}}",
                place.region or "default",
            )
            for place in spec.environments
        ]
        yield series(
            f"{title} of each service",
            "Of what its tasks may use.",
            targets,
            unit="percent",
            limits=(75, 90),
            maximum=100,
            width=12,
        )


def uses_cloudwatch(spec: DeploymentSpec) -> bool:
    """Whether a panel asks CloudWatch."""
    return spec.toolchain.runtime == "ecs" or any(True for _ in _dependencies(spec))


_CLOUD_METRICS = {
    "postgres": ("AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", "CPU", "percent"),
    "mysql": ("AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", "CPU", "percent"),
    "redis": ("AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "CacheClusterId", "memory in use", "percent"),
    "queue": ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "age of the oldest message", "s"),
}
"""Of a managed dependency on AWS: the metric that says first that it is too small."""


def _dependencies(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    places = [place for place in spec.environments if place.cloud == "aws"]
    for item in spec.dependencies:
        if not (item.managed and places and item.kind in _CLOUD_METRICS and spec.toolchain.iac):
            continue
        space, metric, dimension, what, unit = _CLOUD_METRICS[item.kind]
        node = "-001" if dimension == "CacheClusterId" else ""  # as ElastiCache names the nodes of a group
        yield series(
            f"{item.name}: {what}",
            "As CloudWatch sees it, in every environment.",
            [
                _cloudwatch(
                    spec,
                    space,
                    metric,
                    {dimension: [backing(spec, place, item).resource + node]},
                    place.name,
                    place.region or "default",
                )
                for place in places
            ],
            unit=unit,
            limits=(75, 90) if unit == "percent" else (60, 300),
            **({"maximum": 100} if unit == "percent" else {}),
        )


def _cloudwatch(
    spec: DeploymentSpec, space: str, metric: str, dimensions: dict[str, list[str]], label: str, region: str
) -> dict[str, Any]:
    return {
        "datasource": cloudwatch(spec),
        "queryMode": "Metrics",
        "metricQueryType": 0,
        "metricEditorMode": 0,
        "namespace": space,
        "metricName": metric,
        "dimensions": dimensions,
        "matchExact": False,
        "statistic": "Maximum",
        "period": "60",
        "region": region,
        "id": "",
        "expression": "",
        "label": label,
    }


def _cluster(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    source = prometheus(spec)
    spaces = matching("namespace", (namespace(spec, place) for place in spec.environments))
    if workers := objectives.cluster_watched(spec, "worker"):
        of = f"{spaces}, {matching('deployment', (item.name for item in workers))}"
        expr = f"sum by (namespace, deployment) (kube_deployment_status_replicas_available{{{of}}})"
        yield series(
            "Workers that are available",
            "In every environment, by namespace.",
            [query(source, expr, "{{namespace}} {{deployment}}")],
            unit="short",
            width=12,
        )
    if jobs := objectives.cluster_watched(spec, "job"):
        names = "|".join(f"{item.name}(-[0-9]+)?" for item in jobs)
        expr = f'max by (namespace, job_name) (kube_job_status_failed{{{spaces}, job_name=~"{names}"}})'
        yield series(
            "Failed pods of jobs",
            "In every environment, by run.",
            [query(source, expr, "{{namespace}} {{job_name}}")],
            unit="short",
            limits=(1,),
            width=12,
        )


def _logs(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    if "elk" not in spec.toolchain.monitors:
        return
    yield logs(
        "Errors in the logs",
        "Lines of level error and above, of the chosen environment.",
        [
            {
                "datasource": elasticsearch(spec),
                "query": 'service.environment:"$environment" AND log.level:(error OR critical OR fatal)',
                "alias": "",
                "timeField": "@timestamp",
                "metrics": [{"id": "1", "type": "logs", "settings": {"limit": "200"}}],
                "bucketAggs": [],
            }
        ],
    )


def _budget(spec: DeploymentSpec, slo: Slo) -> Iterable[dict[str, Any]]:
    source = prometheus(spec)
    selector = f'{matching("service", slo.services)}, environment="$environment"'
    left = f"1 - ({bad_ratio(selector, slo.threshold_ms, f'{slo.window_days}d')}) / {number(slo.budget)}"
    steps = {
        "mode": "absolute",
        "steps": [
            {"color": "red", "value": None},
            {"color": "orange", "value": 0},
            {"color": "green", "value": 0.25},
        ],
    }
    yield stat(
        "Error budget left",
        f"Of {objectives.days(slo.window_days)}. Below 0 the objective is missed.",
        [query(source, left, "{{service}}", instant=True)],
        unit="percentunit",
        steps=steps,
    )
    windows = sorted({minutes for burn in slo.burns() for minutes in (burn.long_minutes, burn.short_minutes)})
    limits = sorted({float(round(burn.ratio / slo.budget, 2)) for burn in slo.burns() if burn.severity == "page"})
    yield series(
        "Burn rate",
        "1 uses the budget up exactly at the end of its period. An alert fires when both of its windows are above.",
        [
            query(
                source,
                f"({_ratio(spec, slo, selector, duration(minutes))}) / {number(slo.budget)}",
                f"{{{{service}}}} {duration(minutes)}",
            )
            for minutes in windows
        ],
        unit="short",
        limits=tuple(limits[-2:]),
        width=16,
    )


def _ratio(spec: DeploymentSpec, slo: Slo, selector: str, window: str) -> str:
    """The share that the rules of the Prometheus beside it record."""
    return f'{BAD_RATIO}{window}{{sli="{sli(slo)}", {selector}}}'
