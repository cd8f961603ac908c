"""What runs during a release: how many copies more or fewer than usual, and how long the old version stays."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.numbers import quantities
from hug_agents.reading.scope import Status


def surge(doc: Document) -> Iterator[Mention]:
    """`at most 25% extra pods`, `10 percent surge`, `20 % unavailable`."""
    for item in quantities(doc):
        if (
            item.unit != "percent"
            or doc.words(item.first - 2, item.first) in (("(", "was"), ("instead", "of"))
            or item.value != int(item.value)
            or not 0 <= item.value <= 100
        ):
            continue
        sentence = doc.sentence(item.first)
        after = _until_joint(doc.words(item.last, min(item.last + 7, sentence.last)))
        before = _until_joint(doc.words(max(item.first - 4, sentence.first), item.first)[::-1])
        down = "unavailable" in after or "unavailable" in before and not _MORE & set(after[:2])
        if not down and (_MORE & set(after[:3]) or "surge" in before):
            yield doc.mention("strategy.max_surge_percent", int(item.value), item.first, item.last, until=item.last + 1)
        elif "unavailable" in (*after, *before):
            yield doc.mention("strategy.max_unavailable_percent", int(item.value), item.first, item.last)


_MORE = frozenset("extra additional surge".split())


def _until_joint(words: tuple[str, ...]) -> tuple[str, ...]:
    """`20 % are unavailable and 50 % are additional`: what is said of each ends where the other's part begins."""
    return words[: next((place for place, word in enumerate(words) if word in ("and", ",", ";", "but")), None)]


def _status(doc: Document, verb: int, number: int) -> Status:
    """`the old one stays 15 minutes`: old, and not over."""
    if doc.status[verb] != "past":
        return doc.status[verb]
    return "asserted" if doc.lower(verb) in ("stays", "stay", "remains", "keep", "lives") else doc.status[number]


_KEEPS = frozenset(
    "keep keeping kept leave left retain retained retains stay stays remain remains lives runs running hold held holds "
    "linger lingers survive survives maintain maintained preserve preserved available warm standby around".split()
)
_OLD = frozenset("old previous blue former prior outgoing earlier last superseded replaced".split())


def keep_old(doc: Document) -> Iterator[Mention]:
    """`keep the old version for an hour`."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in _KEEPS:
            continue
        sentence = doc.sentence(index)
        behind = 0 if token.lower.startswith(("keep", "leav", "retain")) else 6
        near = doc.words(max(index - behind, sentence.first), min(index + 9, sentence.last))
        if not _OLD & set(near):
            continue
        for item in quantities(doc, index, min(index + 16, sentence.last)):
            if item.unit == "seconds":
                yield doc.mention(
                    "strategy.keep_old_seconds",
                    int(item.value),
                    item.first,
                    item.last,
                    since=index,
                    status=_status(doc, index, item.first),
                )
                break
