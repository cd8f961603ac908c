"""A pom.xml as a flat list of leaves. A document with a DOCTYPE, where entities are declared, is refused unread."""

from __future__ import annotations

from typing import Any, NamedTuple
from xml.parsers import expat

from hug_agents.scan.documents import DEPTH, Refused
from hug_agents.scan.source import Source


class Element(NamedTuple):
    """A leaf: its path of names without namespaces, its text, its line."""

    path: str
    text: str
    line: int


def read_pom(source: Source) -> list[Element]:
    """The leaves of an XML document in its order. Raises Refused."""
    found: list[Element] = []
    names: list[str] = []
    pieces: list[str] = []
    lines: list[int] = []
    parser = expat.ParserCreate(encoding="utf-8")

    def start(name: str, _attributes: dict[str, str]) -> None:
        names.append(name.rsplit(":", 1)[-1])
        lines.append(parser.CurrentLineNumber)
        pieces.clear()
        if len(names) > DEPTH:
            raise Refused(f"nested more than {DEPTH} levels deep")

    def end(_name: str) -> None:
        text = "".join(pieces).strip()
        line = lines.pop()
        if text and len(text) <= 1_000 and len(names) <= 12:
            found.append(Element("/".join(names), text, line))
        names.pop()
        pieces.clear()

    def doctype(*_: Any) -> None:
        raise Refused("an XML DOCTYPE is not read")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = pieces.append
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    try:
        parser.Parse(source.text.encode("utf-8"), True)
    except (expat.ExpatError, ValueError) as error:
        raise error if isinstance(error, Refused) else Refused("not valid XML") from error
    return found
