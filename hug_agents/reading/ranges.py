"""Versions that are only bounded from below, `"node": ">=18"`, and the base images that there are."""

from __future__ import annotations

import re

from hug_agents.facts import base_from, bases

_OPEN = re.compile(r"""(?:^|["'\s]|: )>=?\s*v?(\d[\d.]*)["'\s]*,?\s*$""")


def next_base(language: str, version: str, quote: str) -> tuple[str, str] | None:
    """The next version of which there is a base image, and from where on any will do; None where one fits or none does.

    `version` is the lowest that the words of the repository, `quote`, allow.
    """
    floor = _OPEN.search(quote)
    if floor is None or bases(language, version):
        return None
    later = base_from(language, version)
    return (later, floor[1]) if later else None
