"""JSON, YAML and TOML as one kind of tree that knows its lines: no recursion, no alias expanded."""

from __future__ import annotations

import json
import json.decoder
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from hug_agents.scan.source import Source
from hug_agents.yamls import LOADER

DEPTH = 64
"""Levels of nesting; a deeper document is refused."""

Content = str | dict[str, "Node"] | list["Node"] | None


class Refused(ValueError):
    """A document that cannot be read, or that is built to cost too much."""


@dataclass(slots=True, eq=False)
class Node:
    """A value and the line it starts on. Scalars stay text, as they are written."""

    value: Content
    line: int

    def get(self, *keys: str) -> Node | None:
        """The node below, key by key; None where there is none. A YAML merge key (`<<`) is looked through once."""
        node: Node | None = self
        for key in keys:
            if node is None or not isinstance(node.value, dict):
                return None
            node = node.value.get(key) or node._merged(key)
        return node

    def _merged(self, key: str) -> Node | None:
        below = self.value.get("<<") if isinstance(self.value, dict) else None
        sources = below.value if below is not None and isinstance(below.value, list) else [below]
        for source in sources[:8]:
            if source is not None and isinstance(source.value, dict) and key in source.value:
                return source.value[key]
        return None

    def text(self, *keys: str) -> str:
        """The scalar below, or the empty text."""
        node = self.get(*keys)
        return node.value if node is not None and isinstance(node.value, str) else ""

    def items(self, *keys: str) -> list[tuple[str, Node]]:
        """The pairs of the mapping below; none if it is no mapping."""
        node = self.get(*keys)
        return list(node.value.items()) if node is not None and isinstance(node.value, dict) else []

    def elements(self, *keys: str) -> list[Node]:
        """The elements of the list below; none if it is no list."""
        node = self.get(*keys)
        return node.value if node is not None and isinstance(node.value, list) else []


def read_json(source: Source) -> Node:
    """A JSON document. Raises Refused."""
    tree = _json_tree(source.text)
    try:
        json.loads(source.text)
    except (ValueError, RecursionError) as error:
        raise Refused("not valid JSON") from error
    return tree


# The standard library's own reader of one JSON string; typeshed leaves it out.
_scanstring: Callable[[str, int, bool], tuple[str, int]] = vars(json.decoder)["scanstring"]
_TOKEN = re.compile(r"[ \t\r]*(?:(\n)|([{}\[\],:])|(\")|([^\s{}\[\],:\"]+))")


class _Builder:
    """A tree in the making: nodes arrive one after another, with a stack instead of recursion."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._stack: list[Node] = []
        self._keys: list[str | None] = []

    def put(self, node: Node, opens: bool) -> None:
        """The next key, value or element; `opens`: what follows goes into it."""
        above = self._stack[-1].value if self._stack else None
        if not self._stack:
            self.root = self.root or node
        elif isinstance(above, list):
            above.append(node)
        elif isinstance(above, dict) and self._keys[-1] is None:
            self._keys[-1] = node.value if isinstance(node.value, str) else "\0"
        elif isinstance(above, dict) and self._keys[-1] is not None:
            above[self._keys[-1]] = node
            self._keys[-1] = None
        if opens:
            self._stack.append(node)
            self._keys.append(None)
            if len(self._stack) > DEPTH:
                raise Refused(f"nested more than {DEPTH} levels deep")

    def close(self) -> None:
        """The innermost mapping or list ends. Raises Refused if none is open."""
        if not self._stack:
            raise Refused("a bracket closes that was not opened")
        self._stack.pop()
        self._keys.pop()


def _json_tree(text: str) -> Node:
    builder = _Builder()
    line, at = 1, 0
    while match := _TOKEN.match(text, at):
        at = match.end()
        newline, mark, string, word = match.groups()
        if newline:
            line += 1
        elif mark in ("]", "}"):
            builder.close()
        elif string:
            try:
                value, at = _scanstring(text, at, False)
            except ValueError as error:
                raise Refused("not valid JSON") from error
            builder.put(Node(value, line), opens=False)
        elif mark in ("{", "["):
            builder.put(Node({} if mark == "{" else [], line), opens=True)
        elif word:
            builder.put(Node(word, line), opens=False)
    if builder.root is None:
        raise Refused("not valid JSON")
    return builder.root


def read_yaml(source: Source) -> list[Node]:
    """The documents of a YAML file. An alias is the anchor's own node, never a copy. Raises Refused."""
    try:
        return list(_yaml_documents(source.text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise error if isinstance(error, Refused) else Refused("not valid YAML") from error


def _yaml_documents(text: str) -> Iterator[Node]:
    anchors: dict[str, Node] = {}
    builder = _Builder()
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.DocumentStartEvent):
            anchors, builder = {}, _Builder()
        elif isinstance(event, yaml.DocumentEndEvent):
            if builder.root is not None:
                yield builder.root
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            builder.close()
        elif isinstance(event, yaml.NodeEvent):
            builder.put(_yaml_node(event, anchors), opens=isinstance(event, yaml.CollectionStartEvent))


def _yaml_node(event: yaml.NodeEvent, anchors: dict[str, Node]) -> Node:
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise Refused("not valid YAML")
        return anchors[event.anchor]
    value: Content
    if isinstance(event, yaml.ScalarEvent):
        value = event.value
    else:
        value = {} if isinstance(event, yaml.MappingStartEvent) else []
    node = Node(value, event.start_mark.line + 1 if event.start_mark else 1)
    if event.anchor:
        anchors[event.anchor] = node
    return node


def read_toml(source: Source) -> Node:
    """A TOML document. Its parser keeps no lines, so each is looked up by table and key. Raises Refused."""
    if any(line.split("=", 1)[0].count(".") > DEPTH for line in source.lines):
        raise Refused(f"a key of more than {DEPTH} parts")
    try:
        data = tomllib.loads(source.text)
    except (ValueError, RecursionError) as error:
        raise Refused("not valid TOML") from error
    return _toml_tree(data, _TomlLines(source))


_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]{1,300})\s*=")


class _TomlLines:
    """Where each key of each table is written."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(source.lines, start=1):
            if line.lstrip().startswith("[") and "]" in line:
                table = _parts(line.split("]", 1)[0].strip(" \t["))
                self._at.setdefault(table, number)
            elif key := _KEY.match(line[:500]):
                parts = _parts(key[1])
                for count in range(1, len(parts) + 1):
                    self._at.setdefault((*table, *parts[:count]), number)

    def of(self, path: tuple[str, ...], above: int) -> int:
        return self._at.get(path, above)

    def of_element(self, text: str, above: int) -> int:
        return self._source.find(text, start=above, within=500) if text else above


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in key.split("."))


def _toml_tree(data: dict[str, Any], lines: _TomlLines) -> Node:
    root = Node({}, 1)
    waiting: list[tuple[Any, Node, tuple[str, ...]]] = [(data, root, ())]
    while waiting:
        value, node, path = waiting.pop()
        if len(path) > DEPTH:
            raise Refused(f"nested more than {DEPTH} levels deep")
        if isinstance(node.value, dict):
            for key, inner in value.items():
                below = (*path, key)
                child = Node(_empty(inner), lines.of(below, node.line))
                node.value[key] = child
                waiting.append((inner, child, below))
        elif isinstance(node.value, list):
            at = node.line
            for inner in value[:2_000]:
                if isinstance(inner, str):
                    at = lines.of_element(inner[:200], at)
                child = Node(_empty(inner), at)
                node.value.append(child)
                waiting.append((inner, child, (*path, "[]")))
    return root


def _empty(value: Any) -> Content:
    if isinstance(value, dict):
        return {}
    if isinstance(value, list):
        return []
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
