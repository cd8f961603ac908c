"""What of a file a model wrote: a file of its own, or blocks between marks in a rendered one, which comes back without them."""

from __future__ import annotations

import re

from hug_agents.bundle import Artifact
from hug_agents.errors import SpecError

MARK = "hug:amendment"
_BEGIN = re.compile(rf"^[ \t]*(?:#|<!--) {MARK} (r[0-9]{{1,4}}) begin(?: -->)?$")
_END = re.compile(rf"^[ \t]*(?:#|<!--) {MARK} (r[0-9]{{1,4}}) end(?: -->)?$")


def marks(path: str) -> tuple[str, str]:
    """How a comment of a file's format opens and closes."""
    return ("<!-- ", " -->") if path.endswith(".md") else ("# ", "")


def with_block(text: str, after: str, content: str, id: str, *, comment: tuple[str, str] = ("# ", "")) -> str:
    """A text with a marked block behind the one line that reads `after`; empty: at its end. Raises SpecError.

    `comment` is how a comment of the format opens and closes.
    """
    lines = text.splitlines()
    places = [number for number, line in enumerate(lines, 1) if line == after] if after else [len(lines)]
    if len(places) != 1:
        found = f"{len(places)} lines read" if places else "no line reads"
        raise SpecError(f"{found} {after[:120]!r}", hint="copy one whole line that stands there once, with its indent")
    first = content.lstrip("\n")
    indent = first[: len(first) - len(first.lstrip(" \t"))] if first.strip() else ""
    left, right = comment
    inner = content.strip("\n").splitlines()
    begin, end = (f"{indent}{left}{MARK} {id} {what}{right}" for what in ("begin", "end"))
    return "\n".join([*lines[: places[0]], begin, *inner, end, *lines[places[0] :]]) + "\n"


def without_blocks(text: str) -> str:
    """The text as it was rendered."""
    marked = {number for span in _spans(text) for number in span}
    return "".join(f"{line}\n" for number, line in enumerate(text.splitlines(), 1) if number not in marked)


def written(artifact: Artifact) -> tuple[range, ...]:
    """The lines of a file that a model wrote, counted from 1."""
    if not artifact.author:
        return ()
    return _spans(artifact.content) or (range(1, artifact.content.count("\n") + 2),)


def blocks_of(text: str) -> tuple[str, ...]:
    """Which amendments have a block in a text."""
    return tuple(dict.fromkeys(found[1] for line in text.splitlines() if (found := _BEGIN.match(line))))


def _spans(text: str) -> tuple[range, ...]:
    spans: list[range] = []
    start, id = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not start and (begins := _BEGIN.match(line)):
            start, id = number, begins[1]
        elif start and (ends := _END.match(line)) and ends[1] == id:
            spans.append(range(start, number + 1))
            start = 0
    return tuple(spans)
