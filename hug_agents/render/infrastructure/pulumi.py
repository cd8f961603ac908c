"""Pulumi for AWS, in Python: one program of typed components, a stack file an environment, and tests with a mocked AWS."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files as package_files

from hug_agents.bundle import Artifact
from hug_agents.errors import UnsupportedError
from hug_agents.facts import tool
from hug_agents.plans import Blueprint
from hug_agents.render.infrastructure.aws import agent, registry
from hug_agents.render.infrastructure.aws.dependencies import MODULES, backing
from hug_agents.render.infrastructure.aws.programs import check
from hug_agents.render.infrastructure.aws.trust import trust
from hug_agents.render.infrastructure.pulumi_program import REGISTRY_STACK, program_files
from hug_agents.render.infrastructure.pulumi_stacks import (
    environment_stack,
    missing,
    missing_trust,
    project,
    registry_stack,
)
from hug_agents.render.naming import PULUMI
from hug_agents.render.templating import fill
from hug_agents.spec import DeploymentSpec

TEMPLATES = "infrastructure/templates/pulumi"


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The program, its stacks and its tests. Raises UnsupportedError for what it cannot be."""
    spec = blueprint.spec
    _check(spec)
    yield _artifact("Pulumi.yaml", project(spec))
    for environment in spec.environments:
        yield _artifact(f"Pulumi.{environment.name}.yaml", environment_stack(spec, environment))
    if registry.needed(spec):
        yield _artifact(f"Pulumi.{REGISTRY_STACK}.yaml", registry_stack(spec))
    yield _artifact("requirements.txt", f"pulumi=={tool('pulumi')}\npulumi-aws=={tool('pulumi-aws')}\n")
    for name in sorted(_used(spec)):
        yield _artifact(
            name, package_files("hug_agents.render").joinpath(TEMPLATES, "program", name).read_text("utf-8")
        )
    for name, content in program_files(spec):
        yield _artifact(name, content)
    yield _artifact(".gitignore", "venv/\n__pycache__/\n*.plan\n")
    yield _artifact("README.md", _readme(spec))


def _check(spec: DeploymentSpec) -> None:
    check(spec)
    if spec.toolchain.runtime != "ecs":
        raise UnsupportedError(
            f"Pulumi is written for the runtime ecs, not for {spec.toolchain.runtime}",
            where="toolchain.iac",
            hint="choose terraform beside kubernetes, or ecs as the runtime",
        )


def _used(spec: DeploymentSpec) -> Iterable[str]:
    """The files that are the same in every program, as far as this one needs them."""
    yield from ("programs.py", "release.py", "settings.py", "tests/__init__.py", "tests/mocked.py")
    used = {"__init__", "alerts", "cluster", "connections", "encryption", "network", "policies", "task"}
    used |= {MODULES[item.kind] for item in spec.dependencies if item.managed}
    if any(service.kind != "job" for service in spec.services):
        # A worker's service imports the load balancer's types too.
        used |= {"service", "alarms", "scaling", "load_balancer", "names", "private_bucket"}
    if any(service.kind == "job" or service.migrate_command for service in spec.services):
        used.add("job")
    if "bucket" in used:
        used.add("private_bucket")
    if trust(spec):
        used.add("deploy_role")
    yield from (f"components/{name}.py" for name in used)


def _readme(spec: DeploymentSpec) -> str:
    needed = registry.needed(spec)
    caches = [item for item in spec.dependencies if item.kind == "redis" and item.managed]
    given = {item.name: missing(spec, item) for item in spec.environments}
    if needed:
        given[REGISTRY_STACK] = missing_trust(spec)
    pipeline = trust(spec)
    provider_url, audiences = pipeline.provider() if pipeline else ("", ())
    content = fill(
        TEMPLATES,
        "readme.md.j2",
        application=spec.application,
        pulumi=tool("pulumi"),
        provider=tool("pulumi-aws"),
        pipeline=pipeline,
        provider_url=provider_url,
        audiences=audiences,
        registry=needed,
        registry_stack=REGISTRY_STACK,
        secrets=agent.secret_keys(spec),
        caches=[f"{backing(spec, place, item).resource}-auth-token" for place in spec.environments for item in caches],
        given={stack: keys for stack, keys in given.items() if keys},
    )
    while "\n\n\n" in content:
        content = content.replace("\n\n\n", "\n\n")
    return content


def _artifact(path: str, content: str) -> Artifact:
    return Artifact(path=f"{PULUMI}/{path}", content=content, system="pulumi")
