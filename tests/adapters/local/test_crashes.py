"""Whatever is killed: the caller, the supervisor, its guard, a replica. Nothing is done twice, and nothing is left behind."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hug_agents.adapters.local import lifetime
from hug_agents.adapters.local.state import World
from tests.adapters.local.place import Place, Release, get, load_on, processes_of, until, words

CALLER = """
import pickle, sys
from pathlib import Path
from hug_agents.adapters.registry import load_target
from hug_agents.store import Store
work = pickle.loads(Path(sys.argv[1]).read_bytes())
target = load_target(work.plan.target, Store(Path(sys.argv[2])))
print((target.rollback if work.order.action == "rollback" else target.apply)(work).status)
"""
IN_A_SHELL = ("sh", "-c", "python app.py; echo the shell goes on")
"""A program with a child: the process that serves is not the one that was started."""


def calling(place: Place, release: Release, action: str, weight: int) -> subprocess.Popen[bytes]:
    """`apply` or `rollback` in a process of its own."""
    file = place.root / "work.pickle"
    file.write_bytes(pickle.dumps(release.work(action, weight)))
    return subprocess.Popen([sys.executable, "-c", CALLER, str(file), str(place.store.root)], stdout=subprocess.PIPE)


def generation(world: World) -> int:
    desired = world.desired()
    return desired.generation if desired else 0


def guard_of(world: World) -> int:
    seen = world.observed()
    assert seen is not None
    parent = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(seen.supervisor)], capture_output=True, text=True, check=True
    )
    return int(parent.stdout)


@pytest.mark.parametrize("action", ["deploy", "shift", "rollback"])
def test_the_caller_is_killed_in_the_middle(place: Place, action: str) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    url = first.url()
    second = place.release("2.0.0", "rolling" if action == "deploy" else "canary", first)
    if action != "deploy":
        second.do("deploy", 0)
    if action == "rollback":
        second.do("shift", 20)
    before = generation(place.world())
    with load_on(url) as load:
        caller = calling(place, second, action, 100)
        until(lambda: generation(place.world()) > before)
        caller.kill()
        assert b"done" not in (caller.communicate()[0] or b""), "it was killed before it could say so"
        work = second.work(action, 100)
        assert place.target.observe(work).state in ("partial", "done")
        assert second.do(action, 100).status == "done"
        assert place.target.observe(work).state == "done"
        assert generation(place.world()) == before + 1, "what was begun was completed, not done again"
    assert load.failures == []
    assert words(url) == {"1.0.0" if action == "rollback" else "2.0.0": 40}


def test_what_nobody_has_seen_yet_is_not_wanted_again(place: Place) -> None:
    first, world = place.release("1.0.0"), place.world()
    caller = calling(place, first, "deploy", 100)
    until(lambda: generation(world) > 0)
    caller.kill()
    caller.communicate()
    (world.root / "observed.json").unlink(missing_ok=True)
    assert first.do("deploy", 100).status == "done"
    assert generation(world) == 1


def test_an_order_that_was_never_begun(place: Place) -> None:
    first = place.release("1.0.0")
    assert place.target.observe(first.work("deploy")).state == "not_done"
    first.roll_out()
    second = place.release("2.0.0", "canary", first)
    assert place.target.observe(second.work("deploy", 0)).state == "not_done"
    assert place.target.observe(second.work("shift", 20)).state == "not_done"


def test_the_supervisor_is_killed(place: Place) -> None:
    first = place.release("1.0.0", command=IN_A_SHELL, worker=True)
    first.roll_out()
    url, world = first.url(), place.world()
    assert len(processes_of(world)) > 6
    seen = world.observed()
    assert seen is not None
    os.kill(seen.supervisor, signal.SIGKILL)
    until(lambda: processes_of(world) == [])
    changes = place.target.drift(first.bundle, first.blueprint, first.environment).changes
    assert changes == ("nothing runs: the supervisor is gone",)
    last = first.work("promote", 100)
    assert place.target.observe(last).state == "partial"
    until(lambda: place.target.observe(last).state == "done")
    assert get(url).startswith("1.0.0"), "at the same address"
    assert place.target.drift(first.bundle, first.blueprint, first.environment).changes == ()


def test_the_guard_is_killed(place: Place) -> None:
    first = place.release("1.0.0", command=IN_A_SHELL)
    first.roll_out()
    world = place.world()
    os.kill(guard_of(world), signal.SIGKILL)
    until(lambda: processes_of(world) == [])
    assert first.do("promote").status == "done"
    assert get(first.url()).startswith("1.0.0")


def test_supervisor_and_guard_are_killed_at_once(place: Place) -> None:
    first = place.release("1.0.0", command=IN_A_SHELL)
    first.roll_out()
    world = place.world()
    seen = world.observed()
    assert seen is not None
    guard = guard_of(world)
    for pid in (guard, seen.supervisor):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not lifetime.alive(world))
    assert first.do("promote").status == "done"
    marks = {
        Path(f"/proc/{pid}/environ").read_bytes().split(b"HUG_LOCAL_WORLD=")[1].split(b"\0")[0].split(b"/")[0]
        for pid in lifetime.processes(world)
    }
    assert len(marks) == 1, "what the killed one left was ended before the next one began"


def test_a_replica_is_killed_and_comes_back(place: Place) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    victim = int(get(first.url()).split()[3])
    os.kill(victim, signal.SIGKILL)
    until(lambda: sum(item.restarts for item in _replicas(place)) == 1)
    until(lambda: {item.state for item in _replicas(place)} == {"healthy"})
    assert place.target.drift(first.bundle, first.blueprint, first.environment).changes == ()
    pids = {get(first.url()).split()[3] for _ in range(10)}
    assert len(pids) == 2
    assert str(victim) not in pids


def test_after_a_failure_the_supervisor_brings_back_what_held(place: Place) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    url = first.url()
    broken = place.release("2.0.0", "rolling", first, broken="start")
    assert broken.do("deploy").status == "failed"
    seen = place.world().observed()
    assert seen is not None
    os.kill(seen.supervisor, signal.SIGKILL)
    until(lambda: processes_of(place.world()) == [])
    lifetime.ensure(place.world())
    until(lambda: _answers(url, "1.0.0"))
    assert place.target.observe(broken.work("deploy")).state == "partial"
    assert broken.do("rollback").status == "done"
    assert words(url) == {"1.0.0": 40}


def _answers(url: str, word: str) -> bool:
    try:
        return get(url).startswith(word)
    except OSError:
        return False


def _replicas(place: Place):  # type: ignore[no-untyped-def]
    seen = place.world().observed()
    return seen.replicas if seen else ()
