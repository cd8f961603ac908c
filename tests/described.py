"""A vendor's API description, written over by hand, as the judge of every call to an emulator and of every answer.

An operation is a method, a pattern of paths, what may be asked and sent, and what it answers by status. Bodies are closed: a
property that the description does not name is a violation, whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

Schema = dict[str, Any]
STRING: Schema = {"type": "string"}
UUID: Schema = {"type": "string", "format": "uuid"}
TIME: Schema = {"type": "string", "format": "date-time"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
ANYTHING: Schema = {}
OBJECT: Schema = {"type": "object"}
TEXT: Schema = {"type": "string", "contentMediaType": "text/plain"}
"""A body that is no JSON."""
NOTHING: Schema = {"type": "null"}


def nullable(schema: Schema) -> Schema:
    """It, or null."""
    return {"anyOf": [schema, NOTHING]}


def one_of(*values: str) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(values)}


def many(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def body(required: str = "", /, **properties: Schema) -> Schema:
    """A closed object; `required` names the properties that must be there."""
    return {"type": "object", "properties": properties, "required": required.split(), "additionalProperties": False}


@dataclass(frozen=True)
class Operation:
    """One operation of a description."""

    method: str
    path: str
    """A regular expression of the whole path."""
    answers: Mapping[int, Schema]
    sent: Schema | None = None
    """None: it takes no body."""
    query: Mapping[str, Schema] = field(default_factory=dict)


def problems(schema: Schema, value: Any) -> list[str]:
    """What is wrong with a value."""
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    return [f"{'.'.join(map(str, error.path))}: {error.message}"[:500] for error in validator.iter_errors(value)]


def judged(
    operations: tuple[Operation, ...],
    refusal: Schema,
    method: str,
    path: str,
    query: Mapping[str, str],
    sent: Any,
    status: int,
    said: Any,
) -> list[str]:
    """What a description has against a call and its answer; a status that it does not name must say `refusal`."""
    operation = next((item for item in operations if item.method == method and re.fullmatch(item.path, path)), None)
    if operation is None:
        return [f"there is no {method} {path}"]
    found = [f"unknown query {key}" for key in query.keys() - operation.query.keys()]
    for key, text in query.items():
        if key in operation.query:
            found += [f"?{key}: {item}" for item in problems(operation.query[key], _typed(text, operation.query[key]))]
    if operation.sent is None:
        found += [f"a body: {sent}"] if sent is not None else []
    else:
        found += problems(operation.sent, sent)
    if status < 400 and status not in operation.answers:
        found.append(f"it does not answer {status}")
    else:
        found += problems(operation.answers.get(status, refusal), said)
    return [f"{method} {path}: {item}" for item in found]


def _typed(text: str, schema: Schema) -> Any:
    """A value of a URL, as its schema has it."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text.split(",") if kind == "array" else text
