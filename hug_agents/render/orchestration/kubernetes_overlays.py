"""One overlay an environment: its namespace, its Ingress, and nothing else but the sizes and values that differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents.render.naming import KUBERNETES, namespace
from hug_agents.render.orchestration.kubernetes_capacity import autoscalers, scaled_anywhere
from hug_agents.render.orchestration.kubernetes_network import environment_namespace, ingress
from hug_agents.render.orchestration.kubernetes_workloads import (
    RESTING,
    TRACK,
    cron_job,
    deployment,
    environment_variables,
    is_rollout,
    migration,
    quantities,
    run_once,
    tracks,
)
from hug_agents.render.rollback.argo_objects import rollout, route_ingress, routed, strategy
from hug_agents.render.templating import yaml_documents
from hug_agents.spec import DeploymentSpec, Environment, Service


def overlay(spec: DeploymentSpec, environment: Environment) -> Iterable[tuple[str, str]]:
    """The files of one overlay, as path and content."""
    folder = f"{KUBERNETES}/overlays/{environment.name}"
    resources = ["../../base", "namespace.yaml"]
    yield f"{folder}/namespace.yaml", yaml_documents(environment_namespace(spec, environment))
    if (door := ingress(spec, environment)) is not None:
        resources.append("ingress.yaml")
        yield f"{folder}/ingress.yaml", yaml_documents(route_ingress(spec, environment, door))
    patches = [patch for service in spec.services for patch in _patches(spec, environment, service)]
    kustomization: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace(spec, environment),
        "resources": resources,
        **(
            {"components": [f"../../components/datadog/{environment.name}"]}
            if "datadog" in spec.toolchain.monitors
            else {}
        ),
        "labels": [{"pairs": {"environment": environment.name}, "includeTemplates": True, **_rollout_labels(spec)}],
        **({"patches": patches} if patches else {}),
    }
    header = f"{environment.name}: as the base, but for what stands here. deploy.sh adds the images by digest."
    yield f"{folder}/kustomization.yaml", yaml_documents(kustomization, header=header)


def _rollout_labels(spec: DeploymentSpec) -> dict[str, Any]:
    """kustomize knows by itself where the built-in kinds have their pods' labels."""
    if not any(is_rollout(spec, service) for service in spec.services):
        return {}
    return {
        "fields": [{"path": "spec/template/metadata/labels", "group": "argoproj.io", "kind": "Rollout", "create": True}]
    }


def _patches(spec: DeploymentSpec, environment: Environment, service: Service) -> Iterable[dict[str, Any]]:
    """Patches from the service as in the base to the service as it runs there, as a kustomization lists them."""
    for patch in _merges(spec, environment, service):
        yield {"patch": yaml_documents(patch)}
    if is_rollout(spec, service) and (changes := list(_rollout_changes(spec, environment, service))):
        target = {"group": "argoproj.io", "kind": "Rollout", "name": service.name}
        yield {"target": target, "patch": yaml_documents(changes)}


def _rollout_changes(spec: DeploymentSpec, environment: Environment, service: Service) -> Iterable[dict[str, Any]]:
    """JSON patches: how lists of a custom resource merge is not known to kustomize."""
    here = spec.in_environment(service, environment)
    base = rollout(spec, service, scaled=scaled_anywhere(spec, service))
    count = _replicas(spec, service, here, base)
    if count:
        yield {"op": "add", "path": "/spec/replicas", "value": count["replicas"]}
    if here.resources != service.resources:
        path = "/spec/template/spec/containers/0/resources"
        yield {"op": "replace", "path": path, "value": quantities(here.resources)}
    if (rows := environment_variables(spec, here)) != environment_variables(spec, service):
        yield {"op": "add", "path": "/spec/template/spec/containers/0/env", "value": rows}
    if routed(spec, service, environment):
        yield {"op": "replace", "path": "/spec/strategy", "value": strategy(spec, service, environment)}


def _merges(spec: DeploymentSpec, environment: Environment, service: Service) -> Iterable[dict[str, Any]]:
    """Strategic merge patches."""
    here = spec.in_environment(service, environment)
    for base in workloads(spec, service):
        if base["kind"] == "Rollout":
            continue
        changes = _changes(spec, service, here, base["kind"])
        if base["kind"] == "Deployment":
            changes = {**_replicas(spec, service, here, base), **changes}
        if changes:
            head = {key: base[key] for key in ("apiVersion", "kind")}
            yield {**head, "metadata": {"name": base["metadata"]["name"]}, "spec": changes}
    if service.kind != "job" and scaled_anywhere(spec, service):
        yield from _scaling(spec, service, here)


def workloads(spec: DeploymentSpec, service: Service) -> Iterable[dict[str, Any]]:
    """Everything of a service that has pods, as in the base."""
    if is_rollout(spec, service):
        yield rollout(spec, service, scaled=scaled_anywhere(spec, service))
    elif service.kind != "job":
        scaled = scaled_anywhere(spec, service)
        yield from (deployment(spec, service, track, scaled=scaled) for track in tracks(spec, service))
    elif service.schedule:
        yield cron_job(spec, service)
    else:
        yield run_once(spec, service)
    if service.migrate_command:
        yield migration(spec, service)


def _changes(spec: DeploymentSpec, service: Service, here: Service, kind: str) -> dict[str, Any]:
    container: dict[str, Any] = {}
    if here.resources != service.resources:
        container["resources"] = quantities(here.resources)
    before = environment_variables(spec, service)
    if changed := [row for row in environment_variables(spec, here) if row not in before]:
        known = {row["name"]: row for row in before}
        container["env"] = [
            # A value takes the place of a reference, so the reference has to go.
            {**row, "valueFrom": None} if "valueFrom" in known.get(row["name"], {}) else row
            for row in changed
        ]
    template = {"template": {"spec": {"containers": [{"name": service.name, **container}]}}} if container else {}
    if kind == "CronJob":
        return {"jobTemplate": {"spec": template}} if template else {}
    return template


def _replicas(spec: DeploymentSpec, service: Service, here: Service, base: dict[str, Any]) -> dict[str, Any]:
    """The number of replicas where it differs; none for a track at rest, or where an autoscaler owns the number."""
    scaled = scaled_anywhere(spec, service)
    at_rest = base["metadata"]["labels"].get(TRACK) == RESTING
    if at_rest or (scaled and here.max_replicas is not None) or (not scaled and here.replicas == service.replicas):
        return {}
    return {"replicas": here.replicas}


def _scaling(spec: DeploymentSpec, service: Service, here: Service) -> Iterable[dict[str, Any]]:
    for scaler in autoscalers(spec, service):
        head = {key: scaler[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": scaler["metadata"]["name"]}}
        if here.max_replicas is None:
            yield {**head, "$patch": "delete"}
        elif (here.replicas, here.max_replicas) != (service.replicas, service.max_replicas or service.replicas):
            yield {**head, "spec": {"minReplicas": here.replicas, "maxReplicas": here.max_replicas}}
