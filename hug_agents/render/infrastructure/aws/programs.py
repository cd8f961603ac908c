"""The services of a spec as calls of the modules `service` and `job` in one environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set

from hug_agents.errors import UnsupportedError
from hug_agents.render.infrastructure.aws import agent
from hug_agents.render.infrastructure.aws.dependencies import Connections, connections, label
from hug_agents.render.infrastructure.aws.objectives import objectives, triggers
from hug_agents.render.infrastructure.aws.schedule import eventbridge
from hug_agents.render.infrastructure.aws.variables import View
from hug_agents.render.infrastructure.hcl import expression, list_of, nested, object_of
from hug_agents.render.naming import (
    DATADOG_SECRET,
    image_path,
    log_group,
    public_host,
    registry_host,
    short,
    stack_name,
    uses_ecr,
)
from hug_agents.render.templating import Safe, hcl
from hug_agents.spec import DeploymentSpec, Environment, Service

ECR_IMAGE = re.compile(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([a-z0-9._/-]+)")


class Program(View):
    """One module call. `kind` says what it is for; `module` is its label."""

    module: str
    source: str
    name: str
    service: str
    kind: str
    attributes: dict[str, Safe]


def programs(spec: DeploymentSpec, environment: Environment) -> tuple[Program, ...]:
    """Every program that runs there: services, jobs, and the migration of each service that has one."""
    return tuple(_programs(spec, environment))


def _programs(spec: DeploymentSpec, environment: Environment) -> Iterable[Program]:
    shared = connections(spec)
    web = 0
    for plain in spec.services:
        service = spec.in_environment(plain, environment)
        if service.kind == "job":
            yield _job(spec, environment, service, shared)
        else:
            yield _service(spec, environment, service, shared, web)
            web += service.kind == "web"
        if service.migrate_command:
            yield _migration(spec, environment, service, shared)


def split(spec: DeploymentSpec) -> bool:
    """Two versions side by side that share the traffic."""
    return spec.strategy.kind != "rolling"


def resource_name(spec: DeploymentSpec, environment: Environment, service: Service, *, suffix: str = "") -> str:
    """The name of a program's resources: 50 characters, so that a role's `-schedule` still fits IAM's 64.

    A suffix begins with `_`, which no name of a spec has: it is never another service's.
    """
    return short(stack_name(spec, environment), service.name + suffix, limit=50)


def default_service(spec: DeploymentSpec) -> Service | None:
    """Without a domain, the public service that answers when no other is asked for by name: the first."""
    return next((item for item in spec.web_services if item.public), None)


def internal_zone(spec: DeploymentSpec, environment: Environment) -> str:
    """The private zone in which internal services are found."""
    return f"{stack_name(spec, environment)}.internal"


def hosts(spec: DeploymentSpec, environment: Environment, service: Service) -> list[str]:
    """The names by which the load balancer knows a web service; none: it takes every name that no other has."""
    if not service.public:
        return [f"{service.name}.{internal_zone(spec, environment)}"]
    if host := public_host(spec, environment, service):
        return [host]
    first = default_service(spec)
    return [] if first is not None and first.name == service.name else [f"{service.name}.*"]


def _service(
    spec: DeploymentSpec, environment: Environment, service: Service, shared: Connections, index: int
) -> Program:
    web = service.kind == "web"
    cpu, memory = agent.task_size(spec, service)
    slots = "slots" if web and split(spec) else "live"
    attributes: dict[str, Safe] = {"slots": expression(f'local.{slots}["{service.name}"]')}
    if web:
        names = hosts(spec, environment, service)
        balancer = "public_load_balancer" if service.public else "internal_load_balancer"
        attributes["http"] = object_of(
            {
                # 26 characters, so that `-green` still fits a target group's 32.
                "target_group": short(stack_name(spec, environment), service.name, limit=26),
                "port": service.port,
                "health_path": service.health_path or "/",
                "health_port": service.health_port_or_port,
                # A path that somebody named must succeed; an unknown program's `/` may answer anything but a failure.
                "health_matcher": "200-299" if service.health_path else "200-499",
                "hosts": names,
                # Rules with a host come before the one that takes every host.
                "priority": 1000 + index if names else 40000,
                "slot_priority": 100 + 2 * index if names else 900,
                "listener_arn": expression(f"module.{balancer}.listener_arn"),
                "load_balancer_arn_suffix": expression(f"module.{balancer}.arn_suffix"),
                "load_balancer_security_group_id": expression(f"module.{balancer}.security_group_id"),
            }
        )
    attributes |= {
        "replicas": hcl(service.replicas),
        "max_replicas": hcl(max(service.max_replicas or 0, service.replicas)),
        "cpu": hcl(cpu),
        "memory": hcl(memory),
        "deployment_maximum_percent": hcl(maximum_percent(spec, service)),
        "deployment_minimum_healthy_percent": hcl(100 - spec.strategy.max_unavailable_percent),
    }
    if web and (found := triggers(spec, service)):
        attributes["triggers"] = object_of(found)
    if web and (promised := objectives(spec, service)):
        attributes["objectives"] = object_of(promised)
    attributes |= _common(spec, environment, service, shared, service.command)
    return Program(
        module=f"service_{label(service.name)}",
        source="service",
        name=resource_name(spec, environment, service),
        service=service.name,
        kind=service.kind,
        attributes=attributes | {"cluster_name": expression("module.cluster.name")},
    )


def maximum_percent(spec: DeploymentSpec, service: Service) -> int:
    """How many tasks may run at most, in percent: ECS rounds down, and a small surge of few replicas would be none."""
    strategy = spec.strategy
    surge = max(strategy.max_surge_percent, 0 if strategy.max_unavailable_percent else 1)
    tasks = -(-service.replicas * surge // 100)
    return 100 + max(strategy.max_surge_percent, -(-100 * tasks // service.replicas))


def _job(spec: DeploymentSpec, environment: Environment, service: Service, shared: Connections) -> Program:
    cpu, memory = agent.task_size(spec, service)
    attributes = {"image": expression(f'local.live_images["{service.name}"]')}
    if service.schedule:
        attributes["schedule"] = hcl(eventbridge(service.schedule))
    if service.replicas > 1:
        attributes["tasks"] = hcl(service.replicas)
    attributes |= {"cpu": hcl(cpu), "memory": hcl(memory)}
    return Program(
        module=f"job_{label(service.name)}",
        source="job",
        name=resource_name(spec, environment, service),
        service=service.name,
        kind="scheduled" if service.schedule else "job",
        attributes=attributes | _common(spec, environment, service, shared, service.command),
    )


def _migration(spec: DeploymentSpec, environment: Environment, service: Service, shared: Connections) -> Program:
    cpu, memory = agent.task_size(spec, service, migration=True)
    attributes = {
        # The coming version's image: it runs before that version has any traffic.
        "image": expression(f'local.next_images["{service.name}"]'),
        "cpu": hcl(cpu),
        "memory": hcl(memory),
    }
    return Program(
        module=f"migrate_{label(service.name)}",
        source="job",
        name=resource_name(spec, environment, service, suffix="_migrate"),
        service=service.name,
        kind="migration",
        attributes=attributes | _common(spec, environment, service, shared, service.migrate_command, "migrate"),
    )


def _common(
    spec: DeploymentSpec,
    environment: Environment,
    service: Service,
    shared: Connections,
    command: tuple[str, ...],
    kind: str = "",
) -> dict[str, Safe]:
    own = {item.name: hcl(item.value) for item in service.env}
    secrets = {
        item.name: expression(f"data.aws_secretsmanager_secret.this[{hcl(item.key)}].arn") for item in service.secrets
    }
    # A variable that the service sets itself wins over the one that a dependency would set.
    taken = own.keys() | secrets.keys()
    group = log_group(spec, environment, service)
    found: dict[str, Safe] = {}
    if command:
        found["command"] = list_of(command)
    if own or shared.environment:
        found["environment"] = _merged("local.dependency_environment", shared.environment, own, taken)
    if secrets or shared.secrets:
        found["secrets"] = _merged("local.dependency_secrets", shared.secrets, secrets, taken)
        arns = list_of(dict.fromkeys(secrets.values()))
        told = "local.dependency_secret_arns"
        both = expression(f"concat({told}, {arns})") if secrets else expression(told)
        found["secret_arns"] = both if shared.secrets else arns
    if agent.beside(spec, service) and not kind:
        words = agent.Words(
            environment.name,
            expression("var.datadog_site"),
            expression("var.datadog_agent_image"),
            expression(f'data.aws_secretsmanager_secret.this["{DATADOG_SECRET}"].arn'),
        )
        beside = {
            "labels": agent.labels(service, words),
            "environment": agent.variables(service, words),
            "container": agent.container(spec, service, words),
            "secret_arn": words.key_arn,
        }
        found["agents"] = list_of([nested(beside)])
    if repositories := _repositories(spec, environment, service):
        found["image_repository_arns"] = list_of(repositories)
    elif private_registry(spec) and service.image is None:
        found["registry_secret_arn"] = expression("var.registry_secret_arn")
    if shared.statements:
        found["task_statements"] = expression("local.dependency_statements")
    return found | {
        "alert_topic_arn": expression("module.alerts.topic_arn"),
        "cluster_arn": expression("module.cluster.arn"),
        "vpc_id": expression("module.network.vpc_id"),
        "subnet_ids": expression("module.network.private_subnet_ids"),
        "log_group": hcl(f"{group}/{kind}" if kind else group),
        "log_retention_days": expression("local.log_retention_days"),
        "kms_key_arn": expression("module.encryption.key_arn"),
    }


def _merged(local: str, shared: dict[str, Safe], own: dict[str, Safe], taken: Set[str]) -> Safe:
    if not shared:
        return object_of(own)
    if shared.keys() & taken:
        return object_of({**{name: value for name, value in shared.items() if name not in taken}, **own})
    return expression(f"merge({local}, {object_of(own)})") if own else expression(local)


def private_registry(spec: DeploymentSpec) -> bool:
    """Images that are built here lie in a registry that is not ECR: pulling them may need a login."""
    built = any(service.image is None for service in spec.services)
    return built and not uses_ecr(spec) and not ECR_IMAGE.match(f"{registry_host(spec)}/x")


def _repositories(spec: DeploymentSpec, environment: Environment, service: Service) -> list[Safe]:
    """The ECR repository that the image lies in, if it is one."""
    found = image_repository(spec, service)
    if found is None:
        return []
    account, region, path = found
    if account:
        return [hcl(f"arn:aws:ecr:{region}:{account}:repository/{path}")]
    return [expression(f'"arn:aws:ecr:${{local.registry_region}}:${{local.registry_account}}:repository/{path}"')]


def image_repository(spec: DeploymentSpec, service: Service) -> tuple[str, str, str] | None:
    """Account, region and path of the ECR repository of an image; both empty for the registry made here; None: not ECR."""
    if service.image is None and uses_ecr(spec):
        return "", "", image_path(spec, service)
    match = ECR_IMAGE.match(service.image or f"{registry_host(spec)}/{image_path(spec, service)}")
    return (match[1], match[2], match[3]) if match else None


def check(spec: DeploymentSpec) -> None:
    """Raise UnsupportedError for an environment that ECS cannot be in."""
    for environment in spec.environments:
        if environment.cloud not in ("aws", "none"):
            raise UnsupportedError(
                f"ECS is a service of AWS; {environment.name} is on {environment.cloud}",
                where=f"environments.{environment.name}.cloud",
                hint="choose kubernetes as the runtime, or AWS as the cloud",
            )
