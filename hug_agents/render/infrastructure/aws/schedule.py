"""Cron's five fields as EventBridge Scheduler writes them: six, with `?` for the day that is not meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hug_agents.errors import SpecError, UnsupportedError

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_PART = re.compile(r"^(\*|[A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?(?:/(\d+))?$")


def eventbridge(cron: str) -> str:
    """`cron(minutes hours day month weekday year)`. Raises SpecError for what is no cron, UnsupportedError for what
    EventBridge cannot say (a day of the month *or* a day of the week).
    """
    minute, hour, day, month, weekday = cron.split()
    minutes = _field(cron, "minute", minute, 0, 59)
    hours = _field(cron, "hour", hour, 0, 23)
    days = _field(cron, "day of the month", day, 1, 31)
    months = _field(cron, "month", month, 1, 12, _MONTHS)
    weekdays = _weekdays(cron, weekday)
    if days != "*" and weekdays != "*":
        raise UnsupportedError(
            f"{cron!r} names days of the month and of the week; EventBridge knows only one of them",
            hint="make two jobs of it, one for each",
        )
    if weekdays == "*":
        return f"cron({minutes} {hours} {days} {months} ? *)"
    return f"cron({minutes} {hours} ? {months} {weekdays} *)"


def _number(cron: str, what: str, text: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + low
    if text.isascii() and text.isdigit() and low <= int(text) <= high:
        return int(text)
    raise SpecError(f"{cron!r}: {text!r} is not a {what} ({low} to {high})")


def _parts(
    cron: str, what: str, field: str, low: int, high: int, names: tuple[str, ...]
) -> Iterable[tuple[int, int, int]]:
    """First, last and step of each part of a field."""
    for part in field.split(","):
        match = _PART.match(part)
        if match is None:
            raise SpecError(f"{cron!r}: {part!r} is not a {what}")
        start, end, every = match.groups()
        step = int(every or 1)
        if step < 1 or (start == "*" and end):
            raise SpecError(f"{cron!r}: {part!r} is not a {what}")
        first = low if start == "*" else _number(cron, what, start, low, high, names)
        open_end = high if start == "*" or every else first
        last = _number(cron, what, end, low, high, names) if end else open_end
        if last < first:
            raise SpecError(f"{cron!r}: {part!r} runs backwards")
        yield first, last, step


def _field(cron: str, what: str, field: str, low: int, high: int, names: tuple[str, ...] = ()) -> str:
    parts = list(_parts(cron, what, field, low, high, names))
    if field == "*":
        return "*"
    return ",".join(
        str(first)
        if first == last
        else f"{first}/{step}"
        if step > 1 and last == high
        else f"{first}-{last}" + (f"/{step}" if step > 1 else "")
        for first, last, step in parts
    )


def _weekdays(cron: str, field: str) -> str:
    """By name: cron counts from Sunday 0 (or 7), EventBridge from Sunday 1."""
    if field == "*":
        return "*"
    chosen: set[int] = set()
    for first, last, step in _parts(cron, "day of the week", field, 0, 7, _DAYS):
        end = 6 if last == 7 and first < 7 and "/" in field and field.startswith("*") else last
        chosen.update(day % 7 for day in range(first, end + 1, step))
    return "*" if len(chosen) == 7 else ",".join(_DAYS[day] for day in sorted(chosen))
