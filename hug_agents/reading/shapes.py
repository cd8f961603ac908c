"""The shape that a value of each type must have, before anyone asks where it comes from."""

from __future__ import annotations

import re

from pydantic import TypeAdapter, ValidationError

from hug_agents.reading.claims import FieldInfo, Scalar, Value
from hug_agents.spec import Domain, EnvName, HttpPath, ImageRef, Name, SecretRef

_RANGES: dict[str, tuple[float, float]] = {
    "port": (1, 65535), "count": (1, 1000), "percent": (0, 100), "seconds": (0, 604_800), "days": (1, 365),
    "millicores": (50, 64_000),
    "mebibytes": (64, 262_144), "gibibytes": (5, 65_536),
}  # fmt: skip
_PATTERNS: dict[str, str] = {
    "account": r"\d{12}", "region": r"[a-z]{2,}[a-z0-9-]{2,38}", "version": r"\d+(\.\d+){0,2}",
    "cron": r"\S+( \S+){4}",
    "cluster": r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,99}", "secret_key": r"[A-Za-z0-9][A-Za-z0-9_./-]{0,199}",
    "window": r"(mon|tue|wed|thu|fri|sat|sun)(,(mon|tue|wed|thu|fri|sat|sun))* "
              r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d [A-Za-z_+-]+(/[A-Za-z0-9_+-]+){0,2}",
    "file_path": r"[A-Za-z0-9._-][A-Za-z0-9._/-]{0,199}", "text": r"[^\r\n]{1,400}",
}  # fmt: skip
_TYPES = {
    "name": TypeAdapter[str](Name), "image": TypeAdapter[str](ImageRef), "http_path": TypeAdapter[str](HttpPath),
    "domain": TypeAdapter[str](Domain),
}  # fmt: skip
_WHOLE = frozenset({"port", "count", "days", "millicores", "mebibytes", "gibibytes"})


def misshapen(row: FieldInfo, path: str, value: Value) -> str | None:
    """Why a value cannot be of this field; None if it can."""
    holds = row.pattern == "strategy.hold_seconds" and isinstance(value, tuple)
    if row.type in _RANGES and not holds:
        return _number(row.type, value)
    if row.type == "choice":
        return None if value in row.values else f"{value!r} is none of {', '.join(row.values)}"
    if row.type == "boolean":
        return None if isinstance(value, bool) else "not true or false"
    if row.type in ("latency", "percents") or holds:
        return _several(row.type, _numbers(value))
    if isinstance(value, tuple):
        return _words(row.type, value)
    return _text(row, path, value)


def _several(kind: str, numbers: tuple[float, ...] | None) -> str | None:
    if not numbers:
        return "not a list of numbers"
    if kind == "latency":
        fits = len(numbers) == 2 and 0 < numbers[0] < 100 and 1 <= numbers[1] <= 600_000
        return None if fits else "not [percent, milliseconds]"
    if kind == "percents":
        fits = all(number == int(number) and 1 <= number <= 100 for number in numbers)
        rising = list(numbers) == sorted(set(numbers))
        return None if fits and rising else "shares of traffic rise, between 1 and 100 percent"
    return None if all(0 <= number <= 604_800 for number in numbers) else "not between 0 and 604800 seconds"


def _words(kind: str, values: tuple[Scalar, ...]) -> str | None:
    if kind == "command":
        fits = bool(values) and all(isinstance(item, str) and "\n" not in item for item in values)
        return None if fits else "not a list of arguments"
    if kind == "systems":
        return None if values and all(isinstance(item, str) for item in values) else "not a list of systems"
    return "not one value"


def _numbers(value: Value) -> tuple[float, ...] | None:
    if not isinstance(value, tuple):
        return None
    numbers = [float(item) for item in value if isinstance(item, int | float) and not isinstance(item, bool)]
    return tuple(numbers) if len(numbers) == len(value) else None


def _number(kind: str, value: Value) -> str | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "not a number"
    low, high = _RANGES[kind]
    if kind in _WHOLE and value != int(value):
        return "not a whole number"
    return None if low <= value <= high else f"{value} is not between {low:g} and {high:g}"


def _text(row: FieldInfo, path: str, value: Value) -> str | None:
    if not isinstance(value, str):
        return "not a text"
    if row.type in _PATTERNS and not re.fullmatch(_PATTERNS[row.type], value):
        return f"{value[:80]!r} is not a {row.type.replace('_', ' ')}"
    if row.type in ("env_value", "secret_key"):
        try:
            TypeAdapter(EnvName).validate_python(path.rpartition(".")[2])
            if row.type == "secret_key":
                SecretRef(name="X", key=value)
        except ValidationError:
            return "not the name of an environment variable"
    if row.type in _TYPES:
        try:
            _TYPES[row.type].validate_python(value)
        except ValidationError:
            return f"{value[:80]!r} is not a {row.type.replace('_', ' ')}"
    return None
