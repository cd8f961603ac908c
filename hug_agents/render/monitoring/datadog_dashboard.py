"""Datadog's dashboard, synthetic tests, catalogue entries and deployment gates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hug_agents import slo as objectives
from hug_agents.render.monitoring.datadog_monitors import slos
from hug_agents.render.monitoring.datadog_queries import (
    DURATION,
    FAILED,
    REQUESTS,
    language,
    reference,
    tags,
)
from hug_agents.render.monitoring.grafana_dashboards import error_limit, latency_limit
from hug_agents.render.monitoring.prometheus_rules import RUNBOOK
from hug_agents.render.naming import public_host
from hug_agents.spec import DeploymentSpec, Environment, Service

_CHOSEN = "$env,$service"


def dashboard(spec: DeploymentSpec) -> dict[str, Any]:
    """One dashboard: requests, errors, duration by service and version; objectives; what is behind."""
    production = (spec.production or spec.environments)[0].name
    return {
        "title": f"{spec.application}: overview",
        "description": "Requests, errors and duration by service and version, and the objectives. Written by hug_agents.",
        "layout_type": "ordered",
        "reflow_type": "auto",
        "notify_list": [],
        "template_variables": [
            {
                "name": "env",
                "prefix": "env",
                "available_values": [item.name for item in spec.environments],
                "defaults": [production],
            },
            {
                "name": "service",
                "prefix": "service",
                "available_values": [item.name for item in spec.services],
                "defaults": ["*"],
            },
        ],
        "widgets": [
            *([_group("Requests, errors, duration", list(_red(spec)))] if spec.web_services else []),
            *([_group("Objectives", found)] if (found := list(_objectives(spec))) else []),
            _group("Alerts", [_alerts(spec)]),
            *([_group("Workers and jobs", cluster)] if (cluster := list(_cluster(spec))) else []),
        ],
    }


def _group(title: str, widgets: list[dict[str, Any]]) -> dict[str, Any]:
    return {"definition": {"type": "group", "layout_type": "ordered", "title": title, "widgets": widgets}}


def _series(
    title: str, formula: str, queries: dict[str, str], *, limit: float | None = None, kind: str = "line"
) -> dict[str, Any]:
    """A time series of a formula over named queries."""
    markers = [{"value": f"y > {limit:g}", "display_type": "error dashed", "label": "limit"}] if limit else []
    return {
        "definition": {
            "type": "timeseries",
            "title": title,
            "show_legend": True,
            "legend_layout": "auto",
            "requests": [
                {
                    "response_format": "timeseries",
                    "display_type": kind,
                    "formulas": [{"formula": formula}],
                    "queries": [
                        {"data_source": "metrics", "name": name, "query": query} for name, query in queries.items()
                    ],
                }
            ],
            "markers": markers,
        }
    }


def _red(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    by = "{service,version}"
    total = f"sum:{REQUESTS}{{{_CHOSEN}}} by {by}.as_rate()"
    failed = f"sum:{REQUESTS}{{{_CHOSEN},{FAILED}}} by {by}.as_rate()"
    errors = error_limit(spec)
    yield _series("Requests a second, by version", "total", {"total": total}, kind="bars")
    yield _series(
        "Share of errors in %, by version",
        "100 * default_zero(failed) / total",
        {"failed": failed, "total": total},
        limit=errors[0] * 100 if errors else None,
    )
    slow = latency_limit(spec)
    for share in ("p50", "p99"):
        yield _series(
            f"Duration in seconds, {share}, by version",
            "slow",
            {"slow": f"{share}:{DURATION}{{{_CHOSEN}}} by {by}"},
            limit=slow[-1] if slow else None,
        )


def _objectives(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    for path, body in slos(spec):
        yield {
            "definition": {
                "type": "slo",
                "title": body["name"],
                "view_type": "detail",
                "view_mode": "overall",
                "slo_id": reference(path),
                "time_windows": [body["thresholds"][0]["timeframe"]],
                "show_error_budget": True,
            }
        }


def _alerts(spec: DeploymentSpec) -> dict[str, Any]:
    return {
        "definition": {
            "type": "manage_status",
            "title": "Monitors",
            "query": f"tag:(application:{spec.application}) tag:(managed_by:hug-agents)",
            "summary_type": "monitors",
            "display_format": "countsAndList",
            "color_preference": "text",
            "hide_zero_counts": True,
            "sort": "status,asc",
        }
    }


def _cluster(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    for service in objectives.cluster_watched(spec, "worker"):
        query = f"sum:kubernetes_state.deployment.replicas_available{{$env,kube_deployment:{service.name}}}"
        yield _series(f"{service.name}: available replicas", "replicas", {"replicas": query})


def percentiles() -> dict[str, Any]:
    """The distribution keeps percentiles, by the tags that the bundle asks for."""
    return {
        "data": {
            "type": "manage_tags",
            "id": DURATION,
            "attributes": {
                "metric_type": "distribution",
                "include_percentiles": True,
                "tags": ["code", "env", "service", "track", "version"],
            },
        }
    }


def synthetics(spec: DeploymentSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """What users see from outside, once a minute: the smoke tests that only read, else the health check."""
    for place in spec.environments:
        for service in spec.web_services:
            host = public_host(spec, place, service)
            if not host:
                continue
            reads = [item for item in spec.smoke_tests if item.service == service.name and item.method != "POST"]
            checks = [(item.method, item.path, item.status, item.max_ms) for item in reads]
            if not checks and service.health_path:
                checks = [("GET", service.health_path, 200, 2000)]
            for number, (method, path, status, most) in enumerate(checks, 1):
                yield (
                    f"synthetics/{place.name}.{service.name}.{number}.json",
                    _synthetic(spec, place, service, f"https://{host}{path}", method, status, most),
                )


def _synthetic(
    spec: DeploymentSpec, place: Environment, service: Service, url: str, method: str, status: int, most: int
) -> dict[str, Any]:
    production = place in objectives.promised_environments(spec)
    return {
        "name": f"{spec.application} {service.name} in {place.name}: {method} {url}"[:200],
        "type": "api",
        "subtype": "http",
        "status": "live",
        # An answer must be wrong from several places, twice in a row: one lost packet is no outage.
        "locations": ["aws:eu-west-1", "aws:us-east-1", "aws:ap-southeast-1"],
        "message": f"Users of {service.name} in {place.name} are not served. Runbook: {RUNBOOK}#servicedown "
        + (f"@pagerduty-{spec.application}" if production else f"@slack-{spec.application}-alerts"),
        "tags": tags(spec, f"service:{service.name}", f"env:{place.name}"),
        "config": {
            "request": {"method": method, "url": url, "timeout": 30},
            "assertions": [
                {"type": "statusCode", "operator": "is", "target": status},
                {"type": "responseTime", "operator": "lessThan", "target": most},
            ],
        },
        "options": {
            "tick_every": 60,
            "min_failure_duration": 120,
            "min_location_failed": 2,
            "retry": {"count": 2, "interval": 1000},
            "monitor_priority": 1 if production else 3,
        },
    }


def catalogue(spec: DeploymentSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entry of each service: who owns it, what it needs, where its runbook is."""
    for service in spec.services:
        links = []
        if spec.repository and spec.toolchain.ci == "github_actions":
            base = f"https://github.com/{spec.repository}"
            links = [
                {"name": "Source", "type": "repo", "provider": "github", "url": base},
                {"name": "Runbook", "type": "runbook", "url": f"{base}/blob/{spec.default_branch}/{RUNBOOK}"},
            ]
        stack = language(service)
        yield (
            f"catalogue/{service.name}.json",
            {
                "apiVersion": "v3",
                "kind": "service",
                "metadata": {
                    "name": service.name,
                    "displayName": f"{spec.application} {service.name}",
                    **({"owner": spec.owner} if spec.owner else {}),
                    "tags": tags(spec),
                    **({"links": links} if links else {}),
                },
                "spec": {
                    "type": {"web": "web", "worker": "worker", "job": "job"}[service.kind],
                    "lifecycle": "production" if spec.production else "experimental",
                    **({"languages": [stack]} if stack != "container" else {}),
                    "dependsOn": [
                        f"{'queue' if item.kind == 'queue' else 'datastore'}:{item.name}" for item in spec.dependencies
                    ],
                },
            },
        )


def gates(spec: DeploymentSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """A gate a service and place: a deployment goes on only while no rollback monitor of it alerts."""
    if not objectives.watched_triggers(spec):
        return
    for place in spec.environments:
        for service in spec.web_services:
            yield (
                f"gates/{place.name}.{service.name}.json",
                {
                    "data": {
                        "type": "deployment_gate",
                        "attributes": {
                            "service": service.name,
                            "env": place.name,
                            "identifier": spec.application,
                            "dry_run": False,
                        },
                    }
                },
            )
            yield (
                f"gate-rules/{place.name}.{service.name}.json",
                {
                    "data": {
                        "type": "deployment_rule",
                        "attributes": {
                            "name": "No rollback monitor alerts",
                            "type": "monitor",
                            "dry_run": False,
                            "options": {
                                "query": f"env:{place.name} service:{service.name} tag:action:rollback",
                                "duration": 300,
                            },
                        },
                    }
                },
            )
