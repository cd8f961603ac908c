"""How many copies run, and how far they may scale."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.reading.document import Clause, Document, Mention
from hug_agents.reading.numbers import Quantity, quantities, quantity_at
from hug_agents.reading.rules_by_place import aliases
from hug_agents.reading.rules_names import named
from hug_agents.reading.vocabulary import ENVIRONMENTS

COPIES = frozenset("replica replicas instance instances pod pods copy copies task tasks container containers".split())
_SCALE = frozenset(
    "autoscale autoscaling auto-scale auto-scaling scale scales scaling autoscaled hpa autoscaler".split()
)
_ENVIRONMENT = frozenset("prod production staging dev qa stage stg uat preprod".split())


def replicas(doc: Document) -> Iterator[Mention]:
    """How many copies run, and how far they may scale."""
    for item in quantities(doc):
        if item.unit or item.whole is None or not 1 <= item.whole <= 1000:
            continue
        sentence = doc.sentence(item.first)
        if spread := _spread(doc, item):
            low, high, last = spread
            if _becomes(doc, item):
                if any(word in COPIES for word in doc.words(sentence.first, sentence.last)):
                    yield doc.mention("service.replicas", high, last - 1, last, status="asserted")
                continue
            near = doc.words(max(item.first - 8, sentence.first), min(last + 6, sentence.last))
            if any(word in COPIES or word in _SCALE for word in near) and not any(
                word in ("steps", "percent", "%") for word in near
            ):
                yield doc.mention("service.replicas", low, item.first, last)
                yield doc.mention("service.max_replicas", high, item.first, last)
            continue
        if _second_of_range(doc, item):
            continue
        noun = _noun(doc, item)
        if (
            noun is None
            or doc.words(item.first - 2, item.first) == ("of", "the")
            or doc.words(item.first - 1, item.first) == ("of",)
        ):
            continue
        before = doc.words(max(item.first - 5, sentence.first), item.first)
        joined = " ".join(before)
        if doc.words(noun + 1, noun + 4) in (("at", "a", "time"), ("at", "the", "same")) or before[-1:] in (
            ("every",),
            ("per",),
        ):
            continue
        bound = any(
            word in joined
            for word in (
                "up to",
                "at most",
                "maximum",
                "max",
                "no more than",
                "not more than",
                "scale to",
                "scale out to",
            )
        )
        bound = bound or doc.words(noun + 1, noun + 3) in _PEAKS
        field = "service.max_replicas" if bound else "service.replicas"
        yield doc.mention(
            field, item.whole, item.first, noun + 1 if noun >= item.last else item.last, since=min(item.first, noun)
        )
    yield from _times(doc)
    yield from _hyphened(doc)
    yield from _at_most(doc)
    yield from _below(doc)
    yield from _respective(doc)
    yield from _elliptic(doc)
    yield from _enough(doc)
    yield from _bounds(doc)
    yield from _of_them(doc)
    for index, token in enumerate(doc.tokens):
        if (
            token.lower in _SCALE
            and doc.status[index] == "negated"
            and token.lower not in ("scale", "scales", "scaling")
        ):
            yield doc.mention("service.no_autoscaling", True, index, index + 1)


_PEAKS = {(joint, when) for joint in ("at", "during", "under", "in") for when in ("peak", "peaks", "load", "rush")}
"""`five pods at peak`: as many as there may be."""
_USUALLY = frozenset("normally usually otherwise off-peak idle".split())


def _noun(doc: Document, item: Quantity) -> int | None:
    """The token of `replicas` that a number counts: after it, or before it with a colon or `is`."""
    for place in range(item.last, min(item.last + 4, doc.sentence(item.first).last)):
        word = doc.lower(place)
        if word in COPIES:
            return None if doc.lower(place + 1) in _NOT_COPIES else place
        if doc.tokens[place].kind != "word" or word in _NO_NOUN:
            break
    return _labelled(doc, item)


_NOT_COPIES = frozenset("definition definitions role image images registry registries port ports".split())
"""`one container image` counts images."""
_NO_NOUN = frozenset("of in on and or per to with different old gb %".split())


def _labelled(doc: Document, item: Quantity) -> int | None:
    place = item.first - 1
    if doc.lower(place) in ("->", "=>", "\u2192") and doc.tokens[place - 1].kind == "number":
        place -= 2  # `replicas 3 -> 5`
    while place > item.first - 4 and doc.lower(place) in (":", "=", "is", "to", "of", "count", "set", "be", "`"):
        place -= 1
    bracket = doc.lower(place) == ")" and doc.lower(place - 2) == "("
    if (
        place < item.first - 1 and doc.lower(place - bracket) in _ENVIRONMENT
    ):  # `replicas staging: 1`, `replicas (prod): 4`
        place -= 3 if bracket else 1
    alone = doc.lower(item.last) in _ENDS or item.last >= doc.sentence(item.first).last
    opens = doc.lower(place - 1) in _ENDS or place == doc.sentence(item.first).first
    if doc.lower(place) in ("replicas", "instances", "pods", "copies") and (place < item.first - 1 or alone and opens):
        return place  # `replicas: 3`, and `port 80, replicas 3` in a list
    if doc.lower(place + 1) == "count" and doc.lower(place) in _ENDS and alone:
        return place + 1
    if doc.lower(place) in COPIES and doc.lower(place + 1) == "count":  # `replica count 5`
        return place
    if doc.lower(place + 1) == "count" and place + 1 == doc.sentence(item.first).first and place + 2 < item.first:
        return place + 1  # `count: 2` of a block
    if doc.lower(place) == "desired" and doc.lower(place + 1) == "count":
        return place
    if doc.lower(place) in ("desired_count", "desiredcount", "replica_count", "replicacount", "numreplicas"):
        return place
    return None


_ENDS = frozenset(", ; . ( ) |".split()) | {""}
_CHANGES = frozenset(
    "go goes going went gone raise raised increase increased bump bumped change changes grow grows reduce".split()
)


def _becomes(doc: Document, item: Quantity) -> bool:
    """`replicas go from 3 to 5`: one number takes the place of another."""
    near = doc.words(max(doc.sentence(item.first).first, item.first - 6), item.first)
    changes = max((place for place, word in enumerate(near) if word in _CHANGES), default=-1)
    return near[-1:] == ("from",) and changes >= 0 and not _SCALE & set(near[changes:])


def _spread(doc: Document, item: Quantity) -> tuple[int, int, int] | None:
    """`between 2 and 10`, `from 2 to 10`, `2 to 10`."""
    low = item.whole or 0
    opener = doc.lower(item.first - 1)
    joint = doc.lower(item.last)
    if (
        joint == "up"
        and doc.lower(item.last + 1) == "to"
        and opener in ("from", "between", "scale", "scales", "autoscale")
    ):
        high = quantity_at(doc, item.last + 2) if item.last + 2 < len(doc.tokens) else None
        return (low, high.whole, high.last) if high and not high.unit and high.whole and high.whole > low else None
    dots = joint == "." and doc.lower(item.last + 1) == "."  # `autoscale 2..8`
    if dots or joint in ("to", "-", "\u2013", "\u2026") or joint == "and" and opener == "between":
        place = item.last + 1
        while dots and doc.lower(place) == ".":
            place += 1
        high = quantity_at(doc, place) if place < len(doc.tokens) else None
        if (
            high
            and not high.unit
            and high.whole
            and high.whole > low
            and doc.sentence_of[high.first] == doc.sentence_of[item.first]
        ):
            return low, high.whole, high.last
    return None


def _second_of_range(doc: Document, item: Quantity) -> bool:
    for back in (2, 3, 4, 5):
        place = item.first - back
        low = quantity_at(doc, place) if place >= 0 else None
        if low and not low.unit and low.last < item.first and (spread := _spread(doc, low)) and spread[2] == item.last:
            return True
    return False


def _elliptic(doc: Document) -> Iterator[Mention]:
    """`three replicas in prod, one in staging`: the noun is said once."""
    known = aliases(doc)
    subjects = {doc.lower(item.last - 1) for item in named(doc) if item.status == "asserted"}
    for sentence in doc.sentences:
        words = doc.words(sentence.first, sentence.last)
        if not any(word in COPIES for word in words):
            continue
        for item in quantities(doc, sentence.first, sentence.last):
            if (
                item.unit
                or item.whole is None
                or not 1 <= item.whole <= 500
                or _noun(doc, item) is not None
                or _spread(doc, item)
                or _second_of_range(doc, item)
            ):
                continue
            place = item.last
            if doc.lower(place) in _USUALLY:  # `five pods at peak, two normally`
                yield doc.mention("service.replicas", item.whole, item.first, item.last, until=place + 1)
                continue
            if doc.lower(place) == "(" and doc.lower(place + 1) in _ENVIRONMENT and doc.lower(place + 2) == ")":
                yield doc.mention("service.replicas", item.whole, item.first, item.last, until=place + 3)
                continue
            if doc.lower(place) == "for":
                place += 1
            after_in = doc.lower(place) in ("in", "on") or place > item.last
            place += doc.lower(place + 1) == "the" and after_in  # `only 1 in the staging`
            where = doc.lower(place + 1) if after_in and place >= item.last else doc.lower(place)
            opener = doc.lower(item.first - 1)
            if (
                after_in
                and (where in _ENVIRONMENT or where in known)
                and opener in (",", "and", "but", ";", "only", "just", "with", "use", "have", "has", ":")
            ):
                until = place + 2 if doc.lower(place) in ("in", "on") else place + 1
                yield doc.mention("service.replicas", item.whole, item.first, item.last, until=until)
            elif (
                doc.lower(place) in _ENVIRONMENT
                and opener in (",", "and", "/")
                and (place + 1 >= sentence.last or doc.lower(place + 1) in (",", ".", ";", ")", "and", "/"))
            ):  # `2 pods staging, 5 prod`
                yield doc.mention("service.replicas", item.whole, item.first, item.last, until=place + 1)
                continue
            lead = item.first - 1 - (opener in ("just", "only", "always", "gets", "has", "runs", ":"))
            if (
                doc.lower(lead) in subjects
                and doc.lower(lead - 1) in (",", "and", ";", "the")
                and (item.last >= sentence.last or doc.lower(item.last) in (",", ".", ";", "and"))
                or (
                    doc.lower(lead) in _ENVIRONMENT
                    and (item.last >= sentence.last or doc.lower(item.last) in (",", ".", ";", "and", ""))
                    and (lead == sentence.first or doc.lower(lead - 1) in (",", "and", ":", "in", ";", "but", "while"))
                )
            ):  # `intake has four instances and triage two`
                of = ENVIRONMENTS.get(doc.lower(lead), (None,))[0]
                yield doc.mention("service.replicas", item.whole, item.first, item.last, since=lead, environment=of)


def _times(doc: Document) -> Iterator[Mention]:
    """`acme/x:3 :8300 x3`: how often, in a list without verbs."""
    for index, token in enumerate(doc.tokens):
        count = token.lower[1:]
        if (
            token.lower[:1] == "x"
            and count.isdigit()
            and 1 <= int(count) <= 20
            and doc.tokens[index - 1].kind != "number"
        ):
            yield doc.mention("service.replicas", int(count), index, index + 1)


def _hyphened(doc: Document) -> Iterator[Mention]:
    """`autoscale 2-8 replicas`."""
    for index, token in enumerate(doc.tokens):
        low, _, high = token.lower.partition("-")
        if not (low.isdigit() and high.isdigit()) or not 0 < int(low) < int(high) <= 1000:
            continue
        near = (*doc.words(max(index - 4, doc.sentence(index).first), index), *doc.words(index + 1, index + 2))
        if any(word in COPIES or word in _SCALE for word in near):
            yield doc.mention("service.replicas", int(low), index, index + 1)
            yield doc.mention("service.max_replicas", int(high), index, index + 1)


def _below(doc: Document) -> Iterator[Mention]:
    """`replicas:` of a block, and `staging: 1` in the lines below it."""
    counts = False
    for sentence in doc.sentences:
        words = doc.words(sentence.first, sentence.last)
        if words[-2:] == ("replicas", ":"):
            counts = True
            continue
        counts = counts and len(words) == 3 and words[0] in _ENVIRONMENT and words[1] == ":" and words[2].isdigit()
        if counts and 1 <= int(words[2]) <= 1000:
            yield doc.mention(
                "service.replicas", int(words[2]), sentence.first + 2, sentence.last, since=sentence.first
            )


def _at_most(doc: Document) -> Iterator[Mention]:
    """`three replicas, autoscale to ten`, `four instances, up to a dozen when the sale opens`: the noun is said once."""
    for item in quantities(doc):
        sentence = doc.sentence(item.first)
        words = doc.words(sentence.first, item.first)
        if item.unit or item.whole is None or not 2 <= item.whole <= 1000 or words[-1:] != ("to",):
            continue
        scales = bool(_SCALE & set(words[-4:-1])) and "from" not in words[-5:]
        more = words[-2:-1] == ("up",) and not any(word.isdigit() for word in words[-4:])
        ended = item.last >= sentence.last or doc.lower(item.last) in _AFTER_MOST
        if (scales or more) and COPIES & set(words) and ended:
            yield doc.mention("service.max_replicas", item.whole, item.first, item.last, since=item.first - 2)


_AFTER_MOST = frozenset(", . ; ) when if under at during as for in on".split())


def _of_them(doc: Document) -> Iterator[Mention]:
    """`exactly 3 of them, no autoscaling`: copies, since they might have scaled."""
    for item in quantities(doc):
        sentence = doc.sentence(item.first)
        scaled = _SCALE & set(doc.words(item.last, sentence.last))
        said = doc.lower(item.first - 1) in ("exactly", "just", "only", "always", "run")
        counted = not item.unit and item.whole is not None and 1 <= item.whole <= 500
        if scaled and said and counted and doc.words(item.last, item.last + 2) == ("of", "them"):
            yield doc.mention("service.replicas", item.whole or 0, item.first, item.last + 2, since=item.first - 1)


_LEAST, _MOST = frozenset("min minimum".split()), frozenset("max maximum".split())


def _leads(doc: Document, sentence: Clause) -> bool:
    """Whether `min` and `max` stand before their numbers: `min 5 max 40`."""
    bounds = [place for place in range(sentence.first, sentence.last - 1) if doc.lower(place) in _LEAST | _MOST]
    if not bounds:
        return False
    place = bounds[0] + 1 + (doc.lower(bounds[0] + 1) in ("of", ":", "="))
    before = bounds[0] > sentence.first and quantity_at(doc, bounds[0] - 1) is not None
    return not before and place < len(doc.tokens) and quantity_at(doc, place) is not None


def _bounds(doc: Document) -> Iterator[Mention]:
    """`ten tasks minimum and forty maximum`, `min 2, max 8 pods`."""
    for sentence in doc.sentences:
        words = doc.words(sentence.first, sentence.last)
        bounded = _MOST & set(words) or {"least", "most"} <= set(words)
        if not any(word in COPIES or word in _SCALE for word in words) or not bounded:
            continue
        leads = _leads(doc, sentence)
        for item in quantities(doc, sentence.first, sentence.last):
            if item.unit or item.whole is None or not 1 <= item.whole <= 1000:
                continue
            place = item.last + 1 if doc.lower(item.last) in COPIES else item.last
            back = item.first - 2 if doc.lower(item.first - 1) in ("of", ":", "=") else item.first - 1
            at = back if leads or doc.lower(place) not in _LEAST | _MOST else place
            if item.first - sentence.first > 1 and doc.words(item.first - 2, item.first) == ("at", "least"):
                yield doc.mention("service.replicas", item.whole, item.first, item.last, since=item.first - 2)
            if doc.words(place, place + 2) == ("at", "most"):  # `four instances at least and twelve at most`
                yield doc.mention("service.max_replicas", item.whole, item.first, item.last, until=place + 2)
            if doc.lower(at) in _LEAST | _MOST:
                field = "service.max_replicas" if doc.lower(at) in _MOST else "service.replicas"
                low, high = min(at, item.first), max(at + 1, item.last)
                yield doc.mention(field, item.whole, item.first, item.last, since=low, until=high)


def _respective(doc: Document) -> Iterator[Mention]:
    """`4 and 2 replicas respectively`: the noun stands after the last number only."""
    for sentence in doc.sentences:
        if "respectively" not in doc.words(sentence.first, sentence.last):
            continue
        items = list(quantities(doc, sentence.first, sentence.last))
        for number in range(len(items) - 1, -1, -1):
            item = items[number]
            joined = number + 1 < len(items) and doc.words(item.last, items[number + 1].first) in (
                (",",), ("and",), (",", "and"), ("&",), ("/",),
            )  # fmt: skip
            if item.unit or not joined or _spread(doc, item) or _noun(doc, item) is not None:
                continue
            last = next((one for one in items[number + 1 :] if _noun(doc, one) is not None), None)
            if last and item.whole and 1 <= item.whole <= 500:
                yield doc.mention("service.replicas", item.whole, item.first, item.last)


def _enough(doc: Document) -> Iterator[Mention]:
    """`it had 12 replicas; 3 are enough now`: the noun stands in the sentence before, or in this one."""
    for item in quantities(doc):
        sentence = doc.sentence(item.first)
        place = item.last
        if item.unit or item.whole is None or not 1 <= item.whole <= 500 or doc.lower(place) not in _VERBS:
            continue
        if doc.lower(place + 1) not in _SUFFICES:
            continue
        number = doc.sentence_of[item.first]
        since = doc.sentences[number - 1].first if number else sentence.first
        if any(word in COPIES for word in doc.words(since, sentence.last)):
            until = place + 2
            yield doc.mention("service.replicas", item.whole, item.first, item.last, until=until)


_VERBS = frozenset("are is will should would".split())
_SUFFICES = frozenset("enough plenty sufficient fine ok okay do suffice".split())
