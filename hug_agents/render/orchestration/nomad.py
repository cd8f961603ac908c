"""Nomad: a job file a service, variables and a policy an environment, and the script that carries out the strategy."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.errors import SpecError, UnsupportedError
from hug_agents.plans import Blueprint, RolloutStep
from hug_agents.render.infrastructure.hcl import format_hcl
from hug_agents.render.naming import DEPLOY_SCRIPT, NOMAD, dependency_variables, namespace
from hug_agents.render.orchestration import nomad_jobs as jobs
from hug_agents.render.orchestration.kubernetes_deploy import judged_by
from hug_agents.render.orchestration.smoke import tests
from hug_agents.render.templating import Safe, fill
from hug_agents.spec import DeploymentSpec, Service

SYSTEM = "nomad"


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """Everything below `nomad/`, and deploy.sh. Raises UnsupportedError with infrastructure as code."""
    spec = blueprint.spec
    if spec.toolchain.iac is not None:
        raise UnsupportedError(
            "no infrastructure as code here writes a Nomad cluster: the jobs run on one that exists",
            where="toolchain.iac",
            hint="choose no infrastructure as code with nomad, or the runtime ecs or kubernetes",
        )
    _no_collisions(spec)
    for service in spec.services:
        for migration in (False, True) if service.migrate_command else (False,):
            name = jobs.migration_job(service) if migration else service.name
            yield _file(f"{NOMAD}/jobs/{name}.nomad.hcl", jobs.job_file(spec, service, migration=migration))
            for place in spec.environments:
                yield _file(
                    f"{NOMAD}/environments/{place.name}/{name}.vars.hcl",
                    jobs.variables_file(spec, place, service, migration=migration),
                )
    for place in spec.environments:
        for policy, template in _policies(spec):
            content = fill(
                "orchestration/templates",
                template,
                namespace=namespace(spec, place),
                application=spec.application,
                paths=_read_by_migrations(spec),
                scaled=any(item.max_replicas for item in spec.services),
                dispatched=bool(_dispatched(spec)),
            )
            yield _file(f"{NOMAD}/environments/{place.name}/{policy}.policy.hcl", format_hcl(content))
    yield _file(f"{NOMAD}/README.md", _guide(spec))
    yield Artifact(path=DEPLOY_SCRIPT, content=_script(blueprint), system=SYSTEM, executable=True)


def _policies(spec: DeploymentSpec) -> Iterable[tuple[str, str]]:
    yield "deploy", "nomad_deploy_policy.hcl.j2"
    if _read_by_migrations(spec):
        yield "migrate", "nomad_migrate_policy.hcl.j2"


def _read_by_migrations(spec: DeploymentSpec) -> list[str]:
    return [jobs.secrets_path(item.name) for item in spec.services if item.migrate_command and item.secrets]


def _dispatched(spec: DeploymentSpec) -> list[str]:
    """The jobs that run once a release: they are registered, then dispatched."""
    return [item.name for item in spec.services if item.kind == "job" and not item.schedule] + [
        jobs.migration_job(item) for item in spec.services if item.migrate_command
    ]


def _no_collisions(spec: DeploymentSpec) -> None:
    taken = [item.name for item in spec.services]
    taken += [jobs.migration_job(item) for item in spec.services if item.migrate_command]
    taken += [name for item in spec.web_services if (name := jobs.metrics_service(item)) != item.name]
    for name in taken:
        if taken.count(name) > 1:
            raise SpecError(
                f"two jobs or addresses would be {name!r}",
                where="services",
                hint="rename a service: the names NAME-migrate and NAME-metrics are made from NAME",
            )


def _script(blueprint: Blueprint) -> str:
    spec = blueprint.spec
    smoked = {test.service for test in tests(spec)}
    once = [item for item in spec.services if item.kind == "job" and not item.schedule]
    return fill(
        "orchestration/templates",
        "nomad_deploy.sh.j2",
        application=spec.application,
        strategy=spec.strategy.kind,
        environments=[
            {
                "name": place.name,
                "role": place.role,
                "namespace": namespace(spec, place),
                "domain": place.domain or "",
                "replicas": [(item.name, spec.in_environment(item, place).replicas) for item in _running(spec)],
            }
            for place in spec.environments
        ],
        arrays=[
            ("web", [item.name for item in spec.web_services]),
            ("workers", [item.name for item in spec.services if item.kind == "worker"]),
            ("scheduled", [item.name for item in spec.services if item.schedule]),
            ("migrations", [jobs.migration_job(item) for item in spec.services if item.migrate_command]),
            ("once", [item.name for item in once]),
            ("tested", [item.name for item in spec.web_services if item.name in smoked]),
            ("needed_variables", _needed(spec)),
        ],
        public=[item.name for item in spec.web_services if item.public],
        scaled=[item.name for item in _running(spec) if item.max_replicas],
        all_beside=spec.strategy.kind == "blue_green"
        or (spec.strategy.kind == "rolling" and spec.strategy.max_unavailable_percent == 0),
        image_of={jobs.migration_job(item): item.name for item in spec.services if item.migrate_command},
        built=_json([item.name for item in spec.services if item.image is None]),
        given=_json({item.name: item.image for item in spec.services if item.image}),
        built_any=any(item.image is None for item in spec.services),
        migrations=any(item.migrate_command for item in spec.services),
        steps=list(_steps(blueprint.rollout.steps)),
        **judged_by(spec),
    )


def _running(spec: DeploymentSpec) -> list[Service]:
    return [item for item in spec.services if item.kind != "job"]


def _needed(spec: DeploymentSpec) -> list[str]:
    """The Nomad variables that must be there before a release."""
    own = [jobs.secrets_path(item.name) for item in spec.services if item.secrets]
    return [*([jobs.SHARED_PATH] if spec.dependencies else []), *own]


def _steps(steps: tuple[RolloutStep, ...]) -> Iterable[dict[str, Any]]:
    first = next((step.order for step in steps if step.action == "shift"), 0)
    for step in steps:
        yield {
            "action": step.action,
            "weight": step.weight,
            "hold": step.hold_seconds,
            "first": step.order == first,
            "title": f"step {step.order} of {len(steps)}, {step.action}: {step.description}",
        }


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _guide(spec: DeploymentSpec) -> str:
    return fill(
        "orchestration/templates",
        "nomad.md.j2",
        spec=spec,
        oldest=Safe(jobs.OLDEST),
        core=jobs.CORE_MHZ,
        places=[(place, namespace(spec, place)) for place in spec.environments],
        shared=jobs.SHARED_PATH,
        dependencies=[(item, dependency_variables(item)) for item in spec.dependencies],
        secrets=[(item, jobs.secrets_path(item.name)) for item in spec.services if item.secrets],
        migrations=[
            (jobs.migration_job(item), item) for item in spec.services if item.migrate_command and item.secrets
        ],
        routed=any(place.domain for place in spec.environments) and any(item.public for item in spec.web_services),
        scaled=any(item.max_replicas for item in spec.services),
        strategy=spec.strategy,
        canaries=[
            (place, item, here.replicas, jobs.canaries(spec, here.replicas), jobs.max_parallel(spec, here.replicas))
            for place in spec.environments
            for item in spec.web_services
            if (here := spec.in_environment(item, place))
        ],
    )


def _file(path: str, content: str) -> Artifact:
    return Artifact(path=path, content=content, system=SYSTEM)
