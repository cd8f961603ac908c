"""Sentences of a request with their spans: full stops, bullets, blank lines, `key: value` lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hug_agents.reading.forms import SPEAKER, plain_lines
from hug_agents.reading.quoted import segments

_END = re.compile(r"[.!?]+[\"')\]*`]{0,3}(?=\s|\Z)|;(?=\s|\Z)|\n")
BULLET = re.compile(r"[ \t]*(?:[-*\u2022+\u2013]|\d{1,2}[.)]|\([a-z\d]\)|#{1,6})[ \t]+")
_KEY = re.compile(r"[ \t]*[A-Za-z](?:[\w /-]{0,30}:(?:[ \t]|\n|\Z)|[\w.-]{0,30}=\S)")
_LONGEST = 1_200
"""Characters of one sentence; a longer one is cut, so that time grows with length only."""
_ABBREVIATIONS = frozenset("e.g i.e eg ie etc vs approx resp incl no nr dr mr st ca cf al fig v".split())
_OPEN_END = frozenset(
    "a an the to on in at of for with by from and or not no use using run running put deploy want need without "
    "via as is are be than instead into onto our your its this that these those never don't".split()
)
_CAUTION = re.compile(
    r"\b(?:not|no|never|without|used to|was|were|previously|formerly|if|may|might|instead)\b|n't", re.I
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text[start:end]`, without the white space and bullet around it."""

    start: int
    end: int


def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences in order; together they hold every letter and digit of the text."""
    found: list[Sentence] = []
    spans = tuple(segments(text))
    raw, text = text, plain_lines(text)
    for begin, end in spans:
        start = begin
        for match in _END.finditer(text, begin, end):
            if match.group() == "\n":
                if not SPEAKER.match(raw, match.end()) and not _line_ends(text, start, match.start()):
                    continue
            elif match.group().startswith(".") and _abbreviation(text, match.start()):
                continue
            elif (
                match.group() == "."
                and text[start : match.start()].strip().isdigit()
                and text[match.end() : match.end() + 1] == " "
            ):
                continue  # `1. api: ...`, the number of an item
            elif match.group().startswith("..") and text[match.end() : match.end() + 2].strip()[:1].islower():
                continue  # `4000... sorry, 4040`
            _add(found, text, start, match.end())
            start = match.end()
        _add(found, text, start, end)
    return tuple(found)


def _add(found: list[Sentence], text: str, start: int, end: int) -> None:
    if bullet := BULLET.match(text, start, end):
        start = bullet.end()
    while start < end and text[start].isspace():
        start += 1
        if bullet := BULLET.match(text, start, end):
            start = bullet.end()
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > _LONGEST:
        cut = max(text.rfind(mark, start, start + _LONGEST) for mark in (",", "\n", " "))
        cut = cut if cut > start else start + _LONGEST
        _add(found, text, start, cut + 1 if text[cut] == "," else cut)
        start = cut + 1 if cut < start + _LONGEST else cut
    if any(char.isalnum() for char in text[start:end]):
        found.append(Sentence(start, end))


def _abbreviation(text: str, dot: int) -> bool:
    begin = dot
    while begin > 0 and dot - begin < 10 and (text[begin - 1].isalpha() or text[begin - 1] == "."):
        begin -= 1
    word = text[begin:dot].lower()
    if word not in _ABBREVIATIONS:
        return False
    if word in ("no", "etc", "st"):
        following = text[dot + 1 : dot + 3].strip()
        return word == "etc" and following[:1].islower() or word in ("no", "st") and following[:1].isdigit()
    return True


_CONTINUES = _OPEN_END | frozenset("but which who where when while so because until".split())


def _meant(text: str, newline: int) -> bool:
    """Whether a line was ended on purpose: the next word would have fitted into it, as the paragraph's widest line tells."""
    begin = text.rfind("\n\n", 0, newline)
    begin = begin + 2 if begin >= 0 else 0
    end = text.find("\n\n", newline)
    lines = text[begin : end if end >= 0 else len(text)].split("\n")
    here = text[text.rfind("\n", 0, newline) + 1 : newline].rstrip()
    line_end = text.find("\n", newline + 1)
    words = text[newline + 1 : line_end if line_end >= 0 else len(text)].split()
    if not words or not here.strip() or here.endswith((",", "(", "-")) or words[0].lower() in _CONTINUES:
        return False
    if words[0].startswith("("):
        return False
    if sum(_KEY.match(f"{line}\n") is not None for line in lines) * 2 > len(lines) > 3:
        return True  # a list of `key: value`, where no other line goes on
    widest = max((len(line.rstrip()) for line in lines), default=0)
    last = re.split(r"[,;()]", here)[-1]
    whole = here.split()[-1].lower() not in _OPEN_END and not _CAUTION.search(last)
    return whole and len(here) + 1 + len(words[0]) <= widest


def _wrapped(text: str, newline: int) -> bool:
    """`... Image for both:` at the end of a long line, where the next word would not have fitted."""
    begin = text.rfind("\n", 0, newline) + 1
    line_end = text.find("\n", newline + 1)
    words = text[newline + 1 : line_end if line_end >= 0 else len(text)].split()
    above = text[max(text.rfind("\n\n", 0, newline), 0) : begin].split("\n")
    widest = max(len(line) for line in (*above, text[begin:newline]))
    return bool(words) and newline - begin > 60 and newline - begin + 1 + len(words[0]) > widest


_COLUMN = re.compile(
    r"[ \t]*(?:\w[\w./-]{0,40}(?: \w[\w./-]{0,40})?)(?:[ \t]*(?:->|=>|\u2192|\|)[ \t]*|[ \t]{2,}|\t)\S"
)


def _column(line: str) -> bool:
    """`staging  -> us-west-2, 2 tasks`, `prod   eu-west-1   6`: a line of a list in columns, which no other line goes on with."""
    return _COLUMN.match(line) is not None


def _line_ends(text: str, start: int, newline: int) -> bool:
    """Whether a line break ends a sentence. In doubt it does not: a negation must not be cut off from its object."""
    rest = newline + 1
    line_end = text.find("\n", rest)
    following = text[rest : line_end if line_end >= 0 else len(text)]
    before = text[max(start, newline - 200) : newline].rstrip()
    if not following.strip() or not before or before.endswith((":", ",")) and BULLET.match(following):
        return True
    if before.endswith(":") and not (_CAUTION.search(before[-60:]) or _wrapped(text, newline)) or _meant(text, newline):
        return True
    if BULLET.match(following) or _KEY.match(following + "\n") or following.lstrip().startswith("|"):
        return True
    if _column(following) and _column(text[text.rfind("\n", 0, newline) + 1 : newline]):
        return True
    last = before.split()[-1].lower() if before.split() else ""
    return (
        following.lstrip()[:1].isupper()
        and last not in _OPEN_END
        and not before.endswith(",")
        and not _CAUTION.search(before)
    )
