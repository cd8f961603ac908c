"""Datadog: every document against the typed models of Datadog's own client, and the queries of its monitors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.render.monitoring.datadog_queries import DURATION, HEALTH, REQUESTS
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.located import Malformed, documents, json_value
from hug_agents.validate.program import ProgramGate

MODELS = {
    "slos": "v1.model.service_level_objective_request:ServiceLevelObjectiveRequest",
    "monitors": "v1.model.monitor:Monitor",
    "dashboards": "v1.model.dashboard:Dashboard",
    "synthetics": "v1.model.synthetics_api_test:SyntheticsAPITest",
    "catalogue": "v2.model.entity_v3_service:EntityV3Service",
    "metrics": "v2.model.metric_tag_configuration_create_request:MetricTagConfigurationCreateRequest",
    "gates": "v2.model.create_deployment_gate_params:CreateDeploymentGateParams",
    "gate-rules": "v2.model.create_deployment_rule_params:CreateDeploymentRuleParams",
}
"""By folder: the model of what is sent."""
REFERENCE = re.compile(r"\$\{([a-z-]+/[^}]+\.json)\}")
_KNOWN = (REQUESTS, DURATION, HEALTH)
_STATE = re.compile(r"kubernetes_state\.[a-z_.]+")
_WINDOW = r"last_\d+[mhdw]"
_AGGREGATION = r"(?:sum|avg|min|max|count|p\d\d|count\(v: v<=[\d.]+\))"
_SELECTOR = rf"(?:{_AGGREGATION}:)?[a-z][\w.]*\{{[^{{}}]*\}}(?: by \{{[\w,]+\}})?(?:\.as_(?:count|rate)\(\))?"
_TERM = rf"(?:default_zero\({_SELECTOR}\)|{_SELECTOR}|\d+(?:\.\d+)?)"
_LIMIT = r"(?P<op>>=|<=|>|<) (?P<limit>-?\d+(?:\.\d+)?)"
_SYNTAX = {
    "query alert": re.compile(rf"(?:sum|avg|min|max|percentile)\({_WINDOW}\):{_TERM}(?: [*/+-] {_TERM})* {_LIMIT}"),
    "service check": re.compile(
        r'"[a-z][\w.]*"\.over\("[^"]*"(?:,"[^"]*")*\)(?:\.by\("[^"]+"(?:,"[^"]+")*\))?\.last\((?P<last>\d+)\)\.count_by_status\(\)'
    ),
    "slo alert": re.compile(
        r'(?:burn_rate\("(?P<slo>[^"]+)"\)\.over\("(?:7|30|90)d"\)\.long_window\("(?P<long>\d+[mh])"\)'
        r'\.short_window\("(?P<short>\d+[mh])"\)'
        rf'|error_budget\("(?P<slo2>[^"]+)"\)\.over\("(?:7|30|90)d"\)) {_LIMIT}'
    ),
}
_MENTION = re.compile(r"@[a-z]+-[\w.-]+")
Path = tuple[str | int, ...]


class Datadog(ProgramGate):
    """The client's models keep what they cannot read and what they do not know: both are refused."""

    name = "datadog"
    tool = "datadog-api-client"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle if kind(item.path))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        for path in files:
            text = workspace.bundle[path].content
            try:
                data = json_value(text)
                located = documents(text)[0]
            except Malformed as error:
                findings.append(self.finding("malformed", str(error), file=path, line=error.line or 1))
                continue
            found = [*problems(kind(path), data), *_references(data, path, workspace.bundle)]
            if kind(path) == "monitors" and not found:
                found += _monitor(data)
            findings += (self.finding(rule, said, file=path, line=located.line(*at) or 1) for rule, said, at in found)
        return tuple(findings)


def kind(path: str) -> str:
    """The folder below `datadog/` that says what a file is; empty if it is none."""
    parts = PurePosixPath(path).parts
    if path.endswith(".json") and "datadog" in parts[:-2] and parts[-2] in MODELS:
        return parts[-2]
    return ""


def problems(folder: str, data: Any) -> Iterator[tuple[str, str, Path]]:
    """What the model of a folder objects to in a document."""
    module, _, name = MODELS[folder].partition(":")
    yield from read_problems((getattr(import_module(f"datadog_api_client.{module}"), name),), data)


def read_problems(types: tuple[Any, ...], data: Any) -> Iterator[tuple[str, str, Path]]:
    """What Datadog's client objects to when it reads a document as one of some types of its own."""
    from datadog_api_client import Configuration
    from datadog_api_client.exceptions import ApiTypeError, ApiValueError
    from datadog_api_client.model_utils import validate_and_convert_types

    try:
        read = validate_and_convert_types(  # type: ignore[no-untyped-call]
            data,
            types,
            ["document"],
            True,
            True,
            Configuration(),  # type: ignore[no-untyped-call]
        )
    except (ApiTypeError, ApiValueError, TypeError, ValueError) as error:
        place = tuple(getattr(error, "path_to_item", None) or ())[1:]
        yield "schema", " ".join(str(error).split())[:500], place
        return
    yield from _unread(read, (), set())


def _unread(value: Any, path: Path, seen: set[int]) -> Iterator[tuple[str, str, Path]]:
    """What the client put aside: values that it could not read, keys that it does not know."""
    from datadog_api_client.model_utils import ModelComposed, ModelNormal, ModelSimple, UnparsedObject

    if id(value) in seen:
        return
    seen.add(id(value))
    inside: list[tuple[Any, Path]] = []
    if isinstance(value, UnparsedObject):
        yield "unparsed", "no variant of the model fits this", path
    elif isinstance(value, ModelSimple):
        if getattr(value, "_unparsed", False):
            yield "unparsed", f"{value.value!r} is no value of {type(value).__name__}", path
    elif isinstance(value, ModelComposed):
        inside = [(item, path) for item in value._composed_instances]
    elif isinstance(value, ModelNormal):
        names, held = value.attribute_map, value._data_store
        for key in sorted(map(str, held.keys() - names.keys())):
            yield "unknown-key", f"Datadog does not know {key!r} here", (*path, key)
        inside = [(held[name], (*path, names[name])) for name in held if name in names]
    elif isinstance(value, list):
        inside = [(item, (*path, index)) for index, item in enumerate(value)]
    elif isinstance(value, dict):
        inside = [(item, (*path, key)) for key, item in value.items()]
    for item, where in inside:
        yield from _unread(item, where, seen)


def _references(data: Any, file: str, bundle: Bundle) -> Iterator[tuple[str, str, Path]]:
    """A document that another one refers to is there."""
    root = PurePosixPath(file).parent.parent
    for path, text in _texts(data, ()):
        for found in REFERENCE.finditer(text):
            if str(root / found[1]) not in bundle:
                yield "reference", f"there is no {found[1]}", path


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from _texts(inner, (*path, key))


def _monitor(data: dict[str, Any]) -> Iterator[tuple[str, str, Path]]:
    """The query is one of its type, asks for what the bundle exports, and says the same limit as the options."""
    query, kind_of = str(data.get("query", "")), str(data.get("type"))
    syntax = _SYNTAX.get(kind_of)
    if syntax is None:
        yield "type", f"no query of a {kind_of!r} is known here: {', '.join(_SYNTAX)}", ("type",)
        return
    found = syntax.fullmatch(query)
    if found is None:
        yield "query", f"this is no query of a {kind_of}: {query[:200]}", ("query",)
        return
    named = re.findall(r'(?:[:(]|^)([a-z][\w]*\.[\w.]+)\{|^"([a-z][\w.]+)"', query)
    for name in (a or b for a, b in named):
        if name not in _KNOWN and not _STATE.fullmatch(name):
            yield "unknown-metric", f"nothing sends {name}", ("query",)
    critical = (data.get("options") or {}).get("thresholds", {}).get("critical")
    limit = found.groupdict().get("limit")
    if limit is not None and (critical is None or float(critical) != float(limit)):
        yield "threshold", f"the query says {limit}, and the options {critical}", ("options", "thresholds")
    last = found.groupdict().get("last")
    if last is not None and (critical is None or int(critical) >= int(last) + 1):
        yield "threshold", f"{critical} failures cannot be seen in the last {last} checks", ("options", "thresholds")
    if found.groupdict().get("long"):
        long, short = (_minutes(found[name]) for name in ("long", "short"))
        if not (60 <= long <= 48 * 60 and 5 <= short < long):
            yield "window", "the long window is of 1 to 48 hours, the short one shorter", ("query",)
    if not _MENTION.search(str(data.get("message", ""))):
        yield "unheard", "the message tells nobody: it has no @handle", ("message",)


def _minutes(text: str) -> int:
    return int(text[:-1]) * (60 if text.endswith("h") else 1)
