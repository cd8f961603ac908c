"""Python source of values, laid out as `ruff format` does: on one line where it fits, else one item a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hug_agents.render.templating import Safe, py

LINE = 120


class Call:
    """A call with named arguments, such as `Http(port=80)`; the name is ours, the arguments are values."""

    def __init__(self, name: str, **arguments: Any) -> None:
        self.name = name
        self.arguments = arguments


def source(value: Any, *, column: int = 0, indent: int = 0) -> Safe:
    """The source of a value that begins at `column` of a line indented by `indent`."""
    flat = _flat(value)
    if column + len(flat) <= LINE or not _items(value):
        return Safe(flat)
    inner = indent + 4
    opening, closing = _brackets(value)
    lines = [opening]
    for prefix, item in _items(value):
        text = source(item, column=inner + len(prefix) + 1, indent=inner)
        lines.append(f"{' ' * inner}{prefix}{text},")
    lines.append(f"{' ' * indent}{closing}")
    return Safe("\n".join(lines))


def _flat(value: Any) -> str:
    if isinstance(value, Safe):
        return value  # source already
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    items = [f"{prefix}{_flat(item)}" for prefix, item in _items(value)]
    opening, closing = _brackets(value)
    comma = "," if isinstance(value, tuple) and len(items) == 1 else ""
    return f"{opening}{', '.join(items)}{comma}{closing}"


def _string(value: str) -> str:
    quoted = str(py(value))
    # As formatters do: in the quotes that need no escape.
    return "'" + quoted[1:-1].replace('\\"', '"') + "'" if '"' in value and "'" not in value else quoted


def _items(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Call):
        return [(f"{key}=", item) for key, item in value.arguments.items()]
    if isinstance(value, Mapping):
        return [(f"{py(key)}: ", item) for key, item in value.items()]
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [("", item) for item in value]
    return []


def _brackets(value: Any) -> tuple[str, str]:
    if isinstance(value, Call):
        return f"{value.name}(", ")"
    return ("{", "}") if isinstance(value, Mapping) else ("(", ")") if isinstance(value, tuple) else ("[", "]")
