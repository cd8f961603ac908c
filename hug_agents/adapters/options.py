"""The options at the end of a target's name: `?key=value&…`."""

from __future__ import annotations

from collections.abc import Mapping


def query(options: Mapping[str, str]) -> str:
    """The options that say something, as `urllib.parse.parse_qsl` reads them again; empty where none does."""
    rows = (f"{name}={_quoted(value)}" for name, value in options.items() if value)
    text = "&".join(rows)
    return f"?{text}" if text else ""


def _quoted(value: str) -> str:
    """With what would be read as something else written out. All else stays as people write it."""
    return value.replace("%", "%25").replace("+", "%2B").replace("&", "%26")
