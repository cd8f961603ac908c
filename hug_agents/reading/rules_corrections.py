"""What is taken back in mid-sentence: `port 4000... sorry, 4040`, `ECS, no wait, Kubernetes`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.numbers import quantity_at
from hug_agents.reading.vocabulary import ENVIRONMENTS

_BETWEEN = frozenset(
    "-> => \u2192 ah oh "
    "sorry no oops correction wait actually rather scratch that make it i mean meant or should be is it's that's erm "
    "hm hmm well the on at to in port . , ; : - ( ) \u2014 \u2013 \u2026 !".split()
)
_TAKEN_BACK = (
    ("sorry",), ("oops",), ("correction",), ("scratch", "that"), ("make", "that"), ("make", "it"), ("i", "mean"),
    ("i", "meant"), ("no", ","), ("no", "wait"), ("or", "rather"), ("wait", ","), ("wait", "no"),
)  # fmt: skip
_FAR = 10


def _takes_back(words: tuple[str, ...], *also: str) -> bool:
    """Whether the words take back what stands before them; `also`: a word that does too."""
    cues = (*_TAKEN_BACK, *((word,) for word in also))
    return any(words[at : at + len(cue)] == cue for cue in cues for at in range(len(words)))


def replaced_at(doc: Document, end: int) -> int | None:
    """Where the words stand that replace those that end at a token; None where nothing is taken back."""
    place = end
    while place < len(doc.tokens) and place - end < _FAR and doc.lower(place) in _BETWEEN:
        place += 1
    words = doc.words(end, place)
    said = (
        _takes_back(words) or words == (",", "no") and quantity_at(doc, place) is not None
    )  # `1 GB, no 2 GB of memory`
    if not said or place >= len(doc.tokens):
        return None
    after = quantity_at(doc, place)
    following = doc.lower(after.last if after else place + 1)
    return None if following in ("is", "was", "were", "used") else place  # `8010, sorry, 8000 is the old one`


def disowned(doc: Document, item: Mention) -> int | None:
    """Where `8000, no wait, that's the dev server` ends: the value is another's. None where nothing says so."""
    sentence, place = doc.sentence(item.first), item.last
    while place < sentence.last and place - item.last < _FAR and doc.lower(place) in _BETWEEN - _THAT:
        place += 1
    words = doc.words(item.last, place)
    said = _takes_back(words, "no")
    that = doc.lower(place) == "that's" or doc.lower(place) in ("that", "this") and doc.lower(place + 1) in _WAS
    thing = place + 1 if doc.lower(place) == "that's" else place + 2
    of_another = that and doc.lower(thing) in ("the", "our", "a", "an", "for", "only", "just", "from")
    return sentence.last if said and of_another and quantity_at(doc, thing + 1) is None else None


_THAT = frozenset("that that's it's is".split())
_WAS = frozenset("is was".split())


def corrected(doc: Document, found: Sequence[Mention]) -> tuple[Mention, ...]:
    """The mentions without those that are taken back, and with what replaces them."""
    stated = {(one.first, one.field) for one in found}
    kept = [item for one in found for item in _corrected(doc, one, stated)]
    by_sentence: dict[int, list[int]] = {}
    for place, item in enumerate(kept):
        by_sentence.setdefault(doc.sentence_of[item.first], []).append(place)
    for number in range(1, len(doc.sentences)):
        _said_after(doc, number, kept, by_sentence.get(number - 1, []))
    return tuple(kept)


_DECIDED = frozenset(
    "environment.region environment.cluster environment.namespace environment.account environment.domain toolchain.runtime "
    "toolchain.iac toolchain.ci toolchain.rollout toolchain.registry strategy.kind".split()
)
"""What a text has one of: two are an older and a newer one."""


def settled(doc: Document, found: Sequence[Mention]) -> tuple[Mention, ...]:
    """`eu-north-1 then.`, `Nomad it is.`: what was said of the same before does not hold any more."""
    last = {
        item.field: item
        for item in found
        if item.field in _DECIDED and item.status == "asserted" and _ends_it(doc, item)
    }
    return tuple(
        replace(item, status="past")
        if item.status == "asserted"
        and (end := last.get(item.field))
        and (item.value, item.environment) != (end.value, end.environment)
        and end.environment in (item.environment, "*")
        and doc.sentence_of[item.first] < doc.sentence_of[end.first]
        else item
        for item in found
    )


def _ends_it(doc: Document, item: Mention) -> bool:
    sentence = doc.sentence(item.first)
    place = item.last + (doc.lower(item.last) == "`")
    said = 1 if doc.lower(place) == "then" else 2 if doc.words(place, place + 2) == ("it", "is") else 0
    return bool(said) and (place + said >= sentence.last or doc.lower(place + said) in (",", ".", "!", ";", "("))


def _said_after(doc: Document, number: int, found: list[Mention], before: list[int]) -> None:
    """`Four replicas to Nomad. Actually, make that six.`: a sentence that is a correction, and no more than a number."""
    sentence = doc.sentences[number]
    place = sentence.first
    while place < sentence.last and doc.lower(place) in _BETWEEN:
        place += 1
    other = quantity_at(doc, place) if place < sentence.last else None
    words = doc.words(sentence.first, place)
    said = _takes_back(words, "actually")
    if not said or other is None:
        return
    where = _environment_after(doc, other.last)
    if where is None and not set(doc.words(other.last, sentence.last)) <= {".", "!", "please"}:
        return
    fields = ("service.replicas", "service.max_replicas") if other.value < 200 else ("service.port",)
    meant = [
        at for at in before
        if found[at].status == "asserted" and isinstance(found[at].value, int | float)
        and (where is None or found[at].environment == where)
        and (other.unit or found[at].field in fields) and _value(doc, found[at], place) is not None
    ]  # fmt: skip
    for at in meant:
        old, value = found[at], _value(doc, found[at], place)
        found[at] = replace(old, status="past" if len(meant) == 1 else "uncertain")
        if value is not None and len(meant) == 1:
            begin, end = doc.tokens[place].start, doc.tokens[value[1] - 1].end
            found.append(replace(old, value=value[0], first=place, last=value[1], begin=begin, end=end))


def _environment_after(doc: Document, place: int) -> str | None:
    """`make that 4 in prod`: of which environment it is said."""
    known = ENVIRONMENTS.get(doc.lower(place + 1)) if doc.lower(place) in ("in", "on", "for") else None
    return known[0] if known else None


def _corrected(doc: Document, item: Mention, stated: set[tuple[int, str]]) -> Iterator[Mention]:
    if item.status == "asserted" and isinstance(item.value, int | float) and (end := disowned(doc, item)):
        yield replace(item, status="past")
        after = quantity_at(doc, end) if end < len(doc.tokens) else None
        if after and after.last >= doc.sentence(end).last and (value := _value(doc, item, end)):  # `... 8001`
            begin, stop = doc.tokens[end].start, doc.tokens[after.last - 1].end
            yield replace(item, value=value[0], first=end, last=after.last, begin=begin, end=stop)
        return
    place = replaced_at(doc, item.last) if item.status == "asserted" else None
    if place is None:
        yield item
        return
    if (place, item.field) in stated:
        yield replace(item, status="past")
        return
    value = _value(doc, item, place)
    if value is None:
        yield item
        return
    number, last = value
    yield replace(item, status="past")
    begin, end = doc.tokens[place].start, doc.tokens[last - 1].end
    yield replace(item, value=number, first=place, last=last, begin=begin, end=end)


def _value(doc: Document, item: Mention, place: int) -> tuple[float | int, int] | None:
    """The number at a place in the unit of the one that it replaces."""
    first = next((found for at in range(item.first, item.last) if (found := quantity_at(doc, at))), None)
    other = quantity_at(doc, place)
    if not first or not other or not first.value or isinstance(item.value, bool | str | tuple):
        return None
    if other.unit not in ("", first.unit):
        return None
    scale = first.value if other.unit or not first.unit else float(_bare(doc, first.first))
    value = item.value * other.value / scale if scale else 0.0
    if isinstance(item.value, int):
        return (int(value), other.last) if value == int(value) and value else None
    return value, other.last


def _bare(doc: Document, place: int) -> float:
    """A number as it is written, without its unit."""
    return doc.tokens[place].number or 0.0
