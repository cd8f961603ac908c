"""The suite that ships, the command, and the shape of its JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hug_agents.cli.eval import command
from hug_agents.errors import BudgetExceeded, UsageError
from hug_agents.evaluate.crew import ablation, full
from hug_agents.evaluate.reading import score_request
from hug_agents.evaluate.run import evaluate
from hug_agents.evaluate.suite import load
from hug_agents.reading.claims import field
from tests.agents.scripted import Scripted


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code in (0, None), result.output
    return result


def test_the_shipped_suite_is_large_and_halved() -> None:
    suite = load()
    assert len(suite.requests) >= 60 and len(suite.repositories) >= 12
    for cases in (suite.requests, suite.repositories):
        halves = Counter(case.split for case in cases)
        assert abs(halves["develop"] - halves["held_out"]) <= len(cases) // 10
        assert len({case.id for case in cases}) == len(cases)
    assert suite.authors == (
        "written for this project by its authors",
        "written for this project, without sight of the rules, before they were run",
        "written for this project, without sight of the rules",
    )


def test_every_expected_path_is_a_field() -> None:
    for case in load().requests:
        for pattern in (*case.expect, *case.allow):
            for path in pattern.split("|"):
                assert field(path) or path == "toolchain.package", (case.id, path)


def test_the_offline_rules_hold_on_the_half_that_they_were_made_on() -> None:
    report = evaluate(load(split="develop"), full("offline"))
    figures = report.figures()
    assert figures["fields right"].percent >= 95  # type: ignore[operator]
    assert figures["wrong with evidence"].percent <= 0.5  # type: ignore[operator]
    assert figures["facts found"].percent >= 95  # type: ignore[operator]
    assert not any(field.forged for score in report.requests for field in score.fields)


def test_json_has_its_shape_and_a_second_run_says_the_same(tmp_path: Path) -> None:
    one, other = (json.loads(run("--json", "--limit", "3").output) for _ in range(2))
    (report,) = one["reports"]
    assert {"suite", "split", "cases", "reports"} == set(one)
    assert set(report) == {
        "suite", "authors", "arm", "model", "figures", "rounds", "skipped", "tokens", "model_requests", "model_retries",
        "seconds", "requests", "repositories", "tasks",
    }  # fmt: skip
    assert set(report["figures"]["fields right"]) == {"count", "of", "percent"}
    assert set(report["tokens"]) == {"input", "cached", "output"}
    assert report["requests"][0]["fields"][0]["outcome"] == "right"
    assert other["reports"][0]["figures"] == report["figures"]
    assert [row["case"] for row in other["reports"][0]["requests"]] == [row["case"] for row in report["requests"]]


def test_the_table_names_the_crew_and_the_model(tmp_path: Path) -> None:
    picture = tmp_path / "eval.png"
    pytest.importorskip("matplotlib", reason="matplotlib, install with pip install 'hug-agents[metrics]'")
    said = run("--limit", "2", "--plot", str(picture)).output
    assert "2 requests, 2 repositories" in said and "fields right" in said and "offline" in said
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_ablation_has_three_arms_with_the_same_gates() -> None:
    said = json.loads(run("--ablation", "--limit", "1", "--json").output)
    assert [item["arm"] for item in said["reports"]] == ["rules alone", "one agent", "three agents"]
    model = Scripted(script=["x"])
    rules, one, three = ablation(model)
    assert (rules.model, one.model) == ("offline", "Scripted")
    assert one.refiner is model and three.refiner is model
    assert one.others is not model and three.others is model and rules.refiner is not model


def test_a_suite_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "go.mod").write_text("module a.example/b\n\ngo 1.23\n")
    (tmp_path / "app" / "main.go").write_text("package main\n\nfunc main() {}\n")
    (tmp_path / "requests.yaml").write_text(
        "cases:\n- {id: one, request: 'Put a-api (acme/a:1, port 80) on Kubernetes.', expect: {services.a-api.port: 81}}\n"
    )
    (tmp_path / "repo.yaml").write_text("folder: app\ncomponents: {'*': {language: [go]}}\n")
    said = run(str(tmp_path)).output
    assert "one  wrong  services.a-api.port: expected 81, found 80.0" in said
    facts = next(line for line in said.splitlines() if line.startswith("facts found"))
    assert facts.endswith("1/1")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.yaml", "cases: [{id: x}]", "not a case: request: Field required\n"),
        ("a.yaml", f"cases: [{{id: x, request: {'a' * 10_001}, expect: {{}}}}]", "at most 10000 characters"),
        ("a.yaml", "- x", "neither"),
        ("a.yaml", "a: [", "cannot be read"),
        ("a.csv", "x\n1\n", "neither IaC-Eval's nor DPIaC-Eval's: x"),
        ("a.csv", "", "neither IaC-Eval's nor DPIaC-Eval's: none"),
        ("a.csv", "Prompt,Rego intent\n", "there is nothing to evaluate"),
    ],
)
def test_a_suite_that_cannot_be_used_is_named(tmp_path: Path, name: str, text: str, why: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(UsageError, match=why) as caught:
        load((file,))
    assert name in str(caught.value)
    with pytest.raises(UsageError, match="no such suite"):
        load((tmp_path / "nothing",))


def test_a_model_that_invents_with_forged_evidence_gets_nothing_into_the_spec() -> None:
    case = load(split="develop").requests[0]
    claims = [
        {"path": "services.tracker.port", "value": 6666, "quote": "port 6666"},
        {"path": "services.tracker.name", "value": "tracker", "quote": "tracker"},
    ]
    score = score_request(case, full(Scripted(script=[{"claims": claims, "questions": [], "unmet": []}])))
    assert not any(item.wrong_with_evidence for item in score.fields)
    assert "services.tracker.port" not in [item.path for item in score.fields if item.outcome == "wrong"]


def test_a_model_that_fails_is_an_error_of_its_case() -> None:
    from hug_agents.agents.budget import Budget

    case = load(split="develop").requests[0]
    score = score_request(case, full(Scripted(script=["no JSON here"]), budget=Budget(attempts=1)))
    assert score.error and not score.made
    assert {item.outcome for item in score.fields} == {"missing"}
    assert BudgetExceeded.exit_code == 1


@pytest.mark.slow
def test_gates_judge_what_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    from hug_agents.evaluate import reading
    from hug_agents.validate import run_gates

    monkeypatch.setattr(reading, "run_gates", lambda bundle, plan: run_gates(bundle, plan, only=("well-formed",)))
    score = score_request(load(split="develop").requests[1], full("offline"), gates=True)
    assert score.gates and score.gates[-1] in ("passed", "incomplete")


@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_that_a_spreadsheet_wrote_is_read(tmp_path: Path, between: str, end: str) -> None:
    rows = (("Difficulty", " Prompt", "Rego intent "), ("1", '"A bucket, please; soon"', '"package a"'))
    file = tmp_path / "a.csv"
    file.write_bytes(("\ufeff" + "".join(between.join(row) + end for row in rows)).encode())
    (task,) = load((file,)).tasks
    assert (task.prompt, task.intent, task.difficulty) == ("A bucket, please; soon", ("package a",), "1")
