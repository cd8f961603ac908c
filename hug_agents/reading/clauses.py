"""How far words reach: where a noun phrase ends, and where a clause begins and ends."""

from __future__ import annotations

from collections.abc import Sequence

from hug_agents.reading.cues import Status
from hug_agents.reading.tokens import Token

FAR = 120
"""No cue reaches further than this many tokens: a longer clause is no English, and time must grow with length only."""

_STRONG = frozenset("; : \u2014 \u2013 ( ) [ ] but however though although whereas while yet . ! ?".split()) - {":"}
_RELATIVE = frozenset("which who where that".split())
_STARTERS = frozenset(
    "we i it you this there please just only use put deploy run go keep make set add give let's lets take choose "
    "pick prefer instead rather simply make ship host launch move migrate expose serve start stop roll alert page "
    "notify have ensure do does don't should must shall will is are on in with at for to using via now then its "
    "send shift our the each every scale listens needs has uses runs goes wants build call name require requires never no "
    "not without stay stick everything switch treat leave it'll we'll they'll it's that's i'll we've we're there's".split()
)
VERBS_AFTER_AND = frozenset(
    "use put deploy run go keep make set add give let's take choose pick prefer ship host launch move migrate "
    "expose serve start stop roll alert page notify have ensure does don't should must shall will is are using "
    "listens needs has uses runs goes wants we i it you please instead never no not without now with on to stay "
    "stick scale then its just only abort abandon revert rollback undo flip back notify warn wake tell ask wait "
    "hold promote drop skip listens its shift send when if".split()
)
PREPOSITIONS = frozenset("in on with at for to from by under behind until into during using via per as over".split())
_ABOUT = frozenset("monitoring alerting dashboards logging".split())


def phrase_end(tokens: Sequence[Token], start: int, *, through: bool = False) -> int:
    """The end of the noun phrase from `start`, with what `or`, `nor` and commas before them add to it.

    `through`: what `in` and `on` add belongs to it too, as in `the old service on port 3000`.
    """
    stops = PREPOSITIONS - frozenset({"on", "in", "at", "with"}) if through else PREPOSITIONS
    index = start
    if index < len(tokens) and tokens[index].lower in PREPOSITIONS:
        index += 1
    seen = False
    while index < min(len(tokens), start + FAR):
        word = tokens[index].lower
        if word in _STRONG or word in _RELATIVE or word == "," and not or_follows(tokens, index):
            break
        if word == ":" and seen:
            break
        if word in ("and", "&", "plus", "then") and seen:
            break
        if seen and word in stops and tokens[index - 1].lower in _ABOUT:  # `no monitoring with Datadog`
            index += 1
            continue
        if seen and word in stops or seen and word in ("please", "just", "use", "is", "are", "needs", "uses"):
            break
        seen = seen or word not in ("a", "an", "any", "the", "our", "my", "more", "kind", "of", "use", "using", "need")
        index += 1
    return index


def or_follows(tokens: Sequence[Token], comma: int) -> bool:
    """Whether `, X or Y` continues a list rather than starting a clause."""
    for index in range(comma + 1, min(comma + 9, len(tokens))):
        word = tokens[index].lower
        if word in ("or", "nor"):
            return True
        if word in _STRONG or index == comma + 1 and word in _STARTERS:
            return False
    return False


def clause_end(tokens: Sequence[Token], start: int, status: Status) -> int:
    """The end of the clause. `not on X, on Y` ends at the comma; `used to be on X, in Y` does not."""
    starters = _STARTERS if status == "negated" else _STARTERS - PREPOSITIONS
    index = start
    while index < min(len(tokens), start + FAR):
        word = tokens[index].lower
        following = tokens[index + 1].lower if index + 1 < len(tokens) else ""
        if word in _STRONG and not (word == "." and index + 1 < len(tokens) and following != "."):
            break
        if word == "," and index >= start and following in starters and not or_follows(tokens, index):
            break
        if word == ":" and index > start and following in _STARTERS - PREPOSITIONS:
            break
        if word == ":" and index > start and status == "negated" and tokens[index - 1].lower not in _OPENERS:
            break  # `nothing public: x on ECS` says what is wanted after the colon; `do not use: ...` does not
        if word == "," and index > start and not or_follows(tokens, index) and _new_statement(tokens, index + 1):
            break
        goes_on = status == "uncertain" and word == "and" and _done(tokens, index + 1)
        if (
            word in ("and", "then", "so")
            and index > start
            and following in VERBS_AFTER_AND - _CONTINUES
            and not goes_on
        ):
            break
        if word in ("instead",) and index > start:
            break
        if word == "except" and status == "uncertain":  # `same as v1 except: 4 replicas`
            break
        if word == "in" and following in ("favour", "favor"):  # `Jenkins goes away in favour of CircleCI`
            break
        index += 1
    return index


def _done(tokens: Sequence[Token], verb: int) -> bool:
    """`it currently runs on VMs and is deployed by Jenkins`: still what is; `and is needed on ECS` is no more."""
    words = [token.lower for token in tokens[verb : verb + 2]]
    return words[:1] in (["is"], ["are"]) and words[1:] != [] and words[1] in _DONE


_DONE = frozenset("deployed built hosted shipped released managed operated monitored run installed started".split())
_OPENERS = frozenset(
    "use using used want wanted need needed deploy deployed include included touch run these those following to on with of "
    "in any systems tools things services clouds regions allowed".split()
)
_CONTINUES = frozenset("on to with then".split())
_STATEMENT = frozenset(
    "is are was goes go should must uses needs has runs listens will wants stays serves suffices does works "
    "replaces can would".split()
)


def _new_statement(tokens: Sequence[Token], start: int) -> bool:
    """`..., ECS is fine`: a subject and its verb."""
    return any(token.lower in _STATEMENT for token in tokens[start + 1 : start + 4])


def clause_begin(tokens: Sequence[Token], index: int) -> int:
    place = index
    while place > max(0, index - FAR):
        word = tokens[place - 1].lower
        if word in _STRONG or word == "," or word in _RELATIVE:
            break
        if word == ":" and tokens[place].lower in _STARTERS - PREPOSITIONS:
            break
        if word in ("and", "so", "then") and (tokens[place].lower in VERBS_AFTER_AND or place == index):
            break
        place -= 1
    return place
