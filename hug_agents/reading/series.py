"""Numbers in a row, and what they belong to in the same order: `replicas: 2 / 6 (staging / production)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hug_agents.reading.document import Clause, Document, Mention
from hug_agents.reading.environments import Environments
from hug_agents.reading.rules_replicas import COPIES
from hug_agents.reading.rules_services import Named
from hug_agents.reading.vocabulary import ENVIRONMENTS

_ENVIRONMENTS = Environments()
_JOINTS = frozenset("/ and & ,".split())
_FIELDS = frozenset({"service.replicas", "service.port"})
_ANSWERS = frozenset("a answer : - \u2013 = replicas copies instances pods tasks".split())
_LEADS = frozenset(") : = | we want run".split())
_BEHIND = frozenset("( / : , - and in for respectively resp".split())


def in_order(doc: Document, found: Sequence[Mention], services: Sequence[Named]) -> list[Mention]:
    """The mentions with those of each such row in the place of its first number."""
    made = list(found)
    for number, sentence in enumerate(doc.sentences):
        row = () if sentence.question or sentence.quoted else _row(doc, sentence)
        if not row:
            continue
        here = [item for item in found if item.field in _FIELDS and row[0] <= item.first <= row[-1]]
        field = here[0].field if here else _asked_for(doc, number, row)
        places = _places(doc, number, row) if field == "service.replicas" else ()
        owners = (
            () if places or not _ordered(doc.words(row[-1], sentence.last)) else _names(services, sentence.first, row)
        )
        if field is None or len({item.first for item in here}) > 1 or len(places or owners) != len(row):
            continue
        made = [item for item in made if item not in here]
        for place, owner in zip(row, places or owners, strict=True):
            item = doc.mention(field, int(doc.lower(place)), place, place + 1, since=row[0], until=row[-1] + 1)
            made.append(replace(item, environment=owner) if places else replace(item, service=owner))
    return sorted(made, key=lambda item: (item.first, item.last, item.field))


def _row(doc: Document, sentence: Clause) -> tuple[int, ...]:
    """The first numbers of a sentence with nothing but a joint between them."""
    for place in range(sentence.first, sentence.last - 2):
        row = [place]
        while (
            len(row) < _MOST
            and _number(doc, row[-1])
            and doc.lower(row[-1] + 1) in _JOINTS
            and _number(doc, row[-1] + 2)
        ):
            row.append(row[-1] + 2)
        if len(row) > 1 and row[-1] < sentence.last:
            return tuple(row)
    return ()


_MOST = 12
"""Numbers that are looked at together: time must grow with length only."""


def _number(doc: Document, place: int) -> bool:
    return doc.lower(place).isdecimal() and len(doc.lower(place)) < 6


def _asked_for(doc: Document, number: int, row: tuple[int, ...]) -> str | None:
    """`How many copies in staging? In production?` and `1 and 3` after it; a row beside the word for copies."""
    asked = {word for one in _questions(doc, number) for word in doc.words(one.first, one.last)}
    label = doc.words(doc.sentences[number].first, row[0])
    if label[-3:] == ("how", "many", ":") or COPIES & {*label, *doc.words(row[-1] + 1, row[-1] + 4)}:
        return "service.replicas"
    return "service.replicas" if set(label) <= _ANSWERS and asked & COPIES else None


def _questions(doc: Document, number: int) -> tuple[Clause, ...]:
    """The questions that stand just before a sentence, in their order."""
    start = number
    while start > 0 and doc.lower(doc.sentences[start - 1].last - 1) == "?" and start > number - 3:
        start -= 1
    return doc.sentences[start:number]


def _places(doc: Document, number: int, row: tuple[int, ...]) -> tuple[str, ...]:
    """The environments in a bracket behind the row, those of the question that it answers, or those of its label."""
    last = doc.sentences[number].last
    following = [one for one in _ENVIRONMENTS.find(doc) if row[-1] < one[0] < last]
    behind = following and set(doc.words(row[-1] + 1, following[0][0])) <= _BEHIND | COPIES
    asked = [
        one
        for clause in _questions(doc, number)
        for one in _ENVIRONMENTS.find(doc)
        if clause.first <= one[0] < clause.last
    ]
    found = tuple(dict.fromkeys(name for _, _, (name, _) in (following if behind else asked)))
    return found or _label(doc, doc.sentences[number].first, row[0])


def _label(doc: Document, start: int, first: int) -> tuple[str, ...]:
    """`prod/staging replicas: 4/1`, `replicas (staging and production): 2 / 6`: the environments before the row."""
    found: list[str] = []
    for place in range(first - 1, start - 1, -1):
        words = doc.lower(place).split("/")
        if all(word in ENVIRONMENTS for word in words):
            found[:0] = [ENVIRONMENTS[word][0] for word in words]
        elif doc.lower(place) not in (_JOINTS if found else COPIES | _LEADS):
            break
    return tuple(found)


def _ordered(words: Sequence[str]) -> bool:
    return "respectively" in words or ("in", "that", "order") in zip(words, words[1:], words[2:], strict=False)


def _names(services: Sequence[Named], start: int, row: tuple[int, ...]) -> tuple[str, ...]:
    """The services of the sentence, else all that were spoken of before, in the order in which they first were."""
    inside = tuple(dict.fromkeys(item.name for item in services if start <= item.first < row[0]))
    return inside or tuple(dict.fromkeys(item.name for item in services if item.first < row[0]))
