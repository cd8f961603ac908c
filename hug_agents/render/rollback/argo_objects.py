"""The Rollout of a web service, with the strategy of the spec, and the Services and the routing that it works with.

Workers take no traffic, so they stay Deployments. Where an environment has an Ingress a canary's weights are exact, set by the
ingress controller; elsewhere a weight is the share of pods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hug_agents.planning import plan_rollout
from hug_agents.plans import RolloutStep
from hug_agents.render.naming import labels, public_host
from hug_agents.render.orchestration.kubernetes_workloads import deployment, is_rollout, metadata
from hug_agents.render.rollback.argo_analysis import smoke_tests, template_name
from hug_agents.render.rollback.bounds import bounds
from hug_agents.slo import MIN_RANGE_SECONDS
from hug_agents.spec import DeploymentSpec, Environment, Service

API = "argoproj.io/v1alpha1"
HISTORY = 5
"""Revisions that can be returned to."""
ROLLBACK_REVISIONS = 3
"""How far back a change needs neither steps nor analysis: it was judged when it was rolled out."""
ABORT_SCALE_DOWN_SECONDS = 300
"""How long the pods of an aborted version stay, to be looked at."""


def rollout(spec: DeploymentSpec, service: Service, *, scaled: bool) -> dict[str, Any]:
    """The Rollout as in the base, without an ingress controller's help."""
    plain = deployment(spec, service, "", scaled=scaled)
    body = {key: value for key, value in plain["spec"].items() if key not in ("strategy", "selector", "template")}
    for spread in plain["spec"]["template"]["spec"]["topologySpreadConstraints"]:
        spread["matchLabelKeys"] = ["rollouts-pod-template-hash"]
    return {
        "apiVersion": API,
        "kind": "Rollout",
        "metadata": plain["metadata"],
        "spec": {
            **body,
            "progressDeadlineAbort": True,
            "rollbackWindow": {"revisions": ROLLBACK_REVISIONS},
            "analysis": {"successfulRunHistoryLimit": HISTORY, "unsuccessfulRunHistoryLimit": HISTORY},
            "strategy": strategy(spec, service, None),
            "selector": plain["spec"]["selector"],
            "template": plain["spec"]["template"],
        },
    }


def strategy(spec: DeploymentSpec, service: Service, environment: Environment | None) -> dict[str, Any]:
    """The strategy of the spec in Argo's words; in an environment with an Ingress, the one that it routes by."""
    kind = spec.strategy.kind
    if kind == "blue_green":
        return {"blueGreen": _blue_green(spec, service)}
    surge, unavailable = spec.strategy.max_surge_percent, spec.strategy.max_unavailable_percent
    routing = _routing(spec, service, environment) if environment else {}
    body: dict[str, Any] = {
        "canaryService": f"{service.name}-canary",
        "stableService": f"{service.name}-stable",
        "canaryMetadata": {"labels": {"track": "canary"}},
        "stableMetadata": {"labels": {"track": "stable"}},
        "maxSurge": f"{surge if kind == 'rolling' else 25}%",
        "maxUnavailable": f"{unavailable if kind == 'rolling' else 0}%",
        "abortScaleDownDelaySeconds": ABORT_SCALE_DOWN_SECONDS,
    }
    if routing:
        # The pods of the old version stay that long after the last step; without routing they make room step by step.
        body |= {"scaleDownDelaySeconds": spec.strategy.keep_old_seconds, "trafficRouting": routing}
    if kind == "rolling":
        del body["canaryService"], body["stableService"]
    if bounds(spec, service):
        first = 2 if routing and smoke_tests(spec, service) else 1
        body["analysis"] = {**_analysis(spec, service, "watch", "canary"), "startingStep": first}
    body["steps"] = list(_steps(spec, service, routed=bool(routing)))
    return {"canary": body}


def routed(spec: DeploymentSpec, service: Service, environment: Environment) -> bool:
    """The Ingress of the environment sets the weights of this service."""
    return is_rollout(spec, service) and bool(_routing(spec, service, environment))


def ingress_controller(environment: Environment) -> str:
    """The IngressClass that canary weights are set by: Amazon's own on AWS, else ingress-nginx."""
    return "alb" if environment.cloud == "aws" else "nginx"


def services(spec: DeploymentSpec, service: Service) -> Iterator[dict[str, Any]]:
    """The Services beside the one that everybody calls. Argo adds the hash of a version to their selectors."""
    tracks = {"blue_green": ("preview",), "canary": ("stable", "canary")}.get(spec.strategy.kind, ())
    for track in tracks:
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(spec, service, f"{service.name}-{track}", "setup"),
            "spec": {
                "type": "ClusterIP",
                "selector": labels(spec, service),
                "ports": [{"name": "http", "port": service.port, "targetPort": "http", "protocol": "TCP"}],
            },
        }


def route_ingress(spec: DeploymentSpec, environment: Environment, door: dict[str, Any]) -> dict[str, Any]:
    """The Ingress of an environment as its controller and Argo need it; unchanged where no weights are set by it."""
    moved = {item.name for item in spec.web_services if routed(spec, item, environment)}
    if not moved:
        return door
    controller = ingress_controller(environment)
    if controller == "alb":
        door["metadata"]["annotations"] = {
            "alb.ingress.kubernetes.io/scheme": "internet-facing",
            "alb.ingress.kubernetes.io/target-type": "ip",
            "alb.ingress.kubernetes.io/listen-ports": '[{"HTTPS":443}]',
        }
    door["spec"] = {"ingressClassName": controller, **door["spec"]}
    for rule in door["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            if backend["name"] in moved and controller == "alb":
                backend["port"] = {"name": "use-annotation"}
            elif backend["name"] in moved:
                backend["name"] += "-stable"
    return door


def _routing(spec: DeploymentSpec, service: Service, environment: Environment) -> dict[str, Any]:
    if spec.strategy.kind != "canary" or not public_host(spec, environment, service):
        return {}
    if ingress_controller(environment) == "alb":
        return {"alb": {"ingress": spec.application, "rootService": service.name, "servicePort": service.port}}
    return {"nginx": {"stableIngress": spec.application}}


def _steps(spec: DeploymentSpec, service: Service, *, routed: bool) -> Iterator[dict[str, Any]]:
    """The rollout plan's steps. What is promoted and retired after the last one is Argo's own doing."""
    smoke = bool(smoke_tests(spec, service)) and spec.strategy.kind != "rolling"
    if smoke and routed:
        # One pod without traffic is asked first; then there are as many as the traffic needs.
        yield {"setCanaryScale": {"replicas": 1}}
        yield {"analysis": _smoke(service, f"{service.name}-canary")}
        yield {"setCanaryScale": {"matchTrafficWeight": True}}
    held = 0
    for number, step in enumerate(_moves(spec)):
        if step.action in ("shift", "deploy"):
            held = step.hold_seconds
            yield {"setWeight": step.weight}
            if smoke and not routed and number == 0:
                yield {"analysis": _smoke(service, f"{service.name}-canary")}
        if step.hold_seconds:
            held = step.hold_seconds
            yield {"pause": {"duration": f"{step.hold_seconds}s"}}
        if step.action == "analyse":
            if bounds(spec, service):
                yield {"analysis": _analysis(spec, service, "judge", "canary", held)}
            if spec.strategy.kind == "rolling" and smoke_tests(spec, service):
                yield {"analysis": _smoke(service, service.name)}


def _moves(spec: DeploymentSpec) -> list[RolloutStep]:
    steps = plan_rollout(spec.strategy).steps
    return [step for step in steps if step.action in ("shift", "analyse") or (step.action == "deploy" and step.weight)]


def _blue_green(spec: DeploymentSpec, service: Service) -> dict[str, Any]:
    body: dict[str, Any] = {
        "activeService": service.name,
        "previewService": f"{service.name}-preview",
        "activeMetadata": {"labels": {"track": "active"}},
        "previewMetadata": {"labels": {"track": "preview"}},
        # deploy.sh switches, once the analysis before the switch and its own smoke tests are good.
        "autoPromotionEnabled": False,
        "scaleDownDelaySeconds": spec.strategy.keep_old_seconds,
        "scaleDownDelayRevisionLimit": 1,
        "abortScaleDownDelaySeconds": ABORT_SCALE_DOWN_SECONDS,
    }
    if smoke_tests(spec, service):
        body["prePromotionAnalysis"] = _smoke(service, f"{service.name}-preview")
    if bounds(spec, service):
        held = max(
            (step.hold_seconds for step in plan_rollout(spec.strategy).steps if step.action == "shift"), default=0
        )
        body["postPromotionAnalysis"] = _analysis(spec, service, "judge", "preview", held)
    return body


def _smoke(service: Service, target: str) -> dict[str, Any]:
    return {
        "templates": [{"templateName": template_name(service, "smoke")}],
        "args": [{"name": "target", "value": target}],
    }


def _analysis(spec: DeploymentSpec, service: Service, what: str, track: str, held: int = 0) -> dict[str, Any]:
    found = bounds(spec, service)
    values: list[dict[str, Any]] = [
        {"name": "environment", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['environment']"}}},
        {"name": "track", "value": track},
    ]
    if any("{{args.version}}" in bound.query for bound in found):
        values.append({"name": "version", "valueFrom": {"podTemplateHashValue": "Latest"}})
    if what == "judge" and any(bound.traffic for bound in found):
        values.append({"name": "range", "value": f"{max(held, MIN_RANGE_SECONDS)}s"})
    return {"templates": [{"templateName": template_name(service, what)}], "args": values}
