"""`hug drill`: rehearse a rollback, now or when the policy says that it is time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from hug_agents.cli.common import common, finish
from hug_agents.cli.console import as_object, complain, console, print_json, progress
from hug_agents.errors import HugError, UsageError
from hug_agents.execute.faults import FaultKind

if TYPE_CHECKING:
    from hug_agents.release import Release
    from hug_agents.rollout.drill import DrillReport


@click.command("drill")
@click.argument("release", required=False)
@click.option("--fault", type=click.Choice(get_args(FaultKind)), help="What is injected; default: what the target can.")
@click.option("--due", is_flag=True, help="Begin a drill for every application whose schedule in the policy says so.")
@click.option("--as", "requester", metavar="ID", help="Who asks, with --due. The requester signs nothing.")
@click.option(
    "--max-age", type=click.IntRange(min=1), metavar="HOURS", help="Only where no drill of the bundle passed so lately."
)
@common
def command(
    release: str | None,
    fault: FaultKind | None,
    due: bool,
    requester: str | None,
    max_age: int | None,
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Walk the way back of RELEASE's bundle in staging, once its drill is signed, and show how it went.

    A release that has ended is rehearsed anew, under signatures of its own. How old a drill may be at Go/No-Go, the policy
    says: `drill_max_age_hours`. `--due` is for a timer: it begins the drills
    that the policy's `drills.schedule` asks for, and prints what waits for people (exit code 5; 1 where one could not be
    begun; 0: none is due).
    """
    from hug_agents.release import Release

    if due == (release is not None):
        raise click.UsageError("name a RELEASE, or give --due")
    if due and max_age:
        raise click.UsageError("--max-age goes with a RELEASE; what is due the policy's schedule says")
    if due:
        return _due(requester, fault, store, policy, as_json)
    assert release is not None  # looked at above
    with progress(quiet=as_json) as show:
        found = Release.open(release, store=store, policy=policy, fault=fault, progress=show)
        if max_age and (passed := found.rehearsed_within(max_age)):
            return _lately(found, passed, max_age, as_json)
        if found.status().stage == "ended":
            if not requester:
                raise click.UsageError("the release has ended; say who asks for a drill of it: --as ID")
            found = found.rehearse(requester, fault=fault, progress=show)
        status = found.resume()
        report = found.drilled()
    if report and fault and report.fault != fault:
        raise UsageError(
            f"the drill of this bundle has injected {report.fault or 'nothing'}, and not {fault}",
            where=found.id,
            hint=f"when the release has ended, another kind: hug drill {found.id} --fault {fault} --as ID",
        )
    if report is None and fault and not as_json:
        console(stderr=True).print(f"not run yet; once it is signed, again: hug drill {found.id} --fault {fault}")
    if report and not as_json:
        print_drill(report)
    return finish(status, as_json, drill=report)


def _lately(release: Release, passed: str, max_age: int, as_json: bool) -> int:
    if as_json:
        print_json({"release": release.id, "passed": passed, "max_age_hours": max_age})
    else:
        console().print(f"passed at {passed}, not {max_age} h ago: nothing was begun")
    return 0


def _due(requester: str | None, fault: FaultKind | None, store: Path | None, policy: Path | None, as_json: bool) -> int:
    from hug_agents.release import drills_due

    if not requester:
        raise click.UsageError("say who asks: --as ID")
    begun: list[Release] = []
    failed: list[tuple[str, HugError]] = []
    with progress(quiet=as_json) as show:
        for item in drills_due(store=store, policy=policy):
            try:
                begun.append(item.rehearse(requester, fault=fault, progress=show))
            except HugError as error:  # of one application: the others are due all the same
                failed.append((item.id, error))
    if as_json:
        print_json(
            {
                "begun": [item.status().model_dump(mode="json") for item in begun],
                "failed": [{"release": name, "error": as_object(why)} for name, why in failed],
            }
        )
    for item in begun if not as_json else ():
        console().print(f"begun [cyan]{item.id}[/]: hug inbox shows who may sign")
    for name, why in failed:
        why.add_note(f"the drill of {name} is due, and was not begun")
        complain(why)
    if not begun and not failed and not as_json:
        console().print("no drill is due")
    return 1 if failed else 5 if begun else 0


def print_drill(report: DrillReport) -> None:
    """A drill as a person sees it: each phase, how it ended, how long it took."""
    from rich.table import Table
    from rich.text import Text

    from hug_agents.approve.review import visible

    table = Table("phase", "", "seconds", "", box=None, header_style="bold", pad_edge=False)
    for phase in report.phases:
        colour = "green" if phase.passed else "red"
        table.add_row(
            phase.name, Text(phase.outcome, colour), f"{phase.seconds:.1f}", Text(visible(phase.detail)[:100], "dim")
        )
    console().print(table)
