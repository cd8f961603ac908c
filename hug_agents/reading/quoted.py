"""Material that a request only shows: pasted logs, forwarded mail, blocks, hidden comments, what looks like another turn.

Nothing in it is the requester's own word. It is shown as data and never read as a wish; where it would have stated a
value, the requirements table says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_SHOWN = (
    re.compile(r"(`{3,}|~{3,}|\"{3,}|'{3,})[\s\S]*?(?:\1|\Z)"),
    re.compile(r"<!--[\s\S]*?(?:-->|\Z)"),
    re.compile(r"^[ \t]*>.*$", re.M),
    re.compile(
        r"^[ \t]*-{3,}[ \t]*(?:Original|Forwarded) message\b[\s\S]*?(?:^-{3,}[ \t]*End of message\b.*$|\Z)", re.M | re.I
    ),
    re.compile(r"^[ \t]*\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*$", re.M),
    re.compile(r"^[ \t]*[\"'\\]{0,9}(?:\{[\s\\]*\"|\[[\s\\]*[\"{])[\s\S]*?(?=\n[ \t]*\n|\Z)", re.M),
    re.compile(
        r"(?:<\|[a-z_]{1,30}\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|user|human|tool|data|tool_result|function_results?)\b"
        r"[^>\n]{0,200}>|^[ \t]*(?:#+[ \t]*)?(?:assistant|human|tool[ _]result|system[ _](?:message|prompt))[ \t]*:)"
        r"[\s\S]*?(?=\n[ \t]*\n|\Z)",
        re.M | re.I,
    ),
)


@lru_cache(maxsize=64)
def quoted(text: str) -> tuple[tuple[int, int], ...]:
    """The spans of such material, in order and apart. A text that is nothing else is the request itself: none."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(_found(text)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    own = "".join(text[start:end] for start, end in _between(tuple(merged), len(text)))
    return tuple(merged) if any(char.isalnum() for char in own) else ()


def closed(text: str) -> str:
    """The text with what it left open closed, so that words put after it are not swallowed by a block of its own."""
    probe = "\n\nx"
    open_marks = [match.group() for match in re.finditer(r"`{3,}|~{3,}|\"{3,}|'{3,}", text)][-1:]
    for end in ("", *(f"\n{mark}" for mark in open_marks), "\n-->", "\n-----End of message-----"):
        tried = text + end
        if not any(start <= len(tried) + 2 < stop for start, stop in quoted(tried + probe)):
            return tried
    return text


def segments(text: str) -> Iterator[tuple[int, int]]:
    """The text cut where such material begins and ends: no sentence reaches from one into the other."""
    spans = quoted(text)
    yield from sorted((*spans, *_between(spans, len(text))))


def _found(text: str) -> Iterator[tuple[int, int]]:
    for pattern in _SHOWN:
        for match in pattern.finditer(text):
            yield match.span()


def _between(spans: tuple[tuple[int, int], ...], length: int) -> Iterator[tuple[int, int]]:
    place = 0
    for start, end in (*spans, (length, length)):
        if place < start:
            yield place, start
        place = end
