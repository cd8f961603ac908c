"""The stack of an environment, and the two files that stand beside its template."""

from __future__ import annotations

from typing import Any

from hug_agents.render.infrastructure.aws import agent
from hug_agents.render.infrastructure.aws.programs import private_registry
from hug_agents.render.infrastructure.aws.roots import owner_tag, registry_home
from hug_agents.render.infrastructure.aws.trust import trust
from hug_agents.render.infrastructure.cfn.access import deploy_role
from hug_agents.render.infrastructure.cfn.balancers import balancers
from hug_agents.render.infrastructure.cfn.dependencies import dependencies, id_of, secrets
from hug_agents.render.infrastructure.cfn.foundation import foundation
from hug_agents.render.infrastructure.cfn.jobs import job
from hug_agents.render.infrastructure.cfn.network import network
from hug_agents.render.infrastructure.cfn.programs import programs, standing
from hug_agents.render.infrastructure.cfn.release import record
from hug_agents.render.infrastructure.cfn.scope import Scope
from hug_agents.render.infrastructure.cfn.services import service
from hug_agents.render.infrastructure.cfn.template import Template, equals, negated, ref
from hug_agents.render.naming import uses_ecr


def template(scope: Scope) -> Template:
    """Everything of an environment, what stands still first."""
    found = Template(f"{scope.spec.application} in {scope.environment.name}: network, data, services, alarms")
    calls = programs(scope)
    _registry_parameters(found, scope)
    if agent.anywhere(scope.spec):
        found.parameters["DatadogAgentImage"] = {
            "Type": "String",
            "AllowedPattern": f"^{agent.IMAGE_PATTERN}$",
            "ConstraintDescription": "an image by its digest",
            "Description": agent.IMAGE_SAID.replace("…", "DIGEST"),
        }
        found.parameters["DatadogSite"] = {
            "Type": "String",
            "Default": agent.SITE,
            "AllowedPattern": f"^{agent.SITE_PATTERN}$",
            "Description": "The site of Datadog that the Agent reports to.",
        }
    foundation(found, scope)
    network(found, scope)
    balancers(found, scope)
    told = dependencies(found, scope)
    for program in calls:
        standing(found, scope, program, told)
    if scope.pipeline:
        deploy_role(found, scope, calls)
    record(found, scope, calls)
    web = 0
    for program in calls:
        if program.kind in ("web", "worker"):
            service(found, scope, program, told, web)
            web += program.kind == "web"
        else:
            job(found, scope, program, told)
    return found


def stack_file(scope: Scope, found: Template) -> dict[str, Any]:
    """`stack.json`, a template configuration file as CodePipeline and `aws cloudformation deploy` read it too.

    Parameters that have a default and that people may want to change; tags; and what no update may replace or delete.
    """
    pipeline = trust(scope.spec)
    theirs = (
        "AlertEmail",
        "MonthlyBudgetUsd",
        "VpcCidr",
        *(item.pascal for item in (pipeline.settings if pipeline else ())),
        "RegistryAccountId",
        "RegistryRegion",
        "RegistrySecretArn",
        "DatadogSite",
    )
    values = {
        name: str(found.parameters[name]["Default"])
        for name in theirs
        if name in found.parameters and "Default" in found.parameters[name]
    }
    return {
        "Parameters": values,
        "Tags": tags(scope.spec, scope.environment.name, scope.name),
        "StackPolicy": _stack_policy(scope),
    }


def secrets_file(scope: Scope) -> dict[str, str]:
    """`secrets.json`: parameter → the name of the secret in Secrets Manager whose ARN it gets."""
    return secrets(scope)


def tags(spec: Any, environment: str, stack: str) -> dict[str, str]:
    """How everything of a stack is signed; CloudFormation hands the tags down."""
    found = {"Application": spec.application, "Environment": environment, "Stack": stack, "ManagedBy": "cloudformation"}
    owner = owner_tag(spec)
    return found | ({"Owner": owner} if owner else {})


def _stack_policy(scope: Scope) -> dict[str, Any]:
    """To replace or delete these is to lose data; a person lifts the policy for one update, and means it."""
    kept = ["Key", *(id_of(item) for item in scope.spec.dependencies if item.managed)]
    return {
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["Update:Replace", "Update:Delete"],
                "Resource": [f"LogicalResourceId/{name}" for name in kept],
            },
        ]
    }


def _registry_parameters(found: Template, scope: Scope) -> None:
    """Where images come from."""
    spec = scope.spec
    if private_registry(spec):
        found.parameters["RegistrySecretArn"] = {
            "Type": "String",
            "Default": "",
            "AllowedPattern": "^$|^arn:aws[a-z-]*:secretsmanager:.+$",
            "Description": "The secret with the login of the image registry (username, password); empty, it is public.",
        }
        found.conditions["HasRegistrySecret"] = negated(equals(ref("RegistrySecretArn"), ""))
    if uses_ecr(spec) and any(item.image is None for item in spec.services):
        home = registry_home(spec)
        found.parameters["RegistryAccountId"] = {
            "Type": "String",
            "Default": home.account or "",
            "AllowedPattern": r"^$|^\d{12}$",
            "Description": "The AWS account of the image registry; empty, this one.",
        }
        found.parameters["RegistryRegion"] = {
            "Type": "String",
            "Default": home.region or "",
            "AllowedPattern": r"^$|^[a-z]{2}(-[a-z]+)+-\d$",
            "Description": "The region of the image registry; empty, this one.",
        }
        found.conditions["HasRegistryAccount"] = negated(equals(ref("RegistryAccountId"), ""))
        found.conditions["HasRegistryRegion"] = negated(equals(ref("RegistryRegion"), ""))
