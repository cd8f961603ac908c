"""GitHub's OpenAPI description as a judge: of every request that we send, and of every answer that the emulator gives."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.github.extract import DESCRIPTION

_METHODS = ("get", "put", "post", "patch", "delete")
ANYWHERE = (401, 403, 404, 409, 410, 422, 429, 500, 502, 503)
"""Refusals that GitHub gives on any call, described there or not: their body is a `basic-error`."""


class Violation(AssertionError):
    """Something that GitHub's description does not allow."""


@dataclass(frozen=True)
class Operation:
    """One operation, and the values in its path."""

    id: str
    pointer: str
    data: dict[str, Any]
    path: dict[str, str]


class Contract:
    """The description, ready to judge."""

    def __init__(self) -> None:
        self.document = _nullable(json.loads(DESCRIPTION.read_text(encoding="utf-8")))
        self._registry = Registry().with_resource("urn:github", Resource(self.document, DRAFT202012))
        self._validators: dict[str, jsonschema.Draft202012Validator] = {}
        # The one with the fewest names in it first: `/pulls/{n}` must not be taken for something more general.
        self._paths = sorted(self.document["paths"], key=lambda path: path.count("{"))

    def match(self, method: str, path: str) -> Operation | None:
        """The operation that a request is for."""
        for template in self._paths:
            pattern = re.sub(r"\\{(\w+)\\}", lambda name: f"(?P<{name[1]}>{_value(name[1])})", re.escape(template))
            found = re.fullmatch(pattern, path)
            item = self.document["paths"][template].get(method.lower())
            if found and item:
                pointer = f"/paths/{template.replace('~', '~0').replace('/', '~1')}/{method.lower()}"
                return Operation(item["operationId"], pointer, item, found.groupdict())
        return None

    def check_request(self, operation: Operation, query: dict[str, str], body: Any) -> None:
        """Raises Violation for an unknown or wrong parameter, field or value."""
        known = {}
        for item in operation.data.get("parameters", ()):
            parameter = self._resolved(item)
            known[(parameter["in"], parameter["name"])] = parameter["schema"]
        for name, text in query.items():
            schema = known.get(("query", name))
            if schema is None:
                raise Violation(f"{operation.id}: there is no parameter {name!r}")
            self._check(_typed(text, self._resolved(schema)), schema, f"{operation.id} ?{name}")
        for name, text in operation.path.items():
            if ("path", name) in known:
                schema = known[("path", name)]
                self._check(_typed(text, self._resolved(schema)), schema, f"{operation.id} {{{name}}}")
        if "requestBody" not in operation.data:
            if body is not None:
                raise Violation(f"{operation.id} takes no body")
            return
        schema = operation.data["requestBody"]["content"]["application/json"]["schema"]
        if body is None:
            if operation.data["requestBody"].get("required"):
                raise Violation(f"{operation.id} needs a body")
            return
        self._check(body, schema, f"{operation.id} body")
        self._no_more(body, self._resolved(schema), f"{operation.id} body")

    def check_response(self, operation: Operation, status: int, body: Any) -> None:
        """Raises Violation for a status that the operation does not have, or a body that does not fit."""
        described = operation.data["responses"].get(str(status))
        content = self._resolved(described).get("content", {}) if described else {}
        if described is None or (status >= 400 and not content):
            if described is None and status not in ANYWHERE:
                raise Violation(f"{operation.id} does not answer {status}")
            self._check(body, {"$ref": "#/components/schemas/basic-error"}, f"{operation.id} {status}")
            return
        if "application/json" in content:
            self._check(body, content["application/json"]["schema"], f"{operation.id} {status}")
        elif body is not None:
            raise Violation(f"{operation.id} {status} has no body")

    def sample(self, operation: str, status: int, **values: Any) -> Any:
        """A smallest body that fits an operation's answer, with these values in it, to any depth."""
        for item in self.document["paths"].values():
            for data in item.values():
                if data["operationId"] == operation:
                    content = self._resolved(data["responses"][str(status)])["content"]["application/json"]
                    return laid_over(self._smallest(content["schema"]), values)
        raise KeyError(operation)

    def sample_of(self, schema: str, **values: Any) -> Any:
        """As `sample`, for a named schema."""
        return laid_over(self._smallest({"$ref": f"#/components/schemas/{schema}"}), values)

    def _check(self, value: Any, schema: dict[str, Any], where: str) -> None:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            absolute = json.loads(key.replace('"#/components', '"urn:github#/components'))
            self._validators[key] = jsonschema.Draft202012Validator(absolute, registry=self._registry)
        errors = sorted(self._validators[key].iter_errors(value), key=lambda error: len(error.absolute_path))
        if errors:
            error = errors[0]
            raise Violation(f"{where}: {'/'.join(map(str, error.absolute_path))}: {error.message}"[:1000])

    def _no_more(self, value: Any, schema: dict[str, Any], where: str) -> None:
        """GitHub passes over unknown fields; we do not send any."""
        if isinstance(value, list) and "items" in schema:
            for item in value:
                self._no_more(item, self._resolved(schema["items"]), where)
        if not isinstance(value, dict) or "properties" not in schema:
            return
        if schema.get("additionalProperties") is not True and (more := value.keys() - schema["properties"].keys()):
            raise Violation(f"{where}: there is no field {sorted(more)[0]!r}")
        for name, item in value.items():
            if name in schema["properties"]:
                self._no_more(item, self._resolved(schema["properties"][name]), f"{where} {name}")

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            found: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        if "anyOf" in node and {"type": "null"} in node["anyOf"]:
            return self._resolved(next(item for item in node["anyOf"] if item != {"type": "null"}))
        return node

    def _smallest(self, schema: dict[str, Any]) -> Any:
        while "$ref" in schema:
            schema = self._resolved({"$ref": schema["$ref"]})
        for key in ("anyOf", "oneOf"):
            if key in schema:
                options = schema[key]
                return None if {"type": "null"} in options else self._smallest(options[0])
        if "allOf" in schema:
            merged: dict[str, Any] = {}
            for item in schema["allOf"]:
                merged |= self._smallest(item)
            return merged
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object" if "properties" in schema else None)
        if kind == "object":
            return {name: self._smallest(schema["properties"][name]) for name in schema.get("required", ())}
        simple: dict[Any, Any] = {"array": [], "integer": 1, "number": 1, "boolean": False}
        if kind in simple:
            return simple[kind]
        formats = {"date-time": "2026-11-27T10:00:00Z", "uri": "https://github.example/x", "email": "x@github.example"}
        return formats.get(schema.get("format", ""), "x")


@cache
def contract() -> Contract:
    """The one contract of a process."""
    return Contract()


def laid_over(base: Any, values: Any) -> Any:
    """Values over a sample, dictionary by dictionary."""
    if isinstance(base, dict) and isinstance(values, dict):
        return {**base, **{key: laid_over(base.get(key), value) for key, value in values.items()}}
    return values


def _value(name: str) -> str:
    return ".+" if name == "ref" else "[^/]+"


def _typed(text: str, schema: dict[str, Any]) -> Any:
    """A value of a URL, as the schema has it."""
    kinds = {item.get("type") for item in schema.get("oneOf", schema.get("anyOf", [schema]))}
    if "integer" in kinds and re.fullmatch(r"-?\d+", text):
        return int(text)
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    return text


def _nullable(node: Any) -> Any:
    """OpenAPI 3.0 says `nullable`; JSON Schema says `anyOf` with null."""
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _nullable(value) for key, value in node.items()}
    if found.get("nullable") is True:
        del found["nullable"]
        return {"anyOf": [found, {"type": "null"}]}
    return found
