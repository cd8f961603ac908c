"""The targets that the story is told with, one line each."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hug_agents.adapters.write import WriteTarget
from tests.crash.live import Live, orders
from tests.crash.story import CHAPTERS, World


def _repository(root: Path) -> None:
    for command in (
        ("init", "-q", "-b", "main", "infra"),
        ("-C", "infra", "commit", "-q", "--allow-empty", "-m", "first"),
    ):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@x", *command], cwd=root, check=True)


def _commits(target: Any) -> list[str]:
    """One line a commit of ours: branch, order, and the bundle that is there."""
    found = []
    for branch in ("deploy/staging", "deploy/production"):
        said = subprocess.run(
            [
                "git",
                "log",
                "--reverse",
                "--first-parent",
                "--format=%(trailers:key=Hug-Order,valueonly,separator=)",
                branch,
                "--",
            ],
            cwd=target.name.removeprefix("write:"),
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        found += [f"{branch} {order}" for order in said]
    return found


def _live(mute: bool = False) -> Callable[[Path, Callable[[], float]], Any]:
    return lambda root, now: Live(root, now, mute=mute)


WORLDS = {
    item.name: item
    for item in (
        World("recorder", _live(), lambda target: orders(target.lines()), tuple(CHAPTERS)),
        World("mute recorder", _live(mute=True), lambda target: orders(target.lines()), ("first", "bad")),
        World("write", lambda root, _: WriteTarget(root / "infra"), _commits, ("first", "taken back"), _repository),
    )
}
