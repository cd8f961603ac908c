"""Steering a release that is under way: `hug release pause`, `abort`, `settle`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click
from rich.markup import escape

from hug_agents.approve.resolution import Choice
from hug_agents.cli.common import common, declined, finish, opened, role_of, signer
from hug_agents.cli.console import console, print_json, progress
from hug_agents.cli.keys import load_key

_WHO = click.option("--as", "by", required=True, metavar="ID", help="Who asks; it stands in the record.")


@click.command("pause")
@click.argument("release")
@_WHO
@common
def pause(release: str, by: str, store: Path | None, policy: Path | None, as_json: bool) -> int:
    """Ask the process that moves RELEASE to stand still at its next step; `hug release resume` goes on."""
    found = opened(release, store, policy)
    found.pause(by)
    return finish(found.status(), as_json)


@click.command("abort")
@click.argument("release")
@_WHO
@common
def abort(release: str, by: str, store: Path | None, policy: Path | None, as_json: bool) -> int:
    """Take back what RELEASE's rollout has done so far. No signature is needed for the way back."""
    from hug_agents.release import Release

    with progress(quiet=as_json) as show:
        status = Release.open(release, store=store, policy=policy, progress=show).abort(by)
    return finish(status, as_json)


@click.command("settle")
@click.argument("release")
@click.argument("choice", type=click.Choice(get_args(Choice)), required=False)
@signer()
@click.option("--role", help="As what: ops, sre or sec; default: a role that may and that you hold.")
@click.option("--reason", help="What you found, and why you say so.")
@common
def settle(
    release: str,
    choice: Choice | None,
    key: str | None,
    reviewer: str | None,
    role: str | None,
    reason: str | None,
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Sign the answer to what only a person can settle. Without CHOICE: show what is asked."""
    found = opened(release, store, policy)
    matter = found.matter()
    if choice is None:
        if as_json:
            print_json({"matter": matter.model_dump(mode="json"), "choices": list(matter.choices)})
            return 5
        console().print(f"[bold]{matter.kind.replace('_', ' ')}[/] in {matter.environment}: {escape(matter.subject)}")
        console().print(matter.evidence, markup=False, style="yellow")
        console().print(f"  answers: {', '.join(matter.choices)}", style="dim")
        console().print(f"  next: hug release settle {release} CHOICE --key NAME --reason TEXT", soft_wrap=True)
        return 5
    if not key or not reason:
        raise click.UsageError("an answer needs --key and --reason")
    signing = load_key(key)
    who = reviewer or found.owner_of(signing.public)
    if declined(f"{matter.evidence[:500]}\nsign {choice} as {who}?"):
        return 1
    entry = found.settle(choice, reviewer=who, key=signing, reason=reason, role=role_of(role))
    if as_json:
        print_json({"status": "settled", "entry": entry.seq, "choice": choice, "by": who})
    else:
        console().print(f"[green]settled[/] by {who}, ledger entry {entry.seq}; next: {found.status().next}")
    return 0
