"""Words, numbers, paths and punctuation of a text, each with its span. One pass, linear in the length of the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from hug_agents.reading.spelling import spelled
from hug_agents.reading.vocabulary import AWS_REGIONS, AZURE_REGIONS, GCP_REGIONS, SYSTEMS

Kind = Literal["word", "number", "numbers", "path", "url", "punct"]

_TOKEN = re.compile(
    r"(?P<url>https?://(?:<[\w.-]{1,40}>)?[^\s<>\"'`)\],]+)"
    r"|(?P<path>(?<![\w.])/[A-Za-z0-9._~%:=&?/-]*)"
    r"|(?P<numbers>(?<![\w.,])\d+(?:,\d+)+(?![\w.]))"
    r"|(?P<word>\w+(?:(?:::|[._:/@+'\u2019-])\w+)*)"
    r"|(?P<punct>->|=>|\S)"
)
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,6})?\Z")
_WITH_UNIT = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([A-Za-z\u00b5]{1,12})\Z")
_SERVED = re.compile(r"(\d{4,5})(?=/(?!(?:tcp|udp|https?|s|sec|min|h|hour|day|month)\Z)[A-Za-z_])")
_ORDINAL = frozenset({"st", "nd", "rd", "th", "xx", "x", "d", "am", "pm"})
_CAMEL = re.compile(r"[a-z]{2,}(?:[A-Z][a-z]{1,})+\Z")
_KEYED = re.compile(r"[:=]| [\d/]| path\b")
_PLACES = AWS_REGIONS | AZURE_REGIONS | GCP_REGIONS | frozenset(SYSTEMS) | frozenset("aws gcp azure".split())
"""`ECS/us-east-1` names two things; `acme/orders` names one."""
_KEYS = frozenset(
    "port ports region image name service app application domain cluster namespace account env environment "
    "environments replicas health runtime strategy cloud cpu memory schedule command owner version".split()
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `text[start:end]`, with `lower` its normalised form."""

    lower: str
    start: int
    end: int
    kind: Kind

    @property
    def number(self) -> float | None:
        """The value of a number in digits."""
        return float(self.lower) if self.kind == "number" else None


def tokenize(text: str) -> tuple[Token, ...]:
    """All tokens in order. `8080ms` is a number and a unit; `key:8080` is a key and a number."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        start, end = match.span()
        if kind in ("url", "path"):
            while end - start > 1 and text[end - 1] in ".:?&=-":
                end -= 1
            found.append(Token(text[start:end], start, end, "url" if kind == "url" else "path"))
            found.extend(_token(text, place, place + 1, "punct") for place in range(end, match.end()))
        elif kind == "word":
            found.extend(_split(text, start, end))
        else:
            found.append(_token(text, start, end, "numbers" if kind == "numbers" else "punct"))
    return tuple(found)


def _token(text: str, start: int, end: int, kind: Kind) -> Token:
    lower = text[start:end].lower().replace("\u2019", "'")
    return Token(spelled(lower) if kind == "word" else lower, start, end, kind)


def _split(text: str, start: int, end: int) -> list[Token]:
    word = text[start:end]
    if _NUMBER.match(word):
        return [_token(text, start, end, "number")]
    if (unit := _WITH_UNIT.match(word)) and unit.group(2).lower() not in _ORDINAL:
        middle = start + unit.end(1)
        return [_token(text, start, middle, "number"), _token(text, middle, end, "word")]
    if served := _SERVED.match(word):  # `:9090/metrics`
        middle = start + served.end(1)
        return [_token(text, start, middle, "number"), Token(text[middle:end], middle, end, "path")]
    key, colon, rest = word.partition(":")
    if colon and rest and key.lower() in _KEYS:
        middle = start + len(key)
        return [
            _token(text, start, middle, "word"),
            _token(text, middle, middle + 1, "punct"),
            *_split(text, middle + 1, end),
        ]
    if _CAMEL.match(word) and _KEYED.match(text, end):  # `healthPath: /up`, `containerPort 8080`, a key of YAML or JSON
        places = [start, *(start + hump.start() for hump in re.finditer("[A-Z]", word)), end]
        return [_token(text, one, other, "word") for one, other in pairwise(places)]
    parts = word.split("/")
    if len(parts) > 1 and any(all(fits(part) for part in parts) for fits in (str.isdigit, _place, _size)):
        return _slashes(text, start, parts)
    return [_token(text, start, end, "word")]


def _place(part: str) -> bool:
    return part.lower() in _PLACES


def _size(part: str) -> bool:
    """`500m/512Mi`, and what is left of `1 cpu/2Gi`."""
    return part.lower() in ("cpu", "vcpu", "core", "cores") or _WITH_UNIT.match(part) is not None


def _slashes(text: str, start: int, parts: list[str]) -> list[Token]:
    found: list[Token] = []
    place = start
    for index, part in enumerate(parts):
        if index:
            found.append(_token(text, place, place + 1, "punct"))
            place += 1
        found.extend(_split(text, place, place + len(part)))
        place += len(part)
    return found
