"""How long a schedule may be silent."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

NEVER = 100_000
"""Days: it does not come round within the years looked at."""
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMES = {name: number for names, first in ((_WEEKDAYS, 0), (_MONTHS, 1)) for number, name in enumerate(names, first)}


def longest_gap_days(expression: str) -> int:
    """The most days between two runs of a cron expression of five fields; NEVER for one that is wrong or has no run.

    A day matches as in cron: where both the day of the month and of the week are given, either is enough.
    """
    fields = expression.lower().split()
    if len(fields) != 5:
        return NEVER
    try:
        days, months, weekdays = _set(fields[2], 1, 31), _set(fields[3], 1, 12), _set(fields[4], 0, 7)
        _set(fields[0], 0, 59), _set(fields[1], 0, 23)
    except ValueError:
        return NEVER
    weekdays = {number % 7 for number in weekdays}
    first, last = date(2023, 1, 1), date(2028, 12, 31)  # a leap year in the middle
    runs = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        by_month, by_week = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month in months and _either(fields, by_month, by_week):
            runs.append(day)
    return max(((later - earlier).days for earlier, later in pairwise(runs)), default=NEVER)


def _either(fields: list[str], by_month: bool, by_week: bool) -> bool:
    if fields[2].startswith("*") or fields[4].startswith("*"):
        return by_month and by_week
    return by_month or by_week


def _set(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        start, dash, end = span.partition("-")
        if span == "*":
            first, last = low, high
        else:
            first = _number(start)
            last = _number(end) if dash else (high if step else first)
        if not low <= first <= last <= high or (step and int(step) < 1):
            raise ValueError(field)
        found |= set(range(first, last + 1, int(step) if step else 1))
    return found


def _number(text: str) -> int:
    return _NAMES[text] if text in _NAMES else int(text)
