"""The environments as the pipeline meets them: in which order, with which credentials, for how long."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.plans import Blueprint
from hug_agents.render.naming import public_host
from hug_agents.spec import DeploymentSpec, Environment, Line, Model

OVERHEAD_MINUTES = 45
"""For what no plan counts: starting, health checks, smoke tests."""
ROLLBACK_MINUTES = 20
SLACK_MINUTES = 10
"""For a job's own beginning and end, beside its rollout and its rollback."""


class Place(Model):
    """One environment."""

    name: Line
    role: Line
    """development, staging or production."""
    production: bool
    aws: bool
    """Its credentials come from AWS by OIDC."""
    account: Line
    region: Line
    cluster: Line
    """EKS: the cluster's name; empty: the variable EKS_CLUSTER says it."""
    url: Line
    """Where its users reach it; empty: the variable BASE_URL may say it."""


class Timing(Model):
    """Limits in minutes, from the holds of the rollout plan."""

    rollout: int
    job: int
    rollback: int
    wanted: int
    """What the rollout would need; more than `rollout` where the system does not give it."""


def places(blueprint: Blueprint) -> tuple[Place, ...]:
    """Every environment in the order in which a release reaches them: production last."""
    spec = blueprint.spec
    ordered = sorted(spec.environments, key=lambda item: item.role == "production")
    return tuple(_place(spec, item) for item in ordered)


def _place(spec: DeploymentSpec, environment: Environment) -> Place:
    hosts = [host for item in spec.web_services if (host := public_host(spec, environment, item))]
    return Place(
        name=environment.name,
        role=environment.role,
        production=environment.role == "production",
        aws=in_aws(spec, environment) and spec.toolchain.rollout != "spinnaker",  # Gate alone is asked
        account=environment.account or "",
        region=environment.region or "",
        cluster=(environment.cluster or "").split("/")[-1],
        url=f"https://{hosts[0]}" if hosts else "",
    )


def in_aws(spec: DeploymentSpec, environment: Environment) -> bool:
    """What runs in an environment runs in AWS."""
    return spec.toolchain.runtime == "ecs" or (environment.cloud == "aws" and spec.toolchain.runtime != "nomad")


def drill_place(found: Iterable[Place]) -> Place | None:
    """Where the rollback is rehearsed: the environment before production; never production itself."""
    return next((item for item in reversed(tuple(found)) if not item.production), None)


def timing(blueprint: Blueprint, longest_job: int) -> Timing:
    """How long the steps of a deployment may take where no job may take more than `longest_job` minutes."""
    wanted = -(-blueprint.rollout.seconds // 60) + OVERHEAD_MINUTES
    rollout = min(wanted, longest_job - ROLLBACK_MINUTES - SLACK_MINUTES)
    job = rollout + ROLLBACK_MINUTES + SLACK_MINUTES
    return Timing(rollout=rollout, job=job, rollback=ROLLBACK_MINUTES, wanted=wanted)
