"""Every service has a scaling target, also where its number is fixed: the bounds are how the wanted number is kept."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

_POLICIES = (
    ("cpu", "ECSServiceAverageCPUUtilization", 60.0),
    ("memory", "ECSServiceAverageMemoryUtilization", 75.0),
)


@dataclass(frozen=True, kw_only=True)
class ScalingArgs:
    """Of one ECS service."""

    name: str
    resource_id: str
    replicas: int
    max_replicas: int


class Scaling(pulumi.ComponentResource):
    """The bounds, and what scales between them."""

    def __init__(self, name: str, args: ScalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Scaling", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        target = aws.appautoscaling.Target(
            f"{name}-target",
            service_namespace="ecs",
            resource_id=args.resource_id,
            scalable_dimension="ecs:service:DesiredCount",
            min_capacity=args.replicas,
            max_capacity=args.max_replicas,
            opts=here,
        )
        for kind, metric, wanted in _POLICIES if args.max_replicas > args.replicas else ():
            aws.appautoscaling.Policy(
                f"{name}-{kind}",
                name=f"{args.name}-{kind}",
                policy_type="TargetTrackingScaling",
                service_namespace=target.service_namespace,
                resource_id=target.resource_id,
                scalable_dimension=target.scalable_dimension,
                target_tracking_scaling_policy_configuration=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                    target_value=wanted,
                    scale_in_cooldown=300,
                    scale_out_cooldown=60,
                    predefined_metric_specification=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                        predefined_metric_type=metric
                    ),
                ),
                opts=here,
            )
        self.register_outputs({})
