"""Supervisors come and go: is one there, start one, end one, and leave nothing of it behind."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from hug_agents.adapters.local import containers
from hug_agents.adapters.local.launching import WORLD_VARIABLE
from hug_agents.adapters.local.state import World
from hug_agents.errors import ProcessError
from hug_agents.process import start_detached
from hug_agents.settings import Settings

_PR_SET_CHILD_SUBREAPER = 36
_START_SECONDS = 60.0
_BOUND = "bound.json"


def alive(world: World) -> bool:
    """Whether a supervisor is at work."""
    if not world.lock.exists():
        return False
    try:
        with FileLock(world.lock, timeout=0):
            return False
    except Timeout:
        return True


def ensure(world: World) -> None:
    """Start a supervisor if there is none. What an earlier one left is ended first. Raises ProcessError."""
    if alive(world):
        return
    with FileLock(world.root / "start.lock", timeout=_START_SECONDS):
        if alive(world):
            return
        sweep(world)
        mark = f"{world.id}:{secrets.token_hex(8)}"
        argv = [sys.executable, "-m", "hug_agents.adapters.local.guard", str(world.root), mark]
        log = world.logs / "supervisor.log"
        env = {WORLD_VARIABLE: mark}
        if given := Settings.load().local_secrets:
            env["HUG_AGENTS_LOCAL_SECRETS"] = str(given.absolute())
        start_detached(argv, cwd=world.root, output=log, env=env)
        until = time.monotonic() + _START_SECONDS
        while not alive(world):
            if time.monotonic() > until:
                raise ProcessError("the supervisor did not start", where=str(log))
            time.sleep(0.05)


def stop(world: World) -> bool:
    """End the supervisor and all that it runs; what is wanted stays written. Whether there was one."""
    there = alive(world)
    observed = world.observed() if there else None
    if observed and observed.supervisor and began(observed.supervisor) == observed.began:
        os.kill(observed.supervisor, signal.SIGTERM)
        until = time.monotonic() + _START_SECONDS
        while (alive(world) or processes(world)) and time.monotonic() < until:
            time.sleep(0.05)
    sweep(world)
    return there


def bind(store: Path) -> None:
    """From now on, what runs for this store ends with this process, however that ends. For demonstrations and tests."""
    folder = store / "local"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / _BOUND).write_text(json.dumps([os.getpid(), began(os.getpid())]), encoding="utf-8")


def unbound(world: World) -> bool:
    """Whether what runs here outlives `hug`, as it does unless somebody said otherwise."""
    return not (world.root.parent / _BOUND).exists()


def abandoned(world: World) -> bool:
    """Whether the process that what runs here was bound to is gone."""
    try:
        pid, since = json.loads((world.root.parent / _BOUND).read_bytes())
    except FileNotFoundError:  # the whole store went
        return True
    return bool(began(pid) != since)


def began(pid: int | None) -> float | None:
    """When a process began, as the system says; None if it is not there. With its id this names it for certain."""
    import psutil

    if not pid:
        return None
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def processes(world: World, replica: str = "") -> list[int]:
    """Every process that carries the world's mark, but this one. `replica`: only of this one, as it was started once."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(WORLD_VARIABLE, "")
            mine = mark == f"{world.mark}/{replica}" if replica else mark.startswith(world.mark)
            if process.pid != os.getpid() and mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def end_left(world: World, replica: str) -> None:
    """End what a replica has left running, also what left its process group."""
    for pid in processes(world, replica):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def sweep(world: World, *, adopted: bool = False) -> None:
    """End what is left of a supervisor that is gone; `adopted`: and every child of this process."""
    import psutil

    for _ in range(20):
        left = [psutil.Process(pid) for pid in processes(world) if psutil.pid_exists(pid)]
        left += psutil.Process().children(recursive=True) if adopted else []
        if not left:
            break
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=0.5)
    desired = world.desired()
    if desired is not None:
        containers.remove(desired.engine, world, grace=0)


def adopt_orphans() -> None:
    """From now on, children of children that lose their parent become ours (Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
