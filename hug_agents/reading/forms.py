"""Forms, chats and Markdown as plain lines: marks that say nothing become blanks, so that every character keeps its place."""

from __future__ import annotations

import re
from functools import lru_cache

_EMPHASIS = re.compile(r"(?<![\w/*`])\*\*(?=[^\s*])([^*\n]{1,200})(?<=[^\s*])\*\*(?![\w/*])")
_EMOJI = re.compile(r"(?<![^\s(]):[a-z][a-z0-9_+-]{1,30}:(?![^\s.,!?)])")
SPEAKER = re.compile(
    r"^[ \t]*(?:\[?\d{1,2}:\d{2}(?::\d{2})?\]?[ \t]+[\w.-]{1,30}:"
    r"|[\w.-]{1,30}[ \t]+[\[(]\d{1,2}:\d{2}(?::\d{2})?[\])]:|<[\w.-]{1,30}>)[ \t]+",
    re.M,
)
"""`[09:02] Priya: ...`: a line of a conversation."""
_LEADER = re.compile(r"^([ \t]*[A-Za-z][\w /()&-]{0,40}?)([ \t]?(?:\.{4,}|_{4,}|[ \t]\.{3}))(?=[ \t]*\S)", re.M)
_BOX = re.compile(
    r"(?:\[(?P<on>[xX\u2713\u2714*])\]|\[ ?\]|\((?P<round>[xX])\)|\( \)|(?P<ticked>[\u2611\u2612\u2714])|\u2610)[ \t]*"
)
_ASKED = re.compile(
    r"^([ \t]*(?:[-*]|\d{1,2}[.)])?[ \t]*(?:[a-z]{2,12} ){0,2}(?:regions?|accounts?|ports?|images?|domains?|hosts?|"
    r"clusters?|namespaces?|replicas|instances|health(?: check)?|strategy|environments?|ci|iac|runtime|monitoring|owner|team))\?"
    r"(?=[ \t]+(?!yes|no\b|nope|sure|not\b)\S)",
    re.M | re.I,
)
"""`Region? eu-west-1`: a question with its answer in the same line."""
_ROW = re.compile(r"^([ \t]*)\|([^|\n]+)\|([^|\n]+)\|[ \t]*$", re.M)
_SET = r"[a-z][\w.-]{0,30}=(?:\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'|[^\s\"'=]{1,200})"
_SETTINGS = re.compile(rf"(?<!\S){_SET}(?:[ \t]+{_SET}){{2,}}(?!\S)")
"""`port=8080 replicas=3 region=eu-west-1`: settings in one line."""
_BETWEEN = re.compile(rf"[ \t](?={_SET})")
_PAIRED = frozenset(
    "field key setting item property parameter what option topic question name attribute detail".split()
) | {""}
_VALUED = frozenset("value values setting settings details detail answer wanted choice".split()) | {""}
_SHORT = 40
"""Characters of an option that one chooses; what is longer is a task to do."""


@lru_cache(maxsize=64)
def plain_lines(text: str) -> str:
    """The text as its rules read it, of the same length: `Port ..... 8080` is `Port: 8080`, `[ ] ECS [x] Nomad` is `Nomad`."""
    made = _LEADER.sub(lambda row: row[1] + ":" + " " * (len(row[2]) - 1), _pairs(text))
    made = _ASKED.sub(lambda row: row[1] + ":", made)
    for pattern in (SPEAKER, _EMOJI):
        made = pattern.sub(lambda found: " " * len(found[0]), made)
    made = _EMPHASIS.sub(lambda found: f"  {found[1]}  ", made)
    made = _SETTINGS.sub(lambda found: _BETWEEN.sub("\n", found[0]), made)
    return _chosen(made)


def _pairs(text: str) -> str:
    """The rows of a table of two columns, what and its value, as `what: value`."""
    made: list[str] = []
    paired = False
    for line in text.split("\n"):
        row = _ROW.match(line)
        if row is None:
            paired = False
        elif paired and not set(row[2] + row[3]) <= set(" \t:-"):
            made.append(f"{row[1]} {row[2].rstrip()}:{' ' * (len(row[2]) - len(row[2].rstrip()))}{row[3]}")
            made[-1] = made[-1].ljust(len(line))
            continue
        elif not paired:
            left, right = (cell.strip(" \t*`").lower() for cell in (row[2], row[3]))
            paired = left in _PAIRED and right in _VALUED
        made.append(line)
    return "\n".join(made)


def _chosen(text: str) -> str:
    """What is not ticked in a list of short options is not said; a list of tasks stays as it is."""
    found = list(_BOX.finditer(text))
    if len(found) < 2:
        return text
    starts = [box.start() for box in found]
    ends = [min(after, _line_end(text, box.end())) for box, after in zip(found, [*starts[1:], len(text)], strict=True)]
    made = list(text)
    for group in _groups(text, starts):
        ticked = [_ticked(found[number]) for number in group]
        short = all(ends[number] - found[number].end() <= _SHORT for number in group)
        if len(group) < 2 or not any(ticked) or not short:
            continue
        for number, on in zip(group, ticked, strict=True):
            stop = found[number].end() if on else ends[number]
            made[found[number].start() : stop] = " " * (stop - found[number].start())
    return "".join(made)


def _ticked(box: re.Match[str]) -> bool:
    return bool(box["on"] or box["round"] or box["ticked"])


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return end if end >= 0 else len(text)


def _groups(text: str, starts: list[int]) -> list[list[int]]:
    """The boxes of one line, or of lines that follow each other and hold one box each."""
    groups: list[list[int]] = []
    for number, start in enumerate(starts):
        between = text[starts[number - 1] : start] if number else "\n\n"
        lead = between.rpartition("\n")[2].strip(" \t-*+")
        if between.count("\n") == 0 or between.count("\n") == 1 and not lead:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups
