"""Write again what docs/ takes from the code: the CLI reference, the diagram of the graph. `--check` only compares."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from hug_agents.cli import COMMANDS, cli
from hug_agents.store import Store
from hug_agents.workflow import Crew
from hug_agents.workflow.graph import draw

DOCS = Path(__file__).parent
ROOT = DOCS.parent


def cli_reference() -> str:
    """Every command's `--help`, as it prints it."""
    parts = ["# CLI reference\n\nWritten by `make docs` from the commands' own help.\n"]
    with click.Context(cli, info_name="hug", max_content_width=100, terminal_width=100) as context:
        parts.append(f"## hug\n\n```text\n{cli.get_help(context)}\n```\n")
        for name in COMMANDS:
            command = cli.get_command(context, name)
            assert command is not None
            with click.Context(command, info_name=name, parent=context, terminal_width=100) as inner:
                parts.append(f"## hug {name}\n\n```text\n{command.get_help(inner)}\n```\n")
    return "\n".join(parts)


def diagram() -> str:
    """The release graph, drawn by LangGraph."""
    with tempfile.TemporaryDirectory() as folder:
        return draw(Crew(store=Store(Path(folder))))


GENERATED = {DOCS / "cli.md": cli_reference, ROOT / "graphs" / "release.mmd": diagram}


def main() -> int:
    """Write the files, or name those that are stale."""
    stale = [
        path for path, make in GENERATED.items() if not path.exists() or path.read_text(encoding="utf-8") != make()
    ]
    if "--check" in sys.argv:
        print("\n".join(f"stale: {path.relative_to(ROOT)}; run `make docs`" for path in stale))
        return 1 if stale else 0
    for path in stale:
        path.write_text(GENERATED[path](), encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
