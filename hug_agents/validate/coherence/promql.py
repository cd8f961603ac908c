"""Which metrics and labels a PromQL expression names. Read as text: what cannot be told apart is left out."""

from __future__ import annotations

import re

_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`')
_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_NAME = re.compile(r"(?<![\w.:$])([a-zA-Z_:][\w:]*)\s*(\(?)")
_WORDS = frozenset(
    "and or unless by without on ignoring group_left group_right bool offset start end inf nan atan2".split()
)
_MATCHER = re.compile(r'\b(service|environment)\s*(=~?)\s*"((?:\\.|[^"\\])*)"')
_OPEN = re.compile(r"[$\\*+?(){}\[\]^]")


def metrics(expression: str) -> tuple[str, ...]:
    """The names of metrics, in order, each once."""
    bare = _STRING.sub('""', expression)
    bare = re.sub(r"#[^\n]*", "", bare)
    bare = re.sub(r"\{[^{}]*\}", " ", bare)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    bare = _LISTS.sub(" ", bare)
    bare = re.sub(r"\boffset\s+-?\w+", " ", bare)
    bare = re.sub(r"\$\w+|(?<![\w.:])\d[\w.]*", " ", bare)
    found = [name for name, call in _NAME.findall(bare) if not call and name.lower() not in _WORDS]
    return tuple(dict.fromkeys(found))


def labels(expression: str) -> tuple[tuple[str, str], ...]:
    """What the labels `service` and `environment` must be: `(label, value)`; patterns and variables are left out."""
    found = []
    for label, operator, text in _MATCHER.findall(expression):
        for value in text.split("|") if operator == "=~" else (text,):
            if value and not _OPEN.search(value):
                found.append((label, value))
    return tuple(dict.fromkeys(found))
