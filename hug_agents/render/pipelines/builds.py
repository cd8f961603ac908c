"""What is built: one image for each built service, and where images are pushed."""

from __future__ import annotations

import json
from typing import Literal

from hug_agents.render.infrastructure.aws.roots import registry_home
from hug_agents.render.naming import image_path, registry_host, uses_ecr
from hug_agents.render.orchestration.dockerfile import build_context, dockerfile_path
from hug_agents.spec import DeploymentSpec, Line, Model


class Build(Model):
    """One image."""

    service: Line
    path: Line
    context: Line
    dockerfile: Line


class Registry(Model):
    """Where images go, and how the build signs in there."""

    kind: Literal["ecr", "ghcr", "gitlab", "other"]
    host: Line
    """With its port; empty where only the pipeline knows it."""
    prefix: Line
    """What stands before an image's path; empty: it is only known when the pipeline runs."""
    region: Line


def builds(spec: DeploymentSpec) -> tuple[Build, ...]:
    """The images that are built."""
    return tuple(
        Build(
            service=service.name,
            path=image_path(spec, service),
            context=build_context(service),
            dockerfile=dockerfile_path(spec, service) or "",
        )
        for service in spec.services
        if service.image is None
    )


def given_images(spec: DeploymentSpec) -> str:
    """The images that exist already, as JSON: service → reference."""
    return json.dumps({service.name: service.image for service in spec.services if service.image})


def registry(spec: DeploymentSpec) -> Registry:
    """Where built images are pushed."""
    if uses_ecr(spec):
        return Registry(kind="ecr", host="", prefix="", region=registry_home(spec).region or "")
    prefix = registry_host(spec)
    if spec.toolchain.ci == "gitlab_ci" and not spec.toolchain.registry_host:
        return Registry(kind="gitlab", host="", prefix="", region="")  # the job knows where its project's registry is
    host = prefix.split("/")[0]
    if host == "ghcr.io":
        return Registry(kind="ghcr", host=host, prefix=prefix if "/" in prefix else "", region="")
    return Registry(kind="other", host=host, prefix=prefix, region="")
