"""A Helm chart of the Kubernetes manifests, where the request says Helm: the same objects, what differs by environment as values.

The templates are made from the very objects of `kubernetes/base/`, so the two cannot drift apart; text of the spec stands in values
files, or escaped. A chart is applied in one go, so it is written where one object carries the whole strategy.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.errors import UnsupportedError
from hug_agents.plans import Blueprint
from hug_agents.render.naming import CHART
from hug_agents.render.orchestration import kubernetes_network as network
from hug_agents.render.orchestration.kubernetes_capacity import autoscalers, disruption_budget, scaled_anywhere
from hug_agents.render.orchestration.kubernetes_overlays import workloads
from hug_agents.render.orchestration.kubernetes_workloads import (
    environment_variables,
    image,
    is_rollout,
    quantities,
)
from hug_agents.render.rollback import argo_analysis, argo_objects
from hug_agents.render.templating import json_document, yaml_documents
from hug_agents.spec import DeploymentSpec, Environment, Service

SYSTEM = "helm"
VERSION = "0.1.0"
_SLOT = re.compile(r"""(?P<before>.*?)(?P<quote>['"]?)@@(?P<index>\d+)@@(?P=quote)$""", re.MULTILINE)
_HOOK = {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation"}


def chart(blueprint: Blueprint) -> Iterable[Artifact]:
    """`deploy/chart/`. Raises UnsupportedError where the strategy needs two Deployments and a script between them."""
    spec = blueprint.spec
    if spec.strategy.kind != "rolling" and not all(is_rollout(spec, service) for service in spec.web_services):
        raise UnsupportedError(
            f"a Helm chart is applied in one go and cannot carry a {spec.strategy.kind.replace('_', '-')} rollout",
            where="toolchain.package",
            hint="add Argo Rollouts, which carries the strategy from one object; or leave Helm out: deploy/deploy.sh carries it",
        )
    yield _file("Chart.yaml", yaml_documents(_about(spec)))
    yield _file(".helmignore", "*.md\n")
    yield _file("values.schema.json", json_document(_schema(spec)))
    yield _file("values.yaml", yaml_documents(_values(spec, spec.environments[0]), header=_VALUES))
    for environment in spec.environments:
        yield _file(f"values-{environment.name}.yaml", yaml_documents(_values(spec, environment), header=_VALUES))
    yield _file(
        "templates/network-policies.yaml", "---\n".join(_plain(item) for item in network.default_policies(spec))
    )
    yield _file("templates/ingress.yaml", _INGRESS.replace("@name@", spec.application))
    for service in spec.services:
        yield _file(f"templates/{service.name}.yaml", "---\n".join(_service(spec, service)))
    yield _file("templates/NOTES.txt", _notes(spec))


_VALUES = """helm upgrade --install NAME deploy/chart --namespace NAMESPACE --values deploy/chart/values-ENV.yaml
Images by digest: --set-string services.NAME.image=REGISTRY/PATH@sha256:DIGEST"""
_INGRESS = """{{- with .Values.ingress }}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: @name@
  namespace: {{ $.Release.Namespace }}
  labels:
    app.kubernetes.io/part-of: @name@
    release-stage: setup
    environment: {{ $.Values.environment | quote }}
  annotations: {{ toJson .annotations }}
spec: {{ toJson .spec }}
{{- end }}
"""


def _about(spec: DeploymentSpec) -> dict[str, Any]:
    return {
        "apiVersion": "v2",
        "name": spec.application,
        "description": f"{spec.application}: the manifests of kubernetes/ as a chart",
        "type": "application",
        "version": VERSION,
        "appVersion": spec.version,
        "kubeVersion": ">=1.31.0-0",
    }


def _values(spec: DeploymentSpec, environment: Environment) -> dict[str, Any]:
    door = network.ingress(spec, environment)
    if door is not None:
        door = argo_objects.route_ingress(spec, environment, door)
    return {
        "environment": environment.name,
        "services": {service.name: _service_values(spec, environment, service) for service in spec.services},
        "ingress": door and {"annotations": door["metadata"].get("annotations", {}), "spec": door["spec"]},
    }


def _service_values(spec: DeploymentSpec, environment: Environment, service: Service) -> dict[str, Any]:
    here = spec.in_environment(service, environment)
    values: dict[str, Any] = {
        "image": image(spec, service),
        "resources": quantities(here.resources),
        "env": environment_variables(spec, here),
    }
    if service.kind != "job":
        values["replicas"] = here.replicas
        values["maxReplicas"] = here.max_replicas
    if is_rollout(spec, service):
        values["strategy"] = argo_objects.strategy(spec, service, environment)
    return values


def _schema(spec: DeploymentSpec) -> dict[str, Any]:
    count = {"type": "integer", "minimum": 1}
    amount = {"type": "object", "additionalProperties": {"type": "string"}}
    fields: dict[str, Any] = {
        "image": {"type": "string", "minLength": 1, "pattern": "^[^\\s]+$"},
        "resources": {
            "type": "object",
            "additionalProperties": False,
            "required": ["requests", "limits"],
            "properties": {"requests": amount, "limits": amount},
        },
        "env": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "value": {"type": "string"},
                    "valueFrom": {"type": "object"},
                },
            },
        },
    }

    def of(service: Service) -> dict[str, Any]:
        more: dict[str, Any] = {}
        if service.kind != "job":
            more |= {"replicas": count, "maxReplicas": {"anyOf": [count, {"type": "null"}]}}
        if is_rollout(spec, service):
            more["strategy"] = {"type": "object", "minProperties": 1, "maxProperties": 1}
        return {
            "type": "object",
            "additionalProperties": False,
            "required": [name for name in (*fields, *more) if name != "maxReplicas"],
            "properties": fields | more,
        }

    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Values of {spec.application}",
        "type": "object",
        "additionalProperties": False,
        "required": ["environment", "services"],
        "properties": {
            "environment": {"type": "string", "enum": [item.name for item in spec.environments]},
            "services": {
                "type": "object",
                "additionalProperties": False,
                "required": [service.name for service in spec.services],
                "properties": {service.name: of(service) for service in spec.services},
            },
            "ingress": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "required": ["annotations", "spec"],
                "properties": {
                    "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
                    "spec": {"type": "object"},
                },
            },
            "global": {"type": "object"},
        },
    }


def _service(spec: DeploymentSpec, service: Service) -> Iterator[str]:
    """The documents of one service, in the order of the base."""
    of = f'(index .Values.services "{service.name}")'
    jobs = bool(service.migrate_command) or (service.kind == "job" and not service.schedule)
    account = network.service_account(spec, service)
    if jobs:  # a hook runs before anything else is there, and needs its identity
        account["metadata"]["annotations"] = {**_HOOK, "helm.sh/hook-weight": "-10"}
    yield _plain(account)
    yield _plain(network.policy(spec, service))
    if service.kind == "web":
        yield _plain(network.service(spec, service))
    if is_rollout(spec, service):
        yield from (_plain(item) for item in argo_objects.services(spec, service))
        yield from (_plain(item) for item in argo_analysis.templates(spec, service))
    if service.kind != "job":
        yield _plain(disruption_budget(spec, service))
    for item in workloads(spec, service):
        yield _workload(item, of)
    if service.kind != "job" and scaled_anywhere(spec, service):
        for item in autoscalers(spec, service):
            body = copy.deepcopy(item)
            body["spec"]["minReplicas"] = _Slot(f"{of}.replicas")
            body["spec"]["maxReplicas"] = _Slot(f"{of}.maxReplicas")
            yield f"{{{{- if {of}.maxReplicas }}}}\n{_template(body)}{{{{- end }}}}\n"


class _Slot(str):
    """A Helm expression, where a value stands."""

    __slots__ = ()


def _workload(item: dict[str, Any], of: str) -> str:
    body = copy.deepcopy(item)
    kind = body["kind"]
    spec = body["spec"]["jobTemplate"]["spec"] if kind == "CronJob" else body["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    container["image"] = _Slot(f"{of}.image | quote")
    container["resources"] = _Slot(f"toJson {of}.resources")
    container["env"] = _Slot(f"toJson {of}.env")
    if kind in ("Deployment", "Rollout"):
        # an autoscaler owns the number where there is one
        body["spec"] = {"replicas": _Slot(f"{of}.replicas"), **{k: v for k, v in spec.items() if k != "replicas"}}
    if kind == "Rollout":
        body["spec"]["strategy"] = _Slot(f"toJson {of}.strategy")
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    labels["environment"] = _Slot(".Values.environment | quote")
    if kind == "Job":
        body["metadata"]["annotations"] = {**_HOOK, "helm.sh/hook-weight": "-5"}
    text = _template(body)
    if kind in ("Deployment", "Rollout"):
        guard = f"{{{{- if not {of}.maxReplicas }}}}"
        text = re.sub(
            r"^  replicas: .*\n", lambda match: f"{guard}\n{match[0]}{{{{- end }}}}\n", text, flags=re.MULTILINE
        )
    return text


def _plain(item: dict[str, Any]) -> str:
    return _template(copy.deepcopy(item))


def _template(item: dict[str, Any]) -> str:
    """YAML in which slots are Helm expressions and every brace of the spec's own text is text."""
    meta = item["metadata"]
    ordered = {"name": meta["name"], "namespace": _Slot(".Release.Namespace"), **meta}
    ordered["labels"] = {**meta["labels"], "environment": _Slot(".Values.environment | quote")}
    slots: list[str] = []

    def mark(value: Any) -> Any:
        if isinstance(value, _Slot):
            slots.append(str(value))
            return f"@@{len(slots) - 1}@@"
        if isinstance(value, dict):
            return {key: mark(part) for key, part in value.items()}
        if isinstance(value, list):
            return [mark(part) for part in value]
        return value.replace("@@", "@\0@") if isinstance(value, str) and "@@" in value else value

    text = yaml_documents(mark({**item, "metadata": ordered}))
    text = text.replace("{{", '{{"{{"}}')
    text = _SLOT.sub(lambda match: f"{match['before']}{{{{ {slots[int(match['index'])]} }}}}", text)
    return text.replace("@\0@", "@@").replace("@\\0@", "@@")


def _notes(spec: DeploymentSpec) -> str:
    missing = json.dumps([service.name for service in spec.services if service.image is None])
    return (
        f"{spec.application} is installed in {{{{ .Release.Namespace }}}} as {{{{ .Values.environment }}}}.\n"
        "The namespace, the Secrets and the rights of kubernetes/README.md are not part of this chart.\n"
        f"{{{{- range $name, $service := .Values.services }}}}\n"
        f'{{{{- if hasPrefix "images.invalid/" $service.image }}}}\n'
        f"WARNING: services.{{{{ $name }}}}.image is not set; nothing can be pulled.\n{{{{- end }}}}\n{{{{- end }}}}\n"
        if missing != "[]"
        else f"{spec.application} is installed in {{{{ .Release.Namespace }}}} as {{{{ .Values.environment }}}}.\n"
        "The namespace, the Secrets and the rights of kubernetes/README.md are not part of this chart.\n"
    )


def _file(name: str, content: str) -> Artifact:
    return Artifact(path=f"{CHART}/{name}", content=content, system=SYSTEM)
