"""`hug eval`: how good the crew is, counted on a suite."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hug_agents.cli.console import console, print_json

if TYPE_CHECKING:
    from hug_agents.evaluate.report import Report
    from hug_agents.evaluate.run import Progress

_FILE = click.Path(path_type=Path)


@click.command("eval")
@click.argument("suites", metavar="[SUITE]...", nargs=-1, type=_FILE)
@click.option(
    "--split",
    type=click.Choice(["develop", "held_out", "second", "third", "fourth", "fifth", "all"]),
    default="develop",
    show_default=True,
    help="Which part of a suite that has parts; ours was run on held_out, second, third, fourth and fifth once.",
)
@click.option("--model", help="offline (rules, the default), openai:NAME, or any PROVIDER:NAME.")
@click.option("--base-url", help="An OpenAI-compatible server.")
@click.option("--gates", is_flag=True, help="Requests: write the bundles and run the gates too. Takes minutes.")
@click.option(
    "--rounds", type=click.IntRange(0, 10), default=3, show_default=True, help="Repairs of an infrastructure task."
)
@click.option("--limit", type=click.IntRange(1), help="At most so many cases of each kind.")
@click.option("--references", is_flag=True, help="Score the answers that a suite's publishers give; no model is asked.")
@click.option("--ablation", is_flag=True, help="Rules alone, one agent, three agents: the same suite, the same gates.")
@click.option("--plot", type=_FILE, metavar="FILE", help="Write a picture: .png, .svg or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress, and no list of what went wrong.")
def command(
    suites: tuple[Path, ...],
    split: str,
    model: str | None,
    base_url: str | None,
    gates: bool,
    rounds: int,
    limit: int | None,
    references: bool,
    ablation: bool,
    plot: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score the crew on each SUITE: a folder or file of requests, repositories or published infrastructure tasks.

    Without one, the suite that ships: requests and small repositories, written for this project by its authors.
    docs/evaluation.md has the forms, what is counted, and figures.
    """
    from hug_agents.evaluate.crew import ablation as arms_of
    from hug_agents.evaluate.crew import full
    from hug_agents.evaluate.run import evaluate
    from hug_agents.evaluate.suite import load
    from hug_agents.settings import Settings

    if references and ablation:
        raise click.UsageError("--references asks no model: there is nothing to compare")
    suite = load(suites, split=None if split == "all" else split, limit=limit)  # type: ignore[arg-type]
    name = model or Settings.load().model
    arms = arms_of(name, base_url) if ablation else (full(name, base_url),)
    reports = []
    for arm in arms:
        with _progress(quiet or as_json, arm.name) as tell:
            reports.append(evaluate(suite, arm, gates=gates, rounds=rounds, references=references, progress=tell))
    if plot is not None:
        from hug_agents.evaluate.plot import plot as draw

        draw(tuple(reports), plot)
    if as_json:
        heading = {"suite": suite.name, "split": split, "cases": len(suite)}
        print_json({**heading, "reports": [report.to_json() for report in reports]})
        return
    _print(tuple(reports), split, quiet=quiet)
    if plot is not None:
        click.echo(f"\nwritten: {plot}")


@contextmanager
def _progress(quiet: bool, arm: str) -> Iterator[Progress | None]:
    """A bar on standard error, where a person is watching."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import Progress as Bar

    with Bar(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(arm, total=None)
        yield lambda id, done, total: bar.update(task, description=f"{arm}: {id}", completed=done, total=total)


def _print(reports: tuple[Report, ...], split: str, *, quiet: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    out = console()
    first = reports[0]
    counts = (("requests", first.requests), ("repositories", first.repositories), ("tasks", first.tasks))
    shown = ", ".join(f"{len(rows)} {name}" for name, rows in counts if rows)
    out.print(Text(f"{first.suite} ({split}): {shown}", "bold"))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for report in reports:
        table.add_column(f"{report.arm}\n{report.model}", justify="right")
    for name in first.figures():
        table.add_row(name, *(_share(report.figures()[name]) for report in reports))
    for row in range(max(len(report.by_round()) for report in reports)):
        for stage in ("parses", "validates", "plans", "intent", "security"):
            cells = [report.by_round()[row][stage] if row < len(report.by_round()) else None for report in reports]
            table.add_row(f"{stage}, {f'after repair {row}' if row else 'at first'}", *map(_share, cells))
    table.add_row(
        "tokens in, out", *(f"{item.usage().input_tokens:,}, {item.usage().output_tokens:,}" for item in reports)
    )
    table.add_row("seconds", *(f"{report.seconds:.1f}" for report in reports))
    out.print(table)
    for reason, count in {key: value for report in reports for key, value in report.skipped().items()}.items():
        out.print(Text(f"  not told, {count}: {reason}", "yellow"), soft_wrap=True)
    for report in reports:
        for error in report.errors():
            out.print(Text(f"  {report.arm}: {' '.join(error.split())[:200]}", "red"), soft_wrap=True)
    if not quiet and len(reports) == 1:
        for line in _faults(first):
            out.print(Text(f"  {line}"), soft_wrap=True)


def _share(share: Any) -> str:
    if share is None or share.percent is None:
        return "-"
    return f"{share.percent:.1f} %  {share.count}/{share.of}"


def _faults(report: Report) -> Iterator[str]:
    """What went wrong, case by case."""
    for score in report.requests:
        for field in score.fields:
            if field.outcome != "right" or field.forged:
                said = f"expected {field.expected}, found {field.found}"
                words = f" from {' '.join(field.quote.split())[:80]!r}" if field.quote else ""
                yield f"{score.case}  {'forged' if field.forged else field.outcome}  {field.path}: {said}{words}"
        yield from (f"{score.case}  not asked  {item}" for item in score.questions.missing)
        yield from (f"{score.case}  asked too much  {item}" for item in score.questions.extra)
    for facts in report.repositories:
        yield from (f"{facts.case}  missing  {item}" for item in facts.missing)
        yield from (f"{facts.case}  wrong  {item}" for item in facts.wrong)
    for task in report.tasks:
        for stage in task.rounds[-1].stages if task.rounds else ():
            yield from (f"{task.case}  {stage.name}  {' '.join(item.split())[:200]}" for item in stage.findings[:3])
