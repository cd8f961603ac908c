"""docs/deployment-plan.md: what is deployed, how, who signs, and where each value comes from. And the spec itself."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.naming import image_path, registry_host
from hug_agents.render.templating import fill, json_document
from hug_agents.spec import DeploymentSpec, Service, Window
from hug_agents.systems import chosen_systems

KINDS = {
    "postgres": "PostgreSQL",
    "mysql": "MySQL",
    "redis": "Redis",
    "queue": "message queue",
    "object_store": "object store",
}
_DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The deployment plan, and the spec as JSON."""
    spec = blueprint.spec
    yield Artifact(path="spec.json", content=json_document(spec.model_dump(mode="json")), system="documents")
    yield Artifact(
        path="docs/deployment-plan.md",
        system="documents",
        content=fill(
            "documents",
            "templates/deployment-plan.md.j2",
            spec=spec,
            spec_digest=spec.digest(),
            owner=spec.owner,
            images={service.name: image_of(spec, service) for service in spec.services},
            health={service.name: health_of(service) for service in spec.services},
            scale={service.name: _scale(service) for service in spec.services},
            kinds=KINDS,
            systems=chosen_systems(spec),
            strategy=spec.strategy.kind.replace("_", "-"),
            rollout=blueprint.rollout,
            minutes=f"{blueprint.rollout.seconds / 60:g} minutes",
            windows=[describe_window(window) for window in spec.windows],
            requirements=blueprint.requirements,
            places=[f"{item.file}:{item.line}" for item in spec.evidence],
            notes=blueprint.notes,
            changes=list(_changes(spec)),
        ),
    )


def image_of(spec: DeploymentSpec, service: Service) -> str:
    """A service's image as people read it: the reference that was given, or where the built one goes."""
    if service.image:
        return service.image
    return f"{registry_host(spec) or 'ECR'}/{image_path(spec, service)}, built and deployed by digest"


def health_of(service: Service) -> str:
    """Where and how a service says that it is well."""
    if service.kind != "web":
        return "runs to its end" if service.kind == "job" else "stays running"
    return f"GET {service.health_path} on {service.health_port_or_port}" if service.health_path else "TCP connect"


def describe_window(window: Window) -> str:
    """A change window as a person says it."""
    return f"on {', '.join(_DAYS[day] for day in window.days)} from {window.start} to {window.end} ({window.timezone})"


def _scale(service: Service) -> str:
    if service.kind == "job":
        return f"at {service.schedule} (UTC)" if service.schedule else "once a release"
    return f"{service.replicas} to {service.max_replicas}" if service.max_replicas else str(service.replicas)


def _changes(spec: DeploymentSpec) -> Iterable[str]:
    for service in spec.services:
        yield f"{service.kind} {service.name}: {image_of(spec, service)}"
    for dependency in spec.dependencies:
        verb = "create" if dependency.managed else "refer to the existing"
        yield f"{verb} {KINDS[dependency.kind]} {dependency.name}"
    for environment in spec.environments:
        where = " ".join(part for part in (environment.cloud, environment.region, environment.cluster) if part)
        yield f"environment {environment.name} ({environment.role}) on {where}"
    yield f"strategy {spec.strategy.kind.replace('_', '-')}"
