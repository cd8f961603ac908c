"""Unit tests of the alerts on what should be there: instances, workers, jobs, and the alerting itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents import slo as objectives
from hug_agents.render.monitoring.prometheus_rules import LATE_SECONDS
from hug_agents.render.monitoring.prometheus_tests import expected, firing, silent
from hug_agents.render.naming import namespace
from hug_agents.spec import DeploymentSpec, Service

_ONE = [{"labels": "{}", "value": 1}]


def _test(name: str, series: dict[str, str], **checks: Any) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": row, "values": values} for row, values in series.items()],
        **checks,
    }


def presence_tests(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """The tests, evaluated every minute."""
    place = objectives.promised_environments(spec)[-1]
    tests: list[dict[str, Any]] = []
    for service in objectives.scraped(spec)[-1:]:
        tests += _instances(service.name, place.name)
    space = namespace(spec, place)
    for service in objectives.cluster_watched(spec, "worker"):
        tests += _worker(service, place.name, space)
    for service in objectives.cluster_watched(spec, "job"):
        tests += _job(service, place.name, space)
    name, says = objectives.WATCHDOG
    arrives = expected(
        spec,
        says,
        "Connect it to a service that tells someone when it stops arriving.",
        name,
        {"severity": "none", "application": spec.application},
    )
    tests.append(
        _test(
            f"{name}: always fires",
            {},
            alert_rule_test=[{"eval_time": "1m", "alertname": name, "exp_alerts": [arrives]}],
        )
    )
    return tests


def _instances(service: str, place: str) -> Iterable[dict[str, Any]]:
    down, instance = objectives.SERVICE_DOWN[0], objectives.INSTANCE_DOWN[0]
    me = {"service": service, "environment": place}
    one, two = (f'up{{service="{service}", environment="{place}", instance="{name}"}}' for name in ("a", "b"))
    yield _test(
        f"{down}, {instance}: silent while all answer",
        {one: "1x20", two: "1x20"},
        promql_expr_test=[silent("20m", alertname=name, **me) for name in (down, instance)],
    )
    yield _test(
        f"{instance}: fires for one of two, {down} does not",
        {one: "1x20", two: "0x20"},
        promql_expr_test=[
            silent("9m", alertname=instance, **me),
            {**firing("11m", alertname=instance, instance="b", **me), "exp_samples": _ONE},
            silent("20m", alertname=down, **me),
        ],
    )
    yield _test(
        f"{down}: fires when none answers",
        {one: "0x20", two: "0x20"},
        promql_expr_test=[
            silent("2m", alertname=down, **me),
            {**firing("4m", alertname=down, severity="page", **me), "exp_samples": _ONE},
        ],
    )
    yield _test(
        f"{down}: fires when none is found",
        {},
        promql_expr_test=[{**firing("4m", alertname=down, severity="page", **me), "exp_samples": _ONE}],
    )


def _worker(service: Service, place: str, space: str) -> Iterable[dict[str, Any]]:
    name = objectives.WORKER_DOWN[0]
    me = {"alertname": name, "service": service.name, "environment": place}
    row = f'kube_deployment_status_replicas_available{{namespace="{space}", deployment="{service.name}"}}'
    yield _test(f"{name}: silent with one replica", {row: "1x20"}, promql_expr_test=[silent("20m", **me)])
    for title, series in (("without a replica", {row: "0x20"}), ("without a Deployment", {})):
        yield _test(
            f"{name}: fires {title}",
            series,
            promql_expr_test=[silent("4m", **me), {**firing("6m", **me), "exp_samples": _ONE}],
        )


def _job(service: Service, place: str, space: str) -> Iterable[dict[str, Any]]:
    name = objectives.JOB_FAILED[0]
    me = {"alertname": name, "service": service.name, "environment": place}
    row = f'kube_job_status_failed{{namespace="{space}", job_name="{service.name}-29000000"}}'
    other = f'kube_job_status_failed{{namespace="{space}", job_name="{service.name}-migrate"}}'
    yield _test(f"{name}: fires", {row: "1x5"}, promql_expr_test=[{**firing("2m", **me), "exp_samples": _ONE}])
    yield _test(
        f"{name}: silent for a run that succeeded, and for another job",
        {row: "0x5", other: "1x5"},
        promql_expr_test=[silent("2m", **me)],
    )
    if service.schedule:
        name = objectives.JOB_MISSED[0]
        me = {**me, "alertname": name}
        row = f'kube_cronjob_next_schedule_time{{namespace="{space}", cronjob="{service.name}"}}'
        minutes = LATE_SECONDS // 60
        yield _test(
            f"{name}: fires {minutes} minutes after a run was due",
            {row: f"0x{minutes + 5}"},
            promql_expr_test=[
                silent(f"{minutes - 1}m", **me),
                {**firing(f"{minutes + 1}m", **me), "exp_samples": _ONE},
            ],
        )
