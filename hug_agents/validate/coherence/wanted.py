"""What the spec defines: every other file has to speak of these, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.render.naming import (
    DATADOG_SECRET,
    DURATION_METRIC,
    REQUESTS_METRIC,
    dependency_variables,
    image_path,
    metrics_port,
)
from hug_agents.spec import IMAGE, DeploymentSpec, Service
from hug_agents.validate.coherence.fact import Fact, Kind
from hug_agents.validate.coherence.promql import metrics
from hug_agents.validate.policy.facts import Facts


def facts(files: Facts) -> Iterator[Fact]:
    """Environments, services with their ports, paths, images and variables, secrets, and the metrics that services report."""
    spec = files.spec
    for number, environment in enumerate(spec.environments):
        yield _defines(files, "environment", environment.name, "environments", number, "name")
    for number, service in enumerate(spec.services):
        yield from _service(files, spec, service, number)
    if "datadog" in spec.toolchain.monitors and spec.toolchain.runtime == "ecs":
        yield _defines(files, "secret", DATADOG_SECRET, "toolchain", "monitors")
        for name in (
            "DD_API_KEY",
            "DD_APM_ENABLED",
            "DD_ENV",
            "DD_SERVICE",
            "DD_SITE",
            "DD_TAGS",
            "DD_USE_DOGSTATSD",
            "DD_VERSION",
            "ECS_FARGATE",
        ):
            yield _defines(files, "variable", name, "toolchain", "monitors")
    for name in _measured():
        yield _defines(files, "metric", name, "toolchain", "monitors")
    for number, query in enumerate(spec.analysis.queries if spec.analysis else ()):
        for name in metrics(query.promql):
            yield _defines(files, "metric", name, "analysis", "queries", number, "promql")


def _measured() -> Iterator[str]:
    yield REQUESTS_METRIC
    for suffix in ("", "_bucket", "_sum", "_count"):
        yield DURATION_METRIC + suffix


def _service(files: Facts, spec: DeploymentSpec, service: Service, number: int) -> Iterator[Fact]:
    place = ("services", number)

    def row(kind: Kind, value: object, *path: str | int) -> Fact:
        return _defines(files, kind, str(value), *place, *path, subject=service.name)

    yield _defines(files, "service", service.name, *place, "name")
    for field, port in (
        ("port", service.port),
        ("health_port", service.health_port),
        ("metrics_path", metrics_port(service)),
    ):
        if port is not None:
            yield row("port", port, field)
    # without a path of its own, the root is what every platform asks
    for field, asked in (("health_path", service.health_path or "/"), ("metrics_path", service.metrics_path)):
        if asked:
            yield row("path", asked, field)
    for index, test in enumerate(spec.smoke_tests):
        if test.service == service.name:
            yield _defines(files, "path", test.path, "smoke_tests", index, "path", subject=service.name)
    if service.image is None:
        yield row("image", image_path(spec, service), "name")
    elif match := IMAGE.match(service.image):
        yield row("image", match["name"], "image")
    yield from _given(files, spec, service, number)


def _given(files: Facts, spec: DeploymentSpec, service: Service, number: int) -> Iterator[Fact]:
    """What a service's containers are given."""
    place = ("services", number)

    def row(kind: Kind, value: str, *path: str | int) -> Fact:
        return _defines(files, kind, value, *path, subject=service.name)

    for index, variable in enumerate(service.env):
        yield row("variable", variable.name, *place, "env", index, "name")
    for environment_number, environment in enumerate(spec.environments):
        for override_number, override in enumerate(environment.overrides):
            if override.service == service.name:
                for index, variable in enumerate(override.env):
                    path = ("environments", environment_number, "overrides", override_number, "env", index, "name")
                    yield row("variable", variable.name, *path)
    for index, secret in enumerate(service.secrets):
        yield row("variable", secret.name, *place, "secrets", index, "name")
        yield row("secret", secret.key, *place, "secrets", index, "key")
    for index, dependency in enumerate(spec.dependencies):
        for name in dependency_variables(dependency).values():
            yield row("variable", name, "dependencies", index, "name")


def _defines(files: Facts, kind: Kind, value: str, *path: str | int, subject: str = "") -> Fact:
    file, line = files.spec_place(*path)
    return Fact(kind, value, "defines", file, line, subject)
