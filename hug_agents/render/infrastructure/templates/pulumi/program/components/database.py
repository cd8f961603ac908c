"""One relational database. RDS makes its password, keeps it in Secrets Manager and rotates it: Pulumi never sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.connections import Connection, sql
from components.policies import trust

_PORTS = {"postgres": 5432, "mysql": 3306}


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """`clients`: who may connect, a name for each security group."""

    name: str
    engine: Literal["postgres", "mysql"]
    engine_version: str
    database_name: str
    instance_class: str
    storage_gib: int
    production: bool
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    kms_key_arn: pulumi.Input[str]
    alert_topic_arn: pulumi.Input[str]


class Database(pulumi.ComponentResource):
    """An RDS instance with backups, encryption, TLS only and an alarm on its storage."""

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Database", name, None, opts)
        here = self._here = pulumi.ResourceOptions(parent=self)
        self._name, self._args = name, args
        subnets = aws.rds.SubnetGroup(f"{name}-subnets", name=args.name, subnet_ids=list(args.subnet_ids), opts=here)
        self._group = aws.ec2.SecurityGroup(
            f"{name}-db",
            name=f"{args.name}-db",
            description=f"Database {args.name}",
            vpc_id=args.vpc_id,
            tags={"Name": f"{args.name}-db"},
            opts=here,
        )
        postgres = args.engine == "postgres"
        # PostgreSQL's families carry the major version, MySQL's the first two numbers.
        numbers = args.engine_version.split(".")
        family = f"postgres{numbers[0]}" if postgres else f"mysql{'.'.join((*numbers, '0')[:2])}"
        parameters = aws.rds.ParameterGroup(
            f"{name}-parameters",
            name_prefix=f"{args.name}-",
            family=family,
            # Connections without TLS are refused.
            parameters=[
                aws.rds.ParameterGroupParameterArgs(
                    name="rds.force_ssl" if postgres else "require_secure_transport",
                    value="1",
                    apply_method="pending-reboot" if postgres else "immediate",
                )
            ],
            opts=here,
        )
        monitoring = aws.iam.Role(
            f"{name}-monitoring",
            name=f"{args.name}-db-monitoring",
            assume_role_policy=trust("monitoring.rds.amazonaws.com"),
            opts=here,
        )
        attached = aws.iam.RolePolicyAttachment(
            f"{name}-monitoring",
            role=monitoring.name,
            policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
            opts=here,
        )
        self._instance = aws.rds.Instance(
            f"{name}-instance",
            identifier=args.name,
            engine=args.engine,
            engine_version=args.engine_version,
            instance_class=args.instance_class,
            port=_PORTS[args.engine],
            db_name=args.database_name,
            username="app_admin",
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.kms_key_arn,
            allocated_storage=args.storage_gib,
            max_allocated_storage=args.storage_gib * 4,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.kms_key_arn,
            multi_az=args.production,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[self._group.id],
            parameter_group_name=parameters.name,
            publicly_accessible=False,
            backup_retention_period=35 if args.production else 7,
            backup_window="02:00-03:00",
            maintenance_window="sun:03:30-sun:04:30",
            copy_tags_to_snapshot=True,
            delete_automated_backups=False,
            deletion_protection=args.production,
            skip_final_snapshot=False,
            final_snapshot_identifier=f"{args.name}-final",
            auto_minor_version_upgrade=True,
            apply_immediately=False,
            enabled_cloudwatch_logs_exports=["postgresql", "upgrade"] if postgres else ["error", "slowquery"],
            monitoring_interval=60,
            monitoring_role_arn=monitoring.arn,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.kms_key_arn,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[attached],
                # To replace it is to lose what was written since the last backup; a person takes this line out first.
                protect=True,
                # Minor versions upgrade themselves.
                ignore_changes=["engineVersion"],
            ),
        )
        aws.cloudwatch.MetricAlarm(
            f"{name}-storage",
            name=f"{args.name}-db-storage",
            alarm_description=f"Less than a tenth of the storage of {args.name} is free.",
            namespace="AWS/RDS",
            metric_name="FreeStorageSpace",
            dimensions={"DBInstanceIdentifier": self._instance.identifier},
            statistic="Minimum",
            period=300,
            comparison_operator="LessThanThreshold",
            threshold=args.storage_gib * 1024**3 / 10,
            evaluation_periods=3,
            treat_missing_data="missing",
            alarm_actions=[args.alert_topic_arn],
            ok_actions=[args.alert_topic_arn],
            opts=here,
        )
        self.register_outputs({"host": self._instance.address})

    def admit(self, clients: Mapping[str, pulumi.Input[str]]) -> None:
        """Who may connect: a name for each security group."""
        for client, group_id in clients.items():
            aws.vpc.SecurityGroupIngressRule(
                f"{self._name}-from_{client}",
                security_group_id=self._group.id,
                description=f"From {client}",
                referenced_security_group_id=group_id,
                ip_protocol="tcp",
                from_port=_PORTS[self._args.engine],
                to_port=_PORTS[self._args.engine],
                opts=self._here,
            )

    def connection(self, stem: str) -> Connection:
        """How programs reach it: STEM_HOST, STEM_PORT, STEM_NAME, and STEM_USER and STEM_PASSWORD from its secret."""
        secret_arn = self._instance.master_user_secrets[0].secret_arn.apply(str)
        return sql(stem, self._instance.address, self._instance.port, self._instance.db_name, secret_arn)
