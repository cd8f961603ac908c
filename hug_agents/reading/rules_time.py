"""Schedules of jobs, and the windows in which production may change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from hug_agents.reading.document import Clause, Document, Mention
from hug_agents.reading.numbers import quantity_at

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = {
    **{f"{name}{plural}": day for day, name in zip(DAYS,
    "monday tuesday wednesday thursday friday saturday sunday".split(), strict=True) for plural in ("", "s")},
    **{day: day for day in DAYS}, "tues": "tue", "thur": "thu", "thurs": "thu",
}  # fmt: skip
_ZONES = {
    "berlin": "Europe/Berlin", "london": "Europe/London", "paris": "Europe/Paris", "amsterdam": "Europe/Amsterdam",
    "madrid": "Europe/Madrid",
    "zurich": "Europe/Zurich", "vienna": "Europe/Vienna", "dublin": "Europe/Dublin", "rome": "Europe/Rome",
    "tokyo": "Asia/Tokyo",
    "sydney": "Australia/Sydney", "singapore": "Asia/Singapore", "new york": "America/New_York",
    "chicago": "America/Chicago",
    "los angeles": "America/Los_Angeles", "utc": "UTC", "gmt": "GMT", "cet": "CET", "est": "EST",
    "stockholm": "Europe/Stockholm",
    "warsaw": "Europe/Warsaw", "lisbon": "Europe/Lisbon", "helsinki": "Europe/Helsinki",
}  # fmt: skip
_CRON = re.compile(
    r"(?<![^\s=:(])[`'\"]?((?:(?:\*|\d{1,2}(?:-\d{1,2})?(?:,\d{1,2})*)(?:/\d{1,2})?[ ]){4}"
    r"(?:\*|[0-7](?:-[0-7])?(?:,[0-7])*)(?:/\d{1,2})?)(?=[`'\".,;)]|\s|\Z)"
)
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(am|pm|h)?\Z")
JOB_WORDS = frozenset(
    "job jobs cron cronjob batch task report reports script scheduled schedule runs run import export sync "
    "cleanup cleans sweeps purges archives aggregates rotates reindexes recalculates refreshes imports exports".split()
)


_TITLES, _JOBS = frozenset("when time runs timing frequency".split()), frozenset("job cron cronjob batch".split())
_MOST = 6
"""Schedules of one sentence: time must grow with length only."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day by its tokens; `sure` when it cannot be twelve hours off."""

    minutes: int
    last: int
    sure: bool

    @property
    def text(self) -> str:
        return f"{self.minutes // 60:02d}:{self.minutes % 60:02d}"


def clock(doc: Document, index: int) -> Clock | None:
    """`9`, `09:30`, `5pm`, `noon`, `midnight` at a token."""
    word = doc.lower(index)
    if word in ("noon", "midnight"):
        return Clock(720 if word == "noon" else 0, index + 1, True)
    last = index + 1
    match = _CLOCK.match(word)
    if match is None:
        words = quantity_at(doc, index) if index < len(doc.tokens) else None
        if words is None or words.unit or words.whole is None or not 0 <= words.whole <= 23:
            return None
        hour, minute, half, last = words.whole, 0, "", words.last
    else:
        hour, minute, half = int(match.group(1)), int(match.group(2) or 0), match.group(3) or ""
    if not half and doc.lower(last) in ("am", "pm", "a.m", "p.m", "o'clock", "h"):
        half = doc.lower(last).replace(".", "")
        last += 1
    if hour > 23 or minute > 59 or half in ("am", "pm") and not 1 <= hour <= 12:
        return None
    if half == "pm":
        hour = hour % 12 + 12
    elif half == "am":
        hour %= 12
    written = match is not None and match.group(2) is not None
    return Clock(hour * 60 + minute, last, bool(half in ("am", "pm", "h") or written or hour > 12 or hour == 0))


def zone(doc: Document, first: int, last: int) -> tuple[str, int] | None:
    """A time zone by its name or its city, with the place of the word."""
    for index in range(first, last):
        raw = doc.raw(index, index + 1)
        if re.fullmatch(r"(?:Europe|America|Asia|Australia|Africa|Pacific|Atlantic)/[A-Za-z_]+", raw):
            return raw, index
        for name, value in _ZONES.items():
            words = tuple(name.split())
            if doc.words(index, index + len(words)) == words:
                after = doc.lower(index + len(words))
                if len(name) == 3 or after in ("time", "hours", "timezone", "local"):
                    return value, index + len(words) - 1
    return None


_UNSURE_ZONES = frozenset("pst pdt edt cst ist bst cest aest jst mst local eastern pacific".split())


def other_zone(doc: Document, sentence: Clause) -> bool:
    """Whether a time zone is spoken of that we do not know for certain."""
    words = doc.words(sentence.first, sentence.last)
    if any(word in _UNSURE_ZONES for word in words):
        return True
    if "time" not in words or zone(doc, sentence.first, sentence.last) is not None:
        return False
    return words[max(words.index("time") - 1, 0)] not in ("any", "a", "this", "same", "the", "one", "down")


def schedules(doc: Document) -> Iterator[Mention]:
    """Cron expressions, literal or in words, of a sentence that speaks of a job."""
    for sentence in doc.sentences:
        words = doc.words(sentence.first, sentence.last)
        text = doc.text[sentence.span.start : sentence.span.end]
        literal = _CRON.search(text)
        if literal:
            begin = sentence.span.start + literal.start(1)
            end = sentence.span.start + literal.end(1)
            inside = [
                i
                for i in range(sentence.first, sentence.last)
                if doc.tokens[i].start < end and doc.tokens[i].end > begin
            ]
            yield doc.mention("service.schedule", literal.group(1), inside[0], inside[-1] + 1)
            continue
        titled = words[0] in _TITLES and words[1:2] == (":",) and any(token.lower in _JOBS for token in doc.tokens)
        if not titled and not any(
            word in JOB_WORDS or word.endswith(("-job", "-cron", "-report", "-export", "-import", "-sync"))
            for word in words
        ):
            continue
        if any(
            word in ("backup", "backups", "snapshot", "snapshots", "drill", "drills", "rehearse", "patch", "patches")
            for word, following in zip(words, (*words[1:], ""), strict=True)
            if following not in ("job", "cronjob", "cron")  # `the nightly backup job` is one
        ):
            continue
        found = list(islice(_worded(doc, sentence), _MOST))
        precise = [item for item in found if item.field == "service.schedule"]
        limited = any("/" in str(item.value) or str(item.value).startswith("0 * ") for item in precise)
        yield from found[-1:] if limited and len(precise) < len(found) else precise or found[:1]


def _worded(doc: Document, sentence: Clause) -> Iterator[Mention]:
    for index in range(sentence.first, sentence.last):
        word, following = doc.lower(index), doc.lower(index + 1)
        if word == "hourly" or (word, following) == ("every", "hour"):
            yield doc.mention("service.schedule", "0 * * * *", index, index + (1 if word == "hourly" else 2))
            continue
        if (
            word == "every"
            and index + 1 < sentence.last
            and (item := quantity_at(doc, index + 1))
            and item.unit == "seconds"
        ):
            minutes = item.value / 60
            if minutes == int(minutes) and 1 <= minutes < 60 and 60 % int(minutes) == 0:
                yield doc.mention(
                    "service.schedule", "* * * * *" if minutes == 1 else f"*/{int(minutes)} * * * *", index, item.last
                )
            elif minutes % 60 == 0 and 24 % int(minutes // 60) == 0 and minutes < 1440:
                yield doc.mention("service.schedule", f"0 */{int(minutes // 60)} * * *", index, item.last)
            else:
                yield doc.mention("number.schedule", "unclear", index, item.last)
            continue
        day = DAY_NAMES.get(following) if word in ("every", "each", "on") else None
        if word.endswith("days") and word in DAY_NAMES and doc.lower(index - 1) not in ("every", "each", "on"):
            yield _at(doc, sentence, index, index + 1, DAY_NAMES[word], False, "")  # `Sundays at 04:00`
            continue
        night = following in ("night",) or word == "nightly"
        if (
            word in ("nightly", "daily", "weekdays")
            or word in ("every", "each")
            and following in ("night", "day", "morning", "evening", "weekday")
            or day
        ):
            alone = word in ("nightly", "daily", "weekdays")
            part = "weekday" if word == "weekdays" else following
            yield _at(doc, sentence, index, index + (1 if alone else 2), day, night, part)


def _at(doc: Document, sentence: Clause, index: int, start: int, day: str | None, night: bool, part: str) -> Mention:
    field = (
        str({"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}[day])
        if day
        else "1-5"
        if part == "weekday"
        else "*"
    )
    found: Clock | None = None
    for place in range(start, min(start + 8, sentence.last)):
        if doc.lower(place) in ("at", "@") and (found := clock(doc, place + 1)):
            break
    if found is None:
        for place in range(sentence.first, index):
            if doc.lower(place) == "at" and (found := clock(doc, place + 1)):
                found = Clock(found.minutes, index + 2, found.sure)
                break
    if found is None:  # `daily 04:00 UTC`, `02:30 UTC every day`
        near = (place for place in (start, *range(index - 3, index)) if sentence.first <= place < sentence.last)
        times = [(place, time) for place in near if ":" in doc.lower(place) and (time := clock(doc, place))]
        if len(times) == 1:
            place, time = times[0]
            found = Clock(time.minutes, max(time.last, start), time.sure)
            index = min(index, place)
    where = zone(doc, sentence.first, sentence.last)
    unclear = (
        found is None
        or (where is not None and where[0] not in ("UTC", "GMT"))
        or where is None
        and other_zone(doc, sentence)
    )
    if found is not None and not found.sure:
        hour = found.minutes // 60
        morning = part == "morning" or doc.words(found.last, found.last + 3) == ("in", "the", "morning")
        unclear = unclear or not (night and 0 <= hour <= 5 or morning and 4 <= hour <= 11)
    if unclear or found is None:
        return doc.mention("number.schedule", "unclear", index, max(start, index + 1))
    value = f"{found.minutes % 60} {found.minutes // 60} * * {field}"
    return doc.mention("service.schedule", value, index, max(found.last, start), since=index)
