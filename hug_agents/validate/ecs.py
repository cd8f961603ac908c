"""ECS documents against Amazon's own description of the API, which botocore carries: what will be registered, no more.

A bundle with Pulumi implies them: the program is declared under mocks, and each task definition and service is put as the call
that AWS would get. Terraform and CloudFormation hold no such document before they run; their own tools check them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.render.naming import PULUMI
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.pulumi import PulumiMocks, declared

_TASK = "aws:ecs/taskDefinition:TaskDefinition"
_SERVICE = "aws:ecs/service:Service"
_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_NOT_SENT = {"skipDestroy", "trackLatest", "__defaults", "waitForSteadyState"}
_MOVED = {"name": "serviceName", "enableEcsManagedTags": "enableECSManagedTags"}


class EcsModel(Gate):
    """RegisterTaskDefinition and CreateService, as they will be called: members, types, what is required, choices."""

    name = "ecs model"
    tool = ""
    install = "pip install 'hug-agents[pulumi]'"

    def version(self) -> str:
        """Of botocore, whose model of the API this is."""
        try:
            return version("botocore")
        except PackageNotFoundError:
            return ""

    def missing(self) -> str:
        """botocore, and what declares the program."""
        return PulumiMocks().missing() if self.version() else f"botocore, install with {self.install}"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle.under(f"{PULUMI}/") if item.path.endswith((".py", ".yaml")))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        gate = PulumiMocks()
        if refused := gate.foreign(workspace, files):
            return tuple(item.model_copy(update={"gate": self.name}) for item in refused)
        return tuple(
            self.finding(
                "ecs/model", f"{stack['stack']}: {message}", file=f"{PULUMI}/{item['file']}", line=item["line"]
            )
            for stack in declared(workspace)
            for item, message in wrong(stack["resources"])
        )


def wrong(resources: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """What ECS would refuse of the resources of one stack, each with the resource that says so."""
    alarms = {item["inputs"].get("name") for item in resources if item["type"] == _ALARM}
    containers: dict[str, set[int]] = {}
    for item in resources:
        if item["type"] == _TASK:
            request = task_request(item["inputs"])
            for message in against("RegisterTaskDefinition", request):
                yield item, message
            for container in request.get("containerDefinitions") or ():
                if isinstance(container, dict):
                    ports = {port.get("containerPort") for port in container.get("portMappings") or ()}
                    containers.setdefault(str(container.get("name")), set()).update(ports)
    for item in resources:
        if item["type"] == _SERVICE:
            request = service_request(item["inputs"])
            for message in against("CreateService", request):
                yield item, message
            for balancer in request.get("loadBalancers") or ():
                if balancer.get("containerPort") not in containers.get(str(balancer.get("containerName")), ()):
                    yield (
                        item,
                        f"no container {balancer.get('containerName')} has the port {balancer.get('containerPort')}",
                    )
            for name in request["deploymentConfiguration"].get("alarms", {}).get("alarmNames") or ():
                if name not in alarms:
                    yield item, f"it is watched by the alarm {name}, and there is none of that name"


def against(operation: str, request: Mapping[str, Any]) -> Iterator[str]:
    """What the API's own description refuses of a request."""
    from botocore.session import Session
    from botocore.validate import ParamValidator

    shape = Session().get_service_model("ecs").operation_model(operation).input_shape
    report = ParamValidator().validate(request, shape)
    yield from (line for line in report.generate_report().splitlines() if line)
    yield from _choices(request, shape, "")


def _choices(value: Any, shape: Any, path: str) -> Iterator[str]:
    """botocore looks at types only; the description also says which words there are."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        for key, item in value.items():
            if key in shape.members:
                yield from _choices(item, shape.members[key], f"{path}.{key}".strip("."))
    elif shape.type_name == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _choices(item, shape.member, f"{path}[{index}]")
    elif shape.type_name == "string" and shape.enum and isinstance(value, str) and value not in shape.enum:
        yield f"{path} is {value!r}, and not one of {', '.join(shape.enum)}"


def task_request(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A Pulumi task definition as RegisterTaskDefinition."""
    request = {key: _whole(value) for key, value in inputs.items() if key not in _NOT_SENT}
    request["containerDefinitions"] = json.loads(inputs["containerDefinitions"])
    if "tags" in request:
        request["tags"] = [{"key": key, "value": value} for key, value in request["tags"].items()]
    return request


def service_request(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A Pulumi service as CreateService."""
    request: dict[str, Any] = {"deploymentConfiguration": {}}
    deployment = request["deploymentConfiguration"]
    for key, value in inputs.items():
        if key in ("deploymentMaximumPercent", "deploymentMinimumHealthyPercent"):
            deployment[key.removeprefix("deployment")[0].lower() + key.removeprefix("deployment")[1:]] = _whole(value)
        elif key in ("deploymentCircuitBreaker", "alarms"):
            deployment[key] = value
        elif key == "networkConfiguration":
            public = "ENABLED" if value.get("assignPublicIp") else "DISABLED"
            request[key] = {"awsvpcConfiguration": {**value, "assignPublicIp": public}}
        elif key not in _NOT_SENT:
            request[_MOVED.get(key, key)] = _whole(value)
    return request


def _whole(value: Any) -> Any:
    """Pulumi hands numbers on as floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
