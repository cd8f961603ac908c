"""Whole sessions of the target gitlab_ci against the emulator, and what it says when GitLab does not do as asked."""

from __future__ import annotations

import subprocess
from itertools import count
from typing import Any

import pytest

from hug_agents.adapters.forge import Pace, correlation
from hug_agents.adapters.gitlab_ci.place import Place
from hug_agents.errors import HttpError, OutputConflict, UnsupportedError, UsageError
from hug_agents.execute.target import Explained, PlanStale, Target
from hug_agents.output import contents
from hug_agents.render.pipelines.gitlab_ci import UNDONE
from tests.adapters.gitlab_ci.conftest import PACKET, PRODUCTION, STAGING, Desk, blueprint, bundle
from tests.gitlab.emulator import PROJECT, TOKEN, Fault


def test_a_bundle_becomes_one_commit_and_one_followed_pipeline(desk: Desk) -> None:
    target, gitlab = desk.target, desk.gitlab
    assert isinstance(target, Target)
    assert isinstance(target, Explained)
    before = gitlab.repository.ref("heads/main")
    saved = desk.planned()
    assert (saved.creates, saved.updates, saved.deletes) == (len(bundle()) + 1, 0, ())
    assert saved == desk.planned(), "planning changes nothing"
    assert gitlab.repository.ref("heads/main") == before

    job = desk.work(saved)
    assert target.observe(job).state == "not_done"
    done = target.apply(job)
    assert done.status == "done", done.detail
    assert gitlab.repository.git("log", "--format=%P", "-1", "main") == before, "one commit"
    for path, data in contents(bundle()).items():
        shown = subprocess.run(
            ["git", "show", f"main:{path}"], cwd=gitlab.repository.folder, capture_output=True, check=True
        )
        assert shown.stdout == data
    modes = {line.split("\t")[1]: line[:6] for line in gitlab.repository.git("ls-tree", "-r", "main").splitlines()}
    assert all(modes[item.path] == ("100755" if item.executable else "100644") for item in bundle())
    message = gitlab.repository.git("log", "--format=%(trailers)", "-1", "main").splitlines()
    for line in ("Hug-Release: r1", f"Hug-Order: {job.order.key}", f"Hug-Packet: {PACKET}", "Signed-off-by: ana"):
        assert line in message
    (pipeline,) = gitlab.pipelines
    assert pipeline.name == f"deploy staging {correlation(job.order)} {PACKET}"
    assert {item.name: item.status for item in pipeline.jobs} == {
        "build-ledger": "success",
        "images": "success",
        "deploy-staging": "success",
        "undo-staging": "skipped",
    }
    assert "deploy-staging: success" in desk.told
    assert gitlab.repository.git("for-each-ref", "--format=%(refname)") == "refs/heads/main", "nothing of ours is left"
    assert target.observe(job).state == "done"
    assert target.drift(bundle(), blueprint(), STAGING).status == "none"
    assert desk.another().apply(job).outputs == done.outputs
    assert (len(gitlab.pipelines), len(gitlab.merge_requests)) == (1, 1), "again is the same pipeline"
    assert "deploy-staging: deploy-staging says so" in target.logs(job)


def test_production_is_started_once_it_may_be_and_takes_the_images_that_staging_had(desk: Desk) -> None:
    assert desk.target.apply(desk.work(desk.planned())).status == "done"
    desk.gitlab.unapproved = 2
    done = desk.target.apply(desk.work(desk.planned(place=PRODUCTION)))
    assert done.status == "done", done.detail
    first, second = desk.gitlab.pipelines
    images = first.named("images")
    assert images is not None
    assert second.inputs["images_of"] == str(images.id)
    assert any("not started yet: 403 Forbidden - the deployment is waiting for approvals" in line for line in desk.told)
    assert desk.gitlab.count("play") == 3
    assert len(desk.gitlab.merge_requests) == 1, "the files were there already"


def test_a_failed_rollout_tells_the_job_and_what_it_printed(desk: Desk) -> None:
    desk.gitlab.outcomes["deploy-staging"] = "failed"
    desk.gitlab.logs["deploy-staging"] = f"\x1b[31mthe new version answers 500\x1b[0m {TOKEN}\n"
    job = desk.work(desk.planned())
    done = desk.target.apply(job)
    assert done.status == "failed"
    assert "deploy-staging: script_failure" in done.detail
    assert "  the new version answers 500 ***" in done.detail
    assert desk.target.observe(job).state == "partial"
    assert desk.target.apply(job).status == "failed"
    assert len(desk.gitlab.pipelines) == 1
    refused = desk.target.retry(job)
    assert "was begun: release anew" in refused.detail


def test_a_log_that_cannot_be_fetched_hides_no_end_and_a_secret_in_one_is_not_kept(desk: Desk) -> None:
    desk.gitlab.outcomes["deploy-staging"] = "failed"
    desk.gitlab.logs["deploy-staging"] = "postgres://ledger:s3cr3tpw@db/ledger: connection refused\n"
    job = desk.work(desk.planned())
    desk.gitlab.faults.append(Fault("trace", status=403, times=1))
    done = desk.target.apply(job)
    assert done.status == "failed"
    assert "deploy-staging: script_failure\n  not known: 403" in done.detail
    again = desk.target.apply(job)
    assert "postgres://ledger:[redacted]@db/ledger: connection refused" in again.detail
    assert "s3cr3tpw" not in desk.target.logs(job)


def test_what_failed_before_the_rollout_is_tried_again(desk: Desk) -> None:
    desk.gitlab.outcomes["build-ledger"] = "failed"
    job = desk.work(desk.planned())
    assert desk.target.apply(job).status == "failed"
    desk.gitlab.outcomes.clear()
    for item in desk.gitlab.pipelines[0].jobs[1:]:
        item.status = "skipped"
    assert desk.target.retry(job).status == "done"
    assert desk.gitlab.pipelines[0].status == "success"


def test_back_and_forward_again(desk: Desk) -> None:
    assert desk.target.apply(desk.work(desk.planned())).status == "done"
    saved = desk.planned("2.0.0", "1.0.0")
    assert saved.updates > 0
    new: dict[str, Any] = {"version": "2.0.0", "previous": "1.0.0", "release": "r2"}
    assert desk.target.apply(desk.work(saved, **new)).status == "done"
    assert desk.target.drift(bundle("1.0.0"), blueprint(), STAGING).status == "drifted"
    back = desk.work(saved, "rollback", series="drill-1", **new)
    assert desk.target.observe(back).state == "not_done"
    done = desk.target.rollback(back)
    assert done.status == "done", done.detail
    assert desk.gitlab.pipelines[-1].name == f"rollback staging {correlation(back.order)} {PACKET}"
    assert desk.target.drift(bundle("1.0.0"), blueprint(), STAGING).status == "none"
    assert desk.target.observe(back).state == "done"
    assert desk.target.rollback(back).status == "done"
    assert len(desk.gitlab.pipelines) == 3
    assert "was rolled back already" in desk.target.rollback(desk.work(saved, "rollback", **new)).detail


def test_what_a_failed_release_hides_is_taken_back_all_the_same(desk: Desk) -> None:
    """The newest pipeline is another release's, and has forgotten the version before: its files come first, then deploy."""
    assert desk.target.apply(desk.work(desk.planned())).status == "done"
    saved = desk.planned("2.0.0", "1.0.0")
    new: dict[str, Any] = {"version": "2.0.0", "previous": "1.0.0", "release": "r2"}
    assert desk.target.apply(desk.work(saved, **new)).status == "done"
    desk.gitlab.outcomes |= {"deploy-staging": "failed", "undo-staging": "success"}
    bad = desk.planned("1.0.0", "2.0.0")
    assert desk.target.apply(desk.work(bad, version="1.0.0", previous="2.0.0", release="r3")).status == "failed"
    assert desk.target.drift(bundle("2.0.0"), blueprint("2.0.0"), STAGING).status == "drifted", "the branch went on"
    desk.gitlab.outcomes.clear()
    back = desk.work(saved, "rollback", **new)
    done = desk.target.rollback(back)
    assert done.status == "done", done.detail
    last = desk.gitlab.pipelines[-1]
    assert last.name == f"deploy staging {correlation(back.order)}-BACK {PACKET}"
    assert last.inputs["images_of"], "with the images of then"
    assert len(desk.gitlab.pipelines) == 4
    assert desk.target.observe(back).state == "done"
    assert desk.target.drift(bundle("1.0.0"), blueprint(), STAGING).status == "none"


@pytest.mark.parametrize(
    ("undo", "log", "status", "says"),
    [
        ("success", "", "done", "had rolled back itself"),
        ("failed", "", "failed", "did not go back by itself"),
    ],
)
def test_what_the_pipeline_undid_is_not_rolled_back_again(
    desk: Desk, undo: str, log: str, status: str, says: str
) -> None:
    assert desk.target.apply(desk.work(desk.planned())).status == "done"
    desk.gitlab.outcomes |= {"deploy-staging": "failed", "undo-staging": undo}
    saved = desk.planned("2.0.0", "1.0.0")
    new: dict[str, Any] = {"version": "2.0.0", "previous": "1.0.0", "release": "r2"}
    assert desk.target.apply(desk.work(saved, **new)).status == "failed"
    done = desk.target.rollback(desk.work(saved, "rollback", **new))
    assert done.status == status
    assert says in done.detail
    assert len(desk.gitlab.pipelines) == 2, "one version too far"


@pytest.mark.parametrize(("log", "status"), [(UNDONE, "done"), ("killed", "failed")])
def test_a_rollout_under_way_is_cancelled_and_says_that_it_rolled_back(desk: Desk, log: str, status: str) -> None:
    assert desk.target.apply(desk.work(desk.planned())).status == "done"
    desk.gitlab.outcomes["deploy-staging"] = "running"
    desk.gitlab.logs["deploy-staging canceled"] = f"rolling back\n{log}\n"
    saved = desk.planned("2.0.0", "1.0.0")
    new: dict[str, Any] = {"version": "2.0.0", "previous": "1.0.0", "release": "r2"}
    work = desk.work(saved, **new)
    slow = desk.another()
    looks = count()
    slow._client.pace = Pace(poll=0, settle=5, follow=20, clock=lambda: next(looks))  # a process that gives up
    with pytest.raises(HttpError, match="not at its end"):
        slow.apply(work)
    done = desk.target.rollback(desk.work(saved, "rollback", **new))
    assert done.status == status, done.detail
    assert desk.gitlab.pipelines[1].status == "canceled"


def test_a_pipeline_that_has_ended_is_not_cancelled(desk: Desk) -> None:
    job = desk.work(desk.planned())
    assert desk.target.apply(job).status == "done"
    assert "ended: success" in desk.target.cancel(job).detail
    assert desk.target.cancel(desk.work(desk.planned(place=PRODUCTION))).status == "failed"


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ("create_commit", 0),
        ("create_merge_request", 500),
        ("merge", 0),
        ("create_pipeline", 0),
        ("create_pipeline", 500),
    ],
)
def test_an_answer_that_gets_lost_makes_nothing_twice(desk: Desk, operation: str, status: int) -> None:
    desk.gitlab.faults.append(Fault(operation, status=status, after=True))
    job = desk.work(desk.planned())
    try:
        done = desk.target.apply(job)
    except HttpError:
        done = desk.another().apply(job)
    assert done.status == "done", done.detail
    assert (len(desk.gitlab.pipelines), len(desk.gitlab.merge_requests)) == (1, 1)
    assert desk.gitlab.repository.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_a_call_that_never_arrived_is_made_again_by_the_next_process(desk: Desk) -> None:
    desk.gitlab.faults.append(Fault("create_pipeline"))
    job = desk.work(desk.planned())
    with pytest.raises(HttpError, match="no answer"):
        desk.target.apply(job)
    assert desk.another().observe(job).state == "not_done"
    assert desk.another().apply(job).status == "done"
    assert len(desk.gitlab.pipelines) == 1


@pytest.mark.parametrize(
    ("status", "says", "hint"),
    [
        (400, "400: as the test wants it", "the message names them"),
        (401, "401: as", "HUG_AGENTS_GITLAB_TOKEN"),
        (403, "403: as", "scope `api`"),
        (404, "404: as", "may the token see it"),
        (409, "409: as", "look at it, then resume"),
        (422, "422: as", "the message names them"),
        (503, "503: ", "GitLab is in trouble"),
    ],
)
def test_every_refusal_says_one_thing(desk: Desk, status: int, says: str, hint: str) -> None:
    job = desk.work(desk.planned())
    desk.gitlab.faults.append(Fault("create_pipeline", status=status, times=9))
    with pytest.raises(HttpError) as error:
        desk.target.apply(job)
    assert str(error.value).startswith(says) or says in str(error.value)
    assert hint in error.value.hint
    assert TOKEN not in repr(error.value) + str(error.value) + error.value.hint
    assert error.value.status == status


def test_a_rate_limit_is_waited_for(desk: Desk) -> None:
    job = desk.work(desk.planned())
    desk.gitlab.faults.append(Fault("create_pipeline", status=429, headers={"retry-after": "0"}))
    assert desk.target.apply(job).status == "done"
    desk.gitlab.faults.append(Fault("list_pipelines", status=429, times=9, headers={"retry-after": "0"}))
    with pytest.raises(HttpError) as error:
        desk.target.observe(job)
    assert "rate limit" in error.value.hint


def test_a_wrong_token_and_a_wrong_project(desk: Desk) -> None:
    with pytest.raises(HttpError, match="401 Unauthorized"):
        desk.another(token="glpat-wrong").plan(bundle(), blueprint(), STAGING, None)
    with pytest.raises(UsageError, match="has no branch nowhere"):
        desk.another(branch="nowhere").plan(bundle(), blueprint().model_copy(
            update={"spec": blueprint().spec.model_copy(update={"default_branch": "nowhere"})}), STAGING, None)  # fmt: skip
    with pytest.raises(UsageError, match="needs a token"):
        desk.another(token="")


def test_a_branch_that_takes_no_merge_is_waited_for_and_said(desk: Desk) -> None:
    desk.gitlab.blocked = "not_approved"
    job = desk.work(desk.planned())
    with pytest.raises(HttpError, match="not merged yet: 405 Method Not Allowed \\(not_approved\\)"):
        desk.target.apply(job)
    assert desk.target.observe(job).state == "partial"
    desk.gitlab.blocked = ""
    assert desk.target.apply(job).status == "done"
    assert len(desk.gitlab.merge_requests) == 1


def test_a_plan_is_of_the_branch_as_it_was(desk: Desk) -> None:
    saved = desk.planned()
    desk.gitlab.repository.write("main", "deploy/deploy.sh", "somebody else's\n")
    with pytest.raises(PlanStale):
        desk.target.apply(desk.work(saved))
    with pytest.raises(OutputConflict, match=r"deploy/deploy\.sh"):
        desk.planned()


def test_two_pipelines_with_one_name_are_said(desk: Desk) -> None:
    job = desk.work(desk.planned())
    assert desk.target.apply(job).status == "done"
    desk.gitlab.pipelines.append(desk.gitlab.pipelines[0])
    seen = desk.target.observe(job)
    assert seen.state == "unknown"
    assert "2 pipelines show the correlation" in seen.evidence


def test_lists_are_read_to_their_end(desk: Desk) -> None:
    desk.gitlab.page = 7
    job = desk.work(desk.planned())
    assert desk.target.apply(job).status == "done"
    assert desk.target.drift(bundle(), blueprint(), STAGING).status == "none"


def test_drift_names_files(desk: Desk) -> None:
    assert desk.target.apply(desk.work(desk.planned())).status == "done"
    desk.gitlab.repository.write("main", "deploy/smoke.sh", "exit 0\n")
    desk.gitlab.repository.write("main", ".gitlab/ci/drift.yml", None)
    found = desk.target.drift(bundle(), blueprint(), STAGING)
    assert found.changes == ("missing: .gitlab/ci/drift.yml", "edited: deploy/smoke.sh")
    assert desk.target.drift(None, blueprint(), STAGING).status == "drifted"


def test_a_bundle_without_our_inputs_is_refused(desk: Desk) -> None:
    other = type(bundle())("sha256:" + "0" * 64, [item for item in bundle() if item.path != ".gitlab-ci.yml"])
    with pytest.raises(UnsupportedError, match="does not take action"):
        desk.target.plan(other, blueprint(), STAGING, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no project was named"),
        ("ledger", "is not a project"),
        ("acme/../ledger", "is not a project"),
        ("acme/ledger?token=x", "options of the target"),
        ("acme/ledger?branch=a..b", "not the name of a branch"),
        ("acme/ledger?api=http://gitlab.example.com/api/v4", "https only"),
        ("acme/ledger?api=https://me:pw@gitlab.example.com/api/v4", "not the address"),
    ],
)
def test_a_place_that_is_none(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Place.parse(text)


def test_a_place_is_its_own_name() -> None:
    for text in (PROJECT, f"{PROJECT}?branch=release/1&api=https://gitlab.example.com/api/v4"):
        assert Place.parse(text).text == text
    assert Place.parse(PROJECT).path == "/projects/acme%2Fplatform%2Fledger"
