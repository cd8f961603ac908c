"""The world of the target `local`: real processes behind a real router, put back as a folder is put back.

What runs outlives whoever started it, so a site cannot be exchanged under it: everything that belongs to the old one is ended
first, and the new one's supervisors are started on what its folder says is wanted. Between, as in a real release, they run on
while the process that plays is killed. While somebody waits, people use the application.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from hug_agents.adapters.local import lifetime
from hug_agents.adapters.local.state import World
from hug_agents.adapters.local.target import LocalTarget
from hug_agents.execute.target import Counters
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment
from hug_agents.store import Store
from tests.adapters.local.place import APP, processes_of
from tests.crash.story import APPLICATION

REQUEST = (
    "Deploy hello {version}, a Python app, on port 8080 to the Kubernetes cluster main, canary with 50 % for 20 seconds, one "
    "replica, started by `python app.py`, health check on /healthz"
)
RATE, LEAST = 6, 60
"""Requests to production for a second that somebody waits; and for a wait, so that there is always enough to judge by."""
_PATIENCE = 180.0
_WANTED = re.compile(r"^\S+Z (generation .*)$", re.MULTILINE)


class Patient(LocalTarget):
    """The real target on a machine that does much besides: how late an answer was says nothing about the version."""

    def counters(self, blueprint: Blueprint, environment: Environment) -> tuple[Counters, ...]:
        counted = super().counters(blueprint, environment)
        return tuple(row.model_copy(update={"latency": ()}) for row in counted)


def make(root: Path, _: Callable[[], float]) -> LocalTarget:
    """The application's source lies beside the store."""
    return Patient(f"{root / 'app'}?ready=180", Store(root / "store"))


def prepare(root: Path) -> None:
    """Write the application."""
    (root / "app").mkdir()
    (root / "app" / "app.py").write_text(APP.replace("{word}", APPLICATION).replace("{broken}", ""))


def begin(root: Path) -> None:
    """What the folder says is wanted runs again, until this process ends."""
    lifetime.bind(root / "store")
    for world in _worlds(root):
        desired = world.desired()
        if desired is None or not desired.versions:
            continue
        lifetime.ensure(world)
        until = time.monotonic() + _PATIENCE
        while not _settled(world):
            assert time.monotonic() < until, f"{world.root.name} does not come back"
            time.sleep(0.05)


def end(root: Path) -> None:
    """Nothing of it runs any more."""
    for world in _worlds(root):
        lifetime.sweep(world)
        assert processes_of(world) == []


def used(target: LocalTarget, seconds: float) -> None:
    """People ask while somebody waits; what they are answered is counted by the router alone."""
    for world in _worlds(target._store.root.parent):
        desired = world.desired()
        if world.environment != "production" or desired is None or not desired.shares:
            continue
        (own, _), *_ = desired.ports.values()
        for _ in range(max(LEAST, round(seconds * RATE))):
            # A drill's fault answers with 500, and that is counted too.
            with suppress(HTTPError), urlopen(f"http://127.0.0.1:{own}/", timeout=10) as answer:
                answer.read()


def effects(target: LocalTarget) -> list[str]:
    """Every order that a supervisor took, and what it runs now."""
    found = []
    for world in _worlds(target._store.root.parent):
        said = (world.logs / "supervisor.log").read_text()
        # One that was started again names what it found.
        found += [f"{world.environment} {line}" for line in dict.fromkeys(_WANTED.findall(said))]
        seen = world.observed()
        if seen is None:
            continue
        found.append(f"{world.environment} is {seen.state}: {seen.weights}")
        found += [f"{world.environment} runs {item.service} {item.bundle} {item.state}" for item in seen.replicas]
    return found


def _settled(world: World) -> bool:
    desired, seen = world.desired(), world.observed()
    return (
        seen is not None
        and desired is not None
        and seen.generation == desired.generation
        and lifetime.began(seen.supervisor) == seen.began
        and seen.state == "converged"
    )


def _worlds(root: Path) -> Iterator[World]:
    for folder in sorted((root / "store" / "local").glob(f"{APPLICATION}.*")):
        yield World.at(folder)
