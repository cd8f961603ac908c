"""Amendments from a request to a bundle, with a scripted model and real gates: kept, repaired, given up, never unjudged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hug_agents.amending.lay import REPORT
from hug_agents.amendment import without_blocks
from hug_agents.approve.packet import by_model
from hug_agents.generation import Generation, generate
from hug_agents.store import Store
from hug_agents.validate import GateResult, run_gates
from hug_agents.validate.gate import Finding
from hug_agents.workflow import nodes
from hug_agents.workflow.amending import Amender
from hug_agents.workflow.edits import Edits, FileEdit
from hug_agents.workflow.nodes import Nodes
from hug_agents.workflow.run import look
from hug_agents.workflow.state import Crew
from tests.agents.scripted_amend import Amends

KUBERNETES = (
    "Deploy payments-api on Kubernetes in the cluster main, rolling, with GitHub Actions and Prometheus. It listens on port "
    f"8080, health at /healthz, metrics at /metrics. The image is ghcr.io/acme/payments-api:1.4.0@sha256:{'a' * 64}. "
    "Alert us when no request arrived for 15 minutes. Let anybody on the internet reach it through an Ingress."
)
ALERT = "monitoring/prometheus/rules/amendment-r4.yml"
INGRESS = "kubernetes/base/amendment-r5.yaml"
RUNBOOK = "docs/runbook.md"
ENTRY = """
### NoRequests

A ticket: no request arrived for 15 minutes.

1. look whether its callers run, and whether the name resolves
"""
LAST = "1. this one always fires; when it stops arriving, no other alert arrives either: mend the monitoring first"
CHEAP = ("policy pack", "promtool check", "well-formed")


def alert(expr: str) -> dict[str, Any]:
    content = f"""groups:
- name: amendment-r4
  rules:
  - alert: NoRequests
    expr: {expr}
    for: 15m
    labels:
      severity: ticket
    annotations:
      summary: no request arrived for 15 minutes
      description: The service is up and nobody calls it.
      runbook_url: docs/runbook.md#norequests
"""
    return {
        "requirement": "R4",
        "reason": "It fires when the rate is zero.",
        "files": [{"path": ALERT, "content": content}],
        "blocks": [{"path": RUNBOOK, "after": LAST, "content": ENTRY}],
    }


def ingress() -> dict[str, Any]:
    content = """apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: open
spec:
  defaultBackend:
    service:
      name: payments-api
      port:
        number: 80
"""
    return {
        "requirement": "R5",
        "reason": "Everybody reaches it.",
        "files": [{"path": INGRESS, "content": content}],
        "blocks": [
            {"path": "kubernetes/base/kustomization.yaml", "after": "resources:", "content": "- amendment-r5.yaml"}
        ],
    }


GOOD = "sum(rate(http_requests_total[15m])) == 0"
BAD = "sum(rate(http_requests_total[15m)) == 0"


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Real gates, the cheap ones; the bundles that they judged, by digest."""
    judged: list[str] = []

    def cheap(bundle: Any, blueprint: Any, **options: Any) -> tuple[GateResult, ...]:
        judged.append(bundle.digest())
        return run_gates(bundle, blueprint, only=options.get("only") or CHEAP)

    monkeypatch.setattr(nodes, "run_gates", cheap)
    return judged


def run(tmp_path: Path, model: Any, **options: Any) -> Generation:
    return generate(KUBERNETES, model=model, store=tmp_path / "store", **options)


def row(made: Generation, id: str) -> Any:
    return next(item for item in made.requirements if item.id == id)


def test_one_is_repaired_and_one_given_up(tmp_path: Path, gates: list[str]) -> None:
    stages: list[str] = []
    model = Amends(
        script=[{"amendments": [ingress()]}],
        devops=[{"amendments": [alert(BAD)]}, {"amendments": [alert(GOOD)]}],
    )
    made = run(tmp_path, model, amend_rounds=1, progress=lambda stage, detail: stages.append(stage))
    assert made.verdict == "passed" and stages.count("amend") == 4
    kept, lost = made.amendments
    assert (kept.requirement, kept.state, len(kept.failed), len(kept.rounds)) == ("R4", "kept", 1, 2)
    assert ("promtool check", ALERT, 5) in {(item.gate, item.file, item.line) for item in kept.failed[0].findings}
    assert (lost.requirement, lost.state, len(lost.failed)) == ("R5", "unmet", 2)
    assert {item.rule for round in lost.failed for item in round.findings} == {"HUG-A1"}
    assert row(made, "R4").status == "met" and row(made, "R4").files == (ALERT, RUNBOOK)
    assert row(made, "R5").status == "unmet" and f"{INGRESS}:2" in row(made, "R5").reason
    assert INGRESS not in made.bundle
    assert "amendment" not in made.bundle["kubernetes/base/kustomization.yaml"].content
    said = made.bundle[REPORT].content
    assert (
        "R4: met" in said
        and "R5: unmet" in said
        and "HUG\\-A1" in said.replace("HUG-A1", "HUG\\-A1")
        and "`Amends`" in said
    )
    assert [(item.path, item.author, item.part) for item in by_model(made.bundle)] == [
        (RUNBOOK, "Amends", True),
        (ALERT, "Amends", False),
    ]
    assert len(gates) == 4, "the rendered bundle, two rounds, and what is left"
    assert made.to_json()["amendments"][0]["state"] == "kept"
    shown = str(model.asked)
    assert shown.count("deployment/amend") == 2 and shown.count("devops/amend") == 2


def test_the_rendered_files_are_those_of_a_run_without_a_model(tmp_path: Path, gates: list[str]) -> None:
    plain = run(tmp_path, "offline")
    made = run(tmp_path, Amends(script=[{}], devops=[{"amendments": [alert(GOOD)]}]))
    assert {item.path for item in made.bundle} == {*(item.path for item in plain.bundle), ALERT, REPORT}
    for item in plain.bundle:
        assert without_blocks(made.bundle[item.path].content) == item.content
        if item.path not in ("docs/deployment-plan.md", RUNBOOK):
            assert made.bundle[item.path].sha256 == item.sha256
    assert plain.amendments == () and row(plain, "R4").status == "unmet"


def test_rules_and_no_rounds_write_nothing(tmp_path: Path, gates: list[str]) -> None:
    never = Amends(script=[AssertionError("asked")], devops=[AssertionError("asked")])
    made = run(tmp_path, never, amend_rounds=0)
    assert made.amendments == () and len(gates) == 1
    assert run(tmp_path, never, gates=("policy pack",)).amendments == ()


def test_a_model_that_declines_costs_no_second_run_of_the_gates(tmp_path: Path, gates: list[str]) -> None:
    no = {"cannot": [{"requirement": "R4", "reason": "There is no such\nmetric."}]}
    made = run(tmp_path, Amends(script=[{"looks": []}], devops=[no]))
    assert len(gates) == 1 and REPORT not in made.bundle
    assert row(made, "R4").reason.endswith("There is no such metric.")
    assert "proposed nothing" in row(made, "R5").reason


@pytest.mark.parametrize("said", ["no JSON at all", {"amendments": "all"}, '{"amendments": [', "{}{}"])
def test_what_is_not_an_answer_leaves_the_bundle_as_it_is(tmp_path: Path, gates: list[str], said: Any) -> None:
    made = run(tmp_path, Amends(script=[said], devops=[said]))
    assert made.verdict == "passed" and len(gates) == 1
    assert "gave nothing usable" in row(made, "R4").reason


def test_what_no_gate_can_judge_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def skipped(bundle: Any, blueprint: Any, **_: Any) -> tuple[GateResult, ...]:
        good = run_gates(bundle, blueprint, only=("policy pack",))
        return (
            *good,
            GateResult(name="promtool check", tool="promtool", status="skipped", reason="promtool, install it"),
        )

    monkeypatch.setattr(nodes, "run_gates", skipped)
    made = run(tmp_path, Amends(script=[{}], devops=[{"amendments": [alert(GOOD)]}]))
    assert made.verdict == "incomplete" and ALERT not in made.bundle
    assert "cannot be judged here: promtool check did not run" in row(made, "R4").reason


def test_an_error_that_nobody_can_place_is_held_against_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(bundle: Any, blueprint: Any, **_: Any) -> tuple[GateResult, ...]:
        finding = Finding(gate="x", rule="y", severity="error", message="it does not go together")
        bad = (finding,) if ALERT in bundle else ()
        return (GateResult(name="x", tool="", status="failed" if bad else "passed", findings=bad),)

    monkeypatch.setattr(nodes, "run_gates", judge)
    made = run(
        tmp_path, Amends(script=[{"amendments": [ingress()]}], devops=[{"amendments": [alert(GOOD)]}]), amend_rounds=1
    )
    assert made.verdict == "passed", "the bundle without them is always valid"
    assert [item.state for item in made.amendments] == ["unmet", "unmet"]
    assert all("it does not go together" in item.reason for item in made.amendments)


def test_a_bundle_that_the_gates_refuse_is_not_amended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding(gate="x", rule="y", severity="error", message="no")
    failed = (GateResult(name="x", tool="", status="failed", findings=(finding,)),)
    monkeypatch.setattr(nodes, "run_gates", lambda *_, **__: failed)
    made = run(tmp_path, Amends(script=[AssertionError("asked")]))
    assert made.verdict == "failed" and made.amendments == ()


def test_a_reviewers_edit_keeps_what_stands(tmp_path: Path, gates: list[str]) -> None:
    made = run(tmp_path, Amends(script=[{}], devops=[{"amendments": [alert(GOOD)]}]))
    crew = Crew(store=Store(tmp_path / "store"), model=Amends(script=[AssertionError("asked")]))
    state = look(crew, made.thread).state
    edits = crew.store.put_model(Edits(by="ana", files=(FileEdit(path="docs/note.md", content="Seen.\n"),)))
    again = Nodes(crew).bundle({**state, "edits": edits})  # type: ignore[typeddict-item]
    bundle = crew.store.get_bundle(again["bundle"])
    assert {item.path for item in bundle} == {*(item.path for item in made.bundle), "docs/note.md"}
    assert bundle[ALERT] == made.bundle[ALERT] and bundle["docs/note.md"].author == ""
    assert again["rendered"] == state["rendered"] and again["amended"] == made.bundle.digest()
    for failed in ("passed", "failed"):
        assert not Amender(crew, Nodes(crew)).needed({**state, "edits": edits, "verdict": failed})  # type: ignore[typeddict-item]
