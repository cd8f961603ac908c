"""Spinnaker's expressions, `${ … }`: read as its SpEL is, and only what our pipelines need; anything else is refused.

expression := term (("&&" | "||") term)* · term := "!"? "(" expression ")" | value (("==" | "!=") value)?
value := 'text' | number | true | false | path · path := (#stage('NAME') | #name | name) ("[" 'key' "]" | ".name" | ".toString()")*
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>#?[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>&&|\|\||==|!=|>=|<=|[!()\[\].<>+]))"
)
_ROOTS = frozenset(("trigger", "parameters", "execution", "deployedServerGroups"))
_WORDS = frozenset(("true", "false", "null"))


class BadExpression(Exception):
    """Something between `${` and `}` that is not an expression that a pipeline of ours holds."""


@dataclass
class Expression:
    """One expression, and the stages that it speaks of."""

    text: str
    stages: list[str] = field(default_factory=list)
    constant: bool = False
    """It is a text, and nothing else: how a dollar stays a dollar."""


def expressions(text: str) -> Iterator[Expression]:
    """Every expression in a string. Raises BadExpression, also for a `${` that nothing closes."""
    at = 0
    while (start := text.find("${", at)) >= 0:
        end = _closing(text, start + 2)
        found = _Reader(text[start + 2 : end])
        yield found.whole()
        at = end + 1


def _closing(text: str, at: int) -> int:
    quoted = False
    while at < len(text):
        if text[at] == "'":
            quoted = not quoted
        elif text[at] == "}" and not quoted:
            return at
        at += 1
    raise BadExpression(f"nothing closes the expression at {text[max(0, at - 30) :][:40]!r}")


class _Reader:
    def __init__(self, text: str) -> None:
        self.found = Expression(text.strip())
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise BadExpression(f"{text[at : at + 20]!r} is not part of an expression")
            self.tokens.append((str(match.lastgroup), str(match[str(match.lastgroup)])))
            at = match.end()
        self.at = 0

    def whole(self) -> Expression:
        if not self.tokens:
            raise BadExpression("an expression is empty")
        self.found.constant = len(self.tokens) == 1 and self.tokens[0][0] == "text"
        self.either()
        if self.at < len(self.tokens):
            raise BadExpression(f"{self.tokens[self.at][1]!r} stands where the expression should end")
        return self.found

    def either(self) -> None:
        self.term()
        while self.take("&&", "||"):
            self.term()

    def term(self) -> None:
        while self.take("!"):
            pass
        if self.take("("):
            self.either()
            self.need(")")
            return
        self.value()
        if self.take("==", "!=", ">", "<", ">=", "<=", "+"):
            self.value()

    def value(self) -> None:
        kind, text = self.next()
        if kind in ("text", "number") or text in _WORDS:
            return
        if kind != "name":
            raise BadExpression(f"{text!r} is not a value")
        if text.startswith("#"):
            if text != "#stage":
                raise BadExpression(f"the function {text} is not one that our pipelines call")
            self.need("(")
            kind, name = self.next()
            if kind != "text":
                raise BadExpression("#stage is given the name of a stage")
            self.found.stages.append(name[1:-1].replace("''", "'"))
            self.need(")")
        elif text not in _ROOTS:
            raise BadExpression(f"{text!r} is not something that a pipeline knows")
        self.path()

    def path(self) -> None:
        while True:
            if self.take("["):
                if self.next()[0] != "text":
                    raise BadExpression("a key is a text")
                self.need("]")
            elif self.take("."):
                kind, name = self.next()
                if kind != "name" or name.startswith("#"):
                    raise BadExpression(f"{name!r} is not a name")
                if self.take("("):
                    if name != "toString":
                        raise BadExpression(f"the method {name} is not one that our pipelines call")
                    self.need(")")
            else:
                return

    def next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise BadExpression("an expression ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def take(self, *signs: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "sign" and self.tokens[self.at][1] in signs:
            self.at += 1
            return True
        return False

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise BadExpression(f"{sign!r} is missing")
