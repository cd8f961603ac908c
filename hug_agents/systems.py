"""The nineteen systems of the mission: what each is, how far we go, and which go together."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Literal

from hug_agents.errors import UnsupportedError
from hug_agents.spec import DeploymentSpec, Line, Model, SystemId

Family = Literal["infrastructure", "pipelines", "orchestration", "monitoring", "rollback", "repositories"]
Level = Literal["planned", "generated", "validated", "operated"]


class System(Model):
    """One tool that files are written for."""

    id: SystemId
    name: Line
    family: Family
    level: Level = "planned"
    validators: tuple[Line, ...] = ()
    renderer: Line = ""
    """The module that writes its files, imported when it is needed; empty while the system is planned."""
    note: Line = ""


def _ours(
    family: Family, id: str, name: str, *validators: str, level: Level = "planned", note: str = "", writes: bool = True
) -> System:
    renderer = f"hug_agents.render.{family}.{id}" if writes and level != "planned" else ""
    return System(id=id, name=name, family=family, level=level, validators=validators, renderer=renderer, note=note)


_MISSION = (
    _ours(
        "infrastructure",
        "terraform",
        "Terraform",
        "terraform fmt",
        "terraform validate",
        "terraform test",
        level="validated",
        note="AWS",
    ),
    _ours(
        "infrastructure", "cloudformation", "AWS CloudFormation", "cfn-lint", level="operated", note="ECS; against moto"
    ),
    _ours("infrastructure", "pulumi", "Pulumi"),
    _ours(
        "pipelines", "github_actions", "GitHub Actions", "actionlint", "zizmor", "check-jsonschema", level="validated"
    ),
    _ours("pipelines", "gitlab_ci", "GitLab CI"),
    _ours("pipelines", "jenkins", "Jenkins"),
    _ours("pipelines", "circleci", "CircleCI"),
    _ours("orchestration", "kubernetes", "Kubernetes", "kubernetes-validate", "kustomize build", level="validated"),
    _ours("orchestration", "ecs", "Amazon ECS", "shellcheck", level="validated", note="its services are Terraform's"),
    _ours("orchestration", "nomad", "Nomad"),
    _ours("monitoring", "prometheus", "Prometheus", "promtool check", "promtool test", level="validated"),
    _ours("monitoring", "grafana", "Grafana"),
    _ours("monitoring", "elk", "ELK"),
    _ours("monitoring", "datadog", "Datadog"),
    _ours("rollback", "argo_rollouts", "Argo Rollouts"),
    _ours("rollback", "spinnaker", "Spinnaker"),
    _ours(
        "repositories",
        "docker_registry",
        "Docker Registry",
        level="generated",
        writes=False,
        note="any OCI registry: ECR with Terraform, ghcr.io, or the host that the request names",
    ),
    _ours("repositories", "nexus", "Nexus"),
    _ours("repositories", "artifactory", "Artifactory"),
)


@cache
def systems() -> dict[str, System]:
    """Every system by id: ours, then those of the entry-point group `hug_agents.systems` (each a `System`)."""
    table = {system.id: system for system in _MISSION}
    for point in entry_points(group="hug_agents.systems"):
        system = System.model_validate(point.load())
        if system.id in table:
            raise UnsupportedError(f"the entry point {point.value} would replace the system {system.id}")
        table[system.id] = system
    return table


_FAMILIES: dict[str, Family] = {
    "iac": "infrastructure",
    "ci": "pipelines",
    "runtime": "orchestration",
    "monitors": "monitoring",
    "rollout": "rollback",
    "registry": "repositories",
}
"""The fields of a toolchain and the family that each chooses from."""


def check(field: str, chosen: str) -> System:
    """The system that a field of a toolchain names.

    Raises UnsupportedError, naming it, for one that is unknown, of another family, or only planned.
    """
    family = _FAMILIES[field]
    same = [item for item in systems().values() if item.family == family]
    system = systems().get(chosen)
    if system is None or system.family != family:
        raise UnsupportedError(
            f"{chosen} is not a system for {field}",
            where=f"toolchain.{field}",
            hint=f"one of: {', '.join(item.id for item in same)}",
        )
    if system.level == "planned":
        ready = ", ".join(item.id for item in same if item.level != "planned") or "none yet"
        raise UnsupportedError(
            f"{system.name} is planned and not written yet",
            where=f"toolchain.{field}",
            hint=f"available for {field}: {ready}",
        )
    return system


def chosen_systems(spec: DeploymentSpec) -> tuple[System, ...]:
    """The systems that a spec writes for, in the order of the families. Raises UnsupportedError."""
    toolchain = spec.toolchain
    fields = ((field, getattr(toolchain, field)) for field in _FAMILIES)
    named = ((field, item) for field, value in fields for item in (value if isinstance(value, tuple) else (value,)))
    return tuple(check(field, item) for field, item in named if item is not None)
