"""The stack's configuration, `Pulumi.<environment>.yaml`: what differs between environments, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class Place:
    """A program in this environment: its resources' name, and how much of it there is."""

    name: str
    cpu: int
    memory: int
    replicas: int = 1
    max_replicas: int = 1
    maximum_percent: int = 200
    minimum_healthy_percent: int = 100
    target_group: str = ""
    hosts: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Backing:
    """A dependency in this environment: its resource's name, and its size."""

    name: str
    size: str = ""
    storage_gib: int = 20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that the program is told."""

    environment: str
    name: str
    """The stem of every resource's name."""
    production: bool
    account_id: pulumi.Output[str]
    region: pulumi.Output[str]
    vpc_cidr: str
    dns_zone: str
    internal_zone: str
    state_bucket: pulumi.Output[str]
    alert_email: str
    monthly_budget_usd: int
    log_retention_days: int
    secret_prefix: str
    registry_secret_arn: str
    registry_account_id: pulumi.Output[str]
    registry_region: pulumi.Output[str]
    places: Mapping[tuple[str, bool], Place]
    backings: Mapping[str, Backing]
    config: pulumi.Config

    @classmethod
    def read(cls) -> Settings:
        """The settings of the stack that runs. Pulumi names a value that is missing."""
        config = pulumi.Config()
        account_id = aws.get_caller_identity_output().account_id
        region = aws.get_region_output().region
        bucket = config.get("stateBucket")
        registry_account, registry_region = config.get("registryAccountId"), config.get("registryRegion")
        return cls(
            environment=pulumi.get_stack(),
            name=config.require("name"),
            production=config.require_bool("production"),
            account_id=account_id,
            region=region,
            vpc_cidr=config.require("vpcCidr"),
            dns_zone=config.get("dnsZone") or "",
            internal_zone=config.get("internalZone") or "",
            state_bucket=pulumi.Output.from_input(bucket)
            if bucket
            else pulumi.Output.concat(pulumi.get_project(), "-pulumi-state-", account_id),
            alert_email=config.get("alertEmail") or "",
            monthly_budget_usd=config.require_int("monthlyBudgetUsd"),
            log_retention_days=config.require_int("logRetentionDays"),
            secret_prefix=config.get("secretPrefix") or "",
            registry_secret_arn=config.get("registrySecretArn") or "",
            registry_account_id=pulumi.Output.from_input(registry_account) if registry_account else account_id,
            registry_region=pulumi.Output.from_input(registry_region) if registry_region else region,
            places={
                (item["service"], bool(item.get("migration"))): _place(item)
                for item in config.require_object("programs")
            },
            backings={item["name"]: _backing(item) for item in config.get_object("dependencies") or ()},
            config=config,
        )

    def existing(self, name: str) -> Any:
        """What the configuration says about a dependency that exists already."""
        return self.config.require_object(name)


def _place(item: Mapping[str, Any]) -> Place:
    return Place(
        name=item["name"],
        cpu=item["cpu"],
        memory=item["memory"],
        replicas=item.get("replicas", 1),
        max_replicas=item.get("maxReplicas", item.get("replicas", 1)),
        maximum_percent=item.get("maximumPercent", 200),
        minimum_healthy_percent=item.get("minimumHealthyPercent", 100),
        target_group=item.get("targetGroup", ""),
        hosts=tuple(item.get("hosts", ())),
        # A list, because Pulumi takes a map whose only key is `secure` for an encrypted value.
        environment={entry["name"]: entry["value"] for entry in item.get("environment", ())},
    )


def _backing(item: Mapping[str, Any]) -> Backing:
    return Backing(name=item["resource"], size=item.get("size", ""), storage_gib=item.get("storageGib", 20))
