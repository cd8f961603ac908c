"""Published infrastructure tasks: their files read, one of each form judged by the real tools, and mended by a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hug_agents.agents.budget import Budget
from hug_agents.errors import UsageError
from hug_agents.evaluate import rego
from hug_agents.evaluate.crew import Arm, full
from hug_agents.evaluate.published import InfrastructureTask, read_csv
from hug_agents.evaluate.reading import score_request
from hug_agents.evaluate.suite import RequestCase
from hug_agents.evaluate.tasks import STAGES, Reference, score_task
from hug_agents.process import find
from tests.agents.scripted import Scripted

SUITES = Path(__file__).parent / "suites"
(IAC,) = read_csv(SUITES / "iac_eval.csv")
(DPIAC,) = read_csv(SUITES / "dpiac" / "iac_user_intent.csv")
terraform = pytest.mark.skipif(find("terraform") is None, reason="terraform, https://developer.hashicorp.com/terraform")
cfn_lint = pytest.mark.skipif(find("cfn-lint") is None, reason="cfn-lint, install with pip install cfn-lint")


def statuses(stages: Any) -> dict[str, str]:
    return {stage.name: stage.status for stage in stages}


def arm(*answers: str) -> Arm:
    return full(Scripted(script=[{"content": answer} for answer in answers]))


def test_both_forms_are_read_as_published() -> None:
    assert (IAC.id, IAC.form, IAC.difficulty, IAC.language) == ("iac_eval:1", "iac_eval", "1", "terraform")
    assert IAC.prompt.startswith("An S3 bucket") and "package aws_s3_bucket" in IAC.intent[0]
    assert (DPIAC.id, DPIAC.form, DPIAC.checks) == ("iac_user_intent:0", "dpiac_eval", ("UIV_CUSTOM_ROW_0",))
    assert "UIV_CUSTOM_ROW_0" in DPIAC.intent[0] and "AWS::SQS::Queue" in DPIAC.reference


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n", "neither IaC-Eval's nor DPIaC-Eval's"),
        ("prompt,user_intent_file_path,user_intent_id\nx,..\\..\\secret,ID\n", "not there"),
    ],
)
def test_another_file_is_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(text)
    with pytest.raises(UsageError, match=why) as caught:
        list(read_csv(file))
    assert str(file) in str(caught.value)


@terraform
@pytest.mark.slow
def test_an_iac_eval_row_end_to_end_mended_by_a_model() -> None:
    broken = 'resource "aws_s3_bucket" "notes" {\n  bucket = "hug-eval-notes"\n  color = "red"\n}\n'
    model = Scripted(script=[{"content": "resource {"}, {"content": broken}, {"content": IAC.reference}])
    score = score_task(IAC, full(model), rounds=2)
    assert len(score.rounds) == 3 and score.error == ""
    first, second, third = (statuses(item.stages) for item in score.rounds)
    assert (first["parses"], first["plans"]) == ("failed", "failed")
    assert (second["parses"], second["validates"], second["intent"]) == ("passed", "failed", "failed")
    if third["validates"] == "skipped":
        pytest.skip(f"terraform's provider: {score.rounds[2].stages[1].reason}")
    assert [third[name] for name in STAGES[:3]] == ["passed"] * 3
    assert third["intent"] == "passed" or "regopy" in score.rounds[2].stages[3].reason
    told = str(model.seen[2][-1].content)
    assert "color" in told and "main.tf:3" in told and "rego" not in told.lower()


@terraform
@pytest.mark.slow
def test_a_plan_that_is_not_what_was_meant_fails_its_intent() -> None:
    other = IAC.reference.replace("Enabled", "Suspended")
    score = score_task(
        IAC.model_copy(update={"reference": other}), Reference(IAC.model_copy(update={"reference": other}))
    )
    stages = statuses(score.rounds[0].stages)
    if stages["intent"] == "skipped":
        pytest.skip(next(stage.reason for stage in score.rounds[0].stages if stage.name == "intent"))
    assert (stages["plans"], stages["intent"]) == ("passed", "failed")


@terraform
def test_foreign_code_is_refused_before_terraform_is_started(tmp_path: Path) -> None:
    evil = 'data "external" "x" {\n  program = ["touch", "%s"]\n}\n' % (tmp_path / "owned")
    score = score_task(IAC, arm(evil), rounds=0)
    assert statuses(score.rounds[0].stages)["validates"] == "failed"
    assert "runs programs" in score.rounds[0].stages[1].findings[0]
    assert not (tmp_path / "owned").exists()


@cfn_lint
def test_a_dpiac_row_end_to_end_mended_by_a_model() -> None:
    broken = "Resources:\n  Messages:\n    Type: AWS::SQS::Queue\n    Properties:\n      Retention: 4\n"
    model = Scripted(script=[{"content": "a: [1"}, {"content": broken}, {"content": DPIAC.reference}])
    score = score_task(DPIAC, full(model), rounds=2)
    first, second, third = (statuses(item.stages) for item in score.rounds)
    assert first["parses"] == "failed" and first["security"] == "failed"
    assert (second["parses"], second["validates"]) == ("passed", "failed")
    assert (third["parses"], third["validates"], third["plans"]) == ("passed", "passed", "skipped")
    assert "template.yaml:5" in str(model.seen[2][-1].content)
    if find("checkov") is None:
        assert (third["intent"], third["security"]) == ("skipped", "skipped")
        assert "checkov, install with" in score.rounds[2].stages[3].reason
    else:
        assert third["intent"] == "passed"


def test_what_a_failing_model_cost_is_counted() -> None:
    crew = full(Scripted(script=["no JSON"]), budget=Budget(attempts=2))
    score = score_task(IAC, crew)
    assert sum(item.requests for item in score.usage) == 2 and score.error.startswith(
        "deployment: the budget of 2 attempts"
    )
    read = score_request(RequestCase(id="a", request="Deploy api.", expect={}), crew)
    assert sum(item.requests for item in read.usage) == 2 and "resume" not in read.error


def test_rules_write_nothing_and_that_is_a_failure() -> None:
    score = score_task(IAC, full("offline"))
    assert (score.rounds, score.error) == ((), "nothing was written")
    assert {stage.status for stage in score.after(0).values()} == {"failed"}


def test_a_fence_around_a_file_is_taken_off() -> None:
    from hug_agents.agents.author import write

    arm_ = arm("```hcl\na = 1\n```")
    assert write("x", "terraform", arm_.others, arm_.budget).content == "a = 1\n"


PLAN = {"configuration": {"root_module": {"resources": [{"type": "aws_iam_user"}]}}}
USER = """package p
import future.keywords.in
default ok := false
ok { some u in input.configuration.root_module.resources; u.type == "%s" }
"""


@pytest.mark.parametrize(("kind", "status"), [("aws_iam_user", "passed"), ("aws_vpc", "failed")])
def test_an_intent_in_rego(tmp_path: Path, kind: str, status: str) -> None:
    said = rego.intent(PLAN, (USER % kind,), tmp_path)
    if said.status == "skipped":
        pytest.skip(said.reason)
    assert said.status == status, json.dumps(said.model_dump())


def test_a_policy_that_cannot_be_read_is_not_a_pass(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert rego.intent(PLAN, ("package p\nok {",), tmp_path).status == "skipped"
    assert rego.intent(PLAN, (), tmp_path).status == "skipped"
    assert capfd.readouterr().out == "", "with --json, standard output is one object"


def test_a_task_keeps_its_truth_to_itself() -> None:
    from hug_agents.prompting import load

    task = InfrastructureTask(
        id="t", form="iac_eval", prompt="P", intent=("SECRET-INTENT",), reference="SECRET-REFERENCE"
    )
    model = Scripted(script=[{"content": ""}])
    score_task(task, full(model))
    sent = " ".join(str(message.content) for message in model.seen[0])
    assert "P" in sent and "SECRET" not in sent
    assert load("deployment/write_infrastructure").agent == "deployment"
