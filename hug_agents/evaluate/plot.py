"""An evaluation as one picture: the shares of each crew side by side; infrastructure tasks by round of repair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hug_agents.errors import MissingExtra, UsageError
from hug_agents.evaluate.report import Report
from hug_agents.evaluate.tasks import STAGES

# Okabe and Ito's palette: told apart by colour-blind people too, and in grey by their order.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00")
_INK = "#24292f"


def plot(reports: tuple[Report, ...], path: Path) -> Path:
    """Write the picture; the ending says the format: png, svg, pdf.

    Raises MissingExtra without matplotlib, UsageError where the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("--plot", "metrics") from error
    rounds = any(report.by_round() for report in reports)
    shares = any(report.figures() for report in reports)
    figure = Figure(figsize=(11, 4.5 * (rounds + shares)), dpi=120, layout="constrained")
    panels: Any = iter(figure.subplots(max(rounds + shares, 1), 1, squeeze=False).flat)
    if shares:
        _shares(next(panels), reports)
    if rounds:
        _rounds(next(panels), reports)
    first = reports[0]
    models = ", ".join(dict.fromkeys(report.model for report in reports))
    figure.suptitle(f"{first.suite}; language model: {models}", fontsize=12, color=_INK, x=0.01, ha="left")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot be written: {error}"[:300], where=str(path), hint="e.g. eval.png") from error
    return path


def _shares(panel: Any, reports: tuple[Report, ...]) -> None:
    names = list(reports[0].figures())
    height = 0.8 / len(reports)
    for number, report in enumerate(reports):
        figures = report.figures()
        places = [row + number * height for row in range(len(names))]
        percents = [figures[name].percent or 0 for name in names]
        panel.barh(places, percents, height=height * 0.9, color=_COLOURS[number % len(_COLOURS)], label=report.arm)
        for place, name, percent in zip(places, names, percents, strict=True):
            share = figures[name]
            panel.text(percent + 1, place, f"{share.count}/{share.of}", va="center", fontsize=8, color=_INK)
    panel.set_yticks([row + 0.4 - height / 2 for row in range(len(names))], names, fontsize=9)
    panel.invert_yaxis()
    _dress(panel, "x")


def _rounds(panel: Any, reports: tuple[Report, ...]) -> None:
    for number, report in enumerate(reports):
        rows = report.by_round()
        for at, stage in enumerate(STAGES):
            told = [(row["round"], row[stage].percent) for row in rows if row[stage].percent is not None]
            if told:
                panel.plot(
                    [round_ for round_, _ in told],
                    [percent for _, percent in told],
                    marker="osD^v"[at],
                    color=_COLOURS[at],
                    linestyle=("-", "--", ":")[number % 3],
                    label=f"{stage}, {report.arm}" if len(reports) > 1 else stage,
                )
    most = max(len(report.by_round()) for report in reports)
    panel.set_xticks(range(most), ["at first", *(f"after repair {number}" for number in range(1, most))], fontsize=9)
    _dress(panel, "y")


def _dress(panel: Any, axis: str) -> None:
    (panel.set_xlim if axis == "x" else panel.set_ylim)(0, 112)
    (panel.set_xlabel if axis == "x" else panel.set_ylabel)("percent")
    panel.grid(axis=axis, color="#d0d7de", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.legend(frameon=False, fontsize=8, ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
