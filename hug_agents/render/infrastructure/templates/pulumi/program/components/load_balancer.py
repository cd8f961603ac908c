"""One load balancer for all public services, one for all internal ones. A request that no rule knows gets a 404."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.names import Certificate, InternalZone, public_records
from components.network import Network
from components.private_bucket import PrivateBucket, PrivateBucketArgs


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """With `hosts` it answers in HTTPS for those names; without, in plain HTTP on its own AWS name."""

    name: str
    internal: bool
    network: Network
    account_id: pulumi.Input[str]
    clients_cidr: str
    deletion_protection: bool
    log_retention_days: int
    hosts: Sequence[str] = field(default_factory=tuple)
    zone_name: str = ""
    internal_zone: str = ""


class LoadBalancer(pulumi.ComponentResource):
    """An application load balancer, its names and its access logs."""

    listener_arn: pulumi.Output[str]
    """Where services put their rules: HTTPS with hosts, HTTP without."""
    arn_suffix: pulumi.Output[str]
    """Its name in CloudWatch metrics."""
    security_group_id: pulumi.Output[str]
    url: pulumi.Output[str]

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:LoadBalancer", name, None, opts)
        self._name, self._args = name, args
        here = self._here = pulumi.ResourceOptions(parent=self)
        logs = self._logs()
        self.security_group_id = self._security_group()
        balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            name=args.name,
            internal=args.internal,
            load_balancer_type="application",
            security_groups=[self.security_group_id],
            subnets=args.network.private_subnet_ids if args.internal else args.network.public_subnet_ids,
            drop_invalid_header_fields=True,
            enable_deletion_protection=args.deletion_protection,
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(bucket=logs.name, enabled=True),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs.policy]),
        )
        http = aws.lb.Listener(
            f"{name}-http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[_redirect() if args.hosts else _not_found()],
            opts=here,
        )
        self.listener_arn = http.arn
        self.url = pulumi.Output.concat("http://", balancer.dns_name)
        if args.hosts:
            certificate = Certificate(f"{name}-certificate", args.hosts, args.zone_name, here)
            https = aws.lb.Listener(
                f"{name}-https",
                load_balancer_arn=balancer.arn,
                port=443,
                protocol="HTTPS",
                ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
                certificate_arn=certificate.arn,
                default_actions=[_not_found()],
                opts=here,
            )
            public_records(name, args.hosts, certificate.zone_id, balancer, here)
            self.listener_arn = https.arn
            self.url = pulumi.Output.from_input(f"https://{args.hosts[0]}")
        if args.internal_zone:
            InternalZone(f"{name}-zone", args.internal_zone, args.network.vpc_id, balancer, here)
        self.arn_suffix = balancer.arn_suffix
        self.register_outputs({"listener_arn": self.listener_arn, "url": self.url})

    def _security_group(self) -> pulumi.Output[str]:
        name, args = self._name, self._args
        group = aws.ec2.SecurityGroup(
            f"{name}-lb",
            name=f"{args.name}-lb",
            description=f"Load balancer {args.name}",
            vpc_id=args.network.vpc_id,
            tags={"Name": f"{args.name}-lb"},
            opts=self._here,
        )
        for port in (80, 443) if args.hosts else (80,):
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-from-clients-{port}",
                security_group_id=group.id,
                description="HTTPS" if port == 443 else "HTTP, redirected to HTTPS" if args.hosts else "HTTP",
                cidr_ipv4=args.clients_cidr,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                opts=self._here,
            )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-to-tasks",
            security_group_id=group.id,
            description="To the tasks; each service's own group narrows the port",
            cidr_ipv4=args.network.cidr,
            ip_protocol="tcp",
            from_port=1,
            to_port=65535,
            opts=self._here,
        )
        return group.id

    def _logs(self) -> PrivateBucket:
        """Load balancers can write only to a bucket encrypted with S3's own key, so this one has no customer key."""
        prefix = pulumi.Output.concat("/AWSLogs/", self._args.account_id, "/*")
        return PrivateBucket(
            f"{self._name}-logs",
            PrivateBucketArgs(
                bucket=pulumi.Output.concat(f"{self._args.name}-lb-logs-", self._args.account_id),
                old_version_days=7,
                expire_days=self._args.log_retention_days,
                statements=[
                    {
                        "Sid": "LogDeliveryWrites",
                        "Effect": "Allow",
                        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                        "Action": "s3:PutObject",
                        "Resource": prefix,
                    }
                ],
            ),
            self._here,
        )


def _redirect() -> aws.lb.ListenerDefaultActionArgs:
    return aws.lb.ListenerDefaultActionArgs(
        type="redirect",
        redirect=aws.lb.ListenerDefaultActionRedirectArgs(port="443", protocol="HTTPS", status_code="HTTP_301"),
    )


def _not_found() -> aws.lb.ListenerDefaultActionArgs:
    return aws.lb.ListenerDefaultActionArgs(
        type="fixed-response",
        fixed_response=aws.lb.ListenerDefaultActionFixedResponseArgs(
            content_type="text/plain", message_body="not found", status_code="404"
        ),
    )
