"""Numbers in digits and in words, with their unit: `three`, `half a vCPU`, `1.5 GB`, `twenty minutes`, `a tenth`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hug_agents.reading.document import Document

Unit = Literal["", "percent", "seconds", "milliseconds", "mebibytes", "cores", "millicores", "units", "share"]

_ONES = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: number * 10 for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_FRACTIONS = {
    "half": 0.5, "quarter": 0.25, "tenth": 0.1, "fifth": 0.2, "twentieth": 0.05, "hundredth": 0.01,
    "thousandth": 0.001,
}  # fmt: skip
_PARTS = {"quarters": 0.25, "tenths": 0.1, "fifths": 0.2, "halves": 0.5}
UNITS: dict[str, tuple[Unit, float]] = {
    **dict.fromkeys(("%", "percent", "pct", "procent", "per-cent"), ("percent", 1.0)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("seconds", 1.0)),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "minuts"), ("seconds", 60.0)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("seconds", 3600.0)),
    **dict.fromkeys(("day", "days"), ("seconds", 86400.0)),
    **dict.fromkeys(("week", "weeks"), ("seconds", 604800.0)),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), ("milliseconds", 1.0)),
    **dict.fromkeys(("gb", "gib", "gig", "gigs", "gigabyte", "gigabytes", "gi", "g"), ("mebibytes", 1024.0)),
    **dict.fromkeys(("mb", "mib", "meg", "megs", "megabyte", "megabytes", "mi"), ("mebibytes", 1.0)),
    **dict.fromkeys(("tb", "tib", "terabyte", "terabytes"), ("mebibytes", 1048576.0)),
    **dict.fromkeys(("vcpu", "vcpus", "cpu", "cpus", "core", "cores"), ("cores", 1.0)),
    **dict.fromkeys(("millicores", "millicpu", "millicore", "m"), ("millicores", 1.0)),
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number by its tokens `first` to `last`, its unit included; seconds, MiB, cores and percent are normalised."""

    value: float
    unit: Unit
    first: int
    last: int

    @property
    def whole(self) -> int | None:
        """The value as an integer, if it is one."""
        return int(self.value) if self.value == int(self.value) else None


def quantities(doc: Document, first: int = 0, last: int | None = None) -> Iterator[Quantity]:
    """Every number of a token span, in order."""
    limit = len(doc.tokens) if last is None else last
    index = first
    while index < limit:
        if (found := quantity_at(doc, index)) and found.last <= limit:
            yield found
            index = found.last
        else:
            index += 1


def quantity_at(doc: Document, index: int) -> Quantity | None:
    """The number that starts at a token, with the unit after it."""
    plain = _number(doc, index)
    if plain is None:
        return None
    value, end = plain
    unit_at = end
    if doc.lower(unit_at) in ("of", "a", "an") and doc.lower(unit_at + 1) in ("a", "an", "the"):
        unit_at += 1
    if doc.lower(unit_at) in ("a", "an", "-") and doc.lower(unit_at + 1) in UNITS:
        unit_at += 1
    if doc.lower(unit_at) == "cpu" and doc.lower(unit_at + 1) in ("units", "unit"):
        return Quantity(value, "units", index, unit_at + 2)
    if doc.lower(unit_at) == "per" and doc.lower(unit_at + 1) == "cent":
        return Quantity(value, "percent", index, unit_at + 2)
    if doc.lower(unit_at) == "virtual" and doc.lower(unit_at + 1) in ("cpu", "cpus", "core", "cores"):
        return Quantity(value, "cores", index, unit_at + 2)
    row = UNITS.get(doc.lower(unit_at))
    if row is not None and doc.sentence_of[unit_at] != doc.sentence_of[index]:  # `replicas: 3` and `cpu: 0.25` below it
        row = None
    if row is None:
        return Quantity(value, "share" if doc.lower(end - 1) in _FRACTIONS else "", index, end)
    unit, factor = row
    last = unit_at + 1
    total = value * factor
    if unit == "seconds" and doc.words(last, last + 3) == ("and", "a", "half"):
        total += factor / 2
        last += 3
    return Quantity(round(total, 6), unit, index, last)


def _number(doc: Document, index: int) -> tuple[float, int] | None:
    token = doc.tokens[index]
    if token.kind == "number":
        return float(token.lower), index + 1
    if token.kind == "numbers":
        parts = token.lower.split(",")
        if len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:]) and len(parts) <= 4:
            return float("".join(parts)), index + 1
        return None
    return _words(doc, index)


def _words(doc: Document, index: int) -> tuple[float, int] | None:
    word = doc.lower(index)
    following = doc.lower(index + 1)
    if word in ("a", "an", "one") and following in _FRACTIONS:
        return _FRACTIONS[following], index + 2
    if word in ("a", "one") and following in ("single", "full", "whole"):
        return 1.0, index + (3 if doc.lower(index + 2) == "one" else 2)  # `a single one`
    if word == "a" and following in ("pair", "couple"):
        return 2.0, index + (3 if doc.lower(index + 2) == "of" else 2)
    if word in ("a", "an") and following == "dozen":
        return 12.0, index + 2
    if word in ("a", "an") and following in ("minute", "hour", "second", "day", "week"):
        return 1.0, index + 1
    if word in ("a", "an") and following in ("gig", "gigabyte"):
        return 1.0, index + 1
    if word == "half" or word == "quarter" and following in ("of", "a"):
        return _FRACTIONS[word], index + 1
    if word in ("a", "one") and following in ("hundred", "thousand"):
        return (100.0 if following == "hundred" else 1000.0), index + 2
    small = _below_hundred(doc, index)
    if small is None:
        return None
    if doc.lower(small[1]) in _PARTS:  # `three quarters of a vCPU`
        return small[0] * _PARTS[doc.lower(small[1])], small[1] + 1
    if doc.words(small[1], small[1] + 3) == ("and", "a", "half"):  # `one and a half gigabytes`
        return small[0] + 0.5, small[1] + 3
    return _larger(doc, *small)


def _larger(doc: Document, value: float, end: int) -> tuple[float, int]:
    """With the hundreds, thousands or decimals that follow."""
    if doc.lower(end) == "hundred":
        value, end = value * 100, end + 1
        skip = end + 1 if doc.lower(end) == "and" else end
        if (rest := _below_hundred(doc, skip)) is not None:
            value, end = value + rest[0], rest[1]
    elif doc.lower(end) == "thousand":
        value, end = value * 1000, end + 1
        skip = end + 1 if doc.lower(end) == "and" else end
        if (rest := _below_thousand(doc, skip)) is not None:
            value, end = value + rest[0], rest[1]
    elif doc.lower(end) == "point":
        digits = ""
        place = end + 1
        while doc.lower(place) in _ONES and _ONES[doc.lower(place)] < 10 and len(digits) < 4:
            digits += str(_ONES[doc.lower(place)])
            place += 1
        if digits:
            return float(f"{int(value)}.{digits}"), place
    return value, end


def _below_thousand(doc: Document, index: int) -> tuple[float, int] | None:
    small = _below_hundred(doc, index)
    if small is None or doc.lower(small[1]) != "hundred":
        return small
    rest = _below_hundred(doc, small[1] + 2 if doc.lower(small[1] + 1) == "and" else small[1] + 1)
    return (small[0] * 100 + rest[0], rest[1]) if rest else (small[0] * 100, small[1] + 1)


def _below_hundred(doc: Document, index: int) -> tuple[float, int] | None:
    word = doc.lower(index)
    if word in _ONES:
        return float(_ONES[word]), index + 1
    tens, _, ones = word.partition("-")
    if tens in _TENS and (not ones or 0 < _ONES.get(ones, 0) < 10):
        value, end = _TENS[tens] + _ONES.get(ones, 0), index + 1
        if not ones and 0 < _ONES.get(doc.lower(end), 0) < 10:
            return float(value + _ONES[doc.lower(end)]), end + 1
        return float(value), end
    return None
