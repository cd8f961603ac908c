"""A mocked AWS: every stack of this program can be declared, and what it declares is looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import yaml

PROJECT = Path(__file__).parent.parent
ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Declared:
    """One resource and what it was given."""

    type: str
    name: str
    inputs: Mapping[str, Any]


class Aws(pulumi.runtime.Mocks):
    """Answers as AWS would, as far as this program reads it."""

    def __init__(self) -> None:
        self.declared: list[Declared] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.declared.append(Declared(args.typ, args.name, args.inputs))
        given = ("name", "url", "dnsName", "zoneId", "keyId", "address", "primaryEndpointAddress", "fqdn")
        made = {key: f"{args.name}-{key}" for key in given}
        arn = f"arn:aws:mock:eu-west-1:{ACCOUNT}:{args.name}"
        outputs = {**made, "arn": arn, "arnSuffix": f"app/{args.name}/1", **args.inputs}
        if args.typ == "aws:acm/certificate:Certificate":
            hosts = [args.inputs["domainName"], *args.inputs.get("subjectAlternativeNames", ())]
            outputs["domainValidationOptions"] = [
                {"resourceRecordName": f"_{host}", "resourceRecordType": "CNAME", "resourceRecordValue": "proof"}
                for host in hosts
            ]
        if args.typ == "aws:rds/instance:Instance":
            outputs["masterUserSecrets"] = [{"secretArn": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:db"}]
        return f"{args.name}-id", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        answers: dict[str, dict[str, Any]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
            "aws:index/getRegion:getRegion": {"region": "eu-west-1"},
            "aws:index/getAvailabilityZones:getAvailabilityZones": {"names": ["a", "b", "c"]},
            "aws:secretsmanager/getSecret:getSecret": {
                "arn": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{args.args.get('name')}",
                "id": "secret",
            },
            "aws:secretsmanager/getSecretVersion:getSecretVersion": {"secretString": args.args.get("secretId")},
            "aws:route53/getZone:getZone": {"zoneId": "Z1"},
        }
        return answers[args.token], []


def stack_config(stack: str) -> dict[str, str]:
    """The stack's file as Pulumi hands it to the program: everything that is not text, as JSON."""
    document = yaml.safe_load((PROJECT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in document["config"].items()}


def prepare(stack: str, **more: str) -> Aws:
    """Mocks and configuration for one stack; `more` are values of the project's own."""
    project = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
    aws = Aws()
    pulumi.runtime.set_mocks(aws, project=project, stack=stack, preview=False)
    config = stack_config(stack)
    pulumi.runtime.set_all_config(config | {f"{project}:{key}": value for key, value in more.items()})
    return aws
