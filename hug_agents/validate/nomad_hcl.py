"""Nomad's HCL as the job that its HTTP API takes: variables put in, blocks renamed, durations in nanoseconds.

The names and types are those of Nomad's own Go structures, as the package nomadpy carries them, generated.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from hug_agents.validate.hcl import Attribute, Block, parse
from hug_agents.validate.located import Malformed

_SECOND = 1_000_000_000
_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")
_REFERENCE = re.compile(r'var\.([A-Za-z_][A-Za-z0-9_-]*)(?:\["((?:[^"\\]|\\.)*)"\])?')
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HEREDOC = re.compile(r"<<(-?)([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\r?\n(.*)^[ \t]*\2[ \t]*\Z", re.DOTALL | re.MULTILINE)
_TEMPLATE = re.compile(r"(?<!\$)\$\{([^}]*)\}")

# HCL's name: Nomad's field, where they differ. Plural blocks become lists.
_RENAMED = {
    "Job": {
        "constraint": "constraints",
        "group": "task_groups",
        "affinity": "affinities",
        "spread": "spreads",
        "parameterized": "parameterized_job",
    },
    "TaskGroup": {
        "constraint": "constraints",
        "task": "tasks",
        "spread": "spreads",
        "restart": "restart_policy",
        "reschedule": "reschedule_policy",
        "network": "networks",
        "service": "services",
        "affinity": "affinities",
    },
    "Task": {
        "constraint": "constraints",
        "template": "templates",
        "service": "services",
        "restart": "restart_policy",
        "logs": "log_config",
        "artifact": "artifacts",
        "affinity": "affinities",
    },
    "Service": {"port": "port_label", "check": "checks"},
    "ServiceCheck": {"port": "port_label"},
    "Template": {
        "data": "embedded_tmpl",
        "destination": "dest_path",
        "env": "envvars",
        "source": "source_path",
        "error_on_missing_key": "err_missing_key",
        "left_delimiter": "left_delim",
        "right_delimiter": "right_delim",
    },
    "Constraint": {"attribute": "l_target", "value": "r_target", "operator": "operand"},
    "PeriodicConfig": {"cron": "spec", "crons": "specs"},
    "Resources": {"memory": "memory_mb", "memory_max": "memory_max_mb"},
    "LogConfig": {"max_file_size": "max_file_size_mb"},
    "Port": {"static": "value"},
}
_LABELLED = {"Job": "id", "TaskGroup": "name", "Task": "name", "Port": "label"}
_OPERATORS = {"": "=", "==": "=", "is": "="}


class Wrong(Exception):
    """Something that Nomad would not take, and the line of the file."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Place:
    """A value of the job, and the line where it was written."""

    path: tuple[str, ...]
    line: int


class Reading:
    """One job file, with the values of its variables."""

    def __init__(self, text: str, values: Mapping[str, Any]) -> None:
        self._values = values
        self.root = parse(text)
        self.lines: dict[tuple[str, ...], int] = {}

    def job(self) -> dict[str, Any]:
        """The job as the API takes it. Raises Wrong."""
        from nomadpy.jobs import Job  # type: ignore[import-untyped]

        found = list(self.root.of("job"))
        if len(found) != 1 or len(found[0].labels) != 1:
            raise Wrong("a job file holds one job with one name", found[1].line if len(found) > 1 else 1)
        job = self._block(found[0], Job, ())
        job.setdefault("Name", job["ID"])
        return job

    def variables(self) -> dict[str, str]:
        """The variables that the file declares, each with its type as written."""
        return {block.labels[0]: block.text("type") for block in self.root.of("variable") if block.labels}

    def line(self, *path: str) -> int:
        """The line of a value, or of its nearest ancestor."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def _block(self, block: Block, model: type, path: tuple[str, ...]) -> dict[str, Any]:
        fields, hints = _shape(model)
        renamed = _RENAMED.get(model.__name__, {})
        self.lines[path] = block.line
        made: dict[str, Any] = {}
        if label := _LABELLED.get(model.__name__):
            if len(block.labels) != 1:
                raise Wrong(f"{block.type} has one name", block.line)
            made[_key(fields[label])] = block.labels[0]
        elif block.labels:
            raise Wrong(f"{block.type} has no name", block.line)
        for attribute in block.attributes.values():
            name = renamed.get(attribute.name, attribute.name)
            if name not in fields or name == _LABELLED.get(model.__name__):
                raise Wrong(f"Nomad's {model.__name__} has no attribute {attribute.name!r:.60}", attribute.line)
            key = _key(fields[name])
            self.lines[(*path, key)] = attribute.line
            made[key] = _typed(self._value(attribute), hints[name], attribute)
        for inner in block.blocks:
            self._inner(inner, model, fields, hints, renamed, made, path)
        if model.__name__ == "Constraint":
            operand = made.get("Operand", "")
            made["Operand"] = _OPERATORS.get(operand, operand)
        return made

    def _inner(self, inner: Block, model: type, fields: Any, hints: Any, renamed: Any, made: Any, path: Any) -> None:
        if model.__name__ == "NetworkResource" and inner.type == "port":
            from nomadpy.resources import Port  # type: ignore[import-untyped]

            kind = "ReservedPorts" if "static" in inner.attributes else "DynamicPorts"
            made.setdefault(kind, []).append(self._block(inner, Port, (*path, kind, str(len(made.get(kind, []))))))
            return
        name = renamed.get(inner.type, inner.type)
        if name not in fields:
            raise Wrong(f"Nomad's {model.__name__} has no block {inner.type!r:.60}", inner.line)
        key, hint = _key(fields[name]), _bare(hints[name])
        self.lines.setdefault((*path, key), inner.line)
        many = typing.get_origin(hint) is list
        target = typing.get_args(hint)[0] if many else hint
        if dataclasses.is_dataclass(target):
            place = (*path, key, str(len(made.get(key, [])))) if many else (*path, key)
            value: Any = self._block(inner, typing.cast(type, target), place)
        elif typing.get_origin(target) is dict:
            value = self._free(inner)
            if typing.get_args(target)[1] is str:
                value = {word: _text(item, inner.line) for word, item in value.items()}
        else:
            raise Wrong(f"{inner.type!r:.60} is an attribute, not a block", inner.line)
        if many:
            made.setdefault(key, []).append(value)
        elif key in made:
            raise Wrong(f"{inner.type!r:.60} stands twice", inner.line)
        else:
            made[key] = value

    def _free(self, block: Block) -> dict[str, Any]:
        """A block whose names Nomad leaves to a driver or an autoscaler; blocks inside it are lists, as Nomad makes them."""
        made: dict[str, Any] = {name: self._value(item) for name, item in block.attributes.items()}
        for inner in block.blocks:
            value: Any = self._free(inner)
            for label in reversed(inner.labels):
                value = {label: [value]}
            made.setdefault(inner.type, []).append(value)
        return made

    def _value(self, attribute: Attribute) -> Any:
        reader = _Expression(attribute, self._values)
        value = reader.read()
        reader.end()
        return value


class _Expression:
    """The expressions that our files use: literals, lists, maps, `var.NAME`, `concat(...)` and heredocs."""

    def __init__(self, attribute: Attribute, values: Mapping[str, Any]) -> None:
        self._text, self._at, self._line, self._values = attribute.text, 0, attribute.line, values

    def read(self) -> Any:
        self._blank()
        text = self._text
        if found := _HEREDOC.match(text, self._at):
            self._at = len(text)
            return self._put_in(_flush(found[3]) if found[1] else found[3])
        char = text[self._at : self._at + 1]
        if char == '"':
            return self._put_in(self._string())
        if char in ("[", "{"):
            return self._list() if char == "[" else self._map()
        if found := _REFERENCE.match(text, self._at):
            self._at = found.end()
            return self._variable(found[1], found[2])
        if text.startswith("concat(", self._at):
            self._at += len("concat")
            return [item for part in self._list(")") for item in part]
        if found := _NUMBER.match(text, self._at):
            self._at = found.end()
            return float(found[0]) if found[1] else int(found[0])
        if (found := _WORD.match(text, self._at)) and found[0] in ("true", "false", "null"):
            self._at = found.end()
            return {"true": True, "false": False, "null": None}[found[0]]
        raise Wrong(f"this expression is not one that is checked here: {text[self._at : self._at + 40]!r}", self._line)

    def end(self) -> None:
        self._blank()
        if self._at < len(self._text):
            raise Wrong(f"this expression is not one that is checked here: {self._text[:60]!r}", self._line)

    def _blank(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
            self._at += 1

    def _string(self) -> str:
        end = self._at + 1
        while self._text[end] != '"':
            end += 2 if self._text[end] == "\\" else 1
        raw = self._text[self._at : end + 1]
        self._at = end + 1
        try:
            return str(json.loads(raw, strict=False))
        except ValueError:
            raise Wrong(f"a string that cannot be read: {raw[:60]}", self._line) from None

    def _list(self, close: str = "]") -> list[Any]:
        self._at += 1
        found: list[Any] = []
        while True:
            self._blank()
            if self._text[self._at : self._at + 1] == close:
                self._at += 1
                return found
            found.append(self.read())
            self._blank()
            if self._text[self._at : self._at + 1] == ",":
                self._at += 1

    def _map(self) -> dict[str, Any]:
        self._at += 1
        found: dict[str, Any] = {}
        while True:
            self._blank()
            if self._text[self._at : self._at + 1] == "}":
                self._at += 1
                return found
            if self._text[self._at : self._at + 1] == '"':
                key = self._string()
            elif word := _WORD.match(self._text, self._at):
                self._at, key = word.end(), word[0]
            else:
                raise Wrong(f"a key was expected: {self._text[self._at : self._at + 40]!r}", self._line)
            self._blank()
            self._at += self._text[self._at : self._at + 1] in ("=", ":")
            found[key] = self.read()
            self._blank()
            self._at += self._text[self._at : self._at + 1] == ","

    def _variable(self, name: str, key: str | None) -> Any:
        if name not in self._values:
            raise Wrong(f"the variable {name!r:.60} has no value", self._line)
        value = self._values[name]
        if key is None:
            return value
        if not isinstance(value, dict) or key not in value:
            raise Wrong(f"the variable {name!r:.60} has no {key!r:.60}", self._line)
        return value[key]

    def _put_in(self, text: str) -> str:
        """Values for `${var.NAME}`; what Nomad itself puts in at run time stays. `$${` is a dollar and a brace."""

        def one(found: re.Match[str]) -> str:
            inner = found[1].strip()
            reference = _REFERENCE.fullmatch(inner)
            if reference:
                return _text(self._variable(reference[1], reference[2]), self._line)
            if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\-]*", inner):
                return found[0]
            raise Wrong(f"this template is not one that is checked here: {found[0][:60]!r}", self._line)

        # An escape is kept apart while templates are looked for, so that neither is taken for the other.
        kept = text.replace("$${", "\0").replace("%%{", "\1")
        return _TEMPLATE.sub(one, kept).replace("\0", "${").replace("\1", "%{")


def read_values(text: str) -> dict[str, Any]:
    """A file of variables: attributes alone. Raises Wrong, Malformed."""
    root = parse(text)
    if root.blocks:
        raise Wrong("a file of variables has no blocks", root.blocks[0].line)
    reading = Reading("", {})
    return {name: reading._value(item) for name, item in root.attributes.items()}


def nanoseconds(text: str) -> int | None:
    """A Go duration such as `1m30s`; None where it is none."""
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        return 0 if text == "0" else None
    return round(sum(float(part[1]) * _UNITS[part[2]] for part in parts))


def _flush(text: str) -> str:
    """As HCL does for `<<-`: what every line is indented by is taken off."""
    lines = text.split("\n")
    depth = min((len(line) - len(line.lstrip(" \t")) for line in lines if line.strip()), default=0)
    return "\n".join(line[depth:] if line.strip() else "" for line in lines)


@cache
def _shape(model: type) -> tuple[dict[str, dataclasses.Field[Any]], dict[str, Any]]:
    """The fields of one of Nomad's structures, and their types."""
    return {item.name: item for item in dataclasses.fields(typing.cast(Any, model))}, typing.get_type_hints(model)


def _key(field: dataclasses.Field[Any]) -> str:
    from nomadpy.models import json_name  # type: ignore[import-untyped]

    return str(field.metadata.get("json", json_name(field.name)))


def _bare(hint: Any) -> Any:
    """A type without its None."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next(item for item in typing.get_args(hint) if item is not type(None))
    return hint


def _text(value: Any, line: int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Wrong("text was expected", line)


def _typed(value: Any, hint: Any, attribute: Attribute) -> Any:
    hint = _bare(hint)
    said = f"{attribute.name} is {json.dumps(value, ensure_ascii=False)[:60]}, and Nomad wants"
    origin = typing.get_origin(hint)
    if origin is list:
        if not isinstance(value, list):
            raise Wrong(f"{said} a list", attribute.line)
        return [_typed(item, typing.get_args(hint)[0], attribute) for item in value]
    if origin is dict:
        if not isinstance(value, dict):
            raise Wrong(f"{said} a map", attribute.line)
        return value
    if dataclasses.is_dataclass(hint):
        raise Wrong(f"{attribute.name} is a block, not an attribute", attribute.line)
    if hint is int and isinstance(value, str):
        found = nanoseconds(value)
        if found is None:
            raise Wrong(f"{said} a number, or a duration such as 30s", attribute.line)
        return found
    if hint is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if hint is Any:
        return value
    right = isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
    if not right:
        raise Wrong(f"{said} {hint.__name__}", attribute.line)
    return value


def differences(job: Any, model: type, path: str = "Job") -> Iterator[str]:
    """What of a job in JSON Nomad's structures do not know, or have with another type. None: it fits."""
    if not isinstance(job, dict):
        yield f"{path} is no object"
        return
    known, hints = _shape(model)
    fields = {_key(item): item.name for item in known.values()}
    for key, value in job.items():
        if key not in fields:
            yield f"{path}.{key} is not a field of Nomad's {model.__name__}"
        elif value is not None:
            yield from _differs(value, _bare(hints[fields[key]]), f"{path}.{key}")


def _differs(value: Any, hint: Any, path: str) -> Iterator[str]:
    origin = typing.get_origin(hint)
    if origin is list:
        if not isinstance(value, list):
            yield f"{path} is not a list"
        else:
            for number, item in enumerate(value):
                yield from _differs(item, typing.get_args(hint)[0], f"{path}[{number}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{path} is not a map"
        else:
            for name, item in value.items():
                yield from _differs(item, _bare(typing.get_args(hint)[1]), f"{path}.{name}")
    elif dataclasses.is_dataclass(hint):
        yield from differences(value, typing.cast(type, hint), path)
    elif hint is float and isinstance(value, int):
        return
    elif hint is not Any and not (isinstance(value, hint) and (hint is bool or not isinstance(value, bool))):
        yield f"{path} is {value!r:.40}, not {getattr(hint, '__name__', hint)}"


__all__ = ["Malformed", "Reading", "Wrong", "differences", "nanoseconds", "read_values"]
