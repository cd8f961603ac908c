"""The world of the target `local`: real processes behind a real router, put back as a folder is put back.

What runs outlives whoever started it: it runs on while the process that plays is killed, and no less while its folder is put
back. A supervisor is then told what was wanted there, and converges to it as it does for a release; where it cannot, or nothing
was wanted, everything is ended and started anew. While somebody waits, people use the application.
"""

from __future__ import annotations

import re
import shutil
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
from hug_agents.store import Store, replace
from tests.adapters.local.place import processes_of
from tests.crash.story import APPLICATION, exchange

REQUEST = (
    "Deploy hello {version}, a Python app, on port 8080 to the Kubernetes cluster main, canary with 50 % for 20 seconds, one "
    "replica, started by `python app.py`, health check on /healthz"
)
COMPARED, LEFT = 30, 10
"""Requests to production in a wait of seconds, when two versions are compared; and in a longer one."""
APP = """
import os, socket

server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128)
while True:
    connection, _ = server.accept()
    with connection:
        asked = b""
        while b"\\r\\n\\r\\n" not in asked:
            more = connection.recv(4096)
            if not more:
                break
            asked += more
        else:
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\nhello")
"""
"""Starts in as little time as Python can."""
_LONG = 5.0
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
    (root / "app" / "app.py").write_text(APP)


def put(root: Path, kept: Path | None) -> None:
    """Put a site back, and bring what runs there to what its folder says is wanted, until this process ends."""
    worlds = {world.root.name: world for world in _worlds(root)}
    staying = {name for name, world in worlds.items() if kept and _stays(world, _kept(world, kept))}
    for name in worlds.keys() - staying:
        _end(worlds[name])
    if kept and staying:
        _put_around(root, kept, staying)
    else:
        exchange(root, kept)
        lifetime.bind(root / "store")
    for world in _worlds(root):
        desired = world.desired()
        if kept is None or desired is None or not desired.versions:
            continue
        if world.root.name in staying:
            if _settles(world) and _running(world) == _running(_kept(world, kept)):
                continue
            _end(world)
        lifetime.ensure(world)
        assert _settles(world), f"{world.root.name} does not come back"


def _stays(world: World, kept: World) -> bool:
    """Whether what runs can be told what was wanted then: its ports are the same, and no number means two things."""
    now, then = world.desired(), kept.desired()
    if now is None or then is None or not then.versions or not lifetime.alive(world):
        return False
    same = now == then or now.generation != then.generation
    return same and (now.ports, now.admin_port) == (then.ports, then.admin_port)


def _put_around(root: Path, kept: Path, staying: set[str]) -> None:
    """Put back everything but what belongs to those that run: of theirs, what tells them what is wanted comes last."""
    local = root / "store" / "local"
    live = staying | {"bound.json"}  # a guard that does not find it ends everything
    for folder, spared in ((root, {"store"}), (root / "store", {"local"}), (local, live)):
        for path in folder.iterdir():
            if path.name not in spared:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    there = kept / "store" / "local"
    shutil.copytree(
        kept,
        root,
        symlinks=True,
        dirs_exist_ok=True,
        ignore=lambda folder, _: live if Path(folder) == there else set(),
    )
    for name in staying:
        here, then = World.at(local / name), World.at(there / name)
        for path in (here.root / "sources").iterdir():
            if not (then.root / "sources" / path.name).exists():
                shutil.rmtree(path)
        for inner in ("sources", "versions"):
            shutil.copytree(then.root / inner, here.root / inner, dirs_exist_ok=True)
        for path in (here.root / "versions").iterdir():
            if not (then.root / "versions" / path.name).exists():
                path.unlink()
        for path in (then.logs / "supervisor.log", then.root / "held.json", then.root / "desired.json"):
            replace(here.root / path.relative_to(then.root), path.read_bytes())


def end(root: Path) -> None:
    """Nothing of it runs any more."""
    for world in _worlds(root):
        _end(world)


def used(target: LocalTarget, seconds: float) -> None:
    """People ask while somebody waits; what they are answered is counted by the router alone."""
    for world in _worlds(target._store.root.parent):
        desired = world.desired()
        if world.environment != "production" or desired is None or not desired.shares:
            continue
        (own, _), *_ = desired.ports.values()
        for _ in range(COMPARED if seconds < _LONG else LEFT):
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


def _end(world: World) -> None:
    lifetime.sweep(world)
    assert processes_of(world) == []


def _kept(world: World, kept: Path) -> World:
    return World.at(kept / "store" / "local" / world.root.name)


def _settles(world: World) -> bool:
    """Waits until what is wanted is there, as long as it may yet come."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        desired, seen = world.desired(), world.observed()
        if seen and desired and seen.generation == desired.generation:
            there = lifetime.began(seen.supervisor) == seen.began
            if there and seen.state in ("converged", "failed"):
                return seen.state == "converged"
        time.sleep(0.02)
    return False


def _running(world: World) -> object:
    """What takes which traffic, in the order in which `effects` tells it."""
    seen = world.observed()
    return seen and (seen.weights, [(item.service, item.bundle, item.state) for item in seen.replicas])


def _worlds(root: Path) -> Iterator[World]:
    for folder in sorted((root / "store" / "local").glob(f"{APPLICATION}.*")):
        yield World.at(folder)
