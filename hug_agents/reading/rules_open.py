"""What a request leaves open in so many words: `Cluster: TBC, ask me`, `the region is not decided yet`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hug_agents.reading.document import Document

_FIELDS = {
    **dict.fromkeys(("cluster",), ("environments.*.cluster", "Which cluster does it run in?")),
    **dict.fromkeys(("region",), ("environments.*.region", "In which region does it run?")),
    **dict.fromkeys(("account",), ("environments.*.account", "Which account is it deployed to?")),
    **dict.fromkeys(("namespace",), ("environments.*.namespace", "Which namespace does it run in?")),
    **dict.fromkeys(("domain", "hostname"), ("environments.*.domain", "Under which host name is it reached?")),
}
_OPEN = (
    ("tbc",), ("tbd",), ("tba",), ("unknown",), ("undecided",), ("pending",), ("?",), ("ask", "me"), ("open",),
    ("to", "be", "confirmed"), ("to", "be", "decided"), ("to", "be", "defined"), ("to", "be", "announced"),
    ("not", "decided"), ("not", "yet", "decided"), ("not", "known"), ("not", "yet", "known"), ("not", "clear"),
)  # fmt: skip
_LINKS = frozenset(": = is are still - \u2013 \u2014".split())


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
            yield Open(*_FIELDS[token.lower], index, place + len(said))
