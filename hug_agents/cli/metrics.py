"""`hug metrics`: how deployments go, from the log alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from hug_agents.cli.console import console, print_json

if TYPE_CHECKING:
    from hug_agents.measure.metrics import Metrics, Scope
    from hug_agents.measure.timeline import Timeline

_FILE = click.Path(path_type=Path)
_STORE = click.option("--store", type=_FILE, help="The folder of what lasts; default .hug")


@click.group("metrics", invoke_without_command=True)
@click.option("--since", default="", metavar="WHEN", help="30d, 12h, 4w, a day or an instant; default: all time.")
@click.option("--application", default="", help="Only of this application.")
@click.option("--environment", default="", help="Only of this environment; default: production.")
@click.option("--plot", type=_FILE, metavar="FILE", help="Write a picture: .png, .svg or .pdf.")
@click.option("--serve", metavar="PORT|HOST:PORT", help="Answer Prometheus at /metrics until it is stopped.")
@_STORE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    context: click.Context,
    since: str,
    application: str,
    environment: str,
    plot: Path | None,
    serve: str | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Show success rate, time to deploy, recovery, change failures, drift and reviews beside their targets.

    Counted from the event log alone; docs/metrics.md has the formulas. What has no data says so.
    """
    if context.invoked_subcommand:
        context.obj = store
        return
    from hug_agents.approve.clock import system_clock
    from hug_agents.measure.metrics import begins, figures, ledger_of, scope_of
    from hug_agents.measure.timeline import Timeline

    scope = scope_of(system_clock, since=since, application=application, environment=environment)
    ledger = ledger_of(store)
    if serve:
        for name, value in {
            "--application": application,
            "--environment": environment,
            "--plot": plot,
            "--json": as_json,
        }.items():
            if value:
                raise click.UsageError(f"{name} and --serve: a server shows everything, told apart by labels")
        from hug_agents.measure.exposition import Exposition, Server, address

        host, port = address(serve)
        server = Server(Exposition(ledger, system_clock, lambda now: begins(since, now)), host, port)
        click.echo(f"http://{server.host}:{server.port}/metrics", err=True)
        server.wait()
        return
    timeline = Timeline().follow(ledger)
    found = figures(timeline, scope)
    if unknown := found.deployments == 0 and _unknown(timeline, scope):
        console(stderr=True).print(f"[yellow]note:[/] {escape(unknown)}", soft_wrap=True)
    if plot:
        _plot(timeline, scope, plot, quiet=as_json)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _print(found)


@command.command("incident")
@click.argument("release")
@click.option("--as", "by", required=True, metavar="ID", help="Who notes it.")
@click.option("--note", required=True, help="What happened; it stands in the ledger.")
@click.option("--environment", default="", help="Where; default: the release's production environment.")
@click.option("--resolved", is_flag=True, help="Service is restored: the incident is over.")
@_STORE
@click.option("--policy", type=_FILE, help="The governance policy; default governance.yaml")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def incident(
    given: Path | None,
    release: str,
    by: str,
    note: str,
    environment: str,
    resolved: bool,
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> None:
    """Note that RELEASE caused an incident, or that it is over. It counts as a failed change."""
    from hug_agents.measure.incidents import note_incident
    from hug_agents.office import open_office
    from hug_agents.settings import Settings
    from hug_agents.store import Store

    office = open_office(Store(store or given or Settings.load().home), policy=policy)
    entry = note_incident(office, release, by=by, note=note, environment=environment, resolved=resolved)
    if as_json:
        print_json({"status": "resolved" if resolved else "noted", "entry": entry.seq, "time": entry.time})
    else:
        console().print(f"[green]{'resolved' if resolved else 'noted'}[/], ledger entry {entry.seq}")


def _unknown(timeline: Timeline, scope: Scope) -> str:
    """A name that the log has never had is told: perhaps it was misspelt."""
    names = {
        "application": (scope.application, {item.application for item in timeline.roles}),
        "environment": (scope.environment, {item.environment for item in timeline.roles}),
    }
    for kind, (wanted, known) in names.items():
        listed = ", ".join(sorted(filter(None, known)))
        if wanted and listed and wanted not in known:
            return f"there is no {kind} {wanted[:60]!r} in this log; there are: {listed}"
    return ""


def _plot(timeline: Timeline, scope: Scope, path: Path, *, quiet: bool) -> None:
    from hug_agents.measure.plots import plot

    plot(timeline, scope, path)
    if not quiet:
        console(stderr=True).print(f"[green]written[/] {path}")


def _print(found: Metrics) -> None:
    from rich.table import Table
    from rich.text import Text

    out = console()
    out.print(Text(found.heading, "bold"))
    table = Table("metric", "value", "target", "", "made of", box=None, header_style="bold", pad_edge=False)
    marks = {True: Text("met", "green"), False: Text("not met", "bold red"), None: Text("")}
    for item in found.figures:
        style = "dim" if item.value is None else {True: "green", False: "red", None: "cyan"}[item.met]
        table.add_row(
            item.title, Text(item.shown, style), item.target, marks[item.met], Text(item.basis, "dim"),
        )  # fmt: skip
    out.print(table)
