"""A rollout as a person watches it: a live view while a step is held, one lasting line for each step that is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from hug_agents.approve.review import visible

if TYPE_CHECKING:
    from hug_agents.agents.diagnosis import Diagnosis
    from hug_agents.rollout.deployment import Trouble
    from hug_agents.rollout.drill import Phase
    from hug_agents.rollout.smoke import SmokeReport
    from hug_agents.rollout.steps import Step
    from hug_agents.rollout.verdict import Check, Verdict
    from hug_agents.status import Explained

STAGES = frozenset(("effect", "look", "smoke", "trouble", "drill", "phase", "notice", "reference", "diagnosis"))
"""What is told of a rollout; `RolloutView` shows these."""
COLOURS = {"good": "green", "bad": "bold red", "inconclusive": "yellow"}
_WIDEST_BAR = 40
_QUOTES = 2
"""Lines that an explanation shows."""


@dataclass
class _Part:
    """A step, or a phase of a drill, that is under way."""

    text: str
    began: float
    notes: list[str] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    verdict: Verdict | None = None


class RolloutView:
    """Shows what `Release` tells of a rollout. `live` is given what is to be seen now; without it only lines are printed.

    `beside`: a line of the caller's own below the live view, asked for at every look. `end` says that nothing follows.
    """

    def __init__(
        self,
        out: Console,
        live: Callable[[RenderableType], None] | None = None,
        *,
        beside: Callable[[], str] = lambda: "",
    ) -> None:
        self._out = out
        self._live = live
        self._beside = beside
        self._part: _Part | None = None
        self._drilling = False

    def __call__(self, stage: str, detail: Any) -> None:
        """One thing that happened; what is no stage of a rollout ends the step before it."""
        if stage in STAGES:
            getattr(self, f"_on_{stage}")(detail)
        else:
            self.end()

    def _on_effect(self, what: str) -> None:
        if self._drilling and self._part:
            self._show(Text(f"{self._part.text}: {what}"))
        else:
            self._next(what)

    def _on_drill(self, what: str) -> None:
        self._drilling = True
        self._next(f"drill in {what}")

    def _on_phase(self, phase: Phase) -> None:
        if self._part is None:
            return
        if phase.outcome not in ("done", "none"):
            self._part.notes.append(phase.outcome)
        if phase.name == "notice" or not phase.passed:
            self._part.notes.append(visible(phase.detail)[:200])
        self._finish(failed=not phase.passed)

    def _on_reference(self, detail: tuple[str, int, int]) -> None:
        environment, number, looks = detail
        if number == 1:
            self._next(f"{environment}: watch the old version first")
        self._show(Text(f"{environment}: watch the old version first, look {number} of {looks}"))

    def _on_smoke(self, detail: tuple[str, Step, SmokeReport]) -> None:
        if self._part and not self._drilling:
            results = detail[2].results
            passed = sum(item.outcome == "passed" for item in results)
            self._part.notes.append(f"smoke tests {passed} of {len(results)}")

    def _on_look(self, detail: tuple[str, Step, Verdict]) -> None:
        if self._part and not self._drilling:
            _, item, verdict = detail
            self._part.looks.append(verdict.outcome)
            self._part.verdict = verdict
            self._show(self._watched(item, verdict))

    def _on_trouble(self, trouble: Trouble) -> None:
        self._finish(failed=True)
        self._out.print(marked("✗", Text(visible(trouble.reason), "bold red"), "bold red"))

    def _on_diagnosis(self, found: Diagnosis) -> None:
        self._finish()
        self._out.print(explanation(found))

    def _on_notice(self, text: str) -> None:
        self._out.print(marked("!", Text(visible(str(text)), "yellow"), "yellow"))

    def end(self) -> None:
        """The step that was under way is over."""
        self._finish()
        self._drilling = False

    def _next(self, text: str) -> None:
        self._finish()
        self._part = _Part(text, time.monotonic())
        self._show(Text(text))

    def _finish(self, *, failed: bool = False) -> None:
        part, self._part = self._part, None
        if part is None:
            return
        bad = failed or (part.verdict is not None and part.verdict.outcome == "bad")
        line = Text(part.text).append(f"  {time.monotonic() - part.began:.1f} s", "dim")
        for note in part.notes:
            line.append(f"  {note}", "dim")
        if part.verdict:
            line.append("\n").append_text(_judged(part.verdict))
        self._out.print(marked("✗" if bad else "✓", line, "red" if bad else "green"))

    def _show(self, what: RenderableType) -> None:
        if self._live is not None and (not isinstance(what, Text) or what.plain):
            self._live(what)

    def _watched(self, item: Step, verdict: Verdict) -> RenderableType:
        part = self._part
        assert part is not None  # only called while a step is under way
        head = Text(part.text + "  ", "bold")
        head.append_text(bar(item.weight, min(_WIDEST_BAR, max(8, self._out.width - 50))))
        head.append(f"  new {item.weight} %", "cyan").append(f" old {100 - item.weight} %", "dim")
        table = Table("", "new", "old", "allowed", box=None, header_style="dim", pad_edge=False, padding=(0, 3, 0, 0))
        for check in verdict.checks:
            if check.candidate is not None:
                table.add_row(*_row(check))
        looks = Text("looks ")
        for outcome in part.looks[-30:]:
            looks.append("●", COLOURS[outcome])
        looks.append(f" {verdict.outcome}", COLOURS[verdict.outcome])
        looks.append(f"  {_requests(verdict)} requests of the new version", "dim")
        lines: list[RenderableType] = [head, table, looks]
        if verdict.outcome != "good":
            lines.append(Text(visible(verdict.reason)[:300], COLOURS[verdict.outcome]))
        if said := self._beside():
            lines.append(Text(said, "cyan"))
        return Group(*lines)


def explanation(found: Diagnosis | Explained) -> RenderableType:
    """What the DevOps agent makes of it: the cause, lines that it read, what it recommends."""
    line = Text(f"DevOps agent, {visible(found.what)}: " if found.what else "DevOps agent: ", "bold")
    line.append(visible(found.cause), "not bold default")
    for quote in found.evidence[:_QUOTES]:
        line.append(f"\n{visible(quote)}", "red")
    by = " (offline rules, no language model)" if found.by == "offline" else ""
    line.append(f"\nrecommends: {found.recommendation.replace('_', ' ')}{by}. {visible(found.reason)}", "dim")
    return marked("i", line, "cyan")


def marked(mark: str, text: Text, style: str = "") -> RenderableType:
    """A line with a mark before it; where it is too long it goes on below itself."""
    grid = Table.grid(padding=0)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(f"  {mark} ", style), text)
    return grid


def bar(percent: int, width: int) -> Text:
    """The share of the new version as a bar."""
    full = round(width * percent / 100)
    return Text("━" * full, "bold cyan").append("╌" * (width - full), "bright_black")


def _judged(verdict: Verdict) -> Text:
    """A verdict in a line: the outcome, how many requests, failures and latency of both."""
    line = Text(verdict.outcome, COLOURS[verdict.outcome])
    line.append(f": {_requests(verdict)} requests", "dim")
    for check in verdict.checks:
        if check.candidate is None or check.threshold is not None or check.name.startswith("slowest"):
            continue
        what, new, old, _ = _row(check)
        line.append(f", {what.partition(' of ')[0]} {new}" + (f" (old {old})" if old else ""), "dim")
    return line


def _row(check: Check) -> tuple[str, str, str, str]:
    """Name, new, old, limit. Latency is in milliseconds where two versions are compared; all else is a share."""
    compared = check.name.startswith("latency") and check.threshold is None

    def shown(value: float | None) -> str:
        if value is None:
            return ""
        return f"{value:g} ms" if compared else f"{value:.2%}".replace("%", " %")

    name = check.name.removesuffix(" against a limit")
    if check.name.startswith("latency"):
        name = name.replace("latency", "median latency" if compared else "too slow")
    elif check.threshold is None:
        name = name.replace("error rate", "failed")
    else:
        name = name.replace("error rate", "failed, by limit")
    return name, shown(check.candidate), shown(check.baseline), shown(check.threshold)


def _requests(verdict: Verdict) -> int:
    return max((check.requests for check in verdict.checks), default=0)
