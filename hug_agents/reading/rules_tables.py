"""Tables: a column says what its values are, a row whose they are."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.environments import environment_words
from hug_agents.reading.forms import plain_lines
from hug_agents.reading.grids import Piece, Row, grids
from hug_agents.reading.naming_words import BARE, NAME, ROLES
from hug_agents.reading.numbers import quantity_at
from hug_agents.reading.redact import secret_like
from hug_agents.reading.rules_config import VARIABLE
from hug_agents.reading.rules_services import Named, make
from hug_agents.reading.vocabulary import ENVIRONMENTS

_COLUMNS = {
    **dict.fromkeys(("port", "ports", "container port", "listens on", "app port", "tcp port"), "service.port"),
    **dict.fromkeys(
        (
            "replicas", "instances", "copies", "pods", "tasks", "count", "min", "min replicas", "desired count",
            "replica count", "number of replicas", "number of tasks", "number of pods", "min tasks", "min pods", "containers",
        ),
        "service.replicas",
    ),
    **dict.fromkeys(
        ("max", "max replicas", "max instances", "max tasks", "max pods", "maximum"), "service.max_replicas"
    ),
    **dict.fromkeys(
        ("health", "health check", "health path", "healthcheck", "liveness", "health check path", "health endpoint", "probe"),
        "service.health_path",
    ),
    **dict.fromkeys(("cpu", "vcpu", "cpus", "vcpus", "cores", "cpu limit"), "service.cpu_millicores"),
    **dict.fromkeys(("memory", "ram", "mem", "memory limit"), "service.memory_mib"),
    **dict.fromkeys(("domain", "host", "hostname", "host name", "url", "domain name", "dns", "public url"), "environment.domain"),
    **dict.fromkeys(("region", "aws region", "aws-region"), "environment.region"),
    **dict.fromkeys(("account", "aws account", "account id", "account number", "aws account id"), "environment.account"),
    **dict.fromkeys(("cluster", "ecs cluster", "eks cluster", "k8s cluster", "kubernetes cluster"), "environment.cluster"),
    **dict.fromkeys(("namespace", "ns", "k8s namespace", "kubernetes namespace"), "environment.namespace"),
}  # fmt: skip
_EACH = re.compile(r"\s*(?:\(.*\)|(?:per|/|each|for each) ?(?:task|pod|replica|instance|copy|container)?)\s*\Z")
_ACCOUNT = re.compile(r"\d{12}|\d{4}-\d{4}-\d{4}\Z")
_COUNT = re.compile(r"(\d{1,5})(?: ?(?:tasks?|pods?|replicas?|instances?|copies|copy|containers?))?(?: ?[(;,].*)?\Z")
_NAMES = frozenset(("service", "services", "name", "app", "application", "component", "service name", "app name"))
_COMMON = frozenset(("both", "all", "value", "everywhere", "all environments", "both environments"))
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
        if field := _turned(header, row):
            for cell in row[1:]:
                if (value := _value(doc, field, cell)) is not None:
                    yield doc.mention(field, value, cell.first, cell.last, since=row[0].first)


def _turned(header: list[str], row: list[_Cell]) -> str | None:
    """`| Region | eu-west-1 | eu-west-2 |` below `| | staging | production |`: what a row is about, where columns say whose."""
    if len(row) < 2 or set(header) & (_COLUMNS.keys() | _NAMES) or _paired(header):
        return None
    label = row[0].text
    known = _COLUMNS.get(_EACH.sub("", " ".join(label.lower().split())))
    return known or (f"service.env.{label}" if VARIABLE.match(label) and not secret_like(label) else None)


def _paired(header: list[str]) -> bool:
    """Whether a table has two columns, what and its value, rather than one of an environment's or a service's."""
    return len(header) == 2 and header[1] not in ENVIRONMENTS


def _pairs(doc: Document) -> Iterator[Mention]:
    """`| Namespace | hr |`: a table of two columns, what and its value."""
    for header, row in _rows(doc):
        field = _COLUMNS.get(" ".join(row[0].text.lower().split())) if len(row) == 2 else None
        if (
            field
            and field.startswith("environment.")
            and _paired(header)
            and not set(header) & (_COLUMNS.keys() | _NAMES)
        ):
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
    spans: dict[int, _Span] = {}
    for header, row in _rows(doc):
        spans.update(
            _turned_spans(doc, header, row, names) if _turned(header, row) else _spans(doc, header, row, names)
        )
    kept = []
    for item in found:
        span = spans.get(item.first)
        if span is None:
            kept.append(item)
            continue
        mine = item.begin == doc.tokens[span.first].start and item.first in span.known
        whose = item.field.startswith(("service.", "environment."))
        if item.first in span.known and not mine and (whose or item.field.startswith("number.")):
            continue
        if whose and span.of_nobody:
            continue
        if whose:
            item = replace(  # noqa: PLW2901
                item, service=span.service or item.service, environment=span.environment or item.environment
            )
        kept.append(item)
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class _Span:
    """Whose the tokens of a row or a cell are; `known`: the cells whose values the table states."""

    first: int
    service: str | None
    environment: str | None
    known: frozenset[int]
    of_nobody: bool = False


def _spans(doc: Document, header: list[str], row: list[_Cell], names: tuple[Named, ...]) -> dict[int, _Span]:
    first, last = row[0].first, row[-1].last
    service = next((item.name for item in names if first <= item.first < last and item.status == "asserted"), None)
    places = environment_words(doc)
    where = next((places[cell.text.lower()][0] for cell in row if cell.text.lower() in places), None)
    known = frozenset(cell.first for title, cell in zip(header, row, strict=False) if title in _COLUMNS)
    return dict.fromkeys(range(first, last), _Span(first, service, where, known))


def _turned_spans(doc: Document, header: list[str], row: list[_Cell], names: tuple[Named, ...]) -> dict[int, _Span]:
    """A column of an environment or of a service that the text names; another is nobody's."""
    services = {item.name for item in names if item.status == "asserted" and not item.application}
    spans: dict[int, _Span] = {}
    places = environment_words(doc)
    for title, cell in zip(header[1:], row[1:], strict=True):
        where = places[title][0] if title in places else None
        service = title if title in services else None
        common = title in _COMMON
        span = _Span(row[0].first, service, where, frozenset((cell.first,)), not (where or service or common))
        spans.update(dict.fromkeys(range(cell.first, cell.last), span))
    return spans


def _rows(doc: Document) -> Iterator[tuple[list[str], list[_Cell]]]:
    """Each row of data with its header, both by cells that hold something."""
    for header, row in _grid(doc.text):
        cells = [_cell(doc, piece) for piece in row]
        if cells[0] is None:
            continue
        kept = [(title, cell) for title, cell in zip(header, cells, strict=True) if cell]
        yield [title for title, _ in kept], [cell for _, cell in kept]


@lru_cache(maxsize=64)
def _grid(text: str) -> tuple[tuple[list[str], Row], ...]:
    return tuple(grids(plain_lines(text), _heads))


def _heads(titles: list[str]) -> bool:
    """Whether these are the titles of a table: environments or fields, and no more than the first is neither."""
    known = [title in ENVIRONMENTS or title in _COLUMNS or title in _NAMES for title in titles]
    return len(known) > 1 and all(known[1:])


def _cell(doc: Document, piece: Piece) -> _Cell | None:
    first = bisect_left(doc.tokens, piece.start, key=lambda token: token.start)
    last = bisect_right(doc.tokens, piece.end, key=lambda token: token.end)
    return _Cell(piece.text, first, last) if piece.text and first < last else None


def _value(doc: Document, field: str, cell: _Cell) -> str | int | None:
    if field in _NUMBERS:
        count = _COUNT.match(cell.text)
        return int(count[1]) if count and 0 < int(count[1]) <= 65_535 else None
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
    if field.startswith("service.env."):
        return cell.text if cell.last - cell.first == 1 and cell.text not in _EMPTY else None
    if field == "environment.account":
        return cell.text.replace("-", "") if _ACCOUNT.match(cell.text) else None
    return cell.text.lower() if cell.last - cell.first == 1 and cell.text not in _EMPTY else None


_EMPTY = frozenset("- \u2013 \u2014 ? n/a none tbd TBD".split())
