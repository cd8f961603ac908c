"""Time as this package writes it: UTC, whole seconds, RFC 3339 with a `Z`. Text in this form sorts as time does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

Clock = Callable[[], datetime]
"""Tells the time, with its zone. Always handed in."""


def system_clock() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


def instant(moment: datetime) -> Instant:
    """A moment as text, its fraction of a second dropped. Raises ValueError for one without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def moment(text: Instant) -> datetime:
    """The moment that an instant names. Raises ValueError if there is none, e.g. the 30th of February."""
    return datetime.fromisoformat(text)


def later(text: Instant, *, seconds: int) -> Instant:
    """So many seconds after (or, below zero, before) an instant."""
    return instant(moment(text) + timedelta(seconds=seconds))


def _real(text: str) -> str:
    moment(text)
    return text


Instant = Annotated[
    str,
    StringConstraints(pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"),
    AfterValidator(_real),
]
"""A moment of this century as text: `2026-11-22T21:07:00Z`."""
