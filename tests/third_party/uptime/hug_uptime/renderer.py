"""What Uptime asks: one document for all environments."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.naming import public_host
from hug_agents.render.templating import json_document

PATH = "monitoring/uptime/checks.json"


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    spec = blueprint.spec
    checks = [
        {"service": service.name, "environment": environment.name, "url": f"https://{host}{service.health_path or '/'}"}
        for environment in spec.environments
        for service in spec.web_services
        if (host := public_host(spec, environment, service))
    ]
    yield Artifact(
        path=PATH, content=json_document({"every": "60s", "checks": checks}), system="uptime", owner="devops"
    )
