"""The layout of `terraform fmt`, so that what we write needs no formatter: two spaces a level, `=` aligned in runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from hug_agents.render.templating import Safe, hcl

_OPEN = {"{": 1, "[": 1, "(": 1, "}": -1, "]": -1, ")": -1}


def expression(text: str) -> Safe:
    """An HCL expression that we wrote ourselves, such as `module.network.vpc_id`. Never text of a spec."""
    return Safe(text)


def list_of(items: Iterable[Any]) -> Safe:
    """A list with one item a line, or on one line if it has one item; expressions stay as they are."""
    lines = [str(_value(item)) for item in items]
    if len(lines) == 1 and "\n" not in lines[0]:
        return Safe(f"[{lines[0]}]")
    return Safe("\n".join(["[", *(f"{line}," for line in lines), "]"]) if lines else "[]")


def object_of(pairs: Mapping[str, Any]) -> Safe:
    """An object with one attribute a line; a key that is not a plain name is quoted."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in pairs.items()]
    return Safe("\n".join(["{", *lines, "}"]) if lines else "{}")


def nested(value: Any) -> Safe:
    """Lists and objects in each other, one item a line; expressions stay as they are."""
    if isinstance(value, Mapping):
        return object_of({key: nested(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return list_of([nested(item) for item in value])
    return _value(value)


def _value(value: Any) -> Safe:
    if isinstance(value, Safe):
        return value
    if isinstance(value, Mapping):
        return object_of(value)
    if isinstance(value, float) and value.is_integer():
        return hcl(int(value))
    return hcl(value)


def _key(key: str) -> str:
    plain = key.isascii() and key.replace("_", "a").isalnum() and not key[0].isdigit()
    return key if plain and key not in ("true", "false", "null", "for", "if") else str(hcl(key))


@lru_cache(maxsize=256)
def format_hcl(text: str) -> str:
    """Lay a file out as `terraform fmt` does, and close up runs of empty lines. Its strings stand on one line each.

    A release is rendered several times, and its modules are the same each time.
    """
    lines: list[tuple[str, int, str]] = []
    nesting: list[int] = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line and (not lines or not lines[-1][0]):
            continue
        net, equals = _scan(line)
        if net < 0:
            _close(nesting, -net)
        indent = "  " * len(nesting)
        if net > 0:
            nesting.append(net)
        column = equals if net == 0 else -1
        lines.append((f"{indent}{line}" if line else "", column + len(indent) if column > 0 else -1, line))
    while lines and not lines[-1][0]:
        lines.pop()
    return "\n".join(_align(lines))


def _close(nesting: list[int], closed: int) -> None:
    while closed > 0 and nesting:
        if closed >= nesting[-1]:
            closed -= nesting.pop()
        else:
            nesting[-1] -= closed
            closed = 0


def _align(lines: list[tuple[str, int, str]]) -> Iterable[str]:
    run: list[tuple[str, int]] = []
    for text, column, _ in [*lines, ("", -1, "")]:
        if column > 0:
            run.append((text, column))
            continue
        width = max((len(item[:at].rstrip()) for item, at in run), default=0)
        yield from (f"{item[:at].rstrip():<{width}} {item[at:]}" for item, at in run)
        run = []
        yield text


def _scan(line: str) -> tuple[int, int]:
    """How many brackets a line leaves open, and where its `=` is (-1: it assigns nothing)."""
    net, equals, index, depth = 0, -1, 0, 0
    while index < len(line):
        char = line[index]
        if char == '"':
            index = _string_end(line, index)
        elif char == "#":
            break
        elif char in _OPEN:
            net += _OPEN[char]
            depth = max(net, depth)
        elif char == "=" and equals < 0 and net == 0 and depth == 0 and line[index + 1 : index + 2] not in ("=", ">"):
            equals = index if line[index - 1 : index] not in ("!", "<", ">", "=") else -1
        index += 1
    return net, equals


def _string_end(line: str, start: int) -> int:
    """The index of the quote that closes a string; quotes inside an interpolation belong to it."""
    index, nested = start + 1, 0
    while index < len(line):
        if line[index] == "\\":
            index += 1
        elif line[index : index + 3] in ("$${", "%%{"):
            index += 2
        elif line[index : index + 2] in ("${", "%{"):
            nested += 1
            index += 1
        elif nested and line[index] == '"':
            index = _string_end(line, index)
        elif nested and line[index] == "}":
            nested -= 1
        elif line[index] == '"':
            return index
        index += 1
    return index
