"""One load balancer for all public services, one for all internal ones. A request that no rule knows gets a 404."""

from __future__ import annotations

from typing import Any

from hug_agents.render.infrastructure.aws.programs import internal_zone
from hug_agents.render.infrastructure.cfn.foundation import policy, tls_only
from hug_agents.render.infrastructure.cfn.network import PRIVATE, PUBLIC, VPC
from hug_agents.render.infrastructure.cfn.scope import Scope
from hug_agents.render.infrastructure.cfn.template import Template, att, ref, resource, sub
from hug_agents.render.naming import public_host

_NOT_FOUND = {
    "Type": "fixed-response",
    "FixedResponseConfig": {"ContentType": "text/plain", "MessageBody": "not found", "StatusCode": "404"},
}
_HTTPS = {"Type": "redirect", "RedirectConfig": {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"}}


def hosts(scope: Scope) -> list[str]:
    """The names that the public load balancer answers for; none without a domain."""
    found = (public_host(scope.spec, scope.environment, item) for item in scope.spec.web_services)
    return [host for host in found if host]


def listener(scope: Scope, *, public: bool) -> str:
    """Where services put their rules: HTTPS with hosts, HTTP without."""
    return f"{_side(public)}Https" if public and hosts(scope) else f"{_side(public)}Http"


def balancer(*, public: bool) -> str:
    """The logical id of a load balancer."""
    return f"{_side(public)}LoadBalancer"


def balancers(template: Template, scope: Scope) -> None:
    """Add those that are needed."""
    if any(item.public for item in scope.spec.web_services):
        names = hosts(scope)
        said = (
            ""
            if names
            else "\nNo domain was given, so there is no certificate: it answers in plain HTTP on its own name."
        )
        template.add(f"Public services.{said}", _balancer(scope, public=True) | _certificate(template, scope))
        url = f"https://{names[0]}" if names else sub("http://${PublicLoadBalancer.DNSName}")
        template.output("BaseUrl", "Where users reach the application.", url)
    if any(not item.public for item in scope.spec.web_services):
        zone = internal_zone(scope.spec, scope.environment)
        template.add(
            f"Internal services answer at http://SERVICE.{zone}, inside the VPC only.",
            _balancer(scope, public=False) | _internal_zone(zone),
        )


def _side(public: bool) -> str:
    return "Public" if public else "Internal"


def _balancer(scope: Scope, *, public: bool) -> dict[str, Any]:
    side = _side(public)
    name = f"{scope.name}-{'pub' if public else 'int'}"
    https = public and bool(hosts(scope))
    clients = "0.0.0.0/0" if public else ref("VpcCidr")
    ports = [(80, "HTTP, redirected to HTTPS" if https else "HTTP"), *([(443, "HTTPS")] if https else [])]
    found = {
        f"{side}LoadBalancerGroup": resource(
            "AWS::EC2::SecurityGroup",
            {
                "GroupName": f"{name}-lb",
                "GroupDescription": f"Load balancer {name}",
                "VpcId": VPC,
                "SecurityGroupIngress": [
                    {"Description": said, "CidrIp": clients, "IpProtocol": "tcp", "FromPort": port, "ToPort": port}
                    for port, said in ports
                ],
                "SecurityGroupEgress": [
                    {
                        "Description": "To the tasks; the group of each service narrows the port",
                        "CidrIp": ref("VpcCidr"),
                        "IpProtocol": "tcp",
                        "FromPort": 1,
                        "ToPort": 65535,
                    }
                ],
                "Tags": [{"Key": "Name", "Value": f"{name}-lb"}],
            },
        ),
        **_logs(scope, side, name),
        f"{side}LoadBalancer": resource(
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
            {
                "Name": name,
                "Type": "application",
                "Scheme": "internet-facing" if public else "internal",
                "SecurityGroups": [ref(f"{side}LoadBalancerGroup")],
                "Subnets": PUBLIC if public else PRIVATE,
                "LoadBalancerAttributes": [
                    {"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true"},
                    {"Key": "deletion_protection.enabled", "Value": "true" if scope.production else "false"},
                    {"Key": "access_logs.s3.enabled", "Value": "true"},
                    {"Key": "access_logs.s3.bucket", "Value": ref(f"{side}AccessLogs")},
                ],
            },
            DependsOn=[f"{side}AccessLogsPolicy", *(["InternetGatewayAttachment"] if public else [])],
        ),
        f"{side}Http": resource(
            "AWS::ElasticLoadBalancingV2::Listener",
            {
                "LoadBalancerArn": ref(f"{side}LoadBalancer"),
                "Port": 80,
                "Protocol": "HTTP",
                "DefaultActions": [_HTTPS if https else _NOT_FOUND],
            },
        ),
    }
    if https:
        found[f"{side}Https"] = resource(
            "AWS::ElasticLoadBalancingV2::Listener",
            {
                "LoadBalancerArn": ref(f"{side}LoadBalancer"),
                "Port": 443,
                "Protocol": "HTTPS",
                "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
                "Certificates": [{"CertificateArn": ref("Certificate")}],
                "DefaultActions": [_NOT_FOUND],
            },
        )
    return found


def _logs(scope: Scope, side: str, name: str) -> dict[str, Any]:
    """Load balancers can write only to a bucket encrypted with S3's own key, so this one has no customer key."""
    bucket = f"{side}AccessLogs"
    both = [att(bucket, "Arn"), sub(f"${{{bucket}.Arn}}/*")]
    return {
        bucket: resource(
            "AWS::S3::Bucket",
            {
                "BucketName": sub(f"{name}-lb-logs-${{AWS::AccountId}}"),
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                },
                **PRIVATE_BUCKET,
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "expire",
                            "Status": "Enabled",
                            "ExpirationInDays": scope.log_days,
                            "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                        }
                    ]
                },
            },
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        ),
        f"{bucket}Policy": resource(
            "AWS::S3::BucketPolicy",
            {
                "Bucket": ref(bucket),
                "PolicyDocument": policy(
                    {
                        "Sid": "LogDeliveryWrites",
                        "Effect": "Allow",
                        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                        "Action": "s3:PutObject",
                        "Resource": sub(f"${{{bucket}.Arn}}/AWSLogs/${{AWS::AccountId}}/*"),
                    },
                    tls_only("s3", both),
                ),
            },
        ),
    }


PRIVATE_BUCKET: dict[str, Any] = {
    "PublicAccessBlockConfiguration": {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    },
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    "VersioningConfiguration": {"Status": "Enabled"},
}
"""No public access, no ACLs, versions."""


def _certificate(template: Template, scope: Scope) -> dict[str, Any]:
    """The certificate and the records live in the Route 53 zone that the domain belongs to; it exists before this does."""
    names = hosts(scope)
    if not names:
        return {}
    template.parameters["DnsZoneId"] = {
        "Type": "AWS::Route53::HostedZone::Id",
        "Description": f"The public Route 53 zone that holds {scope.environment.domain}.",
    }
    found = {
        "Certificate": resource(
            "AWS::CertificateManager::Certificate",
            {
                "DomainName": names[0],
                "SubjectAlternativeNames": names[1:] or None,
                "ValidationMethod": "DNS",
                "DomainValidationOptions": [{"DomainName": host, "HostedZoneId": ref("DnsZoneId")} for host in names],
            },
        )
    }
    for number, host in enumerate(names, 1):
        found[f"PublicName{number}"] = resource(
            "AWS::Route53::RecordSet",
            {"HostedZoneId": ref("DnsZoneId"), "Name": host, "Type": "A", "AliasTarget": _alias("Public")},
        )
    return found


def _internal_zone(zone: str) -> dict[str, Any]:
    return {
        "InternalZone": resource(
            "AWS::Route53::HostedZone",
            {"Name": zone, "VPCs": [{"VPCId": VPC, "VPCRegion": ref("AWS::Region")}]},
        ),
        "InternalNames": resource(
            "AWS::Route53::RecordSet",
            {"HostedZoneId": ref("InternalZone"), "Name": f"*.{zone}", "Type": "A", "AliasTarget": _alias("Internal")},
        ),
    }


def _alias(side: str) -> dict[str, Any]:
    return {
        "DNSName": att(f"{side}LoadBalancer", "DNSName"),
        "HostedZoneId": att(f"{side}LoadBalancer", "CanonicalHostedZoneID"),
        "EvaluateTargetHealth": True,
    }
