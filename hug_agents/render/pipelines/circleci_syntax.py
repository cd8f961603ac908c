"""How values are written into CircleCI's configuration, so that nothing in them is read as an expression."""

from __future__ import annotations

import re
import textwrap

from hug_agents.render.templating import Safe, yaml_value

_HERE_STRING = re.compile(r'<<<("[^"]*")')
_EVERY = {"month": range(1, 13), "day": range(1, 32)}
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
_DAYS = "SUN MON TUE WED THU FRI SAT".split()


def literal(text: str) -> Safe:
    """A YAML string of data. CircleCI evaluates `<<` in every string, so it is written with its own escape."""
    return yaml_value(text.replace("<<", "\\<<"))


def expression(name: str) -> Safe:
    """An expression of ours, as a value: `<< name >>`. Never inside a script."""
    return Safe(f"<< {name} >>")


def script(lines: str, indent: int) -> Safe:
    """Lines of shell as a block of YAML. A here-string would begin an expression, so it is fed in by a process."""
    body = _HERE_STRING.sub(r"< <(printf '%s\\n' \1)", textwrap.dedent(lines).strip("\n")).replace("<<", "\\<<")
    return Safe("|\n" + textwrap.indent(body, " " * indent, lambda line: bool(line.strip())))


def timetable(cron: str) -> dict[str, object]:
    """A cron expression of ours as a schedule of CircleCI's API has it; the minute is CircleCI's to choose."""
    _, hour, day, month, weekday = cron.split()
    found: dict[str, object] = {"per-hour": 1, "hours-of-day": [int(hour)]}
    if day == "*":
        found["days-of-week"] = _DAYS if weekday == "*" else [_DAYS[int(item) % 7] for item in weekday.split(",")]
    else:
        found["days-of-month"] = _numbers(day, "day")
    if month != "*":
        found["months"] = [_MONTHS[item - 1] for item in _numbers(month, "month")]
    return found


def _numbers(field: str, kind: str) -> list[int]:
    if field.startswith("*/"):
        return [item for item in _EVERY[kind] if (item - 1) % int(field[2:]) == 0]
    return [int(item) for item in field.split(",")]
