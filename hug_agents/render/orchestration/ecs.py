"""Amazon ECS: the deploy script. The services are the infrastructure as code's; this moves them between releases."""

from __future__ import annotations

import json
from collections.abc import Iterable

from hug_agents.bundle import Artifact
from hug_agents.errors import UnsupportedError
from hug_agents.plans import Blueprint
from hug_agents.render.infrastructure.aws.programs import default_service, programs, split
from hug_agents.render.infrastructure.cfn.template import logical
from hug_agents.render.naming import (
    CLOUDFORMATION,
    DEPLOY_SCRIPT,
    PULUMI,
    SMOKE_SCRIPT,
    TERRAFORM,
    base_url_variable,
    stack_name,
    template_bucket,
)
from hug_agents.render.orchestration.smoke import tests
from hug_agents.render.templating import Safe, fill
from hug_agents.spec import DeploymentSpec, Environment

_SCRIPTS = {
    "terraform": ("ecs_deploy.sh.j2", TERRAFORM),
    "cloudformation": ("ecs_deploy.sh.j2", CLOUDFORMATION),
    "pulumi": ("ecs_deploy_pulumi.sh.j2", PULUMI),
}
"""The deploy script's template, and where what it drives lies, by the infrastructure as code."""


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """`deploy/deploy.sh`. Raises UnsupportedError without what writes ECS services."""
    spec = blueprint.spec
    if spec.toolchain.iac not in _SCRIPTS:
        raise UnsupportedError(
            "ECS services are written as infrastructure as code",
            where="toolchain.iac",
            hint=f"choose one of {', '.join(_SCRIPTS)} with the runtime ecs",
        )
    template, folder = _SCRIPTS[spec.toolchain.iac]
    kinds = {item.kind for item in programs(spec, spec.environments[0])}
    steps = blueprint.rollout.steps
    default = default_service(spec)
    reaches = {item.name: _reach(spec, item) for item in spec.environments}
    yield Artifact(
        path=DEPLOY_SCRIPT,
        content=fill(
            "orchestration/templates",
            template,
            application=spec.application,
            strategy=spec.strategy.kind,
            environments=[
                {
                    "name": item.name,
                    "region": item.region,
                    "smoke": reaches[item.name],
                    "stack": stack_name(spec, item),
                }
                for item in spec.environments
            ],
            names=Safe(" | ".join(item.name for item in spec.environments)),
            regions_missing=any(item.region is None for item in spec.environments),
            folder=folder,
            cloudformation=CLOUDFORMATION if spec.toolchain.iac == "cloudformation" else "",
            bucket=template_bucket(spec),
            stems=_json({item.name: logical(item.name) for item in spec.services}),
            repository_missing=spec.toolchain.ci == "github_actions" and not spec.repository,
            ready_images=_json({item.name: item.image for item in spec.services if item.image}),
            service_names=_json([item.name for item in spec.services]),
            split=split(spec),
            moves=[(step.weight, step.hold_seconds) for step in steps if step.action == "shift"],
            hold_seconds=max((step.hold_seconds for step in steps if step.action == "analyse"), default=0),
            keep_old_seconds=spec.strategy.keep_old_seconds,
            migrations="migration" in kinds,
            jobs="job" in kinds,
            beside=bool(kinds - {"web", "migration"}),
            smoke=any(reaches.values()),
            smoke_script=SMOKE_SCRIPT,
            smoke_variable=base_url_variable(default) if default and "variable" in reaches.values() else "",
        ),
        system="ecs",
        executable=True,
    )


def _reach(spec: DeploymentSpec, environment: Environment) -> str:
    """How smoke tests get there: by the domain; without one by the load balancer's, to the default service only."""
    asked = {test.service for test in tests(spec)}
    public = [item for item in spec.web_services if item.public and item.name in asked]
    if environment.domain:
        return "domain" if public else ""
    default = default_service(spec)
    return "variable" if default is not None and default.name in asked else ""


def _json(value: object) -> Safe:
    """JSON of validated names and image references, which hold no quote: fit for single quotes and a here-document."""
    return Safe(json.dumps(value, sort_keys=True, ensure_ascii=True))
