"""Names and certificates. The public Route 53 zone that the domain belongs to exists before this does."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws


class Certificate(pulumi.ComponentResource):
    """A certificate for these hosts, proved by records in their zone."""

    arn: pulumi.Output[str]
    zone_id: pulumi.Output[str]

    def __init__(
        self, name: str, hosts: Sequence[str], zone_name: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("app:components:Certificate", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        self.zone_id = aws.route53.get_zone_output(name=zone_name).zone_id
        certificate = aws.acm.Certificate(
            f"{name}-acm",
            domain_name=hosts[0],
            subject_alternative_names=list(hosts[1:]),
            validation_method="DNS",
            opts=here,
        )
        # One proof a host: the number is known before the certificate is, so a preview shows every record.
        records = [
            aws.route53.Record(
                f"{name}-proof-{index}",
                zone_id=self.zone_id,
                name=certificate.domain_validation_options[index].resource_record_name.apply(str),
                type=certificate.domain_validation_options[index].resource_record_type.apply(str),
                records=[certificate.domain_validation_options[index].resource_record_value.apply(str)],
                ttl=60,
                allow_overwrite=True,
                opts=here,
            )
            for index in range(len(hosts))
        ]
        self.arn = aws.acm.CertificateValidation(
            f"{name}-proved",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn for record in records],
            opts=here,
        ).certificate_arn
        self.register_outputs({"arn": self.arn})


class InternalZone(pulumi.ComponentResource):
    """A private zone in which every name leads to one load balancer."""

    def __init__(
        self,
        name: str,
        zone_name: str,
        vpc_id: pulumi.Input[str],
        balancer: aws.lb.LoadBalancer,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("app:components:InternalZone", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        zone = aws.route53.Zone(
            f"{name}-private", name=zone_name, vpcs=[aws.route53.ZoneVpcArgs(vpc_id=vpc_id)], opts=here
        )
        aws.route53.Record(
            f"{name}-every-name",
            zone_id=zone.zone_id,
            name=f"*.{zone_name}",
            type="A",
            aliases=[_alias(balancer)],
            opts=here,
        )
        self.register_outputs({})


def public_records(
    name: str,
    hosts: Sequence[str],
    zone_id: pulumi.Input[str],
    balancer: aws.lb.LoadBalancer,
    opts: pulumi.ResourceOptions,
) -> None:
    """The hosts lead to the load balancer."""
    for host in hosts:
        aws.route53.Record(
            f"{name}-{host}", zone_id=zone_id, name=host, type="A", aliases=[_alias(balancer)], opts=opts
        )


def _alias(balancer: aws.lb.LoadBalancer) -> aws.route53.RecordAliasArgs:
    return aws.route53.RecordAliasArgs(name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=True)
