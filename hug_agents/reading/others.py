"""What a request says of systems that it does not ask for: they are another's, live elsewhere, or are out of its scope."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hug_agents.reading.sentences import Sentence

_ANOTHERS = re.compile(
    r"\b(?:somebody|someone|another team)(?: else)?'?s\b|\b(?:deployed|hosted|run|runs|lives|handled|managed) elsewhere\b"
    r"|\bnot (?:a )?part of (?:this|the request|it\b)|\b(?:is|are)(?:n't| not) (?:ours|in scope|our business|my business)\b"
    r"|\b(?:don't|do not|please not) touch (?:it|that|this|them)\b|\bleave (?:it|that|this|them) (?:alone|as (?:it|they)|where)"
    r"|\b(?:that|this) one (?:stays|remains)\b|\bnot to be touched\b|\b(?:stays|remains) (?:where it is|untouched|as it is)\b"
    r"|\bnot (?:your|our|my) (?:concern|problem|task|job)\b"
    r"|\b(?:by|to) (?:another|a different|some other) (?:team|department|group)\b",
    re.I,
)
_HEADING = re.compile(
    r"[\s*#_]*(?:(?:not|out) (?:in|of) (?:the )?scope|not part of (?:this|it|the request)|excluded|non-goals|"
    r"(?:please )?(?:don't|do not) touch|not (?:to be )?(?:touched|changed)|not included)[\s*_]*:?[\s*_]*\Z",
    re.I,
)
_ITEM = re.compile(r"[ \t]*(?:[-*\u2022+\u2013]|(?:\(?([a-z\d]{1,2})\)|(\d{1,2})\.))[ \t]")
_WEIGHED = r"(?:options?|alternatives|candidates|choices|variants)"
_OPTIONS = re.compile(
    rf"[\s*#_]*(?:the |rejected |possible )?(?:considered )?(?:{_WEIGHED}(?: and {_WEIGHED})?|what we looked at)"
    r"(?: (?:that )?(?:we |were )?(?:considered|looked at|compared|weighed|rejected))?[\s*_]*[:.]?[\s*_]*\Z",
    re.I,
)
"""A heading over what was only weighed; one of the items may be the decision."""
_CHOSEN = re.compile(
    r"\b(?:decision|decided|chosen|choose|chose|take|took|go|going|went|pick|picked|outcome|settled|settle)\b[\s:.*_-]{0,6}"
    r"(?:(?:is|on|for|was|we|take|go|with|option|variant|alternative)\s+){0,4}\(?([a-z\d])\)?(?=[.,;:)]|\s*\n|\s*\Z)",
    re.I,
)


_WORKED_FOR = re.compile(
    r"\b(?:deploy|put|bring|run|ship|host|launch|release|install|operate|move|migrate|build|roll out|set up|take)\b[^.\n]{0,40}?"
    r"\b(?:the|our|a|my|this) (client|customer|partner)'s\b"
    r"|\b(?:for|from|of) (?:the|our|a|my|this) (client|customer|partner)\b(?= [A-Z])|^[ \t]*(client|customer):",
    re.I | re.M,
)


def worked_for(text: str) -> frozenset[str]:
    """`We will put the client's service into production`: what is said of this client is what is wanted."""
    found = {
        name.lower() for match in _WORKED_FOR.finditer(text.replace("\u2019", "'")) for name in match.groups() if name
    }
    return frozenset(word for name in found for word in (name, f"{name}'s"))


def of_others(text: str, spans: Sequence[Sentence]) -> frozenset[int]:
    """The numbers of the sentences that speak of another system: nothing in them is a wish."""
    found: set[int] = set()
    below = False
    chosen = {match[1].lower() for match in _CHOSEN.finditer(text)}
    for number, span in enumerate(spans):
        words = text[span.start : span.end].replace("\u2019", "'")
        if _HEADING.match(words) or _OPTIONS.match(words):
            below = True
            found.add(number)
            continue
        item = _ITEM.match(text[text.rfind("\n", 0, span.start) + 1 : span.end])
        below = below and item is not None
        if below and item and chosen & {item[1], item[2]}:
            continue
        if below or _ANOTHERS.search(words):
            found.add(number)
    return frozenset(found)
