"""The root of an ECS environment."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.render.infrastructure.aws import access, agent
from hug_agents.render.infrastructure.aws.dependencies import backing, connections
from hug_agents.render.infrastructure.aws.programs import Program, internal_zone, programs, split
from hug_agents.render.infrastructure.aws.roots import (
    common_variables,
    dns_zone,
    given,
    hcl_file,
    region,
    registry_variables,
    state_key,
    trusted,
    versions,
)
from hug_agents.render.infrastructure.aws.trust import said, trust
from hug_agents.render.infrastructure.aws.variables import Variable
from hug_agents.render.infrastructure.hcl import expression, object_of
from hug_agents.render.naming import public_host, short, stack_name, uses_ecr
from hug_agents.render.templating import Safe, hcl
from hug_agents.spec import DeploymentSpec, Environment


def modules(spec: DeploymentSpec) -> Iterable[str]:
    """The shared modules that ECS environments call."""
    yield from ("encryption", "alerts", "network", "cluster", "task")
    if spec.web_services:
        yield "load_balancer"
    if any(service.kind != "job" for service in spec.services):
        yield "service"
    if any(service.kind == "job" or service.migrate_command for service in spec.services):
        yield "job"


def files(spec: DeploymentSpec, environment: Environment) -> Iterable[tuple[str, str]]:
    """File name and text of each file of the root."""
    calls = programs(spec, environment)
    production = environment.role == "production"
    hosts = [host for item in spec.web_services if (host := public_host(spec, environment, item))]
    backings = [backing(spec, environment, item) for item in spec.dependencies if item.managed]
    secrets = agent.secret_keys(spec)
    ecr = uses_ecr(spec) and any(service.image is None for service in spec.services)
    yield "versions.tf", versions(spec, environment.name, environment)
    yield (
        "main.tf",
        hcl_file(
            "ecs_main.tf.j2",
            environment=environment.name,
            stack=stack_name(spec, environment),
            region=region(environment),
            log_days=365 if production else 90,
            production=production,
            has_public=any(item.public for item in spec.web_services),
            has_internal=any(not item.public for item in spec.web_services),
            hosts=hosts,
            internal_zone=internal_zone(spec, environment),
            ecr=ecr,
        ),
    )
    yield "variables.tf", hcl_file("variables.tf.j2", variables=tuple(_variables(spec, environment)))
    if spec.dependencies or secrets:
        clients = {item.module: expression(f"module.{item.module}.security_group_id") for item in calls}
        reached = any(item.kind in ("postgres", "mysql", "redis") for item in backings)
        yield (
            "dependencies.tf",
            hcl_file(
                "dependencies.tf.j2",
                dependencies=backings,
                network={"vpc": expression("module.network.vpc_id"), "subnets": expression(_SUBNETS)},
                production=production,
                secret_names=secrets,
                has_clients=reached,
                clients=object_of(clients),
                connections=connections(spec),
            ),
        )
    yield (
        "release.tf",
        hcl_file("release.tf.j2", split=split(spec), services=hcl([item.name for item in spec.services])),
    )
    yield "services.tf", hcl_file("services.tf.j2", programs=calls)
    found = trust(spec)
    if found:
        policies = {
            "state": access.state(state_key(spec, environment.name)),
            "read": access.read(),
            "release": access.release(spec, calls),
        }
        if passwords := access.cache_passwords(spec):
            policies["cache-passwords"] = passwords
        yield (
            "pipeline.tf",
            hcl_file(
                "pipeline.tf.j2",
                name=short(stack_name(spec, environment), "deploy", limit=64),
                said=said(spec, environment),
                approvals=Safe(found.approvals),
                trusted=trusted(spec, environment.name),
                application=spec.application,
                policies=policies,
            ),
        )
    yield (
        "outputs.tf",
        hcl_file(
            "ecs_outputs.tf.j2",
            services=object_of(
                {
                    item.service: expression(f"module.{item.module}.release")
                    for item in calls
                    if item.source == "service"
                }
            ),
            migrations=_once(calls, "migration"),
            jobs=_once(calls, "job"),
            pipeline=found is not None,
            role_variable=found.role_variable if found else "",
            public=any(item.public for item in spec.web_services),
        ),
    )
    yield (
        "tests/environment.tftest.hcl",
        hcl_file(
            "ecs_tests.tftest.hcl.j2",
            account=environment.account or "123456789012",
            test_region=environment.region or "eu-west-1",
            zones=True,
            cluster=None,
            secrets=secrets,
            caches=any(item.kind == "redis" for item in backings),
            given=given(spec, environment),
            images=object_of({item.name: _TEST_IMAGE.format(item.name) for item in spec.services}),
            split=split(spec),
            programs=calls,
            watched=bool(spec.triggers or spec.objectives),
            first=spec.services[0].name,
        ),
    )


def _once(calls: Iterable[Program], kind: str) -> Safe:
    return object_of({item.service: expression(f"module.{item.module}.run") for item in calls if item.kind == kind})


_TEST_IMAGE = "registry.example.com/{}@sha256:" + "0" * 64
_SUBNETS = "module.network.private_subnet_ids"


def _variables(spec: DeploymentSpec, environment: Environment) -> Iterable[Variable]:
    yield from common_variables(spec, environment)
    yield from registry_variables(spec)
    if agent.anywhere(spec):
        yield Variable(
            name="datadog_agent_image",
            description=agent.IMAGE_SAID,
            condition=expression(f'can(regex("^{agent.IMAGE_PATTERN}$", var.datadog_agent_image))'),
            error="datadog_agent_image must be named by its digest.",
        )
        yield Variable(
            name="datadog_site",
            description="The site of Datadog that the Agent reports to.",
            default=hcl(agent.SITE),
            condition=expression(f'can(regex("^{agent.SITE_PATTERN}$", var.datadog_site))'),
            error="datadog_site must be a site of Datadog, such as datadoghq.eu.",
        )
    index = spec.environments.index(environment)
    yield Variable(
        name="vpc_cidr",
        description="The environment's addresses. Environments do not overlap, so that they could be joined.",
        default=hcl(f"10.{16 + index}.0.0/16"),
    )
    if environment.domain and any(item.public for item in spec.web_services):
        yield Variable(
            name="dns_zone",
            description=f"The public Route 53 zone that holds {environment.domain}; it exists already.",
            default=hcl(dns_zone(environment.domain)),
            condition=expression(f'endswith({hcl("." + environment.domain)}, ".${{var.dns_zone}}")'),
            error=f"dns_zone must be {environment.domain} or a zone above it.",
        )
