"""Two kinds of alarm. A trigger is about one slot, and a rollout watches it: a canary at 5 % is judged by its own requests,
not lost among the others'. An objective is about the service as its users see it, and wakes a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from programs import Objectives, Triggers

_LOAD_BALANCER = "AWS/ApplicationELB"
BURN_RATE = 14.4
"""An error budget of 30 days that burns this many times too fast is gone in two days (SRE workbook, chapter 5)."""
_WINDOWS = (("long", 3600), ("short", 300))
"""The long window says that it matters, the short one that it still goes on."""


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """`running`: slot to the name of its ECS service. `load_balancer` None: a worker, which has no requests."""

    name: str
    running: Mapping[str, str]
    target_groups: Mapping[str, pulumi.Input[str]]
    load_balancer: pulumi.Input[str] | None
    triggers: Triggers
    objectives: Objectives
    topic_arn: pulumi.Input[str]


class Alarms(pulumi.ComponentResource):
    """The alarms of one program."""

    names: dict[str, list[str]]
    """By slot: the alarms that take a release back."""
    triggers: list[pulumi.Resource]

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Alarms", name, None, opts)
        self._name, self._args = name, args
        self._here = pulumi.ResourceOptions(parent=self)
        self.names = {slot: [] for slot in args.running}
        self.triggers = []
        if args.load_balancer is not None:
            for slot, ecs_name in args.running.items():
                self._triggers(slot, ecs_name)
                self._slow(slot, ecs_name)
            self._budget()
        self.register_outputs({})

    def slow_names(self, slot: str) -> list[str]:
        """The alarm of the latency objective, which is watched too but does not stop ECS by itself."""
        wanted = self._args.load_balancer is not None and self._args.objectives.latency_ms is not None
        return [f"{self._args.running[slot]}-slow"] if wanted else []

    def _metric(self, slot: str) -> dict[str, pulumi.Input[str]]:
        return {"LoadBalancer": self._args.load_balancer or "", "TargetGroup": self._args.target_groups[slot]}

    def _triggers(self, slot: str, ecs_name: str) -> None:
        triggers = self._args.triggers
        if triggers.error_percent is not None:
            self._watch(
                slot,
                aws.cloudwatch.MetricAlarm(
                    f"{self._name}-{slot}-errors",
                    name=f"{ecs_name}-errors",
                    alarm_description=f"More than {triggers.error_percent:g} % of the requests to {ecs_name} fail.",
                    comparison_operator="GreaterThanThreshold",
                    threshold=triggers.error_percent,
                    evaluation_periods=triggers.error_minutes,
                    treat_missing_data="notBreaching",
                    alarm_actions=[self._args.topic_arn],
                    ok_actions=[self._args.topic_arn],
                    metric_queries=[
                        _rate("IF(requests > 0, 100 * FILL(errors, 0) / requests, 0)"),
                        self._sum("errors", "HTTPCode_Target_5XX_Count", slot, 60),
                        self._sum("requests", "RequestCount", slot, 60),
                    ],
                    opts=self._here,
                ),
                f"{ecs_name}-errors",
            )
        if triggers.latency_ms is not None:
            self._watch(
                slot,
                aws.cloudwatch.MetricAlarm(
                    f"{self._name}-{slot}-latency",
                    name=f"{ecs_name}-latency",
                    alarm_description=f"The 99th percentile of {ecs_name} is above {triggers.latency_ms:g} ms.",
                    namespace=_LOAD_BALANCER,
                    metric_name="TargetResponseTime",
                    dimensions=self._metric(slot),
                    extended_statistic="p99",
                    period=60,
                    comparison_operator="GreaterThanThreshold",
                    threshold=triggers.latency_ms / 1000,
                    evaluation_periods=triggers.latency_minutes,
                    treat_missing_data="notBreaching",
                    alarm_actions=[self._args.topic_arn],
                    ok_actions=[self._args.topic_arn],
                    opts=self._here,
                ),
                f"{ecs_name}-latency",
            )
        if triggers.health:
            self._watch(
                slot,
                aws.cloudwatch.MetricAlarm(
                    f"{self._name}-{slot}-unhealthy",
                    name=f"{ecs_name}-unhealthy",
                    alarm_description=f"A task of {ecs_name} fails its health check.",
                    namespace=_LOAD_BALANCER,
                    metric_name="UnHealthyHostCount",
                    dimensions=self._metric(slot),
                    statistic="Maximum",
                    period=60,
                    comparison_operator="GreaterThanThreshold",
                    threshold=0,
                    evaluation_periods=triggers.health_minutes,
                    treat_missing_data="notBreaching",
                    alarm_actions=[self._args.topic_arn],
                    ok_actions=[self._args.topic_arn],
                    opts=self._here,
                ),
                f"{ecs_name}-unhealthy",
            )

    def _watch(self, slot: str, alarm: aws.cloudwatch.MetricAlarm, name: str) -> None:
        self.names[slot].append(name)
        self.triggers.append(alarm)

    def outage(self, slot: str, ecs_name: str, cluster_name: str, service: aws.ecs.Service) -> None:
        """No healthy task at all is an outage whatever the objectives say; of a worker, that none of it runs."""
        web = self._args.load_balancer is not None
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-{slot}-{'down' if web else 'stopped'}",
            name=f"{ecs_name}-{'down' if web else 'stopped'}",
            alarm_description=f"No task of {ecs_name} {'is healthy' if web else 'runs'}.",
            namespace=_LOAD_BALANCER if web else "ECS/ContainerInsights",
            metric_name="HealthyHostCount" if web else "RunningTaskCount",
            dimensions=self._metric(slot) if web else {"ClusterName": cluster_name, "ServiceName": ecs_name},
            statistic="Maximum",
            period=60,
            comparison_operator="LessThanThreshold",
            threshold=1,
            evaluation_periods=3 if web else 5,
            treat_missing_data="breaching",
            alarm_actions=[self._args.topic_arn],
            ok_actions=[self._args.topic_arn],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[service]),
        )

    def _slow(self, slot: str, ecs_name: str) -> None:
        objectives = self._args.objectives
        if objectives.latency_ms is None:
            return
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-{slot}-slow",
            name=f"{ecs_name}-slow",
            alarm_description=f"Fewer than {objectives.latency_percent:g} % of the requests to {ecs_name} are answered "
            f"within {objectives.latency_ms:g} ms.",
            namespace=_LOAD_BALANCER,
            metric_name="TargetResponseTime",
            dimensions=self._metric(slot),
            extended_statistic=f"p{objectives.latency_percent:g}",
            period=300,
            comparison_operator="GreaterThanThreshold",
            threshold=objectives.latency_ms / 1000,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            treat_missing_data="notBreaching",
            alarm_actions=[self._args.topic_arn],
            ok_actions=[self._args.topic_arn],
            opts=self._here,
        )

    def _budget(self) -> None:
        """The error budget, over all slots: each window is an alarm without an action, and both together wake a person."""
        allowed = self._args.objectives.error_percent
        if allowed is None:
            return
        # A loose objective times 14.4 would pass 100 % and never fire.
        burn = min(BURN_RATE * allowed, 50)
        slots = sorted(self._args.target_groups)
        windows = []
        for window, seconds in _WINDOWS:
            windows.append(
                aws.cloudwatch.MetricAlarm(
                    f"{self._name}-burn-{window}",
                    name=f"{self._args.name}-burn-{window}",
                    alarm_description=f"{self._args.name} fails more than {burn:g} % of its requests over "
                    f"{seconds // 60} minutes.",
                    comparison_operator="GreaterThanThreshold",
                    threshold=burn,
                    evaluation_periods=1,
                    treat_missing_data="notBreaching",
                    metric_queries=[
                        _rate("IF(requests > 0, 100 * errors / requests, 0)"),
                        _total("errors", slots),
                        _total("requests", slots),
                        *(
                            self._sum(f"{kind}_{slot}", metric, slot, seconds)
                            for slot in slots
                            for kind, metric in (("errors", "HTTPCode_Target_5XX_Count"), ("requests", "RequestCount"))
                        ),
                    ],
                    opts=self._here,
                )
            )
        aws.cloudwatch.CompositeAlarm(
            f"{self._name}-error-budget",
            alarm_name=f"{self._args.name}-error-budget",
            alarm_description=f"The error budget of {self._args.name} burns more than 14 times too fast.",
            alarm_rule=" AND ".join(f'ALARM("{self._args.name}-burn-{window}")' for window, _ in _WINDOWS),
            alarm_actions=[self._args.topic_arn],
            ok_actions=[self._args.topic_arn],
            opts=pulumi.ResourceOptions(parent=self, depends_on=windows),
        )

    def _sum(self, id: str, metric: str, slot: str, seconds: int) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
        return aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=id,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace=_LOAD_BALANCER,
                metric_name=metric,
                dimensions=self._metric(slot),
                period=seconds,
                stat="Sum",
            ),
        )


def _rate(expression: str) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
    return aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id="rate", label="failed requests, percent", expression=expression, return_data=True
    )


def _total(kind: str, slots: Sequence[str]) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
    return aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id=kind, expression=" + ".join(f"FILL({kind}_{slot}, 0)" for slot in slots)
    )
