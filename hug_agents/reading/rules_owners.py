"""Which team answers for it: `Owner: Borders`, `it belongs to the team Media Core`, `the payments squad looks after it`."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.reading.document import Clause, Document, Mention

_LABELS = frozenset(
    tuple(label.split())
    for label in (
        "owner", "owners", "team", "owning team", "owner team", "responsible team", "owned by", "maintained by", "maintainers",
        "maintainer", "team name", "responsible", "service owner", "app owner", "application owner", "product owner team",
        "whom to call", "who to call", "who answers for it", "who owns it", "whose it is", "contact", "contact team", "on call",
        "on-call", "point of contact", "responsible for it", "escalation", "squad", "accountable", "accountable team", "run by",
        "operated by",
    )
)  # fmt: skip
_OWNS = tuple(
    tuple(phrase.split())
    for phrase in (
        "owned by", "maintained by", "looked after by", "developed by", "belongs to", "belong to",
        "in the hands of", "responsible is", "responsible are", "owner is", "owner :", "owner =", "owned :", "responsibility of",
    )
)  # fmt: skip
_OWNING = (
    ("owns",),
    ("maintains",),
    ("operates",),
    ("answers", "for"),
    ("looks", "after"),
    ("is", "responsible", "for"),
)
_IT = frozenset("it this application app service services".split())
_GROUPS = frozenset("team squad crew guild tribe group department".split())
_NO_NAMES = frozenset(
    "usual same right whole entire other another different old new current previous own small big good best local next last".split()
)
"""`the usual team` is known to those who know."""
_LEADS = frozenset("the our a : is ` * =".split())
_ENDS = frozenset("and in on with but who which or at for is are from via by".split())
_THINGS = frozenset(
    "database databases db cluster clusters redis postgres bucket queue registry account accounts dashboard dashboards image "
    "vault network certificate certificates dns cache".split()
)


def owners(doc: Document) -> Iterator[Mention]:
    """The team that a request names for what is deployed, rather than for a part of its surroundings."""
    for sentence in doc.sentences:
        if found := _labelled(doc, sentence):
            yield doc.mention("owner", doc.raw(*found), *found, since=sentence.first)
            continue
        for index in range(sentence.first, sentence.last):
            said = next((words for words in _OWNS if doc.words(index, index + len(words)) == words), None)
            if said and not _THINGS & set(doc.words(max(sentence.first, index - 5), index)):
                found = _team(doc, index + len(said), sentence.last)
                alone = index == sentence.first and said[-1] in (":", "=")  # `owner: retail`
                found = found or (_word(doc, index + len(said), sentence.last) if alone else None)
                if found:
                    yield doc.mention("owner", doc.raw(*found), *found, since=index)
        yield from _subject(doc, sentence)


def _labelled(doc: Document, sentence: Clause) -> tuple[int, int] | None:
    """`Owning team: Borders`: all that a line says behind its label."""
    words = doc.words(sentence.first, min(sentence.first + 7, sentence.last))
    colon = words.index(":") if ":" in words else 0
    first, last = sentence.first + colon + 1, sentence.last - (doc.lower(sentence.last - 1) in (".", ";"))
    if words[:colon] not in _LABELS or not 0 < last - first <= 4:
        return None
    return (first, last) if all(token.kind == "word" for token in doc.tokens[first:last]) else None


def _team(doc: Document, place: int, last: int) -> tuple[int, int] | None:
    """`the team Media Core`, `the payments team`: where a team's name stands, with the word that says so."""
    while place < last and doc.lower(place) in _LEADS:
        place += 1
    end = place
    while end < min(last, place + 4) and doc.tokens[end].kind == "word" and doc.lower(end) not in _ENDS:
        end += 1
    words = doc.words(place, end)
    if words[:1] and words[0] in _GROUPS and len(words) > 1:
        return place, end
    at = next((at for at, word in enumerate(words) if at and word in _GROUPS), None)
    if at and set(words[:at]) <= _NO_NAMES:
        return None
    return (place, place + at + 1) if at else None


def _word(doc: Document, place: int, last: int) -> tuple[int, int] | None:
    return (place, place + 1) if place < last and doc.tokens[place].kind == "word" else None


def _subject(doc: Document, sentence: Clause) -> Iterator[Mention]:
    """`Team Harbour answers for the application`, `the search squad owns it`."""
    for index in range(sentence.first + 1, sentence.last):
        said = next((words for words in _OWNING if doc.words(index, index + len(words)) == words), None)
        end = index + len(said) if said else index
        if said and _IT & set(doc.words(end, min(end + 3, sentence.last))):
            start = sentence.first
            found = _team(doc, start, index)
            if found and found[1] == index:
                yield doc.mention("owner", doc.raw(*found), *found, until=end + 1)
