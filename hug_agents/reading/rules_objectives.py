"""Service level objectives and what rolls a release back: availability, latency, errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from hug_agents.reading.document import Clause, Document, Mention
from hug_agents.reading.numbers import Quantity, quantities

_NINES = {"two": 99.0, "three": 99.9, "four": 99.99, "five": 99.999, "3": 99.9, "4": 99.99, "5": 99.999, "2": 99.0}
_AVAILABILITY = frozenset("available availability avail uptime up slo sla".split())
_ERRORS = frozenset(
    "error errors 5xx 5xxs 500s failing fail fails failures failed failure error-rate errorrate err".split()
)
_LATENCY = frozenset(
    "latency latencies response responses respond responds answered answer served faster fast slower p99 p95 p90 "
    "p50 p999".split()
)
_PERCENTILE = re.compile(r"p(\d{2,3})\Z")
_ORDINAL = re.compile(r"(\d{2})(?:st|nd|rd|th)\Z")
_ROLLBACK = frozenset(
    "rollback rollbacks revert reverts reverted undo abort aborts undone roll-back rolled rolls back-out "
    "auto-rollback".split()
)
_HEALTH = frozenset("health unhealthy healthcheck health-check probe probes liveness readiness".split())


@lru_cache(maxsize=64)
def objectives(doc: Document) -> tuple[Mention, ...]:
    """Objectives, and triggers where a sentence speaks of rolling back."""
    return tuple(_found(doc))


def _found(doc: Document) -> Iterator[Mention]:
    for sentence in doc.sentences:
        for part in _parts(doc, sentence):
            trigger = _rolls_back(doc, part, sentence)
            yield from _nines(doc, part)
            items = list(quantities(doc, part.first, part.last))
            for item in items:
                if item.unit == "percent":
                    yield from _percent(doc, part, item, items, trigger)
                elif item.unit in ("milliseconds", "seconds"):
                    yield from _latency(doc, part, item, items, trigger)
            yield from _odds(doc, part, items, trigger)
            if trigger:
                yield from _plain_triggers(doc, part)


def _parts(doc: Document, sentence: Clause) -> Iterator[Clause]:
    """A sentence cut at `;` and between clauses: a rollback says nothing of an objective beside it."""
    cuts = [sentence.first]
    for place in range(sentence.first + 1, sentence.last):
        word, following = doc.lower(place), doc.lower(place + 1)
        if (
            word in (";", "but", "\u2014")
            or word in ("and", ",")
            and following
            in (
                "roll",
                "alert",
                "rollback",
                "automatically",
                "page",
                "revert",
                "keep",
                "hold",
                "notify",
                "we",
                "abort",
                "availability",
                "uptime",
                "p99",
                "p95",
                "canary",
                "three",
                "two",
                "send",
                "start",
                "an",
                "a",
                "the",
            )
        ):
            if following in ("three", "two", "an", "a", "the", "we") and not any(
                w in _AVAILABILITY or w in _LATENCY or w in _ERRORS or w in _ROLLBACK
                for w in doc.words(place + 1, min(place + 7, sentence.last))
            ):
                continue
            if following == "the" and any(w in _ROLLBACK or w == "back" for w in doc.words(cuts[-1], sentence.last)):
                continue
            if _conditional(doc, cuts[-1], place, cuts[-1] == sentence.first):
                continue  # the condition belongs to what follows
            cuts.append(place)
    for number, cut in enumerate(cuts):
        end = cuts[number + 1] if number + 1 < len(cuts) else sentence.last
        yield Clause(cut, end, sentence.span, sentence.foreign, sentence.injected, sentence.question)


_IF = frozenset("if when once whenever should as in".split())


def _conditional(doc: Document, first: int, last: int, opens: bool) -> bool:
    """Whether a part is a condition: `if more than 2 % fail`, also behind a colon."""
    if doc.lower(first if opens else first + 1) in _IF:
        return True
    return any(
        doc.lower(place) in ("if", "when", "once", "whenever")
        and doc.lower(place - 1) in (":", "\u2014", "-", "\u2013")
        for place in range(first + 1, last)
    )


def _rolls_back(doc: Document, part: Clause, sentence: Clause) -> bool:
    words = doc.words(part.first, part.last)
    if any(word in _ROLLBACK for word in words) and not (
        "rollback" in words and any(word in ("rehearse", "drill", "practice") for word in words)
    ):
        return True
    joined = " ".join(words)
    return bool(
        re.search(
            r"\b(?:roll|rolls|rolling|go|goes|switch|flip|back|take|takes|taken|bring|brought|pull|pulled|revert)\b"
            r".{0,30}\bback\b|\bback out\b|\bback to (?:the )?(?:old|previous|last|former)\b",
            joined,
        )
    ) and bool(
        {
            "if",
            "when",
            "once",
            "on",
            "at",
            "whenever",
            "exceed",
            "exceeds",
            "above",
            "should",
            "after",
            "as",
            "unless",
            "else",
            "otherwise",
            "any",
            "=>",
            "->",
            "\u2192",
        }
        & set(words)
    )


def _state(doc: Document, part: Clause, place: int, trigger: bool) -> Mention | str:
    """The status of a value; `if errors exceed 1 %, roll back` is a wish although it holds an `if`."""
    status = doc.status[place]
    words = doc.words(part.first, part.last)
    if status == "negated" and {"exceed", "above", "over", "more", "higher", "surpass"} & set(words):
        return "asserted"  # `must never exceed 2 %` is a limit
    if (
        {"may", "can", "could"} & set(words)
        and {"most", "more", "than"} & set(words)
        and _MAY_FAIL & set(pairwise(words))
    ):
        return "asserted"  # `at most 0.5 % of the requests may fail` is a limit too
    conditional = status == "hypothetical" and (
        "if" in words or "when" in words or "once" in words or "whenever" in words or "unless" in words
    )
    if conditional and (
        trigger or any(word in ("alert", "alerts", "page", "notify", "alarm", "wake", "warn") for word in words)
    ):
        hypothetical = {
            "may",
            "might",
            "could",
            "maybe",
            "perhaps",
            "later",
            "eventually",
            "considering",
            "would",
            "someday",
        }
        polite = (
            {"could", "would"}
            if "you" in doc.words(doc.sentence(place).first, doc.sentence(place).first + 2)
            else set()
        )
        return "uncertain" if (hypothetical - polite) & set(words) else "asserted"
    return status


_MAY_FAIL = frozenset((one, other) for one in ("may", "can", "could") for other in ("fail", "err", "be", "break"))


def _mention(doc: Document, field: str, value: object, first: int, last: int, part: Clause, trigger: bool) -> Mention:
    status = _state(doc, part, first, trigger)
    since = max(part.first, first - 5)
    until = min(part.last, last + 3)
    while until > last and doc.lower(until - 1) in (",", ".", "and", "with", ";", "on", "in"):
        until -= 1
    return doc.mention(field, value, first, last, since=since, until=until, status=status)  # type: ignore[arg-type]


def _nines(doc: Document, part: Clause) -> Iterator[Mention]:
    for place in range(part.first, part.last):
        if doc.lower(place) == "nines" and (value := _NINES.get(doc.lower(place - 1))):
            yield doc.mention("objectives.availability", value, place - 1, place + 1)
        elif (value := _NINES.get(doc.lower(place).removesuffix("-nines"))) and doc.lower(place).endswith("-nines"):
            yield doc.mention("objectives.availability", value, place, place + 1)


def _percent(doc: Document, part: Clause, item: Quantity, items: list[Quantity], trigger: bool) -> Iterator[Mention]:
    before = doc.words(max(item.first - 7, part.first), item.first)
    after = doc.words(item.last, min(item.last + 7, part.last))
    if 0 < item.value < 100 and _about(before, after, _ERRORS):
        if item.value > 50:  # "99 % without errors": a share of good requests, said another way
            return
        field = "triggers.error_rate" if trigger else "objectives.error_rate"
        yield _mention(doc, field, item.value, item.first, item.last, part, trigger)
        yield from _for(doc, part, item, trigger)
    elif (
        90 <= item.value < 100 and not _threshold_near(items) and {"succeed", "successful", "successfully"} & set(after)
    ):
        yield _mention(doc, "objectives.availability", item.value, item.first, item.last, part, False)
    elif "requests" in after[:3] and _threshold_near(items):  # `95% of requests in under 250 ms`
        return
    elif 90 <= item.value < 100 and (
        any(word in _AVAILABILITY for word in (*before[-2:], *after[:2]))
        or any(word in _AVAILABILITY for word in (*before, *after))
        and not _threshold_near(items)
    ):
        yield _mention(doc, "objectives.availability", item.value, item.first, item.last, part, False)


def _odds(doc: Document, part: Clause, items: list[Quantity], trigger: bool) -> Iterator[Mention]:
    """`1 in 100 requests fail`, `two out of a thousand calls fail`: a share of requests, in percent."""
    for one, other in pairwise(items):
        joint, after = doc.words(one.last, other.first), doc.words(other.last, min(other.last + 5, part.last))
        plain = not one.unit and not other.unit and 0 < one.value < other.value
        if plain and joint in (("in",), ("out", "of"), ("in", "every"), ("of",)) and after[:1] in _COUNTED:
            if not _ERRORS & {*after[1:], *doc.words(part.first, one.first)}:
                continue
            field = "triggers.error_rate" if trigger else "objectives.error_rate"
            share = round(one.value / other.value * 100, 6)
            yield _mention(doc, field, share, one.first, other.last, part, trigger)
            yield from _for(doc, part, other, trigger)


_COUNTED = (("requests",), ("calls",), ("responses",), ("hits",))
_NEARER = frozenset(
    "traffic users canary cpu memory then availability uptime available % percent , ; . ( ) but while".split()
)


def _about(before: tuple[str, ...], after: tuple[str, ...], words: frozenset[str]) -> bool:
    """Whether one of `words` is nearer to the number than any other number, `traffic` or the end of its part."""
    for side in (tuple(reversed(before)), after):
        for word in side:
            if word in words:
                return True
            if word in _NEARER or word[:1].isdigit():
                break
    return False


def _threshold_near(items: list[Quantity]) -> bool:
    return any(item.unit == "milliseconds" or item.unit == "seconds" and item.value <= 10 for item in items)


def _for(doc: Document, part: Clause, item: Quantity, trigger: bool) -> Iterator[Mention]:
    if not trigger:
        return
    for other in quantities(doc, item.last, part.last):
        if other.unit == "seconds" and any(
            word in ("for", "over", "within", "during") for word in doc.words(other.first - 3, other.first)
        ):
            yield _mention(doc, "triggers.for_seconds", int(other.value), other.first, other.last, part, trigger)
            return


def _latency(doc: Document, part: Clause, item: Quantity, items: list[Quantity], trigger: bool) -> Iterator[Mention]:
    words = doc.words(part.first, part.last)
    milliseconds = item.value if item.unit == "milliseconds" else item.value * 1000
    since = doc.lower(item.first - 1)
    if (
        since in ("for", "during") or since == "over" and item.unit == "seconds" and item.value >= 60
    ):  # how long, not how slow
        return
    if not 1 <= milliseconds <= 600_000 or milliseconds != int(milliseconds) or not _limit(doc, part, item):
        return
    percent = _percentile(doc, part, item, items)
    if percent is None:
        if any(word in _LATENCY for word in words):
            field = "number.latency_without_percentile"
            yield _mention(doc, field, int(milliseconds), item.first, item.last, part, trigger)
        return
    value, place = percent
    before = doc.words(max(item.first - 4, part.first), item.first)
    if trigger and {"under", "below", "within"} & set(before):  # an objective in the sentence of a rollback
        trigger = False
    field = "triggers.latency" if trigger else "objectives.latency"
    if trigger and value != 99:
        field = "number.latency_trigger"
    first, last = min(place, item.first), max(place + 1, item.last)
    mention = _mention(doc, field, (value, int(milliseconds)), item.first, item.last, part, trigger)
    yield doc.mention(field, (value, int(milliseconds)), first, last, since=first, until=last, status=mention.status)
    yield from _for(doc, part, item, trigger)


_LIMITS = frozenset("under below within < than exceeds exceed above over most in of at is > \u2264 : =".split())


def _limit(doc: Document, part: Clause, item: Quantity) -> bool:
    before = doc.words(max(item.first - 6, part.first), item.first)
    return bool(_LIMITS & set(before)) or bool(before and _PERCENTILE.match(before[-1]))


def _percentile(doc: Document, part: Clause, item: Quantity, items: list[Quantity]) -> tuple[float, int] | None:
    found: list[tuple[float, int]] = []
    for place in range(part.first, part.last):
        word = doc.lower(place)
        if match := _PERCENTILE.match(word):
            digits = match.group(1)
            found.append((float(digits) if len(digits) == 2 else float(f"{digits[:2]}.{digits[2:]}"), place))
        elif (match := _ORDINAL.match(word)) and doc.lower(place + 1).startswith("percentile"):
            found.append((float(match.group(1)), place))
    for other in items:
        words = doc.words(other.last, min(other.last + 5, part.last))
        if other.unit == "percent" and 50 <= other.value < 100 and not any(w in _AVAILABILITY for w in words):
            found.append((other.value, other.first))
    before = [entry for entry in found if entry[1] < item.first]
    if before:
        value, place = before[-1]
        between = [q for q in items if place < q.first < item.first and q.unit in ("milliseconds", "seconds")]
        return None if between else (value, place)
    return found[0] if len(found) == 1 else None


def _plain_triggers(doc: Document, part: Clause) -> Iterator[Mention]:
    for place in range(part.first, part.last):
        word = doc.lower(place)
        if word in _HEALTH and any(
            w in ("fail", "fails", "failing", "unhealthy", "red", "failed", "failure", "failures", "bad")
            for w in doc.words(place, min(place + 6, part.last))
        ):
            yield _mention(doc, "triggers.health", True, place, place + 1, part, True)
        elif word == "smoke" and any(
            w in ("fail", "fails", "failing", "failed", "red", "break", "breaks", "failure")
            for w in doc.words(place, min(place + 6, part.last))
        ):
            yield _mention(doc, "triggers.smoke", True, place, place + 1, part, True)


_OVER = frozenset("over per rolling past last".split())


def window_days(doc: Document) -> Iterator[Mention]:
    """`99.5 % over 28 days`: the days over which an objective is counted."""
    for item in quantities(doc):
        words = doc.words(doc.sentence(item.first).first, item.first)
        days = item.value / 86_400
        goal = any(word in _AVAILABILITY or word in _LATENCY or word in _ERRORS for word in words)
        if (
            item.unit == "seconds"
            and 1 <= days <= 365
            and days == int(days)
            and goal
            and (words[-1] in _OVER or doc.lower(item.last) == "window" or words[-2:] == ("window", "of"))
        ):
            yield doc.mention("objectives.window_days", int(days), item.first, item.last, since=item.first - 1)
