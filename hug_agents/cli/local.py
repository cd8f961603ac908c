"""`hug local`: what the target `local` runs on this machine."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hug_agents.cli.console import console, print_json
from hug_agents.errors import UsageError

if TYPE_CHECKING:
    from hug_agents.adapters.local.state import World

_STORE = click.option("--store", type=click.Path(path_type=Path), help="The folder of what lasts; default .hug")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_APPLICATION = click.option("--application", default="", help="Only of this application.")
_ENVIRONMENT = click.option("--environment", default="", help="Only in this environment.")


@click.group("local")
def command() -> None:
    """Look at what runs on this machine, read its logs, stop it."""


@command.command("status")
@_APPLICATION
@_ENVIRONMENT
@_STORE
@_JSON
def status(application: str, environment: str, store: Path | None, as_json: bool) -> None:
    """List every replica with its version, its share of the traffic and its state."""
    rows = [row for world in _worlds(store, application, environment) for row in _rows(world)]
    if as_json:
        print_json({"replicas": rows})
        return
    if not rows:
        console().print("nothing runs here")
    for (name, where), found in groupby(rows, key=lambda row: (row["application"], row["environment"])):
        _print_world(f"{name} in {where}", list(found))


def _print_world(title: str, rows: list[dict[str, Any]]) -> None:
    """What runs in one environment: where each service answers, then its replicas. Fits a narrow terminal."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    out = console()
    out.print(Text(title, "bold"))
    for service, url in dict.fromkeys((row["service"].partition(".")[0], row["url"]) for row in rows):
        if url:
            out.print(Text(f"  {service}  {url}", "cyan"), soft_wrap=True)
    table = Table("", "version", "share", "state", "restarts", "", box=None, header_style="dim", pad_edge=False)
    for row in rows:
        share = "-" if row["share"] is None else f"{row['share']} %"
        shown = (row["service"], row["version"], share, row["state"], str(row["restarts"]), row["detail"][:70])
        table.add_row(*(Text(str(item)) for item in shown))
    out.print(Padding(table, (0, 0, 0, 2), expand=False))


@command.command("logs")
@click.argument("application")
@click.argument("environment")
@click.option("--service", default="", help="Only of this service; `router` and `supervisor` have logs too.")
@click.option("--lines", default=50, show_default=True, help="Of each log, the last so many.")
@_STORE
def logs(application: str, environment: str, service: str, lines: int, store: Path | None) -> None:
    """Print the last lines of every replica, each with its service; secrets are masked."""
    from hug_agents.adapters.local.log_file import tail

    worlds = _worlds(store, application, environment)
    if not worlds:
        raise UsageError(f"{application} was never in {environment} here", hint="hug local status")
    files = sorted(worlds[0].logs.glob("*.log"), key=lambda path: path.stat().st_mtime)
    for path in files:
        name = path.name.removesuffix(".log")
        own = name.split(".")[0] == service if service else name not in ("router", "supervisor")
        if own:
            for line in tail(path, lines):
                click.echo(f"{name} | {line}")


@command.command("stop")
@_APPLICATION
@_ENVIRONMENT
@_STORE
@_JSON
def stop(application: str, environment: str, store: Path | None, as_json: bool) -> None:
    """Stop everything here. What was deployed stays written down: the next order brings it back."""
    from hug_agents.adapters.local import lifetime

    stopped = [world.root.name for world in _worlds(store, application, environment) if lifetime.stop(world)]
    if as_json:
        print_json({"stopped": stopped})
        return
    click.echo(f"stopped: {', '.join(stopped)}" if stopped else "nothing ran here")


def _worlds(store: Path | None, application: str, environment: str) -> list[World]:
    from hug_agents.adapters.local.state import World
    from hug_agents.settings import Settings

    root = store or Settings.load().home
    found = [World.at(folder.absolute()) for folder in sorted((root / "local").glob("*.*")) if folder.is_dir()]
    return [
        world for world in found if application in ("", world.application) and environment in ("", world.environment)
    ]


def _rows(world: World) -> list[dict[str, Any]]:
    from hug_agents.adapters.local import lifetime

    desired, observed = world.desired(), world.observed()
    if desired is None or observed is None or not lifetime.alive(world):
        return []
    labels = {version.bundle: version.label for version in desired.versions}
    rows = []
    for item in observed.replicas:
        weights = observed.weights.get(item.service, {})
        total = sum(weights.values())
        share = round(100 * weights.get(item.bundle, 0) / total) if total else None
        url = f"http://127.0.0.1:{desired.ports[item.service][0]}" if item.service in desired.ports else ""
        rows.append(
            {
                "application": world.application,
                "environment": world.environment,
                "service": f"{item.service}.{item.number}",
                "version": labels.get(item.bundle, item.bundle[7:19]),
                "share": share,
                "state": item.state,
                "url": url,
                "pid": item.pid,
                "restarts": item.restarts,
                "detail": item.detail,
            }
        )
    return rows
