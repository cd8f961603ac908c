"""deploy.sh for Kubernetes: the tables of this application, and and its strategy step by step."""

from __future__ import annotations

import json
from typing import Any

from hug_agents.plans import Blueprint, RolloutStep
from hug_agents.render.naming import (
    DURATION_METRIC,
    REQUESTS_METRIC,
    analysis_secret,
    dependency_secret,
    dependency_variables,
    namespace,
    secret_name,
)
from hug_agents.render.orchestration.kubernetes_workloads import is_rollout, migration_name, placeholder
from hug_agents.render.orchestration.smoke import tests
from hug_agents.render.rollback.bounds import bounds, how
from hug_agents.render.templating import fill
from hug_agents.slo import MIN_RANGE_SECONDS
from hug_agents.spec import DeploymentSpec, Environment, Service

HEALTH_SECONDS = 60
"""How long a replica may be unready while a release is judged, where no trigger says so."""
START_SECONDS = 600
"""How long the pods of one step may take to be ready: `progressDeadlineSeconds`."""

_UNITS = {"error_rate": "%", "latency": "ms"}


def deploy_script(blueprint: Blueprint) -> str:
    """The whole script. Its steps are the rollout plan's, in order."""
    spec = blueprint.spec
    built = {service.name: placeholder(spec, service) for service in spec.services if service.image is None}
    given = {service.name: service.image for service in spec.services if service.image is not None}
    smoked = {test.service for test in tests(spec)}
    migrations = [migration_name(service) for service in spec.services if service.migrate_command]
    return fill(
        "orchestration/templates",
        "deploy_kubernetes.sh.j2",
        application=spec.application,
        strategy=spec.strategy.kind,
        versioned="datadog" in spec.toolchain.monitors,
        environments=[_environment(spec, environment) for environment in spec.environments],
        arrays=[
            ("web", [service.name for service in spec.web_services]),
            ("workers", [service.name for service in spec.services if service.kind == "worker"]),
            ("migrations", migrations),
            ("jobs", [service.name for service in spec.services if service.kind == "job" and not service.schedule]),
            ("tested", [service.name for service in spec.web_services if service.name in smoked]),
            ("needed_secrets", _secrets(spec)),
            ("routed", _routed(spec)),
        ],
        migrations=migrations,
        built=json.dumps(built),
        given=json.dumps(given),
        built_any=bool(built),
        ports=[(service.name, service.port) for service in spec.web_services],
        public=[service.name for service in spec.web_services if service.public],
        **judged_by(spec),
        argo=any(is_rollout(spec, service) for service in spec.services),
        routed=bool(_routed(spec)),
        patience=_patience(blueprint),
        steps=[_step(step, len(blueprint.rollout.steps)) for step in blueprint.rollout.steps],
    )


def judged_by(spec: DeploymentSpec) -> dict[str, Any]:
    """What a template that judges by metrics and health is filled with."""
    return {
        "metric_triggers": _metric_triggers(spec),
        "health_seconds": max(
            (trigger.for_seconds for trigger in spec.triggers if trigger.metric == "health"), default=HEALTH_SECONDS
        ),
        "requests_metric": REQUESTS_METRIC,
        "duration_metric": DURATION_METRIC,
    }


def _environment(spec: DeploymentSpec, environment: Environment) -> dict[str, Any]:
    here = [spec.in_environment(service, environment) for service in spec.services]
    running = [service for service in here if service.kind != "job"]
    return {
        "name": environment.name,
        "namespace": namespace(spec, environment),
        "role": environment.role,
        # Contexts hold the name in one form or another: arn:aws:eks:...:cluster/NAME, gke_PROJECT_ZONE_NAME, NAME.
        "cluster": (environment.cluster or "").rstrip("/").split("/")[-1],
        "domain": environment.domain or "",
        "replicas": [(service.name, service.replicas) for service in running],
        "limits": [(service.name, service.max_replicas) for service in running if service.max_replicas is not None],
    }


def _routed(spec: DeploymentSpec) -> list[str]:
    """The Services whose selectors are set while a release goes out, by the script or by Argo."""
    if spec.strategy.kind == "rolling":
        return []
    beside = {"blue_green": ("", "-preview"), "canary": ("", "-stable", "-canary")}[spec.strategy.kind]
    return [
        f"{service.name}{suffix}"
        for service in spec.web_services
        for suffix in (beside if is_rollout(spec, service) else ("",))
    ]


def _patience(blueprint: Blueprint) -> int:
    """How long Argo Rollouts may take: its holds, each analysis once more for every extension, and the pods' own time."""
    analysis = how(blueprint.spec)
    steps = blueprint.rollout.steps
    looks = sum(step.action == "analyse" for step in steps) * (analysis.extensions + 1) * analysis.interval_seconds
    held = sum(step.hold_seconds for step in steps if step.action != "promote")
    return held + looks + START_SECONDS * max(1, sum(step.action == "shift" for step in steps))


def _secrets(spec: DeploymentSpec) -> list[str]:
    """`SECRET KEY` for every reference, once."""
    own = [f"{secret_name(service)} {secret.name}" for service in spec.services for secret in service.secrets]
    shared = [
        f"{dependency_secret(dependency)} {key}"
        for dependency in spec.dependencies
        for key, variable in dependency_variables(dependency).items()
        if any(variable not in _own_names(service) for service in spec.services)
    ]
    rollouts = [service for service in spec.services if is_rollout(spec, service)]
    asked = [" ".join(analysis_secret(spec))] if any(bounds(spec, service) for service in rollouts) else []
    return own + shared + asked


def _own_names(service: Service) -> set[str]:
    return {item.name for item in service.env} | {item.name for item in service.secrets}


def _metric_triggers(spec: DeploymentSpec) -> list[dict[str, Any]]:
    return [
        {
            "metric": trigger.metric,
            "threshold": f"{trigger.threshold:.10g}",
            "seconds": max(trigger.for_seconds, MIN_RANGE_SECONDS),
            "unit": _UNITS[trigger.metric],
        }
        for trigger in spec.triggers
        if trigger.metric in _UNITS and spec.web_services
    ]


def _step(step: RolloutStep, count: int) -> dict[str, Any]:
    return {
        "action": step.action,
        "weight": step.weight,
        "hold": step.hold_seconds,
        "title": f"step {step.order} of {count}, {step.action}: {step.description}",
    }
