"""Just enough HCL to see which blocks and attributes a Terraform file has, and on which line. Nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from hug_agents.validate.located import Malformed

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HEREDOC = re.compile(r"<<-?([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\r?\n")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Attribute:
    """`name = expression`, the expression as it is written."""

    name: str
    text: str
    line: int

    @property
    def literal(self) -> str | None:
        """The value of a plain quoted string; None for anything that is computed."""
        if len(self.text) >= 2 and self.text[0] == self.text[-1] == '"':
            inner = self.text[1:-1]
            if '"' not in inner.replace('\\"', "") and "${" not in inner.replace("$${", ""):
                return inner
        return None


@dataclass
class Block:
    """`type "label" { ... }`. The file itself is a block of type ``."""

    type: str
    labels: tuple[str, ...] = ()
    line: int = 0
    attributes: dict[str, Attribute] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def of(self, type: str, *labels: str) -> Iterator[Block]:
        """The blocks directly inside, of a type and with these first labels."""
        return (item for item in self.blocks if item.type == type and item.labels[: len(labels)] == labels)

    def text(self, name: str) -> str:
        """The expression of an attribute as written; empty if it is not there."""
        return self.attributes[name].text if name in self.attributes else ""

    def walk(self) -> Iterator[Block]:
        """This block and all inside it."""
        yield self
        for item in self.blocks:
            yield from item.walk()


@lru_cache(maxsize=1024)
def parse(text: str) -> Block:
    """The blocks of a file, for reading only: the answer is remembered. Raises Malformed where it is not HCL."""
    reader = _Reader(text)
    root = Block("")
    reader.body(root, "")
    return root


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def fail(self, what: str) -> Malformed:
        return Malformed(what, self.line)

    def body(self, into: Block, end: str) -> None:
        while True:
            self.blank(lines=True)
            if self.at >= len(self.text):
                if end:
                    raise self.fail(f"the block that opens on line {into.line} is not closed")
                return
            if end and self.text[self.at] == end:
                self.at += 1
                return
            self.item(into)

    def item(self, into: Block) -> None:
        name, line = self.name(), self.line
        self.blank()
        labels: list[str] = []
        while self.at < len(self.text) and self.text[self.at] not in "={":
            if self.text[self.at] == '"':
                start = self.at
                self.string()
                labels.append(self.text[start + 1 : self.at - 1])
            else:
                labels.append(self.name())
            self.blank()
        if self.at >= len(self.text):
            raise self.fail(f"{name!r:.60} is neither an attribute nor a block")
        if self.text[self.at] == "{":
            self.at += 1
            block = Block(name, tuple(labels), line)
            into.blocks.append(block)
            self.body(block, "}")
        elif labels:
            raise self.fail(f"{name!r:.60} is neither an attribute nor a block")
        else:
            self.at += 1
            self.blank()
            start = self.at
            end = self.expression()
            into.attributes[name] = Attribute(name, self.text[start:end].strip(), line)

    def name(self) -> str:
        found = _NAME.match(self.text, self.at)
        if found is None:
            raise self.fail(f"a name was expected, not {self.text[self.at : self.at + 10]!r}")
        self.at = found.end()
        return found.group()

    def expression(self) -> int:
        """To the end of the line, or of the brackets that are open there; a `}` that closes the block stays.

        Where the value ends: before a comment that follows it.
        """
        open_: list[str] = []
        end = -1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.string()
            elif heredoc := _HEREDOC.match(self.text, self.at):
                self.heredoc(heredoc)
                if not open_:
                    break
            elif self.text.startswith(("#", "//", "/*"), self.at):
                end = self.at if end < 0 and not open_ else end
                self.comment()
            elif char in _CLOSING:
                open_.append(_CLOSING[char])
                self.at += 1
            elif open_ and char == open_[-1]:
                open_.pop()
                self.at += 1
            elif not open_ and char in "\n}":
                break
            else:
                self.at += 1
        if open_:
            raise self.fail(f"{open_[-1]!r} is missing")
        return self.at if end < 0 else end

    def string(self) -> None:
        """Past a quoted string, with the templates inside it."""
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\":
                self.at += 2
            elif self.text.startswith(("$${", "%%{"), self.at):
                self.at += 3
            elif self.text.startswith(("${", "%{"), self.at):
                self.at += 2
                self.template()
            elif char == '"':
                self.at += 1
                return
            elif char == "\n":
                break
            else:
                self.at += 1
        raise self.fail("a string is not closed")

    def template(self) -> None:
        depth = 1
        while self.at < len(self.text) and depth:
            char = self.text[self.at]
            if char == '"':
                self.string()
                continue
            depth += {"{": 1, "}": -1}.get(char, 0)
            self.at += 1

    def heredoc(self, opening: re.Match[str]) -> None:
        end = re.compile(rf"^[ \t]*{re.escape(opening.group(1))}[ \t]*$", re.MULTILINE)
        found = end.search(self.text, opening.end())
        if found is None:
            raise self.fail(f"the text that ends at {opening.group(1)} is not closed")
        self.at = found.end()

    def comment(self) -> bool:
        if self.text.startswith(("#", "//"), self.at):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
            return True
        if self.text.startswith("/*", self.at):
            end = self.text.find("*/", self.at)
            if end < 0:
                raise self.fail("a comment is not closed")
            self.at = end + 2
            return True
        return False

    def blank(self, *, lines: bool = False) -> None:
        while self.at < len(self.text):
            if self.text[self.at] in (" \t\r\n" if lines else " \t\r"):
                self.at += 1
            elif not self.comment():
                return
