"""What the offline model makes of a verdict and logs: known signs of trouble, the most frequent error, paths with 5xx."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hug_agents.agents.drafts import Explanation, Recommendation

_MOST_LINES = 6
_QUOTED = 400


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
_ENDED = re.compile(
    r"\[hug\] (?:used .*; )?ended with (?!SIGTERM)|(?i:\bexited with (?:code|status) [1-9])|CrashLoopBackOff"
)
_REQUEST = re.compile(
    r"\"?(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (?P<path>/[^\s\"?]{0,200})[^\"\n]{0,300}\"?\D{1,20}?\b(?P<status>5\d\d)\b"
)
_VARYING = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+")


def explained(verdict: Mapping[str, Any], logs: str) -> Explanation:
    """The first known sign with the most lines, else the most frequent error; what to do follows from verdict and sign."""
    lines = [line for line in logs.splitlines() if line.strip()]
    counts = [(sum(1 for line in lines if sign.pattern.search(line)), sign) for sign in _SIGNS]
    best = max(counts, key=lambda item: item[0])
    sign = best[1] if best[0] else None
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
    chosen = [line for line in lines if sign and sign.pattern.search(line)][:2]
    chosen += [*raised[:2], *ended[:2], *frequent[:2], *(line for line in lines if _REQUEST.search(line))]
    recommendation, reason = _recommended(verdict, sign)
    return Explanation(
        cause=" ".join(said)[:600],
        evidence=tuple(dict.fromkeys(line.strip()[:_QUOTED] for line in chosen))[:_MOST_LINES],
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
            return "amend", "It would fail again in the same way: mend what is asked for before it is tried again."
        if all(check["name"] == "rollout" for check in verdict["checks"]):
            return "roll_back", "It failed before its counters could be compared."
        return "roll_back", "The new version is worse by its own counters, and the old one is not."
    if verdict["outcome"] == "good":
        return "hold", "Nothing that was compared is worse."
    if any("not the cause" in check["reason"] for check in verdict["checks"]):
        return "ask_a_person", "The old version is as bad: rolling back would not help."
    if sign:
        return "ask_a_person", "The numbers do not decide it, and the logs show trouble."
    return "hold", "There is too little to judge by: more requests will tell."
