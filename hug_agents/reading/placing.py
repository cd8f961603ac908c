"""Which environment a value belongs to. Unclear with several: None, and nothing is claimed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.rules_headings import below_headings

ALL = "*"
JOINTS = frozenset("and + , & / or then plus the in to on our for ( both".split())
_CUTS = frozenset(", ; and but while whereas ( ) \u2014 . plus".split())


def place_of(doc: Document, item: Mention, places: Sequence[Mention], mentions: Sequence[Mention]) -> str | None:
    """The environment of a value; `2 and 6 replicas in staging and production respectively` goes by the order."""
    sentence = doc.sentence(item.first)
    inside = list(dict.fromkeys(_name(one) for one in places if sentence.first <= one.first < sentence.last))
    ordered = "respectively" in doc.words(sentence.first, sentence.last) and len(inside) > 1
    found = respective(doc, item, inside, mentions) if ordered else None
    return found or _environment(doc, item, places, mentions)


def _environment(doc: Document, item: Mention, places: Sequence[Mention], mentions: Sequence[Mention]) -> str | None:
    sentence = doc.sentence(item.first)
    inside = [one for one in places if sentence.first <= one.first < sentence.last]
    if not inside:
        shared = item.field in ("service.port", "service.image", "service.health_path")
        return ALL if shared else below_headings(doc).get(doc.sentence_of[item.first], ALL)
    names = {_name(one) for one in inside}
    several = any(one.field == item.field and one.value != item.value and one.status == "asserted" for one in mentions)
    common = item.field in ("service.port", "service.image") and not several or _each_copys(doc, item, inside[-1])
    if common and len({_name(one) for one in places}) == 1:
        return ALL
    if "both" in doc.words(item.first - 4, item.first) and item.first > inside[-1].last:
        return ALL
    if doc.lower(item.last) == ":" and item.last < inside[0].first:  # `ECS, us-west-2: one task in staging, ten in ...`
        return ALL
    direct = next((one for one in inside if 0 <= one.first - item.last <= 3), None)
    if direct and _leads(doc, item.last, direct.first):
        follower = next((one for one in inside if one.first >= direct.last and one.first - direct.last <= 3), None)
        if (
            follower
            and all(doc.lower(p) in JOINTS for p in range(direct.last, follower.first))
            and not _value_after(item, follower, mentions, sentence.last)
        ):
            return ALL if len(names) == len(inside) else None
        return _name(direct)
    before = [one for one in inside if one.last <= item.first]
    if before:
        last = before[-1]
        listed = [one for one in before[:-1] if all(doc.lower(p) in JOINTS for p in range(one.last, last.first))]
        gap = doc.words(last.last, item.first)
        if listed:
            return ALL
        if not any(word in _CUTS for word in gap):
            return _name(last)
        opens = last.first <= sentence.first + 3
        others = [one for one in inside if one is not last]
        if opens and not any(one.first < item.first for one in others):
            return _name(last)
        if len(inside) > 1 and (
            doc.lower(last.last) in (":", "(", "=")
            or not any(word in (";", "but", "while", ".") for word in gap)
            and doc.lower(last.first - 1) in (",", "and", "in", ";")
        ):
            return (
                _name(last)
                if doc.lower(last.last) in (":", "(", "=")
                else ALL
                if item.field.startswith("service.")
                else None
            )
        return ALL
    after = [one for one in inside if one.first >= item.last]
    if after and not any(doc.lower(p) in _CUTS for p in range(item.last, after[0].first)):
        return _name(after[0]) if doc.lower(after[0].first - 1) in ("in", "for", "on") else ALL
    return ALL


def _each_copys(doc: Document, item: Mention, place: Mention) -> bool:
    """`two copies in production, half a vCPU each`: how large a copy is, after a sentence's part about how many."""
    sized = item.field in ("service.cpu_millicores", "service.memory_mib")
    opens = place.first <= doc.sentence(item.first).first + 1  # `In production, 2 vCPU`
    return sized and not opens and any(word in _CUTS for word in doc.words(place.last, item.first))


def _leads(doc: Document, first: int, last: int) -> bool:
    words = doc.words(first, last)
    if words == ("(",):
        return doc.lower(last + 1) == ")"
    return (
        not words
        or words[-1] in ("in", "for", "on", "the", "each")
        and not any(word in _CUTS for word in words)
        or words in (("is",), (":",))
    )


def _value_after(item: Mention, place: Mention, mentions: Sequence[Mention], end: int) -> bool:
    """Whether another value of the same kind follows, so that the second name belongs to it."""
    return any(
        one.field == item.field and place.last <= one.first < end and one.value != item.value for one in mentions
    )


def _name(place: Mention) -> str:
    return place.field.split(".")[1]


_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b[^=]*\Z")
_DEEDS = frozenset("changes change deployments deploys releases rollouts".split())


def still_wanted(doc: Document, item: Mention) -> Mention:
    """`No changes of production on weekends`: not the environment; `SEARCH_URL can stay a variable: https://...`: not our host."""
    negated = item.status == "negated" and item.field.endswith(".role")
    variable = item.field == "environment.domain" and _VARIABLE.search(
        doc.raw(doc.sentence(item.first).first, item.last)
    )
    deeds = negated and _DEEDS & {*doc.words(item.first - 3, item.first)}
    return replace(item, status="uncertain") if deeds or variable else item


def places_of(doc: Document, item: Mention, places: Sequence[Mention]) -> tuple[str, ...]:
    """`1 replica in qa and uat, 2 in staging`: both; `namespace shop, in staging as well as in production`: each by its name."""
    sentence = doc.sentence(item.first)
    begin = bisect_left(places, item.last, key=lambda one: one.first)
    inside = [one for one in places[begin : begin + 12] if one.first < sentence.last]
    group = inside[:1]
    for one in inside[1:] if group else ():
        if not all(doc.lower(place) in JOINTS | _AS_WELL for place in range(group[-1].last, one.first)):
            break
        group.append(one)
    names = tuple(dict.fromkeys(_name(one) for one in group))
    if len(names) < 2 or doc.lower(group[-1].last) not in _ENDS and group[-1].last < sentence.last:
        return ()
    if item.field == "environment.namespace":
        return names if set(doc.words(item.last, group[0].first)) <= _TO_EACH else ()
    some = not {"staging", "production", *map(_name, places)} <= {*names} and item.field.startswith("service.")
    return names if some and group[0].first - item.last <= 3 and _leads(doc, item.last, group[0].first) else ()


_AS_WELL = frozenset("as well".split())
_TO_EACH = frozenset(", ` ' \" in on for both".split())
_ENDS = frozenset(", ; . ) and but while".split())


def listed_together(doc: Document, bound: list[Mention]) -> list[Mention]:
    """`eu-west-1 and us-east-1 for prod`: both are said of production, so they contradict each other."""
    for place in range(len(bound) - 1):
        one = bound[place]
        if one.field != "environment.region" or one.environment != ALL:
            continue
        other = next((item for item in bound[place + 1 :] if item.field == one.field and item.first >= one.last), None)
        joined = other and other.first - one.last == 1 and doc.lower(one.last) in ("and", "&", "plus")
        if other and joined and other.environment not in (None, ALL):
            bound = [
                replace(item, environment=other.environment) if item.first == one.first else item for item in bound
            ]
    return bound


def respective(doc: Document, item: Mention, names: Sequence[str], mentions: Sequence[Mention]) -> str | None:
    """`the api and the worker run 4 and 2 replicas respectively`: as many values as names, in their order."""
    sentence = doc.sentence(item.first)
    begin = bisect_left(mentions, sentence.first, key=lambda one: one.first)
    end = bisect_left(mentions, sentence.last, key=lambda one: one.first)
    values = [one for one in mentions[begin:end] if one.field == item.field]
    return names[values.index(item)] if len(values) == len(names) and item in values else None


_BUILT_IN = frozenset({"service.port", "service.health_path", "service.metrics_path"})
"""What an image has by itself, wherever it runs."""


_LISTED = frozenset(", and + & / or".split())


def of_the_image(doc: Document, bound: list[Mention]) -> list[Mention]:
    """`port 5173 in dev, but the production container serves on 80`: production's port is the image's, dev's is nobody's."""
    said = [item for item in bound if item.field in _BUILT_IN and item.status == "asserted"]
    live = {(item.field, item.service) for item in said if item.environment in ("production", ALL)}
    local = {item.environment for item in said if item.environment not in (ALL, None, "production")}
    placed = {item.environment for item in bound if item.field not in _BUILT_IN}
    roles = [item for item in bound if item.field.endswith(".role") and item.value == "development"]
    places = [item for item in bound if item.field.startswith("environments.") and item.field.endswith(".role")]
    listed = {
        _name(one)
        for one in roles
        for other in places
        for gap in (doc.words(min(one.last, other.last), max(one.first, other.first)),)
        if one is not other and 0 < len(gap) <= 2 and set(gap) <= _LISTED
    }
    made: list[Mention] = []
    for item in bound:
        if item.field in _BUILT_IN and item.environment == "production" and (item.field, item.service) in live:
            item = replace(item, environment=ALL)  # noqa: PLW2901
        elif item in roles and _name(item) in local - placed - listed:
            item = replace(item, status="uncertain")  # noqa: PLW2901
        made.append(item)
    return made
