"""Grafana: dashboards against Grafana's own models, provisioning against its reader; what they refer to exists."""

from __future__ import annotations

import enum
import json
import re
import typing
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.grafana_files import FILES, Datasources
from hug_agents.validate.located import Located, Malformed, Path, documents, json_value, walk
from hug_agents.validate.program import ProgramGate
from hug_agents.validate.promql import grafana_file

_BUILT_IN = frozenset(("-- Grafana --", "-- Mixed --", "-- Dashboard --", "__expr__"))
_WIDTH = 24
_VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|(\w+))")
_LEGACY = {"graph": "timeseries", "singlestat": "stat", "table-old": "table", "grafana-piechart-panel": "piechart"}


class Grafana(ProgramGate):
    """Unknown panel types and keys are refused: Grafana itself would drop them and show something else."""

    name = "grafana"
    tool = "grafana-foundation-sdk"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle if grafana_file(item.path))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        sources = _provisioned(workspace.bundle)
        uids: dict[str, str] = {}
        for path in files:
            text = workspace.bundle[path].content
            try:
                read = documents(text)
                if path.endswith(".json"):
                    json_value(text)
            except Malformed as error:
                findings.append(self.finding("malformed", str(error), file=path, line=error.line or 1))
                continue
            for document in read:
                found = (
                    self._dashboard(document, sources)
                    if path.endswith(".json")
                    else self._provisioning(document, sources)
                )
                findings += (
                    self.finding(rule, said, file=path, line=document.line(*at) or 1) for rule, said, at in found
                )
                uid = document.data.get("uid") if isinstance(document.data, dict) else None
                if path.endswith(".json") and isinstance(uid, str):
                    if uid in uids:
                        findings.append(
                            self.finding("uid", f"{uids[uid]} has the same uid", file=path, line=document.line("uid"))
                        )
                    uids[uid] = path
        return tuple(findings)

    def _provisioning(self, document: Located, sources: frozenset[str]) -> Iterator[tuple[str, str, Path]]:
        data = document.data
        keys = [key for key in FILES if isinstance(data, dict) and key in data]
        if not keys:
            yield "provisioning", f"nothing that Grafana provisions: one of {', '.join(FILES)} is expected", ()
            return
        try:
            FILES[keys[0]].model_validate(data)
        except ValidationError as error:
            for item in error.errors():
                yield "provisioning", f"{'.'.join(map(str, item['loc']))}: {item['msg']}", tuple(item["loc"])
            return
        yield from _rules(data, sources)

    def _dashboard(self, document: Located, sources: frozenset[str]) -> Iterator[tuple[str, str, Path]]:
        data = document.data
        if not isinstance(data, dict) or "panels" not in data:
            yield "dashboard", "this is no dashboard: it has no panels", ()
            return
        yield from _panels(data)
        yield from _schema(data)
        yield from _references(data, sources)


def _rules(data: dict[str, Any], sources: frozenset[str]) -> Iterator[tuple[str, str, Path]]:
    """A rule asks a data source that there is, and its condition is one of its own queries."""
    uids: set[str] = set()
    for number, group in enumerate(data.get("groups") or ()):
        for index, rule in enumerate(group["rules"]):
            where: Path = ("groups", number, "rules", index)
            if rule["uid"] in uids:
                yield "uid", f"two rules have the uid {rule['uid']}", (*where, "uid")
            uids.add(rule["uid"])
            if rule["condition"] not in {item["refId"] for item in rule["data"]}:
                yield "condition", f"no query of the rule is {rule['condition']!r}", (*where, "condition")
            for place, item in enumerate(rule["data"]):
                uid = item["datasourceUid"]
                if uid not in _BUILT_IN and uid not in sources:
                    yield (
                        "datasource",
                        f"no provisioned data source has the uid {uid!r}",
                        (*where, "data", place, "datasourceUid"),
                    )


def _schema(data: dict[str, Any]) -> Iterator[tuple[str, str, Path]]:
    """Read by the models that Grafana publishes, written again, compared: what vanished was unknown."""
    from grafana_foundation_sdk.cog import encoder, plugins, runtime  # type: ignore[import-untyped]
    from grafana_foundation_sdk.models import dashboard  # type: ignore[import-untyped]

    plugins.register_default_plugins()
    known = runtime.Runtime().panelcfg_variants
    for path, panel in _every_panel(data):
        kind = str(panel.get("type"))
        if kind != "row" and kind not in known:
            instead = f"; it is now {_LEGACY[kind]}" if kind in _LEGACY else ""
            yield "panel-type", f"no panel is a {kind}{instead}", (*path, "type")
    try:
        model = dashboard.Dashboard.from_json(data)
        back = json.loads(json.dumps(model, cls=encoder.JSONEncoder))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        yield "schema", f"it cannot be read: {type(error).__name__}: {error}", ()
        return
    yield from _lost(data, back, ())
    yield from _misfits(model, ())


def _lost(given: Any, back: Any, path: Path) -> Iterator[tuple[str, str, Path]]:
    if isinstance(given, dict) and isinstance(back, dict):
        for key, value in given.items():
            if key not in back:
                yield "unknown-key", f"Grafana does not know {key!r} here", (*path, key)
            else:
                yield from _lost(value, back[key], (*path, key))
    elif isinstance(given, list) and isinstance(back, list):
        for index, (value, other) in enumerate(zip(given, back, strict=False)):
            yield from _lost(value, other, (*path, index))


def _misfits(model: Any, path: Path) -> Iterator[tuple[str, str, Path]]:
    """Values of another type than the models say."""
    hints = typing.get_type_hints(type(model))
    for name, hint in hints.items():
        value = getattr(model, name, None)
        if value is not None:
            yield from _fits(value, hint, (*path, _key(name)))


def _fits(value: Any, hint: Any, path: Path) -> Iterator[tuple[str, str, Path]]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union:
        tried = [list(_fits(value, item, path)) for item in inner if item is not type(None)]
        if all(tried):
            yield from min(tried, key=len)
    elif origin is list and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _fits(item, inner[0], (*path, index))
    elif wanted := _wanted(value, hint, origin, inner):
        yield "type", f"{wanted} is expected, not {value!r:.60}", path
    elif hasattr(value, "to_json"):
        yield from _misfits(value, path)


def _wanted(value: Any, hint: Any, origin: Any, inner: tuple[Any, ...]) -> str:
    """What should stand here instead; empty if the value fits."""
    if origin is typing.Literal:
        return "" if value in inner else f"one of {', '.join(map(repr, inner))}"
    if origin in (list, dict):
        return "" if isinstance(value, origin) else {list: "a list", dict: "an object"}[origin]
    if not isinstance(hint, type):
        return ""
    if issubclass(hint, enum.Enum):
        allowed = [item.value for item in hint]
        return "" if value in allowed else f"one of {', '.join(map(repr, allowed))}"
    if hint in (str, bool, int, float):
        right = (int, float) if hint is float else hint
        fits = isinstance(value, right) and (hint is bool or not isinstance(value, bool))
        return "" if fits else hint.__name__
    return "an object" if hasattr(hint, "to_json") and not hasattr(value, "to_json") else ""


def _key(name: str) -> str:
    """An attribute of a model as the JSON has it."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name.removesuffix("_val"))


def _every_panel(data: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, panel in enumerate(data["panels"] if isinstance(data["panels"], list) else ()):
        if isinstance(panel, dict):
            yield ("panels", index), panel
            for inner, item in enumerate(panel.get("panels") or ()):
                if isinstance(item, dict):
                    yield ("panels", index, "panels", inner), item


def _panels(data: dict[str, Any]) -> Iterator[tuple[str, str, Path]]:
    """Ids are unique, and no panel lies on another or beyond the grid."""
    ids = Counter(panel.get("id") for _, panel in _every_panel(data))
    taken: dict[tuple[int, int], str] = {}
    for path, panel in _every_panel(data):
        if panel.get("id") is None or ids[panel.get("id")] > 1:
            yield "id", f"the id {panel.get('id')} is not this panel's alone", (*path, "id")
        place = panel.get("gridPos")
        if not isinstance(place, dict) or not all(isinstance(place.get(key), int) for key in "xywh"):
            yield "grid", "a panel needs gridPos with x, y, w and h", (*path, "gridPos")
            continue
        if place["x"] < 0 or place["w"] < 1 or place["x"] + place["w"] > _WIDTH:
            yield "grid", f"it reaches beyond the {_WIDTH} columns", (*path, "gridPos")
            continue
        if "panels" in path[2:]:
            continue  # a collapsed row's panels take no place
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + min(place["h"], 200)):
                if (x, y) in taken:
                    yield "grid", f"it lies on {taken[x, y]!r}", (*path, "gridPos")
                    break
                taken[x, y] = str(panel.get("title", panel.get("id")))
            else:
                continue
            break


def _references(data: dict[str, Any], sources: frozenset[str]) -> Iterator[tuple[str, str, Path]]:
    """Data sources are provisioned, and variables are declared."""
    listed = (data.get("templating") or {}).get("list") or ()
    names = {str(item.get("name")) for item in listed if isinstance(item, dict)}
    for path, value in walk(data):
        if path and path[-1] == "datasource" and isinstance(value, dict):
            uid = str(value.get("uid"))
            if uid not in _BUILT_IN and uid not in sources:
                yield "datasource", f"no provisioned data source has the uid {uid!r}", (*path, "uid")
        if path and path[-1] in ("expr", "query") and isinstance(value, str) and "targets" in path:
            for found in _VARIABLE.finditer(value):
                name = found[1] or found[2]
                if not name.startswith("__") and name not in names:
                    yield "variable", f"the dashboard has no variable {name!r}", path


def _provisioned(bundle: Bundle) -> frozenset[str]:
    """The uids of the data sources that the bundle provisions."""
    found: set[str] = set()
    for item in bundle:
        if grafana_file(item.path) and not item.path.endswith(".json"):
            try:
                read = documents(item.content)
            except Malformed:
                continue
            for document in read:
                if isinstance(document.data, dict) and "datasources" in document.data:
                    try:
                        found |= {one.uid for one in Datasources.model_validate(document.data).datasources}
                    except ValidationError:
                        continue
    return frozenset(found)
