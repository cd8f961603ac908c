"""YAML and JSON with the line of every value: what lets a finding about `spec.ports.0` name a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import yaml

from hug_agents.yamls import LOADER, problem

Path = tuple[str | int, ...]
"""Keys and indexes."""


class Malformed(Exception):
    """A text that is not YAML or JSON, and the line where that shows."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Located:
    """One document: its plain data, and where each value stands."""

    def __init__(self, node: yaml.Node | None, data: Any) -> None:
        self._node = node
        self.data = data

    def line(self, *path: str | int) -> int:
        """The line of the value at a path of keys and indexes; of its nearest ancestor where there is no such value.

        A key that is itself on a line of its own gives that line: a finding about a mapping points at its name.
        """
        node, line = self._node, self._node.start_mark.line + 1 if self._node is not None else 0
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return line

    def has(self, *path: str | int) -> bool:
        """There is a value at this path."""
        node = self._node
        for step in path:
            found = _child(node, step)
            if found is None:
                return False
            node = found[1]
        return True


def walk(value: Any, path: Path = (), deepest: int | None = None) -> Iterator[tuple[Path, Any]]:
    """A value and everything in it, with the path of each; what lies deeper than `deepest` is left out."""
    yield path, value
    if deepest is not None and len(path) >= deepest:
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from walk(inner, (*path, key), deepest)


def _child(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and str(step).isdigit() and int(step) < len(node.value):
        item = node.value[int(step)]
        return item.start_mark.line + 1, item
    return None


@lru_cache(maxsize=512)
def documents(text: str) -> tuple[Located, ...]:
    """The documents of a YAML text, empty ones left out; for reading only: the answer is remembered.

    Raises Malformed, also for tags that are not plain data.
    """
    found = []
    for node in _nodes(text):
        try:
            data = _construct(node)
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            said, line = problem(error)
            raise Malformed(said, line or node.start_mark.line + 1) from None
        if data is not None:
            found.append(Located(node, data))
    return tuple(found)


def _construct(node: yaml.Node) -> Any:
    loader = LOADER("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def repeated_keys(text: str) -> Iterator[tuple[str, int]]:
    """Every key that stands twice in one mapping of a YAML text, and the line of the later one. Raises Malformed."""
    for node in _nodes(text):
        seen: set[int] = set()
        stack: list[yaml.Node] = [node]
        while stack:
            current = stack.pop()
            if id(current) in seen:  # an alias: the same node again
                continue
            seen.add(id(current))
            if isinstance(current, yaml.SequenceNode):
                stack.extend(current.value)
            elif isinstance(current, yaml.MappingNode):
                names: set[tuple[str, str]] = set()
                for key, value in current.value:
                    if isinstance(key, yaml.ScalarNode):
                        name = (key.tag, key.value)
                        if name in names:
                            yield key.value, key.start_mark.line + 1
                        names.add(name)
                    stack.extend((key, value))


def _nodes(text: str) -> tuple[yaml.Node, ...]:
    try:
        return tuple(node for node in yaml.compose_all(text, Loader=LOADER) if node is not None)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Malformed(*problem(error)) from None


def json_value(text: str) -> Any:
    """The value of a JSON text. Raises Malformed; a key that stands twice is malformed too."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(items)
        if len(value) != len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            raise Malformed(f"the key {twice!r:.100} stands twice in one object", _second(text, twice))
        return value

    def constant(name: str) -> Any:
        raise Malformed(f"{name} is not JSON", 0)

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise Malformed(error.msg, error.lineno) from None
    except RecursionError:
        raise Malformed("nested too deeply", 0) from None


def _second(text: str, key: str) -> int:
    try:
        return next((line for name, line in repeated_keys(text) if name == key), 0)
    except Malformed:
        return 0


def steps(path: str) -> Sequence[str | int]:
    """`spec.ports.0` or `$.jobs.b.steps[0]` as a path of keys and indexes."""
    plain = path.removeprefix("$").replace("[", ".").replace("]", "").replace("'", "")
    return tuple(step for step in plain.split(".") if step)
