"""YAML as it is read everywhere here: by the quick parser where there is one, and what is wrong with its line."""

from __future__ import annotations

from typing import Any

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Builds plain values only. The style of a scalar without quotes is None with one of the two, and '' with the other."""


def problem(error: Exception) -> tuple[str, int]:
    """What is wrong, in a few words, and the line, from one; 0 where the parser names none."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "context", None) or str(error) or type(error).__name__
    return said, mark.line + 1 if mark is not None else 0


def repeats(text: str) -> bool:
    """Whether a text has aliases, by which a few lines can stand for more than any program can read."""
    try:
        return any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=LOADER))
    except yaml.YAMLError:
        return False  # it stands for nothing at all: another reader says so
