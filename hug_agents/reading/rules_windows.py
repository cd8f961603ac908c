"""When production may be changed, and how often the way back is rehearsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from hug_agents.reading.document import Clause, Document, Mention
from hug_agents.reading.numbers import quantities
from hug_agents.reading.rules_time import DAY_NAMES, DAYS, JOB_WORDS, clock, other_zone, zone

_WINDOW = frozenset(
    "deploy deploys deployment deployments release releases rollout rollouts window windows change changes only "
    "never production prod ship allowed changed deployed released touched".split()
)


def windows(doc: Document) -> Iterator[Mention]:
    """`only on weekdays 9 to 17 Berlin time`, `never on Fridays`."""
    for sentence in doc.sentences:
        words = _with_what_leads(doc, sentence)
        if sentence.foreign or sentence.injected or sentence.question or not any(word in _WINDOW for word in words):
            continue
        if _NO_TIMES & set(zip(words, words[1:], words[2:], strict=False)):
            continue
        if any(word in JOB_WORDS and word not in ("run", "runs", "schedule", "scheduled") for word in words):
            continue
        yield from _window(doc, replace(sentence, last=_reason(doc, sentence)))


def _reason(doc: Document, sentence: Clause) -> int:
    """Where `only Mon-Thu, because on Friday ...`, `only Mon-Thu, the team is off on Friday` says why."""
    for place in range(sentence.first + 1, sentence.last):
        if doc.lower(place) == "because":
            return place
        named = any(word in DAY_NAMES or "-" in word for word in doc.words(sentence.first, place))
        if named and doc.lower(place) in (",", ";", "-", "\u2013", "\u2014", "(") and doc.lower(place + 1) in _TELLS:
            return place
    return sentence.last


_TELLS = frozenset("the our we they it that this there people everybody everyone since as".split())


_NEVER = frozenset("never not no don't nobody noone no-one none mustn't can't cannot shouldn't won't".split())
_LIMITED = _NEVER | frozenset("only window windows allowed outside except between during forbidden".split())
_SPOKEN = frozenset(
    "deploy deploys deployment deployments release releases rollout rollouts "
    "change changes production prod ship window windows".split()
)


_NO_TIMES = frozenset(
    ("no", kind, what)
    for kind in ("fixed", "set", "strict", "real")
    for what in ("times", "time", "window", "windows", "hours")
)
"""`never on Friday, but we have no fixed times`: nothing that holds."""
_PARTS = frozenset("morning mornings afternoon afternoons evening evenings night nights noon".split())
"""`never on Friday evening`: nobody says from when on."""


_PLURAL = frozenset(word for word in DAY_NAMES if word.endswith("days"))
"""`releases on Tuesdays, 10:00-12:00`: said of every week."""


def _with_what_leads(doc: Document, sentence: Clause) -> tuple[str, ...]:
    """The words of a sentence, with those that lead to it: `deploys: not during market hours; they settled on Mon ...`."""
    number = doc.sentence_of[sentence.first]
    before = doc.sentences[number - 1] if number else sentence
    leads = before is not sentence and doc.lower(before.last - 1) in (";", ":")
    return (*(doc.words(before.first, before.last) if leads else ()), *doc.words(sentence.first, sentence.last))


def _window(doc: Document, sentence: Clause) -> Iterator[Mention]:
    words = doc.words(sentence.first, sentence.last)
    days = _days(doc, sentence)
    hours = _hours(doc, sentence)
    if days is None and hours is None:
        return
    if days is not None and not days[0]:
        return
    limited = _LIMITED & set(_with_what_leads(doc, sentence)) or hours and _PLURAL & set(words)
    spoken = _SPOKEN & set(_with_what_leads(doc, sentence))
    if not limited or not spoken and not {"only", "never"} & set(words):
        return
    first = min(place for place in (days[1] if days else None, hours[2] if hours else None) if place is not None)
    last = max(place for place in (days[2] if days else None, hours[3] if hours else None) if place is not None)
    where = zone(doc, sentence.first, sentence.last)
    unsure = (
        hours is None
        and days is not None
        and bool(_PARTS & set(doc.words(days[1] + 1, days[2] + 1)))
        or days is None
        and bool({"days", "day", "week", "month", "daily", "weekly"} & set(words))
        or hours is not None
        and not hours[4]
        or where is None
        and other_zone(doc, sentence)
        or "outside" in words
        and not _not_outside(words)
        or {"maybe", "might", "could", "used", "was"} & set(words)
        or any(pair[0] == "may" and pair[1] not in ("only", "be", "not", "change", "never") for pair in pairwise(words))
    )
    if unsure:
        yield doc.mention("number.window", "unclear", first, last)
        return
    chosen = ",".join(days[0]) if days else ",".join(DAYS)
    start, end = (hours[0], hours[1]) if hours else ("00:00", "23:59")
    if where:
        first, last = min(first, where[1]), max(last, where[1] + 1)
    since = next(
        (place for place in range(sentence.first, first) if doc.lower(place) in ("only", "never", "not", "no")), first
    )
    yield doc.mention(
        "windows", f"{chosen} {start}-{end} {where[0] if where else 'UTC'}", first, last, since=since, status="asserted"
    )


def _not_outside(words: tuple[str, ...]) -> bool:
    """`no deployment outside Monday to Friday`: these are the days on which it may be."""
    place = words.index("outside")
    return (
        bool({"no", "never", "not", "nothing"} & set(words[max(place - 4, 0) : place]))
        and words.count("outside") == 1
        and not _NOT_ALL & set(words)
    )


_NOT_ALL = frozenset("only except but unless holidays".split())


def _days(doc: Document, sentence: Clause) -> tuple[tuple[str, ...], int, int] | None:
    """The days that are allowed, and the tokens that say so."""
    chosen: set[str] = set()
    banned: set[str] = set()
    places: list[int] = []
    index = sentence.first
    while index < sentence.last:
        word = doc.lower(index)
        target = banned if _banned(doc, sentence, index) else chosen
        low, dash, high = word.partition("-")
        if word in ("weekdays", "weekday", "workdays", "workday") or doc.words(index, index + 2) in _WORKING:
            target.update(DAYS[:5])
        elif word in ("weekends", "weekend"):
            target.update(DAYS[5:])
        elif dash and low in DAY_NAMES and high in DAY_NAMES:
            target.update(_span(DAY_NAMES[low], DAY_NAMES[high]))
        elif (
            word in DAY_NAMES
            and word not in ("sat", "sun", "wed", "mon")
            or word in DAY_NAMES
            and doc.raw(index, index + 1)[0].isupper()
        ):
            if (
                doc.lower(index + 1) in ("to", "-", "\u2013", "through", "till", "until", "thru")
                and doc.lower(index + 2) in DAY_NAMES
            ):
                target.update(_span(DAY_NAMES[word], DAY_NAMES[doc.lower(index + 2)]))
                places.append(index)
                index += 2
            else:
                target.add(DAY_NAMES[word])
        else:
            index += 1
            continue
        places.append(index)
        index += 1
    if not places:
        return None
    allowed = tuple(day for day in DAYS if day not in banned and (not chosen or day in chosen))
    return allowed, places[0], places[-1] + 1


_WORKING = tuple((one, day) for one in ("working", "work", "business", "week") for day in ("day", "days"))


def _banned(doc: Document, sentence: Clause, index: int) -> bool:
    for place in range(index - 1, max(index - 9, sentence.first) - 1, -1):
        word = doc.lower(place)
        if word == "outside":
            break
        if word in _NEVER or word in ("except", "avoid", "without", *_FORBIDDEN):
            return True
        if word in ("only", ";", "but", ":"):
            break
    for place in range(index + 1, min(index + 5, sentence.last)):
        if doc.lower(place) in (",", ";", "only"):
            break
        if doc.lower(place) in _FORBIDDEN or doc.words(place, place + 2) == ("off", "limits"):
            return True
    return False


_FORBIDDEN = frozenset("forbidden prohibited banned blocked excluded taboo frozen freeze excluding off-limits".split())


def _span(low: str, high: str) -> tuple[str, ...]:
    first, last = DAYS.index(low), DAYS.index(high)
    return DAYS[first : last + 1] if first <= last else (*DAYS[first:], *DAYS[: last + 1])


def _hours(doc: Document, sentence: Clause) -> tuple[str, str, int, int, bool] | None:
    for index in range(sentence.first, sentence.last):
        compound = re.fullmatch(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})", doc.lower(index))
        if compound:
            a, b, c, d = (int(part) for part in compound.groups())
            if a < 24 and c < 24 and b < 60 and d < 60 and (a, b) < (c, d):
                return f"{a:02d}:{b:02d}", f"{c:02d}:{d:02d}", index, index + 1, True
        short = re.fullmatch(r"(\d{1,2})-(\d{1,2})", doc.lower(index))
        if short and int(short.group(1)) < int(short.group(2)) <= 23:
            return (
                f"{int(short.group(1)):02d}:00",
                f"{int(short.group(2)):02d}:00",
                index,
                index + 1,
                int(short.group(2)) > 12,
            )
        low = clock(doc, index)
        if low is None or doc.lower(low.last) not in ("to", "-", "\u2013", "and", "until", "till"):
            continue
        high = clock(doc, low.last + 1) if low.last + 1 < sentence.last else None
        if high is None or doc.lower(high.last) in ("%", "percent", "replicas", "pods", "instances"):
            continue
        if doc.lower(low.last) == "and" and doc.lower(index - 1) != "between":
            continue
        sure = high.sure and (low.sure or low.minutes <= 720 and high.minutes > 720)
        return low.text, high.text, index, high.last, sure and low.minutes < high.minutes
    return None


def drills(doc: Document) -> Iterator[Mention]:
    """`rehearse the rollback every two weeks`, `monthly rollback drills`."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in (
            "drill",
            "drills",
            "rehearse",
            "rehearsal",
            "practise",
            "practice",
            "drilled",
            "rehearsed",
        ):
            continue
        sentence = doc.sentence(index)
        words = doc.words(sentence.first, sentence.last)
        if not any(word.startswith("roll") or word == "back" for word in words) and token.lower not in (
            "drill",
            "drills",
        ):
            continue
        for place in range(sentence.first, sentence.last):
            days = {
                "weekly": 7,
                "monthly": 30,
                "fortnightly": 14,
                "biweekly": 14,
                "quarterly": 90,
                "daily": 1,
                "yearly": 365,
            }.get(doc.lower(place))
            if days:
                yield doc.mention("drill_every_days", days, place, place + 1)
                return
            if doc.lower(place) in ("every", "each", "per") or doc.words(place - 1, place + 1) == ("once", "a"):
                named = {"week": 7, "month": 30, "quarter": 90, "day": 1, "fortnight": 14}.get(doc.lower(place + 1))
                if named:
                    yield doc.mention("drill_every_days", named, place, place + 2)
                    return
                for item in quantities(doc, place + 1, min(place + 4, sentence.last)):
                    if item.unit == "seconds" and item.value >= 86400:
                        yield doc.mention("drill_every_days", int(item.value // 86400), place, item.last)
                        return
                    if doc.lower(item.last) in ("months", "month") and item.whole:
                        yield doc.mention("drill_every_days", item.whole * 30, place, item.last + 1)
                        return
