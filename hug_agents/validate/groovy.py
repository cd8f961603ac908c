"""Groovy as far as a pipeline needs it: tokens with their lines, statements with their blocks. Nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from hug_agents.validate.located import Malformed

Kind = Literal["name", "string", "number", "mark", "line"]
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_NUMBER = re.compile(r"\d[\d_]*(\.\d+)?[A-Za-z]?")
_MARK = re.compile(r"==~|=~|<=>|\?\.|\?:|\*\.|->|\+\+|--|\*\*|&&|\|\||[=!<>]=|[-+*/%]=|<<|>>|.", re.DOTALL)
_QUOTES = ("'''", '"""', "'", '"')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}
_OPEN, _CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
_GOES_ON_AFTER = frozenset(", + - * / ? : = . ?. && || == != => -> < > ( [".split())
_GOES_ON_WITH = frozenset(". ?. ? : && || +".split())


@dataclass(frozen=True)
class Token:
    """One word, string or mark."""

    kind: Kind
    text: str
    """Of a string: what it says, without quotes and escapes."""
    line: int
    interpolates: bool = False
    """Of a string: Groovy puts values into it."""


@dataclass
class Statement:
    """One statement: its words up to the line end, and the blocks that it opens."""

    tokens: list[Token]
    blocks: list[list[Statement]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The first word; empty where it begins with something else."""
        return self.tokens[0].text if self.tokens and self.tokens[0].kind == "name" else ""

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.tokens[0].line if self.tokens else (self.block[0].line if self.block else 0)

    @property
    def block(self) -> list[Statement]:
        """The statements of its first block; none where it opens none."""
        return self.blocks[0] if self.blocks else []

    @property
    def arguments(self) -> list[Token]:
        """What follows the name, without the parentheses around all of it."""
        rest = self.tokens[1:]
        if len(rest) > 1 and rest[0].text == "(" and rest[-1].text == ")" and rest[0].kind == "mark":
            return rest[1:-1]
        return rest

    def named(self, key: str) -> Token | None:
        """The token after `key:` among the arguments."""
        found = self.arguments
        for at, token in enumerate(found[:-2]):
            if token.kind in ("name", "string") and token.text == key and found[at + 1].text == ":":
                return found[at + 2]
        return None

    def first(self) -> Token | None:
        """The first argument, where it has no name."""
        found = self.arguments
        return found[0] if found and not (len(found) > 1 and found[1].text == ":") else None

    def walk(self) -> Iterator[Statement]:
        """It, and every statement below it."""
        yield self
        for block in self.blocks:
            for statement in block:
                yield from statement.walk()


@lru_cache(maxsize=64)
def statements(text: str) -> tuple[Statement, ...]:
    """The statements of a file; for reading only: the answer is remembered. Raises Malformed."""
    reader = _Reader([*_tokens(text)])
    found = reader.block(opened=None)
    return tuple(found)


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def block(self, opened: Token | None) -> list[Statement]:
        found: list[Statement] = []
        while True:
            while self._peek(";") or self._kind() == "line":
                self._at += 1
            if self._at >= len(self._tokens):
                if opened is not None:
                    raise Malformed("this brace is never closed", opened.line)
                return found
            if self._peek("}"):
                if opened is None:
                    raise Malformed("nothing is open that this brace could close", self._tokens[self._at].line)
                self._at += 1
                return found
            found.append(self._statement())

    def _statement(self) -> Statement:
        statement = Statement([])
        open_: list[Token] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == "line":
                self._at += 1
                if not open_ and self._ends(statement):
                    break
                continue
            if not open_ and token.kind == "mark" and token.text in (";", "}"):
                break
            self._at += 1
            if token.kind == "mark" and token.text == "{" and not open_:
                statement.blocks.append(self.block(token))
                continue
            if token.kind == "mark" and token.text in _OPEN:
                open_.append(token)
            elif token.kind == "mark" and token.text in _CLOSE:
                if not open_ or _OPEN[open_[-1].text] != token.text:
                    raise Malformed(f"nothing is open that this {token.text} could close", token.line)
                open_.pop()
            statement.tokens.append(token)
        if open_:
            raise Malformed(f"this {open_[-1].text} is never closed", open_[-1].line)
        return statement

    def _ends(self, statement: Statement) -> bool:
        following = next((item for item in self._tokens[self._at :] if item.kind != "line"), None)
        if following is not None and following.kind == "mark" and following.text in _GOES_ON_WITH:
            return False
        last = statement.tokens[-1] if statement.tokens else None
        return not (last and last.kind == "mark" and last.text in _GOES_ON_AFTER and not statement.blocks)

    def _peek(self, text: str) -> bool:
        return self._at < len(self._tokens) and self._kind() == "mark" and self._tokens[self._at].text == text

    def _kind(self) -> str:
        return self._tokens[self._at].kind if self._at < len(self._tokens) else ""


def _tokens(text: str) -> Iterator[Token]:
    at, line, before = 0, 1, None
    while at < len(text):
        char = text[at]
        if char == "\n":
            yield Token("line", "\n", line)
            line += 1
            at += 1
            continue
        if char.isspace():
            at += 1
            continue
        if text.startswith(("//", "#!"), at):
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
            continue
        if text.startswith("/*", at):
            end = text.find("*/", at)
            if end < 0:
                raise Malformed("this comment is never closed", line)
            line += text.count("\n", at, end)
            at = end + 2
            continue
        if char in "'\"" or (char == "/" and _is_slashy(before)):
            token, end = _string(text, at, line)
        else:
            token, end = _word(text, at, line)
        yield token
        before = token
        line += text.count("\n", at, end)
        at = end


def _word(text: str, at: int, line: int) -> tuple[Token, int]:
    kinds: tuple[tuple[Kind, re.Pattern[str]], ...] = (("name", _NAME), ("number", _NUMBER), ("mark", _MARK))
    for kind, pattern in kinds:
        if found := pattern.match(text, at):
            return Token(kind, found.group(), line), found.end()
    raise Malformed(f"{text[at]!r} is not Groovy", line)


def _is_slashy(before: Token | None) -> bool:
    if before is None:
        return True
    return before.text == "return" if before.kind == "name" else before.kind == "mark" and before.text not in _CLOSE


def _string(text: str, start: int, line: int) -> tuple[Token, int]:
    quote = next((item for item in _QUOTES if text.startswith(item, start)), "/")
    at, said, interpolates = start + len(quote), list[str](), False
    plain = quote.startswith("'")
    while not text.startswith(quote, at):
        if at >= len(text) or (text[at] == "\n" and len(quote) == 1):
            raise Malformed("this string is never closed", line)
        if text[at] == "\\" and at + 1 < len(text) and quote != "/":
            taken, shown = _escape(text, at, line)
            said.append(shown)
            at += taken
        elif (
            text[at] == "$" and not plain and at + 1 < len(text) and (text[at + 1] == "{" or _NAME.match(text, at + 1))
        ):
            interpolates = True
            end = _expression(text, at, line) if text[at + 1] == "{" else at + 1
            said.append(text[at:end])
            at = end
        elif text[at] == "\\" and quote == "/":
            said.append(text[at : at + 2])
            at += 2
        else:
            said.append(text[at])
            at += 1
    # two escapes of UTF-16 may be one character
    whole = "".join(said).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Token("string", whole, line, interpolates), at + len(quote)


def _escape(text: str, at: int, line: int) -> tuple[int, str]:
    if text[at + 1] == "u":
        found = re.compile(r"\\u+([0-9a-fA-F]{4})").match(text, at)
        if found is None:
            raise Malformed("this is not a Unicode escape", line)
        return len(found.group()), chr(int(found.group(1), 16))
    return 2, _ESCAPES.get(text[at + 1], text[at + 1])


def _expression(text: str, at: int, line: int) -> int:
    """Where `${...}` ends; strings in it are passed over as such."""
    depth, at = 0, at + 1
    while at < len(text):
        if text[at] in "'\"":
            _, at = _string(text, at, line)
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
        if depth == 0:
            return at
    raise Malformed("this expression is never closed", line)
