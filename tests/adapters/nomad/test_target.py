"""The target `nomad` against an emulator of Nomad's HTTP API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.nomad.api import Pace
from hug_agents.adapters.nomad.place import Place
from hug_agents.adapters.nomad.target import NomadTarget
from hug_agents.adapters.registry import load_target
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError, UsageError
from hug_agents.execute.target import Order, PlanStale, SavedPlan, Target, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec
from hug_agents.store import Store
from tests.nomad.cluster import Cluster
from tests.nomad.server import TOKEN, Server
from tests.render.orchestration.conftest import DIGESTS
from tests.render.orchestration.test_kubernetes_deploy import KINDS
from tests.render.orchestration.test_nomad_deploy import NAMESPACE, spec_of

KEY = (NAMESPACE, "api")


@cache
def blueprint_of(kind: str, greeting: str) -> Blueprint:
    spec: DeploymentSpec = spec_of(kind)
    api, mailer = spec.services
    env = tuple(item.model_copy(update={"value": greeting}) for item in api.env)
    place = spec.environments[0].model_copy(update={"domain": "shop.example.com"})
    return plan(
        spec.model_copy(update={"services": (api.model_copy(update={"env": env}), mailer), "environments": (place,)})
    )


@cache
def bundle_of(kind: str, greeting: str) -> Bundle:
    return render(blueprint_of(kind, greeting))


class Desk:
    """A target, and work as the executor would give it."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.cluster = Cluster()
        self.server = Server(self.cluster)
        self.folder, self.kind = folder, kind
        self.images = folder / "images.json"
        self.now = 0.0
        self.store = Store(folder / "hug")
        pace = Pace(poll=5, settle=600, once=600, sleep=self._sleep, clock=lambda: self.now)
        place = Place.parse(f"{self.server.url}?images={self.images}")
        self.target = NomadTarget(place, self.store, TOKEN, pace=pace)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.cluster.tick()

    def blueprint(self, greeting: str = "one") -> Blueprint:
        return blueprint_of(self.kind, greeting)

    def planned(self, digest: str, previous: str = "") -> SavedPlan:
        names = ("api", "mailer")
        self.images.write_text(json.dumps({name: f"ghcr.io/acme/{name}@{DIGESTS[digest]}" for name in names}))
        found = self.blueprint(digest)
        before = self.bundle(previous) if previous else None
        return self.target.plan(self.bundle(digest), found, found.spec.environments[0], before)

    def bundle(self, digest: str) -> Bundle:
        return bundle_of(self.kind, digest)

    def work(self, saved: SavedPlan, digest: str, action: str = "deploy", step: int = 1, weight: int = 100) -> Work:
        values = {"release": "r1", "action": action, "step": step, "weight": weight, "bundle": saved.bundle}
        order = Order.model_validate({**values, "environment": saved.environment, "plan": saved.digest()})
        return Work(
            order=order, plan=saved, blueprint=self.blueprint(digest), bundle=self.bundle(digest), previous=None
        )

    def steps(self, saved: SavedPlan, digest: str) -> list[Work]:
        rollout = self.blueprint(digest).rollout.steps
        return [
            self.work(saved, digest, step.action, step.order, step.weight)
            for step in rollout
            if step.action != "analyse"
        ]

    def release(self, digest: str, previous: str = "") -> SavedPlan:
        saved = self.planned(digest, previous)
        for work in self.steps(saved, digest):
            done = self.target.apply(work)
            assert done.status == "done", done
            assert self.target.observe(work).state == "done", (work.order.action, self.target.observe(work))
        return saved

    def serving(self, job: str = "api") -> dict[str, int]:
        return {image.split("@sha256:")[1][0]: count for image, count in self.cluster.images((NAMESPACE, job)).items()}


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    one = Desk(tmp_path, getattr(request, "param", "canary"))
    yield one
    one.server.close()


ALL_KINDS = pytest.mark.parametrize("desk", KINDS.args[1], indirect=True)


def test_it_is_a_target() -> None:
    assert isinstance(NomadTarget.plan, object)
    place = Place.parse("https://nomad.example.com:4646?region=eu")
    assert Place.parse(place.text) == place


def test_it_is_found_by_its_name(desk: Desk) -> None:
    found = load_target(desk.target.name, desk.store)
    assert isinstance(found, Target) and found.name == desk.target.name


@pytest.mark.parametrize(
    "text", ["", "http://nomad.example.com", "https://u:p@nomad.example.com", "https://h?colour=red"]
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Place.parse(text)


@ALL_KINDS
def test_release_after_release_and_back(desk: Desk) -> None:
    first = desk.release("one")
    assert (first.creates, first.updates) == (3, 0)
    assert desk.serving() == {"1": 3}
    saved = desk.release("two", "one")
    assert (saved.creates, saved.updates) == (0, 3)
    assert desk.serving() == {"2": 3} and desk.serving("mailer") == {"2": 2}
    work = desk.work(saved, "two", "rollback", 0, 0)
    assert desk.target.observe(work).state == "partial"
    assert desk.target.rollback(work).status == "done"
    assert desk.serving() == {"1": 3} and desk.serving("mailer") == {"1": 2}
    assert desk.target.observe(work).state == "done"
    before = len(desk.cluster.log)
    assert desk.target.rollback(work).status == "done"
    assert len(desk.cluster.log) == before  # done once is done


def test_a_first_version_is_taken_back_to_nothing(desk: Desk) -> None:
    saved = desk.planned("one")
    assert desk.target.apply(desk.steps(saved, "one")[0]).status == "done"
    assert desk.target.rollback(desk.work(saved, "one", "rollback", 0, 0)).status == "done"
    assert desk.serving() == {}
    assert desk.target.drift(None, desk.blueprint(), desk.blueprint().spec.environments[0]).status == "none"


def test_a_canary_takes_what_each_step_says(desk: Desk) -> None:
    desk.release("one")
    saved = desk.planned("two", "one")
    seen = {}
    for work in desk.steps(saved, "two"):
        assert desk.target.apply(work).status == "done"
        seen[work.order.action, work.order.weight] = desk.serving()
    assert seen["deploy", 0] == {"1": 3, "2": 1}
    assert seen["shift", 10] == {"1": 3, "2": 1}
    assert seen["shift", 50] == {"1": 1, "2": 2}
    assert seen["shift", 100] == {"2": 3}


@pytest.mark.parametrize("desk", ["blue_green"], indirect=True)
def test_blue_green_is_looked_at_before_it_takes_traffic(desk: Desk) -> None:
    desk.release("one")
    saved = desk.planned("two", "one")
    deploy, shift, *_ = desk.steps(saved, "two")
    desk.cluster.address = ("127.0.0.1", 8080)
    assert desk.target.apply(deploy).status == "done"
    assert desk.serving() == {"1": 3}
    assert desk.target.address(deploy, "api") == "http://127.0.0.1:8080"
    assert desk.target.apply(shift).status == "done"
    assert desk.serving() == {"2": 3}


def test_a_bad_version_fails_its_step_and_leaves_the_old_one(desk: Desk) -> None:
    desk.release("one")
    saved = desk.planned("two", "one")
    desk.cluster.bad = "api@sha256:222"
    deploy = desk.steps(saved, "two")[0]
    done = desk.target.apply(deploy)
    assert done.status == "failed" and "unhealthy" in done.detail and not done.untouched
    assert desk.serving() == {"1": 3}
    back = desk.work(saved, "two", "rollback", 0, 0)
    assert desk.target.rollback(back).status == "done" and desk.serving() == {"1": 3}


def test_a_rollback_in_the_middle_of_a_canary(desk: Desk) -> None:
    desk.release("one")
    saved = desk.planned("two", "one")
    for work in desk.steps(saved, "two")[:3]:
        assert desk.target.apply(work).status == "done"
    assert desk.serving() == {"1": 1, "2": 2}
    assert desk.target.rollback(desk.work(saved, "two", "rollback", 0, 0)).status == "done"
    assert desk.serving() == {"1": 3}


def test_a_migration_that_fails_changes_no_service(desk: Desk) -> None:
    desk.release("one")
    saved = desk.planned("two", "one")
    desk.cluster.failing = "api@sha256:222"
    done = desk.target.apply(desk.steps(saved, "two")[0])
    assert done.status == "failed" and "api-migrate/dispatch-" in done.detail
    assert desk.serving() == {"1": 3}


def test_a_job_that_changed_meanwhile_makes_the_plan_stale(desk: Desk) -> None:
    desk.release("one")
    saved = desk.planned("two", "one")
    other = {**desk.cluster.jobs[KEY][0], "Priority": 70}
    desk.cluster.register(other)
    before = len(desk.cluster.log)
    with pytest.raises(PlanStale, match="api"):
        desk.target.apply(desk.steps(saved, "two")[0])
    assert len(desk.cluster.log) == before
    assert desk.target.observe(desk.steps(saved, "two")[0]).state == "unknown"


def test_nothing_done_yet_is_seen(desk: Desk) -> None:
    desk.release("one")
    saved = desk.planned("two", "one")
    assert desk.target.observe(desk.steps(saved, "two")[0]).state == "not_done"


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/job/api-migrate/dispatch"])
def test_a_call_that_breaks_is_asked_about_and_gone_on_with(desk: Desk, path: str, done: bool) -> None:
    desk.release("one")
    saved = desk.planned("two", "one")
    deploy = desk.steps(saved, "two")[0]
    broken = [path]

    def trouble(method: str, seen: str) -> tuple[int, bool] | None:
        if seen == path and broken:
            broken.clear()
            return 502, done
        return None

    desk.server.trouble = trouble
    with pytest.raises(HttpError, match="502"):
        desk.target.apply(deploy)
    assert desk.target.observe(deploy).state in ("not_done", "partial")
    assert desk.target.apply(deploy).status == "done"
    assert desk.target.observe(deploy).state == "done"
    names = [name for _, name in desk.cluster.jobs if name.startswith("api-migrate/")]
    assert len(names) == 2  # one a release, however often it was asked for
    assert desk.serving() == {"1": 3, "2": 1}


def test_drift_is_what_nomad_itself_would_change(desk: Desk) -> None:
    desk.release("one")
    blueprint = desk.blueprint("one")
    place = blueprint.spec.environments[0]
    assert desk.target.drift(desk.bundle("one"), blueprint, place).status == "none"
    desk.cluster.register({**desk.cluster.jobs[KEY][0], "Priority": 70})
    found = desk.target.drift(desk.bundle("one"), blueprint, place)
    assert found.status == "drifted" and found.changes == ("api: Priority",)
    desk.cluster.stop((NAMESPACE, "mailer"))
    assert "mailer: missing" in desk.target.drift(desk.bundle("one"), blueprint, place).changes


def test_a_job_that_the_autoscaler_made_larger_stays_so(desk: Desk) -> None:
    desk.release("one")
    desk.cluster.jobs[KEY][0]["TaskGroups"][0]["Count"] = 5
    desk.cluster.schedule(KEY)
    desk.cluster.tick(), desk.cluster.tick()
    blueprint = desk.blueprint("one")
    assert desk.target.drift(desk.bundle("one"), blueprint, blueprint.spec.environments[0]).status == "none"
    desk.release("two", "one")
    assert desk.serving() == {"2": 5}


def test_a_cluster_without_room_is_said_before_anyone_is_asked(desk: Desk) -> None:
    desk.images.write_text(
        json.dumps({name: f"ghcr.io/too-large/{name}@{DIGESTS['one']}" for name in ("api", "mailer")})
    )
    blueprint = desk.blueprint()
    with pytest.raises(UsageError, match="no room for api"):
        desk.target.plan(render(blueprint), blueprint, blueprint.spec.environments[0], None)


def test_an_image_without_a_digest_is_refused(desk: Desk) -> None:
    desk.images.write_text("{}")
    blueprint = desk.blueprint()
    with pytest.raises(UsageError, match="no image by digest"):
        desk.target.plan(render(blueprint), blueprint, blueprint.spec.environments[0], None)


def test_a_token_is_not_said(desk: Desk) -> None:
    wrong = NomadTarget(Place.parse(f"{desk.server.url}?images={desk.images}"), desk.store, "wrong-secret-token")
    desk.images.write_text(json.dumps({name: f"ghcr.io/acme/{name}@{DIGESTS['one']}" for name in ("api", "mailer")}))
    blueprint = desk.blueprint()
    with pytest.raises(HttpError, match="403") as caught:
        wrong.plan(render(blueprint), blueprint, blueprint.spec.environments[0], None)
    assert "wrong-secret-token" not in f"{caught.value}{caught.value!r}{caught.value.hint}"


def test_every_call_is_one_that_the_client_of_nomads_structures_makes(desk: Desk) -> None:
    """nomadpy is a port of Nomad's Go client: where it goes, with which fields, is where we go."""
    from nomadpy.api import Client, Config, WriteOptions

    saved = desk.release("one")
    saved = desk.release("two", "one")
    desk.target.rollback(desk.work(saved, "two", "rollback", 0, 0))
    later = desk.planned("three", "two")
    desk.target.apply(desk.steps(later, "three")[0])
    desk.target.address(desk.steps(later, "three")[0], "api")
    desk.target.rollback(desk.work(later, "three", "rollback", 0, 0))
    fresh = {"api": None, "mailer": None}
    gone = later.model_copy(update={"settings": {**later.settings, "before": json.dumps(fresh)}})
    desk.target.rollback(desk.work(gone, "three", "rollback", 0, 0))
    ours = {(method, _shape(path)): fields for method, path, fields in desk.server.calls}

    desk.server.calls.clear()
    client = Client(Config(address=desk.server.url, secret_id=TOKEN, namespace=NAMESPACE))
    job = client.jobs.parse_hcl(desk.bundle("one")["nomad/jobs/api.nomad.hcl"].content, True, variables=_values(desk))
    theirs: list[Any] = [
        lambda: client.jobs.plan(job, True), lambda: client.jobs.register(job, enforce_index=True, modify_index=0),
        lambda: client.jobs.info("api"), lambda: client.jobs.versions("api"), lambda: client.jobs.latest_deployment("api"),
        lambda: client.jobs.allocations("api"), lambda: client.jobs.evaluations("api"), lambda: client.services.get("api"),
        lambda: client.jobs.dispatch("api-migrate", {}, w=WriteOptions(idempotency_token="x")),
        lambda: client.jobs.revert("api", 0, 1), lambda: client.deployments.promote_all("d"),
        lambda: client.deployments.pause("d", True), lambda: client.deployments.fail("d"),
        lambda: client.jobs.deregister("api"),
    ]  # fmt: skip
    for call in theirs:
        try:
            call()
        except Exception:  # noqa: BLE001 - the state does not matter here, where the call went does
            continue
    reference = {(method, _shape(path)): fields for method, path, fields in desk.server.calls}
    for (method, path), fields in ours.items():
        # Nomad takes POST and PUT alike; its client writes with PUT, its documentation with POST.
        known = reference.get((method.replace("POST", "PUT"), path))
        assert known is not None, (method, path)
        assert fields <= known, (path, fields - known)
    assert {path for _, path in ours} == {path for _, path in reference}


def _values(desk: Desk) -> str:
    values = desk.bundle("one")["nomad/environments/production/api.vars.hcl"].content
    return f'{values}\nimage = "ghcr.io/acme/api@{DIGESTS["one"]}"\n'


def _shape(path: str) -> str:
    """A path without what it names."""
    words = path.split("/")
    named = {"job": 3, "service": 3, "deployment": 4}.get(words[2])
    if "dispatch-" in path:
        return "/v1/job/*/allocations"
    return "/".join("*" if number == named else word for number, word in enumerate(words))
