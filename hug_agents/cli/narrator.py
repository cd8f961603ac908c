"""The demonstration on a screen: what the story tells, in a terminal or as plain lines; and a person in the reviewers' place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import click
from rich.console import Console
from rich.padding import Padding
from rich.status import Status as Spinner
from rich.table import Table
from rich.text import Text

from hug_agents.approve.checkpoints import checkpoint
from hug_agents.approve.review import visible
from hug_agents.cli.console import Progress
from hug_agents.cli.drift import print_checks
from hug_agents.cli.rollout import COLOURS, marked
from hug_agents.demonstration.reviewing import ByTheBook
from hug_agents.demonstration.versions import FAULTY, GOOD, changes

if TYPE_CHECKING:
    from hug_agents.approve.decision import Verdict
    from hug_agents.approve.packet import Packet
    from hug_agents.approve.resolution import Choice, Matter
    from hug_agents.demonstration.reviewing import Answer, Word
    from hug_agents.demonstration.site import Reviewer
    from hug_agents.demonstration.story import Act
    from hug_agents.demonstration.summary import Part, Summary
    from hug_agents.demonstration.traffic import Counted
    from hug_agents.generation import Generation
    from hug_agents.measure.drift import DriftCheck
    from hug_agents.plans import Role
    from hug_agents.status import Review, Status

_OUTCOMES = {"released": "bold green", "rolled_back": "bold yellow"}
_UNDERSTOOD = 8
_TELLING = ("strategy", "objectives", "triggers", "environments.production")
_WORDS = {"refine": "reading the request", "bundle": "writing the files", "gates": "running the gates"}
_DIFF_LINES = 24


class Narrator:
    """Given everything that happens, in order. `spinner`: where a terminal shows what is under way; None: plain lines."""

    def __init__(self, out: Console, spinner: Spinner | None, counted: Callable[[], Counted | None]) -> None:
        self._out = out
        self._spinner = spinner
        self._show = Progress(spinner, out, beside=lambda: _customers(counted()))
        self._act: Act | None = None
        self._gates: list[Any] = []

    def __call__(self, stage: str, detail: Any = None) -> None:
        """Tell one thing."""
        told = getattr(self, f"_on_{stage}", None)
        if told is not None:
            self._show.end()
            told(detail)
        elif self._act is not None and self._act.shown:
            self._show(stage, detail)
        elif self._spinner is not None:
            said = detail if isinstance(detail, str) else _WORDS.get(stage, "")
            if said and self._act is not None:
                self._spinner.update(f"{self._act.version.number}  {said}")

    def _on_act(self, act: Act) -> None:
        self._act, self._gates = act, []
        self._out.print()
        self._out.rule(Text(f"{act.title}: payments-api {act.version.number}", "bold"), align="left", style="cyan")
        self._out.print(Text(f"{act.version.title}\n", "dim"))
        if not act.shown:
            self._out.print("  written, gated, signed, drilled and put in place as below; in short:")
            return
        self._out.print(Text("Request", "bold"))
        self._indented(Text(act.request, "italic"))
        if act.version is FAULTY:
            self._print_change()

    def _print_change(self) -> None:
        self._out.print(
            Text("\nThe change in the source", "bold").append("  (its author saw nothing wrong with it)", "dim")
        )
        lines = [line for line in changes(GOOD, FAULTY) if not line.startswith(("---", "@@"))]
        for line in lines[:_DIFF_LINES]:
            self._out.print(Text(f"  {line}", "green" if line[:1] == "+" else "red" if line[:1] == "-" else "dim"))

    def _on_generated(self, made: Generation) -> None:
        if self._act is None or not self._act.shown or self._act.version is not GOOD:
            self._out.print(Text(f"  bundle {made.bundle.digest()[7:19]}, {len(made.bundle)} files", "dim"))
            return
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 2))
        for name in ("value", "from", "words"):
            table.add_column(name, no_wrap=name != "words")
        rows = [item for item in made.spec.evidence if item.kind != "default"]
        told = [item for item in rows if item.kind == "request" and item.path.startswith(_TELLING)]
        seen = [item for item in rows if item.file]
        for item in (*told[: _UNDERSTOOD // 2], *seen[: _UNDERSTOOD // 2]):
            place = f"{item.file}:{item.line}" if item.file else item.kind
            words = Text(" ".join(item.quote.split()), "italic")
            words.truncate(46, overflow="ellipsis")
            table.add_row(_ending(item.path, self._out.width * 2 // 5), place, words)
        self._out.print(Text("\nUnderstood", "bold"))
        self._out.print(table)
        self._out.print(
            f"  and {max(0, len(rows) - _UNDERSTOOD)} more, each with its words or its file and line", style="dim"
        )
        for requirement in made.requirements:
            if requirement.missed:
                said = " ".join(requirement.text.split())
                line = Text("not met  ", "bold yellow").append(f"{said}  ", "default")
                self._indented(line.append(requirement.reason, "dim"))
        counts = Counter(entry.system for entry in made.bundle.manifest.entries)
        listed = ", ".join(f"{system} {count}" for system, count in sorted(counts.items()))
        self._out.print(Text("\nBundle", "bold").append(f"  {len(made.bundle)} files", "default"))
        self._indented(Text(f"{listed}\n{made.bundle.digest()}", "dim"))
        self._out.print(Text("\nGates", "bold"))

    def _on_gate(self, result: Any) -> None:
        self._gates.append(result)
        if self._act is not None and self._act.version is GOOD:
            self._show("gate", result)

    def _on_ask(self, name: str) -> None:
        if self._gates:
            passed = sum(item.status == "passed" for item in self._gates)
            slowest = max(item.seconds for item in self._gates)
            self._out.print(
                f"  {passed} of {len(self._gates)} gates passed [dim]side by side, the slowest in {slowest:.0f} s"
            )
            self._gates = []
        if self._spinner is not None:
            self._spinner.update(f"asking people: {name}")

    def _on_checkpoint(self, review: Review) -> None:
        packet = review.packet
        point = checkpoint(packet.checkpoint)
        if self._act is None or not self._act.shown:
            return
        head = Text(f"\n{point.name}", "bold").append(f"  {packet.environment.name}, risk {packet.risk.tier}", "dim")
        self._out.print(head)
        self._indented(Text(f"packet {packet.digest()[7:19]} {_covers(packet)}", "dim"))

    def _on_signed(self, detail: tuple[Reviewer, Role, Verdict, str]) -> None:
        reviewer, role, verdict, comment = detail
        if self._act is None or not self._act.shown:
            return
        style = "green" if verdict == "approve" else "bold red"
        line = Text(f"{verdict} ", style).append(f"{reviewer.name}, {role}", "default")
        self._out.print(marked("✎", line.append(f"\n{visible(comment)}", "dim"), style))

    def _on_traffic(self, address: str) -> None:
        self._out.print(Text("  customers pay at ", "cyan").append(address, "cyan"))

    def _on_matter(self, matter: Matter) -> None:
        said = f"only a person can settle this: {matter.kind}. {visible(matter.evidence)[:400]}"
        self._out.print(marked("?", Text(said, "yellow"), "yellow"))

    def _on_settled(self, detail: tuple[Reviewer, Choice, str]) -> None:
        reviewer, choice, reason = detail
        line = Text(f"{choice} ", "green").append(f"{reviewer.name}  {visible(reason)}", "dim")
        self._out.print(marked("✎", line, "green"))

    def _on_ended(self, status: Status) -> None:
        if status.stage not in ("ended", "checkpoint") and status.notice:
            self._out.print(Text(f"  {status.stage}: {visible(status.notice)}", "bold red"))

    def _on_part(self, part: Part) -> None:
        self._out.print()
        line = Text(f"{part.version} {part.outcome.replace('_', ' ')}", _OUTCOMES.get(part.outcome, "bold red"))
        line.append(f"  in {part.seconds:.0f} s, {part.signatures} signatures", "default")
        if part.traffic:
            line.append(f"; {part.traffic.sent} requests meanwhile, {part.traffic.failed} failed", "default")
        self._indented(line)
        if part.outcome != "rolled_back":
            return
        if part.cause:
            self._out.print(Text("  its own log says  ", "dim").append(part.cause, "bold red"))
        if part.version == FAULTY.number:
            self._indented(Text(f"the hidden fault: {FAULTY.hidden}", "default"))
        if part.after:
            said = f"  since the way back: {part.after.sent} requests, {part.after.failed} failed"
            self._out.print(Text(said, "red" if part.after.failed else "green"))

    def _on_drift(self, found: tuple[DriftCheck, ...]) -> None:
        self._out.print()
        print_checks(self._out, found)

    def _on_verified(self, _: Any) -> None:
        """The command itself tells it, below."""

    def _on_broken(self, error: Exception) -> None:
        self._out.print(Text(str(error), "bold red"))

    def _indented(self, text: Text) -> None:
        self._out.print(Padding(text, (0, 0, 0, 2), expand=False))

    def close(self, found: Summary) -> None:
        """The table at the end."""
        self._show.end()
        self._out.print()
        self._out.rule(Text("What came of it", "bold"), align="left", style="cyan")
        names = ("version", "outcome", "signed", "way back", "verdicts", "requests", "failed", "took")
        table = Table(*names, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for part in found.parts:
            table.add_row(
                part.version,
                Text(part.outcome.replace("_", " "), _OUTCOMES.get(part.outcome, "bold red")),
                str(part.signatures),
                "" if part.drill_seconds is None else f"{part.drill_seconds} s",
                Text(" ").join(Text("●", COLOURS.get(outcome, "yellow")) for outcome in part.verdicts),
                str(part.traffic.sent) if part.traffic else "",
                str(part.traffic.failed) if part.traffic else "",
                f"{part.seconds:.0f} s",
            )
        self._out.print(table)
        for problem in found.problems:
            self._out.print(Text(f"  not as told: {problem}", "bold red"))


class AtTheTerminal:
    """A person decides in the reviewers' place; the reviewer's key signs what was said."""

    def __init__(self, out: Console, spinner: Spinner | None) -> None:
        self._out = out
        self._spinner = spinner

    def decide(self, reviewer: Reviewer, role: Role, review: Review) -> Word:
        """Approve or reject; look at the review first as often as one likes."""
        while True:
            said = self._ask(f"{reviewer.name}, {role}: approve, reject, or look", ("approve", "reject", "look"))
            if said == "look":
                self._paused(lambda: self._look(review))
                continue
            why = self._prompt("why", "" if said == "reject" else ByTheBook().decide(reviewer, role, review)[1])
            return cast("Verdict", said), why or "no reason given"

    def settle(self, reviewer: Reviewer, matter: Matter) -> Answer:
        """One of the answers that there are."""
        choice = self._ask(f"{reviewer.name}: {', '.join(matter.choices)}", matter.choices)
        return cast("Choice", choice), self._prompt("why", "") or "no reason given"

    def _look(self, review: Review) -> None:
        with suppress(OSError), self._out.pager():
            self._out.print(review.markdown(), markup=False)

    def _ask(self, text: str, choices: tuple[str, ...]) -> str:
        """One of the words, or how one of them begins."""
        while True:
            said = self._paused(lambda: click.prompt(f"  {text}")).strip().lower()
            found = [word for word in choices if said and word.startswith(said)]
            if len(found) == 1 or said in choices:
                return said if said in choices else found[0]
            self._out.print(f"    one of: {', '.join(choices)}", style="dim")

    def _prompt(self, text: str, default: str) -> str:
        return self._paused(lambda: click.prompt(f"  {text}", default=default, show_default=bool(default)))

    def _paused(self, ask: Callable[[], Any]) -> str:
        if self._spinner is None:
            return str(ask())
        self._spinner.stop()
        try:
            return str(ask())
        finally:
            self._spinner.start()


def _ending(path: str, most: int) -> str:
    """A path, or its end: where it is too long, that is what tells it from its neighbours."""
    return path if len(path) <= most else f"…{path[1 - most :]}"


def _covers(packet: Packet) -> str:
    """What a signature on it is about, in a line."""
    parts = [f"bundle {packet.bundle[7:19]}", f"plan {packet.plans[0].digest[7:19]}", f"{len(packet.gates)} gates"]
    if packet.drill:
        parts.append(f"drill {packet.drill.outcome} in {packet.drill.seconds} s")
    return " · ".join(parts)


def _customers(counted: Counted | None) -> str:
    if counted is None:
        return ""
    slow = f", p99 {counted.p99_ms:g} ms" if counted.p99_ms is not None else ""
    return f"customers: {counted.rate:.0f}/s, {counted.sent} requests, {counted.failed} failed{slow}"
