"""Redis with TLS and a password. A person puts the password into Secrets Manager before the cache is made, as with every
other secret. ElastiCache takes it as a plain argument, so a copy also stands in the state, encrypted: it is a Pulumi secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.connections import Connection, redis

_PORT = 6379


@dataclass(frozen=True, kw_only=True)
class CacheArgs:
    """`name` has at most 40 characters; the password is the secret NAME-auth-token."""

    name: str
    engine_version: str
    node_type: str
    production: bool
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    kms_key_arn: pulumi.Input[str]
    alert_topic_arn: pulumi.Input[str]


class Cache(pulumi.ComponentResource):
    """An ElastiCache replication group; in production with a replica in another zone."""

    secret_arn: pulumi.Output[str]

    def __init__(self, name: str, args: CacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Cache", name, None, opts)
        here = self._here = pulumi.ResourceOptions(parent=self)
        self._name = name
        secret = aws.secretsmanager.get_secret_output(name=f"{args.name}-auth-token")
        password = aws.secretsmanager.get_secret_version_output(secret_id=secret.id).secret_string
        self.secret_arn = secret.arn
        subnets = aws.elasticache.SubnetGroup(
            f"{name}-subnets", name=args.name, subnet_ids=list(args.subnet_ids), opts=here
        )
        self._group = aws.ec2.SecurityGroup(
            f"{name}-cache",
            name=f"{args.name}-cache",
            description=f"Cache {args.name}",
            vpc_id=args.vpc_id,
            tags={"Name": f"{args.name}-cache"},
            opts=here,
        )
        nodes = 2 if args.production else 1
        self._redis = aws.elasticache.ReplicationGroup(
            f"{name}-redis",
            replication_group_id=args.name,
            description=f"Cache {args.name}",
            engine="redis",
            engine_version=args.engine_version,
            node_type=args.node_type,
            port=_PORT,
            num_cache_clusters=nodes,
            automatic_failover_enabled=nodes > 1,
            multi_az_enabled=nodes > 1,
            subnet_group_name=subnets.name,
            security_group_ids=[self._group.id],
            at_rest_encryption_enabled=True,
            kms_key_id=args.kms_key_arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=pulumi.Output.secret(password),
            auth_token_update_strategy="ROTATE",
            auto_minor_version_upgrade=True,
            snapshot_retention_limit=7 if args.production else 1,
            snapshot_window="02:00-03:00",
            maintenance_window="sun:03:30-sun:04:30",
            apply_immediately=False,
            final_snapshot_identifier=f"{args.name}-final",
            opts=here,
        )
        aws.cloudwatch.MetricAlarm(
            f"{name}-memory",
            name=f"{args.name}-cache-memory",
            alarm_description=f"The cache {args.name} is nearly full and will evict or refuse.",
            namespace="AWS/ElastiCache",
            metric_name="DatabaseMemoryUsagePercentage",
            dimensions={"ReplicationGroupId": self._redis.replication_group_id},
            statistic="Maximum",
            period=300,
            comparison_operator="GreaterThanThreshold",
            threshold=90,
            evaluation_periods=3,
            treat_missing_data="missing",
            alarm_actions=[args.alert_topic_arn],
            ok_actions=[args.alert_topic_arn],
            opts=here,
        )
        self.register_outputs({"secret_arn": self.secret_arn})

    def admit(self, clients: Mapping[str, pulumi.Input[str]]) -> None:
        """Who may connect: a name for each security group."""
        for client, group_id in clients.items():
            aws.vpc.SecurityGroupIngressRule(
                f"{self._name}-from_{client}",
                security_group_id=self._group.id,
                description=f"From {client}",
                referenced_security_group_id=group_id,
                ip_protocol="tcp",
                from_port=_PORT,
                to_port=_PORT,
                opts=self._here,
            )

    def connection(self, stem: str) -> Connection:
        """How programs reach it, with TLS: STEM_HOST, STEM_PORT, and STEM_PASSWORD from its secret."""
        return redis(stem, self._redis.primary_endpoint_address, _PORT, self.secret_arn)
