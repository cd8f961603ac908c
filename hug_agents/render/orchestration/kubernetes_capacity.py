"""How many pods: disruption budgets, and autoscaling where the spec gives an upper bound."""

from __future__ import annotations

from typing import Any

from hug_agents.render.naming import labels
from hug_agents.render.orchestration.kubernetes_workloads import deployment_name, is_rollout, metadata, tracks
from hug_agents.spec import DeploymentSpec, Service

TARGET_CPU_PERCENT = 70
TRACKS_SCALED = {"blue_green": 2}
"""Canary scales the stable track only: deploy.sh sets both by hand while the shares matter."""


def scaled_anywhere(spec: DeploymentSpec, service: Service) -> bool:
    """The service has an autoscaler in the base; environments without an upper bound take it out."""
    return any(spec.in_environment(service, environment).max_replicas is not None for environment in spec.environments)


def autoscalers(spec: DeploymentSpec, service: Service) -> list[dict[str, Any]]:
    """One HorizontalPodAutoscaler a track that takes traffic on its own; one at no replicas is left alone by it."""
    count = TRACKS_SCALED.get(spec.strategy.kind, 1)
    return [_autoscaler(spec, service, track) for track in tracks(spec, service)[:count]]


def _autoscaler(spec: DeploymentSpec, service: Service, track: str) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(spec, service, deployment_name(service, track), "scale"),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "argoproj.io/v1alpha1" if is_rollout(spec, service) else "apps/v1",
                "kind": "Rollout" if is_rollout(spec, service) else "Deployment",
                "name": deployment_name(service, track),
            },
            "minReplicas": service.replicas,
            "maxReplicas": service.max_replicas or service.replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": TARGET_CPU_PERCENT},
                    },
                }
            ],
            "behavior": {
                "scaleUp": {"policies": [{"type": "Percent", "value": 100, "periodSeconds": 60}]},
                "scaleDown": {
                    "stabilizationWindowSeconds": 300,
                    "policies": [{"type": "Percent", "value": 25, "periodSeconds": 60}],
                },
            },
        },
    }


def disruption_budget(spec: DeploymentSpec, service: Service) -> dict[str, Any]:
    """One pod at a time may be taken away: it holds for any number of replicas and never blocks a node's drain."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(spec, service, service.name, "setup"),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": labels(spec, service)},
        },
    }
