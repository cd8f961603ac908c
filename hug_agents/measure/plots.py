"""The metrics as one picture: deployments by outcome, and three times, each point one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from hug_agents.errors import MissingExtra, UsageError
from hug_agents.measure.metrics import DAY, GOALS, Scope, counted, figures
from hug_agents.measure.timeline import Timeline

# Okabe and Ito's palette: told apart by colour-blind people too, and in grey by their order.
_OUTCOMES = (
    ("deployed", "deployed", "#009E73"),
    ("after", "failed afterwards", "#E69F00"),
    ("rolled_back", "rolled back", "#CC79A7"),
    ("failed", "failed", "#D55E00"),
)
_INK, _POINT, _GOAL = "#24292f", "#0072B2", "#D55E00"
_UNITS = ((2 * DAY, DAY, "days"), (2 * 3600, 3600, "hours"), (120, 60, "minutes"), (0, 1, "seconds"))
_BARS = 40
Point = tuple[int, int]
"""When something ended, and how many seconds it took."""


def plot(timeline: Timeline, scope: Scope, path: Path) -> Path:
    """Write the picture of a scope; the ending says the format: png, svg, pdf.

    Raises MissingExtra without matplotlib, UsageError where the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("--plot", "metrics") from error
    found, report = counted(timeline, scope), figures(timeline, scope)
    figure = Figure(figsize=(11, 7), dpi=120, layout="constrained")
    panels: Any = figure.subplots(2, 2)
    _deployments(panels[0][0], [(item.ended or 0, _outcome(item)) for item in found.attempts])
    took = [
        (item.ended, item.seconds)
        for item in found.attempts
        if item.outcome == "deployed" and item.ended is not None and item.seconds is not None
    ]
    _times(panels[0][1], "Time to deploy", took, GOALS["mean_time_to_deploy"].below)
    back = [(item.ended, item.ended - item.began) for item in found.failures if item.ended is not None]
    _times(panels[1][0], "Recovery from a failure", back, GOALS["mean_time_to_recovery"].below)
    _times(panels[1][1], "Time to review (each decision)", [(item.at, item.seconds) for item in found.reviews], None)
    spans = [moment for panel in ([item.ended for item in found.attempts], [item.at for item in found.reviews])
             for moment in panel if moment is not None]  # fmt: skip
    for panel in panels.flat:
        _dress(panel, spans)
    figure.suptitle(report.heading, fontsize=12, color=_INK, x=0.01, ha="left")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot be written: {error}"[:300], where=str(path), hint="e.g. metrics.png") from error
    return path


def _outcome(attempt: Any) -> str:
    return "after" if attempt.outcome == "deployed" and attempt.failed else str(attempt.outcome)


def _deployments(panel: Any, ended: list[tuple[int, str]]) -> None:
    panel.set_title("Deployments by outcome", loc="left", fontsize=10)
    if not ended:
        _nothing(panel)
        return
    first, last = min(at for at, _ in ended), max(at for at, _ in ended)
    days = max(1, -(-(last // DAY - first // DAY + 1) // _BARS))
    begin = first // DAY * DAY
    bins = Counter(((at - begin) // (days * DAY), outcome) for at, outcome in ended)
    numbers = range((last - begin) // (days * DAY) + 1)
    dates = [_date(begin + (number + 0.5) * days * DAY) for number in numbers]
    base = [0] * len(dates)
    for outcome, label, colour in _OUTCOMES:
        heights = [bins[number, outcome] for number in numbers]
        if any(heights):
            panel.bar(dates, heights, bottom=base, width=days * 0.86, color=colour, label=label)
            base = [below + height for below, height in zip(base, heights, strict=True)]
    panel.set_ylabel("a day" if days == 1 else f"in {days} days")
    panel.yaxis.get_major_locator().set_params(integer=True)
    panel.set_ylim(0, max(base) * 1.25)
    panel.legend(frameon=False, fontsize=8, ncols=4, loc="upper left")


def _times(panel: Any, title: str, points: list[Point], goal: float | None) -> None:
    panel.set_title(title, loc="left", fontsize=10)
    if not points:
        _nothing(panel)
        return
    seconds = [value for _, value in points]
    size, unit = next((size, unit) for least, size, unit in _UNITS if max(*seconds, goal or 0, 0) >= least)
    mean, middle = sum(seconds) / len(seconds) / size, median(seconds) / size
    panel.scatter(
        [_date(at) for at, _ in points],
        [value / size for value in seconds],
        s=22,
        color=_POINT,
        alpha=0.65,
        linewidths=0,
    )
    panel.axhline(mean, color=_POINT, linewidth=1.2, label=f"mean {mean:.3g}, median {middle:.3g} {unit}")
    if goal:
        panel.axhline(goal / size, color=_GOAL, linewidth=1.2, linestyle="--", label=f"target < {goal / size:g} {unit}")
    panel.set_ylabel(unit)
    panel.set_ylim(0, max(*(value / size for value in seconds), (goal or 0) / size, mean, 1e-9) * 1.3)
    panel.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")


def _dress(panel: Any, spans: Iterable[int]) -> None:
    from matplotlib import dates

    listed = list(spans)
    if listed:
        margin = max(2 * DAY, (max(listed) - min(listed)) * 0.04)
        panel.set_xlim(_date(min(listed) - margin), _date(max(listed) + margin))
        make: Any = dates  # it has types for some of its names only
        locator = make.AutoDateLocator(minticks=3, maxticks=7)
        panel.xaxis.set_major_locator(locator)
        panel.xaxis.set_major_formatter(make.ConciseDateFormatter(locator))
    panel.tick_params(labelsize=8, colors=_INK)
    panel.xaxis.get_offset_text().set_fontsize(8)
    panel.grid(axis="y", color="#d0d7de", linewidth=0.6)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _nothing(panel: Any) -> None:
    panel.text(0.5, 0.5, "no data", transform=panel.transAxes, ha="center", va="center", color="#57606a")
    panel.set_yticks([])


def _date(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
