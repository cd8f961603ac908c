"""`hug doctor`: which tools are here, their versions, and what the absence of the others means."""

from __future__ import annotations

import platform

import click

from hug_agents import __version__
from hug_agents.cli.console import console, print_json


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> int:
    """Look for every tool that a gate runs. Exit code 0 if all are here, 1 if one is missing."""
    from hug_agents.validate.tools import inspect

    states = inspect()
    missing = [state for state in states if not state.found]
    if as_json:
        print_json(
            {
                "hug": __version__,
                "python": platform.python_version(),
                "tools": [
                    {
                        **state.tool.model_dump(mode="json"),
                        "found": state.found,
                        "version": state.version,
                        "path": state.path,
                    }
                    for state in states
                ],
            }
        )
        return 1 if missing else 0
    from rich.table import Table
    from rich.text import Text

    out = console()
    out.print(f"hug {__version__}, Python {platform.python_version()}\n")
    table = Table("", "tool", "version", "if it is missing", box=None, header_style="bold", pad_edge=False)
    for state in states:
        mark = "[green]✓[/]" if state.found else "[yellow]-[/]"
        lack = "" if state.found else f"{state.tool.absence}; install with {state.tool.install}"
        table.add_row(mark, state.tool.program, state.version, Text(lack))
    out.print(table)
    count = len(missing)
    out.print(
        f"\n{count} missing: their gates are skipped, and a skipped gate is not a pass" if count else "\nall here"
    )
    return 1 if missing else 0
