"""What must not be shown: the values themselves, replaced wherever a program or an error would print them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_SHORTEST = 5
"""Characters: a shorter value would blot out half of every text."""
_TELLS = re.compile(r"secret|password|passwd|passphrase|token|credential|private|(?:^|_)key(?:$|_)|auth", re.IGNORECASE)
HIDDEN = "***"


class Masks:
    """A growing set of secret values."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self.add(*values)

    def add(self, *values: str) -> None:
        """Each also as JSON would write it, and each line of one that has several."""
        for value in values:
            for form in (value, json.dumps(value)[1:-1], *value.splitlines()):
                if len(form.strip()) >= _SHORTEST:
                    self._values.add(form.strip())

    def clean(self, text: str) -> str:
        """The text without them; the longest first, so that none is left in part."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, HIDDEN)
        return text


def secrets_among(given: Mapping[str, str], sensitive: Iterable[str]) -> tuple[str, ...]:
    """The secret values among variables: those that a root calls sensitive, and those whose name tells."""
    hidden = set(sensitive)
    found: list[str] = []
    for name, value in given.items():
        short = name.removeprefix("TF_VAR_")
        if name.startswith("TF_TOKEN_") or short in hidden or (_TELLS.search(short) and not _is_file(name)):
            found += [value, *leaves(_json(value))]
    return tuple(found)


def leaves(value: Any) -> tuple[str, ...]:
    """Every string and number inside a JSON value, as text."""
    if isinstance(value, Mapping):
        return tuple(leaf for item in value.values() for leaf in leaves(item))
    if isinstance(value, list):
        return tuple(leaf for item in value for leaf in leaves(item))
    return () if value is None or isinstance(value, bool) else (str(value),)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_file(name: str) -> bool:
    return name.endswith(("_FILE", "_PATH", "_ENDPOINT", "_URL"))
