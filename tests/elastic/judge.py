"""Elastic's own types as the judge of every request to Elasticsearch, and of every answer that the emulator gives."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from tests.elastic.extract import DESCRIPTION, OPERATIONS, REFUSAL


@cache
def _definitions() -> dict[str, Any]:
    """The description, with a property of a mapping read as the one that its `type` names.

    All 53 kinds are told apart by it. Tried one after the other, each with the properties in it, they would take for ever.
    """
    read: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["definitions"]
    chain: Any = {"$ref": "#/definitions/MappingObjectProperty"}
    for option in read["MappingProperty"]["anyOf"]:
        kind = read[option["$ref"].rpartition("/")[2]]["properties"]["type"]["const"]
        chain = {"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": option, "else": chain}
    return {**read, "MappingProperty": chain}


@cache
def _validator(name: str) -> Draft7Validator:
    definitions = _definitions()
    return Draft7Validator({"$ref": f"#/definitions/{name}", "definitions": definitions})


def problems(name: str, value: Any) -> list[str]:
    """What is wrong with a value of a named type."""
    return [f"{'.'.join(map(str, error.path))}: {error.message}"[:500] for error in _validator(name).iter_errors(value)]


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What Elastic's types have against a call and its answer. A role that is not there is an empty object."""
    for verb, template, request, answer in OPERATIONS:
        if verb == method and re.fullmatch(template.replace("{name}", "[^/]+"), path):
            found = [f"unknown query {key}" for key in query]
            found += problems(request, sent) if request else [f"a body: {sent}"] if sent else []
            if status < 400 or (status == 404 and answer == "SecurityGetRoleResponse"):
                found += problems(answer, said)
            else:
                found += problems(REFUSAL, said)
            return [f"{method} {path}: {item}" for item in found]
    return [f"there is no {method} {path}"]
