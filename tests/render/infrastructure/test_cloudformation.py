"""CloudFormation from specs: what it says, what it refuses, and that cfn-lint agrees with every template."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from hug_agents.bundle import Bundle
from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.process import find, run
from hug_agents.render.infrastructure.cfn.template import logical
from hug_agents.render.infrastructure.cloudformation import render
from hug_agents.spec import DeploymentSpec, EnvVar, Service
from tests import examples
from tests.examples import ALL
from tests.render.orchestration.template_value import Loader, Made

ECS = ("minimal", "ecs_canary", "shop_ecs_blue_green", "hostile_ecs")
PRODUCTION = "infrastructure/cloudformation/environments/production"


def with_cloudformation(spec: DeploymentSpec, **toolchain: Any) -> DeploymentSpec:
    chosen = spec.toolchain.model_copy(update={"iac": "cloudformation", **toolchain})
    return spec.model_copy(update={"toolchain": chosen})


def bundle(spec: DeploymentSpec, **toolchain: Any) -> Bundle:
    spec = with_cloudformation(spec, **toolchain)
    return Bundle(spec.digest(), render(plan(spec)))


def document(files: Bundle, folder: str = PRODUCTION) -> dict[str, Any]:
    return yaml.load(files[f"{folder}/template.yaml"].content, Loader)  # type: ignore[no-any-return]


def of_type(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: item for name, item in found["Resources"].items() if item["Type"] == kind}


@pytest.mark.slow
def test_cfn_lint_agrees(tmp_path: Any) -> None:
    if find("cfn-lint") is None:
        pytest.skip("cfn-lint is not installed: pip install 'hug-agents[gates]'")
    paths = []
    for name in ("shop_ecs_blue_green", "hostile_ecs"):
        for artifact in bundle(ALL[name]()):
            if artifact.path.endswith(("registry/template.yaml", "production/template.yaml")):
                paths.append(tmp_path / name / artifact.path)
                paths[-1].parent.mkdir(parents=True)
                paths[-1].write_bytes(artifact.data)
    done = run(["cfn-lint", "--", *map(str, paths)], cwd=tmp_path, timeout=300)
    assert (done.code, done.output) == (0, "")


@pytest.mark.parametrize("name", ECS)
def test_the_same_spec_gives_the_same_bytes(name: str) -> None:
    assert bundle(ALL[name]()).digest() == bundle(ALL[name]()).digest()


def test_staging_has_the_shape_of_production() -> None:
    files = bundle(ALL["shop_ecs_blue_green"]())
    ours, theirs = document(files, PRODUCTION.replace("production", "staging")), document(files)
    more = theirs["Resources"].keys() - ours["Resources"].keys()
    assert all(name.startswith("Nat") for name in more), "production has a NAT gateway in each zone"
    assert not ours["Resources"].keys() - theirs["Resources"].keys()


def test_the_strategy_is_expressed() -> None:
    rolling = document(bundle(ALL["minimal"]()))
    [service] = of_type(rolling, "AWS::ECS::Service").values()
    deployment = service["Properties"]["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    canary = document(bundle(ALL["ecs_canary"]()))
    services = of_type(canary, "AWS::ECS::Service")
    assert sorted(services) == ["BlueServicePaymentsApi", "GreenServicePaymentsApi"]
    for service in services.values():
        alarms = service["Properties"]["DeploymentConfiguration"]["Alarms"]
        assert (alarms["Enable"], alarms["Rollback"], len(alarms["AlarmNames"])) == (True, True, 2)
        assert "DesiredCount" not in service["Properties"], "its number is autoscaling's"


def test_data_is_kept_and_the_stack_policy_says_so() -> None:
    files = bundle(ALL["shop_ecs_blue_green"]())
    found = document(files)
    kinds = (
        "AWS::RDS::DBInstance",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::KMS::Key",
        "AWS::ElastiCache::ReplicationGroup",
    )
    for kind in kinds:
        for name, item in of_type(found, kind).items():
            if not name.startswith("Missed"):
                assert item["DeletionPolicy"] == item["UpdateReplacePolicy"] != "Delete", name
    deny = json.loads(files[f"{PRODUCTION}/stack.json"].content)["StackPolicy"]["Statement"][1]
    names = {item.removeprefix("LogicalResourceId/") for item in deny["Resource"]}
    assert names == {"Key", "DatabaseDb", "CacheCache", "QueueOrders", "BucketUploads"}
    assert names <= found["Resources"].keys()


def test_secrets_are_arns_and_never_values() -> None:
    files = bundle(ALL["ecs_canary"]())
    found = document(files)
    names = json.loads(files[f"{PRODUCTION}/secrets.json"].content)
    assert sorted(names.values()) == ["payments-api-production-cache-auth-token", "payments/stripe-key"]
    for name in names:
        assert found["Parameters"][name]["AllowedPattern"].startswith("^arn:")
    [database] = of_type(found, "AWS::RDS::DBInstance").values()
    assert database["Properties"]["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in database["Properties"]


def test_the_pipelines_role_changes_things_through_cloudformation_only() -> None:
    role = document(bundle(ALL["shop_ecs_blue_green"]()))["Resources"]["DeployRole"]["Properties"]
    subject = role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"]
    assert subject["token.actions.githubusercontent.com:sub"].value == "repo:${Repository}:environment:production"
    release = next(item for item in role["Policies"] if item["PolicyName"] == "release")["PolicyDocument"]["Statement"]
    own = {"RunOnce", "TagRuns", "PassRoles"}
    for statement in release:
        if statement["Sid"] not in own:
            assert "aws:CalledVia" in statement["Condition"]["ForAnyValue:StringEquals"], statement["Sid"]
        assert statement["Resource"] != "*"
    assert "DeployRole" not in document(bundle(ALL["minimal"](), ci=None))["Resources"]


@pytest.mark.parametrize("name", ECS)
def test_before_the_first_release_nothing_runs(name: str) -> None:
    made = Made(bundle(ALL[name]())[f"{PRODUCTION}/template.yaml"].content, {})
    kinds = {item["Type"] for item in made.resources.values()}
    assert not kinds & {"AWS::ECS::Service", "AWS::ECS::TaskDefinition", "AWS::Scheduler::Schedule"}
    assert not [row for row in made.outputs() if row["OutputKey"].startswith(("Service", "Job", "Migration"))]


def test_text_is_data() -> None:
    spec = ALL["hostile_ecs"]()
    values = {item.value for service in spec.services for item in service.env}
    made = Made(
        bundle(spec)[f"{PRODUCTION}/template.yaml"].content,
        {"Live": "blue", "BlueRunning": "true"}
        | {f"BlueImage{logical(item.name)}": f"r/x@{examples.DIGEST}" for item in spec.services},
    )
    seen = {
        row["Value"]
        for item in made.resources.values()
        if item["Type"] == "AWS::ECS::TaskDefinition"
        for row in item["Properties"]["ContainerDefinitions"][0].get("Environment", ())
    }
    assert values <= seen


def with_service(**changes: Any) -> DeploymentSpec:
    spec = ALL["minimal"]()
    return spec.model_copy(update={"services": (spec.services[0].model_copy(update=changes),)})


def test_what_cloudformation_would_resolve_is_refused() -> None:
    word = "x {{resolve:secretsmanager:admin}} y"
    for changes in ({"env": (EnvVar(name="WORD", value=word),)}, {"command": (word,)}):
        with pytest.raises(UnsupportedError, match="dynamic reference"):
            bundle(with_service(**changes))


def test_what_it_refuses() -> None:
    for name, why in (("kubernetes_rolling", "makes nothing on gcp"), ("kubernetes_canary_eks", "clusters of EKS")):
        with pytest.raises(UnsupportedError, match=why) as caught:
            bundle(ALL[name]())
        assert "choose terraform" in caught.value.hint
    spec = ALL["minimal"]().model_copy(update={"strategy": ALL["ecs_canary"]().strategy})
    many = tuple(
        Service(name=f"s{number}", image=f"ghcr.io/acme/x@{examples.DIGEST}", port=8080) for number in range(30)
    )
    with pytest.raises(UnsupportedError, match="and CloudFormation takes 500") as caught:
        bundle(spec.model_copy(update={"services": many}))
    assert "choose terraform" in caught.value.hint


def test_different_names_are_different_ids() -> None:
    names = ["a", "a-b", "ab", "a-1", "a1", "a--b", "a-b-1", "a-b1"]
    assert len({logical(name) for name in names}) == len(names)
    assert all(logical(name).isalnum() for name in names)
    assert logical("blue-image", "payments-api") == "BlueImagePaymentsApi"
