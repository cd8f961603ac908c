"""The nineteen systems of the mission: what each is, how far we go, and which go together."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Literal

from hug_agents.errors import UnsupportedError
from hug_agents.spec import DeploymentSpec, Line, Model, SystemId

Family = Literal["infrastructure", "pipelines", "orchestration", "monitoring", "rollback", "repositories"]
Level = Literal["planned", "generated", "validated", "emulated", "operated"]


class Need(Model):
    """Something that a system cannot do without. Neither `any_of` nor `all_of`: whatever it is, it must be said."""

    field: Line
    """A field of the toolchain, or `cloud`: the clouds of the environments."""
    any_of: tuple[Line, ...] = ()
    """One of these must be among what is chosen."""
    all_of: tuple[Line, ...] = ()
    """Nothing else may be chosen."""
    reason: Line
    nearest: Line
    """What works instead."""


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
    against: Line = ""
    """What its target was run against; empty where it has none. `emulated`: a stand-in that was written for the tests."""
    needs: tuple[Need, ...] = ()
    """What it does not go without; ours stand in `hug_agents.combinations`."""


def _ours(
    family: Family,
    id: str,
    name: str,
    *validators: str,
    level: Level = "planned",
    note: str = "",
    writes: bool = True,
    against: str = "",
) -> System:
    renderer = f"hug_agents.render.{family}.{id}" if writes and level != "planned" else ""
    values = {"id": id, "name": name, "family": family, "level": level, "note": note, "against": against}
    return System.model_validate({**values, "validators": validators, "renderer": renderer})


_MISSION = (
    _ours(
        "infrastructure",
        "terraform",
        "Terraform",
        "terraform fmt",
        "terraform validate",
        "terraform test",
        level="operated",
        note="AWS",
        against="the real Terraform, with moto's server where it can answer for AWS",
    ),
    _ours(
        "infrastructure",
        "cloudformation",
        "AWS CloudFormation",
        "cfn-lint",
        level="operated",
        note="services on ECS",
        against="moto's server, and botocore's model of the API",
    ),
    _ours("infrastructure", "pulumi", "Pulumi", "pulumi mocks", "pulumi test", level="validated", note="Python, AWS"),
    _ours(
        "pipelines",
        "github_actions",
        "GitHub Actions",
        "actionlint",
        "zizmor",
        "check-jsonschema",
        level="operated",
        against="an emulator held against GitHub's own description, which runs workflows with act",
    ),
    _ours(
        "pipelines",
        "gitlab_ci",
        "GitLab CI",
        "check-jsonschema",
        "gitlab-ci-local",
        level="emulated",
        against="gitlab-ci-local runs the pipelines; the target: an emulator held to GitLab's API description; never a GitLab",
    ),
    _ours(
        "pipelines",
        "jenkins",
        "Jenkins",
        "jenkins pipeline",
        "npm-groovy-lint",
        level="emulated",
        against="an emulator written from Jenkins' documentation, which runs the steps; never a Jenkins",
    ),
    _ours(
        "pipelines",
        "circleci",
        "CircleCI",
        "check-jsonschema",
        "circleci references",
        level="emulated",
        against="an emulator held to CircleCI's OpenAPI description; never circleci.com",
    ),
    _ours(
        "orchestration",
        "kubernetes",
        "Kubernetes",
        "kubernetes-validate",
        "kustomize build",
        "helm",
        level="operated",
        note="the target carries rolling",
        against="kubectl and an emulator with the API's own schemas, and podman",
    ),
    _ours(
        "orchestration",
        "ecs",
        "Amazon ECS",
        "shellcheck",
        "ecs model",
        level="operated",
        note="its services are Terraform's, CloudFormation's or Pulumi's",
        against="moto's server",
    ),
    _ours(
        "orchestration",
        "nomad",
        "Nomad",
        "nomad-jobs",
        "shellcheck",
        level="emulated",
        against="an emulator of ours, held against Nomad's structures; never a real server",
    ),
    _ours(
        "monitoring",
        "prometheus",
        "Prometheus",
        "promtool check",
        "promtool test",
        "amtool check-config",
        level="operated",
        against="a real Prometheus",
    ),
    _ours(
        "monitoring",
        "grafana",
        "Grafana",
        "grafana",
        "promql",
        level="emulated",
        against="an emulator held to Grafana's API description; never a real server",
    ),
    _ours(
        "monitoring",
        "elk",
        "ELK",
        "elk",
        "logstash",
        level="emulated",
        against="an emulator held to Elasticsearch's types and Kibana's API description; never a real server",
    ),
    _ours(
        "monitoring",
        "datadog",
        "Datadog",
        "datadog",
        level="emulated",
        against="an emulator held to Datadog's own typed client, both ways; never the real service",
    ),
    _ours(
        "rollback",
        "argo_rollouts",
        "Argo Rollouts",
        "argo rollouts",
        "analysis metrics",
        level="validated",
        note="on Kubernetes; never run against a real controller",
    ),
    _ours(
        "rollback",
        "spinnaker",
        "Spinnaker",
        "spinnaker-pipelines",
        level="emulated",
        note="on Kubernetes",
        against="an emulator with the paths of Gate's API description, which types no bodies; never a real server",
    ),
    _ours(
        "repositories",
        "docker_registry",
        "Docker Registry",
        "registry documents",
        "check-jsonschema",
        level="operated",
        note="any OCI registry: ECR with Terraform, ghcr.io, or the host that the request names",
        against="docker-registry 2.8",
    ),
    _ours("repositories", "nexus", "Nexus", "registry documents", level="validated", note="REST API documents"),
    _ours("repositories", "artifactory", "Artifactory", "registry documents", level="validated", note="REST documents"),
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


FIELDS: dict[str, Family] = {
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
    family = FIELDS[field]
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
    fields = ((field, getattr(toolchain, field)) for field in FIELDS)
    named = ((field, item) for field, value in fields for item in (value if isinstance(value, tuple) else (value,)))
    return tuple(check(field, item) for field, item in named if item is not None)
