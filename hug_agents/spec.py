"""The deployment spec: what will be deployed, where and how. Frozen, versioned, every value with its evidence.

The renderers read nothing else, so the same spec gives the same bytes. Lists hold named things, and a path names a value
by those names: `services.api.port`, `environments.production.region`, `strategy.steps`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from hug_agents.canonical import digest

SCHEMA: Final = 1


CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
"""The control characters, but for the line break and the tab, and what is no character: no text of a document holds one."""


def _printable(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _image(text: str) -> str:
    if not IMAGE.match(text):
        raise ValueError("not an image reference: [registry/]name[:tag][@sha256:digest], lower case")
    return text


IMAGE = re.compile(
    r"^(?P<name>(?:[A-Za-z0-9.-]+(?::\d{1,5})?/)?[a-z0-9]+(?:(?:[._-]|__|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:[._-]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?\Z"
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
"""A DNS label of at most 40 characters: lower case, digits, inner hyphens."""
Text = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_printable)]
"""Free text: any Unicode but control characters. Always data, in every format."""
Line = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\r\n]*$"), AfterValidator(_printable)]
"""Free text on one line."""
HttpPath = Annotated[str, StringConstraints(max_length=512, pattern=r"^/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$")]
"""The path of a URL, from its leading slash."""
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
SystemId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
"""The id of a system in `hug_agents.systems`, such as `terraform` or `github_actions`."""
Port = Annotated[int, Field(ge=1, le=65535)]
Domain = Annotated[
    str, StringConstraints(max_length=253, pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
]
ImageRef = Annotated[str, StringConstraints(max_length=500), AfterValidator(_image)]
"""An OCI image reference; the digest, where there is one, wins over the tag."""


def _absent(value: object) -> bool:
    """Fields that came after schema 1 was published are left out while they say nothing: older digests stay the same."""
    return value is None


class Model(BaseModel):
    """Frozen and closed: an unknown field is an error, and nothing changes after it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Another with other values; what was computed from the old ones is computed anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(copied).model_fields.keys():
            del copied.__dict__[name]
        return copied


class Evidence(Model):
    """Where the value at `path` comes from."""

    path: Line = Field(description="the value this speaks of, e.g. services.api.port")
    kind: Literal["request", "answer", "option", "repository", "default"]
    quote: Text = Field("", description="the very words of the request, answer or file line; empty for a default")
    file: Line = Field("", description="for `repository`: the file, relative to the repository")
    line: Annotated[int, Field(ge=0)] = 0
    reason: Line = Field("", description="for `default`: why this value; for an answer: the question's id")


class EnvVar(Model):
    """An environment variable whose value is not secret."""

    name: EnvName
    value: Text


class SecretRef(Model):
    """A secret by reference. The value never enters a spec, a file or a log."""

    name: EnvName = Field(description="the environment variable that receives it")
    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,199}$")] = Field(
        description="its name in the secret store, e.g. payments/db-url"
    )


class Stack(Model):
    """What a service is written in; enough to write its Dockerfile."""

    language: Literal["python", "node", "go", "java"]
    version: Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+){0,2}$")] | None = None
    framework: Literal["fastapi", "django", "flask", "express", "next", "nest", "spring"] | None = None
    package_manager: Literal["pip", "uv", "poetry", "npm", "pnpm", "yarn", "go", "maven", "gradle"] | None = None
    lock_file: Line | None = Field(None, description="relative to the build context")
    requirements_file: Line | None = Field(None, description="Python with pip: e.g. requirements.txt")
    build_script: bool = Field(False, description="Node: package.json has a `build` script")
    module: Line | None = Field(None, description="Go: the folder of package main, e.g. ./cmd/api")
    test_command: Line | None = None


class Build(Model):
    """How a service's image is built; absent where the image is given."""

    context: Line = Field(".", description="relative to the repository's root")
    dockerfile: Line | None = Field(None, description="an existing Dockerfile; None: one is written")
    stack: Stack | None = None


class Resources(Model):
    """What one replica may use."""

    cpu_millicores: Annotated[int, Field(ge=50, le=64_000)] = 250
    memory_mib: Annotated[int, Field(ge=64, le=262_144)] = 512


class Service(Model):
    """One deployable program of the application."""

    name: Name
    kind: Literal["web", "worker", "job"] = Field(
        "web",
        description="web: listens on a port; worker: runs on, no port; job: ends, on a schedule or once a release",
    )
    image: ImageRef | None = Field(None, description="a ready image; None: it is built")
    build: Build | None = None
    port: Port | None = Field(None, description="the serving port; only `web` has one")
    health_path: HttpPath | None = None
    health_port: Port | None = Field(None, description="where health differs from the serving port")
    command: tuple[Line, ...] = Field((), description="replaces the image's command, one argument an item")
    schedule: Annotated[str, StringConstraints(pattern=r"^\S+( \S+){4}$", max_length=100)] | None = Field(
        None, description="for a job: a cron expression of five fields, UTC"
    )
    replicas: Annotated[int, Field(ge=1, le=500)] = 2
    max_replicas: Annotated[int, Field(ge=1, le=1000)] | None = Field(None, description="autoscaling's upper bound")
    resources: Resources = Resources()
    public: bool = Field(True, description="web: reachable from outside through the load balancer or ingress")
    env: tuple[EnvVar, ...] = ()
    secrets: tuple[SecretRef, ...] = ()
    metrics_path: HttpPath | None = Field(None, description="where it serves Prometheus metrics, if it does")
    migrate_command: tuple[Line, ...] = Field((), description="run once before a release; can it be undone is asked")

    @property
    def by_tag(self) -> bool:
        """Its image is given, and not by digest: a tag that is moved is another image."""
        return self.image is not None and "@sha256:" not in self.image

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.kind == "web" and self.port is None:
            raise ValueError(f"service {self.name}: a web service needs a port")
        if self.kind != "web" and (self.port or self.health_path):
            raise ValueError(f"service {self.name}: a {self.kind} has no serving port and no health path")
        if self.schedule and self.kind != "job":
            raise ValueError(f"service {self.name}: only a job has a schedule")
        if self.image and self.build:
            raise ValueError(f"service {self.name}: give an image or a build, not both")
        if self.image is None and self.build is None:
            raise ValueError(f"service {self.name}: needs an image, or something to build one from")
        if self.max_replicas is not None and self.max_replicas < self.replicas:
            raise ValueError(f"service {self.name}: max_replicas {self.max_replicas} is below replicas {self.replicas}")
        names = [item.name for item in self.env] + [item.name for item in self.secrets]
        if len(names) != len(set(names)):
            raise ValueError(f"service {self.name}: an environment variable is set twice")
        return self

    @property
    def health_port_or_port(self) -> int | None:
        """Where the health check goes."""
        return self.health_port or self.port


class Dependency(Model):
    """A backing service that the application needs."""

    name: Name
    kind: Literal["postgres", "mysql", "redis", "queue", "object_store"]
    version: Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+){0,2}$")] | None = None
    storage_gib: Annotated[int, Field(ge=5, le=65_536)] | None = Field(None, description="databases only")
    managed: bool = Field(True, description="False: it exists already and is only referred to")


class ServiceOverride(Model):
    """What differs for one service in one environment; None means as in the service."""

    service: Name
    replicas: Annotated[int, Field(ge=1, le=500)] | None = None
    max_replicas: Annotated[int, Field(ge=1, le=1000)] | None = None
    resources: Resources | None = None
    env: tuple[EnvVar, ...] = ()


class Environment(Model):
    """One place where the application runs."""

    name: Name
    role: Literal["development", "staging", "production"]
    cloud: Literal["aws", "gcp", "azure", "none"] = Field("none", description="none: a cluster of one's own")
    account: Annotated[str, StringConstraints(pattern=r"^\d{12}$")] | None = Field(None, description="AWS account id")
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,}[a-z0-9-]{2,38}$")] | None = None
    cluster: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,99}$")] | None = None
    namespace: Name | None = Field(None, description="Kubernetes; None: the application's name")
    domain: Domain | None = None
    overrides: tuple[ServiceOverride, ...] = ()


class Toolchain(Model):
    """The systems to write for: ids of `hug_agents.systems`. None: none of that family is wanted."""

    iac: SystemId | None = "terraform"
    ci: SystemId | None = "github_actions"
    runtime: SystemId = "ecs"
    monitors: tuple[SystemId, ...] = ("prometheus",)
    rollout: SystemId | None = None
    registry: SystemId | None = "docker_registry"
    package: Literal["helm"] | None = Field(
        None, description="a further form of the Kubernetes manifests; helm: a chart", exclude_if=_absent
    )
    registry_host: Annotated[str, StringConstraints(pattern=r"^$|^[a-z0-9.-]+(:\d{1,5})?(/[a-z0-9._/-]+)?$")] = Field(
        "", description="host[:port][/namespace]; empty: ECR with AWS infrastructure as code, else ghcr.io"
    )


class Step(Model):
    """One step of a canary: this share of traffic on the new version, for this long, analysed at its end."""

    weight: Annotated[int, Field(ge=1, le=100, description="percent")]
    hold_seconds: Annotated[int, Field(ge=0, le=604_800)] = 300


class Strategy(Model):
    """How a new version takes over."""

    kind: Literal["rolling", "blue_green", "canary"] = "rolling"
    steps: tuple[Step, ...] = Field((), description="canary only; weights rise, the last is 100")
    max_surge_percent: Annotated[int, Field(ge=0, le=100)] = Field(25, description="rolling: replicas above the wanted")
    max_unavailable_percent: Annotated[int, Field(ge=0, le=100)] = Field(0, description="rolling: replicas below it")
    keep_old_seconds: Annotated[int, Field(ge=0, le=604_800)] = Field(
        900, description="blue-green, canary: how long the old version stays ready after the switch"
    )

    @model_validator(mode="after")
    def _steps(self) -> Self:
        weights = [step.weight for step in self.steps]
        if self.kind != "canary" and weights:
            raise ValueError(f"a {self.kind} strategy has no steps")
        if self.kind == "canary" and (not weights or weights != sorted(set(weights)) or weights[-1] != 100):
            raise ValueError("canary steps must rise and end at 100 percent")
        if self.kind == "rolling" and self.max_surge_percent == 0 and self.max_unavailable_percent == 0:
            raise ValueError("a rolling update needs max_surge_percent or max_unavailable_percent above 0")
        return self


class Objective(Model):
    """A service level objective of one web service, or of all of them."""

    kind: Literal["availability", "latency", "error_rate"]
    service: Name | None = Field(None, description="None: every web service")
    target_percent: Annotated[float, Field(gt=0, lt=100, allow_inf_nan=False)] = Field(
        description="availability: share of good requests; latency: share below the threshold; error_rate: the "
        "highest share of failed requests"
    )
    threshold_ms: Annotated[int, Field(ge=1, le=600_000)] | None = Field(None, description="latency only")
    window_days: Annotated[int, Field(ge=1, le=365)] = 30

    @model_validator(mode="after")
    def _threshold(self) -> Self:
        if (self.kind == "latency") != (self.threshold_ms is not None):
            raise ValueError("threshold_ms belongs to a latency objective, and it needs one")
        return self


class Trigger(Model):
    """What rolls a release back without asking."""

    metric: Literal["error_rate", "latency", "health", "smoke"]
    threshold: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="error_rate: percent of requests; latency: milliseconds at the 99th percentile"
    )
    for_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60

    @model_validator(mode="after")
    def _threshold(self) -> Self:
        if (self.metric in ("error_rate", "latency")) != (self.threshold is not None):
            raise ValueError(f"trigger {self.metric}: error_rate and latency take a threshold, health and smoke do not")
        return self


class Window(Model):
    """When production may be changed."""

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]
    start: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    end: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    timezone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_+-]+(/[A-Za-z0-9_+-]+){0,2}$")] = "UTC"


class SmokeTest(Model):
    """One request that must answer as said, after every change of an environment."""

    service: Name
    method: Literal["GET", "HEAD", "POST"] = "GET"
    path: HttpPath
    status: Annotated[int, Field(ge=100, le=599)] = 200
    max_ms: Annotated[int, Field(ge=1, le=60_000)] = 2_000
    send: Text | None = Field(None, description="the body of a POST, as JSON", exclude_if=_absent)
    contains: Line | None = Field(None, description="text that the answer's body must hold", exclude_if=_absent)


class Query(Model):
    """A PromQL expression that must stay within bounds while a new version is watched."""

    name: Name
    promql: Line = Field(description="answers one number; `{{version}}` stands for the version that is judged")
    at_most: Annotated[float, Field(allow_inf_nan=False)] | None = None
    at_least: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_most is None and self.at_least is None:
            raise ValueError(f"query {self.name}: needs at_most or at_least")
        return self


class Analysis(Model):
    """How a new version is watched while it takes traffic."""

    interval_seconds: Annotated[int, Field(ge=1, le=3_600)] = Field(30, description="between two looks")
    min_requests: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        50, description="of the new version, before it is judged good"
    )
    extensions: Annotated[int, Field(ge=0, le=20)] = Field(
        2, description="how often a step is held again while there is too little to judge by; then a person is asked"
    )
    queries: Annotated[tuple[Query, ...], Field(max_length=20)] = ()


class DeploymentSpec(Model):
    """Everything that the files are made from."""

    schema_version: Literal[1] = SCHEMA
    application: Name
    version: Line = Field("0.1.0", description="of the application, for the changelog")
    repository: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")] | None = Field(
        None, description="owner/name on the code host"
    )
    default_branch: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")] = "main"
    services: Annotated[tuple[Service, ...], Field(min_length=1, max_length=50)]
    dependencies: tuple[Dependency, ...] = ()
    environments: Annotated[tuple[Environment, ...], Field(min_length=1, max_length=12)]
    toolchain: Toolchain = Toolchain()
    strategy: Strategy = Strategy()
    objectives: tuple[Objective, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    windows: tuple[Window, ...] = ()
    smoke_tests: tuple[SmokeTest, ...] = ()
    analysis: Analysis | None = Field(None, description="None: as the holds and objectives allow", exclude_if=_absent)
    drill_every_days: Annotated[int, Field(ge=1, le=365)] = Field(30, description="how often the rollback is rehearsed")
    owner: Line | None = Field(None, description="the team that answers for it")
    evidence: tuple[Evidence, ...] = Field((), description="sorted by path; a value without a row is a default")

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for what, names in (
            ("service", [service.name for service in self.services]),
            ("dependency", [dependency.name for dependency in self.dependencies]),
            ("environment", [environment.name for environment in self.environments]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two of the same {what}: {', '.join(twice)}")
        known = {service.name for service in self.services}
        for where, name in self._service_names():
            if name not in known:
                raise ValueError(f"{where} names the service {name!r}; there is {', '.join(sorted(known))}")
        paths = [item.path for item in self.evidence]
        if paths != sorted(set(paths)):
            raise ValueError("evidence must be sorted by path, one row a path")
        return self

    def _service_names(self) -> Iterable[tuple[str, str]]:
        for environment in self.environments:
            for override in environment.overrides:
                yield f"environments.{environment.name}.overrides", override.service
        for objective in self.objectives:
            if objective.service:
                yield "objectives", objective.service
        for test in self.smoke_tests:
            yield "smoke_tests", test.service

    def digest(self) -> str:
        """The name of this spec: SHA-256 over its canonical JSON (RFC 8785), evidence included."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return digest(self.model_dump(mode="json"))

    def __hash__(self) -> int:
        return hash(self._digest)

    def evidence_for(self, path: str) -> Evidence:
        """The evidence of one value; a value that nobody stated is a default."""
        for item in self.evidence:
            if item.path == path:
                return item
        return Evidence(path=path, kind="default")

    def service(self, name: str) -> Service:
        """One service by its name; KeyError if there is none."""
        return {service.name: service for service in self.services}[name]

    @property
    def production(self) -> tuple[Environment, ...]:
        """The environments that people depend on."""
        return tuple(item for item in self.environments if item.role == "production")

    @property
    def web_services(self) -> tuple[Service, ...]:
        """The services that listen on a port."""
        return tuple(item for item in self.services if item.kind == "web")

    def in_environment(self, service: Service, environment: Environment) -> Service:
        """The service as it runs there: the environment's override laid over it."""
        for override in environment.overrides:
            if override.service == service.name:
                changes = {
                    key: value
                    for key in ("replicas", "max_replicas", "resources")
                    if (value := getattr(override, key)) is not None
                }
                env = {item.name: item for item in (*service.env, *override.env)}
                merged = service.model_copy(update={**changes, "env": tuple(env.values())})
                if merged.max_replicas is not None and merged.max_replicas < merged.replicas:
                    merged = merged.model_copy(update={"max_replicas": merged.replicas})
                return merged
        return service
