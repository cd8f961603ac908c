"""`hug destroy`: ask for an environment to be removed."""

from __future__ import annotations

from pathlib import Path

import click

from hug_agents.cli.common import common, finish
from hug_agents.cli.console import progress


@click.command("destroy")
@click.argument("release")
@click.option("--environment", required=True, help="What is to be removed, as a whole.")
@click.option("--as", "requester", required=True, metavar="ID", help="Who asks. The requester signs nothing.")
@common
def command(
    release: str, environment: str, requester: str, store: Path | None, policy: Path | None, as_json: bool
) -> int:
    """Begin the removal of an environment where RELEASE runs. Nothing goes before people have signed the list of it.

    Production is removed after Pre-Deployment Approval and Go/No-Go, others after Pre-Deployment Approval. It cannot be
    rolled back.
    """
    from hug_agents.release import Release

    with progress(quiet=as_json) as show:
        found = Release.open(release, store=store, policy=policy, progress=show)
        status = found.destroy(environment, requester).status()
    return finish(status, as_json)
