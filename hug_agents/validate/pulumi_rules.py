"""The rules for CloudFormation on what a Pulumi program declares under mocks: its resources are put in CloudFormation's words.

What keeps data from being deleted with a stack has no counterpart among the inputs (Pulumi's is `protect`, an option), so HUG-S4
is not asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.plans import Blueprint
from hug_agents.render.naming import PULUMI
from hug_agents.validate.cfn_template import Item, Resource
from hug_agents.validate.policy import stacks
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Hit, Rule

RULES = tuple(rule for rule in stacks.RULES if rule.id != "HUG-S4")
_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - Pulumi's mark of a secret, not one
_DOCUMENTS = {
    "policy": "PolicyDocument",
    "assumeRolePolicy": "AssumeRolePolicyDocument",
    "containerDefinitions": "ContainerDefinitions",
}
"""Inputs that are texts of JSON, and what holds the same in a template."""
_TYPES = {
    "aws:ec2/securityGroup:SecurityGroup": "AWS::EC2::SecurityGroup",
    "aws:ec2/volume:Volume": "AWS::EC2::Volume",
    "aws:ecs/taskDefinition:TaskDefinition": "AWS::ECS::TaskDefinition",
    "aws:efs/fileSystem:FileSystem": "AWS::EFS::FileSystem",
    "aws:elasticache/replicationGroup:ReplicationGroup": "AWS::ElastiCache::ReplicationGroup",
    "aws:iam/role:Role": "AWS::IAM::Role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "AWS::IAM::Role",
    "aws:kms/key:Key": "AWS::KMS::Key",
    "aws:rds/cluster:Cluster": "AWS::RDS::DBCluster",
    "aws:rds/instance:Instance": "AWS::RDS::DBInstance",
    "aws:s3/bucket:Bucket": "AWS::S3::Bucket",
    "aws:sns/topic:Topic": "AWS::SNS::Topic",
    "aws:sqs/queue:Queue": "AWS::SQS::Queue",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "AWS::EC2::SecurityGroupIngress",
}
"""What the rules know by name. Everything else keeps Pulumi's: a policy is read wherever it stands."""


class _Declared(Facts):
    """The facts of a bundle, with what a stack of Pulumi declares in the place of templates."""

    def __init__(self, bundle: Bundle, blueprint: Blueprint, found: tuple[Resource, ...]) -> None:
        super().__init__(bundle, blueprint)
        self._found = found

    @cached_property
    def stacks(self) -> tuple[Resource, ...]:
        return self._found


def hits(bundle: Bundle, blueprint: Blueprint, stack: Mapping[str, Any]) -> Iterator[tuple[Rule, Hit]]:
    """What the rules have against the resources of one stack."""
    facts = _Declared(bundle, blueprint, translated(stack))
    for rule in RULES:
        for hit in rule.check(facts):
            yield rule, hit


def translated(stack: Mapping[str, Any]) -> tuple[Resource, ...]:
    """The resources of a stack as a template would have them, each where the program declares it."""
    rows: list[dict[str, Any]] = stack["resources"]
    return tuple(_resource(row, rows, f"Pulumi.{stack['stack']}.yaml") for row in rows)


def _resource(row: dict[str, Any], rows: list[dict[str, Any]], else_file: str) -> Resource:
    line = row["line"] or 1
    values = {**row["inputs"], **_OTHERWISE[row["type"]](row, rows)} if row["type"] in _OTHERWISE else row["inputs"]
    properties: dict[str, Item] = {}
    for key, value in values.items():
        if key in _DOCUMENTS:
            properties[_DOCUMENTS[key]] = _item(_json(value), line, ours=key != "containerDefinitions")
        else:
            properties[_capital(key)] = _item(value, line)
    body = Item({"Properties": Item(properties, line)}, line)
    file = f"{PULUMI}/{row['file'] or else_file}"
    return Resource(file, row["name"], _TYPES.get(row["type"], row["type"]), line, body)


def _ingress(row: dict[str, Any], _: list[dict[str, Any]]) -> dict[str, Any]:
    rules = [
        {"CidrIp": cidr, "FromPort": rule.get("fromPort"), "ToPort": rule.get("toPort")}
        for rule in row["inputs"].get("ingress") or ()
        for cidr in (*(rule.get("cidrBlocks") or ()), *(rule.get("ipv6CidrBlocks") or ()))
    ]
    return {"SecurityGroupIngress": rules}


def _admitted(row: dict[str, Any], _: list[dict[str, Any]]) -> dict[str, Any]:
    return {"CidrIp": row["inputs"].get("cidrIpv4"), "CidrIpv6": row["inputs"].get("cidrIpv6")}


def _network(row: dict[str, Any], _: list[dict[str, Any]]) -> dict[str, Any]:
    public = (row["inputs"].get("networkConfiguration") or {}).get("assignPublicIp")
    return {"networkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED" if public else "DISABLED"}}}


def _volumes(row: dict[str, Any], _: list[dict[str, Any]]) -> dict[str, Any]:
    paths = [volume["hostPath"] for volume in row["inputs"].get("volumes") or () if volume.get("hostPath")]
    return {"volumes": [{"Host": {"SourcePath": path}} for path in paths]}


def _attached(row: dict[str, Any], _: list[dict[str, Any]]) -> dict[str, Any]:
    return {"ManagedPolicyArns": [row["inputs"].get("policyArn")]}


def _bucket(row: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What Pulumi's provider says in resources of their own, by the id that the mocks give a bucket."""
    mine = {item["type"]: item["inputs"] for item in rows if item["inputs"].get("bucket") == f"{row['name']}-id"}
    closed = mine.get("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", {})
    encrypted = mine.get("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
    found: dict[str, Any] = {"PublicAccessBlockConfiguration": closed}
    return {**found, "BucketEncryption": encrypted} if encrypted else found


_OTHERWISE: dict[str, Callable[[dict[str, Any], list[dict[str, Any]]], dict[str, Any]]] = {
    "aws:ec2/securityGroup:SecurityGroup": _ingress,
    "aws:ecs/service:Service": _network,
    "aws:ecs/taskDefinition:TaskDefinition": _volumes,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attached,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _admitted,
}
"""What is not only written otherwise, but lies elsewhere."""


def _item(value: Any, line: int, *, ours: bool = False) -> Item:
    """A value with the line of its resource; `ours`: the keys are those of a document, and stay."""
    if isinstance(value, dict):
        if _SECRET in value:
            return _item(value.get("value"), line, ours=ours)
        below = {key if ours else _capital(key): _item(inner, line, ours=ours) for key, inner in value.items()}
        return Item(below, line)
    if isinstance(value, list):
        return Item([_item(inner, line, ours=ours) for inner in value], line)
    return Item(int(value) if isinstance(value, float) and value.is_integer() else value, line)


def _capital(key: str) -> str:
    return key[:1].upper() + key[1:]


def _json(value: Any) -> Any:
    if isinstance(value, dict) and _SECRET in value:
        value = value.get("value")
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value
