"""What a provider is sent as a schema is closed and bounded: a small model cannot go on for ever inside it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

import hug_agents.agents
from hug_agents.agents.answers import wire_schema
from hug_agents.spec import Model

PROMPTS = sorted((Path(__file__).parents[2] / "prompts").glob("*/*.md"))
OUTPUTS = sorted({yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1])["output"] for path in PROMPTS})
for module in pkgutil.iter_modules(hug_agents.agents.__path__):
    importlib.import_module(f"hug_agents.agents.{module.name}")


def schemas(cls: type[BaseModel] = Model) -> Iterator[type[BaseModel]]:
    for child in cls.__subclasses__():
        yield child
        yield from schemas(child)


# By module: a document of the workflow may share a name with what a model is asked for.
NAMED = {
    cls.__name__: cls for cls in schemas() if cls.__module__.startswith(("hug_agents.agents", "hug_agents.reading"))
}


def unbounded(node: Any, table: dict[str, Any], at: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """Where a value may be of any size."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name in seen:
            yield f"{at}: {name} holds itself"
        else:
            yield from unbounded(table[name], table, at, (*seen, name))
    for number, way in enumerate(node.get("anyOf", ())):
        yield from unbounded(way, table, f"{at}|{number}", seen)
    if "enum" in node or "const" in node:
        return
    kind = node.get("type")
    if kind == "string" and "maxLength" not in node:
        yield f"{at}: a string without maxLength"
    if kind in ("integer", "number") and not {"minimum", "maximum"} <= node.keys():
        yield f"{at}: a number without minimum and maximum"
    if kind == "array":
        if "maxItems" not in node:
            yield f"{at}: a list without maxItems"
        yield from unbounded(node.get("items", {}), table, f"{at}[]", seen)
    if kind == "object":
        if node.get("additionalProperties") is not False:
            yield f"{at}: an object that is open"
        for name, inner in node.get("properties", {}).items():
            yield from unbounded(inner, table, f"{at}.{name}", seen)
    if not node.keys() & {"$ref", "anyOf", "type"}:
        yield f"{at}: anything"


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_schema_is_bounded(name: str) -> None:
    wire = wire_schema(NAMED[name])
    assert list(unbounded(wire, wire.get("$defs", {}), name)) == []


def test_what_is_unbounded_is_found() -> None:
    class Loose(Model):
        text: str
        many: tuple[int, ...]
        inner: dict[str, str]

    found = list(unbounded(wire_schema(Loose), {}, "Loose"))
    assert [line.partition(": ")[2] for line in found] == [
        "a string without maxLength",
        "a list without maxItems",
        "a number without minimum and maximum",
        "an object that is open",
    ]
