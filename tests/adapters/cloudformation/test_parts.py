"""What moto cannot answer: botocore's stubber holds each request and each answer against AWS's own model of the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.cloudformation.changes import changes
from hug_agents.adapters.cloudformation.client import Aws, Refused, told
from hug_agents.adapters.cloudformation.drift import world_against_stack
from hug_agents.adapters.cloudformation.stack import Now, Stack
from hug_agents.adapters.cloudformation.target import CloudFormationTarget
from hug_agents.adapters.cloudformation.wanted import Wanted
from hug_agents.errors import EnvironmentBusy, HttpError, UsageError
from hug_agents.execute.target import PlanStale
from tests.adapters.cloudformation.stacks import ACCOUNT, BLUEPRINT, STAGING, Bench, words

NAME = "hello-staging"
ID = f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:stack/{NAME}/1"
SET = f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:changeSet/hug-1/1"
WHEN = datetime(2026, 11, 27, 10, tzinfo=UTC)


class Answers:
    """Answers in their order; every one is asked for, with these arguments, and fits the model of the API."""

    def __init__(self, stub: Any) -> None:
        self.stub = stub

    def to(self, operation: str, answer: dict[str, Any], **asked: Any) -> None:
        self.stub.add_response(operation, answer, asked or None)

    def no(self, operation: str, code: str, said: str) -> None:
        self.stub.add_client_error(operation, code, said)

    def status(self, status: str, **more: Any) -> None:
        """The stack, as it is looked at: its row and its template."""
        row = {"StackName": NAME, "StackId": ID, "CreationTime": WHEN, "StackStatus": status, **more}
        self.to("describe_stacks", {"Stacks": [row]}, StackName=NAME)
        self.to("get_template", {"TemplateBody": words("one")[PATH].content}, StackName=NAME, TemplateStage="Original")

    def change_set(self, rows: list[dict[str, Any]], **more: Any) -> None:
        answer = {
            "ChangeSetId": SET,
            "Status": "CREATE_COMPLETE",
            "ExecutionStatus": "AVAILABLE",
            "Changes": rows,
            **more,
        }
        self.to("describe_change_set", answer)


PATH = "infrastructure/cloudformation/environments/staging/template.yaml"


def row(action: str, id: str, type: str = "AWS::SSM::Parameter", **more: Any) -> dict[str, Any]:
    return {
        "Type": "Resource",
        "ResourceChange": {"Action": action, "LogicalResourceId": id, "ResourceType": type, **more},
    }


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    pytest.importorskip("boto3", reason="boto3 is not installed: pip install 'hug-agents[aws]'")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    found = Aws("eu-west-1")
    found.__dict__["account"] = ACCOUNT
    return found


@pytest.fixture
def answers(aws: Aws) -> Iterator[Answers]:
    from botocore.stub import Stubber

    with Stubber(aws._client("cloudformation")) as stub:
        yield Answers(stub)
        stub.assert_no_pending_responses()


@pytest.fixture
def bench(tmp_path: Path, aws: Aws) -> Bench:
    made = Bench(tmp_path, "poll_seconds = 0.01\napply_seconds = 1\n")
    made.target._regions["eu-west-1"] = aws
    return made


def test_a_change_set_is_read() -> None:
    detail = {"Target": {"Attribute": "Properties", "Name": "DBInstanceClass", "RequiresRecreation": "Never"}}
    found = changes(
        [
            row("Modify", "Db", "AWS::RDS::DBInstance", Replacement="False", Details=[detail, detail]),
            row("Modify", "Old", "AWS::RDS::DBInstance", Replacement="True", PolicyAction="ReplaceAndDelete"),
            row("Modify", "Kept", "AWS::RDS::DBInstance", Replacement="True", PolicyAction="ReplaceAndSnapshot"),
            row("Modify", "Perhaps", "AWS::SQS::Queue", Replacement="Conditional"),
            row("Remove", "Files", "AWS::S3::Bucket", PolicyAction="Retain"),
            row("Remove", "Word"),
            row("Add", "New"),
        ]
    )
    assert found.of("changed") == ("Db",)
    assert found.of("replaced") == ("Kept", "Old", "Perhaps")
    assert found.of("destroyed") == ("Files", "Word")
    assert found.data() == ("Files", "Kept", "Old", "Perhaps")
    assert found.lost() == ("Old", "Perhaps"), "what a policy keeps is not lost"
    assert found.lost(["Word"]) == ("Old", "Perhaps", "Word")
    assert "changed Db (AWS::RDS::DBInstance): DBInstanceClass" in found.lines()
    assert "destroyed Files (AWS::S3::Bucket) (kept by its policy)" in found.lines()


def test_an_update_that_cloudformation_takes_back(bench: Bench, answers: Answers) -> None:
    first, second = words("one"), words("two")
    rows = [row("Modify", "Greeting")]
    answers.status("UPDATE_COMPLETE")
    answers.no("describe_change_set", "ChangeSetNotFound", "there is none")
    answers.to("create_change_set", {"Id": SET, "StackId": ID})
    answers.change_set(rows)
    answers.change_set(rows)
    saved = bench.plan(second, first)
    answers.status("UPDATE_COMPLETE")
    answers.change_set(rows)
    work = bench.work(saved, second, previous=first)
    token = f"hug-{work.order.key.removeprefix('sha256:')}"
    answers.to("execute_change_set", {}, StackName=NAME, ChangeSetName=SET, ClientRequestToken=token)
    answers.status("UPDATE_IN_PROGRESS")
    answers.status("UPDATE_ROLLBACK_IN_PROGRESS")
    answers.status("UPDATE_ROLLBACK_COMPLETE")
    event = {"StackId": ID, "EventId": "1", "StackName": NAME, "Timestamp": WHEN, "LogicalResourceId": "Greeting"}
    failed = {
        **event,
        "ResourceStatus": "UPDATE_FAILED",
        "ResourceStatusReason": "no such type",
        "ClientRequestToken": token,
    }
    theirs = {**event, "ResourceStatus": "UPDATE_FAILED", "ResourceStatusReason": "long ago", "ClientRequestToken": "x"}
    answers.to("describe_stack_events", {"StackEvents": [failed, theirs]}, StackName=NAME)
    outcome = bench.target.apply(work)
    assert outcome.status == "failed"
    assert (
        outcome.detail == "the stack is UPDATE_ROLLBACK_COMPLETE: CloudFormation took it back. Greeting: no such type"
    )
    answers.status("UPDATE_ROLLBACK_COMPLETE")
    answers.to("describe_stack_events", {"StackEvents": [failed, theirs]})
    answers.to("describe_stack_events", {"StackEvents": [failed, theirs]})
    seen = bench.target.observe(work)
    assert (seen.state, "taken back: Greeting: no such type" in seen.evidence) == ("not_done", True)


def test_a_change_set_that_another_update_made_obsolete(bench: Bench, answers: Answers) -> None:
    rows = [row("Modify", "Greeting")]
    answers.status("UPDATE_COMPLETE")
    answers.change_set(rows)
    saved = bench.plan(words("two"))
    answers.status("UPDATE_COMPLETE")
    answers.change_set(rows, ExecutionStatus="OBSOLETE")
    with pytest.raises(PlanStale, match="obsolete"):
        bench.target.apply(bench.work(saved, words("two")))
    answers.status("UPDATE_COMPLETE")
    answers.change_set(rows)
    answers.no("execute_change_set", "InvalidChangeSetStatus", "it is OBSOLETE")
    with pytest.raises(PlanStale, match="refused the change set"):
        bench.target.apply(bench.work(saved, words("two")))


def test_a_rollback_that_cloudformation_could_not_end_is_gone_on_with(bench: Bench, answers: Answers) -> None:
    answers.status("UPDATE_COMPLETE")
    answers.change_set([row("Modify", "Greeting")])
    saved = bench.plan(words("two"), words("one"))
    answers.status("UPDATE_ROLLBACK_FAILED")
    answers.to("continue_update_rollback", {})
    answers.status("UPDATE_ROLLBACK_COMPLETE")
    back = bench.target.rollback(bench.work(saved, words("two"), "rollback", words("one")))
    assert (back.status, back.detail) == ("done", "the stack is that of the previous bundle")


def test_a_protected_stack_is_not_deleted(bench: Bench, answers: Answers) -> None:
    summary = {
        "LogicalResourceId": "Greeting",
        "ResourceType": "AWS::SSM::Parameter",
        "ResourceStatus": "CREATE_COMPLETE",
    }
    answers.status("CREATE_COMPLETE", EnableTerminationProtection=True)
    answers.to("list_stack_resources", {"StackResourceSummaries": [{**summary, "LastUpdatedTimestamp": WHEN}]})
    answers.to("get_template", {"TemplateBody": words("one")[PATH].content})
    saved = bench.target.plan_destroy(words("one"), BLUEPRINT, STAGING)
    answers.status("CREATE_COMPLETE", EnableTerminationProtection=True)
    outcome = bench.target.apply(bench.work(saved, words("one"), "destroy"))
    assert (outcome.untouched, "protected from deletion" in outcome.detail) == (True, True)


def test_a_stack_that_does_not_come_to_rest(bench: Bench, answers: Answers) -> None:
    answers.status("UPDATE_IN_PROGRESS")
    with pytest.raises(EnvironmentBusy, match="UPDATE_IN_PROGRESS"):
        bench.plan(words("one"))


class TestDrift:
    ASKED = "f0f0f0f0-0000-4000-8000-000000000000"

    def detected(self, answers: Answers, status: str, **more: Any) -> None:
        row = {"StackId": ID, "StackDriftDetectionId": self.ASKED, "DetectionStatus": status, "Timestamp": WHEN, **more}
        answers.to("describe_stack_drift_detection_status", row, StackDriftDetectionId=self.ASKED)

    def drift(self, id: str, status: str, *paths: str) -> dict[str, Any]:
        differ = [
            {"PropertyPath": path, "ExpectedValue": "a", "ActualValue": "b", "DifferenceType": "NOT_EQUAL"}
            for path in paths
        ]
        return {
            "StackId": ID, "LogicalResourceId": id, "ResourceType": "AWS::ECS::Service", "StackResourceDriftStatus": status,
            "Timestamp": WHEN, "PropertyDifferences": differ,
        }  # fmt: skip

    def test_what_others_change_on_purpose_is_no_drift(self, aws: Aws, answers: Answers) -> None:
        answers.to("detect_stack_drift", {"StackDriftDetectionId": self.ASKED}, StackName=NAME)
        self.detected(answers, "DETECTION_IN_PROGRESS")
        self.detected(answers, "DETECTION_COMPLETE")
        rows = [
            self.drift("Api", "MODIFIED", "/DesiredCount"),
            self.drift("Db", "MODIFIED", "/EngineVersion", "/MultiAZ"),
            self.drift("Gone", "DELETED"),
        ]
        answers.to("describe_stack_resource_drifts", {"StackResourceDrifts": rows[:2], "NextToken": "more"})
        answers.to("describe_stack_resource_drifts", {"StackResourceDrifts": rows[2:]})
        assert world_against_stack(Stack(aws, NAME, poll=0, bucket=""), 5, 0) == [
            "outside CloudFormation: changed Db (AWS::ECS::Service): /MultiAZ",
            "outside CloudFormation: destroyed Gone (AWS::ECS::Service)",
        ]

    def test_a_detection_that_fails(self, aws: Aws, answers: Answers) -> None:
        answers.to("detect_stack_drift", {"StackDriftDetectionId": self.ASKED})
        self.detected(answers, "DETECTION_FAILED", DetectionStatusReason="no permission for ecs:DescribeServices")
        with pytest.raises(HttpError, match="no permission for ecs"):
            world_against_stack(Stack(aws, NAME, poll=0, bucket=""), 5, 0)

    def test_none(self, bench: Bench, answers: Answers) -> None:
        answers.status("UPDATE_COMPLETE")
        answers.to("detect_stack_drift", {"StackDriftDetectionId": self.ASKED})
        self.detected(answers, "DETECTION_COMPLETE")
        answers.to("describe_stack_resource_drifts", {"StackResourceDrifts": []})
        assert bench.target.drift(words("one"), BLUEPRINT, STAGING).status == "none"


def test_a_stack_that_is_as_wanted() -> None:
    now = Now(id=ID, status="UPDATE_COMPLETE", template="t", parameters={"A": "1", "Default": "x"})
    assert now.same(Wanted(stack=NAME, template="t", parameters={"A": "1"}, tags={}))
    assert not now.same(Wanted(stack=NAME, template="t", parameters={"A": "2"}, tags={}))
    assert not now.same(Wanted(stack=NAME, template="u", parameters={"A": "1"}, tags={}))
    assert not Now().same(Wanted(stack=NAME, template="", parameters={}, tags={}))


def test_errors_say_what_happened_and_no_more() -> None:
    from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

    said = {"Error": {"Code": "AccessDenied", "Message": "not\nyours"}}
    with pytest.raises(Refused, match="AWS says AccessDenied: not yours") as caught, told("here"):
        raise ClientError(said, "ExecuteChangeSet")
    assert (caught.value.code, caught.value.where) == ("AccessDenied", "here")
    with pytest.raises(UsageError, match="credentials"), told("here"):
        raise NoCredentialsError
    with pytest.raises(HttpError, match="Could not connect"), told("here"):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


def test_a_configuration_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HttpError, match=r"a client of sts: .*supported format"):
        _ = Aws("no region").account
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(UsageError, match=r"profile \(nobody\) could not be found"):
        _ = Aws("eu-west-1").account


def test_without_boto3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    from hug_agents.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "boto3", None)
    bench = Bench(tmp_path)
    assert isinstance(bench.target, CloudFormationTarget)
    with pytest.raises(MissingExtra, match="optional package"):
        bench.plan(words("one"))
