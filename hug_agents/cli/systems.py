"""`hug systems`: what is supported, and how far."""

from __future__ import annotations

import click

from hug_agents.cli.console import console, print_json
from hug_agents.systems import systems


@click.command("systems")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """List the systems of the mission, and how far each is supported.

    \b
    planned     not written yet; asking for it is refused by name
    generated   files are written
    validated   and the real tool of its kind checks them
    operated    and hug can carry them out
    """
    if as_json:
        print_json({"systems": [system.model_dump(mode="json") for system in systems().values()]})
        return
    from rich.table import Table

    table = Table("family", "system", "id", "level", "checked by", box=None, header_style="bold", pad_edge=False)
    colours = {"planned": "dim", "generated": "yellow", "validated": "green", "operated": "bold green"}
    for system in systems().values():
        note = f"{system.name} ({system.note})" if system.note else system.name
        level = f"[{colours[system.level]}]{system.level}[/]"
        table.add_row(system.family, note, system.id, level, ", ".join(system.validators))
    console().print(table)
