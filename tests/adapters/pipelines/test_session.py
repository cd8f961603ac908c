"""Whole sessions against the emulators: the rendered pipelines run, their scripts by bash; never twice, whatever is lost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.forge import correlation
from hug_agents.adapters.pipelines.runner import Run
from hug_agents.adapters.registry import load_target
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError, OutputConflict, UnsupportedError, UsageError
from hug_agents.execute.target import Explained, PlanStale, Target
from hug_agents.store import Store
from tests.adapters.pipelines.desk import PACKET, Ci, blueprint, bundle, place, planned, system_of, target_of, work
from tests.ci.circleci import TOKEN as CIRCLECI_TOKEN
from tests.ci.circleci import CircleCI
from tests.ci.jenkins import TOKEN, Jenkins
from tests.ci.world import until

NEW: dict[str, Any] = {"version": "2.0.0", "previous": "1.0.0", "release": "r2"}


def runs(ci: Ci) -> list[dict[str, Any]]:
    """What every run was given, in order."""
    return [item.parameters for item in (ci.builds if isinstance(ci, Jenkins) else ci.pipelines)]


def given(ci: Ci, number: int, name: str) -> str:
    key = name.upper() if isinstance(ci, Jenkins) else name
    return str(runs(ci)[number].get(key, ""))


def test_a_bundle_becomes_one_commit_and_one_followed_run(ci: Ci, store: Store) -> None:
    told: list[str] = []
    target = target_of(ci, store, told)
    assert isinstance(target, Target)
    assert isinstance(target, Explained)
    saved = planned(target, ci)
    assert (saved.creates, saved.updates, saved.deletes) == (len(bundle(system_of(ci))) + 1, 0, ())
    assert saved == planned(target, ci), "planning changes nothing"
    assert runs(ci) == []
    job = work(ci, saved)
    assert target.observe(job).state == "not_done"
    done = target.apply(job)
    assert done.status == "done", done.detail
    head = ci.world.repository.ref("heads/main")
    assert done.outputs["commit"] == head
    message = ci.world.repository.git("log", "-1", "--format=%B", "main").splitlines()
    for line in ("Hug-Release: r1", f"Hug-Order: {job.order.key}", f"Hug-Packet: {PACKET}", "Signed-off-by: ana"):
        assert line in message
    assert ci.world.repository.read("main", "README.md") == "the application"
    assert [given(ci, 0, name) for name in ("environment", "correlation", "packet", "commit")] == [
        "staging",
        correlation(job.order),
        PACKET,
        head,
    ]
    assert ci.world.calls == [
        "deploy.sh plan staging images.json",
        "deploy.sh rollout staging images.json",
        "deploy.sh status staging",
    ]
    assert any(line.lower().startswith(("deploy to staging: success", "deploy-staging: success")) for line in told)
    assert target.observe(job).state == "done"
    assert target.apply(job).outputs == done.outputs
    assert target_of(ci, store).apply(job).outputs == done.outputs
    assert len(runs(ci)) == 1, "again is the same run"
    assert "deploy: rollout staging images.json" in target.logs(job)
    assert (
        target.drift(bundle(system_of(ci)), blueprint(system_of(ci)), place(system_of(ci), "staging")).status == "none"
    )


def test_production_waits_for_its_approval_and_takes_the_images_that_staging_had(ci: Ci, store: Store) -> None:
    told: list[str] = []
    target = target_of(ci, store, told)
    assert target.apply(work(ci, planned(target, ci))).status == "done"
    job = work(ci, planned(target, ci, role="production"))
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(target.apply(job).status))
    thread.start()
    until(lambda: any("pending input" in line or "on hold" in line for line in told))
    assert "deploy.sh rollout production images.json" not in ci.world.calls
    assert outcomes == [], "nothing of ours answers an approval"
    ci.approve()
    thread.join(timeout=30)
    assert outcomes == ["done"]
    assert given(ci, 1, "images_of") not in ("", "none")
    assert ci.world.calls[-2:] == ["deploy.sh rollout production images.json", "deploy.sh status production"]
    first, second = (
        [item.artifacts["images.json"] for item in ci.builds]
        if isinstance(ci, Jenkins)
        else [job.artifacts["images.json"] for item in ci.pipelines for job in item.jobs if job.name == "images"]
    )
    assert first == second


def test_a_failed_rollout_is_rolled_back_by_the_pipeline_and_not_once_more(ci: Ci, store: Store) -> None:
    target = target_of(ci, store)
    assert target.apply(work(ci, planned(target, ci))).status == "done"
    ci.world.flag("fail-rollout")
    saved = planned(target, ci, "2.0.0", "1.0.0")
    job = work(ci, saved, **NEW)
    done = target.apply(job)
    assert done.status == "failed"
    assert "the new version answers 500" in done.detail
    assert "staging: failed" in done.detail.lower()
    assert ci.world.calls[-2:] == ["deploy.sh rollback staging images.json", "deploy.sh status staging"]
    assert target.observe(job).state == "partial"
    ci.world.flag("fail-rollout", on=False)
    calls, started = len(ci.world.calls), len(runs(ci))
    back = target.rollback(work(ci, saved, "rollback", **NEW))
    assert back.status == "done", back.detail
    assert (len(ci.world.calls), len(runs(ci))) == (calls, started), "one version further back would be one too far"
    assert (
        target.drift(bundle(system_of(ci)), blueprint(system_of(ci)), place(system_of(ci), "staging")).status == "none"
    )


def test_back_and_forward_again(ci: Ci, store: Store) -> None:
    target = target_of(ci, store)
    assert target.apply(work(ci, planned(target, ci))).status == "done"
    saved = planned(target, ci, "2.0.0", "1.0.0")
    assert target.apply(work(ci, saved, **NEW)).status == "done"
    back = work(ci, saved, "rollback", series="drill-1", **NEW)
    assert target.observe(back).state == "not_done"
    done = target.rollback(back)
    assert done.status == "done", done.detail
    assert "deploy.sh rollback staging" in ci.world.calls
    assert target.observe(back).state == "done"
    assert target.rollback(back).status == "done"
    again = target.rollback(work(ci, saved, "rollback", series="drill-2", **NEW))
    assert "rolled back already" in again.detail
    forward = target.apply(work(ci, saved, series="drill-1", **NEW))
    assert forward.status == "done", forward.detail
    assert len(runs(ci)) == 4
    assert given(ci, 3, "images_of") not in ("", "none"), "no image is built twice"


def test_what_a_failed_release_hides_is_taken_back_all_the_same(ci: Ci, store: Store) -> None:
    """The newest run is another release's, and has forgotten the version before: its files come first, then a deployment."""
    target, system = target_of(ci, store), system_of(ci)
    assert target.apply(work(ci, planned(target, ci))).status == "done"
    saved = planned(target, ci, "2.0.0", "1.0.0")
    assert target.apply(work(ci, saved, **NEW)).status == "done"
    ci.world.flag("fail-rollout")
    bad = planned(target, ci, "1.0.0", "2.0.0")
    assert target.apply(work(ci, bad, version="1.0.0", previous="2.0.0", release="r3")).status == "failed"
    ci.world.flag("fail-rollout", on=False)
    calls = len(ci.world.calls)
    back = work(ci, saved, "rollback", **NEW)
    done = target.rollback(back)
    assert done.status == "done", done.detail
    assert "deploy.sh rollout staging images.json" in ci.world.calls[calls:]
    assert not [call for call in ci.world.calls[calls:] if " rollback " in call]
    assert target.observe(back).state == "done"
    assert target.drift(bundle(system), blueprint(system), place(system, "staging")).status == "none"


def test_a_rollback_that_failed_in_the_pipeline_waits_for_a_person(ci: Ci, store: Store) -> None:
    target = target_of(ci, store)
    for name in ("rollout", "rollback"):
        ci.world.flag(f"fail-{name}")
    saved = planned(target, ci)
    assert target.apply(work(ci, saved)).status == "failed"
    done = target.rollback(work(ci, saved, "rollback"))
    assert done.status == "failed"
    assert "did not go back by itself" in done.detail
    assert len(runs(ci)) == 1


def test_a_running_deployment_is_cancelled_and_ends(ci: Ci, store: Store) -> None:
    target = target_of(ci, store)
    assert target.apply(work(ci, planned(target, ci))).status == "done"
    ci.world.flag("wait-rollout")
    saved = planned(target, ci, "2.0.0", "1.0.0")
    job = work(ci, saved, **NEW)
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(target.apply(job).status))
    thread.start()
    until(lambda: ci.world.calls.count("deploy.sh rollout staging images.json") == 2)
    assert target.observe(job).state == "partial"
    stopping = target_of(ci, store)
    cancel = stopping._runner.cancel

    def then_it_goes_on(run: Run) -> None:
        cancel(run)
        ci.world.flag("wait-rollout", on=False)

    stopping._runner.cancel = then_it_goes_on  # type: ignore[method-assign]
    cancelled = stopping.cancel(job)
    thread.join(timeout=30)
    assert cancelled.status == "done"
    assert "cancelled" in cancelled.detail
    assert outcomes == ["failed"]
    started = len(runs(ci))
    back = target.rollback(work(ci, saved, "rollback", **NEW))
    assert back.status == "done", back.detail
    # Jenkins rolls back what was aborted; CircleCI cuts a cancelled job off, so that the target has to.
    assert len(runs(ci)) == started + (1 if isinstance(ci, CircleCI) else 0)
    assert [call for call in ci.world.calls if " rollback " in call]


def test_what_waits_in_the_queue_is_taken_out_of_it(ci: Ci, store: Store) -> None:
    if not isinstance(ci, Jenkins):
        pytest.skip("CircleCI has no queue that one sees")
    target, ci.busy = target_of(ci, store), True
    job = work(ci, planned(target, ci))
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(target.apply(job).status))
    thread.start()
    until(lambda: len(ci.builds) == 1)
    cancelled = target_of(ci, store).cancel(job)
    thread.join(timeout=30)
    assert cancelled.status == "done" and "cancelled" in cancelled.detail
    assert outcomes == ["failed"]
    assert ci.builds[0].cancelled and not ci.world.calls
    assert ci.count("POST", "/queue/cancelItem") == 1


def test_the_answer_that_got_lost_is_no_second_run(ci: Ci, store: Store) -> None:
    target = target_of(ci, store)
    lost: list[str] = []

    def lose(method: str, path: str) -> bool:
        if method == "POST" and path.endswith(("/pipeline", "/buildWithParameters")) and not lost:
            lost.append(path)
            return True
        return False

    ci.lose = lose
    job = work(ci, planned(target, ci))
    done = target.apply(job)
    assert lost
    assert done.status == "done", done.detail
    assert len(runs(ci)) == 1


def test_a_run_on_its_way_is_waited_for_by_the_next_process(ci: Ci, store: Store) -> None:
    target = target_of(ci, store)
    job = work(ci, planned(target, ci))

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    setattr(ci, "busy" if isinstance(ci, Jenkins) else "slow", True)
    target._runner.get = die  # type: ignore[method-assign]
    start = target._runner.start

    def started(*arguments: Any) -> None:
        start(*arguments)
        raise Killed

    target._runner.start = started  # type: ignore[method-assign]
    with pytest.raises(Killed):
        target.apply(job)
    assert len(runs(ci)) == 1
    threading.Timer(0.4, lambda: setattr(ci, "busy" if isinstance(ci, Jenkins) else "slow", False)).start()
    assert target_of(ci, store).apply(job).status == "done"
    assert len(runs(ci)) == 1


def test_without_its_records_a_run_is_found_by_its_correlation(ci: Ci, store: Store, tmp_path: Path) -> None:
    target = target_of(ci, store)
    job = work(ci, planned(target, ci))
    assert target.apply(job).status == "done"
    for path in (tmp_path / "store" / "pipelines").rglob("*.json"):
        path.unlink()
    assert target_of(ci, store).observe(job).state == "done"
    assert target_of(ci, store).apply(job).status == "done"
    assert len(runs(ci)) == 1


def test_two_runs_of_one_correlation_are_nobodys_guess(ci: Ci, store: Store, tmp_path: Path) -> None:
    target = target_of(ci, store)
    job = work(ci, planned(target, ci))
    assert target.apply(job).status == "done"
    start = target._runner.start
    start("deploy", correlation(job.order), "staging", PACKET, ci.world.repository.ref("heads/main"), {})
    until(lambda: len(runs(ci)) == 2 and ci.world.calls.count("deploy.sh rollout staging images.json") == 2)
    for path in (tmp_path / "store" / "pipelines").rglob("*.json"):
        path.unlink()
    seen = target.observe(job)
    assert seen.state == "unknown"
    assert "2 " in seen.evidence


def test_a_branch_that_moved(ci: Ci, store: Store) -> None:
    target = target_of(ci, store)
    saved = planned(target, ci)
    ci.world.repository.write("main", "src/main.py", "print()\n")
    ci.world.repository.write("main", "deploy/deploy.sh", "theirs\n")
    with pytest.raises(PlanStale):
        target.apply(work(ci, saved))
    with pytest.raises(OutputConflict, match=r"deploy/deploy\.sh"):
        planned(target, ci)
    assert runs(ci) == []


def test_a_commit_that_came_in_between_is_not_deployed(ci: Ci, store: Store) -> None:
    """The run is told which commit was ordered, and refuses another one by itself."""
    target = target_of(ci, store)
    assert target.apply(work(ci, planned(target, ci))).status == "done"
    job = work(ci, planned(target, ci), release="r9")
    start = target._runner.start

    def late(*arguments: Any) -> Any:
        ci.world.repository.write("main", "deploy/deploy.sh", "theirs\n")
        return start(*arguments)

    target._runner.start = late  # type: ignore[method-assign]
    calls = len(ci.world.calls)
    assert target.apply(job).status == "failed"
    assert [call for call in ci.world.calls[calls:] if "rollout" in call] == []


def test_what_is_refused_before_anything_starts(ci: Ci, store: Store) -> None:
    target, system = target_of(ci, store), system_of(ci)
    kept = [item for item in bundle(system) if "Jenkinsfile" not in item.path and ".circleci" not in item.path]
    other = Bundle(blueprint(system).spec.digest(), kept)
    with pytest.raises(UnsupportedError, match="the bundle has not"):
        target.plan(other, blueprint(system), place(system, "staging"), None)
    ci.world.repository.set_ref("refs/heads/release", ci.world.repository.ref("heads/main"))
    with pytest.raises(UsageError, match="deploy from main, and this target from release"):
        planned(target_of(ci, store, branch="release"), ci)
    with pytest.raises(UsageError, match="has no branch"):
        target_of(ci, store, branch="nowhere")._branch.head()
    shifted = target.apply(work(ci, planned(target, ci), "shift"))
    assert (shifted.status, shifted.untouched) == ("failed", True)
    assert runs(ci) == []


def test_a_server_that_refuses_is_one_clear_error_and_no_claim(ci: Ci, store: Store) -> None:
    target = target_of(ci, store)
    job = work(ci, planned(target, ci))
    target._runner._http._headers.clear()  # type: ignore[attr-defined]
    with pytest.raises(HttpError, match="401") as caught:
        target.apply(job)
    assert TOKEN not in str(caught.value)
    assert target._records.get(correlation(job.order)) is None
    assert target_of(ci, store).apply(job).status == "done"
    assert len(runs(ci)) == 1


def test_a_log_that_cannot_be_fetched_hides_no_end_and_a_secret_in_one_is_not_kept(
    ci: Ci, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: Run) -> str:
        raise HttpError("503: the store of logs is away", status=503)

    target = target_of(ci, store)
    ci.world.flag("fail-rollout")
    job = work(ci, planned(target, ci))
    monkeypatch.setattr(target._runner, "log", gone)
    done = target.apply(job)
    assert done.status == "failed"
    assert "not known: 503: the store of logs is away" in done.detail
    monkeypatch.setattr(target._runner, "log", lambda _: "postgres://ledger:s3cr3tpw@db/ledger: connection refused\n")
    again = target.apply(job)
    for text in (again.detail, target.logs(job)):
        assert "postgres://ledger:[redacted]@db/ledger: connection refused" in text


def test_a_first_release_goes_back_to_nothing_only_if_nothing_ran(ci: Ci, store: Store) -> None:
    target = target_of(ci, store)
    saved = planned(target, ci)
    assert "does not run there" in target.rollback(work(ci, saved, "rollback")).detail
    assert target.apply(work(ci, planned(target, ci))).status == "done"
    done = target.rollback(work(ci, planned(target, ci), "rollback", series="again"))
    assert done.status == "failed"
    assert "first release" in done.detail


def test_nothing_holds_the_token(ci: Ci, store: Store, tmp_path: Path) -> None:
    told: list[str] = []
    target = target_of(ci, store, told)
    saved = planned(target, ci)
    done = target.apply(work(ci, saved))
    kept = [saved.model_dump_json(), done.model_dump_json(), *told, target.logs(work(ci, saved)), target.name]
    kept += [path.read_text() for path in (tmp_path / "store" / "pipelines").rglob("*.json")]
    assert not [text for text in kept if TOKEN in text or CIRCLECI_TOKEN in text]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jenkins:https://ci.example.com/job/a", "needs repository="),
        ("jenkins:?repository=/srv/x.git", "needs a project or folder"),
        ("jenkins:http://ci.example.com/job/a?repository=/srv/x.git", "over https only"),
        ("jenkins:https://ci.example.com?repository=/srv/x.git", "not the address of a folder"),
        ("jenkins:https://ci.example.com/job/a?repository=https://kim:secret@h/x.git", "no address that git is given"),
        ("jenkins:https://ci.example.com/job/a?repository=--upload-pack=x", "no address that git is given"),
        ("jenkins:https://ci.example.com/job/a?repository=/srv/x.git&branch=../x", "not the name of a branch"),
        ("jenkins:https://ci.example.com/job/a?repository=/srv/x.git&token=x", "options of the target jenkins: token"),
        ("circleci:acme/ledger?repository=/srv/x.git", "not the slug of a project"),
        ("circleci:gh/acme/ledger?repository=/srv/x.git&api=http://evil.example", "over https only"),
    ],
)
def test_names_that_say_too_little_or_too_much(
    name: str, message: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HUG_AGENTS_JENKINS_USER", "HUG_AGENTS_JENKINS_TOKEN", "HUG_AGENTS_CIRCLECI_TOKEN"):
        monkeypatch.setenv(variable, "x")
    with pytest.raises(UsageError, match=message):
        load_target(name, store)


def test_without_a_token_nothing_starts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HUG_AGENTS_JENKINS_TOKEN", "HUG_AGENTS_CIRCLECI_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(UsageError, match="API token"):
        load_target("jenkins:https://ci.example.com/job/a?repository=/srv/x.git", store)
    with pytest.raises(UsageError, match="API token"):
        load_target("circleci:gh/acme/ledger?repository=/srv/x.git", store)
