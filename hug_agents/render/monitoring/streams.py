"""The names under which logs are kept: data streams `logs-DATASET-NAMESPACE`, as Elasticsearch divides them."""

from __future__ import annotations

from hug_agents.spec import DeploymentSpec, Environment


def dataset(spec: DeploymentSpec) -> str:
    """One dataset an application. A hyphen would end the part, so it becomes `_`, which no name of a spec has."""
    return spec.application.replace("-", "_")


def space(environment: Environment) -> str:
    """The namespace of a data stream: the environment."""
    return environment.name.replace("-", "_")


def stream(spec: DeploymentSpec, environment: Environment) -> str:
    """The data stream of an environment."""
    return f"logs-{dataset(spec)}-{space(environment)}"


def pattern(spec: DeploymentSpec) -> str:
    """Every environment's."""
    return f"logs-{dataset(spec)}-*"


def dead_dataset(spec: DeploymentSpec) -> str:
    """Where lines go that the mappings refuse."""
    return f"{dataset(spec)}.dead_letters"
