"""What a reader, rules or model, may say about a request: claims with a quote, questions, and what nothing can carry.

`FIELDS` is the closed catalogue of paths. In a path, `<name>` is a service, dependency or environment; `*` in its
place means "all of them", or "the only one". Everything is bounded, so the schema guides a small model without a loop.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StringConstraints

from hug_agents.spec import Model

Short = Annotated[str, StringConstraints(max_length=200)]
Quote = Annotated[str, StringConstraints(max_length=400)]
Number = Annotated[int, Field(ge=0, le=1_000_000_000)] | Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Scalar = StrictBool | Number | Annotated[str, StringConstraints(max_length=500)]
Value = Scalar | Annotated[tuple[Scalar, ...], Field(max_length=16)]
FieldType = Literal[
    "name", "text", "choice", "boolean", "port", "count", "percent", "percents", "seconds", "days", "millicores",
    "mebibytes", "gibibytes", "image", "http_path", "file_path", "region", "cluster", "account", "domain", "version",
    "command", "cron", "latency", "env_value", "secret_key", "window", "systems",
]  # fmt: skip


class Claim(Model):
    """One value that the source states, with the words that state it."""

    path: Short = Field(description="a path of the catalogue, e.g. services.api.port")
    value: Value
    quote: Quote = Field(description="the exact words of the source that state the value")
    source: Short = Field("request", description="request, answer:<question id>, or <file>:<line>")
    negated: StrictBool = Field(False, description="the source says that the value is NOT wanted")


class Question(Model):
    """Something important that is missing, contradictory or unsupported. Answered by its id."""

    id: Short = Field(description="the path that the answer settles")
    text: Annotated[str, StringConstraints(max_length=600)]
    options: Annotated[tuple[Short, ...], Field(max_length=12)] = ()
    why: Annotated[str, StringConstraints(max_length=600)] = ""
    candidates: Annotated[tuple[Claim, ...], Field(max_length=8)] = ()


class Unmet(Model):
    """Words of the request that no field can carry, with the reason."""

    quote: Quote
    reason: Annotated[str, StringConstraints(max_length=300)]


class Reading(Model):
    """Everything that one reader found in one request."""

    claims: Annotated[tuple[Claim, ...], Field(max_length=120)] = ()
    questions: Annotated[tuple[Question, ...], Field(max_length=40)] = ()
    unmet: Annotated[tuple[Unmet, ...], Field(max_length=80)] = ()


class FieldInfo(Model):
    """One row of the catalogue."""

    pattern: Short
    type: FieldType
    description: Short
    values: tuple[Short, ...] = ()

    def matches(self, path: str) -> bool:
        """Whether a concrete path is of this pattern."""
        return bool(_compiled(self.pattern).match(path))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    part = r"(?:\*|[A-Za-z0-9][A-Za-z0-9_-]{0,79})"
    return re.compile("".join(part if piece == "<name>" else re.escape(piece) for piece in _pieces(pattern)) + r"\Z")


def _pieces(pattern: str) -> list[str]:
    return re.split(r"(<name>)", pattern)


def _row(pattern: str, type: FieldType, description: str, *values: str) -> FieldInfo:
    return FieldInfo(pattern=pattern, type=type, description=description, values=values)


FIELDS: tuple[FieldInfo, ...] = (
    _row("application", "name", "what is deployed as a whole: a lower-case name"),
    _row("version", "version", "the application's version"),
    _row("owner", "text", "the team that answers for it"),
    _row("repository", "text", "owner/name on the code host"),
    _row("default_branch", "text", "the branch that is released from"),
    _row("services.<name>.name", "name", "that this service is deployed; the value is its name as the request has it"),
    _row("services.<name>.kind", "choice", "web listens on a port, worker does not, job ends", "web", "worker", "job"),
    _row("services.<name>.image", "image", "a ready container image, copied exactly"),
    _row("services.<name>.context", "file_path", "the folder that the image is built from"),
    _row("services.<name>.dockerfile", "file_path", "an existing Dockerfile"),
    _row("services.<name>.language", "choice", "what it is written in", "python", "node", "go", "java"),
    _row("services.<name>.language_version", "version", "the version of the language"),
    _row(
        "services.<name>.framework", "choice", "its web framework",
        "fastapi", "django", "flask", "express", "next", "nest", "spring",
    ),
    _row(
        "services.<name>.package_manager", "choice", "how its packages are installed",
        "pip", "uv", "poetry", "npm", "pnpm", "yarn", "go", "maven", "gradle",
    ),
    _row("services.<name>.port", "port", "the port that serves users; never the health or metrics port"),
    _row("services.<name>.health_port", "port", "the port of the health check, where it differs"),
    _row("services.<name>.health_path", "http_path", "the path of the health check"),
    _row("services.<name>.metrics_path", "http_path", "the path of Prometheus metrics"),
    _row("services.<name>.command", "command", "the start command, one argument an item"),
    _row("services.<name>.migrate_command", "command", "the database migration command, one argument an item"),
    _row("services.<name>.schedule", "cron", "for a job: a cron expression of five fields, UTC"),
    _row("services.<name>.replicas", "count", "how many copies run"),
    _row("services.<name>.max_replicas", "count", "the upper bound of autoscaling"),
    _row("services.<name>.cpu_millicores", "millicores", "CPU of one copy: half a vCPU is 500"),
    _row("services.<name>.memory_mib", "mebibytes", "memory of one copy in MiB"),
    _row("services.<name>.public", "boolean", "reachable from outside"),
    _row("services.<name>.env.<name>", "env_value", "an environment variable that is not secret"),
    _row("services.<name>.secrets.<name>", "secret_key", "the variable's key in the secret store, never its value"),
    _row(
        "dependencies.<name>.kind", "choice", "a backing service",
        "postgres", "mysql", "redis", "queue", "object_store",
    ),
    _row("dependencies.<name>.version", "version", "its version"),
    _row("dependencies.<name>.storage_gib", "gibibytes", "storage of a database in GiB"),
    _row("dependencies.<name>.managed", "boolean", "false: it exists already and is only referred to"),
    _row(
        "environments.<name>.role", "choice", "that the environment is wanted, and what it is for",
        "development", "staging", "production",
    ),
    _row("environments.<name>.cloud", "choice", "where it runs", "aws", "gcp", "azure", "none"),
    _row("environments.<name>.account", "account", "the AWS account, twelve digits"),
    _row("environments.<name>.region", "region", "the cloud region's code"),
    _row("environments.<name>.cluster", "cluster", "the name of an existing cluster"),
    _row("environments.<name>.namespace", "name", "the Kubernetes namespace"),
    _row("environments.<name>.domain", "domain", "the host name that users reach"),
    _row("environments.<name>.replicas.<name>", "count", "copies of one service in that environment"),
    _row("environments.<name>.max_replicas.<name>", "count", "autoscaling's bound in that environment"),
    _row("environments.<name>.cpu_millicores.<name>", "millicores", "CPU of one copy in that environment"),
    _row("environments.<name>.memory_mib.<name>", "mebibytes", "memory of one copy in that environment, in MiB"),
    _row("environments.<name>.env.<name>", "env_value", "an environment variable's value in that environment"),
    _row(
        "toolchain.iac", "choice", "infrastructure as code; none: it is not wanted",
        "terraform", "cloudformation", "pulumi", "none",
    ),
    _row(
        "toolchain.ci", "choice", "the pipelines; none: they are not wanted",
        "github_actions", "gitlab_ci", "jenkins", "circleci", "none",
    ),
    _row("toolchain.runtime", "choice", "what runs the containers", "kubernetes", "ecs", "nomad"),
    _row("toolchain.monitors", "systems", "monitoring systems", "prometheus", "grafana", "elk", "datadog"),
    _row("toolchain.rollout", "choice", "rollout automation", "argo_rollouts", "spinnaker"),
    _row("toolchain.registry", "choice", "artifact repository", "docker_registry", "nexus", "artifactory"),
    _row("toolchain.package", "choice", "a further form of the Kubernetes manifests", "helm"),
    _row("toolchain.registry_host", "text", "host[:port][/namespace] of the registry"),
    _row("strategy.kind", "choice", "how a new version takes over", "rolling", "blue_green", "canary"),
    _row("strategy.steps", "percents", "canary: shares of traffic in order, in percent, e.g. [10, 50, 100]"),
    _row("strategy.hold_seconds", "seconds", "canary: seconds each step holds; one number, or one a step"),
    _row("strategy.max_surge_percent", "percent", "rolling: replicas above the wanted number"),
    _row("strategy.max_unavailable_percent", "percent", "rolling: replicas below the wanted number"),
    _row("strategy.one_at_a_time", "boolean", "rolling: one replica is replaced at a time"),
    _row("strategy.keep_old_seconds", "seconds", "how long the old version stays ready after the switch"),
    _row("objectives.availability", "percent", "share of good requests, e.g. 99.9"),
    _row("objectives.error_rate", "percent", "highest share of failed requests, e.g. 1; also an alert's threshold"),
    _row("objectives.latency", "latency", "[percent of requests, milliseconds], e.g. [99, 300]"),
    _row("objectives.window_days", "days", "the days over which objectives are counted"),
    _row("triggers.error_rate", "percent", "percent of failed requests that rolls a release back"),
    _row("triggers.latency", "latency", "[99, milliseconds] at the 99th percentile that rolls a release back"),
    _row("triggers.health", "boolean", "a failing health check rolls a release back"),
    _row("triggers.smoke", "boolean", "a failing smoke test rolls a release back"),
    _row("triggers.for_seconds", "seconds", "how long it must be bad before it rolls back"),
    _row("windows", "window", "when production may change: `mon,tue 09:00-17:00 Europe/Berlin`"),
    _row("smoke_tests.<name>", "http_path", "a path of the service that must answer 200"),
    _row("drill_every_days", "days", "how often the rollback is rehearsed"),
)  # fmt: skip


def catalogue() -> str:
    """The paths of a spec and what they mean, for a model: the same text in every run."""
    return "\n".join(_told(row) for row in FIELDS)


def _told(field: FieldInfo) -> str:
    values = f" One of: {', '.join(field.values)}." if field.values else ""
    return f"- `{field.pattern}`: {field.type}. {field.description[:1].upper()}{field.description[1:]}.{values}"


def field(path: str) -> FieldInfo | None:
    """The catalogue's row of a concrete path; None for a path that does not exist."""
    if len(path) > 200:
        return None
    return next((row for row in FIELDS if row.matches(path)), None)
