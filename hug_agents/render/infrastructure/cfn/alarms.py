"""Alarms. A trigger is about one slot, and a rollout watches it: a canary at 5 % is judged by its own requests, not lost
among the others'. An objective is about the service as its users see it, and wakes a person.
"""

from __future__ import annotations

from typing import Any

from hug_agents.render.infrastructure.aws.objectives import BURN_RATE
from hug_agents.render.infrastructure.cfn.foundation import TOPIC
from hug_agents.render.infrastructure.cfn.template import resource, sub

_ELB = "AWS/ApplicationELB"


def simple_alarm(
    name: str,
    said: str,
    metric: tuple[str, str, str],
    dimensions: dict[str, Any],
    limit: tuple[str, float],
    *,
    period: int = 300,
    periods: int = 1,
    points: int | None = None,
    missing: str = "notBreaching",
    **attributes: Any,
) -> dict[str, Any]:
    """An alarm on one metric `(namespace, name, statistic)`; a statistic like `p99` is an extended one."""
    namespace, metric_name, statistic = metric
    extended = statistic[:1] == "p"
    return resource(
        "AWS::CloudWatch::Alarm",
        {
            "AlarmName": name,
            "AlarmDescription": said,
            "Namespace": namespace,
            "MetricName": metric_name,
            "Dimensions": _dimensions(dimensions),
            "ExtendedStatistic" if extended else "Statistic": statistic,
            "Period": period,
            "ComparisonOperator": limit[0],
            "Threshold": limit[1],
            "EvaluationPeriods": periods,
            "DatapointsToAlarm": points,
            "TreatMissingData": missing,
            "AlarmActions": [TOPIC],
            "OKActions": [TOPIC],
        },
        **attributes,
    )


def trigger_alarms(
    name: str, found: dict[str, Any], dimensions: dict[str, Any], condition: str, stem: str
) -> dict[str, Any]:
    """What takes a release of one slot back, by logical id; `found` as `aws.objectives.triggers` says it."""
    alarms: dict[str, Any] = {}
    if "error_percent" in found:
        alarms[f"ErrorAlarm{stem}"] = resource(
            "AWS::CloudWatch::Alarm",
            {
                "AlarmName": f"{name}-errors",
                "AlarmDescription": f"More than {found['error_percent']:g} % of the requests to {name} fail.",
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": found["error_percent"],
                "EvaluationPeriods": found.get("error_minutes", 1),
                "TreatMissingData": "notBreaching",
                "AlarmActions": [TOPIC],
                "OKActions": [TOPIC],
                "Metrics": [
                    _rate("IF(requests > 0, 100 * FILL(errors, 0) / requests, 0)"),
                    _sum("errors", "HTTPCode_Target_5XX_Count", dimensions, 60),
                    _sum("requests", "RequestCount", dimensions, 60),
                ],
            },
            Condition=condition,
        )
    if "latency_ms" in found:
        alarms[f"LatencyAlarm{stem}"] = simple_alarm(
            f"{name}-latency",
            f"The 99th percentile of {name} is above {found['latency_ms']:g} ms.",
            (_ELB, "TargetResponseTime", "p99"),
            dimensions,
            ("GreaterThanThreshold", found["latency_ms"] / 1000),
            period=60,
            periods=found.get("latency_minutes", 1),
            Condition=condition,
        )
    if found.get("health"):
        alarms[f"HealthAlarm{stem}"] = simple_alarm(
            f"{name}-unhealthy",
            f"A task of {name} fails its health check.",
            (_ELB, "UnHealthyHostCount", "Maximum"),
            dimensions,
            ("GreaterThanThreshold", 0),
            period=60,
            periods=found.get("health_minutes", 1),
            Condition=condition,
        )
    return alarms


def down_alarm(
    name: str, dimensions: dict[str, Any] | None, cluster: str, condition: str, service: str
) -> dict[str, Any]:
    """No healthy task at all is an outage whatever the objectives say; a worker is seen by its tasks alone."""
    # Made once the service is steady: starting is not an outage.
    after: dict[str, Any] = {"Condition": condition, "DependsOn": service}
    if dimensions is not None:
        return simple_alarm(
            f"{name}-down", f"No task of {name} is healthy.", (_ELB, "HealthyHostCount", "Maximum"), dimensions,
            ("LessThanThreshold", 1), period=60, periods=3, missing="breaching", **after,
        )  # fmt: skip
    return simple_alarm(
        f"{name}-stopped", f"No task of {name} runs.", ("ECS/ContainerInsights", "RunningTaskCount", "Maximum"),
        {"ClusterName": cluster, "ServiceName": name}, ("LessThanThreshold", 1),
        period=60, periods=5, missing="breaching", **after,
    )  # fmt: skip


def slow_alarm(name: str, promised: dict[str, float], dimensions: dict[str, Any], condition: str) -> dict[str, Any]:
    """Fewer answers in time than the objective asks for."""
    percent, limit = promised["latency_percent"], promised["latency_ms"]
    return simple_alarm(
        f"{name}-slow",
        f"Fewer than {percent:g} % of the requests to {name} are answered within {limit:g} ms.",
        (_ELB, "TargetResponseTime", f"p{percent:g}"),
        dimensions,
        ("GreaterThanThreshold", limit / 1000),
        periods=3,
        points=2,
        Condition=condition,
    )


def budget_alarms(name: str, promised: dict[str, float], slots: dict[str, dict[str, Any]], stem: str) -> dict[str, Any]:
    """The error budget: at 14.4 times the allowed rate a 30-day budget is gone in two days (SRE workbook, chapter 5).

    The long window says that it matters, the short one that it still goes on. `slots`: dimensions by slot.
    """
    # A loose objective times 14.4 would pass 100 % and never fire.
    percent = round(min(BURN_RATE * promised["error_percent"], 50), 6)
    alarms: dict[str, Any] = {}
    for window, seconds in (("Long", 3600), ("Short", 300)):
        alarms[f"Burn{window}Alarm{stem}"] = resource(
            "AWS::CloudWatch::Alarm",
            {
                "AlarmName": f"{name}-burn-{window.lower()}",
                "AlarmDescription": f"{name} fails more than {percent:g} % of its requests over {seconds // 60} minutes.",
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": percent,
                "EvaluationPeriods": 1,
                "TreatMissingData": "notBreaching",
                "Metrics": [
                    _rate("IF(requests > 0, 100 * errors / requests, 0)"),
                    _total("errors", slots),
                    _total("requests", slots),
                    *(
                        _sum(f"{what}_{slot}", metric, dimensions, seconds)
                        for slot, dimensions in slots.items()
                        for what, metric in (("errors", "HTTPCode_Target_5XX_Count"), ("requests", "RequestCount"))
                    ),
                ],
            },
        )
    alarms[f"BudgetAlarm{stem}"] = resource(
        "AWS::CloudWatch::CompositeAlarm",
        {
            "AlarmName": f"{name}-error-budget",
            "AlarmDescription": f"The error budget of {name} burns more than 14 times too fast.",
            "AlarmRule": sub(f'ALARM("${{BurnLongAlarm{stem}}}") AND ALARM("${{BurnShortAlarm{stem}}}")'),
            "AlarmActions": [TOPIC],
            "OKActions": [TOPIC],
        },
    )
    return alarms


def _dimensions(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def _rate(expression: str) -> dict[str, Any]:
    return {"Id": "rate", "Label": "failed requests, percent", "Expression": expression, "ReturnData": True}


def _total(what: str, slots: dict[str, Any]) -> dict[str, Any]:
    return {"Id": what, "Expression": " + ".join(f"FILL({what}_{slot}, 0)" for slot in slots), "ReturnData": False}


def _sum(id: str, metric: str, dimensions: dict[str, Any], period: int) -> dict[str, Any]:
    return {
        "Id": id,
        "ReturnData": False,
        "MetricStat": {
            "Metric": {"Namespace": _ELB, "MetricName": metric, "Dimensions": _dimensions(dimensions)},
            "Period": period,
            "Stat": "Sum",
        },
    }
