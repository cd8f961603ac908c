"""Write again what docs/ takes from the code: the CLI reference, the gates, the diagram of the graph. `--check` only compares."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from hug_agents.cli import COMMANDS, cli
from hug_agents.render.templating import md
from hug_agents.store import Store
from hug_agents.validate.policy.pack import rules
from hug_agents.validate.registry import gates
from hug_agents.validate.tools import TOOLS
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
            parts.extend(_helps(command, name, context))
    return "\n".join(parts)


def _helps(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    """A command's help, then those of its own commands."""
    with click.Context(command, info_name=name, parent=parent, max_content_width=100, terminal_width=100) as context:
        yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                yield from _helps(found, inner, context)


def gate_reference() -> str:
    """Every gate with its tool, and every rule of the policy pack with its reason and remedy."""
    parts = [
        "# Gates\n\nWritten by `make docs` from the code. A gate whose tool is missing is skipped by name; that is not a pass.\n",
        "| gate | tool | how to get it |\n|---|---|---|",
        *(
            f"| {gate.name} | {gate.tool or 'our own'} | {TOOLS[gate.tool].install if gate.tool else ''} |"
            for gate in gates()
        ),
        "\n## The policy pack\n\nThe mission's five best practices (B) and five pitfalls (P) as rules over the spec and the files; "
        "rules (S) for what a CloudFormation template makes, which the gate `pulumi mocks` "
        "asks of a Pulumi program too; and rules (A) for what a language model wrote.",
    ]
    source = ""
    for rule in rules():
        if rule.source != source:
            source = rule.source
            parts.append(f"\n### {source}\n\n| rule | holds that | because | remedy |\n|---|---|---|---|")
        parts.append(f"| {rule.id} ({rule.severity}) | {md(rule.title)} | {md(rule.reason)} | {md(rule.remedy)} |")
    return "\n".join(parts) + "\n"


def diagram() -> str:
    """The release graph, drawn by LangGraph."""
    with tempfile.TemporaryDirectory() as folder:
        return draw(Crew(store=Store(Path(folder))))


GENERATED = {
    DOCS / "cli.md": cli_reference,
    DOCS / "gates.md": gate_reference,
    ROOT / "graphs" / "release.mmd": diagram,
}


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
