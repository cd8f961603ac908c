"""Canary steps and their holds: `10 then 50 then 100 percent`, `a tenth of the traffic, then half, then everyone`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from hug_agents.reading.document import Clause, Document, Mention
from hug_agents.reading.numbers import Quantity, quantities
from hug_agents.reading.rules_corrections import replaced_at
from hug_agents.reading.rules_objectives import objectives

_SERVED = frozenset(
    "traffic users requests customers guests visitors clients shoppers players patients members readers viewers passengers "
    "sessions visits".split()
)
"""Of what a canary gets a share."""
_TRAFFIC = _SERVED | frozenset("canary canaries share shift weight weights step steps rollout percent everyone".split())
_ERRORS = frozenset(
    "error errors failing fail fails failures failed 5xx 500s available availability uptime latency p99 p95 p90 "
    "p50 alert rollback revert abort cpu memory utilization utilisation surge unavailable success successful slo "
    "sla extra additional spare growth more discount".split()
)
_EVERYONE = frozenset("everyone everybody all full fully whole rest everything".split())
_RELEASE = frozenset(
    "canary canaries shift shifts shifting route routes send step steps gradually gradual version rollout rolling "
    "ramp traffic".split()
)
_EACH = frozenset("each every per between apiece".split())
_JOINTS = _SERVED | frozenset(
    "then , -> => \u2192 > to and / \u2013 - finally followed by after that of the is at % "
    "percent until it with go for each per step hold holding wait waiting next first start starting from up "
    "before moving on we are \u2014 ; . : ( ) people them our".split()
)
_HOLD = frozenset(
    "hold holds held holding wait waits waiting pause pauses pausing for stay stays bake baking soak soaks soaking "
    "minutes later "
    "after intervals apart".split()
)


@dataclass(frozen=True, slots=True)
class Share:
    """A share of traffic in percent, by its tokens."""

    percent: float
    first: int
    last: int


def steps(doc: Document) -> Iterator[Mention]:
    """Rising shares of traffic in one sentence, and how long they hold."""
    for sentence in doc.sentences:
        words = set(doc.words(sentence.first, sentence.last))
        if not words & _TRAFFIC and "%" not in words:
            continue
        shares = _shares(doc, sentence)
        if not shares or not (words & _RELEASE if len(shares) < 2 else words & _RELEASE or _joined(doc, shares)):
            continue
        if any(doc.status[share.first] == "negated" for share in shares):
            continue
        weights = [share.percent for share in shares]
        first, last = shares[0].first, shares[-1].last
        if (
            weights != sorted(set(weights))
            or any(weight != int(weight) for weight in weights)
            or not 0 < weights[-1] <= 100
        ):
            continue
        if weights == [100.0]:
            continue
        yield doc.mention(
            "strategy.steps",
            tuple(int(weight) for weight in weights),
            first,
            last,
            status=doc.status_of(first, first + 1),
        )
        yield from _holds(doc, sentence, shares)
    yield from _lone_holds(doc)
    yield from _keyed(doc)


def _keyed(doc: Document) -> Iterator[Mention]:
    """`steps: [10, 50, 100]` of a block."""
    for sentence in doc.sentences:
        if doc.lower(sentence.first) not in ("steps", "weights") or doc.lower(sentence.first + 1) != ":":
            continue
        items = list(quantities(doc, sentence.first, sentence.last))
        weights = [item.value for item in items if item.unit in ("", "percent") and item.value == int(item.value)]
        rising = (
            len(weights) == len(items) > 1 and weights == sorted(set(weights)) and 0 < weights[0] <= weights[-1] <= 100
        )
        if rising and not any(item.unit for item in items):
            yield doc.mention("strategy.steps", tuple(map(int, weights)), items[0].first, items[-1].last)


def _joined(doc: Document, shares: list[Share]) -> bool:
    """Whether only joints and holds stand between the shares: `10 then 50 then 100 percent`."""
    return all(
        all(
            word in _JOINTS
            or word in _HOLD
            or word[:1].isdigit()
            or at
            and words[at - 1] == "of"  # `10 % of beekeepers first, then 40 %`
            or word in ("ten", "five", "fifteen", "twenty", "thirty", "an", "a", "half", "hour", "minute")
            for words in (doc.words(one.last, other.first),)
            for at, word in enumerate(words)
        )
        for one, other in pairwise(shares)
    )


def _shares(doc: Document, sentence: Clause) -> list[Share]:
    found: list[Share] = []
    listed = list(quantities(doc, sentence.first, sentence.last))
    marks = [item for item in listed if item.unit in ("percent", "share")]
    if not marks and not any(token.kind == "numbers" for token in doc.tokens[sentence.first : sentence.last]):
        return []
    goals = {place for goal in objectives(doc) for place in range(goal.first, goal.last)}
    for item in listed:
        if item.first in goals or _about_errors(doc, sentence, item) or replaced_at(doc, item.last):
            continue
        if item.unit == "percent":
            found.append(Share(item.value, item.first, item.last))
        elif item.unit == "share":
            found.append(Share(round(item.value * 100, 4), item.first, item.last))
        elif item.unit == "" and item.value <= 100 and _in_sequence(doc, item, listed):
            found.append(Share(item.value, item.first, item.last))
    for place in range(sentence.first, sentence.last):  # `10,50,100%`
        if doc.tokens[place].kind == "numbers" and "." not in doc.lower(place):
            parts = [float(part) for part in doc.lower(place).split(",")]
            if len(parts) > 2 and all(part <= 100 for part in parts):
                return [Share(part, place, place + 1) for part in parts]
    if found:
        for place in range(found[-1].last, min(found[-1].last + 14, sentence.last)):
            if (
                doc.lower(place) in _EVERYONE
                and doc.lower(place + 1) not in ("environments", "services", "regions", "time")
                and _then(doc, found[-1].last, place)
            ):
                found.append(Share(100.0, place, place + 1))
                break
    return found


def _then(doc: Document, first: int, place: int) -> bool:
    return any(
        word in ("then", ",", "finally", "to", "->", "\u2192", "and", "before", "=>", ">")
        for word in doc.words(first, place)
    )


def _in_sequence(doc: Document, item: Quantity, listed: list[Quantity]) -> bool:
    """A bare number followed by joints and the next share: `10 then 50 then 100 percent`, `10/50/100 %`."""
    position = listed.index(item)
    return _leads_to_share(doc, item, listed[position + 1 :]) or _after_share(doc, item, listed[:position])


def _leads_to_share(doc: Document, item: Quantity, following: list[Quantity]) -> bool:
    place = item.last
    for other in following:
        between = doc.words(place, other.first)
        if len(between) > 4 or not all(word in _JOINTS for word in between) or not between:
            return False
        if other.unit == "percent":
            return True
        if other.unit not in ("",):
            return False
        place = other.last
    return False


def _after_share(doc: Document, item: Quantity, before: list[Quantity]) -> bool:
    """`10 percent, then 30, then 60`: the unit is said once."""
    previous = before[-1] if before else None
    if previous is None or previous.unit not in ("percent", "") or not doc.lower(item.last - 1).isdigit():
        return False
    between = doc.words(previous.last, item.first)
    led = previous.unit == "percent" or _after_share(doc, previous, before[:-1])
    return led and 0 < len(between) < 4 and set(between) <= _ARROWS and between != (",",)


_ARROWS = frozenset("-> \u2192 then / => , and to".split())


def _about_errors(doc: Document, sentence: Clause, item: Quantity) -> bool:
    """Whether a percentage speaks of errors, availability or load rather than of traffic."""
    if item.unit == "percent" and item.value != int(item.value):
        return True
    if ("at", "a", "time") in [doc.words(at, at + 3) for at in range(item.last, item.last + 5)]:
        return True  # `one half of the copies at a time`
    for direction in (-1, 1):
        place = item.first - 1 if direction < 0 else item.last
        for _ in range(6):
            if not sentence.first <= place < sentence.last:
                break
            word = doc.lower(place)
            if word in _ERRORS:
                return True
            if word in ("traffic", "canary", "users", "then", ",", "requests", ";", "and"):
                break
            place += direction
    return False


def _times(doc: Document, first: int, last: int) -> list[Quantity]:
    """Durations in seconds. Beside a canary `5m` is five minutes, and no share of a processor where none is spoken of."""
    found = []
    for item in quantities(doc, first, last):
        near = doc.words(max(item.first - 3, first), min(item.last + 2, last))
        minutes = (
            item.unit == "millicores" and item.value <= 60 and not {"cpu", "cpus", "vcpu", "core", "cores"} & set(near)
        )
        if minutes and doc.lower(item.last - 1) == "m":
            found.append(replace(item, value=item.value * 60, unit="seconds"))
        elif item.unit == "seconds":
            found.append(item)
    return found


def _holds(doc: Document, sentence: Clause, shares: list[Share]) -> Iterator[Mention]:
    durations = [
        item for item in _times(doc, sentence.first, sentence.last)
        if _holding(doc, item, shares)
        and (item.first >= shares[0].first or _each(doc, item) or len(shares) != 2)
    ]  # fmt: skip
    if not durations:
        return
    every = [item for item in durations if _each(doc, item)]
    if len(durations) == 1 and (every or len(shares) <= 2 and shares[0].first < durations[0].first):
        item = durations[0]
        value: tuple[int, ...] = (int(item.value),)
        if not every and len(shares) == 2 and shares[1].percent == 100:
            value = (int(item.value), 0)
        yield doc.mention(
            "strategy.hold_seconds",
            value,
            item.first,
            item.last,
            until=item.last + (1 if every else 0),
            status=doc.status[item.first],
        )
        return
    holds: list[int] = []
    for position, share in enumerate(shares):
        end = shares[position + 1].first if position + 1 < len(shares) else sentence.last
        inside = [item for item in durations if share.last <= item.first < end]
        if len(inside) > 1 or not inside and position + 1 < len(shares):
            return
        holds.append(int(inside[0].value) if inside else 0)
    if holds and len(durations) <= len(shares):
        yield doc.mention(
            "strategy.hold_seconds",
            tuple(holds),
            durations[0].first,
            durations[-1].last,
            status=doc.status[durations[0].first],
        )


def _holding(doc: Document, item: Quantity, shares: list[Share]) -> bool:
    if doc.lower(item.first - 1) in ("within", "under", "timeout", "than", "below"):
        return False
    near = (*doc.words(item.first - 3, item.first), *doc.words(item.last, item.last + 3))
    for share in shares:  # `5% of traffic, 30 minutes, then everyone`
        if share.last < item.first and set(doc.words(share.last, item.first)) <= {",", "of", "the", "traffic", "users"}:
            return True
    return any(word in _HOLD or word in _EACH for word in near) or doc.lower(item.first - 1) in ("(", "@", "x", "%")


def _each(doc: Document, item: Quantity) -> bool:
    near = (*doc.words(item.first - 2, item.first), *doc.words(item.last, item.last + 2))
    wide = doc.words(max(item.first - 6, doc.sentence(item.first).first), item.first)
    if any(one in _EACH and other in ("step", "stage", "one") for one, other in pairwise(wide)):
        return True  # `let each step soak for twenty minutes`
    return any(word in _EACH for word in near) or doc.lower(item.last) in _BREAKS


_BREAKS = frozenset("steps intervals apart pause pauses holds waits breaks gaps".split())
"""`with 5 minute pauses`: of every step."""


def _lone_holds(doc: Document) -> Iterator[Mention]:
    """`hold each step for ten minutes` in a sentence of its own."""
    for sentence in doc.sentences:
        words = doc.words(sentence.first, sentence.last)
        if not any(word in ("step", "steps", "stage", "stages") for word in words) or any(
            word in {"%", "percent"} for word in words
        ):
            continue
        items = [item for item in quantities(doc, sentence.first, sentence.last) if item.unit == "seconds"]
        if len(items) > 1 and not _shares(doc, sentence) and _in_order(doc, items, sentence.first):
            holds = tuple(int(item.value) for item in items)
            if {len(holds), len(holds) + 1} & _lengths(doc):
                yield doc.mention("strategy.hold_seconds", holds, items[0].first, items[-1].last)
            continue
        each = any(word in _EACH for word in words)
        held = each and (len(words) < _SHORT or any(word in _HOLD for word in words))
        if len(items) == 1 and held and not _shares(doc, sentence):
            yield doc.mention("strategy.hold_seconds", (int(items[0].value),), items[0].first, items[0].last)


_SHORT = 9
"""Words of a sentence that says no more than `3 min between steps`."""
_ORDINALS = (("first", "1st"), ("second", "2nd", "next"), ("third", "3rd", "next"), ("fourth", "4th"), ("fifth", "5th"))


def _lengths(doc: Document) -> set[int]:
    """How many steps a text states, in each place where it does."""
    shares = (len(_shares(doc, sentence)) for sentence in doc.sentences)
    return {*shares, *(len(item.value) for item in ratios(doc) if isinstance(item.value, tuple))}


def _in_order(doc: Document, items: list[Quantity], start: int) -> bool:
    """`hold the first step 20 min and the second 40 min`: each time with the number of its step, none left out."""
    for ordinals, item in zip(_ORDINALS, items, strict=False):
        near = doc.words(max(start, item.first - 5), item.first)
        if not set(ordinals) & set(near) or _NOT_HELD & set(near):
            return False
        start = item.last
    held = _HOLD & set(doc.words(doc.sentence(items[0].first).first, items[0].last))
    return bool(held) and len(items) <= len(_ORDINALS)


_NOT_HELD = frozenset("within under below than every if when over".split())


_JOINED = re.compile(r"\d{1,3}(?:-\d{1,3})+\Z")


def ratios(doc: Document) -> Iterator[Mention]:
    """`canary 20/60/100`, `the canary goes 20, 60, 100`: rising numbers up to a hundred, said to be a canary's."""
    for index, token in enumerate(doc.tokens):
        last = doc.sentence(index).last
        if token.lower not in ("canary", "canaries"):
            continue
        for place in range(index + 1, min(index + _FAR, last)):
            weights, end = _run(doc, place, last)
            if not weights:
                continue
            whole = all(weight == int(weight) for weight in weights)
            if len(weights) > 1 and whole and weights == sorted(set(weights)) and weights[-1] == 100:
                yield doc.mention("strategy.steps", tuple(map(int, weights)), place, end, since=index)
                yield from _after_run(doc, end, last)
            break
    yield from _alone(doc)


def _alone(doc: Document) -> Iterator[Mention]:
    """`Canary it is. 5, 25, 100 with 10 minutes each.`: a sentence that opens with the numbers, in a text about a canary."""
    if not any(
        token.lower in ("canary", "canaries") and doc.status[at] == "asserted" for at, token in enumerate(doc.tokens)
    ):
        return
    for sentence in doc.sentences:
        weights, end = _run(doc, sentence.first, sentence.last)
        rising = len(weights) > 2 and weights == sorted(set(weights)) and weights[-1] == 100
        if rising and not any(weight % 1 for weight in weights):
            yield doc.mention("strategy.steps", tuple(map(int, weights)), sentence.first, end)
            yield from _after_run(doc, end, sentence.last)


_FAR = 12
"""Tokens between `canary` and its numbers."""
_BETWEEN_STEPS = frozenset("/ -> \u2192 - then , => > and".split())


def _run(doc: Document, place: int, last: int) -> tuple[list[float], int]:
    """The numbers that stand in a row from a token on, and where they end."""
    if _JOINED.match(doc.lower(place)):
        return [float(part) for part in doc.lower(place).split("-")], place + 1
    weights: list[float] = []
    end = place
    while place < last and (number := doc.tokens[place].number) is not None:
        weights.append(number)
        end = place = place + 1
        if number >= 100:
            break
        while place < last and doc.lower(place) in _BETWEEN_STEPS:
            place += 1
    return weights, end


def _after_run(doc: Document, end: int, last: int) -> Iterator[Mention]:
    """`10-30-100 at 5m`, `25/50/100, five minutes each`."""
    for item in _times(doc, end, last):
        if _each(doc, item) or item.first == end or item.first == end + 1 and doc.lower(end) == "at":
            yield doc.mention("strategy.hold_seconds", (int(item.value),), item.first, item.last, until=item.last + 1)
