"""The target `ecs` against moto's server, over HTTP, with boto3.

moto answers UpdateService without touching the deployments, as ECS never would; `Deployments` has it write what ECS writes: a
new PRIMARY deployment that is in progress, and then complete, failed, or taken back.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.ecs.client import Ecs
from hug_agents.adapters.ecs.target import EcsTarget, with_image
from hug_agents.adapters.registry import load_target
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError, UnsupportedError, UsageError
from hug_agents.execute.target import Action, Order, PlanStale, SavedPlan, Target, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec, Environment, Service
from hug_agents.store import Store
from tests.examples import ecs_canary, minimal

boto3 = pytest.importorskip("boto3", reason="boto3, install with pip install 'hug-agents[aws]'")
moto_server = pytest.importorskip("moto.server", reason="moto, install with pip install 'moto[server]'")
pytestmark = pytest.mark.xdist_group("moto")

OLD = "sha256:" + "cd" * 32
STAGING = Environment(name="staging", role="staging", cloud="aws", account="123456789012", region="eu-west-1")
SERVICE = "hello-staging-hello"


def spec(digest: str, **changes: Any) -> DeploymentSpec:
    service = Service(name="hello", image=f"ghcr.io/acme/hello@{digest}", port=8080, health_path="/healthz")
    return minimal().model_copy(update={"services": (service,), "environments": (STAGING,), **changes})


def test_a_profile_that_is_not_there_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(HttpError, match=r"profile \(nobody\) could not be found"):
        Ecs("eu-west-1")


class Deployments:
    """What moto's deployments look like after an update, look by look; the last one stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from moto.ecs.models import EC2ContainerServiceBackend as Backend

        self.course: list[str] = ["COMPLETED"]
        self.updates: list[str] = []
        update, describe = Backend.update_service, Backend.describe_services
        outer = self

        def updated(backend: Any, properties: dict[str, Any]) -> Any:
            before = backend._get_service(properties["cluster"], properties["service"]).task_definition
            service = update(backend, properties)
            outer.updates.append(service.task_definition)
            service.before, service.coming = before, list(outer.course)
            return service

        def described(backend: Any, *given: Any) -> Any:
            services, failures = describe(backend, *given)
            for service in services:
                if coming := getattr(service, "coming", None):
                    outer._advance(service, coming.pop(0) if len(coming) > 1 else coming[0])
            return services, failures

        monkeypatch.setattr(Backend, "update_service", updated)
        monkeypatch.setattr(Backend, "describe_services", described)

    def _advance(self, service: Any, state: str) -> None:
        primary = {**service.deployments[0], "taskDefinition": service.task_definition, "rolloutState": state}
        if state == "TAKEN BACK":
            service.task_definition = service.before
            primary |= {
                "taskDefinition": service.before,
                "rolloutState": "IN_PROGRESS",
                "rolloutStateReason": "rolled back",
            }
        service.running_count = service.desired_count if state == "COMPLETED" else 1
        active = {**primary, "status": "ACTIVE", "taskDefinition": service.before}
        service.deployments = [primary] if state == "COMPLETED" else [primary, active]


class Account:
    """An account in which the service runs an older version."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.ecs = boto3.client("ecs", region_name="eu-west-1")
        self.ecs.create_cluster(clusterName="hello-staging")
        container = {
            "name": "hello",
            "image": f"ghcr.io/acme/hello@{OLD}",
            "memory": 64,
            "environment": [{"name": "WORD", "value": "kept"}],
        }
        beside = {"name": "proxy", "image": "envoy", "memory": 64}
        made = self.ecs.register_task_definition(
            family=SERVICE,
            containerDefinitions=[container, beside],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            requiresCompatibilities=["FARGATE"],
            tags=[{"key": "Owner", "value": "team"}],
        )
        self.old = made["taskDefinition"]["taskDefinitionArn"]
        monkeypatch.setenv("MOTO_ECS_SERVICE_RUNNING", "2")
        self.ecs.create_service(
            cluster="hello-staging",
            serviceName=SERVICE,
            taskDefinition=self.old,
            desiredCount=2,
            deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        )
        self.deployments = Deployments(monkeypatch)
        self.target = EcsTarget(None, poll_seconds=0, steady_seconds=5)

    @property
    def running(self) -> str:
        return str(
            self.ecs.describe_services(cluster="hello-staging", services=[SERVICE])["services"][0]["taskDefinition"]
        )

    def definition(self, arn: str) -> dict[str, Any]:
        return dict(self.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"]))

    @property
    def revisions(self) -> list[str]:
        return list(self.ecs.list_task_definitions(familyPrefix=SERVICE)["taskDefinitionArns"])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = moto_server.ThreadedMotoServer(port=0)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    running.stop()


@pytest.fixture
def account(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset", method="POST"))
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return Account(monkeypatch, tmp_path)


NEW = "sha256:" + "ab" * 32
BLUEPRINT: Blueprint = plan(spec(NEW))
BUNDLE: Bundle = render(BLUEPRINT)


def work(saved: SavedPlan, action: Action = "deploy") -> Work:
    order = Order(
        release="r1",
        environment=saved.environment,
        action=action,
        step=1,
        bundle=saved.bundle,
        plan=saved.digest(),
    )
    return Work(order=order, plan=saved, blueprint=BLUEPRINT, bundle=BUNDLE, previous=None)


def planned(account: Account) -> SavedPlan:
    return account.target.plan(BUNDLE, BLUEPRINT, STAGING, None)


def test_the_image_changes_and_nothing_else(account: Account) -> None:
    assert isinstance(account.target, Target)
    saved = planned(account)
    assert (saved.creates, saved.updates) == (1, 1)
    assert planned(account) == saved
    assert account.target.observe(work(saved)).state == "not_done"
    account.deployments.course = ["IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]
    outcome = account.target.apply(work(saved))
    assert outcome.status == "done", outcome.detail
    assert account.running == outcome.outputs["revision-1"] != account.old
    old, new = account.definition(account.old), account.definition(account.running)
    one, two = new["taskDefinition"]["containerDefinitions"]
    assert one.pop("image") == f"ghcr.io/acme/hello@{NEW}"
    was, beside = old["taskDefinition"]["containerDefinitions"]
    was.pop("image")
    assert (one, two) == (was, beside)
    assert new["tags"] == [{"key": "Owner", "value": "team"}]
    assert account.target.observe(work(saved)).state == "done"
    assert account.target.drift(BUNDLE, BLUEPRINT, STAGING).status == "none"


def test_a_rollback_goes_back_to_the_revision_that_ran(account: Account) -> None:
    saved = planned(account)
    account.target.apply(work(saved))
    back = work(saved, "rollback")
    assert account.target.observe(back).state == "not_done"
    outcome = account.target.rollback(back)
    assert outcome.status == "done", outcome.detail
    assert account.running == account.old
    assert account.target.observe(back).state == "done"
    # The approved plan can be carried out again, and what was registered for it is found again.
    assert account.target.apply(work(saved)).status == "done"
    assert len(account.revisions) == 2


@pytest.mark.parametrize("course", [["IN_PROGRESS", "FAILED"], ["IN_PROGRESS", "TAKEN BACK", "COMPLETED"]])
def test_what_ecs_gives_up_on_or_takes_back_is_a_failure(account: Account, course: list[str]) -> None:
    saved = planned(account)
    account.deployments.course = course
    outcome = account.target.apply(work(saved))
    assert outcome.status == "failed"
    assert "took hello-staging-hello:2 back" in outcome.detail
    assert not outcome.untouched
    account.deployments.course = ["COMPLETED"]
    assert account.target.rollback(work(saved, "rollback")).status == "done"
    assert account.running == account.old


def test_what_never_comes_to_rest_is_a_failure(account: Account) -> None:
    account.target = EcsTarget(None, poll_seconds=0, steady_seconds=0)
    account.deployments.course = ["IN_PROGRESS"]
    saved = planned(account)
    outcome = account.target.apply(work(saved))
    assert outcome.status == "failed"
    assert "not at rest after 0 s" in outcome.detail
    assert account.target.observe(work(saved)).state == "partial"


def test_after_a_crash_nothing_is_done_twice(account: Account) -> None:
    saved = planned(account)

    def die(_: float) -> None:
        raise KeyboardInterrupt

    account.deployments.course = ["IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]
    with pytest.raises(KeyboardInterrupt):
        EcsTarget(None, sleep=die).apply(work(saved))
    assert account.target.observe(work(saved)).state == "partial"
    assert account.target.apply(work(saved)).status == "done"
    assert len(account.deployments.updates) == 1
    assert len(account.revisions) == 2


def test_a_service_that_somebody_else_has_changed_is_left_alone(account: Account) -> None:
    saved = planned(account)
    definition = account.definition(account.old)["taskDefinition"]
    other = account.ecs.register_task_definition(
        family=SERVICE, containerDefinitions=[{**definition["containerDefinitions"][0], "image": "other"}]
    )["taskDefinition"]["taskDefinitionArn"]
    account.ecs.update_service(cluster="hello-staging", service=SERVICE, taskDefinition=other)
    account.deployments.updates.clear()
    with pytest.raises(PlanStale, match="hello-staging-hello:2 now"):
        account.target.apply(work(saved))
    assert account.deployments.updates == []
    drift = account.target.drift(BUNDLE, BLUEPRINT, STAGING)
    assert drift.changes == (f"{SERVICE} runs other, and is to run ghcr.io/acme/hello@{NEW}",)


def test_too_few_tasks_are_drift(account: Account) -> None:
    account.target.apply(work(planned(account)))
    account.deployments.course = ["IN_PROGRESS"]
    account.ecs.update_service(cluster="hello-staging", service=SERVICE, taskDefinition=account.running)
    drift = account.target.drift(BUNDLE, BLUEPRINT, STAGING)
    assert drift.status == "drifted"
    assert drift.changes == (f"{SERVICE}: 1 of 2 tasks run",)


def test_what_it_cannot_carry_is_refused_before_anything(account: Account) -> None:
    canary = plan(ecs_canary())
    with pytest.raises(UnsupportedError, match="a canary release moves traffic"):
        account.target.plan(BUNDLE, canary, canary.spec.environments[0], None)
    migrating = spec(NEW).services[0].model_copy(update={"migrate_command": ("migrate",)})
    with pytest.raises(UnsupportedError, match="a program that ends"):
        account.target.plan(BUNDLE, plan(spec(NEW, services=(migrating,))), STAGING, None)
    with pytest.raises(UsageError, match="belong to the account 123456789012, not to 999999999999"):
        account.target.plan(BUNDLE, BLUEPRINT, STAGING.model_copy(update={"account": "9" * 12}), None)
    with pytest.raises(UsageError, match="there is no service hello-qa-hello"):
        account.target.plan(
            BUNDLE, BLUEPRINT, STAGING.model_copy(update={"name": "qa", "cluster": "hello-staging"}), None
        )
    with pytest.raises(HttpError, match="ClusterNotFoundException"):
        account.target.plan(BUNDLE, BLUEPRINT, STAGING.model_copy(update={"cluster": "none"}), None)
    assert account.revisions == [account.old]


def test_images_of_a_pipeline_are_read_from_its_folder(account: Account, tmp_path: Path) -> None:
    target = load_target(f"ecs:{tmp_path / 'ecs'}", Store(tmp_path / "store"))
    (tmp_path / "ecs/hello").mkdir(parents=True)
    built = spec(NEW).services[0].model_copy(update={"image": None, "build": ecs_canary().services[0].build})
    blueprint = plan(spec(NEW, services=(built,)))
    with pytest.raises(UsageError, match="no image by digest is known for hello"):
        target.plan(BUNDLE, blueprint, STAGING, None)
    (tmp_path / "ecs/hello/images.json").write_text(f'{{"hello": "ghcr.io/acme/hello@{NEW}"}}')
    saved = target.plan(BUNDLE, blueprint, STAGING, None)
    assert f"hello@{NEW}" in saved.settings["services"]
    with pytest.raises(UsageError, match="the approved plan is for ecs:"):
        account.target.apply(work(saved))


def test_a_silent_aws_is_an_error_that_says_so(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = planned(account)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    target = EcsTarget(None)
    assert target.drift(BUNDLE, BLUEPRINT, STAGING).status == "unknown"
    assert target.observe(work(saved)).state == "unknown"
    with pytest.raises(HttpError, match="could not be asked"):
        target.apply(work(saved))


def test_what_told_the_old_digest_tells_the_new_one_and_an_agent_stays_as_it_is() -> None:
    old, new = (f"registry.example.com/api@sha256:{digit * 64}" for digit in "ab")
    told = {"com.datadoghq.tags.version": "a" * 64, "com.datadoghq.tags.service": "api"}
    agent = {"name": "datadog-agent", "image": f"example.com/agent@sha256:{'a' * 64}", "environment": []}
    api = {
        "name": "api",
        "image": old,
        "dockerLabels": told,
        "environment": [{"name": "DD_VERSION", "value": "a" * 64}],
    }
    found = with_image({"family": "x", "containerDefinitions": [api, agent]}, "api", new)["containerDefinitions"]
    assert found[0] == {
        "name": "api",
        "image": new,
        "dockerLabels": {**told, "com.datadoghq.tags.version": "b" * 64},
        "environment": [{"name": "DD_VERSION", "value": "b" * 64}],
    }
    assert found[1] == agent
