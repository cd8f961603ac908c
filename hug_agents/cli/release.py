"""`hug release`: begin a governed release, look at it, move it, change it, end it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hug_agents.cli.asking import model_options, read_choice
from hug_agents.cli.common import WAITING, colour_of, common, finish, signer
from hug_agents.cli.console import console, print_json, progress
from hug_agents.cli.files import read_text

_FILE = click.Path(path_type=Path)


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
        outcome = Text(item.outcome or "open", colour_of(item.outcome or "open"))
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
