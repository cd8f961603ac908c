"""Versions that are only bounded from below, `"node": ">=18"`, and the base images that there are."""

from __future__ import annotations

import re

from hug_agents.facts import BASES

_OPEN = re.compile(r"""(?:^|["'\s]|: )>=?\s*v?(\d[\d.]*)["'\s]*,?\s*$""")


def next_base(language: str, version: str, quote: str) -> tuple[str, str] | None:
    """The next version of which there is a base image, and from where on any will do; None where one fits or none does.

    `version` is the lowest that the words of the repository, `quote`, allow.
    """
    bases, floor = BASES.get(language, ()), _OPEN.search(quote)
    if floor is None or any(f"{version}.".startswith(f"{item}.") for item in bases):
        return None
    later = next((item for item in bases if _numbers(item) >= _numbers(version)), None)
    return (later, floor[1]) if later else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
