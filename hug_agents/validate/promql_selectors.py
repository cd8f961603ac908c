"""Which series a PromQL expression asks for: names and matchers, without the rest of the language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<number>0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+|(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)?|\.\d+)
    |(?P<name>[A-Za-z_:][\w:]*)
    |(?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){}\[\],:@])""",
    re.VERBOSE,
)
_LISTS = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
"""What a list of label names follows."""
_WORDS = frozenset(("and", "or", "unless", "bool", "offset", "atan2", "start", "end", "inf", "nan"))


@dataclass(frozen=True)
class Matcher:
    """`label op "value"`."""

    label: str
    op: str
    value: str


@dataclass(frozen=True)
class Selector:
    """One vector selector."""

    metric: str
    matchers: tuple[Matcher, ...]


class NotPromql(ValueError):
    """The expression cannot be read."""


def selectors(expression: str) -> tuple[Selector, ...]:
    """Every selector of an expression, in order. Raises NotPromql."""
    return tuple(_selectors(_tokens(expression)))


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotPromql(f"{text[at : at + 20]!r} is not PromQL")
        if match.lastgroup != "space":
            found.append((match.lastgroup or "", match[0]))
        at = match.end()
    depth = 0
    for _, word in found:
        depth += (word in "([{") - (word in ")]}")
        if depth < 0:
            break
    if depth:
        raise NotPromql("its brackets do not match")
    return found


def _selectors(tokens: list[tuple[str, str]]) -> Iterator[Selector]:
    at = 0
    while at < len(tokens):
        kind, word = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        at += 1
        if kind == "name":
            if word.lower() in _LISTS:
                if following == "(":
                    at = _end(tokens, at, ")")
            elif word.lower() in _WORDS or following == "(" or following.lower() in ("by", "without"):
                pass
            elif following == "{":
                close = _end(tokens, at, "}")
                yield Selector(word, tuple(_matchers(tokens[at + 1 : close - 1])))
                at = close
            else:
                yield Selector(word, ())
        elif word == "{":
            close = _end(tokens, at - 1, "}")
            inside = tuple(_matchers(tokens[at : close - 1]))
            named = next((item.value for item in inside if (item.label, item.op) == ("__name__", "=")), "")
            yield Selector(named, tuple(item for item in inside if item.label != "__name__"))
            at = close
        elif word == "[":
            at = _end(tokens, at - 1, "]")


def _end(tokens: list[tuple[str, str]], at: int, close: str) -> int:
    """The place after the bracket that closes."""
    while at < len(tokens) and tokens[at][1] != close:
        at += 1
    return at + 1


def _matchers(tokens: list[tuple[str, str]]) -> Iterator[Matcher]:
    parts = [token for token in tokens if token[1] != ","]
    if len(parts) % 3:
        raise NotPromql("a selector that is no list of matchers")
    for label, op, value in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if label[0] != "name" or op[1] not in ("=", "!=", "=~", "!~") or value[0] != "text":
            raise NotPromql(f"{label[1]}{op[1]}{value[1]} is no matcher")
        yield Matcher(label[1], op[1], re.sub(r"\\(.)", r"\1", value[1][1:-1]))
