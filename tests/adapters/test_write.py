"""The `write` target on real git repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hug_agents.adapters.registry import load_target
from hug_agents.adapters.write import WriteTarget
from hug_agents.errors import OutputConflict, UsageError
from hug_agents.execute.target import Order, PlanStale, SavedPlan, Target, Work
from hug_agents.output import MANIFEST
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.store import Store
from tests.examples import ALL

SPEC = ALL["ecs_canary"]()
BLUEPRINT = plan(SPEC)
BUNDLE = render(BLUEPRINT)
OTHER_BLUEPRINT = plan(SPEC.model_copy(update={"version": "9.9.9"}))
OTHER = render(OTHER_BLUEPRINT)
STAGING = SPEC.environments[0]


def git(repo: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    return subprocess.run(
        ["git", *who, *arguments], cwd=repo, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "infra"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "README.md").write_text("ours\n")
    (folder / "keep").mkdir()
    (folder / "keep" / "naïve file.txt").write_text("stay\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def work(saved: SavedPlan, action: str = "deploy", *, other: bool = False, series: str = "release") -> Work:
    order = Order.model_validate(
        {
            "release": "r1",
            "series": series,
            "environment": saved.environment,
            "action": action,
            "bundle": saved.bundle,
            "plan": saved.digest(),
        }
    )
    return Work(
        order=order,
        plan=saved,
        blueprint=OTHER_BLUEPRINT if other else BLUEPRINT,
        bundle=OTHER if other else BUNDLE,
        previous=BUNDLE if other else None,
        packet="sha256:" + "1" * 64,
        approved_by=("ana", "ben"),
    )


def test_a_bundle_becomes_a_commit_and_nothing_else_moves(repo: Path) -> None:
    target = WriteTarget(repo)
    assert isinstance(target, Target)
    saved = target.plan(BUNDLE, BLUEPRINT, STAGING, None)
    assert (saved.creates, saved.updates, saved.deletes) == (len(BUNDLE) + 1, 0, ())
    assert saved == target.plan(BUNDLE, BLUEPRINT, STAGING, None), "planning changes nothing"
    head = git(repo, "rev-parse", "HEAD")
    done = target.apply(work(saved))
    assert done.status == "done"
    branch = f"deploy/{STAGING.name}"
    for item in BUNDLE:
        shown = subprocess.run(["git", "show", f"{branch}:{item.path}"], cwd=repo, capture_output=True, check=True)
        assert shown.stdout == item.data
    listed = [line.split("\t") for line in git(repo, "ls-tree", "-r", branch).splitlines()]
    modes = {path: about.split(" ")[0] for about, path in listed}
    assert all(modes[item.path] == ("100755" if item.executable else "100644") for item in BUNDLE)
    assert git(repo, "show", f"{branch}:keep/naïve file.txt") == "stay"
    trailers = git(repo, "log", "-1", "--format=%(trailers)", branch)
    assert "Hug-Packet: sha256:" + "1" * 64 in trailers
    assert "Signed-off-by: ana\nSigned-off-by: ben" in trailers
    assert (git(repo, "rev-parse", "HEAD"), git(repo, "status", "--porcelain")) == (head, "")
    assert target.drift(BUNDLE, BLUEPRINT, STAGING).status == "none"
    assert git(repo, "fsck", "--strict") == ""


def test_again_is_the_same_commit(repo: Path) -> None:
    target = WriteTarget(repo)
    job = work(target.plan(BUNDLE, BLUEPRINT, STAGING, None))
    assert target.observe(job).state == "not_done"
    first = target.apply(job)
    assert target.observe(job).state == "done"
    assert target.apply(job).outputs == first.outputs
    assert git(repo, "rev-list", "--count", f"deploy/{STAGING.name}") == "2"


def test_back_to_what_was_there_and_there_again(repo: Path) -> None:
    target = WriteTarget(repo)
    first = target.plan(BUNDLE, BLUEPRINT, STAGING, None)
    target.apply(work(first))
    second = target.plan(OTHER, OTHER_BLUEPRINT, STAGING, BUNDLE)
    assert second.updates > 0
    target.apply(work(second, other=True))
    assert target.drift(BUNDLE, BLUEPRINT, STAGING).status == "drifted"
    assert target.rollback(work(second, "rollback", other=True, series="drill-1")).status == "done"
    assert target.drift(BUNDLE, BLUEPRINT, STAGING).status == "none"
    assert target.apply(work(second, other=True, series="drill-1")).status == "done", "the same plan holds again"
    assert target.drift(OTHER, OTHER_BLUEPRINT, STAGING).status == "none"
    target.rollback(work(second, "rollback", other=True))
    assert target.rollback(work(first, "rollback", series="drill-2")).status == "done"
    branch = f"deploy/{STAGING.name}"
    assert git(repo, "rev-parse", f"{branch}^{{tree}}") == git(repo, "rev-parse", "main^{tree}")
    assert target.drift(None, BLUEPRINT, STAGING).status == "none"


def test_a_branch_that_moved_since_the_plan(repo: Path) -> None:
    target = WriteTarget(repo)
    saved = target.plan(BUNDLE, BLUEPRINT, STAGING, None)
    (repo / "README.md").write_text("changed\n")
    git(repo, "commit", "-qam", "second")
    with pytest.raises(PlanStale):
        target.apply(work(saved))
    assert "deploy/" not in git(repo, "branch", "--list", "deploy/*")


def test_an_edit_on_the_branch_is_drift_and_is_not_overwritten(repo: Path, tmp_path: Path) -> None:
    target = WriteTarget(repo)
    target.apply(work(target.plan(BUNDLE, BLUEPRINT, STAGING, None)))
    git(repo, "worktree", "add", "-q", str(tmp_path / "other"), f"deploy/{STAGING.name}")
    (tmp_path / "other" / "deploy" / "deploy.sh").write_text("#!/bin/sh\n")
    (tmp_path / "other" / "docs" / "runbook.md").unlink()
    git(tmp_path / "other", "commit", "-qam", "a hand's work")
    seen = target.drift(BUNDLE, BLUEPRINT, STAGING)
    assert seen.changes == ("missing: docs/runbook.md", "edited: deploy/deploy.sh")
    with pytest.raises(OutputConflict, match=r"deploy/deploy\.sh"):
        target.plan(OTHER, OTHER_BLUEPRINT, STAGING, BUNDLE)
    git(tmp_path / "other", "revert", "--no-edit", "HEAD")
    saved = target.plan(OTHER, OTHER_BLUEPRINT, STAGING, BUNDLE)
    with pytest.raises(UsageError, match="checked out"):
        target.apply(work(saved, other=True))


def test_a_file_that_is_not_ours(repo: Path) -> None:
    (repo / "deploy").mkdir()
    (repo / "deploy" / "deploy.sh").write_text("theirs\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "theirs")
    with pytest.raises(OutputConflict, match="not ours"):
        WriteTarget(repo).plan(BUNDLE, BLUEPRINT, STAGING, None)


def test_another_store_wrote_there(repo: Path) -> None:
    target = WriteTarget(repo)
    target.apply(work(target.plan(BUNDLE, BLUEPRINT, STAGING, None)))
    with pytest.raises(OutputConflict, match="this store put none there"):
        target.plan(OTHER, OTHER_BLUEPRINT, STAGING, None)


def test_an_empty_and_a_bare_repository(tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    target = WriteTarget(bare)
    saved = target.plan(BUNDLE, BLUEPRINT, STAGING, None)
    assert (saved.base, target.apply(work(saved)).status) == ("empty", "done")
    assert MANIFEST in git(bare, "ls-tree", "--name-only", f"deploy/{STAGING.name}")


def test_a_plan_for_another_repository(repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    saved = WriteTarget(repo).plan(BUNDLE, BLUEPRINT, STAGING, None)
    with pytest.raises(UsageError, match="the approved plan is for"):
        WriteTarget(other).apply(work(saved))


@pytest.mark.parametrize("name", ["write", "write:", "write:nowhere", "nothing", "nothing:x", ""])
def test_targets_that_there_are_not(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        load_target(name, Store(tmp_path))


@pytest.mark.parametrize("prefix", ["-x", "a..b", "a b", "a/", "x.lock", "a~1", ""])
def test_a_prefix_that_is_no_branch(repo: Path, prefix: str) -> None:
    with pytest.raises(UsageError):
        WriteTarget(repo, prefix=prefix)
