"""The metrics of a store, with their targets. docs/metrics.md has the formulas and their sources.

    from hug_agents import metrics
    print(metrics(since="30d", application="payments-api"))

What the log has no data for is None, never 0 % or 100 %.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field

from hug_agents.approve.clock import Clock, Instant, instant, later, moment, system_clock
from hug_agents.approve.ledger import Ledger
from hug_agents.errors import UsageError
from hug_agents.measure.timeline import Attempt, Check, Failure, Place, Review, Timeline
from hug_agents.settings import Settings
from hug_agents.spec import Line, Model

Unit = Literal["percent", "seconds", "per_week"]
DAY = 86_400
_SINCE = re.compile(r"([1-9][0-9]{0,4})([hdw])\Z")
_HOURS = {"h": 1, "d": 24, "w": 168}


class Goal(Model):
    """What a figure is held against. Strict: `above 98` is not met by 98."""

    above: float | None = None
    below: float | None = None

    def met(self, value: float) -> bool:
        """Whether a value reaches it."""
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


GOALS: dict[str, Goal] = {
    "deployment_success_rate": Goal(above=98),
    "mean_time_to_deploy": Goal(below=30 * 60),
    "mean_time_to_recovery": Goal(below=30 * 60),
    "change_failure_rate": Goal(below=5),
    "rollback_rate": Goal(below=2),
}
"""The targets that the HUG AI methodology names; the other figures have none."""
TITLES: dict[str, str] = {
    "deployment_success_rate": "Deployment success rate",
    "mean_time_to_deploy": "Mean time to deploy (MTTD)",
    "mean_time_to_recovery": "Mean time to recovery (MTTR), failed-deployment recovery time",
    "configuration_drift_rate": "Configuration drift rate",
    "change_failure_rate": "Change failure rate",
    "rollback_rate": "Rollback rate",
    "deployment_frequency": "Deployment frequency",
    "request_to_production": "Request to production",
    "time_to_review": "Time to review",
    "rework_rate": "Rework rate: reviews that asked for changes",
}


class Scope(Model):
    """What is counted: from `since` (included) to `until` (left out)."""

    application: Line = ""
    environment: Line = Field("", description="empty: every production environment, and all reviews")
    since: Instant | None = None
    until: Instant


class Figure(Model):
    """One metric. A rate is `hits` of `samples`; a time is the mean of `samples`, with their median."""

    name: Line
    title: Line
    unit: Unit
    value: float | None = Field(None, description="None: no data")
    samples: int = 0
    hits: int | None = None
    median: float | None = None
    goal: Goal | None = None
    met: bool | None = Field(None, description="None: no target, or no data")
    note: Line = ""

    @property
    def shown(self) -> str:
        """The value as a person reads it."""
        return "no data" if self.value is None else quantity(self.value, self.unit)

    @property
    def target(self) -> str:
        """The target as a person reads it; empty where there is none."""
        if self.goal is None:
            return ""
        if self.goal.above is not None:
            return f"> {quantity(self.goal.above, self.unit)}"
        return f"< {quantity(self.goal.below or 0, self.unit)}"

    @property
    def basis(self) -> str:
        """What the value is made of."""
        parts = []
        if self.hits is not None and self.unit == "percent":
            parts.append(f"{self.hits} of {self.samples}")
        elif self.samples:
            parts.append(f"{self.samples} counted")
        if self.median is not None:
            parts.append(f"median {quantity(self.median, self.unit)}")
        return "; ".join((*parts, *filter(None, (self.note,))))


class Metrics(Model):
    """All figures of a scope."""

    scope: Scope
    figures: tuple[Figure, ...]
    deployments: int = Field(description="that ended in the window")
    in_progress: int = Field(description="that have not ended: counted nowhere")
    unrecovered: int = Field(description="failures that nothing has ended yet: not in the recovery time")

    def __getitem__(self, name: str) -> Figure:
        """One figure by its name. KeyError if there is none."""
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)

    @property
    def heading(self) -> str:
        """What was counted, in a line."""
        scope = self.scope
        what = scope.application or "all applications"
        where = scope.environment or "production"
        return f"{what}, {where}, {f'since {scope.since}' if scope.since else 'all time'} until {scope.until}"

    def _repr_html_(self) -> str:
        from html import escape

        from hug_agents.notebook import table_html

        marks = {True: "met", False: "not met", None: ""}
        rows = ((item.title, item.shown, item.target, marks[item.met], item.basis) for item in self.figures)
        return f"<p><b>{escape(self.heading)}</b></p>{table_html(('metric', 'value', 'target', '', 'made of'), rows)}"

    def __str__(self) -> str:
        return "\n".join((self.heading, *(f"{item.title}: {item.shown}" for item in self.figures)))

    def _repr_markdown_(self) -> str:
        from hug_agents.render.templating import md

        marks = {True: "met", False: "**not met**", None: ""}
        rows = "\n".join(
            f"| {md(item.title)} | {md(item.shown)} | {md(item.target)} | {marks[item.met]} | {md(item.basis)} |"
            for item in self.figures
        )
        head = "| metric | value | target | | made of |\n|---|---|---|---|---|"
        return f"**{md(self.heading)}**\n\n{head}\n{rows}\n"


@dataclass(frozen=True)
class Counted:
    """What a scope holds of a timeline."""

    attempts: tuple[Attempt, ...]
    """That ended in the window."""
    open: int
    failures: tuple[Failure, ...]
    """That ended in the window."""
    unrecovered: int
    reviews: tuple[Review, ...]
    checks: tuple[Check, ...]
    days: float
    """The length of the window; where it has no beginning, since the first event."""


def metrics(
    store: str | Path | None = None,
    *,
    since: str = "",
    application: str = "",
    environment: str = "",
    clock: Clock = system_clock,
) -> Metrics:
    """The metrics of a store, from its event log. `since`: `30d`, `12h`, `4w`, a day or an instant; empty: all time.

    Raises UsageError, StoreError, LedgerBroken.
    """
    timeline = Timeline().follow(ledger_of(store))
    return figures(timeline, scope_of(clock, since=since, application=application, environment=environment))


def ledger_of(store: str | Path | None) -> Ledger:
    """The ledger of a store. Raises UsageError where there is none: a wrong path has no metrics."""
    root = Path(store) if store else Settings.load().home
    path = root / "ledger.sqlite"
    if not path.is_file():
        raise UsageError("no release has written a log here", where=str(root), hint="hug release start, or --store")
    return Ledger(path)


def scope_of(clock: Clock, *, since: str = "", application: str = "", environment: str = "") -> Scope:
    """A scope that ends now, the second that it is asked in included. Raises UsageError."""
    now = instant(clock())
    until = later(now, seconds=1)
    return Scope(application=application, environment=environment, since=begins(since, now), until=until)


def begins(since: str, now: Instant) -> Instant | None:
    """When a window begins: `30d` and the like before now, a day, or an instant. Raises UsageError."""
    if not since:
        return None
    match = _SINCE.match(since)
    try:
        if match:
            since = instant(moment(now) - timedelta(hours=int(match[1]) * _HOURS[match[2]]))
        found = Scope(since=since if "T" in since else f"{since}T00:00:00Z", until=now)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{since[:40]!r} is no beginning", where="since", hint="30d, 12h, 4w, 2026-11-01 or 2026-11-01T08:00:00Z"
        ) from None
    if found.since and found.since > now:
        raise UsageError(
            f"{since} has not been yet", where="since", hint="30d, 12h, 4w, a day or an instant that is over"
        )
    return found.since


def counted(timeline: Timeline, scope: Scope) -> Counted:
    """What of a timeline is in a scope: deployments, failures, reviews and checks by when each ended."""
    begin = int(moment(scope.since).timestamp()) if scope.since else None
    end = int(moment(scope.until).timestamp())

    def here(place: Place) -> bool:
        if scope.application and place.application != scope.application:
            return False
        if scope.environment:
            return place.environment == scope.environment
        return timeline.roles.get(place) == "production"

    def now(at: int | None) -> bool:
        return at is not None and at < end and (begin is None or at >= begin)

    def asked(review: Review) -> bool:
        application = timeline.applications.get(review.release, "")
        return (not scope.application or application == scope.application) and (
            not scope.environment or review.environment == scope.environment
        )

    start = begin if begin is not None else timeline.first
    failures = [item for item in timeline.failures if here(item.place) and item.by != "dismissed"]
    attempts = [item for item in timeline.attempts if here(item.place)]
    return Counted(
        attempts=tuple(item for item in attempts if now(item.ended)),
        open=sum(not item.outcome for item in attempts),
        failures=tuple(item for item in failures if now(item.ended)),
        unrecovered=sum(item.ended is None for item in failures),
        reviews=tuple(item for item in timeline.reviews if asked(item) and now(item.at)),
        checks=tuple(item for item in timeline.checks if here(item.place) and now(item.at)),
        days=max(0, end - start) / DAY if start is not None else 0,
    )


def figures(timeline: Timeline, scope: Scope) -> Metrics:
    """Every figure of a scope."""
    found = counted(timeline, scope)
    return Metrics(
        scope=scope,
        figures=tuple(_figures(found)),
        deployments=len(found.attempts),
        in_progress=found.open,
        unrecovered=found.unrecovered,
    )


def _figures(found: Counted) -> Iterator[Figure]:
    attempts = found.attempts
    deployed = [item for item in attempts if item.outcome == "deployed"]
    going = f"{found.open} in progress, not counted" if found.open else ""
    yield _rate("deployment_success_rate", len(deployed), len(attempts), going)
    times = [item.seconds for item in deployed if item.seconds is not None]
    unseen = len(deployed) - len(times)
    yield _time("mean_time_to_deploy", times, f"{unseen} without a beginning in the log" if unseen else "")
    recoveries = [item.ended - item.began for item in found.failures if item.ended is not None]
    waits = f"{found.unrecovered} not recovered yet, not counted" if found.unrecovered else ""
    yield _time("mean_time_to_recovery", recoveries, waits)
    known = [item for item in found.checks if item.status != "unknown"]
    blind = len(found.checks) - len(known)
    unknown = f"{blind} could not tell, not counted" if blind else ""
    yield _rate("configuration_drift_rate", sum(item.status == "drifted" for item in known), len(known), unknown)
    yield _rate("change_failure_rate", sum(item.failed for item in attempts), len(attempts), going)
    yield _rate("rollback_rate", sum(item.rolled_back for item in attempts), len(attempts), "")
    yield _frequency(len(deployed), found.days)
    asked = [item.ended - item.asked for item in deployed if item.ended is not None and item.asked is not None]
    yield _time("request_to_production", asked, "people's time included")
    yield _time("time_to_review", [item.seconds for item in found.reviews], "")
    changed = {item.packet for item in found.reviews if item.verdict == "request_changes"}
    yield _rate("rework_rate", len(changed), len({item.packet for item in found.reviews}), "")


def _rate(name: str, hits: int, samples: int, note: str) -> Figure:
    return _figure(name, "percent", 100 * hits / samples if samples else None, samples, note, hits=hits)


def _time(name: str, seconds: Iterable[int], note: str) -> Figure:
    listed = list(seconds)
    middle = statistics.median(listed) if listed else None
    mean = sum(listed) / len(listed) if listed else None
    return _figure(name, "seconds", mean, len(listed), note if listed or "not" in note else "", median=middle)


def _frequency(deployed: int, days: float) -> Figure:
    """Successful deployments a week; below a day of log a week is not extrapolated."""
    value = deployed * 7 / days if days >= 1 else None
    note = "" if days >= 1 else "less than a day of log"
    return _figure("deployment_frequency", "per_week", value, deployed, note)


def _figure(
    name: str,
    unit: Unit,
    value: float | None,
    samples: int,
    note: str,
    *,
    hits: int | None = None,
    median: float | None = None,
) -> Figure:
    goal = GOALS.get(name)
    return Figure(
        name=name,
        title=TITLES[name],
        unit=unit,
        value=value,
        samples=samples,
        hits=hits,
        median=median,
        goal=goal,
        met=None if goal is None or value is None else goal.met(value),
        note=note,
    )


def quantity(value: float, unit: Unit) -> str:
    """A value with its unit, short: `4.2 %`, `1 min 30 s`, `2.5 a week`."""
    if unit == "percent":
        return f"{value:.2f}".rstrip("0").rstrip(".") + " %"
    if unit == "per_week":
        return f"{value:.3g} a week"
    whole = round(value)
    if whole < 60:
        return f"{value:.3g} s"
    for size, name, smaller, small in ((DAY, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"
