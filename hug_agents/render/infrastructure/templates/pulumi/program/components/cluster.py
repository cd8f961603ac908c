"""The ECS cluster: Fargate only, with Container Insights."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


class Cluster(pulumi.ComponentResource):
    """An ECS cluster of that name."""

    name: str
    arn: pulumi.Output[str]

    def __init__(self, name: str, cluster_name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Cluster", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        cluster = aws.ecs.Cluster(
            f"{name}-ecs",
            name=cluster_name,
            settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value="enabled")],
            opts=here,
        )
        aws.ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE"],
            default_capacity_provider_strategies=[
                aws.ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs(
                    capacity_provider="FARGATE", weight=1
                )
            ],
            opts=here,
        )
        self.name = cluster_name
        self.arn = cluster.arn
        self.register_outputs({"arn": self.arn})
