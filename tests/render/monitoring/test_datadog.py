"""Datadog: names and limits as elsewhere in the bundle, tags as on the workloads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents import slo
from hug_agents.bundle import Bundle
from hug_agents.planning import plan
from hug_agents.process import find
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec, EnvVar, Objective, Trigger
from hug_agents.validate.gate import lay_out
from tests.examples import ALL, ecs_canary, kubernetes_canary_eks

FOLDER = "monitoring/datadog"


def bundle(spec: DeploymentSpec) -> Bundle:
    tools = spec.toolchain.model_copy(update={"monitors": ("datadog",)})
    return render(plan(spec.model_copy(update={"toolchain": tools})))


def read(found: Bundle, folder: str) -> dict[str, Any]:
    return {
        item.path.rpartition("/")[2].removesuffix(".json"): json.loads(item.content)
        for item in found.under(f"{FOLDER}/{folder}/")
    }


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_alert_of_the_runbook_has_a_monitor_and_the_other_way_round(name: str) -> None:
    spec = ALL[name]()
    found = bundle(spec)
    tools = spec.toolchain.model_copy(update={"monitors": ("datadog",)})
    wanted = {alert.name for alert in slo.alerts(spec.model_copy(update={"toolchain": tools}))}
    assert {body["name"].partition(":")[0] for body in read(found, "monitors").values()} == wanted
    runbook = found["docs/runbook.md"].content
    for body in read(found, "monitors").values():
        alert = body["name"].partition(":")[0]
        assert f"docs/runbook.md#{alert.lower()}" in body["message"]
        assert f"### {alert}" in runbook


def test_limits_come_from_the_spec() -> None:
    found = read(bundle(ecs_canary()), "monitors")
    burn = found["production.payments-api.availabilitybudgetburnfast.availability-99.9-30d"]
    assert burn["query"] == (
        'burn_rate("${slos/production.payments-api.availability-99.9-30d.json}").over("30d")'
        '.long_window("1h").short_window("5m") > 14.4'
    )
    assert burn["options"]["thresholds"] == {"critical": 14.4}
    slow = found["production.payments-api.availabilitybudgetburnslow.availability-99.9-30d"]
    assert 'long_window("48h").short_window("4h") > 1' in slow["query"], "Datadog looks back no further"
    back = found["production.payments-api.rollbackerrorrate.error-rate-1-60s"]
    assert back["query"].endswith("> 1") and back["priority"] == 1 and "@pagerduty-payments-api" in back["message"]
    staging = found["staging.payments-api.rollbackerrorrate.error-rate-1-60s"]
    assert staging["priority"] == 3 and "@pagerduty" not in staging["message"], "staging wakes nobody"
    objective = read(bundle(ecs_canary()), "slos")["production.payments-api.latency-300ms-99-30d"]
    assert "count(v: v<=0.3):app.http_request_duration_seconds{" in objective["query"]["numerator"]


@pytest.mark.parametrize(
    ("days", "frame"), [(1, "7d"), (7, "7d"), (28, "30d"), (30, "30d"), (60, "90d"), (90, "90d"), (365, "90d")]
)
def test_a_period_that_datadog_does_not_know_is_rounded_and_said(days: int, frame: str) -> None:
    objective = Objective(kind="error_rate", target_percent=0.5, window_days=days)
    found = bundle(ecs_canary().model_copy(update={"objectives": (objective,)}))
    for body in read(found, "slos").values():
        assert body["thresholds"] == [{"timeframe": frame, "target": 99.5}]
    assert ("## Rounded" in found[f"{FOLDER}/README.md"].content) == (frame != f"{days}d")


@pytest.mark.parametrize(
    "trigger", [Trigger(metric="latency", threshold=333.3, for_seconds=90), Trigger(metric="health", for_seconds=7200)]
)
def test_any_trigger_is_a_query(trigger: Trigger) -> None:
    from hug_agents.validate.datadog import _monitor

    for body in read(bundle(ecs_canary().model_copy(update={"triggers": (trigger,)})), "monitors").values():
        assert list(_monitor(body)) == []


def built(found: Bundle, environment: str, root: Path) -> list[dict[str, Any]]:
    if find("kubectl") is None:
        pytest.skip("kubectl, install with pip install 'hug-agents[gates]'")
    lay_out(found, root)
    done = subprocess.run(
        [str(find("kubectl")), "kustomize", str(root / "kubernetes/overlays" / environment)],
        capture_output=True,
        text=True,
        check=True,
    )
    return list(yaml.safe_load_all(done.stdout))


def test_workloads_are_tagged_as_the_queries_ask(tmp_path: Path) -> None:
    spec = kubernetes_canary_eks()
    first = spec.services[0].model_copy(update={"public": False, "env": (EnvVar(name="DD_SERVICE", value="mine"),)})
    found = bundle(spec.model_copy(update={"services": (first, *spec.services[1:])}))
    objects = built(found, "production", tmp_path / "bundle")
    deployments = {item["metadata"]["name"]: item for item in objects if item["kind"] == "Deployment"}
    assert set(deployments) == {"payments-api-stable", "payments-api-canary", "worker"}
    for name, item in deployments.items():
        service = name.removesuffix("-stable").removesuffix("-canary")
        for labels in (item["metadata"]["labels"], item["spec"]["template"]["metadata"]["labels"]):
            assert labels["tags.datadoghq.com/env"] == "production"
            assert labels["tags.datadoghq.com/service"] == service
            assert labels["tags.datadoghq.com/version"] == "unreleased"
    pod = deployments["payments-api-canary"]["spec"]["template"]
    notes = pod["metadata"]["annotations"]
    assert json.loads(notes["ad.datadoghq.com/tags"]) == {"track": "canary"}
    check = json.loads(notes["ad.datadoghq.com/payments-api.checks"])["openmetrics"]["instances"][0]
    assert check["openmetrics_endpoint"] == "http://%%host%%:8080/metrics" and check["namespace"] == "app"
    variables = {item["name"]: item for item in pod["spec"]["containers"][0]["env"]}
    assert variables["DD_SERVICE"] == {"name": "DD_SERVICE", "value": "mine"}, "what the service sets itself wins"
    assert (
        variables["DD_VERSION"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['tags.datadoghq.com/version']"
    )
    policy = next(item for item in objects if item["metadata"]["name"] == "payments-api.datadog")
    assert policy["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": 8080}]


def test_deploy_puts_the_release_where_the_agent_reads_the_version() -> None:
    script = bundle(kubernetes_canary_eks())["deploy/deploy.sh"].content
    assert "tags.datadoghq.com~1version" in script
    plain = render(plan(kubernetes_canary_eks()))["deploy/deploy.sh"].content
    assert "datadog" not in plain
