"""Datadog's Agent beside the programs of a task: on Fargate there is no host that it could run on.

One description for Terraform, CloudFormation and Pulumi; each puts its own words for what only the account knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hug_agents.facts import tool
from hug_agents.render.infrastructure.aws.fargate import size
from hug_agents.render.monitoring.datadog_agent import discovered
from hug_agents.render.naming import DATADOG_SECRET
from hug_agents.spec import DeploymentSpec, Service

NAME = "datadog-agent"
IMAGE = f"public.ecr.aws/datadog/agent:{tool('datadog-agent')}"
"""No digest of it is known for certain, so a person gives it."""
IMAGE_SAID = f"Datadog's Agent by digest: {IMAGE}@sha256:…, as `docker buildx imagetools inspect` shows it."
IMAGE_PATTERN = "[a-z0-9.-]+(/[a-z0-9._-]+)+(:[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64}"
IMAGE_EXAMPLE = f"{IMAGE}@sha256:{'0' * 64}"
SITE = "datadoghq.com"
SITE_PATTERN = "([a-z0-9]+[.])*(datadoghq[.](com|eu)|ddog-gov[.]com)"
_CPU = 64
_MEMORY_MIB = 512
_TRACES = ("DD_TRACE_", "DD_APM_", "DD_PROFILING_", "DD_APPSEC_")
_COUNTS = ("DD_DOGSTATSD_", "DD_AGENT_HOST", "STATSD_")


@dataclass(frozen=True)
class Words:
    """What a language calls the environment's name, the site, the image and the ARN of the API key."""

    environment: Any
    site: Any
    image: Any
    key_arn: Any


def beside(spec: DeploymentSpec, service: Service) -> bool:
    """The Agent runs in the tasks of this service: of those that stay. A job ends before its numbers would be sent."""
    return spec.toolchain.runtime == "ecs" and "datadog" in spec.toolchain.monitors and service.kind != "job"


def anywhere(spec: DeploymentSpec) -> bool:
    """It runs in some task."""
    return any(beside(spec, item) for item in spec.services)


def secret_keys(spec: DeploymentSpec) -> list[str]:
    """The names of all secrets that tasks read, the Agent's too."""
    own = {item.key for service in spec.services for item in service.secrets}
    return sorted(own | ({DATADOG_SECRET} if anywhere(spec) else set()))


def task_size(spec: DeploymentSpec, service: Service, *, migration: bool = False) -> tuple[int, int]:
    """CPU units and MiB of a task, with room for the Agent where it runs."""
    more = beside(spec, service) and not migration
    return size(service, cpu=_CPU if more else 0, memory=_MEMORY_MIB if more else 0)


def labels(service: Service, words: Words) -> dict[str, Any]:
    """Of the program's container: unified service tagging, and what the Agent reads. The version is the image's digest."""
    found = {"com.datadoghq.tags.env": words.environment, "com.datadoghq.tags.service": service.name}
    checks = discovered(service)
    return found | ({"com.datadoghq.ad.checks": checks} if checks else {})


def variables(service: Service, words: Words) -> dict[str, Any]:
    """What the program's own library reads; one that the service sets itself wins. The version is the image's digest."""
    return {"DD_ENV": words.environment, "DD_SERVICE": service.name}


def container(spec: DeploymentSpec, service: Service, words: Words) -> dict[str, Any]:
    """The Agent's container as ECS describes it, without its logs."""
    asked = {item.name for item in service.env} | {item.name for item in service.secrets}
    environment = {
        "DD_APM_ENABLED": _said(asked, _TRACES),
        "DD_ENV": words.environment,
        "DD_SITE": words.site,
        "DD_TAGS": f"application:{spec.application} service:{service.name}",
        "DD_USE_DOGSTATSD": _said(asked, _COUNTS),
        "ECS_FARGATE": "true",
    }
    return {
        "name": NAME,
        "image": words.image,
        # The service goes on without its monitoring: an Agent that fails must not stop who is served.
        "essential": False,
        "cpu": _CPU,
        # Past this the Agent is ended, and never the program beside it.
        "memory": _MEMORY_MIB,
        "memoryReservation": _MEMORY_MIB // 2,
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
        "secrets": [{"name": "DD_API_KEY", "valueFrom": words.key_arn}],
        "healthCheck": {
            "command": ["CMD-SHELL", "agent health"],
            "interval": 30,
            "timeout": 5,
            "retries": 3,
            "startPeriod": 60,
        },
    }


def _said(asked: set[str], prefixes: tuple[str, ...]) -> str:
    """Traces and counts are taken in where the service has a variable of a library that sends them."""
    return "true" if any(name.startswith(prefixes) for name in asked) else "false"
