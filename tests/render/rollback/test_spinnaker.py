"""Spinnaker's pipelines: judged by our check, walked through by an emulator, and started by deploy.sh."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from hug_agents.approve.checkpoints import CHECKPOINTS
from hug_agents.bundle import Bundle
from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.process import Completed, run
from hug_agents.render import render
from hug_agents.render.naming import DEPLOY_SCRIPT, REQUESTS_METRIC
from hug_agents.render.orchestration import kubernetes
from hug_agents.render.rollback import spinnaker
from hug_agents.render.rollback.spinnaker_stages import literal
from hug_agents.spec import DeploymentSpec, SmokeTest
from hug_agents.validate.spinnaker_expressions import expressions
from tests.examples import ALL, HOSTILE, hostile, kubernetes_canary_eks
from tests.render.orchestration.conftest import DIGESTS, need, write
from tests.spinnaker.gate import TOKEN, Spinnaker
from tests.validate.conftest import bundle_of, run_one


def by_spinnaker(spec: DeploymentSpec) -> DeploymentSpec:
    return spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"rollout": "spinnaker"})})


ATTACK = SmokeTest(
    service="payments-api", method="POST", path="/x", send=HOSTILE + "${trigger.x} ${'a'} ${ ${", max_ms=100
)
SPECS = {
    "canary": ALL["kubernetes_spinnaker"](),
    "rolling": by_spinnaker(ALL["kubernetes_rolling"]()),
    "blue-green": by_spinnaker(ALL["kubernetes_blue_green"]()),
    "blue-green, measured": by_spinnaker(ALL["kubernetes_canary_eks"]()).model_copy(
        update={"strategy": ALL["kubernetes_blue_green"]().strategy}
    ),
    "hostile": by_spinnaker(hostile(kubernetes_canary_eks())).model_copy(update={"smoke_tests": (ATTACK,)}),
}


def pipeline(spec: DeploymentSpec, name: str) -> dict[str, Any]:
    found = {item.path: item.content for item in spinnaker.render(plan(spec))}
    return dict(json.loads(found[f"spinnaker/pipelines/{name}.json"]))


def kinds(spec: DeploymentSpec, name: str) -> list[str]:
    return [stage["type"] for stage in pipeline(spec, name)["stages"]]


@pytest.mark.parametrize("name", SPECS)
def test_the_gate_has_nothing_to_say(name: str) -> None:
    blueprint = plan(SPECS[name])
    bundle = Bundle(blueprint.spec.digest(), [*spinnaker.render(blueprint), *kubernetes.render(blueprint)])
    result = run_one("spinnaker-pipelines", bundle, blueprint)
    assert (result.status, result.findings) == ("passed", ()) and result.files >= 4
    assert run_one("shellcheck", bundle, blueprint).findings == ()
    assert [item.path for item in bundle].count(DEPLOY_SCRIPT) == 1


def test_text_stays_text() -> None:
    stage = next(item for item in pipeline(SPECS["hostile"], "deploy-production")["stages"] if "payload" in item)
    assert all(found.constant for found in expressions(stage["payload"]))
    assert stage["payload"].replace("${'$'}{", "${") == ATTACK.send
    assert literal("a $b {c}") == "a $b {c}"


def test_checkpoints_are_judgments_that_name_their_roles() -> None:
    first = pipeline(SPECS["canary"], "deploy-production")["stages"][0]
    assert (first["type"], first["name"], first["failPipeline"]) == ("manualJudgment", "Production Go/No-Go", True)
    assert "Operations Engineer and Site Reliability Engineer" in first["instructions"]
    for name, roles, _ in (*spinnaker.BEFORE.values(), spinnaker.AFTER_STAGING):
        assert [item.roles for item in CHECKPOINTS if item.name == name] == [roles]
    staging = [
        item["name"]
        for item in pipeline(SPECS["canary"], "deploy-staging")["stages"]
        if item["type"] == "manualJudgment"
    ]
    assert staging == ["Pre-Deployment Approval", "Staging Validation"]
    assert "manualJudgment" not in kinds(SPECS["canary"], "rollback-production")  # a rollback is never held up


def test_the_strategy_is_in_the_stages() -> None:
    stages = pipeline(SPECS["canary"], "deploy-production")["stages"]
    scaled = [item["replicas"] for item in stages if item["type"] == "scaleManifest" and " for " in item["name"]]
    assert scaled == ["1", "3", "3"]
    routed = [item["patchBody"][0]["spec"]["selector"]["track"] for item in stages if " takes " in item["name"]]
    assert routed == [None, None, "canary"]
    judged = [item for item in stages if item["type"] == "kayentaCanary"]
    assert [item["canaryConfig"]["lifetimeDuration"] for item in judged] == ["PT5M", "PT10M"]
    assert "kayentaCanary" not in kinds(SPECS["blue-green"], "deploy-production")
    assert "undoRolloutManifest" in kinds(SPECS["rolling"], "deploy-production")


def test_canaries_are_judged_by_what_prometheus_has() -> None:
    bundle = render(plan(SPECS["canary"]))
    config = json.loads(bundle["spinnaker/canary/payments-api.json"].content)
    stage = next(
        item for item in pipeline(SPECS["canary"], "deploy-production")["stages"] if item["type"] == "kayentaCanary"
    )
    assert stage["canaryConfig"]["canaryConfigId"] == config["id"]
    scrape = bundle["monitoring/prometheus/scrape-kubernetes.yml"].content
    for query in (item["query"]["customInlineTemplate"] for item in config["metrics"]):
        assert 'service="payments-api",environment="${location}",track="${scope}"' in query
    assert all(f"target_label: {label}" in scrape for label in ("service", "environment", "track"))
    scope = stage["canaryConfig"]["scopes"][0]
    assert (scope["controlScope"], scope["experimentScope"], scope["controlLocation"]) == (
        "stable",
        "canary",
        "production",
    )


def asked(spec: DeploymentSpec) -> dict[str, str]:
    """What Prometheus is asked in production, by stage."""
    stages = pipeline(spec, "deploy-production")["stages"]
    return {
        item["name"]: unquote(item["url"].partition("?query=")[2])
        for item in stages
        if item["name"].startswith("Judge ") and item["type"] == "webhook"
    }


@pytest.mark.parametrize("name", ["canary", "blue-green, measured", "rolling"])
def test_whoever_has_all_the_traffic_is_held_against_its_own_bounds(name: str) -> None:
    queries = asked(SPECS[name])
    assert [item for item in queries if "error-rate" in item], queries
    track = {"canary": 'track="canary"', "blue-green, measured": 'track="green"'}.get(name, "")
    assert all((track in query) if track else ("track" not in query) for query in queries.values())
    document = pipeline(SPECS[name], "deploy-production")
    assert "prometheus" in [item["name"] for item in document["parameterConfig"]]
    names = [item["name"] for item in document["stages"]]
    last = max(names.index(item) for item in queries)
    assert names.index("Hold" if name == "rolling" else "Hold at 100 %") < names.index(next(iter(queries)))
    assert last < next(number for number, item in enumerate(names) if item.startswith("Roll back"))


def test_prometheus_itself_tells_a_broken_bound_from_a_kept_one(tmp_path: Path) -> None:
    need("promtool", "apt-get install prometheus")
    ((_, query),) = [item for item in asked(SPECS["blue-green, measured"]).items() if "error-rate" in item[0]]
    labels = 'service="payments-api",environment="production",track="green"'
    cases = {"kept": (1, "0"), "broken": (9, "1"), "nobody came": (0, "0")}
    tests = []
    for what, (failed, answer) in cases.items():
        good = 0 if what == "nobody came" else 100
        series = [
            {"series": f'{REQUESTS_METRIC}{{{labels},code="{code}"}}', "values": f"0+{step}x20"}
            for code, step in (("200", good), ("500", failed if good else 0))
        ]
        rows = [{"expr": query, "eval_time": "10m", "exp_samples": [{"labels": "{}", "value": float(answer)}]}]
        tests.append({"interval": "30s", "input_series": series, "promql_expr_test": rows})
    (tmp_path / "tests.yml").write_text(json.dumps({"tests": tests}))
    done = run(["promtool", "test", "rules", "tests.yml"], cwd=tmp_path, timeout=60)
    assert done.code == 0, done.output


def test_a_broken_bound_is_taken_back(place: Place) -> None:
    assert place("rollout", "one").code == 0
    place.spinnaker.bad = {next(name for name in asked(SPECS["canary"]) if "error-rate" in name)}
    assert place("rollout", "two").code == 1
    assert place.spinnaker.serving("payments-api") == {"1"}


def test_a_question_to_prometheus_is_looked_at() -> None:
    blueprint = plan(SPECS["blue-green, measured"])
    path = "spinnaker/pipelines/deploy-production.json"
    files = {item.path: item.content for item in (*spinnaker.render(blueprint), *kubernetes.render(blueprint))}
    for old, new, said in (
        (REQUESTS_METRIC, "requests_that_nobody_counts", "no service of the bundle reports"),
        ("parameters['prometheus'] }/api", "parameters['elsewhere'] }/api", "no parameter 'elsewhere'"),
        ("parameters['prometheus'] }/api", "trigger['url'] }/api", "an expression where text should be"),
    ):
        bundle = bundle_of({**files, path: files[path].replace(old, new)})
        findings = run_one("spinnaker-pipelines", bundle, blueprint).findings
        assert [item for item in findings if said in item.message and item.file == path], (old, findings)


@pytest.mark.parametrize("name", ["ecs_canary", "nomad_canary"])
def test_where_it_makes_no_sense_it_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedError, match="Spinnaker") as caught:
        list(spinnaker.render(plan(by_spinnaker(ALL[name]()))))
    assert "kubernetes" in str(caught.value)


class Place:
    """deploy.sh of a bundle beside an emulated Spinnaker, whose time passes when the script waits."""

    def __init__(self, folder: Path) -> None:
        for program, how in (("bash", "your system"), ("curl", "apt-get install curl"), ("jq", "apt-get install jq")):
            need(program, how)
        self.spinnaker = Spinnaker()
        self.spinnaker.answers = {"Production Go/No-Go": True}
        self.folder = folder
        write(list(spinnaker.render(plan(SPECS["canary"]))), folder / "bundle")
        (folder / "bundle/deploy/smoke.sh").write_text("#!/usr/bin/env bash\necho smoke $1\n")
        (folder / "bundle/deploy/smoke.sh").chmod(0o755)
        stubs = folder / "bin"
        stubs.mkdir()
        for name, text in (
            ("sleep", f'curl -s "{self.spinnaker.url}/tick" >/dev/null\n'),
            ("git", "echo 0123456789\n"),
        ):
            (stubs / name).write_text(f"#!/usr/bin/env bash\n{text}")
            (stubs / name).chmod(0o755)
        handle = self.spinnaker.handle
        self.spinnaker.handle = lambda *call: self._tick() if call[1] == "/tick" else handle(*call)  # type: ignore[method-assign]
        self.path = f"{stubs}:{os.environ['PATH']}"

    def _tick(self) -> tuple[int, Any]:
        for _ in range(12):
            self.spinnaker.tick()
        return 200, {}

    def __call__(self, command: str, digest: str = "", **env: str) -> Completed:
        arguments = [command, "production"]
        if digest:
            images = {name: f"ghcr.io/acme/{name}@{DIGESTS[digest]}" for name in ("payments-api", "worker")}
            (self.folder / "images.json").write_text(json.dumps(images))
            arguments.append(str(self.folder / "images.json"))
        script = str(self.folder / "bundle" / DEPLOY_SCRIPT)
        settings = {"GATE_URL": self.spinnaker.url, "GATE_TOKEN": TOKEN, **env}
        restore = ["bash", "-c", 'PATH="$1"; shift; exec "$@"', "-", self.path]
        return run([*restore, script, *arguments], cwd=self.folder, timeout=120, env=settings)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    one = Place(tmp_path)
    yield one
    one.spinnaker.close()


def test_deploy_sh_saves_starts_follows_and_goes_back(place: Place) -> None:
    planned = place("plan", "one")
    assert planned.code == 0 and "Deploy production would be saved" in planned.output, planned.output
    done = place("rollout", "one")
    assert done.code == 0 and "smoke production" in done.output, done.output
    again = place("plan", "one")
    assert "no change" in again.output, again.output
    assert place("rollout", "two").code == 0
    assert place.spinnaker.serving("payments-api") == {"2"}
    back = place("rollback", "two")
    assert back.code == 0, back.output
    assert place.spinnaker.serving("payments-api") == place.spinnaker.serving("worker") == {"1"}
    assert "SUCCEEDED  Roll back production" in place("status").output
    assert "nothing to undo" in place("rollback", "one").output
    assert TOKEN not in done.output + back.output


def test_a_bad_release_fails_and_is_not_rolled_back_twice(place: Place) -> None:
    assert place("rollout", "one").code == 0
    place.spinnaker.bad = {"Judge payments-api at 10 %"}
    failed = place("rollout", "two")
    assert failed.code == 1 and "FAILED_CONTINUE  Judge payments-api at 10 %" in failed.output, failed.output
    assert place.spinnaker.serving("payments-api") == {"1"}
    count = len(place.spinnaker.executions)
    assert "nothing to undo" in place("rollback", "two").output
    assert len(place.spinnaker.executions) == count


def test_wrong_images_and_no_token_are_said(place: Place) -> None:
    (place.folder / "images.json").write_text("{}")
    script = str(place.folder / "bundle" / DEPLOY_SCRIPT)
    env = {"GATE_URL": place.spinnaker.url}
    assert run([script, "rollout", "production", "images.json"], cwd=place.folder, timeout=60, env=env).code == 2
    refused = place("status", GATE_TOKEN="wrong")
    assert refused.code == 1 and "cannot be asked" in refused.output and "wrong" not in refused.output
