"""Datadog's objectives and monitors: the same alerts as elsewhere in the bundle, by name and by limit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hug_agents import slo as objectives
from hug_agents.render.monitoring.datadog_queries import (
    DURATION,
    FAILED,
    HEALTH,
    REQUESTS,
    good_and_all,
    reference,
    scope,
    slo_file,
    slug,
    tags,
    target,
    timeframe,
)
from hug_agents.render.monitoring.prometheus_rules import RUNBOOK, duration
from hug_agents.render.naming import namespace
from hug_agents.slo import Burn, Slo, number
from hug_agents.spec import DeploymentSpec, Environment, Service, Trigger

_LONGEST_MINUTES = 48 * 60
"""Datadog looks back no further for a burn rate."""
_PRIORITY = {"page": 1, "ticket": 3, "none": 5}


def slos(spec: DeploymentSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """File and body of each objective, one a service and place that it holds for."""
    for slo in objectives.slos(spec):
        for place in objectives.promised_environments(spec):
            for name in slo.services:
                good, total = good_and_all(slo, scope(place, name))
                yield (
                    slo_file(slo, place, name),
                    {
                        "type": "metric",
                        "name": f"{spec.application}: {name} in {place.name}: {slo.sentence}",
                        "description": f"{slo.sentence}. Alerts on it are in {RUNBOOK}.",
                        "query": {"numerator": good, "denominator": total},
                        "thresholds": [{"timeframe": timeframe(slo), "target": target(slo)}],
                        "tags": tags(spec, f"service:{name}", f"env:{place.name}", f"slo:{slo.id}"),
                    },
                )


def monitors(spec: DeploymentSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """File and body of each monitor."""
    for place in objectives.promised_environments(spec):
        for slo in objectives.slos(spec):
            for name in slo.services:
                for burn in slo.burns():
                    yield _burn(spec, place, slo, burn, name)
                yield _no_data(spec, place, slo, name)
        for service in objectives.scraped(spec):
            yield _down(spec, place, service)
            yield _instance(spec, place, service, objectives.INSTANCE_DOWN, "ticket", 10)
        yield from _cluster(spec, place)
    for place in spec.environments:
        for trigger in objectives.watched_triggers(spec):
            services = objectives.scraped(spec) if trigger.metric == "health" else spec.web_services
            for service in services:
                yield _trigger(spec, place, trigger, service)


def _monitor(
    spec: DeploymentSpec,
    alert: tuple[str, str],
    severity: objectives.Severity,
    place: Environment,
    service: str,
    *,
    kind: str,
    query: str,
    critical: float,
    detail: str,
    more: str = "",
    options: dict[str, Any] | None = None,
    labels: tuple[str, ...] = (),
) -> tuple[str, dict[str, Any]]:
    name, says = alert
    # Only production wakes someone; the same trigger elsewhere is seen by the rollout alone.
    woken = severity == "page" and place in objectives.promised_environments(spec)
    whom = f"@pagerduty-{spec.application}" if woken else f"@slack-{spec.application}-alerts"
    path = f"monitors/{place.name}.{service}.{slug(name)}{f'.{slug(more)}' if more else ''}.json"
    message = "\n".join(
        (
            f"{service} in {place.name}: {says}.",
            "",
            detail,
            "",
            f"Runbook: {RUNBOOK}#{name.lower()}",
            "",
            f"{{{{#is_alert}}}}{whom}{{{{/is_alert}}}}{{{{#is_no_data}}}}{whom}{{{{/is_no_data}}}}"
            f"{{{{#is_recovery}}}}{whom}{{{{/is_recovery}}}}",
        )
    )
    return path, {
        "name": f"{name}: {spec.application} {service} in {place.name}{f' ({more})' if more else ''}",
        "type": kind,
        "query": query,
        "message": message,
        "tags": tags(spec, f"service:{service}", f"env:{place.name}", f"alert:{name.lower()}", *labels),
        "priority": _PRIORITY[severity] if woken else 3,
        "options": {
            "thresholds": {"critical": critical},
            "include_tags": True,
            "notify_audit": False,
            "renotify_interval": 60 if woken else 720,
            "renotify_statuses": ["alert"],
            **(options or {}),
        },
    }


def _burn(spec: DeploymentSpec, place: Environment, slo: Slo, burn: Burn, service: str) -> tuple[str, dict[str, Any]]:
    long = min(burn.long_minutes, _LONGEST_MINUTES)
    short = max(5, min(burn.short_minutes, long // 12))
    rate = float(round(burn.ratio / slo.budget, 4))
    document = reference(slo_file(slo, place, service))
    return _monitor(
        spec,
        objectives.burn_alert(slo, burn),
        burn.severity,
        place,
        service,
        kind="slo alert",
        query=(
            f'burn_rate("{document}").over("{timeframe(slo)}").long_window("{_hours(long)}")'
            f'.short_window("{_hours(short)}") > {number(rate)}'
        ),
        critical=rate,
        detail=f"More than {number(burn.ratio * 100)} % of the requests of the last {duration(long)} and of the last "
        f"{duration(short)} were bad. {slo.outlook(burn)}",
        more=slo.id,
        labels=(f"slo:{slo.id}",),
    )


def _hours(minutes: int) -> str:
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def _no_data(spec: DeploymentSpec, place: Environment, slo: Slo, service: str) -> tuple[str, dict[str, Any]]:
    metric = "count:" + DURATION if slo.threshold_ms else "sum:" + REQUESTS
    return _monitor(
        spec,
        objectives.NO_DATA,
        "ticket",
        place,
        service,
        kind="query alert",
        # Never true: what is told is that there is nothing to look at.
        query=f"sum(last_15m):{metric}{{{scope(place, service)}}}.as_count() < 0",
        critical=0,
        detail=f"«{slo.sentence}» cannot be judged: the Agent must be able to read the metrics of the service.",
        more=slo.id,
        options={"on_missing_data": "show_and_notify_no_data", "require_full_window": False},
        labels=(f"slo:{slo.id}",),
    )


def _down(spec: DeploymentSpec, place: Environment, service: Service) -> tuple[str, dict[str, Any]]:
    return _monitor(
        spec,
        objectives.SERVICE_DOWN,
        "page",
        place,
        service.name,
        kind="query alert",
        query=f"sum(last_5m):sum:{REQUESTS}{{{scope(place, service)}}}.as_count() < 0",
        critical=0,
        detail="The Agent can read no instance, or none is there. Users may get no answer at all.",
        options={"on_missing_data": "show_and_notify_no_data", "require_full_window": False},
    )


def _instance(
    spec: DeploymentSpec,
    place: Environment,
    service: Service,
    alert: tuple[str, str],
    severity: objectives.Severity,
    failures: int,
    *,
    more: str = "",
    labels: tuple[str, ...] = (),
) -> tuple[str, dict[str, Any]]:
    """The service check of each instance: so many failures in a row, one every 15 seconds."""
    filters = ",".join(f'"{item}"' for item in (f"env:{place.name}", f"service:{service.name}"))
    each = "pod_name" if spec.toolchain.runtime == "kubernetes" else "task_arn"
    return _monitor(
        spec,
        alert,
        severity,
        place,
        service.name,
        kind="service check",
        query=f'"{HEALTH}".over({filters}).by("{each}").last({failures + 1}).count_by_status()',
        critical=failures,
        detail="An instance does not show its metrics; the others may carry its load.",
        more=more,
        options={
            "thresholds": {"critical": failures, "ok": 2},
            "notify_no_data": False,  # an instance that was replaced is gone for good
            "new_group_delay": 120,
        },
        labels=labels,
    )


def _trigger(
    spec: DeploymentSpec, place: Environment, trigger: Trigger, service: Service
) -> tuple[str, dict[str, Any]]:
    alert, severity = objectives.trigger_alert(trigger), objectives.trigger_severity(trigger)
    more, labels = objectives.trigger_id(trigger), ("action:rollback", f"trigger:{objectives.trigger_id(trigger)}")
    if trigger.metric == "health":
        failures = max(2, min(99, -(-trigger.for_seconds // 15)))
        return _instance(spec, place, service, alert, severity, failures, more=more, labels=labels)
    minutes = max(2, -(-trigger.for_seconds // 60))
    where = scope(place, service)
    if trigger.metric == "error_rate":
        limit = float(trigger.threshold or 0)
        query = (
            f"sum(last_{minutes}m):100 * default_zero(sum:{REQUESTS}{{{where},{FAILED}}}.as_count()) / "
            f"sum:{REQUESTS}{{{where}}}.as_count() > {number(limit)}"
        )
        detail = f"{{{{value}}}} % of the requests of the last {minutes} minutes failed."
    else:
        limit = float(Decimal(str(trigger.threshold or 0)) / 1000)
        query = f"percentile(last_{minutes}m):p99:{DURATION}{{{where}}} > {number(limit)}"
        detail = f"99 % of the requests of the last {minutes} minutes took up to {{{{value}}}} s."
    return _monitor(
        spec,
        alert,
        severity,
        place,
        service.name,
        kind="query alert",
        query=query,
        critical=limit,
        detail=f"{detail} If a release is under way, it is to be rolled back.",
        more=more,
        options={"on_missing_data": "default", "require_full_window": False},
        labels=labels,
    )


def _cluster(spec: DeploymentSpec, place: Environment) -> Iterator[tuple[str, dict[str, Any]]]:
    """Workers and jobs, as the Agent's Kubernetes State check sees them."""
    space = namespace(spec, place)
    for service in objectives.cluster_watched(spec, "worker"):
        where = f"kube_namespace:{space},kube_deployment:{service.name}"
        yield _monitor(
            spec,
            objectives.WORKER_DOWN,
            "page",
            place,
            service.name,
            kind="query alert",
            query=f"max(last_5m):sum:kubernetes_state.deployment.replicas_available{{{where}}} < 1",
            critical=1,
            detail="Its Deployment has no available replica, or is not there: its work waits.",
            options={"on_missing_data": "show_and_notify_no_data"},
        )
    for service in objectives.cluster_watched(spec, "job"):
        kind = "kube_cronjob" if service.schedule else "kube_job"
        filters = f'"kube_namespace:{space}","{kind}:{service.name}"'
        check = "cronjob.complete" if service.schedule else "job.complete"
        yield _state_check(spec, place, service, objectives.JOB_FAILED, check, filters, "Its log says why.")
        if service.schedule:
            yield _state_check(
                spec, place, service, objectives.JOB_MISSED, "cronjob.on_schedule_check", filters, "It is overdue."
            )


def _state_check(
    spec: DeploymentSpec,
    place: Environment,
    service: Service,
    alert: tuple[str, str],
    check: str,
    filters: str,
    detail: str,
) -> tuple[str, dict[str, Any]]:
    return _monitor(
        spec,
        alert,
        "ticket",
        place,
        service.name,
        kind="service check",
        query=f'"kubernetes_state.{check}".over({filters}).last(2).count_by_status()',
        critical=1,
        detail=detail,
        options={"thresholds": {"critical": 1, "ok": 1}, "notify_no_data": False},
    )
