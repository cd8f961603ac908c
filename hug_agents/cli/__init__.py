"""The command `hug`. One file a command: parse, call the library, print. A command is imported when it is called."""

from __future__ import annotations

import signal
import sys
import threading
from importlib import import_module
from typing import Any

import click

from hug_agents import __version__
from hug_agents.cli.console import fail, stopped
from hug_agents.errors import HugError, UsageError

COMMANDS = (
    "audit",
    "decide",
    "demo",
    "destroy",
    "doctor",
    "drift",
    "drill",
    "eval",
    "generate",
    "inbox",
    "keys",
    "local",
    "metrics",
    "policy",
    "registry",
    "release",
    "rollback",
    "systems",
)


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"hug_agents.cli.{cmd_name}").command
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hug")
def cli() -> None:
    """Turn a request into validated infrastructure, pipelines and rollback plans; people stay in charge.

    Exit codes: 0 done; 1 failed; 2 usage; 3 a gate failed; 4 a question must be answered; 5 waiting for a decision.
    """


class Terminated(BaseException):
    """SIGTERM, as an exception: programs that were started are ended, and files are closed."""


def _terminated(*_: object) -> None:
    raise Terminated


def main(arguments: list[str] | None = None) -> None:
    """The entry point: every error on purpose is one message and its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)
    as_json = "--json" in words
    try:
        result: Any = cli.main(args=words, prog_name="hug", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except Terminated as ended:
        stopped("ended from outside", ended)
        sys.exit(143)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.ClickException as error:
        if as_json:
            fail(UsageError(error.format_message()), as_json=True, code=2)
        error.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort) as interrupt:
        stopped("stopped", interrupt.__cause__ or interrupt)  # click puts an Abort in the place of Ctrl-C
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except HugError as error:
        fail(error, as_json=as_json, code=error.exit_code)
