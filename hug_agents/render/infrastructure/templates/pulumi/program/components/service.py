"""One program that runs on: an ECS service for each slot that runs.

A rolling service has one slot, `main`; blue-green and canary have two, `blue` and `green`, each with its own target group, and
the listener rule shares the traffic out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alarms import Alarms, AlarmsArgs
from components.load_balancer import LoadBalancer
from components.scaling import Scaling, ScalingArgs
from components.task import Task, TaskArgs
from programs import Http, Objectives, Triggers
from release import ServiceSlot


@dataclass(frozen=True, kw_only=True)
class HttpArgs:
    """How a web service is reached. A target group's name has at most 26 characters: its slot follows."""

    http: Http
    balancer: LoadBalancer
    target_group: str
    hosts: Sequence[str]
    priority: int
    slot_priority: int


@dataclass(frozen=True, kw_only=True)
class ServiceArgs:
    """`http` None: a worker."""

    task: TaskArgs
    slots: Mapping[str, ServiceSlot]
    http: HttpArgs | None
    replicas: int
    max_replicas: int
    maximum_percent: int
    minimum_healthy_percent: int
    triggers: Triggers
    objectives: Objectives
    cluster_name: str
    cluster_arn: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    alert_topic_arn: pulumi.Input[str]


class Service(pulumi.ComponentResource):
    """A program's ECS services, their traffic, their scaling and their alarms."""

    security_group_id: pulumi.Output[str]
    """Who the dependencies accept connections from."""
    role_arns: list[pulumi.Output[str]]
    release: dict[str, dict[str, Any]]
    """What the deploy script watches: per running slot the ECS service, its task definition, its alarms."""

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Service", name, None, opts)
        self._name, self._args = name, args
        here = self._here = pulumi.ResourceOptions(parent=self)
        images = {slot: state.image for slot, state in args.slots.items() if state.image}
        task = Task(f"{name}-task", replace(args.task, images=images, ports=self._ports()), here)
        self.role_arns = task.role_arns
        group = self._security_group()
        self.security_group_id = group.id
        groups = self._target_groups()
        rules = self._rules(groups)
        running = {
            slot: self._ecs_name(slot) for slot, state in sorted(args.slots.items()) if state.running and state.image
        }
        alarms = Alarms(
            f"{name}-alarms",
            AlarmsArgs(
                name=args.task.name,
                running=running,
                target_groups={slot: item.arn_suffix for slot, item in groups.items()},
                load_balancer=args.http.balancer.arn_suffix if args.http else None,
                triggers=args.triggers,
                objectives=args.objectives,
                topic_arn=args.alert_topic_arn,
            ),
            here,
        )
        self.release = {}
        for slot, ecs_name in running.items():
            service = self._service(slot, ecs_name, task, group, groups, alarms, [*rules, *alarms.triggers])
            # Made once the service is steady: starting is not an outage.
            alarms.outage(slot, ecs_name, args.cluster_name, service)
            Scaling(
                f"{name}-{slot}-scaling",
                ScalingArgs(
                    name=ecs_name,
                    resource_id=f"service/{args.cluster_name}/{ecs_name}",
                    replicas=args.replicas,
                    max_replicas=args.max_replicas,
                ),
                pulumi.ResourceOptions(parent=self, depends_on=[service]),
            )
            self.release[slot] = {
                "ecs_service": ecs_name,
                "task_definition": task.definition_arns[slot],
                "image": args.slots[slot].image,
                "weight": args.slots[slot].weight,
                "alarms": [*alarms.names[slot], *alarms.slow_names(slot)],
            }
        self.register_outputs({"security_group_id": self.security_group_id})

    def _ecs_name(self, slot: str) -> str:
        return self._args.task.name if slot == "main" else f"{self._args.task.name}-{slot}"

    def _ports(self) -> list[int]:
        http = self._args.http
        return [] if http is None else list(dict.fromkeys((http.http.port, http.http.health_port)))

    def _service(
        self,
        slot: str,
        ecs_name: str,
        task: Task,
        group: aws.ec2.SecurityGroup,
        groups: Mapping[str, aws.lb.TargetGroup],
        alarms: Alarms,
        after: Sequence[pulumi.Resource],
    ) -> aws.ecs.Service:
        args = self._args
        names = alarms.names[slot]
        return aws.ecs.Service(
            f"{self._name}-{slot}",
            name=ecs_name,
            cluster=args.cluster_arn,
            task_definition=task.definition_arns[slot],
            desired_count=args.replicas,
            launch_type="FARGATE",
            platform_version="1.4.0",
            deployment_maximum_percent=args.maximum_percent,
            deployment_minimum_healthy_percent=args.minimum_healthy_percent,
            health_check_grace_period_seconds=None if args.http is None else 60,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            enable_execute_command=False,
            wait_for_steady_state=True,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=list(args.subnet_ids), security_groups=[group.id], assign_public_ip=False
            ),
            load_balancers=None
            if args.http is None
            else [
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=groups[slot].arn,
                    container_name=args.task.container_name,
                    container_port=args.http.http.port,
                )
            ],
            # A deployment that cannot become healthy, or that raises one of its alarms, is taken back by ECS itself.
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            alarms=aws.ecs.ServiceAlarmsArgs(enable=True, rollback=True, alarm_names=names) if names else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                # A target group must be in use, and an alarm must exist, before ECS accepts a service that names it.
                depends_on=list(after),
                # The number is autoscaling's; its bounds hold the wanted number.
                ignore_changes=["desiredCount"],
                custom_timeouts=pulumi.CustomTimeouts(create="30m", update="30m", delete="20m"),
            ),
        )

    def _target_groups(self) -> dict[str, aws.lb.TargetGroup]:
        http = self._args.http
        if http is None:
            return {}
        return {
            slot: aws.lb.TargetGroup(
                f"{self._name}-{slot}",
                name=http.target_group if slot == "main" else f"{http.target_group}-{slot}",
                vpc_id=self._args.vpc_id,
                port=http.http.port,
                protocol="HTTP",
                target_type="ip",
                deregistration_delay=30,
                health_check=aws.lb.TargetGroupHealthCheckArgs(
                    path=http.http.health_path,
                    port=str(http.http.health_port),
                    protocol="HTTP",
                    matcher=http.http.health_matcher,
                    interval=15,
                    timeout=5,
                    healthy_threshold=2,
                    unhealthy_threshold=3,
                ),
                opts=self._here,
            )
            for slot in sorted(self._args.slots)
        }

    def _rules(self, groups: Mapping[str, aws.lb.TargetGroup]) -> list[pulumi.Resource]:
        http = self._args.http
        if http is None:
            return []
        hosts = (
            [aws.lb.ListenerRuleConditionArgs(host_header=_hosts(http.hosts))]
            if http.hosts
            else [
                aws.lb.ListenerRuleConditionArgs(
                    path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=["/*"])
                )
            ]
        )
        rules: list[pulumi.Resource] = [
            aws.lb.ListenerRule(
                f"{self._name}-traffic",
                listener_arn=http.balancer.listener_arn,
                priority=http.priority,
                actions=[
                    aws.lb.ListenerRuleActionArgs(
                        type="forward",
                        forward=aws.lb.ListenerRuleActionForwardArgs(
                            target_groups=[
                                aws.lb.ListenerRuleActionForwardTargetGroupArgs(
                                    arn=group.arn, weight=self._args.slots[slot].weight
                                )
                                for slot, group in groups.items()
                            ]
                        ),
                    )
                ],
                conditions=hosts,
                opts=self._here,
            )
        ]
        # The way to a slot before it has traffic: `X-Release-Slot: green`. Smoke tests use it; it opens no other door.
        for index, (slot, group) in enumerate(groups.items() if len(groups) > 1 else ()):
            header = aws.lb.ListenerRuleConditionHttpHeaderArgs(http_header_name="X-Release-Slot", values=[slot])
            rules.append(
                aws.lb.ListenerRule(
                    f"{self._name}-{slot}",
                    listener_arn=http.balancer.listener_arn,
                    priority=http.slot_priority + index,
                    actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=group.arn)],
                    conditions=[
                        aws.lb.ListenerRuleConditionArgs(http_header=header),
                        *(hosts if http.hosts else ()),
                    ],
                    opts=self._here,
                )
            )
        return rules

    def _security_group(self) -> aws.ec2.SecurityGroup:
        args = self._args
        group = aws.ec2.SecurityGroup(
            f"{self._name}-tasks",
            name=f"{args.task.name}-tasks",
            description=f"Tasks of {args.task.name}",
            vpc_id=args.vpc_id,
            tags={"Name": f"{args.task.name}-tasks"},
            opts=self._here,
        )
        for port in self._ports():
            aws.vpc.SecurityGroupIngressRule(
                f"{self._name}-from-load-balancer-{port}",
                security_group_id=group.id,
                description="From the load balancer only",
                referenced_security_group_id=args.http.balancer.security_group_id if args.http else None,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                opts=self._here,
            )
        # Outgoing calls are the program's business: other services, AWS itself, third parties.
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-out",
            security_group_id=group.id,
            description="Anywhere",
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="-1",
            opts=self._here,
        )
        return group


def _hosts(hosts: Sequence[str]) -> aws.lb.ListenerRuleConditionHostHeaderArgs:
    return aws.lb.ListenerRuleConditionHostHeaderArgs(values=list(hosts))
