"""What is wanted, and what is only spoken of: the status of every token of a sentence.

Cues ("no", "used to", "might", "instead of") spread over their clause or noun phrase. In doubt a token is *uncertain*,
and nothing is read from it: a question is better than a wrong value.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from hug_agents.reading.clauses import FAR, PREPOSITIONS, VERBS_AFTER_AND, clause_begin, clause_end, phrase_end
from hug_agents.reading.cues import CUES, WRONG, Cue, Status
from hug_agents.reading.others import PASSERS
from hug_agents.reading.tokens import Token

__all__ = ["Status", "statuses"]

_PASSIVE = frozenset(
    "needed wanted necessary required used desired welcome allowed permitted an acceptable supported our what for "
    "my something want need wish like do work fit happen apply right good ok okay be being an touched part a".split()
)
_ATTRIBUTES = frozenset(
    "public exposed reachable accessible internet-facing autoscaled scaled restarted cached lose fail break store "
    "write go down change affect interrupt stop healthy ready respond answer have need require expose".split()
)
_SUBJECTS = frozenset("we i you it they please us do just and but so also".split())


@cache
def _by_first() -> dict[str, tuple[Cue, ...]]:
    table: dict[str, list[Cue]] = {}
    for cue in CUES:
        table.setdefault(cue.words[0], []).append(cue)
    return {word: tuple(sorted(cues, key=lambda cue: -len(cue.words))) for word, cues in table.items()}


def _match(tokens: Sequence[Token], index: int) -> Cue | None:
    for cue in _by_first().get(tokens[index].lower, ()):
        if all(
            index + offset < len(tokens) and tokens[index + offset].lower == word
            for offset, word in enumerate(cue.words)
        ):
            return cue
    return None


def statuses(
    tokens: Sequence[Token], *, question: bool = False, ours: frozenset[str] = frozenset()
) -> tuple[Status, ...]:
    """The status of each token of one sentence. `question`: it asks something; `ours`: who else's system is meant here."""
    if not question and (now := _for_now(tokens)):
        return (*statuses(tokens[:now], ours=ours), *statuses(tokens[now:], ours=ours))
    result: list[Status] = ["uncertain" if question else "asserted"] * len(tokens)
    if _titled(tokens):
        past: Status = "past"
        return (past,) * len(tokens)
    negations: set[int] = set()
    index = 0
    while index < len(tokens):
        cue = _match(tokens, index)
        if cue is None:
            index += 1
            continue
        after = index + len(cue.words)
        counted = cue.words[0] in _COUNTED and index > 0 and tokens[index - 1].kind == "number"
        answered = cue.words == ("no",) and index == 0 and len(tokens) > 1 and tokens[1].lower in _PAUSES
        served = cue.words[0] == "other" and any(
            tokens[place].lower in ("for", "by") for place in range(max(index - 2, 0), index)
        )  # `only for our other services` says who calls it
        served = served or cue.words[0] in _COUNTED and _reached(tokens, index)
        served = served or cue.words[0] in ours and (cue.words[0] not in PASSERS or _asks_for(tokens, index))
        if cue.status is not None and not (counted or served or answered) and not _harmless(tokens, index, cue):
            _spread(result, tokens, index, after, cue, negations)
        index = after
    _bracketed(result, tokens)
    _moved(result, tokens)
    _raised(result, tokens)
    _happened(result, tokens)
    _unwanted(result, tokens)
    return tuple(result)


def _bracketed(result: list[Status], tokens: Sequence[Token]) -> None:
    """`it was a unit on two VMs (port 7000, restarted by hand)`: what a bracket adds to what was, was too."""
    for index in range(1, len(tokens)):
        if tokens[index].lower != "(" or result[index - 1] != "past" or result[index] != "asserted":
            continue
        end = next((at for at in range(index, len(tokens)) if tokens[at].lower == ")"), index)
        if not _NOW & {token.lower for token in tokens[index:end]}:
            for place in range(index, end):
                result[place] = _combine(result[place], "past", False)


_NOW = frozenset("now new use instead is will shall should must needs becomes today from".split())
_PAUSES = frozenset(", : - \u2013 \u2014 . !".split())
"""`ArgoCD? No - GitHub Actions.` answers, and goes on."""
_COUNTED = frozenset("customers clients partners employees engineers developers offices vendors friends".split())
"""`serves 8080 customers` tells how many; it speaks of no one else's system."""


def _asks_for(tokens: Sequence[Token], index: int) -> bool:
    """`They want 3 replicas`, in a message that passes it on; `they use Jenkins` tells how others do it."""
    return index + 1 < len(tokens) and tokens[index + 1].lower in _ASKINGS


_ASKINGS = frozenset("want need ask asked say said tell told gave sent require :".split())


def _reached(tokens: Sequence[Token], index: int) -> bool:
    """`the promise to our customers is 99.9 %`: those whom the service is for, with what is said of it before them."""
    words = [token.lower for token in tokens[max(index - 3, 0) : index]]
    return index > 3 and any(word in ("to", "for", "by", "from") for word in words[-2:])


_FORMER = frozenset("current existing old present legacy previous former as-is today now before".split())
_STATES = frozenset("state setup situation deployment config configuration stack environment hosting : (".split())


def _titled(tokens: Sequence[Token]) -> bool:
    """`Current state: ...`, `Today: ...`: the whole line says how it was."""
    words = [token.lower for token in tokens[:4]]
    return len(tokens) > 3 and words[0] in _FORMER and words[1] in _STATES and ":" in words[1:3]


def _for_now(tokens: Sequence[Token]) -> int:
    """Where `..., but for now: ...` starts: what holds now, whatever may come later."""
    for index in range(2, len(tokens) - 2):
        if (tokens[index].lower, tokens[index + 1].lower) in _DECIDED and tokens[index - 1].lower in _DECIDERS:
            return index
        if (tokens[index].lower, tokens[index + 1].lower) == ("for", "now") and tokens[index - 1].lower in (
            "but",
            ",",
            ";",
            "\u2014",
        ):
            return index
    return 0


_DECIDED = {
    ("went", "with"),
    ("go", "with"),
    ("settled", "on"),
    ("decided", "on"),
    ("decided", "for"),
    ("opted", "for"),
}
_DECIDERS = frozenset("and but , ; we have finally so then eventually".split())
"""`We looked at Nomad and Kubernetes and went with ECS`: what follows holds."""
_MOVES = frozenset(
    "move moves moving moved migrate migrates migrating migrated switch switches switching switched port ports "
    "transfer transfers change changes changed relocate relocating upgrade bring take convert converting".split()
)


def _moved(result: list[Status], tokens: Sequence[Token]) -> None:
    """`move it from Nomad to Kubernetes`: what stands between is where it was."""
    for index, token in enumerate(tokens):
        if token.lower == "from" and any(_moves(tokens, place) for place in range(max(index - 8, 0), index)):
            for place in range(index, min(phrase_end(tokens, index), index + 8)):
                if tokens[place].lower in ("to", "onto", "into"):
                    break
                result[place] = _combine(result[place], "past", False)


def _raised(result: list[Status], tokens: Sequence[Token]) -> None:
    """`bump it from 1 GB to 2 GB`: the first number is the old one; `scale from 2 to 8` is a range."""
    words = [token.lower for token in tokens]
    arrows = [at for at, word in enumerate(words) if word in _ARROWS]
    if len(arrows) == 1 and not {"%", "percent", *_RANGES} & set(words):  # `replicas 3 -> 5`, `memory 1 GB -> 2 GB`
        before = next((at for at in (arrows[0] - 1, arrows[0] - 2) if at >= 0 and tokens[at].kind == "number"), -1)
        if before >= 0 and "".join(words[arrows[0] + 1 : arrows[0] + 2]).isdigit():
            result[before : arrows[0]] = [_combine(one, "past", False) for one in result[before : arrows[0]]]
    if not _CHANGES & set(words) or _RANGES & set(words):
        return
    for index, word in enumerate(words):
        to = next((at for at in range(index + 2, min(index + 5, len(words))) if words[at] == "to"), 0)
        if (
            word == "from"
            and to
            and tokens[index + 1].kind == "number"
            and tokens[min(to + 1, len(words) - 1)].kind == "number"
        ):
            for place in range(index, to):
                result[place] = _combine(result[place], "past", False)


_CHANGES = frozenset(
    "bump bumped raise raised increase increased change changes changed go goes went grow grows reduce".split()
)
_ARROWS = frozenset("-> => \u2192".split())
_RANGES = frozenset(
    "scale scales autoscale autoscales autoscaling scaling between traffic canary window weekdays".split()
)


def _moves(tokens: Sequence[Token], place: int) -> bool:
    word = tokens[place].lower
    if word in ("port", "ports"):  # `to port it from ...`; `no port, it reads from ...` is no move
        return place > 0 and tokens[place - 1].lower in ("to", "we", "will", "please", "must", "should", "and")
    return word in _MOVES


def _unwanted(result: list[Status], tokens: Sequence[Token]) -> None:
    """`What we don't want: X (Y please), Z; W is fine`: the list after the colon, without what brackets put in its place."""
    colon = next((place for place, token in enumerate(tokens[:10]) if token.lower == ":"), 0)
    words = [token.lower for token in tokens[:colon]]
    if words[-1:] not in (["want"], ["need"], ["wanted"], ["needed"]) or not {"don't", "not"} & set(words[-4:]):
        return
    depth = 0
    for place in range(colon + 1, len(tokens)):
        word = tokens[place].lower
        depth += (word == "(") - (word == ")")
        if depth == 0 and word in (";", ".", "but", "\u2014"):
            break
        if depth == 0:
            result[place] = _combine(result[place], "negated", False)


_PAST_VERBS = frozenset("deployed hosted shipped launched operated released".split())
_WISHED = frozenset("need needs want wants get have like".split())
_BE = frozenset("be is are being been get gets getting must should to it's and or".split())


def _happened(result: list[Status], tokens: Sequence[Token]) -> None:
    """`the previous team deployed to ...`: a deed that was done; `should be deployed to ...` is a wish."""
    for index, token in enumerate(tokens):
        near = [other.lower for other in tokens[max(index - 3, 0) : index]]
        wished = _WISHED & {other.lower for other in tokens[max(index - 6, 0) : index]}
        if wished:
            continue
        used = token.lower == "used" and near[-1:] in (["we"], ["i"], ["they"])  # `we used Jenkins there`
        done = token.lower in _PAST_VERBS and index and not _BE & set(near[-2:])
        if used or done and near[-1] not in (",", "like", "want"):
            for place in range(clause_begin(tokens, index), clause_end(tokens, index + 1, "past")):
                result[place] = _combine(result[place], "past", False)


def _harmless(tokens: Sequence[Token], index: int, cue: Cue) -> bool:
    """`10 minutes later`; `used to` after a noun that is used for something; a yes to `if you can`."""
    before = tokens[index - 1].lower if index else ""
    if cue.words[0] in ("depending", "depends"):  # `3 to 9 replicas depending on load`
        return {"load", "traffic", "demand", "usage"} & {
            token.lower for token in tokens[index + 1 : index + 5]
        } != set()
    if cue.words[0] in _HARMLESS_AFTER:
        return before in _HARMLESS_AFTER[cue.words[0]]
    if cue.words in (("if",), ("whether",)):  # `/health tells you if it is fine`
        near = [token.lower for token in tokens[max(index - 2, 0) : index]]
        return bool({"tells", "says", "shows", "reports"} & set(near))
    if cue.words == ("would",):  # `the health check would be /hc`, an answer in polite words
        return before in _LABELS and index + 1 < len(tokens) and tokens[index + 1].lower == "be"
    if cue.words == ("they",):  # `They listen on 8080 and 8090 respectively`: the services of the sentence before
        return index == 0 and any(token.lower == "respectively" for token in tokens[:40])
    if cue.words in (("except",), ("soon",)):  # `same as before except: 4 replicas`, `roll back as soon as 2 % fail`
        return (
            before == "as" or cue.words == ("except",) and bool(_UNCHANGED & {token.lower for token in tokens[:index]})
        )
    if cue.words[-1:] == ("go",):  # `our app has to go to Kubernetes`
        return index + len(cue.words) < len(tokens) and tokens[index + len(cue.words)].lower in _INTO
    if cue.words == ("left",):
        return before not in ("we", "have", "has", "had")
    if cue.words == ("blog",):  # what is deployed, unless it is what was read
        return before in ("the", "our", "my") and any(
            token.lower in ("needs", "should", "must", "goes") for token in tokens[index + 1 : index + 3]
        )
    if cue.words == ("today",) and before in ("of", "from", "starting"):  # `as of today it shall run on ...`
        return any(token.lower in ("shall", "should", "must", "will") for token in tokens[index + 1 : index + 5])
    if cue.words == ("may",):  # the month; `at most 0.5 % of the requests may fail`
        bounded = {token.lower for token in tokens[max(index - 9, 0) : index]}
        return index == 0 or before in ("in", "since", "of") or {"at", "most"} <= bounded or {"more", "than"} <= bounded
    if cue.words[0] in ("replace", "replaces", "replacing"):
        words = [token.lower for token in tokens[index : index + 8]]
        return "with" not in words and ("by" not in words or "one" in words)
    return False


_HARMLESS_AFTER = {
    "around": frozenset("stay stays hang hangs keep kept stick sticks".split()),
    "claims": frozenset('namespace cluster the our team : ` " of for'.split()) | {""},  # a namespace
    "later": frozenset("minutes minute hours hour seconds days min".split()),
}
_INTO = frozenset("to on onto into live out".split())
_UNCHANGED = frozenset("same unchanged identical before".split())
_LABELS = frozenset("port check endpoint path image region name account cluster namespace domain probe url".split())


def _reach(tokens: Sequence[Token], index: int, after: int, cue: Cue) -> range:
    """The tokens from a cue on that it changes."""
    if cue.reach == "next":
        return range(after, min(after + 2, len(tokens)))
    if " ".join(cue.words) in WRONG:
        return range(index, after)
    if cue.reach == "phrase":
        return range(index, phrase_end(tokens, after, through=cue.status == "past"))
    return range(index, clause_end(tokens, after, cue.status or "asserted"))


def _spread(
    result: list[Status], tokens: Sequence[Token], index: int, after: int, cue: Cue, negations: set[int]
) -> None:
    status = cue.status
    assert status is not None
    span = _reach(tokens, index, after, cue)
    for place in span:
        result[place] = _combine(result[place], status, place in negations)
    if status == "negated":
        negations.update(span)
    if cue.reach == "both" or cue.reach == "clause" and status in ("negated", "past"):
        begin = clause_begin(tokens, index)
        if " ".join(cue.words) in WRONG and begin and tokens[begin - 1].lower == ")":
            opened = next((at for at in range(begin - 1, max(begin - 12, 0), -1) if tokens[at].lower == "("), begin)
            begin = clause_begin(tokens, opened)
        back = status if cue.reach == "both" else _backward(tokens, begin, index, after)
        for place in range(begin, index):
            if back is not None:
                result[place] = _combine(result[place], back, False)
    if cue.words in (("if",), ("unless",)) and not _afterthought(
        tokens, index, span.stop
    ):  # what depends on a condition is no certain wish
        for place in range(span.stop, min(len(tokens), span.stop + FAR)):
            result[place] = _combine(result[place], "hypothetical", False)
    if cue.reach == "phrase" and status == "negated" and index + 1 < len(tokens):
        _list_after(result, tokens, span.stop)


_DEEDS = frozenset("send use deploy start put run shift ship begin".split())


def _afterthought(tokens: Sequence[Token], index: int, stop: int) -> bool:
    """`roll back if errors rise, send 10 % first`: the condition's deed stands before it, and another one follows."""
    following = [token.lower for token in tokens[stop : stop + 2]]
    deed = following[:1] == [","] and following[1:2] != [] and following[1] in _DEEDS
    return deed and index > 1 and tokens[index - 1].lower in ("back", "rollback", "revert", "abort")


def _combine(old: Status, new: Status, twice: bool) -> Status:
    if old == "asserted":
        return new
    if old == "negated" and new == "negated":
        return "uncertain" if twice else "negated"
    return old if old == new or old in ("hypothetical", "past") else "uncertain" if new == "negated" else new


def _list_after(result: list[Status], tokens: Sequence[Token], end: int) -> None:
    """`no Kubernetes and Nomad`, `without canary and blue-green`: what the `and` adds may be unwanted too."""
    if end < len(tokens) and tokens[end].lower in ("and", "&") and end + 1 < len(tokens):
        following = tokens[end + 1]
        if following.lower in VERBS_AFTER_AND | PREPOSITIONS or following.kind == "number":
            return
        for place in range(end + 1, min(phrase_end(tokens, end + 1), end + 5)):
            result[place] = _combine(result[place], "uncertain", False)


def _backward(tokens: Sequence[Token], begin: int, index: int, after: int) -> Status | None:
    """What a negated verb says of the words before it: `Kubernetes is not needed`, `On ECS we don't want ...`."""
    if index == begin or tokens[index - 1].lower in _SUBJECTS:
        return None
    for token in tokens[after : after + 3]:
        if token.lower in _ATTRIBUTES:
            return None
        if token.lower in _PASSIVE:
            return "negated"
    return "uncertain"
