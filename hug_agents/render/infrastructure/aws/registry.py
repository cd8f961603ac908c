"""The root of the image registry, which every environment shares: an image is built once and promoted by its digest."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.render.infrastructure.aws.access import build
from hug_agents.render.infrastructure.aws.roots import (
    given_trust,
    hcl_file,
    pipeline_variables,
    registry_home,
    trusted,
    versions,
)
from hug_agents.render.infrastructure.aws.trust import BUILD, trust
from hug_agents.render.infrastructure.aws.variables import Variable
from hug_agents.render.infrastructure.hcl import expression, list_of
from hug_agents.render.naming import image_path, short, uses_ecr
from hug_agents.render.templating import Safe, hcl
from hug_agents.spec import DeploymentSpec


def needed(spec: DeploymentSpec) -> bool:
    """Images are built here and kept in ECR."""
    return uses_ecr(spec) and any(service.image is None for service in spec.services)


def files(spec: DeploymentSpec) -> Iterable[tuple[str, str]]:
    """File name and text of each file of the root."""
    home, found = registry_home(spec), trust(spec)
    readers = sorted({item.account for item in spec.environments if item.account and item.account != home.account})
    yield "versions.tf", versions(spec, "registry", home)
    yield (
        "main.tf",
        hcl_file(
            "registry_main.tf.j2",
            repositories=list_of(sorted(image_path(spec, item) for item in spec.services if item.image is None)),
            readers=list_of(readers),
            pipeline=found is not None,
            role=short(spec.application, "build", limit=64),
            trusted=trusted(spec, BUILD),
            policies={"push": build()},
        ),
    )
    variables = [*pipeline_variables(spec)]
    if not home.region:
        variables.insert(
            0,
            Variable(
                name="region",
                description="The AWS region of the registry.",
                condition=expression('can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))'),
                error="region must be an AWS region, such as eu-west-1.",
            ),
        )
    if variables:
        yield "variables.tf", hcl_file("variables.tf.j2", variables=variables)
    yield "outputs.tf", hcl_file("registry_outputs.tf.j2", pipeline=found is not None)
    values: dict[str, Safe] = {} if home.region else {"region": hcl("eu-west-1")}
    values |= given_trust(spec)
    yield (
        "tests/registry.tftest.hcl",
        hcl_file(
            "registry_tests.tftest.hcl.j2",
            account=home.account or "123456789012",
            test_region=home.region or "eu-west-1",
            zones=False,
            secrets=False,
            caches=False,
            cluster=None,
            given=values,
            repositories=sorted(image_path(spec, item) for item in spec.services if item.image is None),
            settings=[item.name for item in found.settings] if found else [],
        ),
    )
