"""smoke.sh: after every change of an environment, a few requests that must answer as the spec says."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.naming import SMOKE_SCRIPT, base_url_variable, public_host
from hug_agents.render.templating import fill
from hug_agents.spec import DeploymentSpec, Service, SmokeTest

SYSTEM = "smoke"
MAX_MS = 2_000
DEADLINE_SECONDS = 60
"""How long a failing test is tried again: a new version may need a moment behind a load balancer."""


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The one script; it says so where there is nothing to ask."""
    spec = blueprint.spec
    asked = tests(spec)
    yield Artifact(
        path=SMOKE_SCRIPT,
        content=fill(
            "orchestration/templates",
            "smoke.sh.j2",
            application=spec.application,
            tests=asked,
            services=[(service, base_url_variable(service)) for service in _asked_services(spec, asked)],
            environments=[
                (
                    environment.name,
                    [(service.name, public_host(spec, environment, service)) for service in spec.web_services],
                )
                for environment in spec.environments
            ],
            deadline=DEADLINE_SECONDS,
        ),
        system=SYSTEM,
        executable=True,
    )


def tests(spec: DeploymentSpec) -> tuple[SmokeTest, ...]:
    """The spec's tests of web services, then the health path of each public one that has none."""
    stated = tuple(test for test in spec.smoke_tests if spec.service(test.service).kind == "web")
    covered = {test.service for test in stated}
    return stated + tuple(
        SmokeTest(service=service.name, path=service.health_path, max_ms=MAX_MS)
        for service in spec.web_services
        if service.public and service.name not in covered and service.health_path and _on_serving_port(service)
    )


def _on_serving_port(service: Service) -> bool:
    """A health check on a port of its own is for the cluster, and cannot be asked from outside."""
    return service.health_port_or_port == service.port


def _asked_services(spec: DeploymentSpec, asked: tuple[SmokeTest, ...]) -> tuple[Service, ...]:
    names = {test.service for test in asked}
    return tuple(service for service in spec.web_services if service.name in names)
