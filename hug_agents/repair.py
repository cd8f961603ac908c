"""Mend a spec by a fix that a gate offers, and only where nobody stated the value.

A fix names a value as evidence does: `services.api.replicas`, `drill_every_days`. What the request, an answer, an
option or the repository settled is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from hug_agents.errors import UsageError
from hug_agents.spec import DeploymentSpec, Evidence
from hug_agents.validate.gate import Finding, Fix

_SHORT = {
    "cpu_millicores": ("resources", "cpu_millicores"),
    "memory_mib": ("resources", "memory_mib"),
    "context": ("build", "context"),
    "dockerfile": ("build", "dockerfile"),
    "language": ("build", "stack", "language"),
    "language_version": ("build", "stack", "version"),
    "framework": ("build", "stack", "framework"),
    "package_manager": ("build", "stack", "package_manager"),
}
"""What the catalogue of the reader calls by a shorter name, below a service."""
_PER_SERVICE = ("replicas", "max_replicas", "cpu_millicores", "memory_mib")
"""What an environment sets for one service: `environments.<name>.replicas.<service>`."""


def apply_fix(spec: DeploymentSpec, fix: Fix) -> DeploymentSpec:
    """The spec with one value changed and its reason in the evidence.

    Raises UsageError where the path does not exist, where somebody stated the value, and where the spec would not hold.
    """
    if row := stated(spec, fix.path):
        raise UsageError(
            f"the value was stated ({row.kind}) and is not changed by a fix",
            where=fix.path,
            hint="ask the requester for a change of the request",
        )
    return set_value(spec, fix.path, fix.value, Evidence(path=fix.path, kind="default", reason=fix.reason))


def set_value(spec: DeploymentSpec, path: str, value: Any, row: Evidence) -> DeploymentSpec:
    """The spec with one value set, whoever stated it, and `row` as its evidence.

    Raises UsageError where the path does not exist and where the spec would not hold.
    """
    document = spec.model_dump(mode="python")
    *parents, last = _places(path)
    holder: Any = document
    for name in parents:
        holder = _step(holder, name, path)
    if not isinstance(holder, dict) or last not in holder or isinstance(holder[last], dict | tuple | list):
        raise UsageError("the spec has no single value there", where=path)
    holder[last] = value
    rows = {item.path: item for item in (*spec.evidence, row)}
    document["evidence"] = [rows[path].model_dump() for path in sorted(rows)]
    try:
        return DeploymentSpec.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]["msg"]
        raise UsageError(f"the spec would not hold: {first}", where=path) from error


def applicable(spec: DeploymentSpec, findings: Iterable[Finding]) -> tuple[Fix, ...]:
    """The offered fixes that could be applied to this spec and change it, each once, in the order of the findings."""
    fixes: list[Fix] = []
    for finding in findings:
        fix = finding.fix
        if fix is None or any((fix.path, fix.value) == (other.path, other.value) for other in fixes):
            continue
        try:
            mended = apply_fix(spec, fix)
        except UsageError:
            continue  # nobody may apply it; the finding itself stays and is reported
        if mended.model_copy(update={"evidence": ()}) != spec.model_copy(update={"evidence": ()}):
            fixes.append(fix)
    return tuple(fixes)


def apply_fixes(spec: DeploymentSpec, fixes: Iterable[Fix]) -> DeploymentSpec:
    """Several fixes in a row, for the same reasons and with the same errors as `apply_fix`."""
    for fix in fixes:
        spec = apply_fix(spec, fix)
    return spec


def _step(holder: Any, name: str, path: str) -> Any:
    """One step down: a field, or a thing of a list by its name."""
    if isinstance(holder, dict) and holder.get(name) is not None:
        return holder[name]
    if isinstance(holder, list | tuple):
        for item in holder:
            if isinstance(item, dict) and name in (item.get("name"), item.get("service")):
                return item
    raise UsageError(f"the spec has no {name!r} there", where=path)


def _places(path: str) -> tuple[str, ...]:
    """Where a path points in the spec's own structure."""
    parts = path.split(".")
    if len(parts) == 3 and parts[0] == "services":
        return (*parts[:2], *_SHORT.get(parts[2], (parts[2],)))
    if len(parts) == 4 and parts[0] == "environments" and parts[2] in _PER_SERVICE:
        return ("environments", parts[1], "overrides", parts[3], *_SHORT.get(parts[2], (parts[2],)))
    return tuple(parts)


def stated(spec: DeploymentSpec, path: str) -> Evidence | None:
    """The evidence that someone stated this value, a part of it, or the whole that it is in; None for a default."""
    wanted = _places(path)
    for row in spec.evidence:
        if row.kind == "default":
            continue
        length = min(len(wanted), len(places := _places(row.path)))
        if all(
            one == other or "*" in (one, other) for one, other in zip(wanted[:length], places[:length], strict=True)
        ):
            return row
    return None


def spec_values(spec: DeploymentSpec) -> dict[str, Any]:
    """Every value of a spec by its path, in the order of the spec; a list without names is one value."""
    return dict(_values(spec.model_dump(mode="json", exclude={"evidence", "schema_version"}), ""))


def value_of(spec: DeploymentSpec, path: str) -> Any:
    """The value that evidence at this path speaks of; None where it is not a single one of the spec."""
    return spec_values(spec).get(".".join(_places(path)))


def spec_paths(spec: DeploymentSpec) -> tuple[str, ...]:
    """Every path of a spec that a note may be about: values, the things that hold them, and those with evidence."""
    paths = {row.path for row in spec.evidence}
    for path in spec_values(spec):
        parts = path.split(".")
        paths.update(".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return tuple(sorted(paths))


def has_path(spec: DeploymentSpec, path: str) -> bool:
    """Whether a note may be about this path, also by the shorter name that the catalogue gives it."""
    return not {path, ".".join(_places(path))}.isdisjoint(spec_paths(spec))


def _values(node: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _values(value, f"{prefix}.{key}" if prefix else key)
    elif isinstance(node, list) and node and all(isinstance(item, dict) and _name(item) for item in node):
        for item in node:
            yield from _values({key: item[key] for key in item if key != "name"}, f"{prefix}.{_name(item)}")
    else:
        yield prefix, node


def _name(item: dict[str, Any]) -> str:
    # A smoke test and an objective speak of a service too, and a service may have several: these lists are one value.
    name = item.get("name") or (item.get("service") if "replicas" in item else None)
    return name if isinstance(name, str) else ""
