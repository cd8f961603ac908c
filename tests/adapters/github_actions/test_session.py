"""Whole sessions against the emulator: the rendered workflows run under act, and every call is judged by GitHub's description."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.forge import correlation, printed
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError, OutputConflict, UnsupportedError, UsageError
from hug_agents.execute.target import Explained, PlanStale, Target
from hug_agents.output import MANIFEST, contents
from hug_agents.store import Store
from tests.adapters.github_actions.desk import (
    PACKET,
    PRODUCTION,
    QUICK,
    SPEC,
    STAGING,
    blueprint,
    bundle,
    planned,
    target_of,
    work,
)
from tests.github.emulator import TOKEN, Emulator


def log(github: Emulator, *arguments: str) -> str:
    return github.repository.git("log", *arguments)


def test_a_bundle_becomes_one_commit_and_one_followed_run(github: Emulator, store: Store) -> None:
    told: list[str] = []
    target = target_of(github, store, tell=told)
    assert isinstance(target, Target)
    assert isinstance(target, Explained)
    before = github.repository.ref("heads/main")
    saved = planned(target)
    assert (saved.creates, saved.updates, saved.deletes) == (len(bundle()) + 1, 1, ())
    assert saved == planned(target), "planning changes nothing"
    assert github.repository.ref("heads/main") == before
    assert (github.environments, github.pulls, github.actions.runs) == ({}, [], [])

    job = work(saved)
    assert target.observe(job).state == "not_done"
    done = target.apply(job)
    assert done.status == "done", done.detail
    assert log(github, "--format=%P", "-1", "main") == before, "one commit"
    for path, data in contents(bundle()).items():
        shown = subprocess.run(
            ["git", "show", f"main:{path}"], cwd=github.repository.folder, capture_output=True, check=True
        )
        assert shown.stdout == data
    modes = {line.split("\t")[1]: line[:6] for line in github.repository.git("ls-tree", "-r", "main").splitlines()}
    assert all(modes[item.path] == ("100755" if item.executable else "100644") for item in bundle())
    assert github.repository.read("main", "README.md") == "the application"
    message = log(github, "--format=%(trailers)", "-1", "main")
    for line in ("Hug-Release: r1", f"Hug-Order: {job.order.key}", f"Hug-Packet: {PACKET}", "Signed-off-by: ana"):
        assert line in message.splitlines()
    (run,) = github.actions.runs
    assert run.title == f"Deploy staging {correlation(job.order)} {PACKET}"
    assert {item.name: item.conclusion for item in run.jobs} == {
        "Build ledger": "success",
        "List the images": "success",
        "Deploy to staging": "success",
        "Deploy to production": "skipped",
    }
    assert github.actions.calls == [
        "deploy.sh plan staging images.json",
        "deploy.sh rollout staging images.json",
        "deploy.sh status staging",
    ]
    assert done.outputs["deployment"] == "success"
    assert "Deploy to staging: completed success" in told
    assert any(line.startswith("Deploy to staging: Roll out") for line in told)
    left = github.repository.git("for-each-ref", "--format=%(refname)").split()
    assert left == ["refs/heads/main", "refs/hug/environments/staging"], "no branch and no claim is left"
    assert target.observe(job).state == "done"
    assert target.drift(bundle(), blueprint(), STAGING).status == "none"
    assert target.apply(job).outputs == done.outputs
    assert (len(github.actions.runs), len(github.pulls)) == (1, 1), "again is the same run"
    assert "Deploy to staging: " in target.logs(job)


def test_production_takes_the_images_that_staging_had(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    assert target.apply(work(planned(target))).status == "done"
    saved = planned(target, place=PRODUCTION)
    assert (saved.creates, saved.deletes) == (0, ())
    done = target.apply(work(saved))
    assert done.status == "done", done.detail
    first, second = github.actions.runs
    assert (first.inputs["images_of"], second.inputs["images_of"]) == ("", str(first.id))
    assert {item.name: item.conclusion for item in second.jobs if "Deploy" in item.name} == {
        "Deploy to production": "success",
        "Deploy to staging": "skipped",
    }
    assert "deploy.sh rollout production images.json" in github.actions.calls
    assert len(github.pulls) == 1, "the files were there already"


def test_a_failed_rollout_tells_the_step_and_what_itprinted(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    (github.actions.world / "fail-rollout").touch()
    job = work(planned(target))
    done = target.apply(job)
    assert done.status == "failed"
    assert "Deploy to staging: Roll out (rolling)" in done.detail
    assert "the new version answers 500" in done.detail
    assert done.outputs["deployment"] == "failure"
    assert github.actions.calls[-2:] == ["deploy.sh rollback staging images.json", "deploy.sh status staging"]
    assert target.observe(job).state == "partial"
    assert target.apply(job).status == "failed"
    assert len(github.actions.runs) == 1


def test_back_and_forward_again(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    assert target.apply(work(planned(target))).status == "done"
    saved = planned(target, "2.0.0", "1.0.0")
    assert saved.updates > 0
    new: dict[str, Any] = {"version": "2.0.0", "previous": "1.0.0", "release": "r2"}
    assert target.apply(work(saved, **new)).status == "done"
    assert target.drift(bundle("1.0.0"), blueprint(), STAGING).status == "drifted"

    back = work(saved, "rollback", series="drill-1", **new)
    assert target.observe(back).state == "not_done"
    done = target.rollback(back)
    assert done.status == "done", done.detail
    assert github.actions.runs[-1].title == f"Roll back staging {correlation(back.order)} {PACKET}"
    assert "deploy.sh rollback staging" in github.actions.calls
    assert target.drift(bundle("1.0.0"), blueprint(), STAGING).status == "none"
    assert target.observe(back).state == "done"
    assert target.rollback(back).status == "done"

    again = target.apply(work(saved, series="drill-1", **new))
    assert again.status == "done", again.detail
    assert target.drift(bundle("2.0.0"), blueprint("2.0.0"), STAGING).status == "none"
    assert [run.file for run in github.actions.runs] == ["deploy.yml", "deploy.yml", "rollback.yml", "deploy.yml"]
    assert github.actions.runs[-1].inputs["images_of"] == str(github.actions.runs[1].id), "no image is built twice"


def test_what_the_pipeline_rolled_back_itself_is_not_rolled_back_once_more(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    assert target.apply(work(planned(target))).status == "done"
    (github.actions.world / "fail-rollout").touch()
    saved = planned(target, "2.0.0", "1.0.0")
    new: dict[str, Any] = {"version": "2.0.0", "previous": "1.0.0", "release": "r2"}
    assert target.apply(work(saved, **new)).status == "failed"
    (github.actions.world / "fail-rollout").unlink()
    calls = len(github.actions.calls)
    done = target.rollback(work(saved, "rollback", **new))
    assert done.status == "done"
    assert len(github.actions.calls) == calls, "one version further back would be one too far"
    assert target.drift(bundle("1.0.0"), blueprint(), STAGING).status == "none", "the files went back"


def test_back_once_is_back_whoever_asks_again(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    assert target.apply(work(planned(target))).status == "done"
    saved = planned(target, "2.0.0", "1.0.0")
    new: dict[str, Any] = {"version": "2.0.0", "previous": "1.0.0", "release": "r2"}
    never = target.rollback(work(saved, "rollback", **new))
    assert never.status == "done"
    assert "does not run there" in never.detail
    assert len(github.actions.runs) == 1, "the version that runs is not the one to be taken back"
    assert target.apply(work(saved, **new)).status == "done"
    assert target.rollback(work(saved, "rollback", series="drill-1", **new)).status == "done"
    runs = len(github.actions.runs)
    again = target.rollback(work(saved, "rollback", series="drill-2", **new))
    assert again.status == "done"
    assert "rolled back already" in again.detail
    assert len(github.actions.runs) == runs


def test_a_rollback_that_failed_in_the_pipeline_waits_for_a_person(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    for name in ("rollout", "rollback"):
        (github.actions.world / f"fail-{name}").touch()
    saved = planned(target)
    assert target.apply(work(saved)).status == "failed"
    done = target.rollback(work(saved, "rollback"))
    assert done.status == "failed"
    assert "did not go back by itself: look at staging" in done.detail
    assert len(github.actions.runs) == 1


def test_a_running_deployment_is_cancelled_and_ends(github: Emulator, store: Store) -> None:
    import threading

    target = target_of(github, store)
    (github.actions.world / "wait-rollout").touch()
    job = work(planned(target))
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(target.apply(job).status))
    thread.start()
    for _ in range(600):
        if "deploy.sh rollout staging images.json" in github.actions.calls:
            break
        thread.join(timeout=0.2)
    assert target.observe(job).state == "partial"
    cancelled = target_of(github, store).cancel(job)
    (github.actions.world / "wait-rollout").unlink(missing_ok=True)
    thread.join(timeout=120)
    assert cancelled.status == "done"
    assert "cancelled" in cancelled.detail
    assert outcomes == ["failed"]
    assert github.count("actions/cancel-workflow-run") == 1


def test_reviewers_of_an_environment_are_evidence(github: Emulator, store: Store) -> None:
    told: list[str] = []
    target = target_of(github, store, tell=told, reviewers="ben,acme/sre")
    assert target.apply(work(planned(target))).status == "done"
    saved = planned(target, place=PRODUCTION)
    assert "environment production" in saved.settings["protection"]

    def agree(line: str) -> None:
        told.append(line)
        if line.startswith("run: waiting"):
            github.approve(github.actions.runs[-1])

    target._tell = agree
    done = target.apply(work(saved))
    assert done.status == "done", done.detail
    assert "run: waiting for the reviewers of production (ben, sre)" in told
    assert done.outputs["github-reviews"] == "approved by ben for production: fine"
    there = github.environments["production"]
    assert [item["id"] for item in there["reviewers"]] == [12, 21]
    assert there["deployment_branch_policy"] == {"protected_branches": False, "custom_branch_policies": True}
    assert github.policies["production"] == ["main"]
    assert github.environments["staging"].keys() == {"deployment_branch_policy"}


def test_a_reviewer_who_refuses_is_why_it_failed(github: Emulator, store: Store) -> None:
    target = target_of(github, store, reviewers="ben")
    assert target.apply(work(planned(target))).status == "done"

    def refuse(line: str) -> None:
        run = github.actions.runs[-1]
        if line.startswith("run: waiting"):
            said = {"state": "rejected", "login": "ben", "comment": "not in\nthe freeze", "environments": run.pending}
            run.reviews.append(said)
            run.status, run.conclusion = "completed", "failure"

    target._tell = refuse
    done = target.apply(work(planned(target, place=PRODUCTION)))
    assert done.status == "failed"
    assert done.detail.endswith("ended: failure\nrejected by ben for production: not in the freeze")


def test_protection_that_people_set_up_stays_and_what_is_taken_off_is_drift(github: Emulator, store: Store) -> None:
    target = target_of(github, store, reviewers="ben")
    theirs = {"wait_timer": 30, "reviewers": [{"type": "User", "id": 11}], "prevent_self_review": True}
    github.environments["production"] = {**theirs, "deployment_branch_policy": None}
    github.environments["staging"] = {
        "deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": False}
    }
    target._protection("main", PRODUCTION).ensure()
    there = github.environments["production"]
    assert (there["wait_timer"], there["prevent_self_review"]) == (30, True)
    assert [item["id"] for item in there["reviewers"]] == [11, 12]
    assert not target._protection("main", PRODUCTION).ensure(), "nothing is left to set up"
    assert not target._protection("main", STAGING).ensure(), "protected branches only is what people chose"
    assert target._protection("main", PRODUCTION).missing() == ()
    there["reviewers"] = []
    github.policies["production"] = ["main", "wip"]
    assert target._protection("main", PRODUCTION).missing() == (
        "environment production: ben is no required reviewer",
        "environment production: wip may deploy to it too",
    )


def test_a_plan_without_protection_rules_is_enough_where_none_is_wanted(github: Emulator, store: Store) -> None:
    github.refused = ("wait_timer", "reviewers", "prevent_self_review")
    target = target_of(github, store)
    assert target._protection("main", PRODUCTION).ensure()
    assert github.policies["production"] == ["main"]
    with pytest.raises(HttpError, match=r"422: Failed to create .* Is reviewers in the plan"):
        target_of(github, store, reviewers="ben")._protection("main", PRODUCTION).ensure()


def test_a_wait_timer_is_waited_for(github: Emulator, store: Store) -> None:
    told: list[str] = []
    target = target_of(github, store, tell=told)
    github.environments["staging"] = {
        "wait_timer": 30,
        "deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": False},
    }

    def over(line: str) -> None:
        told.append(line)
        if line.startswith("run: waiting"):
            github.actions.begin(github.actions.runs[-1])

    target._tell = over
    assert target.apply(work(planned(target))).status == "done"
    assert "run: waiting for the protection rules of staging" in told


def test_an_unknown_reviewer_is_refused(github: Emulator, store: Store) -> None:
    target = target_of(github, store, reviewers="nobody")
    with pytest.raises(UsageError, match="no reviewer nobody"):
        target._protection("main", PRODUCTION).ensure()


def test_drift_names_each_file(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    assert target.apply(work(planned(target))).status == "done"
    github.repository.write("main", "deploy/deploy.sh", "echo pwned\n")
    github.repository.write("main", ".github/workflows/drift.yml", None)
    github.repository.write("main", "docs/other.md", "not ours\n")
    seen = target.drift(bundle(), blueprint(), STAGING)
    assert seen.changes == ("missing: .github/workflows/drift.yml", "edited: deploy/deploy.sh")
    assert target.drift(None, blueprint(), STAGING).status == "drifted"


def test_a_branch_that_moved_in_our_files_is_a_stale_plan(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    saved = planned(target)
    github.repository.write("main", "src/main.py", "print()\n")
    github.repository.write("main", "deploy/deploy.sh", "theirs\n")
    with pytest.raises(PlanStale):
        target.apply(work(saved))
    assert (github.pulls, github.actions.runs, github.environments) == ([], [], {})
    with pytest.raises(OutputConflict, match=r"deploy/deploy\.sh"):
        planned(target)


def test_a_branch_that_moved_elsewhere_is_not(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    saved = planned(target)
    github.repository.write("main", "src/main.py", "print()\n")
    assert target.apply(work(saved)).status == "done"
    assert github.repository.read("main", "src/main.py") == "print()"


def test_a_conflict_after_the_pull_request_was_opened_takes_it_back(github: Emulator, store: Store) -> None:
    target = target_of(github, store, pace=replace(QUICK, merge=240.0))
    saved = planned(target)
    github.protected = "At least 1 approving review is required"

    def meanwhile(line: str) -> None:
        if "waits: At least 1" in line:
            github.repository.write("main", "deploy/deploy.sh", "theirs\n")

    target._tell = meanwhile
    with pytest.raises(PlanStale):
        target.apply(work(saved))
    (pull,) = github.pulls
    assert (pull.state, pull.merged) == ("closed", False)
    assert github.repository.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_a_pull_request_that_people_merge(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    github.protected = "At least 1 approving review is required"
    job = work(planned(target))
    with pytest.raises(Exception, match="not merged yet: At least 1 approving review"):
        target.apply(job)
    assert target.observe(job).state == "partial"
    github.protected = ""
    assert target.apply(job).status == "done"
    assert len(github.pulls) == 1


def test_what_it_waits_for_is_told_once(github: Emulator, store: Store) -> None:
    told: list[str] = []
    target = target_of(github, store, tell=told)
    github.protected = "At least 1 approving review is required"
    with pytest.raises(HttpError):
        target.apply(work(planned(target)))
    assert github.count("pulls/merge") > 1
    assert [line for line in told if "waits" in line] == [f"pull request 1 waits: {github.protected}"]


def test_one_that_was_closed_is_to_be_reopened_or_the_release_cancelled(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    github.protected = "At least 1 approving review is required"
    job = work(planned(target))
    with pytest.raises(HttpError):
        target.apply(job)
    github.protected, github.pulls[0].state = "", "closed"
    with pytest.raises(HttpError, match="closed without being merged") as caught:
        target.apply(job)
    assert "reopened first; or cancel the release" in caught.value.hint
    github.pulls[0].state = "open"
    assert target.apply(job).status == "done"


def test_one_whose_branch_was_deleted_is_opened_anew(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    github.protected = "At least 1 approving review is required"
    job = work(planned(target))
    with pytest.raises(HttpError):
        target.apply(job)
    (first,) = github.pulls
    github._git_delete_ref(f"heads/{first.branch}")
    assert first.state == "closed", "as GitHub does it, which lets nobody open it again"
    github.protected = ""
    assert target.apply(job).status == "done"
    assert [(item.state, item.merged) for item in github.pulls] == [("closed", False), ("closed", True)]


def test_a_repository_that_takes_rebased_commits_alone(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    github.merges = ("rebase",)
    job = work(planned(target))
    assert target.apply(job).status == "done"
    message = github.repository.git("log", "-1", "--format=%B", "main")
    assert f"Hug-Order: {job.order.key}" in message.splitlines(), "a push of it starts no second deployment"


def test_a_bundle_of_another_store_is_not_overwritten(github: Emulator, store: Store, tmp_path: Path) -> None:
    target = target_of(github, store)
    assert target.apply(work(planned(target))).status == "done"
    stranger = target_of(github, Store(tmp_path / "other"))
    with pytest.raises(OutputConflict, match="does not know"):
        planned(stranger, "2.0.0")


def test_a_bundle_without_our_workflows_is_refused_before_anything_starts(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    other = Bundle(SPEC.digest(), [item for item in bundle() if "rollback" not in item.path])
    with pytest.raises(UnsupportedError, match=r"rollback\.yml of the bundle does not take"):
        target.plan(other, blueprint(), STAGING, None)
    with pytest.raises(UsageError, match="deploy from main, and this target from release"):
        planned(target_of(github, store, branch="release"))


def test_other_orders_are_the_pipelines(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    done = target.apply(work(planned(target), "shift"))
    assert done.status == "failed"
    assert "pipeline cannot shift" in done.detail


def test_a_first_release_goes_back_to_nothing_only_if_nothing_ran(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    saved = planned(target)
    assert target.apply(work(saved)).status == "done"
    done = target.rollback(work(saved, "rollback"))
    assert done.status == "failed"
    assert "first" in done.detail
    assert github.repository.read("main", MANIFEST)
    assert len(github.actions.runs) == 1


def test_runs_are_found_on_any_page(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    job = work(planned(target))
    assert target.apply(job).status == "done"
    for number in range(3):
        other = work(job.plan, release=f"x{number}")
        inputs = {"environment": "staging", "correlation": correlation(other.order), "packet": ""}
        github.actions.dispatch("deploy.yml", "main", inputs, ["staging"])
    github.page = 2
    assert target.observe(job).state == "done"


def test_two_runs_of_one_correlation_are_nobodys_guess(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    job = work(planned(target))
    assert target.apply(job).status == "done"
    github.actions.dispatch("deploy.yml", "main", {**github.actions.runs[0].inputs}, ["staging"])
    seen = target.observe(job)
    assert seen.state == "unknown"
    assert "2 runs" in seen.evidence


def test_a_log_moves_no_cursor() -> None:
    assert printed("a\x1b[31mred\x1b[0m\n\n\x1b]0;title\x07b\u202e\x9b2Jc\n") == ["ared", " ]0;title b  2Jc"]


def test_nothing_holds_the_token(github: Emulator, store: Store) -> None:
    told: list[str] = []
    target = target_of(github, store, tell=told)
    saved = planned(target)
    done = target.apply(work(saved))
    kept = [saved.model_dump_json(), done.model_dump_json(), *told, target.logs(work(saved)), target.name]
    kept += github.repository.git("log", "--format=%B", "--all").splitlines()
    assert not [text for text in kept if TOKEN in text]
