"""Which systems go together: what makes no sense is refused with the reason and the nearest, wherever it is asked."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from hug_agents import combinations, systems
from hug_agents.cli.systems import command
from hug_agents.errors import UnsupportedError
from hug_agents.generation import build_request
from hug_agents.planning import plan
from hug_agents.reading.assemble import assemble
from hug_agents.reading.rules import read
from hug_agents.render import render
from hug_agents.request import Choices, Request
from hug_agents.spec import Toolchain
from hug_agents.systems import Need, System
from tests.examples import minimal, two_environments

NONSENSE = [
    (Toolchain(runtime="ecs", rollout="argo_rollouts"), "aws", "controller of Kubernetes", "ECS shifts traffic itself"),
    (Toolchain(runtime="nomad", rollout="argo_rollouts"), "aws", "controller of Kubernetes", "auto_revert"),
    (Toolchain(runtime="nomad", rollout="spinnaker"), "none", "no cloud provider for Nomad", "kubernetes"),
    (Toolchain(runtime="ecs"), "gcp", "runs in AWS alone", "kubernetes"),
    (Toolchain(runtime="ecs", iac=None), "none", "runs in AWS alone", "every environment in AWS"),
    (Toolchain(runtime="ecs", rollout="spinnaker"), "aws", "infrastructure as code's", "ECS shifts traffic itself"),
    (Toolchain(runtime="kubernetes", iac="pulumi"), "aws", "written as Terraform", "terraform beside kubernetes"),
    (Toolchain(runtime="kubernetes", iac="cloudformation"), "aws", "written as Terraform", "the runtime ecs"),
    (Toolchain(runtime="kubernetes", iac="cloudformation"), "azure", "AWS alone", "no infrastructure as code"),
    (Toolchain(monitors=("grafana",)), "aws", "ask Prometheus", "prometheus and grafana together"),
    (Toolchain(registry="nexus"), "aws", "where it answers", "docker_registry"),
    (Toolchain(registry="artifactory"), "aws", "where it answers", "docker_registry"),
]


@pytest.mark.parametrize(("chain", "cloud", "reason", "nearest"), NONSENSE)
def test_what_makes_no_sense_is_refused_with_the_nearest(
    chain: Toolchain, cloud: str, reason: str, nearest: str
) -> None:
    spec = minimal().model_copy(update={"toolchain": chain, "environments": two_environments(cloud)})
    with pytest.raises(UnsupportedError) as refused:
        render(plan(spec))
    assert reason in refused.value.what
    assert nearest in refused.value.hint
    assert refused.value.where


def test_every_need_is_met_by_something_that_exists() -> None:
    for system, rows in combinations.NEEDS.items():
        assert system in systems.systems()
        for need in rows:
            for item in (*need.any_of, *need.all_of) if need.field != "cloud" else ():
                assert systems.systems()[item].family == systems.FIELDS[need.field], (system, item)
            assert need.nearest


def test_options_are_refused_before_a_model_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = {item.id: item.model_copy(update={"level": "generated"}) for item in systems.systems().values()}
    monkeypatch.setattr(systems, "systems", lambda: ready)
    with pytest.raises(UnsupportedError, match="controller of Kubernetes"):
        build_request("Deploy it", Choices(runtime="ecs", rollout="argo_rollouts"), None)
    assert build_request("Deploy it", Choices(rollout="argo_rollouts"), None)


def _ready(monkeypatch: pytest.MonkeyPatch) -> None:
    from hug_agents.reading import spec_tools

    ready = {item.id: item.model_copy(update={"level": "generated"}) for item in systems.systems().values()}
    monkeypatch.setattr(systems, "systems", lambda: ready)
    monkeypatch.setattr(combinations, "systems", lambda: ready)
    monkeypatch.setattr(spec_tools, "systems", lambda: ready)


BASE = "Deploy hello from ghcr.io/acme/hello:1.2.0 on port 8080 to {0}, rolling, health check on /healthz. {1}"


def test_words_that_clash_are_refused_in_the_table_and_the_rest_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    _ready(monkeypatch)
    request = Request(text=BASE.format("ECS in eu-west-1", "Use Argo Rollouts."))
    made = assemble(request, read(request.text))
    assert made.spec is not None, made.questions
    assert made.spec.toolchain.rollout is None
    assert [(row.what, row.path) for row in made.refused] == [("Argo Rollouts", "toolchain.rollout")]
    assert "controller of Kubernetes" in made.refused[0].reason
    assert "Nearest" in made.refused[0].reason


def test_grafana_alone_gets_prometheus_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    _ready(monkeypatch)
    request = Request(text=BASE.format("ECS in eu-west-1", "Dashboards in Grafana."))
    made = assemble(request, read(request.text))
    assert made.spec is not None
    assert made.spec.toolchain.monitors == ("prometheus", "grafana")
    assert any("ask Prometheus" in note for note in made.notes)


def test_a_registry_of_ones_own_is_asked_for_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    _ready(monkeypatch)
    request = Request(text=BASE.format("ECS in eu-west-1", "Images go to Nexus."))
    assert [row.id for row in assemble(request, read(request.text)).questions] == ["toolchain.registry_host"]


def test_a_third_party_brings_its_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    need = Need(field="runtime", any_of=("kubernetes",), reason="it watches pods", nearest="the runtime kubernetes")
    row = System(id="flagger", name="Flagger", family="rollback", level="generated", needs=(need,))
    monkeypatch.setattr(combinations, "systems", lambda: {**systems.systems(), "flagger": row})
    found = list(combinations.clashes({"rollout": ("flagger",), "runtime": ("ecs",)}))
    assert [clash.need.reason for clash in found] == ["it watches pods"]
    assert not list(combinations.clashes({"rollout": ("flagger",), "runtime": None}))


def test_what_is_left_goes_together() -> None:
    chains = list(combinations.sensible())
    assert Toolchain(iac=None, ci=None, monitors=(), registry=None) in chains
    assert len(chains) == len({chain.model_dump_json() for chain in chains})


def test_the_table_says_how_far_each_is_supported() -> None:
    rows = json.loads(CliRunner().invoke(command, ["--json"]).output)["systems"]
    assert len(rows) >= 19
    for row in rows:
        assert row["generated"] == (row["level"] != "planned")
        if row["level"] in ("validated", "emulated", "operated"):
            assert row["validators"], row["id"]
        if row["against"]:
            assert row["level"] in ("emulated", "operated"), row["id"]
    shown = CliRunner().invoke(command, [], env={"COLUMNS": "200"}).output
    assert "validated by" in shown
    assert "operated against" in shown
    assert "controller of Kubernetes" in shown
