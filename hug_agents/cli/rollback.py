"""`hug rollback`: take back what a release promoted, also long after."""

from __future__ import annotations

from pathlib import Path

import click

from hug_agents.cli.common import common, declined, role_of, signer
from hug_agents.cli.console import console, print_json, progress
from hug_agents.cli.keys import load_key


@click.command("rollback")
@click.argument("release")
@click.option("--environment", help="Where; default: the last production environment that it went to.")
@signer(required=True)
@click.option("--role", help="As what: ops, sre or sec; default: a role that may and that you hold.")
@click.option("--reason", required=True, help="Why; it is signed and stays in the ledger.")
@common
def command(
    release: str,
    environment: str | None,
    key: str,
    reviewer: str | None,
    role: str | None,
    reason: str,
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Return to what ran before RELEASE: traffic first, then desired state, then a look whether it worked.

    For a release that has ended; one that is under way: hug release abort.
    """
    from hug_agents.release import Release

    signing = load_key(key)
    who = reviewer or Release.open(release, store=store, policy=policy).owner_of(signing.public)
    # Asked before anything is shown as it happens: what is live on a terminal writes over a question.
    if declined(f"roll back {release} as {who}?"):
        return 1
    with progress(quiet=as_json) as show:
        found = Release.open(release, store=store, policy=policy, progress=show)
        went = found.rollback(reviewer=who, key=signing, reason=reason, environment=environment, role=role_of(role))
    if as_json:
        print_json(went.model_dump(mode="json"))
    else:
        colour = "green" if went.how == "rolled_back" else "red"
        console().print(
            f"[{colour}]{went.how.replace('_', ' ')}[/] {went.environment}: {went.outcome.detail or 'done'}"
        )
    return 0 if went.how == "rolled_back" else 1
