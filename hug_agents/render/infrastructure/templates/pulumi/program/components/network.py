"""Three availability zones in every environment, so that staging has the shape of production.

What differs is the number of NAT gateways: one is cheaper, one a zone survives the loss of a zone.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policies import document, trust

ZONES = 3


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """An address range of size /16, and how it reaches the internet."""

    name: str
    cidr: str
    nat_per_zone: bool
    region: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    log_retention_days: int


class Network(pulumi.ComponentResource):
    """A VPC with a public and a private subnet in each zone."""

    vpc_id: pulumi.Output[str]
    cidr: str
    private_subnet_ids: list[pulumi.Output[str]]
    """Where tasks and data live: no address on the internet."""
    public_subnet_ids: list[pulumi.Output[str]]
    """Where the public load balancer and the NAT gateways live."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Network", name, None, opts)
        self._name, self._args = name, args
        self._here = pulumi.ResourceOptions(parent=self)
        addresses = ipaddress.IPv4Network(args.cidr)
        if addresses.prefixlen != 16:
            raise ValueError(f"vpcCidr must be an IPv4 range of size /16, not {args.cidr}")
        # Local zones are not among them: they lack most services.
        zones = aws.get_availability_zones_output(
            state="available",
            filters=[aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])],
        )
        self.cidr = args.cidr
        self._vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": args.name},
            opts=self._here,
        )
        self.vpc_id = self._vpc.id
        # The default group lets its members talk to each other; emptied, a forgotten resource is closed, not open.
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default-closed",
            vpc_id=self._vpc.id,
            tags={"Name": f"{args.name}-default-closed"},
            opts=self._here,
        )
        private = list(addresses.subnets(new_prefix=20))[:ZONES]
        public = list(addresses.subnets(new_prefix=24))[240 : 240 + ZONES]
        privates = [self._subnet("private", index, str(private[index]), zones.names[index]) for index in range(ZONES)]
        publics = [self._subnet("public", index, str(public[index]), zones.names[index]) for index in range(ZONES)]
        self.private_subnet_ids = [subnet.id for subnet in privates]
        self.public_subnet_ids = [subnet.id for subnet in publics]
        tables = self._routes(privates, publics)
        # Free, and it keeps image layers and object storage off the NAT gateways.
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=self._vpc.id,
            service_name=pulumi.Output.concat("com.amazonaws.", args.region, ".s3"),
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            tags={"Name": f"{args.name}-s3"},
            opts=self._here,
        )
        self._flow_log()
        self.register_outputs({"vpc_id": self.vpc_id})

    def _subnet(self, kind: str, index: int, cidr: str, zone: pulumi.Input[str]) -> aws.ec2.Subnet:
        return aws.ec2.Subnet(
            f"{self._name}-{kind}-{index}",
            vpc_id=self._vpc.id,
            availability_zone=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags={"Name": f"{self._args.name}-{kind}-{index}"},
            opts=self._here,
        )

    def _routes(self, privates: list[aws.ec2.Subnet], publics: list[aws.ec2.Subnet]) -> list[aws.ec2.RouteTable]:
        """The route tables of the private subnets."""
        name, prefix = self._name, self._args.name
        internet = aws.ec2.InternetGateway(
            f"{name}-internet", vpc_id=self._vpc.id, tags={"Name": prefix}, opts=self._here
        )
        outside = aws.ec2.RouteTable(
            f"{name}-public",
            vpc_id=self._vpc.id,
            routes=[aws.ec2.RouteTableRouteArgs(cidr_block="0.0.0.0/0", gateway_id=internet.id)],
            tags={"Name": f"{prefix}-public"},
            opts=self._here,
        )
        for index, subnet in enumerate(publics):
            aws.ec2.RouteTableAssociation(
                f"{name}-public-{index}", subnet_id=subnet.id, route_table_id=outside.id, opts=self._here
            )
        gateways = []
        for index, subnet in enumerate(publics if self._args.nat_per_zone else publics[:1]):
            address = aws.ec2.Eip(
                f"{name}-nat-{index}", domain="vpc", tags={"Name": f"{prefix}-nat-{index}"}, opts=self._here
            )
            gateways.append(
                aws.ec2.NatGateway(
                    f"{name}-nat-{index}",
                    allocation_id=address.id,
                    subnet_id=subnet.id,
                    tags={"Name": f"{prefix}-{index}"},
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[internet]),
                )
            )
        tables = []
        for index, subnet in enumerate(privates):
            gateway = gateways[index if self._args.nat_per_zone else 0]
            table = aws.ec2.RouteTable(
                f"{name}-private-{index}",
                vpc_id=self._vpc.id,
                routes=[aws.ec2.RouteTableRouteArgs(cidr_block="0.0.0.0/0", nat_gateway_id=gateway.id)],
                tags={"Name": f"{prefix}-private-{index}"},
                opts=self._here,
            )
            aws.ec2.RouteTableAssociation(
                f"{name}-private-{index}", subnet_id=subnet.id, route_table_id=table.id, opts=self._here
            )
            tables.append(table)
        return tables

    def _flow_log(self) -> None:
        name, args = self._name, self._args
        group = aws.cloudwatch.LogGroup(
            f"{name}-flow",
            name=f"/vpc/{args.name}",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.kms_key_arn,
            opts=self._here,
        )
        role = aws.iam.Role(
            f"{name}-flow",
            name=f"{args.name}-vpc-flow-logs",
            assume_role_policy=trust("vpc-flow-logs.amazonaws.com"),
            opts=self._here,
        )
        aws.iam.RolePolicy(
            f"{name}-write-flow-logs",
            name="write-flow-logs",
            role=role.id,
            policy=document(
                [
                    {
                        "Effect": "Allow",
                        "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                        "Resource": pulumi.Output.concat(group.arn, ":*"),
                    }
                ]
            ),
            opts=self._here,
        )
        aws.ec2.FlowLog(
            f"{name}-flow",
            vpc_id=self._vpc.id,
            traffic_type="REJECT",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            opts=self._here,
        )
