"""`hug decide`: look at the packet that waits, and sign a decision on exactly that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hug_agents.cli.common import WAITING, common, declined, is_terminal, opened, role_of, signer
from hug_agents.cli.console import console, print_json
from hug_agents.cli.keys import load_key
from hug_agents.errors import UsageError

if TYPE_CHECKING:
    from hug_agents.approve.decision import Verdict
    from hug_agents.approve.desk import Taken
    from hug_agents.release import Release
    from hug_agents.status import Review

_VERDICTS: dict[str, Verdict] = {"approve": "approve", "reject": "reject", "changes": "request_changes"}


@click.command("decide")
@click.argument("release")
@click.argument("verdict", type=click.Choice(sorted(_VERDICTS)), required=False)
@signer()
@click.option("--role", help="As what: ops, sre or sec; default: a role that is asked for and that you hold.")
@click.option("--comment", default="", help="What the others should know; for `changes`, what is to change.")
@click.option("--packet", help="The digest that you reviewed: another one that waits meanwhile is refused.")
@click.option(
    "--override",
    is_flag=True,
    help="Sign that this packet passes a closed window, a freeze or short metrics (--comment: why).",
)
@click.option("--print", "print_only", is_flag=True, help="Print the signed envelope and take nothing.")
@click.option("--envelope", type=click.File("rb"), help="Take an envelope that was signed elsewhere.")
@common
def command(
    release: str,
    verdict: str | None,
    key: str | None,
    reviewer: str | None,
    role: str | None,
    comment: str,
    packet: str | None,
    override: bool,
    print_only: bool,
    envelope: Any,
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Approve, reject, or ask for changes of what waits at RELEASE's checkpoint.

    On a terminal the packet is shown first. In a script, name what was reviewed with --packet.
    """
    found = opened(release, store, policy)
    review = found.review()
    waiting = review.packet.digest()
    if envelope is not None:
        taken = found.decide(envelope=envelope.read(200_000), packet=packet)
        return _told(taken, as_json, release)
    if key is None:
        raise click.UsageError("sign with --key NAME (hug keys list)")
    if verdict is None and not override:
        raise click.UsageError("say approve, reject or changes")
    if verdict == "changes" and not comment.strip():
        raise click.UsageError("say what is to change: --comment")
    signing = load_key(key)
    who = reviewer or found.owner_of(signing.public)
    if packet is None:
        if not is_terminal():
            raise UsageError(
                "name the packet that was reviewed", where="--packet", hint=f"--packet {waiting} is the one that waits"
            )
        _show(found, review)
        if declined(f"sign {'the override' if override else verdict} as {who}?"):
            return 1
    if override:
        if packet not in (None, waiting):
            raise UsageError("another packet waits now", where="--packet", hint=waiting)
        return _told(found.override(reviewer=who, key=signing, reason=comment, role=role_of(role)), as_json, release)
    assert verdict is not None  # looked at above
    signed = found.sign(
        _VERDICTS[verdict],
        reviewer=who,
        key=signing,
        role=role_of(role),
        comment=comment,
        packet=packet or waiting,
    )
    if print_only:
        click.echo(signed.decode())
        return 0
    return _told(found.decide(envelope=signed, packet=packet or waiting), as_json, release)


def _show(found: Release, review: Review) -> None:
    """Summary first; the whole of it on request."""
    from hug_agents.approve.checkpoints import checkpoint
    from hug_agents.approve.review import summary, visible

    out = console()
    out.print()
    for number, line in enumerate(summary(review.packet, review.standing)):
        out.print(line, style="bold" if not number else "", markup=False, soft_wrap=True)
    if review.unmet:
        out.print("\n[bold]asked for, and not done[/]")
        for asked in review.unmet[:12]:
            out.print(f"  {visible(' '.join(asked.text.split()))[:160]}: {visible(asked.reason)[:200]}", markup=False)
    out.print(f"\n[bold]files[/]: {len(review.files)} differ from what runs there now")
    for item in review.files[:12]:
        out.print(f"  {item.change:8} {item.path}", markup=False)
    if len(review.files) > 12:
        out.print(f"  and {len(review.files) - 12} more", style="dim")
    out.print("\n[bold]risks[/]")
    for reason in review.packet.risk.reasons:
        out.print(f"  {reason.tier:11} {reason.text}", markup=False)
    out.print("\n[bold]checklist[/]")
    for line in checkpoint(review.packet.checkpoint).checklist:
        out.print(f"  [ ] {line}", markup=False)
    out.print(f"\n  the whole of it: hug release show {found.id} --review\n", style="dim")


def _told(taken: Taken, as_json: bool, release: str) -> int:
    standing = taken.standing
    if as_json:
        print_json(
            {
                "status": standing.state,
                "entry": taken.entry.seq,
                "missing": list(standing.lines),
                "notice": taken.notice,
            }
        )
    else:
        out = console()
        if taken.notice:
            out.print(f"[bold yellow]{taken.notice}[/]")
        state = "sent back for changes" if standing.state == "changes" else standing.state
        out.print(f"[green]taken[/]: ledger entry {taken.entry.seq}; the packet is [bold]{state}[/]")
        for line in standing.lines:
            out.print(f"  still missing: {line}", markup=False)
        if standing.state != "waiting":
            out.print(f"  next: hug release resume {release}")
    return WAITING if standing.state == "waiting" else 0
