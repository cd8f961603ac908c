"""`hug demo`: whole releases of a small real application on this machine, from the request to the rollback."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hug_agents.cli.console import console, print_json
from hug_agents.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from hug_agents.demonstration.summary import Summary
    from hug_agents.demonstration.traffic import Counted


@click.command("demo")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("hug-demo"), show_default=True, help="The run's folder."
)
@click.option("--interactive", is_flag=True, help="Decide at each checkpoint yourself, in the reviewers' place.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object at the end; the story goes to standard error."
)
def command(out: Path, interactive: bool, as_json: bool) -> int:
    """Release payments-api, a small FastAPI application, on this machine: twice, and the second has a hidden fault.

    Request, bundle, gates, four checkpoints with real keys, staging, a rollback drill, a canary under traffic; then the fault
    is caught and taken back by itself. No account, no network. Ctrl-C ends it at any time, and nothing is left running.

    Exit codes: 0 it went as told, or you rejected a release; 1 it did not, and what is said.
    """
    from importlib.util import find_spec

    if missing := [name for name in ("fastapi", "uvicorn", "psutil", "prometheus_client") if find_spec(name) is None]:
        raise MissingExtra(f"hug demo ({', '.join(missing)})", "demo")
    if interactive and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("--interactive needs a terminal")
    screen = console(stderr=as_json)
    found = _play(out, screen, interactive=interactive)
    if as_json:
        print_json(found.model_dump(mode="json"))
    return 1 if found.problems else 0


def _play(out: Path, screen: Console, *, interactive: bool) -> Summary:
    from hug_agents.cli.narrator import AtTheTerminal, Narrator
    from hug_agents.demonstration.reviewing import ByTheBook, Reviewing
    from hug_agents.demonstration.site import REVIEWERS, Site
    from hug_agents.demonstration.story import Story, default_acts

    with ExitStack() as stack:
        spinner = stack.enter_context(screen.status("making keys and a policy")) if screen.is_terminal else None
        site = stack.enter_context(Site(out))
        if spinner:
            stack.callback(lambda: spinner.update("stopping what runs"))
        screen.print(f"[bold]hug demo[/]  in {site.root}", soft_wrap=True)
        for item in REVIEWERS:
            screen.print(f"  {item.name:12} {item.role}", style="dim")
        screen.print("  a key each, made for this run; governance.yaml says what each may sign", style="dim")
        reviewing: Reviewing = AtTheTerminal(screen, spinner) if interactive else ByTheBook()

        def counted() -> Counted | None:
            return story.counted()

        narrator = Narrator(screen, spinner, counted)
        story = Story(site, reviewing, narrator)
        found = story.play(default_acts())
        if spinner:
            spinner.update("stopping what runs")
        site.stop()
        if spinner:
            spinner.stop()
        narrator.close(found)
        site.write("summary.json", found.model_dump_json(indent=1) + "\n")
        if not screen.stderr:
            _commands(screen, site.store, site.policy_file)
        _last_words(screen, found)
        return found


def _commands(screen: Console, store: Path, policy: Path) -> None:
    """What one may ask such a store, as anybody would type it."""
    from hug_agents.cli import COMMANDS, cli

    asked = [["audit", "verify", "--store", str(store), "--keys", str(policy)]]
    if "metrics" in COMMANDS:
        asked.insert(0, ["metrics", "--store", str(store)])
    for words in asked:
        shown = [_near(word) for word in words]
        screen.print(f"\n[bold]$ hug {' '.join(shown)}[/]", soft_wrap=True)
        cli.main(args=words, prog_name="hug", standalone_mode=False)


def _near(word: str) -> str:
    """A path as one would type it here."""
    path = Path(word)
    return str(path.relative_to(Path.cwd())) if path.is_absolute() and path.is_relative_to(Path.cwd()) else word


def _last_words(screen: Console, found: Summary) -> None:
    how = {
        "as told": "[bold green]It went as told[/]",
        "as decided": "[bold yellow]It ended with your rejection[/]",
        "otherwise": "[bold red]It did not go as told[/]",
    }[found.status]
    screen.print(f"\n{how} in {found.seconds:.0f} s. Nothing is left running; the folder has everything else:")
    folder = _near(found.folder)
    last = found.parts[-1] if found.parts else None
    lines = [f"hug audit show --store {folder}/store"]
    if last is not None:
        lines = [
            f"{folder}/bundle-{last.version}/docs/deployment-plan.md",
            f"hug release show {last.release} --store {folder}/store --policy {folder}/governance.yaml",
            *lines,
        ]
    for line in lines:
        screen.print(f"  {line}", style="dim", soft_wrap=True)
