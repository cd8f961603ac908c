"""From what a model wrote to a typed value: tolerant of what surrounds the JSON, strict about the JSON itself."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import cache
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from hug_agents.errors import ModelAnswerInvalid

T = TypeVar("T", bound=BaseModel)

_THINKING = re.compile(r"\A(?!\s*\{).*?</think>", re.DOTALL)
"""What comes before the answer; a server may have cut off the tag that opens it."""
_OBJECT = re.compile(r'\{\s*"')
"""How a JSON object begins that says something; a brace among words does not."""
_MORE = re.compile(r'\{\s*["}]')
MAX_CHARACTERS = 200_000
_DEFECTS_SHOWN = 6
_KEPT = {
    *(
        "$ref",
        "$defs",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "anyOf",
        "enum",
    ),
    *("const", "description", "maxItems", "minItems", "maxLength", "minLength", "maximum", "minimum"),
}


def read_json(text: str) -> Any:
    """The one JSON object in a text, with or without words or a code fence round it. Raises ModelAnswerInvalid.

    Refused: no object, a second object, a key given twice, NaN and infinities, a text that ends in the middle.
    """
    if len(text) > MAX_CHARACTERS:
        raise ModelAnswerInvalid(f"the answer has {len(text)} characters, more than {MAX_CHARACTERS}")
    body = _THINKING.sub("", text)
    begin = _OBJECT.search(body)
    start = begin.start() if begin else body.find("{")
    if start < 0:
        raise ModelAnswerInvalid("the answer holds no JSON object")
    decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
    try:
        value, end = decoder.raw_decode(body, start)
    except json.JSONDecodeError as error:
        raise ModelAnswerInvalid(f"the answer is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise ModelAnswerInvalid("the answer is nested too deeply") from None
    except ValueError:
        raise ModelAnswerInvalid("the answer holds a number that is too long") from None
    if _MORE.search(body, end):
        raise ModelAnswerInvalid("the answer holds more than one JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ModelAnswerInvalid(f"the answer gives the key {twice[:80]!r} twice")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ModelAnswerInvalid(f"the answer holds {name}, which is not JSON")


def read_value(value: Any, schema: type[T]) -> T:
    """Validate against the schema. The error names fields and rules, never the values."""
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        defects = error.errors(include_url=False, include_context=False, include_input=False)
        shown = [f"{'.'.join(map(str, item['loc'])) or 'answer'}: {item['msg']}" for item in defects[:_DEFECTS_SHOWN]]
        more = f"; and {len(defects) - len(shown)} more" if len(defects) > len(shown) else ""
        raise ModelAnswerInvalid(
            f"the answer does not fit the schema {schema.__name__}: {'; '.join(shown)}{more}"
        ) from None


def wire_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema that a provider is sent: closed, every property required, patterns and defaults left out.

    Providers support different keywords; what is left out here is still checked when the answer is read.
    """
    return deepcopy(_wire_schema(schema))


@cache
def _wire_schema(schema: type[BaseModel]) -> dict[str, Any]:
    full = schema.model_json_schema(mode="validation")
    return {
        "title": schema.__name__,
        "description": (schema.__doc__ or schema.__name__).strip().splitlines()[0],
        **_wire(full),
    }


def _wire(node: Any) -> Any:
    if isinstance(node, list):
        return [_wire(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _wire(value) for key, value in node.items() if key in _KEPT and key not in ("properties", "$defs")}
    for table in ("properties", "$defs"):
        if table in node:
            kept[table] = {name: _wire(value) for name, value in node[table].items()}
    if "properties" in kept:
        kept["required"] = list(kept["properties"])
        kept["additionalProperties"] = False
    return kept
