"""`hug inbox`: what waits for people, the longest waiting first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hug_agents.cli.common import WAITING, common
from hug_agents.cli.console import console, print_json

if TYPE_CHECKING:
    from hug_agents.approve.resolution import Matter
    from hug_agents.execute.deletion import Deletion


@click.command("inbox")
@click.option("--as", "person", default="", metavar="ID", help="Only what this person may decide.")
@common
def command(person: str, store: Path | None, policy: Path | None, as_json: bool) -> int:
    """List every packet that waits for a decision, and whose, and what else waits for a word. Exit code 5 when there is one."""
    from hug_agents.release import deletions, inbox, matters

    found = inbox(store=store, policy=policy, person=person)
    asked = matters(store=store, policy=policy)
    gone = deletions(store=store, policy=policy, person=person)
    if as_json:
        print_json(
            {
                "waiting": [
                    {
                        "release": item.packet.release,
                        "checkpoint": item.packet.checkpoint,
                        "environment": item.packet.environment.name,
                        "risk": item.packet.risk.tier,
                        "packet": item.packet.digest(),
                        "since": item.since,
                        "missing": [missing.model_dump(mode="json") for missing in item.standing.missing],
                    }
                    for item in found
                ],
                "matters": [item.model_dump(mode="json") | {"choices": list(item.choices)} for item in asked],
                "deletions": [{"plan": item.listed, **item.model_dump(mode="json")} for item in gone],
            }
        )
        return WAITING if found or asked or gone else 0
    _print_matters(asked)
    _print_deletions(gone)
    if not found and (asked or gone):
        return WAITING
    if not found:
        console().print("[green]nothing waits[/]" + (f" for {person}" if person else ""))
        return 0
    from rich.table import Table
    from rich.text import Text

    names = ("since", "release", "checkpoint", "for", "risk", "waits for")
    table = Table(*names, box=None, header_style="bold", pad_edge=False)
    colours = {"low": "green", "standard": "default", "high": "yellow", "destructive": "red"}
    for item in found:
        packet = item.packet
        missing = "; ".join(
            one.text + (f" ({' or '.join(one.who)})" if one.who else "") for one in item.standing.missing
        )
        table.add_row(
            item.since,
            Text(packet.release, "cyan"),
            packet.checkpoint,
            packet.environment.name,
            Text(packet.risk.tier, colours[packet.risk.tier]),
            Text(missing),
        )
    console().print(table)
    console().print("  hug decide RELEASE approve --key NAME", style="dim")
    return WAITING


def _print_matters(asked: tuple[Matter, ...]) -> None:
    from hug_agents.approve.review import visible

    for item in asked:
        head = f"[bold yellow]?[/] [cyan]{item.release}[/] in {item.environment}: {item.kind.replace('_', ' ')}"
        console().print(head)
        console().print(f"  {visible(item.evidence)[:300]}", markup=False)
        console().print(
            f"  hug release settle {item.release} {'|'.join(item.choices)} --key NAME --reason …", style="dim"
        )


def _print_deletions(gone: tuple[Deletion, ...]) -> None:
    for item in gone:
        console().print(f"[bold yellow]?[/] [cyan]{item.place}[/]: {item.requester} asks to delete {len(item.names)}")
        console().print(f"  hug registry sign {item.listed} --key NAME --reason …", style="dim", soft_wrap=True)
