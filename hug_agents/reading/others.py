"""What a request says of systems that it does not ask for: they are another's, live elsewhere, or are out of its scope."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hug_agents.reading.sentences import Sentence

_ANOTHERS = re.compile(
    r"\b(?:somebody|someone|another team)(?: else)?'?s\b|\b(?:deployed|hosted|run|runs|lives|handled|managed) elsewhere\b"
    r"|\bnot (?:a )?part of (?:this|the request|it\b)|\b(?:is|are)(?:n't| not) (?:ours|in scope|our business|my business)\b"
    r"|\b(?:don't|do not|please not) touch (?:it|that|this|them)\b|\bleave (?:it|that|this|them) (?:alone|as (?:it|they)|where)"
    r"|\b(?:that|this) one (?:stays|remains)\b|\bnot to be touched\b|\b(?:stays|remains) (?:where it is|untouched|as it is)\b(?!:)"
    r"|\b(?:operated|owned|maintained) by (?:others|somebody)\b"
    r"|\bnot (?:your|our|my) (?:concern|problem|task|job)\b"
    r"|\(not ours\b|\b(?:is|are) not (?:changed|touched|affected) by (?:this|it)\b"
    r"|\A[\s*\u2022-]*(?:the )?neighbou?r(?:s|ing(?: \w+)?)?\b[^:\n]{0,40}:|\b(?:our|the|another|a) neighbou?r(?:'s|ing)\b"
    r"|\A[\s*\u2022-]*for (?:comparison|orientation|reference)(?: only)?[:,](?!\s*(?:unchanged|as before|still|the same))"
    r"|\A[\s*\u2022-]*(?:alternatives|(?:rejected|considered|discarded) \w+)(?: \w+)?:\s"
    r"|\b(?:by|to) (?:another|a different|some other) (?:team|department|group)\b",
    re.I,
)
_HEADING = re.compile(
    r"[\s*#_]*(?:\d{1,2}[.)][ \t]*)?(?:(?:not|out) (?:in|of) (?:the )?scope|not part of (?:this|it|the request)|excluded|non-goals|"
    r"(?:please )?(?:don't|do not) touch|not (?:to be )?(?:touched|changed)|not included)[\s*_]*:?[\s*_]*\Z",
    re.I,
)
_ITEM = re.compile(r"[ \t]*(?:[-*\u2022+\u2013]|(?:\(?([a-z\d]{1,2})\)|(\d{1,2})\.))[ \t]")
_WEIGHED = r"(?:options?|alternatives|candidates|choices|variants)"
_OPTIONS = re.compile(
    rf"[\s*#_]*(?:\d{{1,2}}[.)][ \t]*)?(?:the |rejected |possible )?(?:considered )?"
    rf"(?:{_WEIGHED}(?: and {_WEIGHED})?|what we looked at)"
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


PASSERS = frozenset("they developers engineers".split())
_PASSED_ON = re.compile(
    r"\b(?:on behalf of|(?:forwarding|asking|writing|passing) (?:this |it |that )?(?:on )?(?:for|from) (?:the|our|my))\b"
    r"|\b(?:they|developers|devs|engineers|colleagues)(?: have| had)? (?:tell|told|asked|gave|sent) me\b",
    re.I,
)
"""`They tell me that it listens on 8080`: who writes passes on what others want."""


def worked_for(text: str) -> frozenset[str]:
    """`We will put the client's service into production`: what is said of this client is what is wanted."""
    text = text.replace("\u2019", "'")
    found = {name.lower() for match in _WORKED_FOR.finditer(text) for name in match.groups() if name}
    if _PASSED_ON.search(text):
        found |= PASSERS
    return frozenset(word for name in found for word in (name, f"{name}'s"))


def anothers(words: str) -> bool:
    """Whether a sentence says that what it speaks of is another's."""
    return bool(_ANOTHERS.search(words.replace("\u2019", "'")))


def of_others(text: str, spans: Sequence[Sentence]) -> frozenset[int]:
    """The numbers of the sentences that speak of another system: nothing in them is a wish."""
    found: set[int] = set()
    heading: Sentence | None = None
    chosen = {match[1].lower() for match in _CHOSEN.finditer(text)}
    replaced = _replaced(text)
    for number, span in enumerate(spans):
        words = text[span.start : span.end].replace("\u2019", "'")
        if _HEADING.match(words) or _OPTIONS.match(words):
            heading = span
            found.add(number)
            continue
        item = _ITEM.match(text[text.rfind("\n", 0, span.start) + 1 : span.end])
        heading = heading if heading and _below(text, heading, span, item) else None
        if heading and item and chosen & {item[1], item[2]}:
            continue
        if heading or anothers(words) or replaced and replaced.search(words) and not _REPLACES.search(words):
            found.add(number)
    return frozenset(found)


def _below(text: str, heading: Sentence, span: Sentence, item: re.Match[str] | None) -> bool:
    """An item, the line under the heading, the paragraph under a numbered one; `4. Platform` ends `3. Alternatives`."""
    numbered = text[heading.start : heading.end].strip(" \t\n*#_")[:1].isdigit()
    if item and item[2]:
        return not numbered
    between = text[heading.end - 1 : span.start]
    return item is not None or "\n\n" not in between and (numbered or between.count("\n") < 2)


_REPLACES = re.compile(r"\b(?:supersedes|replaces|obsoletes)\b[:\s]+([A-Z]{2,6}[ -]?\d{1,6})\b", re.I)


def _replaced(text: str) -> re.Pattern[str] | None:
    """`Supersedes: RFC 93`: what was decided in that one does not hold any more."""
    match = _REPLACES.search(text)
    return re.compile(rf"\b{re.escape(match[1])}\b", re.I) if match else None
