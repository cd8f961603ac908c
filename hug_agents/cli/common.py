"""What the commands that look into a store share: their options, where a release stands on a screen, exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hug_agents.cli.console import console, print_json
from hug_agents.errors import UsageError

if TYPE_CHECKING:
    from hug_agents.approve.checkpoints import Checkpoint
    from hug_agents.plans import Role
    from hug_agents.release import Release
    from hug_agents.spec import Model
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
        said = " ".join((effect.outcome.detail if effect.outcome else "begun, and not seen to end").split())
        style = {"done": "dim", "failed": "red"}.get(effect.state, "yellow")
        series = "" if order.series == "release" else f" ({order.series})"
        out.print(
            Text(f"    {order.environment.name}{series}: {order.action} {effect.state}  {_cut(visible(said))}", style)
        )
    if status.questions:
        from hug_agents.cli.report import print_question
        from hug_agents.reading.claims import Question

        for question in status.questions:
            print_question(out, Question.model_validate(question))
    if status.matter:
        out.print(
            Text(f"  ? {status.matter.kind} in {status.matter.environment}: ", "bold yellow").append(
                visible(status.matter.evidence)[:500]
            )
        )
        if status.settled:
            out.print(Text(f"    {visible(status.settled)}", "green"))
        elif status.matter.kind != "paused":
            out.print(f"    answers: {', '.join(status.matter.choices)}", style="dim")
    elif status.notice:
        said = visible(status.notice).replace("\n", "\n    ")  # the last lines of a log stand under what they are of
        out.print(Text(f"  {said}", "yellow"))
    if status.diagnosis:
        from hug_agents.cli.rollout import explanation

        out.print(explanation(status.diagnosis))
    if status.solo:
        out.print("  [bold yellow]SOLO MODE: one person signs in every role[/]")
    out.print(Text(f"  {_stage(status)}", f"bold {colour_of(status.outcome or status.stage)}"))
    if status.packet:
        out.print(Text(f"  packet {status.packet}", "dim"), soft_wrap=True)
    if status.next:
        out.print(Text(f"  next: {status.next}"), soft_wrap=True)


def _cut(text: str, most: int = 100) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _stage(status: Status) -> str:
    """Where it stands, in a few words."""
    if status.outcome:
        return status.outcome
    if status.settled or (status.stage == "checkpoint" and not status.waits_for):
        return "decided; to be resumed"
    if status.matter and status.matter.kind == "paused":
        return "paused"
    return {
        "checkpoint": "waiting for people",
        "questions": "waiting for answers",
        "attention": "stands still: only a person can settle this",
        "moving": "another process moves it now",
    }.get(status.stage, status.stage)


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


def finish(status: Status, as_json: bool, **more: Model | None) -> int:
    """Print where a release stands; returns the exit code. `more`: documents that go with it in JSON."""
    if as_json:
        also = {name: item.model_dump(mode="json") if item else None for name, item in more.items()}
        print_json(status.model_dump(mode="json") | also)
    else:
        print_status(status)
    if status.stage == "ended" and status.matter:
        return WAITING
    if status.stage == "ended":
        return 0 if status.outcome in ("released", "drilled", "destroyed") else 1
    return _CODES[status.stage]


def colour_of(state: str) -> str:
    return {
        "released": "green",
        "drilled": "green",
        "destroyed": "green",
        "open": "yellow",
        "checkpoint": "yellow",
        "questions": "yellow",
        "attention": "bold yellow",
    }.get(state, "red")


def is_terminal() -> bool:
    """Whether a person sits there who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def declined(question: str) -> bool:
    """Ask who sits at a terminal; True, and said, where the answer is no. Without a terminal nobody is asked."""
    if not is_terminal() or click.confirm(question, err=True):
        return False
    click.echo("nothing was signed", err=True)
    return True


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
