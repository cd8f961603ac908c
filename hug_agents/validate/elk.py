"""ELK: each document against its schema, and what they say of each other: names, patterns, fields, connectors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from hug_agents.bundle import Bundle
from hug_agents.validate.elastic_files import ATTRIBUTES, JSON_FILES, SavedObject
from hug_agents.validate.filebeat import filebeat_problems
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.located import Malformed, documents, json_value

Path = tuple[str | int, ...]
Problem = tuple[str, str, Path]
_SECRET = re.compile(r"(?i)(password|api_?key|secret|token|routingkey|webhookurl)$")
_COLUMN = re.compile(r"\b(?:[a-z_@][\w@]*\.)+[a-z_]\w*\b")


class Elk(Gate):
    """A check of our own: no server can be had here. See `elastic_files` for where the schemas come from."""

    name = "elk"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle if _part(item.path) and not item.path.endswith((".md", ".conf")))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        stack = Stack(workspace.bundle, files)
        for path in files:
            text = workspace.bundle[path].content
            try:
                found = list(self._look(path, text, stack))
                located = documents(text) if not path.endswith(".ndjson") else ()
            except Malformed as error:
                findings.append(self.finding("malformed", str(error), file=path, line=error.line or 1))
                continue
            for rule, said, at in found:
                line = located[0].line(*at) if located else int(at[0]) if at else 1
                findings.append(self.finding(rule, said, file=path, line=line or 1))
        return tuple(findings)

    def _look(self, path: str, text: str, stack: Stack) -> Iterator[Problem]:
        if path.endswith(".ndjson"):
            yield from _saved(text)
        elif folder := _folder(path):
            data = json_value(text)
            try:
                JSON_FILES[folder].model_validate(data)
            except ValidationError as error:
                for item in error.errors():
                    yield "schema", f"{'.'.join(map(str, item['loc']))}: {item['msg']}", tuple(item["loc"])
                return
            yield from stack.problems(path, folder, data)
        elif PurePosixPath(path).name == "filebeat.yml":
            for document in documents(text):
                yield from filebeat_problems(document.data)
        if path.endswith((".yml", ".yaml", ".json")):
            for document in documents(text):
                yield from _secrets(document.data, ())


class Stack:
    """What the documents of a bundle say together."""

    def __init__(self, bundle: Bundle, files: tuple[str, ...]) -> None:
        self._names: dict[str, set[str]] = {folder: set() for folder in JSON_FILES}
        self._read: dict[str, dict[str, Any]] = {}
        self.connectors: set[str] = set()
        for path in files:
            try:
                if folder := _folder(path):
                    self._names[folder].add(PurePosixPath(path).stem)
                    self._read[path] = json_value(bundle[path].content)
                elif PurePosixPath(path).name == "kibana.yml":
                    data = documents(bundle[path].content)[0].data
                    self.connectors |= set(data.get("xpack.actions.preconfigured") or ())
            except (Malformed, IndexError, AttributeError):
                continue

    def problems(self, path: str, folder: str, data: dict[str, Any]) -> Iterator[Problem]:
        """What one document refers to and is not there."""
        if folder == "elasticsearch/component-templates":
            settings = ((data["template"].get("settings") or {}).get("index") or {}).get("lifecycle")
            if settings and settings["name"] not in self._names["elasticsearch/ilm"]:
                at = ("template", "settings", "index", "lifecycle", "name")
                yield "lifecycle", f"there is no lifecycle {settings['name']!r}", at
        elif folder == "elasticsearch/index-templates":
            for index, name in enumerate(data.get("composed_of", ())):
                if name not in self._names["elasticsearch/component-templates"]:
                    yield "component", f"there is no component template {name!r}", ("composed_of", index)
            yield from self._overlaps(path, data)
        elif folder == "kibana/rules":
            yield from self._rule(data)
        elif folder in ("elasticsearch/roles", "elasticsearch/api-keys"):
            roles = data.get("role_descriptors") or {"": data}
            for key, role in roles.items():
                where: Path = ("role_descriptors", key) if key else ()
                for index, row in enumerate(role.get("indices", ())):
                    for name in row["names"]:
                        if not any(_meet(name, known) for known in self._patterns()):
                            yield "pattern", f"no template makes {name!r}", (*where, "indices", index, "names")

    def _patterns(self) -> list[str]:
        found = []
        for path, data in self._read.items():
            if _folder(path) == "elasticsearch/index-templates":
                found += [str(item) for item in data.get("index_patterns", ())]
        return found

    def _overlaps(self, path: str, data: dict[str, Any]) -> Iterator[Problem]:
        """Two templates of one priority for one index: Elasticsearch refuses the later one."""
        for other, theirs in self._read.items():
            if other == path or _folder(other) != "elasticsearch/index-templates":
                continue
            for index, one in enumerate(data["index_patterns"]):
                for two in theirs.get("index_patterns", ()):
                    if theirs.get("priority") == data["priority"] and _meet(one, two):
                        yield (
                            "priority",
                            f"{PurePosixPath(other).stem} takes the same indices",
                            ("index_patterns", index),
                        )

    def _fields(self) -> set[str]:
        found: set[str] = set()
        for path, data in self._read.items():
            if _folder(path) == "elasticsearch/component-templates":
                found |= set(_leaves((data.get("template") or {}).get("mappings", {}).get("properties") or {}, ""))
        return found

    def _rule(self, data: dict[str, Any]) -> Iterator[Problem]:
        esql = data["params"]["esqlQuery"]["esql"]
        at: Path = ("params", "esqlQuery", "esql")
        source, *commands = [part.strip() for part in re.split(r"\n\s*\|", esql)]
        if not source.startswith("FROM "):
            yield "esql", "a query begins with FROM", at
            return
        known = ("WHERE", "EVAL", "STATS", "SORT", "LIMIT", "KEEP", "DROP", "RENAME")
        for command in commands:
            if command.split(" ", 1)[0] not in known:
                yield "esql", f"no command of ES|QL is {command.split(' ', 1)[0]!r}", at
            if command.count("(") != command.count(")") or command.count('"') % 2:
                yield "esql", f"something is not closed: {command[:100]}", at
        for name in source.removeprefix("FROM ").split(" METADATA")[0].split(","):
            if not any(_meet(name.strip(), pattern) for pattern in self._patterns()):
                yield "pattern", f"no template makes {name.strip()!r}", at
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', "\n".join(commands))
        for field in sorted(set(_COLUMN.findall(bare)) - self._fields()):
            yield "field", f"the mappings have no field {field}", at
        for index, action in enumerate(data["actions"]):
            if self.connectors and action["id"] not in self.connectors:
                yield "connector", f"kibana.yml sets up no connector {action['id']!r}", ("actions", index, "id")


def _saved(text: str) -> Iterator[Problem]:
    """One object a line; what each refers to is there, and what is JSON in a string is JSON."""
    seen: dict[tuple[str, str], int] = {}
    references: list[tuple[int, str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            data = json_value(line)
            item = SavedObject.model_validate(data)
        except Malformed as error:
            yield "malformed", str(error), (number,)
            continue
        except ValidationError as error:
            for wrong in error.errors():
                yield "schema", f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}", (number,)
            continue
        if (item.type, item.id) in seen:
            yield "id", f"line {seen[item.type, item.id]} has the same id", (number,)
        seen[item.type, item.id] = number
        allowed, needed = ATTRIBUTES.get(item.type, (frozenset(item.attributes), frozenset[str]()))
        for name in sorted(item.attributes.keys() - allowed):
            yield "attribute", f"a saved {item.type} has no {name!r}", (number,)
        for name in sorted(needed - item.attributes.keys()):
            yield "attribute", f"a saved {item.type} needs {name!r}", (number,)
        references += [(number, reference.type, reference.id) for reference in item.references]
        yield from _inner(item, number)
    for number, kind, id in references:
        if (kind, id) not in seen:
            yield "reference", f"there is no {kind} {id}", (number,)


def _inner(item: SavedObject, number: int) -> Iterator[Problem]:
    """JSON in strings, and references by name."""
    names = {reference.name for reference in item.references}
    texts = {key: value for key, value in item.attributes.items() if key.endswith("JSON")}
    texts |= dict(item.attributes.get("kibanaSavedObjectMeta") or {})
    for key, value in texts.items():
        try:
            inner = json.loads(value)
        except (TypeError, ValueError):
            yield "malformed", f"{key} is not JSON", (number,)
            continue
        if (
            isinstance(inner, dict)
            and isinstance(inner.get("indexRefName"), str)
            and inner["indexRefName"] not in names
        ):
            yield "reference", f"{key} names a reference that is not there: {inner['indexRefName']}", (number,)
        for panel in inner if key == "panelsJSON" and isinstance(inner, list) else ():
            name = panel.get("panelRefName")
            if name and f"{panel.get('panelIndex')}:{name}" not in names:
                yield "reference", f"the panel {panel.get('panelIndex')} has no reference", (number,)


def _secrets(value: Any, path: Path) -> Iterator[Problem]:
    """A secret is a reference to a keystore."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str) and _SECRET.search(str(key)) and not inner.startswith("${"):
                yield "secret", f"{key} is a value; it belongs into a keystore", (*path, str(key))
            yield from _secrets(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _secrets(inner, (*path, index))


def _leaves(properties: dict[str, Any], above: str) -> Iterator[str]:
    for name, value in properties.items():
        if inner := value.get("properties"):
            yield from _leaves(inner, f"{above}{name}.")
        else:
            yield above + name


def _meet(one: str, two: str) -> bool:
    """Whether two index patterns can mean the same index; enough for patterns that end in their only star."""
    return fnmatchcase(one, two) or fnmatchcase(two, one)


def _part(path: str) -> str:
    """What a path is below the folder `elk`; empty if it is outside."""
    head, found, rest = f"/{path}".partition("/elk/")
    return rest if found and head else ""


def _folder(path: str) -> str:
    parent = str(PurePosixPath(_part(path)).parent)
    return parent if parent in JSON_FILES and path.endswith(".json") else ""
