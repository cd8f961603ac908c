"""Pulumi.yaml and the stack files: what differs between environments."""

from __future__ import annotations

from typing import Any

from hug_agents.render.infrastructure.aws import agent
from hug_agents.render.infrastructure.aws.dependencies import backing
from hug_agents.render.infrastructure.aws.programs import hosts, internal_zone, maximum_percent, resource_name
from hug_agents.render.infrastructure.aws.roots import dns_zone, registry_home, tags
from hug_agents.render.infrastructure.aws.trust import trust
from hug_agents.render.naming import short, stack_name
from hug_agents.render.templating import yaml_documents
from hug_agents.spec import DeploymentSpec, Environment, Service


def project(spec: DeploymentSpec) -> str:
    """`Pulumi.yaml`: a virtual environment of its own, so that `pulumi install` is all that a machine needs."""
    return yaml_documents(
        {
            "name": spec.application,
            "description": f"Infrastructure of {spec.application} on AWS",
            "runtime": {"name": "python", "options": {"toolchain": "pip", "virtualenv": "venv"}},
        }
    )


def environment_stack(spec: DeploymentSpec, environment: Environment) -> str:
    """`Pulumi.<environment>.yaml`."""
    production = environment.role == "production"
    config: dict[str, Any] = {
        "name": stack_name(spec, environment),
        "production": production,
        "vpcCidr": f"10.{16 + spec.environments.index(environment)}.0.0/16",
        "logRetentionDays": 365 if production else 90,
        "monthlyBudgetUsd": 1000 if production else 300,
        "alertEmail": "",
    }
    if environment.domain and any(item.public for item in spec.web_services):
        config["dnsZone"] = dns_zone(environment.domain)
    if any(not item.public for item in spec.web_services):
        config["internalZone"] = internal_zone(spec, environment)
    config |= _trusted(spec)
    if agent.secret_keys(spec):
        config["secretPrefix"] = ""
    if agent.anywhere(spec):
        config["datadogSite"] = agent.SITE
    home = registry_home(spec)
    if home.account:
        config["registryAccountId"] = home.account
    if home.region:
        config["registryRegion"] = home.region
    config["programs"] = [item for service in spec.services for item in _places(spec, environment, service)]
    managed = [item for item in spec.dependencies if item.managed]
    if managed:
        config["dependencies"] = []
        for item in managed:
            found = backing(spec, environment, item)
            entry: dict[str, Any] = {"name": item.name, "resource": found.resource}
            if item.kind in ("postgres", "mysql", "redis"):
                entry["size"] = found.size
            if item.kind in ("postgres", "mysql"):
                entry["storageGib"] = found.storage
            config["dependencies"].append(entry)
    return _stack(spec, environment.name, environment, config)


def registry_stack(spec: DeploymentSpec) -> str:
    """The stack of the image registry, in the account and region that keep the images."""
    home = registry_home(spec)
    config: dict[str, Any] = {}
    readers = sorted({item.account for item in spec.environments if item.account and item.account != home.account})
    if readers:
        config["readerAccountIds"] = readers
    config |= _trusted(spec)
    return _stack(spec, "registry", home, config)


def missing(spec: DeploymentSpec, environment: Environment) -> list[str]:
    """The keys that a person has to add: nothing says their values."""
    keys = [] if environment.region else ["aws:region"]
    return (
        keys
        + missing_trust(spec)
        + ([f"{spec.application}:datadogAgentImage"] if agent.anywhere(spec) else [])
        + [f"{spec.application}:{item.name}" for item in spec.dependencies if not item.managed]
    )


def missing_trust(spec: DeploymentSpec) -> list[str]:
    """The keys that say whose pipeline may deploy, where nothing else does."""
    found = trust(spec)
    return [f"{spec.application}:{item.camel}" for item in found.settings if not item.default] if found else []


def _trusted(spec: DeploymentSpec) -> dict[str, str]:
    found = trust(spec)
    return {item.camel: item.default for item in found.settings if item.default} if found else {}


def _stack(spec: DeploymentSpec, name: str, environment: Environment, config: dict[str, Any]) -> str:
    provider: dict[str, Any] = {}
    if environment.region:
        provider["aws:region"] = environment.region
    if environment.account:
        # A wrong profile fails here, not in the wrong account.
        provider["aws:allowedAccountIds"] = [environment.account]
    provider["aws:defaultTags"] = {"tags": tags(spec, name, environment, "pulumi")}
    own = {f"{spec.application}:{key}": value for key, value in config.items()}
    return yaml_documents({"config": provider | own})


def _places(spec: DeploymentSpec, environment: Environment, plain: Service) -> list[dict[str, Any]]:
    service = spec.in_environment(plain, environment)
    cpu, memory = agent.task_size(spec, service)
    entry: dict[str, Any] = {
        "service": service.name,
        "name": resource_name(spec, environment, service),
        "cpu": cpu,
        "memory": memory,
        "replicas": service.replicas,
    }
    if service.kind != "job":
        entry["maxReplicas"] = max(service.max_replicas or 0, service.replicas)
        entry["maximumPercent"] = maximum_percent(spec, service)
        entry["minimumHealthyPercent"] = 100 - spec.strategy.max_unavailable_percent
    if service.kind == "web":
        # 26 characters, so that `-green` still fits a target group's 32.
        entry["targetGroup"] = short(stack_name(spec, environment), service.name, limit=26)
        entry["hosts"] = hosts(spec, environment, service)
    usual = {item.name: item.value for item in plain.env}
    other = [item for item in service.env if usual.get(item.name) != item.value]
    if other:
        entry["environment"] = [{"name": item.name, "value": item.value} for item in other]
    found = [entry]
    if service.migrate_command:
        name = resource_name(spec, environment, service, suffix="_migrate")
        cpu, memory = agent.task_size(spec, service, migration=True)
        migration: dict[str, Any] = {
            "service": service.name,
            "migration": True,
            "name": name,
            "cpu": cpu,
            "memory": memory,
        }
        found.append(migration | ({"environment": entry["environment"]} if other else {}))
    return found
