"""The parts of the Pulumi program that depend on the application."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hug_agents.render.infrastructure.aws import agent, registry
from hug_agents.render.infrastructure.aws.access import READ
from hug_agents.render.infrastructure.aws.dependencies import MODULES, backing, label
from hug_agents.render.infrastructure.aws.objectives import objectives, triggers
from hug_agents.render.infrastructure.aws.programs import image_repository, private_registry, split
from hug_agents.render.infrastructure.aws.schedule import eventbridge
from hug_agents.render.infrastructure.aws.trust import BUILD, trust
from hug_agents.render.infrastructure.python_source import Call, source
from hug_agents.render.naming import DATADOG_SECRET, image_path, short
from hug_agents.render.templating import Safe, fill, py
from hug_agents.spec import Dependency, DeploymentSpec, Service

TEMPLATES = "infrastructure/templates/pulumi/program"
REGISTRY_STACK = "shared_registry"
"""No environment is called so: their names have no underscore."""

_EXISTING: dict[str, dict[str, object]] = {
    "sql": {
        "host": "db.example.com",
        "port": 5432,
        "databaseName": "app",
        "secretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:existing-AbCdEf",
    },
    "redis": {
        "host": "cache.example.com",
        "port": 6379,
        "secretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:existing-AbCdEf",
    },
    "queue": {
        "url": "https://sqs.eu-west-1.amazonaws.com/123456789012/existing",
        "arn": "arn:aws:sqs:eu-west-1:123456789012:existing",
    },
    "bucket": {"name": "existing-bucket"},
}
_SHAPES = {"postgres": "sql", "mysql": "sql", "redis": "redis", "queue": "queue", "object_store": "bucket"}


def program_files(spec: DeploymentSpec) -> Iterable[tuple[str, str]]:
    """File name and text."""
    values = _values(spec)
    names = ["__main__.py", "application.py", "environment.py", "tests/test_environments.py"]
    if values["pipeline"]:
        names += ["identities.py", "permissions.py"]
    if values["agents"]:
        names.append("agents.py")
    if values["registry"]:
        names.append("registry.py")
    for name in names:
        yield name, fill(TEMPLATES, f"{name}.j2", **values)


def given(spec: DeploymentSpec) -> dict[str, Any]:
    """Stand-ins for what a person adds to the stack files, for tests and checks."""
    pipeline = trust(spec)
    found: dict[str, Any] = (
        {item.camel: item.example for item in pipeline.settings if not item.default} if pipeline else {}
    )
    if agent.anywhere(spec):
        found["datadogAgentImage"] = agent.IMAGE_EXAMPLE
    return found | {item.name: _EXISTING[_SHAPES[item.kind]] for item in spec.dependencies if not item.managed}


def _values(spec: DeploymentSpec) -> dict[str, Any]:
    programs = [program for service in spec.services for program in _programs(spec, service)]
    used = {program.name for program in programs} | {
        argument.name for program in programs for argument in program.arguments.values() if isinstance(argument, Call)
    }
    dependencies = [_dependency(spec, item) for item in spec.dependencies]
    balancers = [
        f"{{settings.name}}-{name}"
        for name, public in (("pub", True), ("int", False))
        if any(item.public is public for item in spec.web_services)
    ]
    caches = [item["variable"] for item in dependencies if item["kind"] == "redis" and item["managed"]]
    return {
        "application": spec.application,
        "imports": Safe(", ".join(sorted(used))),
        "split": split(spec),
        "programs": source(tuple(programs), column=len("PROGRAMS = ")),
        "repositories": source(_repositories(spec), column=len("REPOSITORIES = ")) if registry.needed(spec) else None,
        "registry": registry.needed(spec),
        "registry_stack": REGISTRY_STACK,
        "read": source([f"{service}:{action}" for service, names in READ.items() for action in names]),
        "pipeline": trust(spec),
        "approvals": Safe(found.approvals if (found := trust(spec)) else ""),
        "identities": source(_identities(spec), column=len("    identities = "), indent=4),
        "role": short(spec.application, "build", limit=64),
        "role_name": Safe('f"{settings.name}-deploy"'),
        "web": bool(spec.web_services),
        "public": any(item.public for item in spec.web_services),
        "services": any(item.kind != "job" for item in spec.services),
        "jobs": any(item.kind == "job" or item.migrate_command for item in spec.services),
        "secrets": bool(agent.secret_keys(spec)),
        "secret_names": _secret_names(spec),
        "agents": source(_agents(spec), column=len("    return "), indent=4) if agent.anywhere(spec) else None,
        "agent_secret": DATADOG_SECRET,
        "site": agent.SITE,
        "image_pattern": agent.IMAGE_PATTERN,
        "modules": {MODULES[item.kind] for item in spec.dependencies if item.managed},
        "dependencies": dependencies,
        "connection_imports": sorted({_SHAPES[item.kind] for item in spec.dependencies if not item.managed}),
        "admitting": [item["variable"] for item in dependencies if item["admits"]],
        "balancer_names": Safe("[" + ", ".join(f'f"{name}"' for name in balancers) + "]"),
        "passwords": Safe("[" + ", ".join(f"{name}.secret_arn" for name in caches) + "]"),
        "environments": source(tuple(item.name for item in spec.environments), column=len("ENVIRONMENTS = ")),
        "given": source(given(spec), column=len("GIVEN: dict[str, Any] = ")),
    }


def _secret_names(spec: DeploymentSpec) -> Safe:
    own = "key for program in PROGRAMS for key in program.secrets.values()"
    if not agent.anywhere(spec):
        return Safe(f"{{{own}}}")
    if not any(item.secrets for item in spec.services):
        return Safe(f"[{py(DATADOG_SECRET)}]")
    return Safe(f"{{{py(DATADOG_SECRET)}, *({own})}}")


def _agents(spec: DeploymentSpec) -> dict[str, Call]:
    """By the service; what the account knows are the variables of the function that this stands in."""
    words = agent.Words(Safe("environment"), Safe("site"), Safe("image"), Safe("key_arn"))
    return {
        item.name: Call(
            "Agent",
            container=agent.container(spec, item, words),
            labels=agent.labels(item, words),
            environment=agent.variables(item, words),
            secret_arn=words.key_arn,
        )
        for item in spec.services
        if agent.beside(spec, item)
    }


def _identities(spec: DeploymentSpec) -> dict[str, Call]:
    """By the name of the stack. Settings are the variables of the function that this stands in."""
    pipeline = trust(spec)
    found: dict[str, Call] = {}
    for place, token in pipeline.tokens.items() if pipeline else ():
        if place == BUILD and not registry.needed(spec):
            continue
        more: dict[str, Any] = {"wildcards": True} if token.like else {}
        if token.claims:
            more["claims"] = dict(token.claims)
        found[place or REGISTRY_STACK] = Call(
            "Identity",
            issuer=_formatted(token.issuer),
            audience=_formatted(token.audience),
            subjects=[_formatted(item) for item in token.subjects],
            **more,
        )
    return found


def _formatted(text: str) -> Safe:
    """A text with variables in it: the variable alone, an f-string, or a plain one."""
    if text.startswith("{") and text.endswith("}") and text.count("{") == 1:
        return Safe(text[1:-1])
    return Safe(f"f{py(text)}" if "{" in text else py(text))


def _dependency(spec: DeploymentSpec, item: Dependency) -> Mapping[str, Any]:
    found = backing(spec, spec.environments[0], item)
    kind = MODULES[item.kind] if item.managed else "existing"
    return {
        "name": item.name,
        "kind": item.kind,
        "managed": item.managed,
        "variable": f"{kind}_{label(item.name)}",
        "stem": item.name.upper().replace("-", "_"),
        "version": found.version or "",
        "database": found.database,
        "admits": item.managed and item.kind in ("postgres", "mysql", "redis"),
    }


def _repositories(spec: DeploymentSpec) -> tuple[str, ...]:
    return tuple(sorted(image_path(spec, item) for item in spec.services if item.image is None))


def _programs(spec: DeploymentSpec, service: Service) -> Iterable[Call]:
    kind = ("scheduled" if service.schedule else "job") if service.kind == "job" else service.kind
    yield _program(spec, service, kind, service.command)
    if service.migrate_command:
        yield _program(spec, service, "migration", service.migrate_command)


def _program(spec: DeploymentSpec, service: Service, kind: str, command: tuple[str, ...]) -> Call:
    arguments: dict[str, Any] = {"service": service.name, "kind": kind}
    if kind == "web":
        arguments["http"] = Call(
            "Http",
            port=service.port,
            health_path=service.health_path or "/",
            health_port=service.health_port_or_port,
            # A path that somebody named must succeed; an unknown program's `/` may answer anything but a failure.
            health_matcher="200-299" if service.health_path else "200-499",
            public=service.public,
        )
    if command:
        arguments["command"] = command
    if service.env:
        arguments["environment"] = {item.name: item.value for item in service.env}
    if service.secrets:
        arguments["secrets"] = {item.name: item.key for item in service.secrets}
    if kind == "scheduled":
        arguments["schedule"] = eventbridge(service.schedule or "")
    if ecr := image_repository(spec, service):
        account, region, path = ecr
        arguments["ecr"] = Call("Ecr", path=path, **({"account_id": account, "region": region} if account else {}))
    elif private_registry(spec) and service.image is None:
        arguments["private_registry"] = True
    if kind == "web" and (watched := triggers(spec, service)):
        arguments["triggers"] = Call("Triggers", **watched)
    if kind == "web" and (promised := objectives(spec, service)):
        arguments["objectives"] = Call("Objectives", **promised)
    return Call("Program", **arguments)
