"""Programs that run on: an ECS service for each slot that runs, its target group, its share of the traffic, its scaling.

A rolling service has one slot, `main`, and ECS replaces its tasks; blue-green and canary have two, `blue` and `green`, each with
its own target group, and the listener rule shares the traffic out by the release's weights.
"""

from __future__ import annotations

import json
from typing import Any

from hug_agents.render.infrastructure.aws.objectives import objectives, triggers
from hug_agents.render.infrastructure.aws.programs import hosts, maximum_percent
from hug_agents.render.infrastructure.cfn.alarms import budget_alarms, down_alarm, slow_alarm, trigger_alarms
from hug_agents.render.infrastructure.cfn.balancers import balancer, listener
from hug_agents.render.infrastructure.cfn.dependencies import Told
from hug_agents.render.infrastructure.cfn.network import PRIVATE, VPC
from hug_agents.render.infrastructure.cfn.programs import Program, task
from hug_agents.render.infrastructure.cfn.release import image, released, running
from hug_agents.render.infrastructure.cfn.scope import SLOTS, Scope
from hug_agents.render.infrastructure.cfn.template import Template, att, ref, resource, sub
from hug_agents.render.naming import short, stack_name


def service(template: Template, scope: Scope, program: Program, told: Told, index: int) -> None:
    """Add one; `index` counts the web services, which share listeners."""
    web = program.kind == "web"
    slots = SLOTS if web and scope.split else ("main",)
    if web:
        shape = "its share of the traffic" if scope.split else "its way from the load balancer"
        template.add(f"{program.service.name}: {shape}.", _traffic(scope, program, slots, index))
    promised = objectives(scope.spec, program.service) if web else {}
    for slot in slots:
        template.add(
            {
                "main": f"{program.service.name}, the live version: ECS replaces its tasks, and takes them back when they "
                "do not become healthy\nor raise an alarm.",
            }.get(slot, f"{program.service.name}, {slot}."),
            _slot(template, scope, program, told, slot, promised),
        )
    if "error_percent" in promised:
        dimensions = {slot: _dimensions(program, slot) for slot in slots}
        template.add(
            f"{program.service.name}: the error budget, over all versions.",
            budget_alarms(program.name, promised, dimensions, program.stem),
        )


def ecs_name(program: Program, slot: str) -> str:
    """The ECS service's name."""
    return program.name if slot == "main" else f"{program.name}-{slot}"


def _id(kind: str, program: Program, slot: str) -> str:
    return f"{slot.capitalize()}{kind}{program.stem}"


def _dimensions(program: Program, slot: str) -> dict[str, Any]:
    return {
        "LoadBalancer": att(balancer(public=program.service.public), "LoadBalancerFullName"),
        "TargetGroup": att(_id("Targets", program, slot), "TargetGroupFullName"),
    }


def _traffic(scope: Scope, program: Program, slots: tuple[str, ...], index: int) -> dict[str, Any]:
    item = program.service
    # 26 characters, so that `-green` still fits a target group's 32.
    stem = short(stack_name(scope.spec, scope.environment), item.name, limit=26)
    found: dict[str, Any] = {}
    for slot in slots:
        found[_id("Targets", program, slot)] = resource(
            "AWS::ElasticLoadBalancingV2::TargetGroup",
            {
                "Name": stem if slot == "main" else f"{stem}-{slot}",
                "VpcId": VPC,
                "TargetType": "ip",
                "Protocol": "HTTP",
                # ECS registers each task with its own port; this one is a default that nothing uses, and to change it
                # would replace the group.
                "Port": 80,
                "HealthCheckProtocol": "HTTP",
                "HealthCheckPath": item.health_path or "/",
                "HealthCheckPort": str(item.health_port_or_port),
                # A path that somebody named must succeed; an unknown program's `/` may answer anything but a failure.
                "Matcher": {"HttpCode": "200-299" if item.health_path else "200-499"},
                "HealthCheckIntervalSeconds": 15,
                "HealthCheckTimeoutSeconds": 5,
                "HealthyThresholdCount": 2,
                "UnhealthyThresholdCount": 3,
                "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
            },
        )
    names = hosts(scope.spec, scope.environment, item)
    asked = [{"Field": "host-header", "HostHeaderConfig": {"Values": names}}] if names else []
    every = [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}]
    where = ref(listener(scope, public=item.public))
    weight = {"main": 100, "blue": ref("BlueWeight"), "green": ref("GreenWeight")}
    found[f"Rule{program.stem}"] = resource(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        {
            "ListenerArn": where,
            # Rules with a host come before the one that takes every host.
            "Priority": 1000 + index if names else 40000,
            "Conditions": asked or every,
            "Actions": [
                {
                    "Type": "forward",
                    "ForwardConfig": {
                        "TargetGroups": [
                            {"TargetGroupArn": ref(_id("Targets", program, slot)), "Weight": weight[slot]}
                            for slot in slots
                        ]
                    },
                }
            ],
        },
    )
    if len(slots) > 1:
        for number, slot in enumerate(slots):
            # The way to a slot before it has traffic: `X-Release-Slot: green`. Smoke tests use it; it opens no other door.
            found[_id("Rule", program, slot)] = resource(
                "AWS::ElasticLoadBalancingV2::ListenerRule",
                {
                    "ListenerArn": where,
                    "Priority": (100 + 2 * index if names else 900) + number,
                    "Conditions": [
                        {
                            "Field": "http-header",
                            "HttpHeaderConfig": {"HttpHeaderName": "X-Release-Slot", "Values": [slot]},
                        },
                        *asked,
                    ],
                    "Actions": [{"Type": "forward", "TargetGroupArn": ref(_id("Targets", program, slot))}],
                },
            )
    return found


def _slot(
    template: Template, scope: Scope, program: Program, told: Told, slot: str, promised: dict[str, float]
) -> dict[str, Any]:
    item, web = program.service, program.kind == "web"
    name, stem = ecs_name(program, slot), _id("", program, slot)
    runs = running(program.stem, slot)
    definition, ecs = _id("Task", program, slot), _id("Service", program, slot)
    found = {definition: task(scope, program, told, image(program.stem, slot), slot, released(program.stem, slot))}
    dimensions = _dimensions(program, slot) if web else None
    watched = trigger_alarms(name, triggers(scope.spec, item), dimensions, runs, stem) if dimensions else {}
    found |= watched
    found[ecs] = _ecs_service(scope, program, slot, definition, list(watched), runs)
    if dimensions is not None and "latency_ms" in promised:
        found[f"SlowAlarm{stem}"] = slow_alarm(name, promised, dimensions, runs)
    found[f"DownAlarm{stem}"] = down_alarm(name, dimensions, scope.name, runs, ecs)
    found |= _scaling(scope, program, slot, ecs, runs)
    alarms = [f"{name}-{kind}" for kind in _alarm_kinds(watched, promised if web else {})]
    told_to = {"service": item.name, "slot": slot, "ecs_service": name, "tasks": item.replicas, "alarms": alarms}
    # What deploy/deploy.sh watches. The task definition's ARN is known only here.
    text = json.dumps(told_to)[:-1] + f', "task_definition": "${{{definition}}}"}}'
    template.output(f"Service{stem}", f"{name}: what runs, with which alarms.", sub(text), runs)
    return found


def _alarm_kinds(watched: dict[str, Any], promised: dict[str, float]) -> list[str]:
    names = {"Error": "errors", "Latency": "latency", "Health": "unhealthy"}
    found = [names[key.split("Alarm")[0]] for key in watched]
    return [*found, *(["slow"] if "latency_ms" in promised else [])]


def _ecs_service(
    scope: Scope, program: Program, slot: str, definition: str, alarms: list[str], runs: str
) -> dict[str, Any]:
    item, web = program.service, program.kind == "web"
    deployment: dict[str, Any] = {
        "MaximumPercent": maximum_percent(scope.spec, item),
        "MinimumHealthyPercent": 100 - scope.spec.strategy.max_unavailable_percent,
        # A deployment that cannot become healthy, or that raises one of its alarms, is taken back by ECS itself.
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
    }
    if alarms:
        deployment["Alarms"] = {"Enable": True, "Rollback": True, "AlarmNames": [ref(alarm) for alarm in alarms]}
    return resource(
        "AWS::ECS::Service",
        {
            "ServiceName": ecs_name(program, slot),
            "Cluster": ref("Cluster"),
            "TaskDefinition": ref(definition),
            # Where the number is autoscaling's it is left out: given here, every release would set it back.
            "DesiredCount": None if _scales(program) else item.replicas,
            "LaunchType": "FARGATE",
            "PlatformVersion": "1.4.0",
            "DeploymentController": {"Type": "ECS"},
            "DeploymentConfiguration": deployment,
            "HealthCheckGracePeriodSeconds": 60 if web else None,
            "EnableECSManagedTags": True,
            "PropagateTags": "SERVICE",
            "EnableExecuteCommand": False,
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {
                    "AssignPublicIp": "DISABLED",
                    "SecurityGroups": [att(f"Tasks{program.stem}", "GroupId")],
                    "Subnets": PRIVATE,
                }
            },
            "LoadBalancers": [
                {
                    "ContainerName": item.name,
                    "ContainerPort": item.port,
                    "TargetGroupArn": ref(_id("Targets", program, slot)),
                }
            ]
            if web
            else None,
        },
        Condition=runs,
        # A target group must be in use before ECS accepts a service that names it.
        DependsOn=f"Rule{program.stem}" if web else None,
    )


def _scales(program: Program) -> bool:
    return (program.service.max_replicas or 0) > program.service.replicas


def _scaling(scope: Scope, program: Program, slot: str, ecs: str, runs: str) -> dict[str, Any]:
    """Every service has a scaling target, also where its number is fixed: the bounds are how the wanted number is kept."""
    item, target = program.service, _id("Scaling", program, slot)
    found = {
        target: resource(
            "AWS::ApplicationAutoScaling::ScalableTarget",
            {
                "ServiceNamespace": "ecs",
                "ScalableDimension": "ecs:service:DesiredCount",
                "ResourceId": sub(f"service/${{Cluster}}/${{{ecs}.Name}}"),
                "MinCapacity": item.replicas,
                "MaxCapacity": max(item.max_replicas or 0, item.replicas),
            },
            Condition=runs,
        )
    }
    metrics = (("Cpu", "CPU", 60), ("Memory", "Memory", 75))
    for word, metric, percent in metrics if _scales(program) else ():
        found[_id(f"{word}Scaling", program, slot)] = resource(
            "AWS::ApplicationAutoScaling::ScalingPolicy",
            {
                "PolicyName": f"{ecs_name(program, slot)}-{word.lower()}",
                "PolicyType": "TargetTrackingScaling",
                "ScalingTargetId": ref(target),
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": percent,
                    "ScaleInCooldown": 300,
                    "ScaleOutCooldown": 60,
                    "PredefinedMetricSpecification": {"PredefinedMetricType": f"ECSServiceAverage{metric}Utilization"},
                },
            },
            Condition=runs,
        )
    return found
