"""`hug systems`: what is supported, how far, and what goes together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hug_agents.cli.console import console, print_json

if TYPE_CHECKING:
    from hug_agents.systems import System


@click.command("systems")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """List the systems of the mission, how far each is supported, and what each does not go without.

    \b
    planned     not written yet; asking for it is refused by name
    generated   files are written
    validated   and the real tool of its kind checks them
    emulated    and hug can carry them out; tried against a stand-in of the server only
    operated    and hug can carry them out; tried against the real thing, or its maker's own model of it
    """
    from hug_agents.combinations import needs
    from hug_agents.systems import systems

    if as_json:
        print_json({"systems": [_row(system) for system in systems().values()]})
        return
    from rich.table import Table

    table = Table("family", "system", "id", "level", "validated by", "operated against", box=None, pad_edge=False)
    table.header_style = "bold"
    colours = {
        "planned": "dim",
        "generated": "yellow",
        "validated": "green",
        "emulated": "cyan",
        "operated": "bold green",
    }
    for system in systems().values():
        note = f"{system.name} ({system.note})" if system.note else system.name
        level = f"[{colours[system.level]}]{system.level}[/]"
        table.add_row(system.family, note, system.id, level, ", ".join(system.validators), system.against)
    out = console()
    out.print(table)
    out.print("\n[bold]What does not go alone[/]")
    for system in systems().values():
        for need in needs(system.id):
            out.print(f"{system.name}: {need.reason}. Nearest: {need.nearest}", style="dim")


def _row(system: System) -> dict[str, object]:
    from hug_agents.combinations import needs

    return {
        **system.model_dump(mode="json"),
        "generated": system.level != "planned",
        "needs": [need.model_dump(mode="json") for need in needs(system.id)],
    }
