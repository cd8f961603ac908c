"""docs/runbook.md: what people on call read at three in the morning."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.documents.by_hand import by_hand
from hug_agents.render.documents.deployment_plan import health_of
from hug_agents.render.naming import namespace, stack_name
from hug_agents.render.templating import fill
from hug_agents.spec import DeploymentSpec, Environment, Service


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The runbook."""
    spec = blueprint.spec
    production = spec.production[0] if spec.production else spec.environments[-1]
    yield Artifact(
        path="docs/runbook.md",
        system="documents",
        owner="devops",
        content=fill(
            "documents",
            "templates/runbook.md.j2",
            spec=spec,
            runbook=blueprint.runbook,
            production=production.name,
            staging=next(
                (item.name for item in spec.environments if item.role == "staging"), spec.environments[0].name
            ),
            environments=[
                {"name": item.name, "role": item.role, "where": where(spec, item), "address": item.domain}
                for item in spec.environments
            ],
            health=[
                {"name": service.name, "check": health_of(service), "failure": _failure(service)}
                for service in spec.services
            ],
            manual=by_hand(spec, production),
        ),
    )


def where(spec: DeploymentSpec, environment: Environment) -> str:
    """Where an environment runs, as people say it."""
    place = " ".join(
        part for part in (environment.cloud, environment.account, environment.region) if part and part != "none"
    )
    if spec.toolchain.runtime == "kubernetes":
        cluster = f"cluster {environment.cluster}" if environment.cluster else "the cluster of kubectl's context"
        return f"{place} {cluster}, namespace {namespace(spec, environment)}".strip()
    if spec.toolchain.runtime == "nomad":
        cluster = f"Nomad {environment.cluster}" if environment.cluster else "Nomad"
        return f"{place} {cluster}, namespace {namespace(spec, environment)}".strip()
    return f"{place}, ECS cluster {stack_name(spec, environment)}"


def _failure(service: Service) -> str:
    if service.kind == "web":
        return "the replica gets no traffic, and is replaced if it stays so"
    if service.kind == "job":
        return "the run counts as failed and is tried again within its limit"
    return "the replica is started again"
