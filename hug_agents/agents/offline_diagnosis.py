"""What the offline model makes of a failure: rules, no language model.

Of a rollout step, known signs of trouble, the most frequent error, paths with 5xx. Of a run, what passes by itself, what
is not accepted or not allowed. Of gates, whether what they object to says how it is mended.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hug_agents.agents.drafts import Explanation, Recommendation

_MOST_LINES = 6
_LAST_LINES = 4
"""Of a run of which nothing is known: what went wrong stands near its end, before it tidied up."""
_QUOTED = 400
_AGAIN = "It would fail again in the same way: mend what is asked for before it is tried again."


class _Sign(NamedTuple):
    """A kind of trouble, the lines that show it, and what it means."""

    pattern: re.Pattern[str]
    cause: str
    amend: bool = False


_SIGNS = (
    _Sign(
        re.compile(r"(?i)out of memory|oom-?kill|\bMemoryError\b|OutOfMemoryError|heap out of memory|Cannot allocate memory"),
        "The new version runs out of memory.",
    ),
    _Sign(
        re.compile(
            r"(?i)missing (?:required )?(?:environment|env|config|setting)"
            r"|environment variable .{0,80}(?:not set|missing|required)|(?-i:\bKeyError: ['\"][A-Z0-9]+_[A-Z0-9_]+['\"])"
            r"|(?:configuration|settings?|config) .{0,60}(?:invalid|missing|not found)"
            r"|invalid (?:configuration|setting)|(?:config|settings)\w*\.ValidationError"
        ),
        "The new version is started with a setting that is missing or that it cannot use.",
        amend=True,
    ),
    _Sign(
        re.compile(r"(?i)address already in use|EADDRINUSE|permission denied|EACCES|exec format error|no such file or directory"),
        "The new version cannot start as it is installed.",
        amend=True,
    ),
    _Sign(
        re.compile(r"(?i)relation .{0,80}does not exist|no such (?:table|column)|unknown column|undefined (?:table|column)"),
        "The new version and the database's schema do not fit together: a migration is missing.",
        amend=True,
    ),
    _Sign(
        re.compile(
            r"(?i)connection refused|ECONNREFUSED|could not connect|connection reset|no route to host|name or service not known"
            r"|getaddrinfo|temporary failure in name resolution"
        ),
        "The new version cannot reach something that it depends on.",
    ),
    _Sign(
        re.compile(
            r"(?i)password authentication failed|access denied for user|invalid credentials"
            r"|\b(?:401|403)\b.{0,40}(?:upstream|token)"
        ),
        "The new version is refused by something that it depends on: its credentials are not accepted.",
        amend=True,
    ),
    _Sign(
        re.compile(
            r"(?i)\btimed? ?out\b|deadline exceeded|ETIMEDOUT"
            r"|pool (?:exhausted|is full)|too many (?:connections|open files)"
        ),
        "The new version waits too long for something that it depends on.",
    ),
)  # fmt: skip
_TRACEBACK = re.compile(r"^(?:.*\s)?(?:Traceback \(most recent call last\):|goroutine \d+ \[|panic: )")
_RAISED = re.compile(
    r"^(?:\S*\s+){0,3}?(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|Fault)\b(?::|$)"
)
_ERROR = re.compile(
    r"(?i)\b(?:error|critical|fatal|panic|exception|unhandled|segmentation fault|core dumped|(?-i:[A-Z]\w*(?:Error|Exception)))\b"
)
_FAILED = re.compile(r"(?i)\b(?:fail(?:ed|ure|s)?|refused|rejected|denied|cannot|could not)\b")
_ENDED = re.compile(
    r"\[hug\] (?:used .*; )?ended with (?!SIGTERM)|(?i:\bexited with (?:code|status) [1-9])|CrashLoopBackOff"
)
_REQUEST = re.compile(
    r"\"?(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (?P<path>/[^\s\"?]{0,200})[^\"\n]{0,300}\"?\D{1,20}?\b(?P<status>5\d\d)\b"
)
_VARYING = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+")


def of_step(verdict: Mapping[str, Any], logs: str) -> Explanation:
    """The first known sign with the most lines, else the most frequent error; what to do follows from verdict and sign."""
    lines = [line for line in logs.splitlines() if line.strip()]
    sign, shown = _sign(lines)
    raised = list(dict.fromkeys(_raised(lines)))
    frequent = _frequent(lines)
    ended = list(_ended(lines))
    paths = Counter(match["path"] for line in lines if (match := _REQUEST.search(line)))
    said = []
    if sign:
        said.append(sign.cause)
    elif ended:
        said.append("A process of the new version ends by itself.")
    elif raised:
        said.append("The new version raises an error that it does not handle.")
    elif frequent:
        said.append("The new version logs errors; one kind is the most frequent.")
    elif paths:
        said.append("The new version answers requests with server errors and says no more.")
    else:
        said.append("The logs do not show a cause." if lines else "There are no logs.")
    if paths:
        # No count: a figure that stands in neither verdict nor logs is refused, whoever gives it.
        path, _ = paths.most_common(1)[0]
        said.append(
            f"Requests of {path} end with a server error{', more than of any other path' if len(paths) > 1 else ''}."
        )
    chosen = shown[:2]
    chosen += [*raised[:2], *ended[:2], *frequent[:2], *(line for line in lines if _REQUEST.search(line))]
    recommendation, reason = _recommended(verdict, sign)
    return _explanation(" ".join(said)[:600], chosen, recommendation, reason)


_PASSES = (
    (
        re.compile(
            r"(?i)acquiring the state lock|lock (?:is )?(?:already )?held|state (?:is )?locked|ConditionalCheckFailed"
            r"|another (?:operation|update|deployment|run) .{0,40}in progress|OperationAborted"
        ),
        "Something else holds a lock that it needs.",
    ),
    (
        re.compile(
            r"(?i)rate.?limit|too many requests|\bthrottl|RequestLimitExceeded|SlowDown|\b(?:status|code|http)\W{0,3}429\b"
        ),
        "It asked something else more often than that allows.",
    ),
    (
        re.compile(
            r"(?i)connection (?:was )?reset|ECONNRESET|broken pipe|connection timed out|ETIMEDOUT|i/o timeout"
            r"|TLS handshake timeout|unexpected EOF|temporary failure in name resolution|EAI_AGAIN"
            r"|bad gateway|service unavailable|gateway time-?out"
        ),
        "The connection to something that it needs broke.",
    ),
    (
        re.compile(
            r"(?i)runner (?:has )?(?:received a shutdown signal|lost communication)|lost communication with the server"
        ),
        "The machine that it ran on went away.",
    ),
)
_STAYS: tuple[tuple[re.Pattern[str], str, Recommendation, str], ...] = (
    (
        re.compile(
            r"(?i)access.?denied|not authorized to perform|\bunauthorized\b|\bforbidden\b|insufficient permissions?"
        ),
        "What carries it out is not allowed to do it.",
        "ask_a_person",
        "Rights are given by people.",
    ),
    (
        re.compile(r"(?i)quota|LimitExceeded|insufficient capacity|no space left"),
        "There is no more room for it where it is to run.",
        "ask_a_person",
        "More room is ordered by people.",
    ),
    (
        re.compile(
            r"(?i)manifest unknown|ImagePullBackOff|ErrImagePull|pull access denied|invalid value|unsupported argument"
            r"|InvalidParameter|ValidationException|ValidationError|admission webhook .{0,80}denied"
        ),
        "Something that was asked for is not accepted or is not there.",
        "amend",
        _AGAIN,
    ),
)
_REMEDY = "  remedy: "
_BROKE = re.compile(r"^\S+ broke: ")


def of_run(output: str, logs: str, open: Sequence[str]) -> Explanation:
    """What a run itself said comes first: what a new version prints may be what its users sent it."""
    lines = [line for line in output.splitlines() if line.strip()]
    printed = {line.strip() for line in logs.splitlines()}
    own = [line for line in lines if line.strip() not in printed]
    for pattern, cause in _PASSES:
        if found := _found(own, pattern):
            return _explanation(cause, found, "retry", "That passes by itself: the same may be tried again.")
    for pattern, cause, recommendation, reason in _STAYS:
        if found := _found(own, pattern):
            return _explanation(cause, found, recommendation, reason)
    sign, found = _sign([*own, *logs.splitlines()])
    if sign and sign.amend:
        return _explanation(sign.cause, found, "amend", _AGAIN)
    ended = [*_raised(logs.splitlines()), *_ended(logs.splitlines())]
    if "roll_back" in open and (sign or ended):
        cause = sign.cause if sign else "The new version raises an error or ends by itself before it is up."
        return _explanation(
            cause, [*found[:2], *ended], "roll_back", "It did not come up, and must not stay half done."
        )
    said = _found(own, _ERROR) or _found(own, _FAILED)
    cause = "It failed, and no sign that is known shows why." if lines else "It failed and said nothing."
    return _explanation(
        cause, [*said[:2], *own[-_LAST_LINES:], *ended], "ask_a_person", "Only a person can tell what is to be done."
    )


def of_gates(findings: str) -> Explanation:
    """Amend what says how it is mended; a gate that broke over something that passes is run again."""
    lines = findings.splitlines()
    broke = [line for line in lines if _BROKE.match(line)]
    objected = [line for line in lines if not line.startswith(_REMEDY) and not _BROKE.match(line)]
    remedies = [line for line in lines if line.startswith(_REMEDY)]
    if not objected:
        for pattern, cause in _PASSES:
            if found := _found(broke, pattern):
                return _explanation(cause, found, "retry", "The gate found nothing wrong: it could not look.")
        cause = "A gate could not look at the bundle." if broke else "The gates do not say why."
        return _explanation(cause, broke, "ask_a_person", "Nothing is known of the bundle until the gate can run.")
    if remedies:
        first = lines.index(remedies[0])
        chosen = [lines[first - 1], remedies[0], *objected]
        return _explanation(
            "A gate objects to what was asked for, and says what would mend it.",
            chosen,
            "amend",
            "The same files are judged in the same way: change the request, the values or the file.",
        )
    return _explanation(
        "A gate objects to the bundle and does not say what would mend it.",
        objected,
        "ask_a_person",
        "Somebody has to find out what would mend it.",
    )


def _found(lines: list[str], pattern: re.Pattern[str]) -> list[str]:
    return [line for line in lines if pattern.search(line)]


def _sign(lines: list[str]) -> tuple[_Sign | None, list[str]]:
    """The known sign with the most lines, the first of equals, and its lines."""
    found = [(_found(lines, sign.pattern), sign) for sign in _SIGNS]
    best = max(found, key=lambda item: len(item[0]))
    return (best[1], best[0]) if best[0] else (None, [])


def _explanation(cause: str, lines: list[str], recommendation: Recommendation, reason: str) -> Explanation:
    return Explanation(
        cause=cause,
        evidence=tuple(dict.fromkeys(line.strip()[:_QUOTED] for line in lines if line.strip()))[:_MOST_LINES],
        recommendation=recommendation,
        reason=reason,
    )


def _raised(lines: list[str]) -> Iterator[str]:
    """The last line of each traceback: what was raised."""
    inside = False
    for line in lines:
        if _TRACEBACK.search(line):
            inside = True
            if "panic: " in line:
                yield line
        elif inside and _RAISED.search(line):
            inside = False
            yield line


def _ended(lines: list[str]) -> Iterator[str]:
    """What a process said last before it ended by itself, and that it did."""
    for place, line in enumerate(lines):
        if _ENDED.search(line):
            if place and "[hug]" not in lines[place - 1]:
                yield lines[place - 1]
            yield line


def _frequent(lines: list[str]) -> list[str]:
    """One line of each kind of error, the most frequent kind first; lines that differ in numbers alone are one kind."""
    kinds: dict[str, list[str]] = {}
    for line in lines:
        if _ERROR.search(line):
            kinds.setdefault(_VARYING.sub("#", line), []).append(line)
    return [found[-1] for found in sorted(kinds.values(), key=len, reverse=True)]


def _recommended(verdict: Mapping[str, Any], sign: _Sign | None) -> tuple[Recommendation, str]:
    if verdict["outcome"] == "bad":
        if sign and sign.amend:
            return "amend", _AGAIN
        bad = [check for check in verdict["checks"] if check["outcome"] == "bad"]
        if bad and all(check["name"] == "a person" or check["reason"].startswith("aborted by ") for check in bad):
            return "roll_back", "A person stopped it; no verdict speaks against it."
        if all(check["name"] == "rollout" for check in bad):
            return "roll_back", "It failed before its counters could be compared."
        if all(check["name"].startswith("query ") for check in bad):
            return "roll_back", "A query is beyond its bound; its counters do not speak against it."
        return "roll_back", "The new version is worse by its own counters, and the old one is not."
    if verdict["outcome"] == "good":
        return "retry", "Nothing that was compared is worse."
    if any("not the cause" in check["reason"] for check in verdict["checks"]):
        return "ask_a_person", "The old version is as bad: rolling back would not help."
    if sign:
        return "ask_a_person", "The numbers do not decide it, and the logs show trouble."
    return "retry", "There is too little to judge by: more requests will tell."
