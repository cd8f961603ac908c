"""Tables of Markdown: a column says what its values are, a row whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.forms import plain_lines
from hug_agents.reading.naming_words import BARE, NAME, ROLES
from hug_agents.reading.numbers import quantity_at
from hug_agents.reading.rules_services import Named, make
from hug_agents.reading.vocabulary import ENVIRONMENTS

_COLUMNS = {
    **dict.fromkeys(("port", "ports", "container port", "listens on"), "service.port"),
    **dict.fromkeys(
        ("replicas", "instances", "copies", "pods", "tasks", "count", "min", "min replicas"), "service.replicas"
    ),
    **dict.fromkeys(("max", "max replicas", "max instances"), "service.max_replicas"),
    **dict.fromkeys(("health", "health check", "health path", "healthcheck", "liveness"), "service.health_path"),
    **dict.fromkeys(("cpu", "vcpu", "cpus"), "service.cpu_millicores"),
    **dict.fromkeys(("memory", "ram", "mem"), "service.memory_mib"),
    **dict.fromkeys(("domain", "host", "hostname", "host name", "url"), "environment.domain"),
    **dict.fromkeys(("region", "aws region"), "environment.region"),
    **dict.fromkeys(("cluster",), "environment.cluster"),
    **dict.fromkeys(("namespace",), "environment.namespace"),
}
_NAMES = frozenset(("service", "services", "name", "app", "application", "component", "service name", "app name"))
_NUMBERS = ("service.port", "service.replicas", "service.max_replicas")


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell by its characters and its tokens."""

    text: str
    first: int
    last: int


def tables(doc: Document) -> Iterator[Mention]:
    """The values of every table, whose rows `place` then gives to a service or an environment."""
    yield from _pairs(doc)
    for header, row in _rows(doc):
        for title, cell in zip(header, row, strict=False):
            field = _COLUMNS.get(title)
            value = _value(doc, field, cell) if field else None
            if field and value is not None:
                yield doc.mention(field, value, cell.first, cell.last, since=row[0].first)


def _pairs(doc: Document) -> Iterator[Mention]:
    """`| Namespace | hr |`: a table of two columns, what and its value."""
    for header, row in _rows(doc):
        field = _COLUMNS.get(" ".join(row[0].text.lower().split())) if len(row) == 2 else None
        if field and field.startswith("environment.") and not set(header) & (_COLUMNS.keys() | _NAMES):
            value = _value(doc, field, row[1])
            if value is not None:
                yield doc.mention(field, value, row[1].first, row[1].last, since=row[0].first)


def subjects(doc: Document) -> Iterator[Named]:
    """The services that a column of names lists."""
    for header, row in _rows(doc):
        cell = next((cell for title, cell in zip(header, row, strict=False) if title in _NAMES), None)
        if cell and cell.last - cell.first == 1 and NAME.match(cell.text) and cell.text not in ENVIRONMENTS:
            if cell.text in BARE:  # a role alone is a name here
                yield Named(cell.text, ROLES.get(cell.text), cell.first, cell.last, "asserted")
            else:
                yield from make(doc, cell.text, None, cell.first, cell.last, explicit=True)


def place(doc: Document, found: tuple[Mention, ...], names: tuple[Named, ...]) -> tuple[Mention, ...]:
    """What stands in a row belongs to the service or the environment that the row names, and a cell states one thing."""
    spans: dict[int, tuple[int, int, str | None, str | None, frozenset[int]]] = {}
    for header, row in _rows(doc):
        first, last = row[0].first, row[-1].last
        service = next((item.name for item in names if first <= item.first < last and item.status == "asserted"), None)
        where = next((ENVIRONMENTS[cell.text.lower()][0] for cell in row if cell.text.lower() in ENVIRONMENTS), None)
        known = frozenset(cell.first for title, cell in zip(header, row, strict=False) if title in _COLUMNS)
        for index in range(first, last):
            spans[index] = (first, last, service, where, known)
    kept = []
    for item in found:
        span = spans.get(item.first)
        if span is None:
            kept.append(item)
            continue
        first, _, service, where, known = span
        mine = item.begin == doc.tokens[first].start and item.first in known
        if item.first in known and not mine and item.field.startswith(("service.", "environment.", "number.")):
            continue
        if item.field.startswith(("service.", "environment.")):
            item = replace(item, service=service or item.service, environment=where or item.environment)  # noqa: PLW2901
        kept.append(item)
    return tuple(kept)


def _rows(doc: Document) -> Iterator[tuple[list[str], list[_Cell]]]:
    """Each row of data with its header, both by cells that hold something."""
    header: list[str] | None = None
    ruled, offset = False, 0
    for line in plain_lines(doc.text).split("\n"):
        text = line.strip()
        if text.count("|") < 2:
            header, ruled = None, False
        elif header is None:
            header = [" ".join(cell.strip(" *`").lower().split()) for cell in text.strip("|").split("|")]
        elif set(text) <= set("|-: "):
            ruled = True
        elif ruled and (row := _cells(doc, line, offset)) and len(row) == len(header):
            yield header, row
        offset += len(line) + 1


def _cells(doc: Document, line: str, offset: int) -> list[_Cell]:
    inner = line.strip()
    start = offset + line.index(inner)
    start, inner = (start + 1, inner[1:]) if inner.startswith("|") else (start, inner)
    cells: list[_Cell] = []
    for part in inner.removesuffix("|").split("|"):
        end = start + len(part)
        inside = [i for i, token in enumerate(doc.tokens) if start <= token.start and token.end <= end]
        if not inside:
            return []
        cells.append(_Cell(part.strip(" *`"), inside[0], inside[-1] + 1))
        start = end + 1
    return cells


def _value(doc: Document, field: str, cell: _Cell) -> str | int | None:
    if field in _NUMBERS:
        return int(cell.text) if cell.text.isdigit() and 0 < int(cell.text) <= 65_535 else None
    if field in ("service.cpu_millicores", "service.memory_mib"):
        item = quantity_at(doc, cell.first)
        if item is None or item.last != cell.last:
            return None
        if field == "service.memory_mib":
            return int(item.value) if item.unit == "mebibytes" and item.value == int(item.value) else None
        value = item.value if item.unit == "millicores" else item.value * 1000 if item.unit in ("cores", "") else 0
        return int(value) if value == int(value) and 50 <= value <= 64_000 else None
    if field == "service.health_path":
        return cell.text if cell.text.startswith("/") and cell.last - cell.first == 1 else None
    return cell.text.lower() if cell.last - cell.first == 1 else None
