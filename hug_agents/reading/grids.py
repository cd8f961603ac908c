"""Tables as people type them: Markdown, marks of a wiki, columns by blanks or tabs, values between commas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Piece(NamedTuple):
    """What a cell says, and where it starts in the text; `end` is behind its last character."""

    text: str
    start: int
    end: int


Row = tuple[Piece, ...]
Splitter = Callable[[str, int], Row]
_GAP = re.compile(r"[ \t]*\t[ \t]*|[ ]{2,}")
_COMMA = re.compile(r"[ \t]*[,;][ \t]*")
_BAR = re.compile(r"\|{1,2}")
_RULE = re.compile(r"[ \t|:+=-]*[-=][ \t|:+=-]*\Z")
_MARKS = " \t*`_"


def grids(text: str, known: Callable[[list[str]], bool]) -> Iterator[tuple[list[str], Row]]:
    """Each row with the titles above it. Without a rule below them, titles are what `known` says they are."""
    header: list[str] | None = None
    split: Splitter = _bars
    ruled, offset = False, 0
    for line in text.split("\n"):
        row = split(line, offset) if header else ()
        if header and _RULE.match(line):
            ruled = True
        elif header and row and (ruled or known(header)) and len(row) in (len(header), len(header) - 1):
            yield from _filled(header, row)
        else:
            header, split = _titles(line, offset, known)
            ruled = False
        offset += len(line) + 1


def _filled(header: list[str], row: Row) -> Iterator[tuple[list[str], Row]]:
    """A row without its empty cells, whose first says whose or what it is."""
    if len(row) == len(header) and row[0].text:
        full = [number for number, cell in enumerate(row) if cell.text]
        yield [header[number] for number in full], tuple(row[number] for number in full)


def _titles(line: str, offset: int, known: Callable[[list[str]], bool]) -> tuple[list[str] | None, Splitter]:
    """The titles of a line that may head a table, and how the lines below it are split."""
    for split in (_bars, _gaps, _commas):
        titles = [" ".join(cell.text.lower().split()) for cell in split(line, offset)]
        if split is _gaps and len(titles) > 1 and line[:2].isspace():
            titles.insert(0, "")
        if len(titles) > 1 and (split is _bars or known(titles)):
            return titles, split
    return None, _bars


def _bars(line: str, offset: int) -> Row:
    inner = line.strip()
    if "|" not in inner:
        return ()
    begin = line.index(inner) + (len(inner) - len(inner.lstrip("|")))
    return _split(_BAR, line, begin, begin + len(inner.strip("|")), offset)


def _gaps(line: str, offset: int) -> Row:
    begin = len(line) - len(line.lstrip())
    return _split(_GAP, line, begin, len(line.rstrip()), offset)


def _commas(line: str, offset: int) -> Row:
    return _split(_COMMA, line, 0, len(line.rstrip()), offset)


def _split(mark: re.Pattern[str], line: str, begin: int, end: int, offset: int) -> Row:
    cells: list[Piece] = []
    for match in [*mark.finditer(line, begin, end), None]:
        stop = match.start() if match else end
        cells.append(Piece(line[begin:stop].strip(_MARKS), offset + begin, offset + stop))
        begin = match.end() if match else end
    return tuple(cells)
