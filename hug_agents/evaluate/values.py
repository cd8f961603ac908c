"""A spec as a flat table: each value under the path that the catalogue of the reader gives it, with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hug_agents.spec import DeploymentSpec, Environment, Evidence, Model, Service

_LISTED = (
    "image",
    "port",
    "health_path",
    "health_port",
    "metrics_path",
    "schedule",
    "replicas",
    "max_replicas",
    "public",
)
_STACK = ("language", "framework", "package_manager")


class Stated(Model):
    """One value of a spec and where it comes from."""

    value: Any
    evidence: Evidence


def values(spec: DeploymentSpec) -> dict[str, Stated]:
    """Every value that is there, by path: what was stated and what was assumed. Sorted by path."""
    table = {path: Stated(value=plain(value), evidence=spec.evidence_for(at)) for path, at, value in _rows(spec)}
    return dict(sorted(table.items()))


def _rows(spec: DeploymentSpec) -> Iterator[tuple[str, str, Any]]:
    for name in ("application", "version", "owner", "repository", "default_branch", "drill_every_days"):
        yield from _row(name, getattr(spec, name))
    for service in spec.services:
        yield from _service(service)
    for need in spec.dependencies:
        for leaf in ("kind", "version", "storage_gib", "managed"):
            yield from _row(f"dependencies.{need.name}.{leaf}", getattr(need, leaf))
    for place in spec.environments:
        yield from _environment(spec, place)
    for name in ("iac", "ci", "runtime", "monitors", "rollout", "registry", "package"):
        value = getattr(spec.toolchain, name)
        yield f"toolchain.{name}", f"toolchain.{name}", sorted(value) if isinstance(value, tuple) else value
    yield from _row("toolchain.registry_host", spec.toolchain.registry_host or None)
    yield from _release(spec)


def _row(path: str, value: Any, at: str = "") -> Iterator[tuple[str, str, Any]]:
    if value is not None:
        yield path, at or path, value


def _service(service: Service) -> Iterator[tuple[str, str, Any]]:
    path = f"services.{service.name}"
    yield f"{path}.kind", f"{path}.kind", service.kind
    for leaf in _LISTED:
        yield from _row(f"{path}.{leaf}", getattr(service, leaf))
    for leaf in ("command", "migrate_command"):
        yield from _row(f"{path}.{leaf}", getattr(service, leaf) or None)
    for leaf in ("cpu_millicores", "memory_mib"):
        yield f"{path}.{leaf}", f"{path}.resources.{leaf}", getattr(service.resources, leaf)
    if service.build:
        yield f"{path}.context", f"{path}.build.context", service.build.context
        yield from _row(f"{path}.dockerfile", service.build.dockerfile, f"{path}.build.dockerfile")
        stack = service.build.stack
        for leaf in _STACK if stack else ():
            yield from _row(f"{path}.{leaf}", getattr(stack, leaf), f"{path}.build.stack.{leaf}")
        if stack and stack.version:
            yield f"{path}.language_version", f"{path}.build.stack.version", stack.version
    for variable in service.env:
        yield f"{path}.env.{variable.name}", f"{path}.env.{variable.name}", variable.value
    for secret in service.secrets:
        yield f"{path}.secrets.{secret.name}", f"{path}.secrets.{secret.name}", secret.key


def _environment(spec: DeploymentSpec, place: Environment) -> Iterator[tuple[str, str, Any]]:
    path = f"environments.{place.name}"
    for leaf in ("role", "cloud", "account", "region", "cluster", "namespace", "domain"):
        yield from _row(f"{path}.{leaf}", getattr(place, leaf))
    for override in place.overrides:
        at = f"{path}.overrides.{override.service}"
        for leaf in ("replicas", "max_replicas"):
            yield from _row(f"{path}.{leaf}.{override.service}", getattr(override, leaf), f"{at}.{leaf}")
        usual = spec.service(override.service).resources
        for leaf in ("cpu_millicores", "memory_mib"):
            if override.resources and getattr(override.resources, leaf) != getattr(usual, leaf):
                value = getattr(override.resources, leaf)
                yield f"{path}.{leaf}.{override.service}", f"{at}.resources.{leaf}", value
        for variable in override.env:
            yield f"{path}.env.{variable.name}", f"{path}.env.{variable.name}", variable.value


def _release(spec: DeploymentSpec) -> Iterator[tuple[str, str, Any]]:
    way = spec.strategy
    yield "strategy.kind", "strategy.kind", way.kind
    if way.steps:
        holds = list(dict.fromkeys(step.hold_seconds for step in way.steps[:-1] or way.steps))
        yield "strategy.steps", "strategy.steps", [step.weight for step in way.steps]
        yield "strategy.hold_seconds", "strategy.hold_seconds", holds[0] if len(holds) == 1 else holds
    for leaf in ("max_surge_percent", "max_unavailable_percent", "keep_old_seconds"):
        yield f"strategy.{leaf}", f"strategy.{leaf}", getattr(way, leaf)
    for goal in spec.objectives:
        if goal.kind != "latency":
            yield f"objectives.{goal.kind}", f"objectives.{goal.kind}", goal.target_percent
        yield "objectives.window_days", "objectives.window_days", goal.window_days
    if latency := [[goal.target_percent, goal.threshold_ms] for goal in spec.objectives if goal.kind == "latency"]:
        yield "objectives.latency", "objectives.latency", latency
    for trigger in spec.triggers:
        if trigger.threshold is not None:
            yield f"triggers.{trigger.metric}", f"triggers.{trigger.metric}", trigger.threshold
            yield "triggers.for_seconds", "triggers.for_seconds", trigger.for_seconds
    if spec.windows:
        shown = [f"{','.join(item.days)} {item.start}-{item.end} {item.timezone}" for item in spec.windows]
        yield "windows", "windows", shown
    for test in spec.smoke_tests:
        yield f"smoke_tests.{test.service}", f"smoke_tests.{test.service}", test.path


def plain(value: Any) -> Any:
    """As YAML would read it, numbers alike: what two values are compared by."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
