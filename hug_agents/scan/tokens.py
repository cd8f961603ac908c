"""JavaScript, Go, Java, Kotlin and Groovy as tokens: comments gone, strings whole, every token with its line.

One pass, linear: every alternative of the pattern starts with another character and never gives back what it took.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from hug_agents.scan.source import Source

Language = Literal["javascript", "go", "java", "groovy"]
Kind = Literal["name", "text", "number", "mark"]
MOST_PLACES = 10_000
"""How often one value is looked at in one file."""
MOST_TOKENS = 120_000
LONGEST_LINE = 20_000
"""A file with a longer line is generated, not written."""


class Token(NamedTuple):
    """`value` of a text is what stands between its quotes; `constant`: nothing is put into it at run time."""

    kind: Kind
    value: str
    line: int
    constant: bool = True


_COMMENT = r"(?P<comment>//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?)"
_NAME = r"(?P<name>[A-Za-z_$@][\w$]*+)"
_NUMBER = r"(?P<number>\d[\w.]*+)"
_REST = r"(?P<mark>=>|:=|\|\||\?\?|[^\s\w])|(?P<other>\w)"
_DOUBLE = r"\"(?:[^\"\\\n]++|\\.)*+\"?"
_SINGLE = r"'(?:[^'\\\n]++|\\.)*+'?"
_TRIPLE = r"\"\"\"(?:[^\"\\]++|\\[\s\S]|\"(?!\"\"))*+(?:\"\"\")?|'''(?:[^'\\]++|\\[\s\S]|'(?!''))*+(?:''')?"
_PATTERNS = {
    "javascript": re.compile(rf"(?P<blank>\s++)|{_COMMENT}|(?P<text>{_DOUBLE}|{_SINGLE})|{_NAME}|{_NUMBER}|{_REST}"),
    "go": re.compile(rf"(?P<blank>\s++)|{_COMMENT}|(?P<text>{_DOUBLE}|{_SINGLE}|`[^`]*+`?)|{_NAME}|{_NUMBER}|{_REST}"),
    "java": re.compile(
        rf"(?P<blank>\s++)|{_COMMENT}|(?P<text>{_TRIPLE}|{_DOUBLE}|{_SINGLE})|{_NAME}|{_NUMBER}|{_REST}"
    ),
}
_PATTERNS["groovy"] = _PATTERNS["java"]
_REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.){0,200}+\]){1,400}+/[a-z]{0,8}+")
_BEFORE_VALUE = frozenset("( , = : [ ! & | ? { } ; + - * % < > ~ ^ => || ??".split())
_VALUE_WORDS = frozenset("return typeof case in of delete void throw new else do".split())
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Tokens:
    """The tokens of one file."""

    source: Source
    language: Language

    @cached_property
    def all(self) -> list[Token]:
        """In the order of the file; none for a file with a line, or with tokens, beyond what people write."""
        if any(len(line) > LONGEST_LINE for line in self.source.lines):
            return []
        return _tokenize(self.source.text, self.language)

    @cached_property
    def values(self) -> list[str]:
        """The value of each token. A text has a quote before it, so that it equals no name."""
        return [f'"{token.value}' if token.kind == "text" else token.value for token in self.all]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for index, value in enumerate(self.values):
            places.setdefault(value, []).append(index)
        return places

    def at(self, *values: str) -> list[int]:
        """Where these values stand, in the order of the file; of each the first `MOST_PLACES`."""
        found = [index for value in values for index in self._places.get(value, [])[:MOST_PLACES]]
        return sorted(found) if len(values) > 1 else found

    def value(self, index: int) -> str:
        """The value at an index; empty outside the file."""
        return self.values[index] if 0 <= index < len(self.values) else ""

    def text(self, index: int) -> str | None:
        """The constant text at an index; None if there is something else."""
        if not 0 <= index < len(self.all):
            return None
        token = self.all[index]
        return token.value if token.kind == "text" and token.constant else None

    def matches(self, index: int, *values: str) -> bool:
        """Whether these values stand one after another from an index."""
        return index >= 0 and self.values[index : index + len(values)] == list(values)

    def line(self, index: int) -> int:
        """The line of a token."""
        return self.all[index].line

    @cached_property
    def _pairs(self) -> dict[int, int]:
        open_at: list[int] = []
        pairs: dict[int, int] = {}
        for index, value in enumerate(self.values):
            if value in ("(", "[", "{"):
                open_at.append(index)
            elif value in (")", "]", "}") and open_at:
                pairs[open_at.pop()] = index
        return pairs

    def closing(self, index: int, limit: int = 400) -> int:
        """The index of the bracket that closes the one at `index`; the last index looked at if none does."""
        end = min(len(self.all), index + limit) - 1
        return min(self._pairs.get(index, end), end)


def _tokenize(text: str, language: Language) -> list[Token]:
    pattern = _PATTERNS[language]
    tokens: list[Token] = []
    at, line = 0, 1
    while at < len(text):
        if language == "javascript" and text[at] == "`":
            end, constant = _template(text, at)
            tokens.append(Token("text", text[at + 1 : end - 1], line, constant))
        elif language == "javascript" and text[at] == "/" and (regex := _regex(text, at, tokens)):
            end = regex
            tokens.append(Token("mark", "/regex/", line))
        else:
            match = pattern.match(text, at)
            if match is None or len(tokens) > MOST_TOKENS:
                return []
            end = match.end()
            if match.lastgroup in ("name", "number", "mark"):
                tokens.append(Token(match.lastgroup, match.group(), line))  # type: ignore[arg-type]
            elif match.lastgroup == "text":
                tokens.append(_text(match.group(), line, language))
        line += text.count("\n", at, end)
        at = end
    return tokens


def _text(raw: str, line: int, language: Language) -> Token:
    if raw.startswith(('"""', "'''")):
        return Token("text", raw[3:-3], line, "${" not in raw)
    inner = raw[1:-1] if len(raw) > 1 and raw[-1] == raw[0] else raw[1:]
    if raw[0] == "`":
        return Token("text", inner, line)
    constant = not (language == "groovy" and raw[0] == '"' and "$" in inner)
    return Token("text", _ESCAPE.sub(r"\1", inner), line, constant)


def _regex(text: str, at: int, tokens: list[Token]) -> int:
    """The end of a regular expression that starts here; 0 where the slash divides or opens a comment."""
    if text.startswith(("//", "/*"), at):
        return 0
    if tokens:
        last = tokens[-1]
        if last.kind in ("text", "number") or (last.kind == "name" and last.value not in _VALUE_WORDS):
            return 0
        if last.kind == "mark" and last.value not in _BEFORE_VALUE:
            return 0
    match = _REGEX.match(text, at)
    return match.end() if match else 0


def _template(text: str, at: int) -> tuple[int, bool]:
    """The end of a template that starts here, past templates inside its `${}`; and whether it has none of those."""
    constant = True
    stack = ["`"]
    index = at + 1
    while index < len(text) and stack:
        char = text[index]
        if char == "\\":
            index += 1
        elif stack[-1] == "`":
            if char == "`":
                stack.pop()
            elif text.startswith("${", index):
                stack.append("{")
                constant = False
                index += 1
        elif char in "`{":
            stack.append(char)
        elif char == "}":
            stack.pop()
        index += 1
    return min(index, len(text)), constant
