"""Backing services on AWS: which module makes each, and how programs are told of it."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.errors import UnsupportedError
from hug_agents.render.infrastructure.aws.variables import Variable, View
from hug_agents.render.infrastructure.hcl import expression, list_of, object_of
from hug_agents.render.naming import dependency_variables, short, stack_name
from hug_agents.render.templating import Safe
from hug_agents.spec import Dependency, DeploymentSpec, Environment

MODULES = {"postgres": "database", "mysql": "database", "redis": "cache", "queue": "queue", "object_store": "bucket"}
_REDIS_VERSIONS = {"4": "4.0.10", "5": "5.0.6", "6": "6.2", "7": "7.1"}
_RESERVED = frozenset("admin all and as database db default desc from group in mysql order select table user".split())


class Backing(View):
    """A dependency as its module is called."""

    kind: str
    managed: bool
    module: str
    resource: str
    version: str | None
    database: str
    size: str
    storage: int
    insights: bool


class Connections(View):
    """What every program of an environment is told of its dependencies, as HCL expressions."""

    environment: dict[str, Safe]
    secrets: dict[str, Safe]
    secret_arns: tuple[Safe, ...]
    statements: tuple[Safe, ...]


def label(name: str) -> str:
    """A name of the spec as a Terraform identifier: hyphens become underscores, so no two names become one."""
    return name.replace("-", "_")


def backing(spec: DeploymentSpec, environment: Environment, dependency: Dependency) -> Backing:
    """The dependency's resource, version and size there."""
    production = environment.role == "production"
    cache = dependency.kind == "redis"
    limit = {"redis": 36, "object_store": 50}.get(dependency.kind, 54)
    database = label(dependency.name)
    return Backing(
        kind=dependency.kind,
        managed=dependency.managed,
        module=f"{MODULES[dependency.kind]}_{label(dependency.name)}",
        resource=short(stack_name(spec, environment), dependency.name, limit=limit),
        version=_redis(dependency) if cache else _sql(dependency),
        database=f"{database}_data" if database in _RESERVED else database,
        size=f"{'cache' if cache else 'db'}.{'m7g.large' if production else 't4g.medium'}",
        storage=max(dependency.storage_gib or 20, 20),
        insights=True,
    )


def _sql(dependency: Dependency) -> str | None:
    """As RDS names versions: PostgreSQL 16 or 16.4, MySQL 8.4 or 8.0.40."""
    if dependency.version is None:
        return {"postgres": "17", "mysql": "8.4"}.get(dependency.kind)
    if dependency.kind == "postgres":
        return ".".join(dependency.version.split(".")[:2])
    return "8.4" if dependency.version == "8" else dependency.version


def _redis(dependency: Dependency) -> str:
    version = dependency.version or "7"
    major = version.split(".")[0]
    if major not in _REDIS_VERSIONS:
        raise UnsupportedError(
            f"ElastiCache has no Redis {version}",
            where=f"dependencies.{dependency.name}.version",
            hint="4 to 7; later versions are Valkey",
        )
    if major in ("6", "7") and version.count(".") == 1:
        return version
    return _REDIS_VERSIONS[major]


def connections(spec: DeploymentSpec) -> Connections:
    """The variables of `naming.dependency_variables`, each with where its value comes from."""
    environment: dict[str, Safe] = {}
    secrets: dict[str, Safe] = {}
    arns: list[Safe] = []
    statements: list[Safe] = []
    for item in spec.dependencies:
        names = dependency_variables(item)
        source = f"module.{MODULES[item.kind]}_{label(item.name)}" if item.managed else f"var.{label(item.name)}"
        if item.kind in ("postgres", "mysql"):
            environment[names["host"]] = expression(f"{source}.host")
            environment[names["port"]] = expression(f"tostring({source}.port)")
            environment[names["name"]] = expression(f"{source}.database_name")
            secrets[names["user"]] = expression(f'"${{{source}.secret_arn}}:username::"')
            secrets[names["password"]] = expression(f'"${{{source}.secret_arn}}:password::"')
            arns.append(expression(f"{source}.secret_arn"))
        elif item.kind == "redis":
            environment[names["host"]] = expression(f"{source}.host")
            environment[names["port"]] = expression(f"tostring({source}.port)")
            secrets[names["password"]] = expression(f"{source}.secret_arn")
            arns.append(expression(f"{source}.secret_arn"))
        else:
            key = "url" if item.kind == "queue" else "name"
            environment[names[key]] = expression(f"{source}.{key}")
            statements.append(expression(f"{source}.statements") if item.managed else _existing(item, source))
    return Connections(environment=environment, secrets=secrets, secret_arns=tuple(arns), statements=tuple(statements))


QUEUE_ACTIONS = (
    "SendMessage",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
)


def _existing(item: Dependency, source: str) -> Safe:
    """What a program needs of a queue or bucket that is not ours: the same as of one that is."""
    if item.kind == "queue":
        return list_of([_allow([f"sqs:{action}" for action in QUEUE_ACTIONS], f"{source}.arn")])
    bucket = f"arn:aws:s3:::${{{source}.name}}"
    return list_of(
        [
            _allow(["s3:ListBucket", "s3:GetBucketLocation"], f'"{bucket}"'),
            _allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], f'"{bucket}/*"'),
        ]
    )


def _allow(actions: list[str], resource: str) -> Safe:
    return object_of({"Effect": "Allow", "Action": actions, "Resource": list_of([expression(resource)])})


def variables(spec: DeploymentSpec) -> Iterable[Variable]:
    """What must be told about the dependencies that exist already."""
    shapes = {
        "postgres": ("host = string\nport = number\ndatabase_name = string\nsecret_arn = string", _SQL),
        "mysql": ("host = string\nport = number\ndatabase_name = string\nsecret_arn = string", _SQL),
        "redis": ("host = string\nport = number\nsecret_arn = string", "its secret holds the password"),
        "queue": ("url = string\narn = string", "a queue of SQS"),
        "object_store": ("name = string", "a bucket of S3"),
    }
    for item in spec.dependencies:
        if not item.managed:
            shape, hint = shapes[item.kind]
            yield Variable(
                name=label(item.name),
                description=f"The {item.kind} {item.name}, which exists already: {hint}.",
                type=expression(f"object({{\n{shape}\n}})"),
            )


_SQL = "its secret holds JSON with the keys username and password"
