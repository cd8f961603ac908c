"""What people do not agree on: `my notes say blue/green, my colleague's say rolling`, `either ECS or Nomad, that is open`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hug_agents.reading.document import Document, Mention

_SINGLE = {
    "strategy.kind": "How is it released?",
    "toolchain.runtime": "What does it run on?",
    "toolchain.iac": "What writes the infrastructure?",
    "toolchain.ci": "Which system builds and tests it?",
}
"""What has one value, and what to ask for it."""
_DIFFER = frozenset(
    "say says said notes note thinks think believes insists prefers either whether disagree disagrees agree agreed undecided "
    "torn unclear contradict contradicts conflicting open".split()
)
_ANOTHER_TIME = frozenset("later future next eventually someday once before used was".split())


def disputed(doc: Document, found: Sequence[Mention]) -> tuple[Mention, ...]:
    """The mentions, with none asserted of what a sentence tells two opinions on."""
    doubtful = {id(item) for _, items in _disputes(doc, found) for item in items}
    return tuple(
        replace(item, status="uncertain") if id(item) in doubtful and item.status == "asserted" else item
        for item in found
    )


def to_settle(doc: Document, found: Sequence[Mention]) -> Iterator[tuple[str, str, tuple[str, ...], Mention]]:
    """The path of each such value, what to ask, the opinions, and where the first stands."""
    for field, items in _disputes(doc, found):
        yield field, _SINGLE[field], tuple(dict.fromkeys(str(item.value) for item in items)), items[0]


def _disputes(doc: Document, found: Sequence[Mention]) -> Iterator[tuple[str, list[Mention]]]:
    for field in _SINGLE:
        said = [item for item in found if item.field == field and item.status not in ("negated", "past")]
        sure = {doc.sentence_of[item.first] for item in said if item.status == "asserted"}
        for number in dict.fromkeys(doc.sentence_of[item.first] for item in said):
            items = [item for item in said if doc.sentence_of[item.first] == number]
            words = set(doc.words(doc.sentences[number].first, doc.sentences[number].last))
            several = len({str(item.value) for item in items}) > 1
            open_to = any(item.status != "asserted" for item in items) and words & _DIFFER and not words & _ANOTHER_TIME
            if several and open_to and sure <= {number} and not doc.sentences[number].quoted:
                yield field, items
                break
