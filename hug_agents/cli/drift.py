"""`hug drift`: whether what runs is what was put there last."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hug_agents.cli.common import common
from hug_agents.cli.console import console, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from hug_agents.measure.drift import DriftCheck

_COLOURS = {"none": "green", "unknown": "yellow", "drifted": "bold red"}
_CODES = {"none": 0, "unknown": 1, "drifted": 3}


@click.command("drift")
@click.argument("release", required=False, default="")
@click.option("--application", default="", help="Only of this application.")
@click.option("--environment", default="", help="Only in this environment.")
@click.option("--target", default="", help="Ask this target; default: the one that carried the release out.")
@common
def command(
    release: str,
    application: str,
    environment: str,
    target: str,
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Compare what runs with what was put there last: of RELEASE, of an application, or everywhere.

    Changes nothing but the log, which the drift rate is counted from; a timer may call it as often as it likes.
    Exit codes: 0 no drift; 3 drifted; 1 it could not be told.
    """
    from hug_agents.measure.drift import look, places
    from hug_agents.office import open_office
    from hug_agents.settings import Settings
    from hug_agents.store import Store

    office = open_office(Store(store or Settings.load().home), policy=policy)
    wanted = places(office, release=release, application=application, environment=environment)
    checks = [look(office, item, target=target) for item in wanted]
    worst = max(checks, key=lambda item: _CODES[item.status]).status
    if as_json:
        print_json({"status": worst, "checks": [item.model_dump(mode="json") for item in checks]})
        return _CODES[worst]
    print_checks(console(), checks)
    return _CODES[worst]


def print_checks(out: Console, checks: Iterable[DriftCheck]) -> None:
    """Each look as a line, and below it what differs, or why it could not be told."""
    from rich.text import Text

    from hug_agents.approve.review import visible

    for check in checks:
        line = Text(check.status if check.status != "none" else "no drift", _COLOURS[check.status])
        line.append(f"  {check.application} in {check.environment}, release {check.release}, {check.target}", "default")
        out.print(line, soft_wrap=True)
        for change in check.changes:
            out.print(Text(f"  {change.kind}: {visible(change.subject)}"), soft_wrap=True)
        if check.evidence and check.status != "none":
            out.print(Text(f"  {visible(check.evidence)}", "dim"), soft_wrap=True)
