"""Argo Rollouts: the strategy of the spec in its words, analyses of what is measured, and nothing that only Deployments have."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.render.rollback.argo_analysis import _SCRIPT
from hug_agents.spec import Analysis, DeploymentSpec, Query, Service, Strategy, Toolchain
from hug_agents.validate import run_gates
from tests import examples
from tests.render.orchestration.conftest import files, need
from tests.render.orchestration.test_kubernetes import build, one

ARGO = {"rollout": "argo_rollouts"}


def with_argo(spec: DeploymentSpec, **changes: Any) -> DeploymentSpec:
    return spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update=ARGO), **changes})


SPECS = {
    "canary": examples.argo_canary,
    "canary_aws": lambda: with_argo(
        examples.kubernetes_canary_eks(), toolchain=Toolchain(iac=None, runtime="kubernetes", rollout="argo_rollouts")
    ),
    "blue_green": lambda: with_argo(examples.kubernetes_blue_green()),
    "blue_green_measured": lambda: examples.argo_canary().model_copy(update={"strategy": Strategy(kind="blue_green")}),
    "rolling": lambda: with_argo(examples.kubernetes_rolling()),
    "hostile": lambda: with_argo(examples.hostile(examples.kubernetes_rolling())),
}
FAST = (
    "argo rollouts",
    "analysis metrics",
    "shellcheck",
    "well-formed",
    "policy pack",
    "kubernetes-validate",
    "promtool check",
)


@functools.cache
def built(name: str, environment: str, folder: Path) -> list[dict[str, Any]]:
    return build(SPECS[name](), folder, environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("argo")


@pytest.mark.parametrize("name", [name for name in SPECS if name != "blue_green_measured"])
def test_the_gates_accept_it(name: str) -> None:
    blueprint = plan(SPECS[name]())
    results = run_gates(render(blueprint), blueprint, only=FAST)
    assert {item.name for item in results} >= set(FAST[:4])
    said = [
        f"{item.file}:{item.line} {item.rule} {item.message}"
        for result in results
        for item in result.findings
        if item.severity != "info" and item.rule != "SC2016"  # a `$` that is data
    ]
    if SPECS[name]().analysis:  # a metric of the request's own, of which nobody here knows whether it exists
        assert [item for item in said if "lost_carts" in item]
        said = [item for item in said if "lost_carts" not in item]
    assert not said
    assert not [result.reason for result in results if result.status in ("error", "failed")]


def test_no_web_service_is_a_deployment(folder: Path) -> None:
    documents = built("canary", "production", folder)
    assert {item["metadata"]["name"] for item in documents if item["kind"] == "Deployment"} == {"mailer"}
    assert {item["metadata"]["name"] for item in documents if item["kind"] == "Rollout"} == {"web", "api"}
    scaler = one(documents, "HorizontalPodAutoscaler", "web")["spec"]["scaleTargetRef"]
    assert scaler == {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"}
    assert "replicas" not in one(documents, "Rollout", "web")["spec"]
    for name in ("web", "api"):
        rollout = one(documents, "Rollout", name)
        assert rollout["spec"]["template"]["metadata"]["labels"]["environment"] == "production"
        assert rollout["metadata"]["labels"]["environment"] == "production", "what the analyses ask by"


def test_canary_behind_an_ingress_has_exact_weights(folder: Path) -> None:
    documents = built("canary", "production", folder)
    canary = one(documents, "Rollout", "web")["spec"]["strategy"]["canary"]
    assert canary["trafficRouting"] == {"nginx": {"stableIngress": "shop"}}
    assert [step["setWeight"] for step in canary["steps"] if "setWeight" in step] == ["10", "50", "100"]
    assert [step["pause"]["duration"] for step in canary["steps"] if "pause" in step] == ["300s", "600s", "600s"]
    assert list(canary["steps"][0]) == ["setCanaryScale"], "asked before it gets traffic"
    door = one(documents, "Ingress", "shop")["spec"]
    assert door["ingressClassName"] == "nginx"
    assert door["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] == "web-stable"
    inside = one(documents, "Rollout", "api")["spec"]["strategy"]["canary"]
    assert "trafficRouting" not in inside and "setCanaryScale" not in str(inside), "not reached through the Ingress"


def test_on_aws_the_load_balancer_sets_the_weights(folder: Path) -> None:
    documents = built("canary_aws", "production", folder)
    canary = one(documents, "Rollout", "payments-api")["spec"]["strategy"]["canary"]
    assert canary["trafficRouting"]["alb"] == {
        "ingress": "payments-api",
        "rootService": "payments-api",
        "servicePort": "8080",
    }
    door = one(documents, "Ingress", "payments-api")["spec"]
    assert door["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] == {"name": "use-annotation"}


def test_blue_green_switches_when_told_and_is_judged_on_both_sides(folder: Path) -> None:
    body = one(built("blue_green_measured", "production", folder), "Rollout", "web")["spec"]
    switch = body["strategy"]["blueGreen"]
    assert (switch["activeService"], switch["previewService"]) == ("web", "web-preview")
    assert switch["autoPromotionEnabled"] == "false"
    assert switch["scaleDownDelaySeconds"] == "900"
    assert switch["prePromotionAnalysis"]["templates"] == [{"templateName": "web-smoke"}]
    assert switch["postPromotionAnalysis"]["templates"] == [{"templateName": "web-judge"}]
    assert (body["progressDeadlineAbort"], body["rollbackWindow"]) == ("true", {"revisions": "3"})
    judge = one(built("blue_green_measured", "production", folder), "AnalysisTemplate", "web-judge")["spec"]["metrics"]
    held = [item for item in judge if item["name"].endswith("while-held")]
    assert {item["count"] for item in held} == {"10"}, "300 s, every 30 s"
    assert {item["initialDelay"] for item in judge if item not in held} == {"300s"}


def test_rolling_is_a_canary_without_routing(folder: Path) -> None:
    canary = one(built("rolling", "production", folder), "Rollout", "ledger")["spec"]["strategy"]["canary"]
    assert (canary["maxSurge"], canary["maxUnavailable"]) == ("25%", "0%")
    assert "trafficRouting" not in canary and "canaryService" not in canary
    assert [next(iter(step)) for step in canary["steps"]][:3] == ["setWeight", "pause", "analysis"]


def test_what_is_judged_comes_from_triggers_and_objectives(folder: Path) -> None:
    documents = built("canary", "production", folder)
    judge = {item["name"]: item for item in one(documents, "AnalysisTemplate", "web-judge")["spec"]["metrics"]}
    assert set(judge) == {
        "error-rate-120s",
        "health-60s",
        "latency-p99-120s",
        "availability-99-9-30d",
        "latency-300ms-99-30d",
        "query-carts",
    }
    errors = judge["error-rate-120s"]
    assert errors["failureCondition"].endswith("(result[0] > 1)") and errors["successCondition"].endswith(
        "(result[0] <= 1)"
    )
    assert errors["inconclusiveLimit"] == "2" and errors["consecutiveErrorLimit"] == "4"
    assert ">= 50)" in errors["provider"]["prometheus"]["query"], "enough requests to judge by"
    assert judge["availability-99-9-30d"]["failureCondition"].endswith("(result[0] > 0.0144)"), "as fast as what pages"
    assert 'hash="{{args.version}}"' in judge["query-carts"]["provider"]["prometheus"]["query"]
    watch = one(documents, "AnalysisTemplate", "web-watch")["spec"]["metrics"]
    assert all("successCondition" not in item and "count" not in item for item in watch), "no data is not bad"
    names = {item["metadata"]["name"] for item in documents if item["kind"] == "AnalysisTemplate"}
    assert names == {"web-watch", "web-judge", "web-smoke", "api-smoke"}, "nothing scrapes api"


def test_texts_of_smoke_tests_reach_curl_as_they_are(tmp_path: Path) -> None:
    documents = build(examples.argo_canary(), tmp_path, "production")
    (metric,) = one(documents, "AnalysisTemplate", "api-smoke")["spec"]["metrics"]
    container = metric["provider"]["job"]["spec"]["template"]["spec"]["containers"][0]
    assert "{{" not in str(container).replace("{{args.target}}", "")
    bash = need("bash", "your system")
    stub = tmp_path / "bin"
    stub.mkdir()
    curl = stub / "curl"
    curl.write_text(
        '#!/bin/sh\nprintf \'%s\\n\' "$@" >"$SEEN"\ncp /tmp/send "$SEEN.send"\n'
        'printf \'%s\' "{\\"said\\": \\"it\'s \\$(x) {{y}}\\"}" >/tmp/answer\nprintf 200\n'
    )
    curl.chmod(0o755)
    words = [word.replace("$$", "$").replace("{{args.target}}", "api-canary") for word in container["args"]]
    done = subprocess.run(
        [bash, "-euc", _SCRIPT, "smoke", *words],
        env={"PATH": f"{stub}:/usr/bin:/bin", "SEEN": str(tmp_path / "seen")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "seen.send").read_text() == '{"a": "{{b}}"}'
    assert (tmp_path / "seen").read_text().splitlines()[-1] == "http://api-canary:8000/orders"


def test_rights_are_the_deployers_alone_and_in_one_namespace() -> None:
    bundle = render(plan(examples.argo_canary()))
    role, binding = yaml.safe_load_all(bundle["kubernetes/argo-rollouts/rights-production.yaml"].content)
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "shop-production"
    assert not [verb for rule in role["rules"] for verb in rule["verbs"] if verb in ("*", "delete")]
    assert binding["subjects"][0]["name"] == "shop-production-deployers"


def test_the_secret_with_the_address_is_asked_for_and_said() -> None:
    bundle = render(plan(examples.argo_canary()))
    assert "'shop-analysis prometheus'" in bundle["deploy/deploy.sh"].content
    assert "`shop-analysis`" in bundle["kubernetes/argo-rollouts/README.md"].content


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (with_argo(examples.minimal()), "is a controller of Kubernetes"),
        (
            with_argo(
                examples.kubernetes_blue_green(),
                services=(Service(name="mailer", kind="worker", image="a.b/c@" + examples.DIGEST),),
                objectives=(),
            ),
            "no service takes any",
        ),
        (
            examples.argo_canary().model_copy(
                update={"analysis": Analysis(queries=(Query(name="x", promql='sum(a{b="{{c}}"})', at_most=1),))}
            ),
            "which Argo Rollouts would read",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(spec: DeploymentSpec, says: str) -> None:
    with pytest.raises(UnsupportedError, match=says):
        render(plan(spec))


@pytest.mark.parametrize("name", SPECS)
def test_the_same_spec_gives_the_same_files(name: str) -> None:
    assert files(SPECS[name]()) == files(SPECS[name]())
