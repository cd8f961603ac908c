"""Is an environment open for a change now? Windows, freezes, and the spec's own windows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hug_agents.approve.clock import instant
from hug_agents.approve.policy import EnvironmentRole, Policy
from hug_agents.errors import PolicyError
from hug_agents.spec import Window

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def closed(
    policy: Policy, environment: EnvironmentRole, now: datetime, *, spec_windows: Iterable[Window] = ()
) -> tuple[str, ...]:
    """Why nothing may be changed there now, one reason an item; empty when it is open. Raises PolicyError.

    The policy's windows and the spec's are two conditions: where either has some, one of them must be open.
    """
    reasons = [
        f"freeze {freeze.name!r} until {freeze.until}: {freeze.reason}"
        for freeze in policy.freezes
        if environment in freeze.environments and freeze.begins <= instant(now) < freeze.until
    ]
    ours = [window for window in policy.windows if environment in window.environments]
    for whose, windows in (("policy", ours), ("spec", list(spec_windows))):
        if windows and not any(is_open(window, now) for window in windows):
            reasons.append(f"outside the change windows of the {whose}: {'; '.join(_shown(item) for item in windows)}")
    return tuple(reasons)


def is_open(window: Window, now: datetime) -> bool:
    """Whether a moment lies in a window, by the wall clock of its time zone. The end is outside."""
    try:
        local = now.astimezone(ZoneInfo(window.timezone))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PolicyError(
            f"the time zone {window.timezone!r} is not known here", hint="an IANA name, e.g. Europe/Berlin, or UTC"
        ) from error
    start, end, clock = time.fromisoformat(window.start), time.fromisoformat(window.end), local.time()
    today, yesterday = _DAYS[local.weekday()], _DAYS[(local - timedelta(days=1)).weekday()]
    if start < end:
        return today in window.days and start <= clock < end
    return (today in window.days and clock >= start) or (yesterday in window.days and clock < end)


def _shown(window: Window) -> str:
    return f"{','.join(window.days)} {window.start}-{window.end} {window.timezone}"
