"""What a request leaves open in so many words: `Cluster: TBC, ask me`, `the region is not decided yet`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hug_agents.reading.document import Document
from hug_agents.reading.vocabulary import ENVIRONMENTS

_FIELDS = {
    **dict.fromkeys(("cluster",), ("environments.*.cluster", "Which cluster does it run in?")),
    **dict.fromkeys(("region",), ("environments.*.region", "In which region does it run?")),
    **dict.fromkeys(("account",), ("environments.*.account", "Which account is it deployed to?")),
    **dict.fromkeys(("namespace",), ("environments.*.namespace", "Which namespace does it run in?")),
    **dict.fromkeys(("domain", "hostname"), ("environments.*.domain", "Under which host name is it reached?")),
    **dict.fromkeys(
        ("steps", "percentages", "weights"), ("strategy.steps", "Which shares of the traffic does the canary get?")
    ),
    **dict.fromkeys(("holds", "pauses", "intervals"), ("strategy.hold_seconds", "How long does each step hold, in seconds?")),
    **dict.fromkeys(("strategy",), ("strategy.kind", "How is it released: rolling, canary or blue_green?")),
    **dict.fromkeys(("replicas", "copies", "instances"), ("services.*.replicas", "How many copies run?")),
    **dict.fromkeys(("window", "windows"), ("windows", "When may production be changed? Days, hours and time zone, please.")),
    **dict.fromkeys(("owner",), ("owner", "Which team answers for it?")),
}  # fmt: skip
_SETTLED = (
    "confirmed decided defined announced agreed settled clarified discussed chosen known clear fixed final sure".split()
)
_OPEN = (
    ("tbc",), ("tbd",), ("tba",), ("unknown",), ("undecided",), ("pending",), ("?",), ("ask", "me"), ("open",),
    ("follows",), ("follow",), ("unclear",), ("undefined",), ("missing",),
    *((*before, word) for before in (("to", "be"), ("not",), ("not", "yet")) for word in _SETTLED),
)  # fmt: skip
_LINKS = frozenset(": = is are still yet will have has \u2013 \u2014 -".split())
_DECIDE = frozenset(
    "agree decide define settle clarify discuss choose fix pick determine find know figure confirm sort agreeing deciding".split()
)
_STILL = frozenset("still yet must need needs don't not to haven't cannot".split())
_BETWEEN = frozenset("on the about its their out which what exact these over upon how many for".split())


class Open(NamedTuple):
    """A field whose value is still to come: its path, what to ask, and the words."""

    path: str
    text: str
    first: int
    last: int


def left_open(doc: Document) -> Iterator[Open]:
    """Each field that the text names and leaves open."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in _FIELDS or doc.sentence(index).quoted:
            continue
        place = index + 1
        while doc.lower(place) in _LINKS and place < index + 4:
            place += 1
        said = next((words for words in _OPEN if doc.words(place, place + len(words)) == words), None)
        if said and place > index + 1 and doc.sentence_of[place] == doc.sentence_of[index]:
            yield _placed(doc, index, place + len(said))
        elif (since := _undecided(doc, index)) is not None:
            yield Open(*_FIELDS[token.lower], since, index + 1)


def _placed(doc: Document, index: int, last: int) -> Open:
    """`production cluster: TBD` is of one environment."""
    path, text = _FIELDS[doc.lower(index)]
    where = ENVIRONMENTS.get(doc.lower(index - 1)) if index > doc.sentence(index).first else None
    if where and path.startswith("environments.*."):
        return Open(path.replace("*", where[0], 1), text.replace("it run", f"{where[0]} run"), index - 1, last)
    return Open(path, text, index, last)


def _undecided(doc: Document, index: int) -> int | None:
    """Where `we still have to agree on the steps`, `we do not know the region yet` starts."""
    start = doc.sentence(index).first
    place = index - 1
    while place > start and doc.lower(place) in _BETWEEN:
        place -= 1
    near = doc.words(max(place - 5, start), place)
    late = "yet" in doc.words(index + 1, index + 3) or {"still", "yet"} & set(near)
    if place < start or doc.lower(place) not in _DECIDE or not _STILL & set(near) or not late:
        return None
    return place
