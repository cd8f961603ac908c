"""The target `spinnaker` against an emulator of Gate that really walks through the pipelines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from hug_agents.adapters.registry import load_target
from hug_agents.adapters.spinnaker.gate import Pace
from hug_agents.adapters.spinnaker.place import Place
from hug_agents.adapters.spinnaker.target import SpinnakerTarget
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError, UsageError
from hug_agents.execute.target import Observation, Order, Outcome, PlanStale, SavedPlan, Target, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.render import render
from hug_agents.store import Store
from tests.examples import ALL
from tests.render.orchestration.conftest import DIGESTS
from tests.spinnaker.gate import TOKEN, Spinnaker

COMMITS = {"one": "1" * 40, "two": "2" * 40, "three": "3" * 40}


@cache
def blueprint_of(version: str) -> Blueprint:
    spec = ALL["kubernetes_canary_eks"]()
    toolchain = spec.toolchain.model_copy(update={"rollout": "spinnaker"})
    return plan(spec.model_copy(update={"toolchain": toolchain, "version": version}))


@cache
def bundle_of(version: str) -> Bundle:
    return render(blueprint_of(version))


class Desk:
    """A target, and work as the executor would give it."""

    def __init__(self, folder: Path, environment: str = "staging") -> None:
        self.spinnaker = Spinnaker()
        self.spinnaker.answers = {
            "Pre-Deployment Approval": True,
            "Staging Validation": True,
            "Production Go/No-Go": True,
        }
        self.release_file = folder / "release.json"
        self.now, self.told = 0.0, []
        self.environment = environment
        self.store = Store(folder / "hug")
        self.target = self.make()

    def make(self, token: str = TOKEN) -> SpinnakerTarget:
        pace = Pace(poll=15, settle=60, follow=3_600, sleep=self._sleep, clock=lambda: self.now)
        self.told: list[str] = []
        place = Place.parse(f"{self.spinnaker.url}?release={self.release_file}")
        return SpinnakerTarget(place, self.store, token, pace=pace, tell=self.told.append)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.spinnaker.tick()

    def planned(self, version: str, previous: str = "") -> SavedPlan:
        images = {name: f"ghcr.io/acme/{name}@{DIGESTS[version]}" for name in ("payments-api", "worker")}
        self.release_file.write_text(json.dumps({"commit": COMMITS[version], "images": images}))
        found = blueprint_of(version)
        place = next(item for item in found.spec.environments if item.name == self.environment)
        return self.target.plan(bundle_of(version), found, place, bundle_of(previous) if previous else None)

    def work(self, saved: SavedPlan, version: str, action: str = "deploy", previous: str = "") -> Work:
        values = {"release": f"r-{version}", "action": action, "step": int(action == "deploy"), "weight": 100}
        order = Order.model_validate(
            {**values, "environment": saved.environment, "bundle": saved.bundle, "plan": saved.digest()}
        )
        before = bundle_of(previous) if previous else None
        return Work(
            order=order, plan=saved, blueprint=blueprint_of(version), bundle=bundle_of(version), previous=before
        )

    def release(self, version: str, previous: str = "") -> tuple[SavedPlan, Outcome]:
        saved = self.planned(version, previous)
        return saved, self.target.apply(self.work(saved, version, previous=previous))

    def back(self, saved: SavedPlan, version: str, previous: str = "") -> Outcome:
        return self.target.rollback(self.work(saved, version, "rollback", previous))

    def seen(self, saved: SavedPlan, version: str) -> Observation:
        return self.target.observe(self.work(saved, version))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.spinnaker.close()


def test_it_is_found_by_its_name(desk: Desk) -> None:
    found = load_target(desk.target.name, desk.store)
    assert isinstance(found, Target) and found.name == desk.target.name


@pytest.mark.parametrize(
    "text", ["", "http://gate.example.com?release=x", "https://gate.example.com", "https://g?release=x&a=b"]
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Place.parse(text)


def test_release_after_release_and_back(desk: Desk) -> None:
    saved, done = desk.release("one")
    assert done.status == "done" and (saved.creates, saved.updates) == (2, 0), done
    assert desk.spinnaker.serving("payments-api") == {"1"}
    saved, done = desk.release("two", "one")
    assert done.status == "done" and (saved.creates, saved.updates) == (0, 0)
    assert desk.spinnaker.serving("payments-api") == desk.spinnaker.serving("worker") == {"2"}
    assert desk.seen(saved, "two").state == "done"
    assert desk.back(saved, "two", "one").status == "done"
    assert desk.spinnaker.serving("payments-api") == desk.spinnaker.serving("worker") == {"1"}
    count = len(desk.spinnaker.executions)
    assert desk.back(saved, "two", "one").status == "done"
    assert len(desk.spinnaker.executions) == count  # done once is done


def test_a_release_is_started_once_however_often_it_is_asked_for(desk: Desk) -> None:
    saved, _ = desk.release("one")
    assert desk.target.apply(desk.work(saved, "one")).status == "done"
    assert len(desk.spinnaker.executions) == 1


def test_a_judgment_waits_for_people_and_is_never_answered(desk: Desk) -> None:
    del desk.spinnaker.answers["Pre-Deployment Approval"]
    saved = desk.planned("one")
    with pytest.raises(HttpError, match="not at its end"):
        desk.target.apply(desk.work(saved, "one"))
    assert any("Pre-Deployment Approval waits for people" in line for line in desk.told)
    assert not any(method == "PATCH" for method, _ in desk.spinnaker.calls)
    desk.spinnaker.answers["Pre-Deployment Approval"] = True
    assert desk.target.apply(desk.work(saved, "one")).status == "done"
    assert len(desk.spinnaker.executions) == 1


def test_a_no_ends_it_before_anything_was_changed(desk: Desk) -> None:
    desk.spinnaker.answers["Pre-Deployment Approval"] = False
    saved, done = desk.release("one")
    assert done.status == "failed" and done.untouched and "TERMINAL Pre-Deployment Approval" in done.detail
    assert not desk.spinnaker.revisions
    assert "changed nothing" in desk.back(saved, "one").detail


@pytest.mark.parametrize(
    ("stage", "undone"),
    [
        ("Judge payments-api at 10 %", False),
        ("payments-api takes 100 %", False),
        ("Smoke test 1", False),
        ("The new version on the track that stays", True),
        ("Autoscaling", True),
    ],
)
def test_a_bad_stage_is_taken_back_by_the_pipeline_itself(desk: Desk, stage: str, undone: bool) -> None:
    desk.release("one")
    desk.spinnaker.bad = {stage}
    saved, done = desk.release("two", "one")
    assert done.status == "failed" and f"FAILED_CONTINUE {stage}" in done.detail, done
    assert desk.spinnaker.serving("payments-api") == {"1"}
    assert desk.spinnaker.replicas["payments-api-canary"] == 0
    assert ("Roll back payments-api on stable" in desk.spinnaker.log) is undone
    count = len(desk.spinnaker.executions)
    assert "taken it back itself" in desk.back(saved, "two", "one").detail
    assert len(desk.spinnaker.executions) == count


def test_a_way_back_that_fails_is_said(desk: Desk) -> None:
    desk.release("one")
    desk.spinnaker.bad = {"Judge payments-api at 10 %", "payments-api back to stable"}
    saved, done = desk.release("two", "one")
    assert done.status == "failed"
    back = desk.back(saved, "two", "one")
    assert back.status == "failed" and "its own way back" in back.detail


def test_a_failed_migration_starts_no_new_version(desk: Desk) -> None:
    desk.release("one")
    desk.spinnaker.bad = {"Run migrate"}
    before = {name: list(images) for name, images in desk.spinnaker.revisions.items()}
    _, done = desk.release("two", "one")
    assert done.status == "failed" and desk.spinnaker.revisions == before
    assert not any(line.startswith(("Roll back", "payments-api back")) for line in desk.spinnaker.log)


@pytest.mark.parametrize(("ticks", "stage"), [(12, "payments-api takes 10 %"), (24, "payments-api stays on stable")])
def test_a_release_that_runs_is_cancelled_then_taken_back(desk: Desk, ticks: int, stage: str) -> None:
    desk.release("one")
    saved = desk.planned("two", "one")
    desk.target._pace = Pace(poll=15, follow=15 * ticks, sleep=desk._sleep, clock=lambda: desk.now)
    with pytest.raises(HttpError, match="not at its end"):
        desk.target.apply(desk.work(saved, "two", previous="one"))
    assert stage in desk.spinnaker.log[-6:]
    assert desk.seen(saved, "two").state == "partial"
    desk.target._pace = Pace(poll=15, sleep=desk._sleep, clock=lambda: desk.now)
    assert desk.back(saved, "two", "one").status == "done"
    assert desk.spinnaker.serving("payments-api") == {"1"}
    assert desk.spinnaker.revisions["payments-api-stable"][-1].endswith("1" * 64)
    assert desk.spinnaker.executions[-2]["status"] == "CANCELED"


def test_a_first_release_has_nothing_to_go_back_to(desk: Desk) -> None:
    saved, _ = desk.release("one")
    assert "first release" in desk.back(saved, "one").detail


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("path", ["/pipelines", "/pipelines/payments-api/Deploy staging"])
def test_a_call_that_breaks_is_asked_about_and_gone_on_with(desk: Desk, path: str, done: bool) -> None:
    saved = desk.planned("one")
    broken = [path]

    def trouble(method: str, seen: str) -> tuple[int, bool] | None:
        if method == "POST" and seen == path and broken:
            broken.clear()
            return 502, done
        return None

    desk.spinnaker.trouble = trouble
    with pytest.raises(HttpError, match="502"):
        desk.target.apply(desk.work(saved, "one"))
    started = done and path != "/pipelines"
    assert desk.seen(saved, "one").state == ("partial" if started else "not_done")
    assert desk.target.apply(desk.work(saved, "one")).status == "done"
    assert len(desk.spinnaker.executions) == 1


def test_pipelines_that_somebody_changed_make_the_plan_stale_and_are_drift(desk: Desk) -> None:
    desk.release("one")
    saved = desk.planned("two", "one")
    desk.spinnaker.saved["Deploy staging"]["stages"][0]["type"] = "wait"
    with pytest.raises(PlanStale):
        desk.target.apply(desk.work(saved, "two"))
    place = next(item for item in blueprint_of("one").spec.environments if item.name == "staging")
    assert desk.target.drift(bundle_of("one"), blueprint_of("one"), place).changes == ("edited: Deploy staging",)
    del desk.spinnaker.saved["Deploy staging"]
    assert desk.target.drift(bundle_of("one"), blueprint_of("one"), place).changes == ("missing: Deploy staging",)


def test_a_commit_and_every_image_must_be_named(desk: Desk) -> None:
    desk.planned("one")
    for text in ('{"commit": "main", "images": {}}', json.dumps({"commit": "1" * 40, "images": {"worker": "x"}}), "no"):
        desk.release_file.write_text(text)
        place = blueprint_of("one").spec.environments[0]
        with pytest.raises(UsageError):
            desk.target.plan(bundle_of("one"), blueprint_of("one"), place, None)


def test_a_token_is_not_said(desk: Desk) -> None:
    desk.planned("one")
    desk.target = desk.make("wrong-secret-token")
    with pytest.raises(HttpError, match="403") as caught:
        desk.planned("one")
    assert "wrong-secret-token" not in f"{caught.value}{caught.value!r}{caught.value.hint}"
