"""The target against moto's server over HTTP: change sets, stale plans, rollback, destruction.

moto answers neither drift detection nor how a change replaces a resource, and takes nothing back that fails: those parts are
in test_parts.py, held against botocore's own model of the API.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.registry import load_target
from hug_agents.errors import EnvironmentBusy, UnsupportedError, UsageError
from hug_agents.execute.target import Destroyable, Explained, PlanStale, Target
from hug_agents.planning import plan
from hug_agents.render import render
from tests.adapters.cloudformation.stacks import (
    ACCOUNT,
    BLUEPRINT,
    DATABASE,
    DIGEST_ONE,
    DIGEST_TWO,
    RELEASED,
    STAGING,
    Bench,
    template,
    words,
)
from tests.examples import ALL

pytestmark = pytest.mark.xdist_group("moto")
Client = Callable[[str], Any]


def greeting(aws: Client) -> str:
    return str(aws("ssm").get_parameter(Name="/hello/greeting")["Parameter"]["Value"])


def test_a_whole_life(bench: Bench, aws: Client) -> None:
    target, first, second = bench.target, words("one"), words("two", DATABASE)
    assert isinstance(target, Target)
    assert isinstance(target, Destroyable)
    assert isinstance(target, Explained)
    assert target.drift(None, BLUEPRINT, STAGING).status == "none"
    saved = bench.plan(first)
    assert (saved.creates, saved.updates, saved.replaces, saved.deletes, saved.base) == (1, 0, (), (), "absent")
    assert (saved.settings["stack"], saved.settings["account"]) == ("hello-staging", ACCOUNT)
    assert saved == bench.plan(first), "the same world gives the same plan"
    with pytest.raises(aws("ssm").exceptions.ParameterNotFound):
        greeting(aws)  # planning changes nothing
    job = bench.work(saved, first)
    assert target.observe(job).state == "not_done"
    outcome = target.apply(job)
    assert (outcome.status, "created Greeting (AWS::SSM::Parameter)" in outcome.detail) == ("done", True), (
        outcome.detail
    )
    assert greeting(aws) == "one"
    assert target.observe(job).state == "done"
    assert "StackPolicyBody" in aws("cloudformation").get_stack_policy(StackName="hello-staging")

    later = bench.deploy(second, first)
    assert (later.plan.creates, later.plan.updates) == (1, 1)
    assert greeting(aws) == "two"
    assert target.observe(later).state == "done"
    assert "UPDATE_COMPLETE" in target.logs(later) or target.logs(later) == "", "moto keeps no token of an operation"

    back = bench.work(later.plan, second, "rollback", first)
    refused = target.rollback(back)
    assert (refused.status, refused.untouched) == ("failed", True)
    assert "it would lose data with Files" in refused.detail
    assert greeting(aws) == "two"


def test_back_and_back_again(bench: Bench, aws: Client) -> None:
    first, second = words("one"), words("two")
    bench.deploy(first)
    job = bench.deploy(second, first)
    back = bench.work(job.plan, second, "rollback", first)
    assert bench.target.observe(back).state == "not_done"
    assert bench.target.rollback(back).status == "done"
    assert greeting(aws) == "one"
    assert bench.target.observe(back).state == "done"
    assert bench.target.rollback(back).detail == "the stack is that of the previous bundle"


def test_to_nothing(bench: Bench, aws: Client) -> None:
    bundle = words("one")
    job = bench.deploy(bundle)
    back = bench.work(job.plan, bundle, "rollback")
    assert bench.target.rollback(back).status == "done"
    assert bench.target.observe(back).state == "done"
    assert bench.target.drift(None, BLUEPRINT, STAGING).status == "none"
    assert bench.target.rollback(back).detail == "there is no stack, as before"
    data = words("one", DATABASE)
    job = bench.deploy(data)
    assert "it would lose data with Files" in bench.target.rollback(bench.work(job.plan, data, "rollback")).detail


def test_an_empty_plan_changes_nothing(bench: Bench) -> None:
    bundle = words("one")
    bench.deploy(bundle)
    saved = bench.plan(bundle)
    assert (saved.creates, saved.updates, saved.settings["change-set"]) == (0, 0, "none")
    assert bench.target.apply(bench.work(saved, bundle)).detail == "nothing had to be changed"


class TestStale:
    def test_the_stack_moved_on(self, bench: Bench, aws: Client) -> None:
        bench.deploy(words("one"))
        bundle = words("two")
        saved = bench.plan(bundle)
        bench.deploy(words("theirs"))
        with pytest.raises(PlanStale, match="the plan was made on"):
            bench.target.apply(bench.work(saved, bundle))
        assert greeting(aws) == "theirs"
        assert bench.target.observe(bench.work(saved, bundle)).state == "unknown"
        assert bench.plan(bundle).digest() != saved.digest(), "another plan asks for another approval"

    def test_only_a_parameter_moved(self, bench: Bench, aws: Client) -> None:
        bench.deploy(words("one"))
        saved = bench.plan(words("two"))
        aws("cloudformation").update_stack(
            StackName="hello-staging",
            UsePreviousTemplate=True,
            Parameters=[{"ParameterKey": "Word", "ParameterValue": "by hand"}],
        )
        with pytest.raises(PlanStale):
            bench.target.apply(bench.work(saved, words("two")))

    def test_the_change_set_is_gone(self, bench: Bench, aws: Client) -> None:
        bench.deploy(words("one"))
        bundle = words("two")
        saved = bench.plan(bundle)
        aws("cloudformation").delete_change_set(ChangeSetName=saved.settings["change-set"])
        with pytest.raises(PlanStale, match="not there any more"):
            bench.target.apply(bench.work(saved, bundle))
        assert greeting(aws) == "one"

    def test_the_change_set_does_something_else(self, bench: Bench, aws: Client) -> None:
        bench.deploy(words("one"))
        evil, bundle = bench.plan(words("evil", DATABASE)), words("two")
        saved = bench.plan(bundle)
        swapped = saved.model_copy(update={"settings": {**saved.settings, "change-set": evil.settings["change-set"]}})
        with pytest.raises(PlanStale, match="something else"):
            bench.target.apply(bench.work(swapped, bundle))
        assert greeting(aws) == "one"

    def test_target_toml_says_something_else(self, tmp_path: Path, aws: Client) -> None:
        saved, bundle = Bench(tmp_path).plan(words("one")), words("one")
        other = Bench(tmp_path, 'poll_seconds = 0.05\nholds_data = ["Greeting"]\n')
        with pytest.raises(PlanStale, match=r"target\.toml"):
            other.target.apply(other.work(saved, bundle))


class TestReleaseRecord:
    """A stack that is told what is released: its parameters move on, and come back."""

    @pytest.fixture
    def stack(self, bench: Bench, aws: Client) -> Bench:
        aws("secretsmanager").create_secret(Name="hello/key", SecretString="never read")
        return bench

    def bundle(self, more: str = "") -> Any:
        return template(RELEASED + more, secrets={"SecretArnKey": "hello/key"})

    def images(self, bench: Bench, digest: str) -> None:
        folder = bench.folder / "hello"
        folder.mkdir(exist_ok=True)
        (folder / "images.json").write_text(f'{{"hello": "ghcr.io/acme/hello@{digest}"}}')

    def live(self, aws: Client) -> str:
        return str(aws("ssm").get_parameter(Name="/hello/staging/release")["Parameter"]["Value"])

    def test_forward_and_back(self, stack: Bench, aws: Client) -> None:
        first, bundle = self.bundle(), self.bundle("Description: two\n")
        self.images(stack, DIGEST_ONE)
        stack.deploy(first)
        assert f"done green  ghcr.io/acme/hello@{DIGEST_ONE} arn:aws:secretsmanager" in self.live(aws)
        self.images(stack, DIGEST_TWO)
        job = stack.deploy(bundle, first)
        assert f"done blue ghcr.io/acme/hello@{DIGEST_TWO} ghcr.io/acme/hello@{DIGEST_ONE}" in self.live(aws)
        assert stack.target.observe(job).state == "done"
        back = stack.work(job.plan, bundle, "rollback", first)
        assert stack.target.rollback(back).status == "done"
        assert f"done green  ghcr.io/acme/hello@{DIGEST_ONE}" in self.live(aws)
        assert stack.target.observe(back).state == "done"
        seen = stack.target.drift(first, BLUEPRINT, STAGING)
        assert any("other images are live" in line for line in seen.changes)

    def test_what_stands_still_stays(self, stack: Bench, aws: Client) -> None:
        bundle = self.bundle()
        self.images(stack, DIGEST_ONE)
        job = stack.deploy(bundle)
        assert stack.target.rollback(stack.work(job.plan, bundle, "rollback")).status == "done"
        assert self.live(aws).startswith(" none blue")
        assert stack.target.drift(None, BLUEPRINT, STAGING).status == "none"

    def test_a_missing_secret_stops_the_plan(self, bench: Bench, aws: Client) -> None:
        with pytest.raises(UsageError, match="the secret hello/key cannot be found"):
            bench.plan(self.bundle())
        assert aws("cloudformation").list_stacks()["StackSummaries"] == []

    def test_no_value_of_a_secret_is_anywhere(self, stack: Bench, aws: Client) -> None:
        self.images(stack, DIGEST_ONE)
        saved = stack.plan(self.bundle())
        assert "never read" not in saved.model_dump_json()

    def test_an_unfinished_release(self, stack: Bench, aws: Client) -> None:
        self.images(stack, DIGEST_ONE)
        stack.deploy(self.bundle())
        aws("cloudformation").update_stack(
            StackName="hello-staging",
            UsePreviousTemplate=True,
            Parameters=[
                {"ParameterKey": "ReleaseStatus", "ParameterValue": "moving"},
                {"ParameterKey": "SecretArnKey", "ParameterValue": "arn:aws:secretsmanager:x"},
            ],
        )
        with pytest.raises(UsageError, match="is not finished"):
            stack.plan(self.bundle())


def test_destroy_only_when_it_was_asked_for_and_planned(bench: Bench) -> None:
    bundle = words("one", DATABASE)
    job = bench.deploy(bundle)
    assert bench.target.apply(bench.work(job.plan, bundle, "destroy")).status == "failed"
    saved = bench.target.plan_destroy(bundle, BLUEPRINT, STAGING)
    assert (saved.deletes, saved.data, saved.destroys) == (("Files", "Greeting"), ("Files",), True)
    assert bench.target.apply(bench.work(saved, bundle)).detail == (
        "nothing was changed: the approved plan is to destroy, not to deploy"
    )
    order = bench.work(saved, bundle, "destroy")
    assert bench.target.observe(order).state == "not_done"
    assert bench.target.apply(order).status == "done"
    assert bench.target.observe(order).state == "done"


def test_drift_is_unknown_where_nobody_answers(bench: Bench) -> None:
    bundle = words("one")
    bench.deploy(bundle)
    seen = bench.target.drift(bundle, BLUEPRINT, STAGING)
    assert (seen.status, "could not be held against" in seen.evidence) == ("unknown", True)
    seen = bench.target.drift(words("two"), BLUEPRINT, STAGING)
    assert (seen.status, seen.changes) == ("drifted", ("the stack's template is not the bundle's",))


def test_a_large_template_goes_through_the_bucket(bench: Bench, aws: Client) -> None:
    bundle = words("one", f"  # {'x' * 60_000}\n")
    with pytest.raises(UsageError, match=f"the bucket hello-cloudformation-{ACCOUNT}"):
        bench.plan(bundle)
    where = {"LocationConstraint": "eu-west-1"}
    aws("s3").create_bucket(Bucket=f"hello-cloudformation-{ACCOUNT}", CreateBucketConfiguration=where)
    bench.deploy(bundle)
    assert greeting(aws) == "one"


def test_what_it_cannot_do(bench: Bench) -> None:
    job = bench.deploy(words("one"))
    for action in ("shift", "promote", "retire", "inject"):
        outcome = bench.target.apply(bench.work(job.plan, words("one"), action))  # type: ignore[arg-type]
        assert (outcome.status, outcome.untouched) == ("failed", True)
    spec = ALL["ecs_canary"]()
    spec = spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"iac": "cloudformation"})})
    blueprint = plan(spec)
    with pytest.raises(UnsupportedError, match="steps of traffic"):
        bench.target.plan(render(blueprint), blueprint, spec.environments[0], None)
    with pytest.raises(UsageError, match="has no CloudFormation for staging"):
        bench.plan(render(BLUEPRINT))


def test_another_account_is_refused(bench: Bench) -> None:
    elsewhere = STAGING.model_copy(update={"account": "999999999999"})
    with pytest.raises(UsageError, match="account 123456789012, and staging is in 999999999999"):
        bench.target.plan(words("one"), BLUEPRINT, elsewhere, None)


def test_a_template_that_is_not_valid(bench: Bench) -> None:
    from hug_agents.errors import HttpError

    with pytest.raises(HttpError):
        bench.plan(template("Resources: {A: {Type: 'AWS::S3::Bucket', Properties: {BucketName: !Ref Nowhere}}}\nX: ["))


def test_a_busy_stack(bench: Bench, monkeypatch: pytest.MonkeyPatch, aws: Client) -> None:
    from moto.cloudformation.models import cloudformation_backends

    bench.deploy(words("one"))
    [stack] = cloudformation_backends[ACCOUNT]["eu-west-1"].stacks.values()
    saved = bench.plan(words("two"))
    stack.status = "UPDATE_IN_PROGRESS"
    with pytest.raises(EnvironmentBusy, match="UPDATE_IN_PROGRESS"):
        bench.plan(words("three"))
    with pytest.raises(EnvironmentBusy):
        bench.target.apply(bench.work(saved, words("two")))
    stack.status = "UPDATE_ROLLBACK_FAILED"
    with pytest.raises(UsageError, match="continue its rollback"):
        bench.plan(words("three"))


def test_by_name(tmp_path: Path, bench: Bench) -> None:
    assert load_target(bench.target.name, bench.store).name == bench.target.name
    assert load_target("cloudformation", bench.store).name == "cloudformation"


@pytest.mark.parametrize(("toml", "why"), [("x = 1\n", "x: Extra inputs"), ("x = \n", "is not TOML")])
def test_a_file_that_cannot_be_used(tmp_path: Path, toml: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Bench(tmp_path, toml)
