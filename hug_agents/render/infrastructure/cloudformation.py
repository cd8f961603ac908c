"""CloudFormation for AWS: one stack an environment, and one for the image registry they share."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.bundle import Artifact
from hug_agents.errors import UnsupportedError
from hug_agents.plans import Blueprint
from hug_agents.render.infrastructure.aws import registry as ecr
from hug_agents.render.infrastructure.aws.programs import check
from hug_agents.render.infrastructure.aws.roots import registry_home
from hug_agents.render.infrastructure.aws.trust import trust
from hug_agents.render.infrastructure.cfn.environment import secrets_file, stack_file, tags, template
from hug_agents.render.infrastructure.cfn.registry import registry
from hug_agents.render.infrastructure.cfn.scope import Scope
from hug_agents.render.naming import CLOUDFORMATION, template_bucket
from hug_agents.render.templating import fill, json_document
from hug_agents.spec import DeploymentSpec


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """Templates, with their parameters, tags and stack policies beside them.

    Raises UnsupportedError for what CloudFormation cannot carry here: another runtime than ECS, another cloud than AWS, a
    text that it would resolve, more than one stack takes.
    """
    spec = blueprint.spec
    _check(spec)
    if ecr.needed(spec):
        found = registry(spec)
        yield _artifact("registry/template.yaml", found.text("services"))
        pipeline = trust(spec)
        values = {item.pascal: item.default for item in pipeline.settings if item.default} if pipeline else {}
        signed = tags(spec, "registry", f"{spec.application}-registry")
        yield _artifact("registry/stack.json", json_document({"Parameters": values, "Tags": signed}))
    given: dict[str, list[str]] = {}
    for environment in spec.environments:
        scope = Scope(spec, environment)
        made = template(scope)
        where = f"environments/{environment.name}"
        yield _artifact(f"{where}/template.yaml", made.text(f"environments.{environment.name}"))
        yield _artifact(f"{where}/stack.json", json_document(stack_file(scope, made)))
        yield _artifact(f"{where}/secrets.json", json_document(secrets_file(scope)))
        looked_up = secrets_file(scope)
        given[environment.name] = [
            name for name, item in made.parameters.items() if "Default" not in item and name not in looked_up
        ]
    yield _readme(spec, given)


def _check(spec: DeploymentSpec) -> None:
    if spec.toolchain.runtime != "ecs":
        elsewhere = sorted({item.cloud for item in spec.environments} - {"aws", "none"})
        why = (
            f"CloudFormation makes nothing on {elsewhere[0]}"
            if elsewhere
            else "clusters of EKS are written as Terraform"
        )
        raise UnsupportedError(
            f"{why}; with CloudFormation the services run on ECS",
            where="toolchain.iac",
            hint="choose terraform for EKS, ecs as the runtime, or no infrastructure as code for a cluster that exists",
        )
    check(spec)


def _readme(spec: DeploymentSpec, given: dict[str, list[str]]) -> Artifact:
    pipeline = trust(spec)
    provider_url, audiences = pipeline.provider() if pipeline else ("", ())
    content = fill(
        "infrastructure/templates/cloudformation",
        "readme.md.j2",
        application=spec.application,
        bucket=template_bucket(spec),
        registry=ecr.needed(spec),
        registry_region=registry_home(spec).region,
        environments=spec.environments,
        pipeline=pipeline,
        provider_url=provider_url,
        audiences=audiences,
        secrets={item.name: secrets_file(Scope(spec, item)) for item in spec.environments},
        given={name: names for name, names in given.items() if names},
        domain=all(item.domain for item in spec.environments),
        web=bool(spec.web_services),
        retained=any(item.managed for item in spec.dependencies),
    )
    # Sections that are left out must not leave a hole.
    while "\n\n\n" in content:
        content = content.replace("\n\n\n", "\n\n")
    return _artifact("README.md", content)


def _artifact(path: str, content: str) -> Artifact:
    return Artifact(path=f"{CLOUDFORMATION}/{path}", content=content, system="cloudformation")
