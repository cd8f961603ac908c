"""docs/environments.md for people and inventory/environments.json for programs: every environment, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.documents.runbook import where
from hug_agents.render.naming import dependency_variables
from hug_agents.render.templating import fill, json_document
from hug_agents.spec import DeploymentSpec, Environment, Service, ServiceOverride


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The inventory, twice."""
    spec = blueprint.spec
    yield Artifact(
        path="docs/environments.md",
        system="documents",
        content=fill(
            "documents",
            "templates/environments.md.j2",
            spec=spec,
            rows=[
                {
                    "environment": environment,
                    "where": where(spec, environment),
                    "services": [_row(spec, service, environment) for service in spec.services],
                }
                for environment in spec.environments
            ],
            by_tag=", ".join(item.name for item in spec.services if item.by_tag),
            secrets=[
                *(
                    {"service": service.name, "name": secret.name, "key": secret.key}
                    for service in spec.services
                    for secret in service.secrets
                ),
                *(
                    {"service": "all", "name": variable, "key": dependency.name}
                    for dependency in spec.dependencies
                    for holds, variable in dependency_variables(dependency).items()
                    if holds == "password"
                ),
            ],
        ),
    )
    yield Artifact(
        path="inventory/environments.json",
        system="documents",
        content=json_document(
            {
                "application": spec.application,
                "version": spec.version,
                "environments": [_entry(spec, environment) for environment in spec.environments],
            }
        ),
    )


def _row(spec: DeploymentSpec, service: Service, environment: Environment) -> dict[str, Any]:
    here = spec.in_environment(service, environment)
    scale = f"{here.replicas} to {here.max_replicas}" if here.max_replicas else str(here.replicas)
    return {
        "name": service.name,
        "scale": "on schedule" if service.schedule else "once a release" if service.kind == "job" else scale,
        "cpu": here.resources.cpu_millicores,
        "memory": here.resources.memory_mib,
        "differs": _differs(environment, service),
    }


def _differs(environment: Environment, service: Service) -> str:
    override = next((item for item in environment.overrides if item.service == service.name), None)
    if override is None:
        return "nothing"
    names = [name for name in ServiceOverride.model_fields if name != "service" and getattr(override, name)]
    return ", ".join(name.replace("_", " ") for name in names) or "nothing"


def _entry(spec: DeploymentSpec, environment: Environment) -> dict[str, Any]:
    return {
        **environment.model_dump(mode="json", exclude={"overrides"}),
        "services": [
            {
                "name": here.name,
                "kind": here.kind,
                "port": here.port,
                "health": here.health_path,
                "replicas": here.replicas,
                "max_replicas": here.max_replicas,
                **here.resources.model_dump(),
            }
            for here in (spec.in_environment(service, environment) for service in spec.services)
        ],
        "dependencies": [item.model_dump(mode="json") for item in spec.dependencies],
    }
