"""SIGKILL between a dispatch and its answer: another process finds the run, and dispatches nothing again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hug_agents.execute.target import SavedPlan
from hug_agents.store import Store
from tests.adapters.github_actions.desk import name_of, planned, target_of, work
from tests.github.emulator import Emulator, Fault

APPLY = """
import json, sys
from pathlib import Path
from hug_agents.adapters.github_actions.place import Place
from hug_agents.adapters.github_actions.target import GithubActionsTarget
from hug_agents.execute.target import SavedPlan
from hug_agents.store import Store
from tests.adapters.github_actions.desk import QUICK, work
from tests.github.emulator import TOKEN

name, store, plan = json.loads(sys.argv[1])
target = GithubActionsTarget(Place.parse(name), Store(Path(store)), TOKEN, pace=QUICK)
print(target.apply(work(SavedPlan.model_validate_json(plan))).status)
"""


def start(github: Emulator, store: Store, saved: SavedPlan) -> subprocess.Popen[bytes]:
    given = json.dumps([name_of(github), str(store.root), saved.model_dump_json()])
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", APPLY, given],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


def wait_for(github: Emulator, operation: str, effect: str) -> None:
    end = time.monotonic() + 240
    while time.monotonic() < end:
        done = {"run": github.actions.runs, "pull": github.pulls, "": True}[effect]
        if github.count(operation) and done:
            return
        time.sleep(0.05)
    pytest.fail(f"{operation} was never asked for")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "effect", "hidden"),
    [
        ("git/create-commit", "", 0),
        ("git/create-ref", "", 0),
        ("pulls/create", "pull", 0),
        ("pulls/merge", "pull", 0),
        ("git/create-tag", "", 0),
        ("actions/create-workflow-dispatch", "run", 0),
        ("actions/create-workflow-dispatch", "run", 4),
    ],
    ids=["commit", "branch", "pull request", "merge", "claim", "dispatch", "dispatch, and the run shows up late"],
)
def test_killed_before_the_answer_was_read(
    github: Emulator, store: Store, operation: str, effect: str, hidden: int
) -> None:
    saved = planned(target_of(github, store))
    github.faults.append(Fault(operation, delay=20.0))
    process = start(github, store, saved)
    wait_for(github, operation, effect)
    time.sleep(0.3)  # the effect is there, the answer is not
    kill(process)
    github.hidden = hidden

    target, job = target_of(github, store), work(saved)
    seen = target.observe(job)
    if effect == "run":
        assert seen.state in ("partial", "done"), seen
    else:
        assert seen.state in ("partial", "not_done"), seen
    done = target.apply(job)
    assert done.status == "done", done.detail
    assert len(github.actions.runs) == 1, "dispatched once"
    assert len(github.pulls) == 1, "opened once"
    assert github.repository.git("rev-list", "--count", "main") == "2", "committed once"
    assert target.observe(job).state == "done"
    left = github.repository.git("for-each-ref", "--format=%(refname)").split()
    assert left == ["refs/heads/main", "refs/hug/environments/staging"]


@pytest.mark.slow
def test_killed_while_it_followed_the_run(github: Emulator, store: Store) -> None:
    saved = planned(target_of(github, store))
    (github.actions.world / "wait-rollout").touch()
    process = start(github, store, saved)
    wait_for(github, "actions/get-workflow-run", "run")
    kill(process)
    target, job = target_of(github, store), work(saved)
    assert target.observe(job).state == "partial"
    (github.actions.world / "wait-rollout").unlink()
    assert target.apply(job).status == "done"
    assert len(github.actions.runs) == 1
