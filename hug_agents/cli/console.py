"""What every command prints with: colour and progress on a terminal, plain text elsewhere, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import click

from hug_agents.cli.asking import asking_text
from hug_agents.errors import HugError

if TYPE_CHECKING:
    from rich.console import Console

    from hug_agents.cli.rollout import RolloutView


def console(*, stderr: bool = False) -> Console:
    """A rich console on standard output, or on standard error."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=None if stream.isatty() else 120)


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def stopped(how: str, why: BaseException) -> None:
    """Say that a command did not come to its end, and what may be resumed."""
    click.echo("\n" + "\n  ".join([f"hug: {how}; what was finished is kept", *_notes(why)]), err=True)


def fail(error: HugError, *, as_json: bool, code: int) -> NoReturn:
    """Print one message and leave. With `--json` the message is an object on standard output too."""
    if as_json:
        print_json({"status": "error", "error": as_object(error)})
    complain(error)
    sys.exit(code)


def complain(error: HugError) -> None:
    """Print one message on standard error."""
    from rich.text import Text

    console(stderr=True).print(Text("hug: ", "bold red"), end="")
    click.echo("\n  ".join([str(error), *_notes(error)]), err=True)


def as_object(error: HugError) -> dict[str, Any]:
    """An error for programs."""
    spent = getattr(error, "spent", None)
    return {
        "kind": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "next": error.hint,
        "notes": _notes(error),
        **({"run": error.run} if error.run else {}),
        **({"spent": spent.model_dump(mode="json")} if spent else {}),
    }


def _notes(error: BaseException) -> list[str]:
    """LangGraph notes the task that an error came from; that is of no use to who reads this."""
    return [note for note in getattr(error, "__notes__", ()) if not note.startswith("During task")]


class Progress:
    """What happens, for a person who watches: one line a stage, the gates as they answer, a live view of a rollout.

    Without a status (no terminal) nothing is live; without a console to print on it is silent.
    """

    _STAGES: ClassVar = {
        "refine": "Prompt Refiner reads the request",
        "deployment": "Deployment agent",
        "devops": "DevOps agent",
        "bundle": "writing the files",
        "gates": "running the gates",
        "repair": "repairing, round",
        "amend": "a model writes what no renderer covers:",
        "ask": "asking people:",
    }

    def __init__(self, status: Any, out: Console | None = None, beside: Callable[[], str] = lambda: "") -> None:
        self._status = status
        self._out: Any = out if out is not None or status is None else status.console
        self._beside = beside
        self._rollout: RolloutView | None = None

    def __call__(self, stage: str, detail: Any = None) -> None:
        """Show a stage, one gate's answer, or what a rollout does."""
        if self._out is None:
            return
        from hug_agents.cli.rollout import STAGES, RolloutView

        if self._rollout is None and stage in STAGES:
            live = self._status.update if self._status is not None else None
            self._rollout = RolloutView(self._out, live, beside=self._beside)
        if self._rollout is not None:
            self._rollout(stage, detail)
        if stage == "model":
            if self._status is not None:
                from rich.markup import escape

                self._status.update(escape(asking_text(detail)))
        elif stage in ("amend", "amended"):
            from rich.text import Text

            self._out.print(Text(f"  ✎ {detail}", style="yellow"))
            if stage == "amend" and self._status is not None:
                self._status.update(Text(f"{self._STAGES[stage]} {detail}"))
        elif stage == "gate":
            mark = {"passed": "[green]✓", "failed": "[red]✗"}.get(detail.status, "[yellow]-")
            self._out.print(f"  {mark}[/] {detail.name} [dim]{detail.seconds:.1f} s")
        elif stage not in STAGES and self._status is not None:
            text = self._STAGES.get(stage, stage)
            self._status.update(f"{text} {detail}" if detail is not None else text)

    def end(self) -> None:
        """Nothing follows: the step that was under way is told."""
        if self._rollout is not None:
            self._rollout.end()


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """Progress on standard error while something runs, where a person is watching."""
    if quiet or not sys.stderr.isatty():
        yield Progress(None)
        return
    with console(stderr=True).status("starting") as status:
        show = Progress(status)
        yield show
        show.end()
