"""What a text gives to each environment in one breath: `clusters a for staging and b for prod`, `LEVEL is x in dev, y in prod`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.environments import Environments, environment_words
from hug_agents.reading.redact import secret_like
from hug_agents.reading.vocabulary import AWS_REGIONS, AZURE_REGIONS, ENVIRONMENTS, GCP_REGIONS

_ENVIRONMENTS = Environments()
_REGIONS = AWS_REGIONS | GCP_REGIONS | AZURE_REGIONS
_NOUNS = {
    **dict.fromkeys(("cluster", "clusters"), "cluster"),
    **dict.fromkeys(("namespace", "namespaces", "ns"), "namespace"),
    **dict.fromkeys(("region", "regions"), "region"),
    **dict.fromkeys(("account", "accounts"), "account"),
    **dict.fromkeys(("domain", "domains", "host", "hosts", "hostname", "hostnames", "url", "urls"), "domain"),
}
_RUNTIMES = frozenset("kubernetes k8s eks gke aks nomad ecs".split())
_SHAPES = {
    "cluster": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,99}\Z"),
    "namespace": re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"),
    "region": re.compile(r"[a-z]+(?:-[a-z]+)+-?\d\Z"),
    "account": re.compile(r"\d{12}|\d{4}-\d{4}-\d{4}\Z"),
    "domain": re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}\Z"),
}
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z")
_MARKS = frozenset("` \" ' ( \u201c \u201d".split())
_OF = frozenset("for in on to of = : -> => \u2192 ( is are uses use gets get as the".split())
_JOINTS = frozenset(", ; and & / + but while whereas | )".split())
_OPENERS = frozenset("per by each environment -> => : = is are be should must to called named we have use ( ,".split())
_NO_VALUES = frozenset(
    "the a an our my your this that in on for to of and or with is are be per each both all same one two three "
    "please only separate different own name named called environment environments env envs it its no not".split()
)
_FAR = 40
"""Tokens after which nothing is joined to what was said before."""
_Value = Callable[[int], "str | None"]


class _Part(NamedTuple):
    """A value, its token, and the environment that it is given to."""

    value: str
    place: int
    environment: str


@lru_cache(maxsize=64)
def by_place(doc: Document) -> tuple[Mention, ...]:
    """A value for each of several environments, after what it is; one alone is read by the other rules."""
    return tuple(_found(doc))


def _found(doc: Document) -> Iterator[Mention]:
    for index, token in enumerate(doc.tokens):
        if kind := _NOUNS.get(token.lower):
            yield from _given(doc, index, f"environment.{kind}", _shaped(doc, kind))
        elif token.lower in _RUNTIMES and doc.lower(index + 1) in (
            "(",
            ":",
        ):  # `Kubernetes (staging: a, production: b)`
            yield from _given(doc, index, "environment.cluster", _shaped(doc, "cluster"))
        elif _VARIABLE.match(name := doc.text[token.start : token.end]) and not secret_like(name):
            yield from _given(doc, index, f"service.env.{name}", _setting(doc))


def _given(doc: Document, noun: int, field: str, value: _Value) -> Iterator[Mention]:
    parts = _chain(doc, noun + 1, doc.sentence(noun).last, value) or _below(doc, noun, value)
    parts = parts or (_hinted(doc, noun, value) if field.startswith("environment.") else [])
    if len({part.environment for part in parts}) < 2 or len({part.environment for part in parts}) < len(parts):
        return
    for part in parts:
        yield doc.mention(field, part.value, part.place, part.place + 1, environment=part.environment)


def _shaped(doc: Document, kind: str) -> _Value:
    def value(place: int) -> str | None:
        text = doc.raw(place, place + 1)
        text = text.lower() if kind in ("domain", "region") else text
        plain = (
            doc.lower(place) in _NO_VALUES or doc.lower(place) in environment_words(doc) or doc.lower(place) in _NOUNS
        )
        if plain or not _SHAPES[kind].match(text) or kind == "region" and text not in _REGIONS:
            return None
        return text.replace("-", "") if kind == "account" else text

    return value


def _setting(doc: Document) -> _Value:
    def value(place: int) -> str | None:
        plain = doc.lower(place) in _NO_VALUES | {"set"} or doc.lower(place) in environment_words(doc)
        return None if plain or doc.tokens[place].kind == "punct" else doc.raw(place, place + 1)

    return value


def _chain(doc: Document, start: int, last: int, value: _Value) -> list[_Part]:
    """`a for staging, b for prod`, `staging a and prod: b`, `a (staging) / b (prod)`, `a in both`; never two orders at once."""
    last = min(last, start + _FAR)
    while start < last and doc.lower(start) in _OPENERS | _MARKS:
        start += 1
    for read in (_after_place, _before_place):
        parts: list[_Part] = []
        place = start
        while place < last and (found := read(doc, place, last, value)):
            more, place = found
            parts.extend(more)
            while place < last and (doc.lower(place) in _JOINTS | _MARKS or _region(doc, place)):
                place += 1  # `a (production, us-east-1), b (staging, us-east-1)`
        if len(parts) > 1:
            return parts
    return []


def _region(doc: Document, place: int) -> bool:
    return doc.lower(place) in _REGIONS and doc.lower(place - 1) in (",", "(", "/", "in")


def _after_place(doc: Document, place: int, last: int, value: _Value) -> tuple[list[_Part], int] | None:
    """`staging: a`, `in prod it is b`."""
    while place < last and doc.lower(place) in ("in", "for", "on", "the"):
        place += 1
    hit = _ENVIRONMENTS.at(doc, place)
    at = _skip(doc, hit[0], last) if hit else last
    found = value(at) if at < last else None
    return ([_Part(found, at, hit[1][0])], at + 1) if found and hit else None


def _before_place(doc: Document, place: int, last: int, value: _Value) -> tuple[list[_Part], int] | None:
    """`a for staging`, `a (staging and prod)`, `a in both`."""
    found = value(place) if place < last else None
    after = _skip(doc, place + 1, last)
    after += after < last and doc.lower(after) == "," and doc.lower(after + 1) in ("in", "for", "on")
    after = _skip(doc, after, last)
    if not found or after >= last:
        return None
    if doc.lower(after) in ("both", "all") and not (hit := _ENVIRONMENTS.at(doc, after + 1)):
        return ([_Part(found, place, name) for name in _BOTH], after + 1) if _ends(doc, after + 1, last) else None
    after += doc.lower(after) == "both"
    parts: list[_Part] = []
    while after < last and (hit := _ENVIRONMENTS.at(doc, after)):
        parts.append(_Part(found, place, hit[1][0]))
        after = hit[0]
        joint = after + 1 if doc.lower(after) in ("and", "+", "&", "/", ",") else after
        joint = after + 3 if doc.words(after, after + 3) == ("as", "well", "as") else joint
        joint = _skip(doc, joint, last) if joint > after else joint
        if (
            joint == after
            or _ENVIRONMENTS.at(doc, joint) is None
            or value(joint + 1)
            and doc.lower(joint + 1) not in _ALIKE
            or doc.lower(joint + 1) in (":", "=", "->", "is", "gets")  # `a for prod, staging: b`
        ):
            break
        after = joint
    return (parts, after) if parts and after > place + 1 else None


_BOTH = ("staging", "production")
_ALIKE = frozenset("alike too each both only , . ; ) : and".split())


def _ends(doc: Document, place: int, last: int) -> bool:
    return place >= last or doc.lower(place) in _JOINTS | _ENVIRONMENT_WORDS | {".", ":", ""}


_ENVIRONMENT_WORDS = frozenset("environment environments env envs places stages of".split())


def _skip(doc: Document, place: int, last: int) -> int:
    while place < last and doc.lower(place) in _OF | _MARKS:
        place += 1
    return place


def _below(doc: Document, noun: int, value: _Value) -> list[_Part]:
    """`clusters:` of a block, and `staging: a` in the lines below it."""
    sentence = doc.sentence(noun)
    if doc.words(noun + 1, sentence.last) != (":",) or noun > sentence.first + 1:
        return []
    parts: list[_Part] = []
    for line in doc.sentences[doc.sentence_of[noun] + 1 :]:
        hit = _ENVIRONMENTS.at(doc, line.first)
        at = _skip(doc, hit[0], line.last) if hit else line.last
        found = value(at) if hit and doc.lower(hit[0]) == ":" and at < line.last else None
        if not hit or not found or line.last - at > 2:
            break
        parts.append(_Part(found, at, hit[1][0]))
    return parts


_HINTS = {word: name for word, (name, _) in ENVIRONMENTS.items()} | {
    "live": "production", "test": "staging", "nonprod": "staging", "stag": "staging",
}  # fmt: skip


def aliases(doc: Document) -> dict[str, str]:
    """Names of clusters and namespaces that stand for one environment: `6 pods in roster-live`."""
    found: dict[str, set[str]] = {}
    for item in by_place(doc):
        if item.field in ("environment.cluster", "environment.namespace"):
            found.setdefault(str(item.value).lower(), set()).add(item.environment or "")
    return {word: names.pop() for word, names in found.items() if len(names) == 1}


def by_alias(doc: Document) -> Iterator[Mention]:
    """Where such a name stands after `in` or `on`, the environment is meant."""
    known = aliases(doc)
    roles = dict(ENVIRONMENTS.values())
    for index in range(1, len(doc.tokens)) if known else ():
        if (name := known.get(doc.lower(index))) and doc.lower(index - 1) in ("in", "on"):
            yield doc.mention(f"environments.{name}.role", roles[name], index, index + 1)


def _hinted(doc: Document, noun: int, value: _Value) -> list[_Part]:
    """`namespaces tiles-stg and tiles-prd`: each has the name of its environment in its own."""
    place, last = noun + 1, min(doc.sentence(noun).last, noun + _FAR)
    parts: list[_Part] = []
    while place < last:
        if doc.lower(place) in _OPENERS | _MARKS | _JOINTS:
            place += 1
            continue
        found = value(place)
        if not found or (hint := hinted(found)) is None:
            break
        parts.append(_Part(found, place, hint))
        place += 1
    return parts


def hinted(name: str) -> str | None:
    """The environment that a name says it is of: `tiles-prd`."""
    hints = {_HINTS[word] for word in _SPLIT.split(name.lower()) if word in _HINTS}
    return hints.pop() if len(hints) == 1 else None


def _asked_for(doc: Document, place: int, hint: str) -> str | None:
    """The environment that stands before a name, else the one that it says itself, if the text has it: `staging on dev-eu`."""
    before = place - 1
    while before > doc.sentence(place).first and doc.lower(before) in _OF | _MARKS | _STANDS:
        before -= 1
    if doc.lower(before) in ENVIRONMENTS and before < place - 1:
        return ENVIRONMENTS[doc.lower(before)][0]
    named = {name for word in doc.words(0, len(doc.tokens)) if (name := ENVIRONMENTS.get(word, ("",))[0])}
    return hint if hint in _BOTH or hint in named else None


_STANDS = frozenset("runs run lives live sits goes go stays lands".split())
_SPLIT = re.compile(r"[-_./]")
_KINDS = ("cluster", "namespace")


def by_stem(doc: Document) -> Iterator[Mention]:
    """`cluster fin-prod; staging is fin-stage`: names that are alike but for their environment are of one kind."""
    kinds: dict[tuple[str, ...], set[str]] = {}
    loose: list[tuple[int, tuple[str, ...], str]] = []
    for index, token in enumerate(doc.tokens):
        stem = tuple(word for word in _SPLIT.split(token.lower) if word not in _HINTS)
        if token.kind != "word" or not stem or (environment := hinted(token.lower)) is None:
            continue
        around = (*doc.words(index - 2, index), doc.lower(index + 1))
        if said := {kind for kind in _KINDS if kind in around}:
            kinds.setdefault(stem, set()).update(said)
        elif asked := _asked_for(doc, index, environment):
            loose.append((index, stem, asked))
    for index, stem, environment in loose:
        known = kinds.get(stem, set())
        if len(known) == 1 and _SHAPES[kind := next(iter(known))].match(doc.raw(index, index + 1)):
            yield doc.mention(
                f"environment.{kind}", doc.raw(index, index + 1), index, index + 1, environment=environment
            )
