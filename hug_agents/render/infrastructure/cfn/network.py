"""Three availability zones in every environment, so that staging has the shape of production; the NAT gateways differ."""

from __future__ import annotations

from typing import Any

from hug_agents.render.infrastructure.cfn.foundation import KEY, allow, policy, trust
from hug_agents.render.infrastructure.cfn.scope import Scope
from hug_agents.render.infrastructure.cfn.template import Function, Template, att, ref, resource, sub

ZONES = (1, 2, 3)
PRIVATE = [ref(f"PrivateSubnet{zone}") for zone in ZONES]
PUBLIC = [ref(f"PublicSubnet{zone}") for zone in ZONES]
VPC = ref("Vpc")


def network(template: Template, scope: Scope) -> None:
    """Add them."""
    index = scope.spec.environments.index(scope.environment)
    template.parameters["VpcCidr"] = {
        "Type": "String",
        "Default": f"10.{16 + index}.0.0/16",
        "AllowedPattern": r"^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}/16$",
        "ConstraintDescription": "an IPv4 range of 16 bits, such as 10.16.0.0/16",
        "Description": "The environment's addresses. Environments do not overlap, so that they could be joined.",
    }
    found: dict[str, Any] = {
        "Vpc": resource(
            "AWS::EC2::VPC",
            {"CidrBlock": ref("VpcCidr"), "EnableDnsSupport": True, "EnableDnsHostnames": True, "Tags": scope.tagged()},
        ),
        "InternetGateway": resource("AWS::EC2::InternetGateway", {"Tags": scope.tagged()}),
        "InternetGatewayAttachment": resource(
            "AWS::EC2::VPCGatewayAttachment", {"VpcId": VPC, "InternetGatewayId": ref("InternetGateway")}
        ),
        "PublicRoutes": resource("AWS::EC2::RouteTable", {"VpcId": VPC, "Tags": scope.tagged("-public")}),
        "PublicDefaultRoute": resource(
            "AWS::EC2::Route",
            {
                "RouteTableId": ref("PublicRoutes"),
                "DestinationCidrBlock": "0.0.0.0/0",
                "GatewayId": ref("InternetGateway"),
            },
            DependsOn="InternetGatewayAttachment",
        ),
    }
    for zone in ZONES:
        found |= _zone(scope, zone)
    template.add(
        "Three zones. Tasks and data live in private subnets and have no address on the internet.\n"
        + (
            "A NAT gateway in each zone: the loss of one zone takes nothing away from the others."
            if scope.production
            else "One NAT gateway, which is cheaper; production has one in each zone."
        ),
        found,
    )
    template.add(
        "Free, and it keeps image layers and object storage off the NAT gateways.",
        {
            "S3Endpoint": resource(
                "AWS::EC2::VPCEndpoint",
                {
                    "VpcId": VPC,
                    "ServiceName": sub("com.amazonaws.${AWS::Region}.s3"),
                    "VpcEndpointType": "Gateway",
                    "RouteTableIds": [ref(f"PrivateRoutes{zone}") for zone in ZONES],
                },
            )
        },
    )
    template.add("Connections that were refused.", _flow_logs(scope))
    template.output("PrivateSubnets", "Where tasks run.", Function("Join", [",", PRIVATE]))


def _zone(scope: Scope, zone: int) -> dict[str, Any]:
    # Twenty blocks of 12 bits: the first three are private. Public ones are /24 out of the last block.
    private = Function("Select", [zone - 1, Function("Cidr", [ref("VpcCidr"), 16, 12])])
    public = Function("Select", [239 + zone, Function("Cidr", [ref("VpcCidr"), 256, 8])])
    place = Function("Select", [zone - 1, Function("GetAZs", "")])
    nat = zone if scope.production else 1
    found: dict[str, Any] = {
        f"PrivateSubnet{zone}": resource(
            "AWS::EC2::Subnet",
            {"VpcId": VPC, "AvailabilityZone": place, "CidrBlock": private, "Tags": scope.tagged(f"-private-{zone}")},
        ),
        f"PublicSubnet{zone}": resource(
            "AWS::EC2::Subnet",
            {
                "VpcId": VPC,
                "AvailabilityZone": place,
                "CidrBlock": public,
                "MapPublicIpOnLaunch": False,
                "Tags": scope.tagged(f"-public-{zone}"),
            },
        ),
        f"PublicSubnetRoutes{zone}": resource(
            "AWS::EC2::SubnetRouteTableAssociation",
            {"SubnetId": ref(f"PublicSubnet{zone}"), "RouteTableId": ref("PublicRoutes")},
        ),
    }
    if nat == zone:
        found |= {
            f"NatAddress{zone}": resource(
                "AWS::EC2::EIP",
                {"Domain": "vpc", "Tags": scope.tagged(f"-nat-{zone}")},
                DependsOn="InternetGatewayAttachment",
            ),
            f"NatGateway{zone}": resource(
                "AWS::EC2::NatGateway",
                {
                    "AllocationId": att(f"NatAddress{zone}", "AllocationId"),
                    "SubnetId": ref(f"PublicSubnet{zone}"),
                    "Tags": scope.tagged(f"-{zone}"),
                },
            ),
        }
    return found | {
        f"PrivateRoutes{zone}": resource(
            "AWS::EC2::RouteTable", {"VpcId": VPC, "Tags": scope.tagged(f"-private-{zone}")}
        ),
        f"PrivateDefaultRoute{zone}": resource(
            "AWS::EC2::Route",
            {
                "RouteTableId": ref(f"PrivateRoutes{zone}"),
                "DestinationCidrBlock": "0.0.0.0/0",
                "NatGatewayId": ref(f"NatGateway{nat}"),
            },
        ),
        f"PrivateSubnetRoutes{zone}": resource(
            "AWS::EC2::SubnetRouteTableAssociation",
            {"SubnetId": ref(f"PrivateSubnet{zone}"), "RouteTableId": ref(f"PrivateRoutes{zone}")},
        ),
    }


def _flow_logs(scope: Scope) -> dict[str, Any]:
    return {
        "FlowLogGroup": resource(
            "AWS::Logs::LogGroup",
            {"LogGroupName": f"/vpc/{scope.name}", "RetentionInDays": scope.log_days, "KmsKeyId": KEY},
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Retain",
        ),
        "FlowLogRole": resource(
            "AWS::IAM::Role",
            {
                "RoleName": f"{scope.name}-vpc-flow-logs",
                "AssumeRolePolicyDocument": trust("vpc-flow-logs.amazonaws.com", ours=False),
                "Policies": [
                    {
                        "PolicyName": "write-flow-logs",
                        "PolicyDocument": policy(
                            allow(
                                ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                                att("FlowLogGroup", "Arn"),
                            )
                        ),
                    }
                ],
            },
        ),
        "FlowLog": resource(
            "AWS::EC2::FlowLog",
            {
                "ResourceType": "VPC",
                "ResourceId": VPC,
                "TrafficType": "REJECT",
                "LogDestinationType": "cloud-watch-logs",
                "LogGroupName": ref("FlowLogGroup"),
                "DeliverLogsPermissionArn": att("FlowLogRole", "Arn"),
            },
        ),
    }
