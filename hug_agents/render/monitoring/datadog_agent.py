"""What the Datadog Agent is told by the workloads themselves: unified service tagging, what to read, whose logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hug_agents.render.monitoring.datadog_queries import COUNTER, NAMESPACE, language
from hug_agents.render.naming import DURATION_METRIC, labels, metrics_port
from hug_agents.spec import DeploymentSpec, Environment, Service

VERSION_LABEL = "tags.datadoghq.com/version"
UNRELEASED = "unreleased"
"""Stands in the manifests until deploy.sh puts the release there."""
_AGENT = {"matchLabels": {"agent.datadoghq.com/component": "agent"}}
"""As the Datadog Operator labels the Agent's pods."""


def checks(service: Service, host: str = "%%host%%") -> dict[str, Any]:
    """The OpenMetrics check of one instance."""
    instance = {
        "openmetrics_endpoint": f"http://{host}:{metrics_port(service)}{service.metrics_path}",
        "namespace": NAMESPACE,
        "metrics": [COUNTER, DURATION_METRIC],
        "histogram_buckets_as_distributions": True,
        # The tags of the pod say it, whatever the program itself says.
        "exclude_labels": ["service", "environment", "env", "version"],
    }
    return {"openmetrics": {"init_config": {}, "instances": [instance]}}


def discovery(service: Service, track: str = "", *, serving: bool = True) -> dict[str, str]:
    """Autodiscovery: what the Agent reads of a pod."""
    found = {f"ad.datadoghq.com/{service.name}.logs": _json([{"source": language(service), "service": service.name}])}
    if serving and metrics_port(service):
        found[f"ad.datadoghq.com/{service.name}.checks"] = _json(checks(service))
    if track:
        found["ad.datadoghq.com/tags"] = _json({"track": track})
    return found


def tagging(environment: Environment, service: Service, *, versioned: bool = True) -> dict[str, str]:
    """The labels of unified service tagging."""
    return {
        "tags.datadoghq.com/env": environment.name,
        "tags.datadoghq.com/service": service.name,
        **({VERSION_LABEL: UNRELEASED} if versioned else {}),
    }


def variables(given: frozenset[str], *, versioned: bool = True) -> list[dict[str, Any]]:
    """What the program's own library reads: the labels of its pod. What is `given` already stays as it is."""
    names = {"DD_ENV": "env", "DD_SERVICE": "service", **({"DD_VERSION": "version"} if versioned else {})}
    rows: list[dict[str, Any]] = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['tags.datadoghq.com/{label}']"}}}
        for name, label in names.items()
    ]
    rows.append({"name": "DD_LOGS_INJECTION", "value": "true"})
    return [row for row in rows if row["name"] not in given]


def component(
    spec: DeploymentSpec, environment: Environment, workloads: dict[str, list[dict[str, Any]]]
) -> Iterator[tuple[str, Any]]:
    """A Kustomize component: patches of every workload, and the Agent's way to the metrics of those that are not public."""
    patches = [
        _patch(spec, environment, service, base)
        for service in spec.services
        for base in workloads.get(service.name, ())
    ]
    policies = [_policy(spec, service) for service in spec.web_services if metrics_port(service) and not service.public]
    yield (
        "kustomization.yaml",
        {
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            **({"resources": ["agent.yaml"]} if policies else {}),
            "patches": [{"patch": patch} for patch in patches],
        },
    )
    if policies:
        yield "agent.yaml", policies


def _patch(spec: DeploymentSpec, environment: Environment, service: Service, base: dict[str, Any]) -> dict[str, Any]:
    kind, track = base["kind"], base["metadata"]["labels"].get("track", "")
    versioned = kind == "Deployment"
    plain = {item.name for item in spec.in_environment(service, environment).env}
    given = frozenset(plain | {item.name for item in service.secrets})
    marks = tagging(environment, service, versioned=versioned)
    template = {
        "metadata": {"labels": marks, "annotations": discovery(service, track, serving=versioned)},
        "spec": {"containers": [{"name": service.name, "env": variables(given, versioned=versioned)}]},
    }
    body: dict[str, Any] = {"template": template}
    return {
        **{key: base[key] for key in ("apiVersion", "kind")},
        "metadata": {"name": base["metadata"]["name"], "labels": marks},
        "spec": {"jobTemplate": {"spec": body}} if kind == "CronJob" else body,
    }


def _policy(spec: DeploymentSpec, service: Service) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{service.name}.datadog", "labels": {**labels(spec, service), "release-stage": "setup"}},
        "spec": {
            "podSelector": {"matchLabels": labels(spec, service)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"namespaceSelector": {}, "podSelector": _AGENT}],
                    "ports": [{"protocol": "TCP", "port": metrics_port(service)}],
                }
            ],
        },
    }


def discovered(service: Service) -> str:
    """The check as a label of a container of ECS; empty for a service that has no metrics."""
    return _json(checks(service)) if metrics_port(service) else ""


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
