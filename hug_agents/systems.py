"""The nineteen systems of the mission: what each is, how far we go, and which go together."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points
from typing import Literal

from hug_agents.errors import UnsupportedError
from hug_agents.spec import DeploymentSpec, Line, Model, SystemId, Toolchain

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
    _ours("infrastructure", "cloudformation", "AWS CloudFormation"),
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


def check_toolchain(toolchain: Toolchain) -> None:
    """Raise UnsupportedError, naming the system, for one that is unknown, of another family, or only planned."""
    for family, field, chosen in _chosen(toolchain):
        system = systems().get(chosen)
        same = [item for item in systems().values() if item.family == family]
        ready = ", ".join(item.id for item in same if item.level != "planned") or "none yet"
        if system is None or system.family != family:
            raise UnsupportedError(
                f"{chosen} is not a system for {field}",
                where=f"toolchain.{field}",
                hint=f"one of: {', '.join(item.id for item in same)}",
            )
        if system.level == "planned":
            raise UnsupportedError(
                f"{system.name} is planned and not written yet",
                where=f"toolchain.{field}",
                hint=f"available for {field}: {ready}",
            )


def _chosen(toolchain: Toolchain) -> Iterable[tuple[Family, str, str]]:
    single: tuple[tuple[Family, str, str | None], ...] = (
        ("infrastructure", "iac", toolchain.iac),
        ("pipelines", "ci", toolchain.ci),
        ("orchestration", "runtime", toolchain.runtime),
        ("rollback", "rollout", toolchain.rollout),
        ("repositories", "registry", toolchain.registry),
    )
    for family, field, chosen in single:
        if chosen is not None:
            yield family, field, chosen
    for chosen in toolchain.monitors:
        yield "monitoring", "monitors", chosen


def chosen_systems(spec: DeploymentSpec) -> tuple[System, ...]:
    """The systems that a spec writes for, in the order of the families. Raises UnsupportedError."""
    check_toolchain(spec.toolchain)
    return tuple(systems()[chosen] for _, _, chosen in _chosen(spec.toolchain))
