"""deploy.sh with Argo Rollouts, really run against the fake cluster and a fake controller: success, abort, doubt, the way back."""

from __future__ import annotations

import copy

import pytest

from tests.render.orchestration.conftest import Cluster
from tests.render.orchestration.test_kubernetes_deploy import NAMESPACE, commands, position, shop, state

KINDS = pytest.mark.parametrize("kind", ["rolling", "blue_green", "canary"])
RELEASED: dict[str, dict[str, object]] = {}


def install(cluster: Cluster, kind: str) -> None:
    spec = shop(kind)
    cluster.install(
        spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"rollout": "argo_rollouts"})})
    )


def released(cluster: Cluster, kind: str) -> None:
    """The first release of the bundle."""
    install(cluster, kind)
    if kind not in RELEASED:
        done = cluster("rollout", "production", cluster.images("one", "api", "mailer"))
        assert done.code == 0, done.output
        RELEASED[kind] = copy.deepcopy(cluster.objects)
    cluster.objects = copy.deepcopy(RELEASED[kind])


def serving(cluster: Cluster) -> str:
    """The first digit of the stable image, and of the desired one where it is another."""
    item = cluster.objects[f"{NAMESPACE}/Rollout/api"]
    templates = (item["status"]["stable"], item["spec"]["template"])
    return "".join(dict.fromkeys(one["spec"]["containers"][0]["image"].split("@")[1][7] for one in templates))


@KINDS
def test_a_release_is_followed_to_its_end(cluster: Cluster, kind: str) -> None:
    released(cluster, kind)
    assert not [key for key in cluster.objects if "/Deployment/api" in key]
    done = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert done.code == 0, done.output
    assert serving(cluster) == "2"
    record = state(cluster)
    assert record["phase"] == "released" and record["current"] != record["previous"] != ""
    order = commands(cluster)
    assert position(order, "release-stage=setup") < position(order, "release-stage=workload")
    assert position(order, "release-stage=workload") < position(order, "release-stage=after")
    if kind == "blue_green":
        assert position(order, "service/api-preview") < position(order, "argo promote api"), "asked before the switch"
    again = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert (again.code, "runs already" in again.output) == (0, True), again.output
    shown = cluster("status", "production")
    assert f"api: 100 % on release {record['current']}" in shown.output
    assert "no change" in cluster("plan", "production").output


@pytest.mark.parametrize(
    ("kind", "how"), [("rolling", "pods"), ("blue_green", "analysis"), ("canary", "analysis"), ("canary", "pods")]
)
def test_what_argo_gives_up_is_restored_as_a_whole(cluster: Cluster, kind: str, how: str) -> None:
    released(cluster, kind)
    if how == "analysis":
        cluster.argo.failing = "api@sha256:222"
    else:
        cluster.bad = "api@sha256:222"
    failed = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert failed.code == 1
    assert "Argo Rollouts gave the release up" in failed.output
    assert serving(cluster) == "1", "traffic and desired state"
    assert state(cluster)["phase"] == "rolled-back"
    workers = cluster.objects[f"{NAMESPACE}/Deployment/mailer"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert workers.endswith("1" * 64)


def test_too_little_traffic_stops_production_and_may_be_overruled(cluster: Cluster) -> None:
    released(cluster, "canary")
    cluster.argo.undecided = "api@sha256:222"
    failed = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert (failed.code, "set ALLOW_NO_DATA=1" in failed.output) == (1, True), failed.output
    assert serving(cluster) == "1"
    assert position(commands(cluster), "argo abort api") < position(commands(cluster), "argo promote api --full")
    done = cluster("rollout", "production", cluster.images("two", "api", "mailer"), ALLOW_NO_DATA="1")
    assert done.code == 0, done.output
    assert serving(cluster) == "2"


@KINDS
def test_the_way_back_after_promotion(cluster: Cluster, kind: str) -> None:
    released(cluster, kind)
    assert cluster("rollout", "production", cluster.images("two", "api", "mailer")).code == 0
    back = cluster("rollback", "production")
    assert back.code == 0, back.output
    assert serving(cluster) == "1"
    assert state(cluster)["phase"] == "rolled-back"


def test_the_routes_that_argo_set_are_kept(cluster: Cluster) -> None:
    released(cluster, "blue_green")
    selector = cluster.objects[f"{NAMESPACE}/Service/api"]["spec"]["selector"]
    selector["rollouts-pod-template-hash"] = "abc"
    assert cluster("rollout", "production", cluster.images("two", "api", "mailer")).code == 0
    assert cluster.objects[f"{NAMESPACE}/Service/api"]["spec"]["selector"] == selector


def test_what_is_missing_is_said_before_anything_changes(cluster: Cluster) -> None:
    install(cluster, "canary")
    cluster.argo.installed = False
    failed = cluster("rollout", "production", cluster.images("one", "api", "mailer"))
    assert (failed.code, cluster.objects) == (1, {})
    assert "plugin argo-rollouts is not installed" in failed.output
