"""What a bundle wants of an environment's stack: its template, its parameters, its tags. And the release in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hug_agents.adapters.cloudformation.place import Place
from hug_agents.adapters.terraform.record import Record, Version
from hug_agents.bundle import Bundle
from hug_agents.canonical import digest
from hug_agents.errors import UsageError
from hug_agents.render.infrastructure.cfn.template import logical
from hug_agents.render.naming import CLOUDFORMATION, stack_name
from hug_agents.spec import DeploymentSpec, Environment, Line, Model

INLINE = 51_200
"""Bytes of a template that an API call takes; a larger one goes through a bucket."""
_SLOTS = ("blue", "green")


class Wanted(Model):
    """Everything that a change set is made from. No secret: those are ARNs."""

    stack: Line
    template: str
    parameters: dict[str, str]
    tags: dict[str, str]

    @property
    def name(self) -> str:
        """What is wanted, by its content. Tags are not part of it: they sign, they do not configure."""
        return content(self.template, self.parameters)


def content(template: str, parameters: Mapping[str, str]) -> str:
    """The name of a template with its parameters."""
    return digest({"template": template, "parameters": dict(parameters)})


def template_of(bundle: Bundle, environment: str) -> str:
    """The template of an environment. Raises UsageError where there is none."""
    path = f"{_folder(environment)}/template.yaml"
    if path not in bundle:
        raise UsageError(
            f"the bundle has no CloudFormation for {environment}",
            where=path,
            hint="name CloudFormation in the request, or use another target",
        )
    return bundle[path].content


def stack_of(spec: DeploymentSpec, environment: Environment, place: Place) -> str:
    """The stack's name."""
    return place.stack or stack_name(spec, environment)


def has_record(bundle: Bundle, environment: str) -> bool:
    """Whether the stack is one that we rendered: it is told what is released."""
    return "\n  ReleaseStatus:\n" in template_of(bundle, environment)


def secrets_of(bundle: Bundle, environment: str) -> dict[str, str]:
    """Parameter → name of the secret whose ARN it gets."""
    return {str(key): str(value) for key, value in _json(bundle, environment, "secrets.json").items()}


def tags_of(bundle: Bundle, environment: str) -> dict[str, str]:
    """The stack's tags."""
    return {str(key): str(value) for key, value in (_json(bundle, environment, "stack.json").get("Tags") or {}).items()}


def parameters_of(bundle: Bundle, environment: str, place: Place) -> dict[str, str]:
    """The parameters that stand beside the template, and those of `target.toml` over them."""
    given = _json(bundle, environment, "stack.json").get("Parameters") or {}
    return {str(key): str(value) for key, value in given.items()} | dict(place.parameters)


def policy_of(bundle: Bundle, environment: str) -> str:
    """The stack policy as a document; empty where there is none."""
    policy = _json(bundle, environment, "stack.json").get("StackPolicy")
    return json.dumps(policy, sort_keys=True) if policy else ""


def record_parameters(record: Record, spec: DeploymentSpec) -> dict[str, str]:
    """A release record as parameters of the stack."""
    found = {
        "ReleaseId": record.id,
        "ReleaseStatus": record.status,
        "Live": record.live,
        "Next": record.next,
        "Previous": record.previous,
    }
    for slot, version in record.slots.items():
        stem = slot.capitalize()
        found |= {f"{stem}Weight": str(version.weight), f"{stem}Running": str(version.running).lower()}
        for service in spec.services:
            found[f"{stem}Image{logical(service.name)}"] = version.images.get(service.name, "")
    return found


def read_record(parameters: Mapping[str, str], spec: DeploymentSpec) -> Record:
    """The record in a stack's parameters; of a stack that has none, that nothing was released. Raises UsageError."""
    if "ReleaseStatus" not in parameters:
        return Record()
    names = {service.name: logical(service.name) for service in spec.services}

    def version(slot: str) -> Version:
        images = {name: parameters.get(f"{slot}Image{stem}", "") for name, stem in names.items()}
        return Version(
            images={name: image for name, image in images.items() if image},
            weight=int(parameters.get(f"{slot}Weight", "0")),
            running=parameters.get(f"{slot}Running") == "true",
        )

    try:
        return Record.model_validate(
            {
                "id": parameters.get("ReleaseId", ""),
                "status": parameters["ReleaseStatus"],
                "live": parameters.get("Live"),
                "next": parameters.get("Next"),
                "previous": parameters.get("Previous"),
                "slots": {slot: version(slot.capitalize()) for slot in _SLOTS},
            }
        )
    except ValueError as error:
        raise UsageError("the stack's release record cannot be read", where="parameters of the stack") from error


def _folder(environment: str) -> str:
    return f"{CLOUDFORMATION}/environments/{environment}"


def _json(bundle: Bundle, environment: str, name: str) -> dict[str, Any]:
    path = f"{_folder(environment)}/{name}"
    if path not in bundle:
        return {}
    try:
        value = json.loads(bundle[path].content)
    except ValueError as error:
        raise UsageError(f"is not JSON: {error}", where=path) from error
    if not isinstance(value, dict):
        raise UsageError("is not an object", where=path)
    return value
