"""When a pipeline runs by itself, as cron can say it, and when production may be changed."""

from __future__ import annotations

from hug_agents.spec import DeploymentSpec

DRIFT_CRON = "23 5 * * 1"
"""Mondays (UTC)."""

# At least so many days apart → a cron expression that is never further apart than that, but for a month's odd day.
_EVERY = (
    (365, "17 4 1 1 *", "once a year"),
    (184, "17 4 1 */6 *", "every six months"),
    (123, "17 4 1 */4 *", "every four months"),
    (91, "17 4 1 */3 *", "every three months"),
    (61, "17 4 1 */2 *", "every two months"),
    (30, "17 4 1 * *", "every month"),
    (17, "17 4 1,15 * *", "twice a month"),
    (7, "17 4 * * 2", "every week"),
)


def drill_cron(days: int) -> tuple[str, str]:
    """The cron expression (UTC) nearest to every `days` days, and how a person says it; rather too often."""
    for least, cron, said in _EVERY:
        if days >= least:
            return cron, said
    if days == 1:
        return "17 4 * * *", "every day"
    return f"17 4 */{days} * *", f"every {days} days of a month"


def windows(spec: DeploymentSpec) -> tuple[str, ...]:
    """The change windows as the pipelines' script reads them: days, from, to, time zone."""
    return tuple(f"{','.join(item.days)} {item.start} {item.end} {item.timezone}" for item in spec.windows)
