"""CloudFormation templates as rules read them: resources, every value with its line, functions in one form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from hug_agents.validate.located import Malformed
from hug_agents.yamls import LOADER

_LONG = {"Ref", "Condition"}
"""Functions whose long form has no `Fn::` before it."""


@dataclass(frozen=True)
class Item:
    """A value of a template, and where it stands."""

    value: Any
    """A plain value, a dict or a list of items; what a function is given, for a function."""
    line: int
    function: str = ""
    """`Sub`, `Ref`, `If` and the like; empty for plain values."""

    def get(self, *path: str | int) -> Item | None:
        """The item below, by keys and indexes; None if there is none. An `If` on the way is None: see `choices`."""
        item: Item | None = self
        for step in path:
            if item is None or item.function:
                return None
            if isinstance(step, str):
                item = item.value.get(step) if isinstance(item.value, dict) else None
            else:
                item = item.value[step] if isinstance(item.value, list) and step < len(item.value) else None
        return item

    def choices(self) -> Iterator[Item]:
        """What it can be: both sides of an `If`, nothing for NoValue, else itself."""
        if self.function == "If":
            for side in self.value[1:] if isinstance(self.value, list) else ():
                yield from side.choices()
        elif not (self.function == "Ref" and self.value == "AWS::NoValue"):
            yield self

    def rows(self) -> Iterator[Item]:
        """The items of a list, or the one item that stands for a list."""
        for choice in self.choices():
            for item in choice.value if isinstance(choice.value, list) and not choice.function else (choice,):
                yield from item.choices()

    @property
    def text(self) -> str:
        """A scalar as text, that of a `Sub` too; empty for everything else."""
        value = self.value
        if self.function == "Sub" and isinstance(value, list) and value:
            value = value[0].value
        elif self.function and self.function != "Sub":
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if isinstance(value, str | int | float) else ""

    def walk(self) -> Iterator[Item]:
        """It and everything below."""
        yield self
        below = self.value.values() if isinstance(self.value, dict) else self.value
        for item in below if isinstance(below, list) or not isinstance(below, str | int | float | None) else ():
            if isinstance(item, Item):
                yield from item.walk()

    def document(self) -> Item:
        """What a text of JSON says, such as a policy in a `Sub`; itself where it is none."""
        if not self.text.lstrip().startswith("{"):
            return self
        try:
            node = yaml.compose(self.text, Loader=LOADER)
        except yaml.YAMLError:
            return self
        if node is None:
            return self
        # a text on lines of its own begins behind the line of its `|`
        return _item(node, self.line - 1 + ("\n" in self.text))


@dataclass(frozen=True)
class Resource:
    """One resource of a template."""

    file: str
    name: str
    type: str
    line: int
    body: Item

    def get(self, *path: str | int) -> Item | None:
        """One of its properties."""
        return self.body.get("Properties", *path)

    def text(self, *path: str | int) -> str:
        """A property as text; empty where it has none, or where a function gives it."""
        found = self.get(*path)
        return found.text if found else ""

    def at(self, *path: str | int) -> int:
        """The line of a property, of the nearest above it, or of the resource."""
        for length in range(len(path), 0, -1):
            if found := self.get(*path[:length]):
                return found.line
        return self.line


@lru_cache(maxsize=64)
def read(file: str, text: str) -> tuple[tuple[Resource, ...], Item]:
    """The resources of a template, and the whole template. Raises Malformed."""
    try:
        node = yaml.compose(text, Loader=LOADER)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Malformed(str(error), 0) from None
    whole = _item(node, 0) if node is not None else Item({}, 1)
    found = whole.get("Resources")
    resources = []
    for name, body in found.value.items() if found and isinstance(found.value, dict) else ():
        type = body.get("Type")
        if type is not None:
            resources.append(Resource(file, name, type.text, body.line, body))
    return tuple(resources), whole


def _item(node: yaml.Node, offset: int, line: int = 0) -> Item:
    line = line or node.start_mark.line + 1 + offset
    function = node.tag.removeprefix("!") if node.tag.startswith("!") else ""
    if isinstance(node, yaml.MappingNode):
        # a key has the line of its own, so that a finding points at its name
        value = {
            key.value: _item(item, offset, key.start_mark.line + 1 + offset)
            for key, item in node.value
            if isinstance(key, yaml.ScalarNode)
        }
        if not function and len(value) == 1:
            [(key, inner)] = value.items()
            long = key.removeprefix("Fn::")
            if key.startswith("Fn::") or (key in _LONG and isinstance(inner.value, str) and not inner.function):
                # the lines of a text are counted from its own key
                return Item(inner.value, inner.line if long == "Sub" else line, long)
        return Item(value, line, function)
    if isinstance(node, yaml.SequenceNode):
        return Item([_item(item, offset) for item in node.value], line, function)
    return Item(node.value if function else _plain(node), line, function)


def _plain(node: yaml.Node) -> Any:
    loader = LOADER("")
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError):
        return node.value
    finally:
        loader.dispose()
