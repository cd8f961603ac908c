"""Paths of a service: its health check, its metrics, and what a smoke test must get."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from hug_agents.reading.document import Clause, Document, Mention
from hug_agents.reading.numbers import quantities
from hug_agents.reading.rules_ports import HEALTH_PATHS, HEALTH_WORDS, METRICS_WORDS, STOPS
from hug_agents.reading.scope import Status


def paths(doc: Document) -> Iterator[Mention]:
    """Health and metrics paths, and paths that a smoke test must get."""
    smoked = -1
    for index, token in enumerate(doc.tokens):
        told = False
        if token.kind == "url":
            yield from _own_url(doc, index)
        path = doc.text[token.start : token.end]
        if token.kind != "path" or path.startswith("//") or path == "/" and _between(doc, index):
            continue
        sentence = doc.sentence(index)
        near = doc.words(max(index - 12, sentence.first), index)
        part = _part(near)
        after = _part_after(doc.words(index + 1, min(index + 5, sentence.last)))
        behind = doc.words(index + 1, min(index + 12, sentence.last))
        listed = smoked >= sentence.first and not (METRICS_WORDS | HEALTH_WORDS) & set(doc.words(smoked + 1, index))
        if "smoke" in part or _called_smoke(behind) or listed or _after_release(doc, sentence, index):
            smoked = index
            wanted = expected(doc, index + 1, sentence.last)
            yield doc.mention("smoke", path, index, index + 1, until=wanted.last)
        elif any(word in METRICS_WORDS for word in part) or path.rstrip("/").endswith("/metrics"):
            yield doc.mention("service.metrics_path", path, index, index + 1)
        elif (
            any(word in HEALTH_WORDS for word in (*part, *after))
            or _is_health(path)
            or path.rpartition("/")[2] in _CHECKED
            and (part[-1:] in (("check",), ("checks",), ("checking",)) or _beside_port(doc, index))
            or (told := _tells(part, behind))
        ):
            asked = told and doc.status[index] == "hypothetical"  # `see on /ready whether it is up`
            since = next(
                (p for p in range(index - 1, max(index - 7, sentence.first) - 1, -1) if doc.lower(p) in HEALTH_WORDS),
                index,
            )
            status: Status | None = "asserted" if asked else None
            yield doc.mention("service.health_path", path, index, index + 1, since=since, status=status)


_ALIVE = frozenset("alive healthy up ok okay ready works running fine well".split())
_SHOWS = frozenset("tells shows says answers replies responds returns if whether when while that".split())


def _tells(before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """`/ping tells you it's alive`, `you see on /ping whether it is up`: what a path is asked for."""
    near = after[: next((place for place, word in enumerate(after) if word in ".;" or word.startswith("/")), 8)][:8]
    told = bool(_ALIVE & set(near)) and near[:1] != (",",) and bool(_SHOWS & set(near))
    shown = {*before[-8:]}
    told = told or before[-1:] in (("at",), ("on",), ("under",)) and bool(shown & _SHOWS) and bool(shown & _ALIVE)
    asked = before[-2:-1] in (("see",), ("check",), ("ask",), ("ping",), ("hit",), ("call",)) and bool(
        _ALIVE & set(near)
    )
    return told or asked


def _called_smoke(words: tuple[str, ...]) -> bool:
    """`/ping as a smoke test`, `/ping gives 200 after each deployment (smoke test)`."""
    if "smoke" not in words[1:]:
        return False
    place = words.index("smoke", 1)
    alone = not any(word.startswith("/") for word in words[:place])
    return alone and (words[place - 1] in ("(", "-", "\u2013", "\u2014", ":", "our", "the") or "as" in words[:place])


class Expected(NamedTuple):
    """What a smoke test's answer must be, where words say so; `last` is the token behind them."""

    status: int | None
    milliseconds: int | None
    last: int | None


def expected(doc: Document, first: int, last: int) -> Expected:
    """`GET /login returns 302 within 500 ms`: from the token behind the path on, up to another path."""
    last = next((place for place in range(first, last) if doc.tokens[place].kind == "path"), last)
    status = milliseconds = end = None
    for item in quantities(doc, first, last):
        answers = _ANSWERS & set(doc.words(max(item.first - 4, first), item.first))
        if not item.unit and item.whole and 100 <= item.whole < 600 and answers and status is None:
            status, end = item.whole, item.last
        limit = _WITHIN & set(doc.words(max(item.first - 3, first), item.first))
        thousands = {"milliseconds": 1, "seconds": 1000}.get(item.unit, 0)
        if limit and milliseconds is None and 1 <= item.value * thousands <= 60_000:
            milliseconds, end = int(item.value * thousands), item.last
    return Expected(status, milliseconds, end)


_ANSWERS = frozenset(
    "give gives return returns answer answers respond responds with status be is get gets -> => =".split()
)
_WITHIN = frozenset("within in under below < than".split())


def _is_health(path: str) -> bool:
    """`/healthz`, `/health/ready`: a path that says by itself what it is for."""
    whole = path.rstrip("/").lower()
    head, _, tail = whole.rpartition("/")
    return whole in HEALTH_PATHS or head in HEALTH_PATHS and tail in _STATES or f"/{tail}" in HEALTH_PATHS


def _beside_port(doc: Document, index: int) -> bool:
    """`port 8080, /up, 3 tasks`, `:8080/ping`, `GET /ready on port 8080`: an item of a list behind a port, or just before it."""
    place = index - 1 - (doc.lower(index - 1) in (",", "/", "-", "|", ";", "and", "&"))
    ended = index + 1 >= doc.sentence(index).last or doc.lower(index + 1) in (",", ".", ";", ")", "|")
    return ended and doc.lower(place).isdigit() or doc.words(index + 1, index + 3) == ("on", "port")


_CHECKED = frozenset("ping status alive up ready live hc check".split())
"""What `check /ping` is asked for; `check /orders` may be a smoke test."""
_STATES = frozenset("ready live readiness liveness alive status".split())


def _after_release(doc: Document, sentence: Clause, index: int) -> bool:
    """`after each deployment please call GET /ping`: a smoke test by what it does; `must call /hook` only tells somebody."""
    words = doc.words(sentence.first, index)
    start = words.index("after") if "after" in words else len(words)
    released = _RELEASES & set(words[start + 1 : start + 4])
    each = {"each", "every"} & set(words[start + 1 : start + 3])
    answered = {"give", "gives", "return", "returns", "answer", "answers", "respond", "responds"}
    judged = words[-1:] == ("get",) or answered & set(doc.words(index, sentence.last))
    called = {"call", "get", "request", "check", "fetch"} & set(words[-3:])
    return bool(released and each and called and judged)


_RELEASES = frozenset(
    "deployment deploy release rollout change update upgrade install installation go-live version".split()
)


def _between(doc: Document, index: int) -> bool:
    """`acme/feed:1 / 8080 / readiness on /ready`: a stroke between two things, each with a space before it."""
    after = doc.tokens[index + 1] if index + 1 < len(doc.tokens) else None
    listed = doc.lower(index - 1) not in _LEADS and after is not None and after.start > doc.tokens[index].end
    return listed and doc.tokens[index - 1].end < doc.tokens[index].start and after.kind != "punct"  # type: ignore[union-attr]


_LEADS = frozenset("on at under is path get : = `".split())
_OWN = re.compile(
    r"https?://(?:<[\w.-]+>|localhost|127\.0\.0\.1|0\.0\.0\.0)(?::(\d{1,5}))?(/[A-Za-z0-9._~/-]*[A-Za-z0-9])\Z"
)


def _own_url(doc: Document, index: int) -> Iterator[Mention]:
    """`health is http://<host>:8081/actuator/health`: the path and the port of its own health check."""
    match = _OWN.match(doc.raw(index, index + 1))
    near = _part(doc.words(max(index - 6, doc.sentence(index).first), index))
    if match and set(near) & HEALTH_WORDS and not set(near) & METRICS_WORDS:
        yield doc.mention("service.health_path", match.group(2), index, index + 1)
        if match.group(1):
            yield doc.mention("service.health_port", int(match.group(1)), index, index + 1)


def _part(words: tuple[str, ...]) -> tuple[str, ...]:
    for place in range(len(words) - 1, -1, -1):
        if (
            words[place] in (";", "but", ",", "and")
            and len(words) - place > 6
            or words[place] in (";", "but")
            or words[place].startswith("/")
        ):
            return words[place + 1 :]
    return words


def _part_after(words: tuple[str, ...]) -> tuple[str, ...]:
    kept: list[str] = []
    for word in words:
        if word in STOPS:
            break
        kept.append(word)
    return tuple(kept)
