"""What every command prints with: colour and progress on a terminal, plain text elsewhere, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import click

from hug_agents.errors import HugError

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """A rich console on standard output, or on standard error."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=None if stream.isatty() else 120)


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def fail(error: HugError, *, as_json: bool, code: int) -> NoReturn:
    """Print one message and leave. With `--json` the message is an object on standard output too."""
    # LangGraph notes the task that an error came from; that is of no use to who reads this.
    notes = [note for note in getattr(error, "__notes__", ()) if not note.startswith("During task")]
    if as_json:
        print_json(
            {
                "status": "error",
                "error": {
                    "kind": type(error).__name__,
                    "what": error.what,
                    "where": error.where,
                    "next": error.hint,
                    "notes": notes,
                },
            }
        )
    click.secho("hug: ", fg="red", bold=True, nl=False, err=True)
    click.echo("\n  ".join([str(error), *notes]), err=True)
    sys.exit(code)


class Progress:
    """One line a stage on a terminal's standard error, the gates as they answer; silent elsewhere."""

    _STAGES: ClassVar = {
        "refine": "Prompt Refiner reads the request",
        "deployment": "Deployment agent",
        "devops": "DevOps agent",
        "bundle": "writing the files",
        "gates": "running the gates",
        "repair": "repairing, round",
    }

    def __init__(self, status: Any) -> None:
        self._status = status

    def __call__(self, stage: str, detail: Any = None) -> None:
        """Show a stage, or one gate's answer."""
        if self._status is None:
            return
        if stage == "gate":
            mark = {"passed": "[green]✓", "failed": "[red]✗"}.get(detail.status, "[yellow]-")
            self._status.console.print(f"  {mark}[/] {detail.name} [dim]{detail.seconds:.1f} s")
        else:
            text = self._STAGES.get(stage, stage)
            self._status.update(f"{text} {detail}" if detail is not None else text)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """Progress on standard error while something runs, where a person is watching."""
    if quiet or not sys.stderr.isatty():
        yield Progress(None)
        return
    with console(stderr=True).status("starting") as status:
        yield Progress(status)
