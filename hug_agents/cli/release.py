"""`hug release`: begin a governed release, look at it, move it, change it, end it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hug_agents.cli.asking import model_options, read_choice
from hug_agents.cli.console import console, print_json, progress
from hug_agents.cli.files import read_text
from hug_agents.errors import UsageError

if TYPE_CHECKING:
    from hug_agents.approve.checkpoints import Checkpoint
    from hug_agents.plans import Role
    from hug_agents.release import Release
    from hug_agents.status import Status

_FILE = click.Path(path_type=Path)
WAITING = 5
"""The exit code while people have to decide."""
_CODES = {
    "questions": 4,
    "checkpoint": WAITING,
    "blocked": WAITING,
    "attention": WAITING,
    "moving": 0,
    "interrupted": 1,
}


def common(function: Any) -> Any:
    """The options of every command that looks into a store."""
    for option in (
        click.option("--store", type=_FILE, help="The folder of what lasts; default .hug"),
        click.option("--policy", type=_FILE, help="The governance policy; default governance.yaml"),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
    ):
        function = option(function)
    return function


def signer(*, required: bool = False) -> Callable[[Any], Any]:
    """The options of every command that signs: with which key, and as whom. `required`: it does nothing else."""

    def options(function: Any) -> Any:
        function = click.option(
            "--as", "reviewer", metavar="ID", help="Who signs; default: whose key it is in the policy."
        )(function)
        return click.option("--key", required=required, help="Your key: a name of `hug keys list`, or a file.")(
            function
        )

    return options


class _WithSteering(click.Group):
    """The commands of this file, and those of `hug_agents.cli.steer`, imported when they are called."""

    _MORE = ("pause", "abort", "settle")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self._MORE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._MORE:
            from hug_agents.cli import steer

            command: click.Command = getattr(steer, cmd_name)
            return command
        return super().get_command(ctx, cmd_name)


@click.group("release", cls=_WithSteering)
def command() -> None:
    """Begin a release, see where it stands, and move it as far as people have signed.

    Exit codes: 0 released; 1 failed or rejected; 4 questions to answer; 5 waiting for people.
    """


@command.command("start")
@click.argument("request_text", metavar="REQUEST", required=False)
@click.option("--run", help="Release the bundle of this run of `hug generate`.")
@click.option("--repo", metavar="DIR|URL", help="A folder or git URL to read facts from; nothing in it is run.")
@click.option("--as", "requester", required=True, metavar="ID", help="Who asks. The requester signs nothing.")
@click.option("--target", required=True, help="What carries it out, e.g. write:../infrastructure (a git repository).")
@click.option("--id", "name", help="A name for the release.")
@click.option("--answer", "answers", multiple=True, metavar="ID=VALUE", help="An answer. May be repeated.")
@click.option("--checks", type=_FILE, help="Smoke tests and the analysis of rollouts, YAML.")
@model_options
@common
def start(
    request_text: str | None,
    run: str | None,
    repo: str | None,
    requester: str,
    target: str,
    name: str | None,
    answers: tuple[str, ...],
    checks: Path | None,
    models: tuple[str, ...],
    base_urls: tuple[str, ...],
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Begin a release from REQUEST, or from a bundle that `hug generate` made (--run)."""
    from hug_agents.cli.generate import read_checks
    from hug_agents.release import Release
    from hug_agents.request import Choices

    if (request_text is None) == (run is None):
        raise click.UsageError("give a REQUEST, or --run")
    if checks and run:
        raise click.UsageError("--checks is read with a REQUEST; give it to hug generate")
    with progress(quiet=as_json) as show:
        made = Release.start(
            request_text,
            run=run,
            repo=repo,
            requester=requester,
            target=target,
            release=name,
            answers=_answers(answers),
            choices=Choices(checks=read_checks(checks)),
            **read_choice(models, base_urls),
            store=store,
            policy=policy,
            progress=show,
        )
    return finish(made.status(), as_json)


@command.command("show")
@click.argument("release")
@click.option("--review", is_flag=True, help="The whole review packet as Markdown, with the diff.")
@common
def show(release: str, review: bool, store: Path | None, policy: Path | None, as_json: bool) -> int:
    """Show where a release stands, what it waits for, who may decide, and what was decided."""
    from hug_agents.release import Release

    found = Release.open(release, store=store, policy=policy)
    if review:
        packet = found.review()
        if as_json:
            print_json({"packet": packet.packet.model_dump(mode="json"), "digest": packet.packet.digest()})
        else:
            click.echo(packet.markdown())
        return WAITING
    return finish(found.status(), as_json)


@command.command("list")
@click.option("--open", "open_only", is_flag=True, help="Only those that have not ended.")
@click.option("--limit", default=50, show_default=True, help="The newest so many.")
@common
def list_(open_only: bool, limit: int, store: Path | None, policy: Path | None, as_json: bool) -> None:
    """List the releases, newest first."""
    from hug_agents.release import releases

    found = releases(store=store, open_only=open_only, limit=limit)
    if as_json:
        print_json({"releases": [item.model_dump(mode="json") for item in found]})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(
        "release", "application", "by", "begun", "outcome", "request", box=None, header_style="bold", pad_edge=False
    )
    for item in found:
        outcome = Text(item.outcome or "open", _colour(item.outcome or "open"))
        table.add_row(
            Text(item.id, "cyan"), item.application, item.requester, item.begun, outcome, Text(item.title[:60])
        )
    console().print(table if found else "no release yet: hug release start")


@command.command("resume")
@click.argument("release")
@click.option("--answer", "answers", multiple=True, metavar="ID=VALUE", help="An answer. May be repeated.")
@click.option("--model", help="Go on with this model.")
@common
def resume(
    release: str, answers: tuple[str, ...], model: str | None, store: Path | None, policy: Path | None, as_json: bool
) -> int:
    """Go on as far as the ledger allows: after decisions, answers, or a crash."""
    from hug_agents.release import Release

    with progress(quiet=as_json) as show:
        found = Release.open(release, store=store, policy=policy, model=model, progress=show)
        status = found.resume(_answers(answers))
    return finish(status, as_json)


@command.command("edit")
@click.argument("release")
@click.option("--as", "by", required=True, metavar="ID", help="Who edits; it stands in the packet.")
@click.option("--set", "fields", multiple=True, metavar="PATH=VALUE", help="A value of the spec. May be repeated.")
@click.option("--file", "files", multiple=True, metavar="PATH=LOCAL", help="A file of the bundle from a local one.")
@click.option("--remove", multiple=True, metavar="PATH", help="A file of the bundle to take out.")
@click.option("--comment", default="", help="What for.")
@common
def edit(
    release: str,
    by: str,
    fields: tuple[str, ...],
    files: tuple[str, ...],
    remove: tuple[str, ...],
    comment: str,
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Change values or files by hand: gated anew, named anew, signed anew."""
    import json

    from hug_agents.release import Release

    values: dict[str, Any] = {}
    for path, word in _pairs(fields, "--set").items():
        try:
            values[path] = json.loads(word)
        except ValueError:
            values[path] = word
    contents: dict[str, str | None] = dict.fromkeys(remove)
    for path, local in _pairs(files, "--file").items():
        contents[path] = read_text(Path(local))
    if not values and not contents:
        raise click.UsageError("nothing to edit: --set, --file or --remove")
    with progress(quiet=as_json) as show:
        found = Release.open(release, store=store, policy=policy, progress=show)
        status = found.edit(by=by, fields=values, files=contents, comment=comment)
    return finish(status, as_json)


@command.command("waive")
@click.argument("release")
@click.argument("finding", required=False)
@signer()
@click.option("--reason", help="Why the finding may stand.")
@click.option("--days", default=7, show_default=True, help="How long.")
@common
def waive(
    release: str,
    finding: str | None,
    key: str | None,
    reviewer: str | None,
    reason: str | None,
    days: int,
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Let one finding of one bundle stand, as a Security Engineer. Without FINDING: list them."""
    from hug_agents.cli.keys import load_key
    from hug_agents.release import Release

    found = Release.open(release, store=store, policy=policy)
    if finding is None:
        listed = found.findings()
        if as_json:
            print_json({"findings": {name: item.model_dump(mode="json") for name, item in listed.items()}})
        for name, item in listed.items() if not as_json else ():
            click.echo(f"{name[7:19]}  {item.file}:{item.line}  {item.rule}  {item.message}")
        return 0
    if not key or not reason:
        raise click.UsageError("a waiver needs --key and --reason")
    signing = load_key(key)
    who = reviewer or found.owner_of(signing.public)
    entry = found.waive(finding, reviewer=who, key=signing, reason=reason, days=days)
    if as_json:
        print_json({"status": "waived", "entry": entry.seq, "by": who})
    else:
        console().print(f"[green]waived[/] by {who}, ledger entry {entry.seq}; next: hug release resume {release}")
    return 0


@command.command("cancel")
@click.argument("release")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@common
def cancel(release: str, reason: str, store: Path | None, policy: Path | None, as_json: bool) -> int:
    """End a release that is not wanted any more, and free its environments."""
    from hug_agents.release import Release

    finish(Release.open(release, store=store, policy=policy).cancel(reason), as_json)
    return 0


def print_status(status: Status) -> None:
    """A release as a person sees it."""
    from rich.text import Text

    from hug_agents.approve.checkpoints import CHECKPOINTS
    from hug_agents.approve.review import visible

    out = console()
    head = Text("release ").append(status.id, "bold cyan").append(f"  {status.application or '?'} → {status.target}")
    out.print(head)
    out.print(f"  asked for by {status.requester} at {status.begun}", style="dim")
    for point in CHECKPOINTS:
        _print_point(point, status)
    for effect in status.effects:
        order = effect.order
        said = effect.outcome.detail if effect.outcome else "begun, and not seen to end"
        style = {"done": "dim", "failed": "red"}.get(effect.state, "yellow")
        series = "" if order.series == "release" else f" ({order.series})"
        out.print(
            Text(f"    {order.environment.name}{series}: {order.action} {effect.state}  {visible(said)[:100]}", style)
        )
    for question in status.questions:
        out.print(Text(f"  {question['id']}", "cyan").append(f"  {question['text']}", "default"))
    if status.matter:
        out.print(
            Text(f"  ? {status.matter.kind} in {status.matter.environment}: ", "bold yellow").append(
                visible(status.matter.evidence)[:500]
            )
        )
        out.print(f"    answers: {', '.join(status.matter.choices)}", style="dim")
    elif status.notice:
        out.print(Text(f"  {visible(status.notice)}", "yellow"))
    if status.solo:
        out.print("  [bold yellow]SOLO MODE: one person signs in every role[/]")
    stage = status.outcome or {
        "checkpoint": "waiting for people",
        "questions": "waiting for answers",
        "attention": "stands still: only a person can settle this",
        "moving": "another process moves it now",
    }.get(status.stage, status.stage)
    out.print(Text(f"  {stage}", f"bold {_colour(status.outcome or status.stage)}"))
    if status.packet:
        out.print(Text(f"  packet {status.packet}", "dim"), soft_wrap=True)
    if status.next:
        out.print(Text(f"  next: {status.next}"), soft_wrap=True)


def _print_point(point: Checkpoint, status: Status) -> None:
    """One checkpoint: passed, waiting (for whom), or not reached."""
    from rich.text import Text

    from hug_agents.approve.review import visible

    out, here = console(), point.id == status.checkpoint
    passed = point.id in status.passed or status.outcome == "released"
    mark = Text("  ✓ ", "green") if passed else Text("  ● ", "yellow") if here else Text("  ○ ", "dim")
    out.print(mark.append(point.name + (f"  ({status.environment})" if here else ""), "bold" if here else ""))
    for item in status.signatures if here else ():
        said = f": {item.comment}" if item.comment else ""
        out.print(Text(f"      {item.verdict} by {item.reviewer} as {item.role}{visible(said)[:120]}", "green"))
    for missing in status.waits_for if here else ():
        who = f" ({' or '.join(missing.who)})" if missing.who else ""
        out.print(Text(f"      waits for {visible(missing.text)}{who}", "yellow"))


def finish(status: Status, as_json: bool) -> int:
    """Print where a release stands; returns the exit code."""
    if as_json:
        print_json(status.model_dump(mode="json"))
    else:
        print_status(status)
    if status.stage == "ended":
        return 0 if status.outcome in ("released", "drilled", "destroyed") else 1
    return _CODES[status.stage]


def _colour(state: str) -> str:
    return {
        "released": "green",
        "drilled": "green",
        "destroyed": "green",
        "open": "yellow",
        "checkpoint": "yellow",
        "questions": "yellow",
        "attention": "bold yellow",
    }.get(state, "red")


def _answers(words: tuple[str, ...]) -> dict[str, str]:
    return _pairs(words, "--answer")


def _pairs(words: tuple[str, ...], option: str) -> dict[str, str]:
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise click.UsageError(f"{option} {word!r}: write it as NAME=VALUE")
        pairs[key.strip()] = value.strip()
    return pairs


def is_terminal() -> bool:
    """Whether a person sits there who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def opened(release: str, store: Path | None, policy: Path | None) -> Release:
    """A release of a store."""
    from hug_agents.release import Release

    return Release.open(release, store=store, policy=policy)


def role_of(word: str | None) -> Role | None:
    """A role by its short name."""
    roles: dict[str, Role] = {
        "ops": "Operations Engineer",
        "sre": "Site Reliability Engineer",
        "sec": "Security Engineer",
    }
    if word is None:
        return None
    if word.lower() not in roles:
        raise UsageError(f"{word[:40]!r} is not a role", where="--role", hint="ops, sre, sec")
    return roles[word.lower()]
