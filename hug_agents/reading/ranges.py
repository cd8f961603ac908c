"""Versions that a repository only bounds, `"node": ">=18"`, `">=3.9,<4"`, and the base images that there are."""

from __future__ import annotations

import re

from hug_agents.facts import base_from, bases, numbers


def next_base(language: str, version: str, quote: str) -> tuple[str, str] | None:
    """The next version of which there is a base image, and what says that it will do; None where one fits or none does.

    `version` is the lowest that the words of the repository, `quote`, allow.
    """
    bound = re.search(rf""">=?\s*v?{re.escape(version)}(?:\s*,?\s*<(=?)\s*v?(\d[\d.]*\d|\d))?\s*["']""", quote)
    if bound is None or bases(language, version):
        return None
    later = base_from(language, version)
    if later is None:
        return None
    or_equal, end = bound.groups()
    if end and not (numbers(later) < numbers(end) or or_equal and later == end):
        return None
    return later, f"from {version} on" + (f", <{or_equal}{end}" if end else "")
