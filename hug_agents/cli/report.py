"""What `hug generate` says to a person: what was understood, what was made, what each gate said, what is missing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hug_agents.cli.console import console
from hug_agents.errors import QuestionsPending

if TYPE_CHECKING:
    from rich.console import Console

    from hug_agents.generation import Generation
    from hug_agents.reading.claims import Question
    from hug_agents.validate import Finding, GateResult

_MARKS = {
    "passed": "[green]passed[/]",
    "failed": "[red]failed[/]",
    "skipped": "[yellow]skipped[/]",
    "error": "[red]error[/]",
}
_SHOWN = 12


def print_generation(made: Generation) -> None:
    """The whole result on standard output."""
    out = console()
    out.print(f"[bold]{escape(made.spec.application)}[/]  {escape(_headline(made))}\n")
    _print_evidence(made)
    _print_requirements(made)
    _print_files(made)
    print_gates(made.gates)
    _print_spent(made)
    _print_verdict(made)


def _headline(made: Generation) -> str:
    spec = made.spec
    names = ", ".join(f"{item.name} ({item.kind})" for item in spec.services)
    places = ", ".join(item.name for item in spec.environments)
    return f"{names} → {places}, {spec.strategy.kind.replace('_', '-')}"


def _print_evidence(made: Generation) -> None:
    rows = [item for item in made.spec.evidence if item.kind != "default"]
    if rows:
        table = Table("value", "from", "words", box=None, header_style="bold", pad_edge=False)
        for item in rows:
            place = f"{item.file}:{item.line}" if item.file else item.kind
            table.add_row(Text(item.path), Text(place), Text(" ".join(item.quote.split())[:80]))
        console().print("[bold]Understood[/]")
        console().print(table)
    assumed = [item for item in made.spec.evidence if item.kind == "default" and item.reason]
    if assumed:
        console().print("\n[bold]Assumed[/] (say otherwise to change it)")
        for item in assumed[:_SHOWN]:
            console().print(Text(f"  {item.path}: {item.reason}", style="dim"))
        if len(assumed) > _SHOWN:
            console().print(f"  [dim]and {len(assumed) - _SHOWN} more in docs/deployment-plan.md[/]")


def _print_requirements(made: Generation) -> None:
    open_ = [item for item in made.requirements if item.missed]
    met = sum(item.status == "met" for item in made.requirements)
    console().print(f"\n[bold]Requirements[/]: {met} met, {len(open_)} not")
    if made.refiner:
        seen = made.refiner.measures
        said = f"  {seen.completeness:.0%} complete; ambiguities: {seen.ambiguities_found} found, "
        said += f"{seen.ambiguities_resolved} resolved"
        said += f"; {seen.claims_refused} claims of the model refused" if seen.claims_refused else ""
        console().print(Text(said, style="dim"))
    for item in open_:
        _print_item(item.status.upper(), " ".join(item.text.split())[:160], item.reason)
    for amendment in made.amendments:
        if amendment.proposal is not None:
            where = f"{', '.join(amendment.proposal.paths)}; see docs/amendments.md"
            _print_item("WRITTEN BY A MODEL", " ".join(amendment.text.split())[:160], where)
    for refused in made.refinement.refused:
        _print_item("REFUSED", refused.what, refused.reason)
    for note in made.refinement.notes[:_SHOWN]:
        console().print(Text("  NOTED  ", style="yellow").append(note[:300], style="default"))
    if len(made.refinement.notes) > _SHOWN:
        console().print(f"  [dim]and {len(made.refinement.notes) - _SHOWN} more in docs/deployment-plan.md[/]")


def _print_item(mark: str, text: str, below: str) -> None:
    console().print(Text(f"  {mark}  ", style="yellow").append(text, style="default"))
    console().print(Padding(Text(below, style="dim"), (0, 0, 0, 8)))


def _print_files(made: Generation) -> None:
    counts = Counter(entry.system for entry in made.bundle.manifest.entries)
    listed = ", ".join(f"{system} {count}" for system, count in sorted(counts.items()))
    where = f" in {made.written.folder}" if made.written else ""
    console().print(f"\n[bold]Files[/]: {len(made.bundle)}{escape(where)} ({escape(listed)})")
    console().print(f"  manifest {made.bundle.digest()}", style="dim")
    if made.written and made.written.kept:
        console().print(Text(f"  left alone, edited since: {', '.join(made.written.kept)}", style="yellow"))


def print_gates(results: tuple[GateResult, ...]) -> None:
    """One row a gate, then every finding with its place and remedy."""
    out = console()
    out.print("\n[bold]Gates[/]")
    if not results:
        out.print("  none ran")
    table = Table(box=None, show_header=False, pad_edge=True)
    for result in results:
        what = result.reason if result.status in ("skipped", "error") else f"{result.files} files"
        if result.findings:
            what += f", {len(result.findings)} findings"
        table.add_row(
            _MARKS[result.status], Text(result.name), Text(result.version), Text(what), f"{result.seconds:.1f} s"
        )
    out.print(table)
    findings = sorted(
        (item for result in results for item in result.findings), key=lambda item: (item.severity != "error", item.file)
    )
    for item in findings[:_SHOWN]:
        out.print(finding_text(item))
    if len(findings) > _SHOWN:
        out.print(f"  [dim]and {len(findings) - _SHOWN} more: --json shows all[/]")


def finding_text(item: Finding) -> Text:
    """A finding on two lines: what and where, then the remedy."""
    style = {"error": "red", "warning": "yellow"}.get(item.severity, "dim")
    place = f"{item.file}:{item.line}" if item.line else item.file
    text = Text(f"  {item.severity} ", style=style)
    text.append(f"{place or 'spec'}  {item.rule}  ", style="bold")
    text.append(" ".join(item.message.split())[:300])
    if item.remedy:
        text.append(f"\n      {' '.join(item.remedy.split())[:300]}", style="dim")
    return text


def _print_spent(made: Generation) -> None:
    if not any(item.tokens or item.retries for item in made.spent):
        return  # rules cost nothing
    table = Table(box=None, header_style="bold", pad_edge=True)
    for head in ("agent", "model"):
        table.add_column(head)
    for head in ("requests", "retries", "input", "cached", "output", "seconds"):
        table.add_column(head, justify="right")
    for item in made.spent:
        counts = (item.requests, item.retries, item.input_tokens, item.cached_tokens, item.output_tokens)
        table.add_row(Text(item.agent), Text(item.model), *(f"{count:,}" for count in counts), f"{item.seconds:.1f}")
    console().print("\n[bold]Models[/] (tokens)")
    console().print(table)
    if estimated := sum(item.estimated_tokens for item in made.spent):
        console().print(f"  [dim]{estimated:,} of the tokens are estimated: the provider reported none[/]")


def _print_verdict(made: Generation) -> None:
    out = console()
    calls = sum(item.requests for item in made.usage)
    spent = f"{made.model}, {calls} requests, {made.seconds:.1f} s"
    out.print()
    names = ", ".join(result.name for result in made.skipped)
    if made.verdict == "passed":
        how = "Every gate that can run here passed" if names else "Every gate passed"
        beside = f"; {escape(names)} did not run, and is not required" if names else ""
        out.print(f"[bold green]{how}[/]{beside}. [dim]{escape(spent)}[/]")
    elif made.verdict == "incomplete":
        why = f"{names} did not run here" if names else "gates were left out on request"
        out.print(
            f"[bold yellow]Not fully checked:[/] {escape(why)}. That is not a pass, and no release may start on it."
        )
        out.print(f"  `hug doctor` says what is missing [dim]{escape(spent)}[/]")
    else:
        out.print(
            f"[bold red]A gate failed[/] after {made.repairs} rounds of repair; the files are kept. [dim]{escape(spent)}[/]"
        )
    out.print(f"  run {made.thread}", style="dim")


def print_questions(pending: QuestionsPending, *, ask: bool) -> dict[str, str]:
    """Show every open question; on a terminal, ask them and return the answers."""
    out = console(stderr=not ask)
    out.print(f"\n[bold]{len(pending.questions)} to answer first[/] [dim](run {pending.thread})[/]")
    for question in pending.questions:
        print_question(out, question)
    if not ask:
        flags = " ".join(f"--answer {question.id}=…" for question in pending.questions[:3])
        out.print(f"\n  next: hug generate --resume {pending.thread} {escape(flags)}", soft_wrap=True)
        return {}
    answers = {}
    for question in pending.questions:
        answers[question.id] = click.prompt(question.id, default="", show_default=False)
    return {key: value for key, value in answers.items() if value.strip()}


def print_question(out: Console, question: Question) -> None:
    """One question: what is asked, why, and answers that there are."""
    out.print(Text(f"  {question.id}", style="cyan").append(f"  {question.text}", style="default"))
    if question.why:
        out.print(Text(f"      {question.why}", style="dim"))
    if question.options:
        out.print(Text(f"      e.g. {' | '.join(question.options)}", style="dim"))
