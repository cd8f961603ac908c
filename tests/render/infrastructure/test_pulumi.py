"""The Pulumi program, declared under Pulumi's mocks: what it makes, and that data stays data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents.bundle import Bundle
from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.process import run
from hug_agents.render.infrastructure.pulumi import render
from hug_agents.render.infrastructure.python_source import Call, source
from hug_agents.render.naming import PULUMI, dependency_variables, log_group
from hug_agents.spec import Dependency, DeploymentSpec, Environment, EnvVar, ServiceOverride, Toolchain
from hug_agents.validate.gate import lay_out
from hug_agents.validate.pulumi import harness, read
from tests.examples import HOSTILE, ecs_canary, hostile, minimal, pulumi, shop_ecs_blue_green

need_sdk = pytest.mark.skipif(
    find_spec("pulumi_aws") is None, reason="pulumi, install with pip install 'hug-agents[pulumi]'"
)
Stacks = dict[str, list[dict[str, Any]]]


def bundle(spec: DeploymentSpec) -> Bundle:
    return Bundle(spec.digest(), render(plan(pulumi(spec))))


def declare(spec: DeploymentSpec, folder: Path) -> Stacks:
    """The resources of each stack; nothing may be wrong with them."""
    lay_out(bundle(spec), folder / "bundle")
    argv, answer = harness(folder / "bundle" / PULUMI, spec, folder)
    found = {}
    for stack in read(run(argv, cwd=folder, timeout=120), answer):
        assert stack["findings"] == []
        found[stack["stack"]] = stack["resources"]
    return found


def of(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [item["inputs"] for item in resources if item["type"] == kind]


def containers(resources: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in of(resources, "aws:ecs/taskDefinition:TaskDefinition"):
        yield from json.loads(task["containerDefinitions"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    return declare(shop_ecs_blue_green(), tmp_path_factory.mktemp("shop"))


@need_sdk
def test_both_versions_share_the_traffic_and_each_is_watched_by_itself(shop: Stacks) -> None:
    services = of(shop["production"], "aws:ecs/service:Service")
    assert sorted(item["name"] for item in services) == [
        "shop-production-api-blue",
        "shop-production-api-green",
        "shop-production-mailer",
        "shop-production-web-blue",
        "shop-production-web-green",
    ]
    for item in services:
        assert item["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
        if "mailer" not in item["name"]:
            assert item["alarms"]["alarmNames"] == [f"{item['name']}-errors", f"{item['name']}-unhealthy"]
    rules = of(shop["production"], "aws:lb/listenerRule:ListenerRule")
    shared = [rule["actions"][0]["forward"]["targetGroups"] for rule in rules if "forward" in rule["actions"][0]]
    assert [[group["weight"] for group in groups] for groups in shared] == [[90, 10], [90, 10]]
    priorities = [rule["priority"] for rule in rules]
    assert len(priorities) == len(set(priorities))


@need_sdk
def test_staging_has_the_shape_of_production(shop: Stacks) -> None:
    kinds = {
        stack: {item["type"] for item in resources} for stack, resources in shop.items() if stack != "shared_registry"
    }
    assert kinds["staging"] == kinds["production"]


@need_sdk
def test_names_are_those_that_the_other_files_use(shop: Stacks) -> None:
    spec = shop_ecs_blue_green()
    production = spec.environments[1]
    groups = {item["name"] for item in of(shop["production"], "aws:cloudwatch/logGroup:LogGroup")}
    assert {log_group(spec, production, item) for item in spec.services} <= groups
    told = {name for item in spec.dependencies for name in dependency_variables(item).values()}
    for container in containers(shop["production"]):
        names = {item["name"] for item in container["environment"]} | {item["name"] for item in container["secrets"]}
        assert names == told | {item.name for item in spec.service(container["name"]).env}


@need_sdk
def test_no_secret_is_in_the_program_and_the_one_in_the_state_is_marked(shop: Stacks) -> None:
    (cache,) = of(shop["production"], "aws:elasticache/replicationGroup:ReplicationGroup")
    mark = cache["authToken"]["4dabf18193072939515e22adb298388d"]
    assert mark == "1b47061264138c4ac30d75fd1eb44270"  # Pulumi's sign of a secret
    for container in containers(shop["production"]):
        for item in container["secrets"]:
            assert item["valueFrom"].startswith("arn:aws:secretsmanager:"), item


@need_sdk
def test_hostile_text_comes_out_as_data(tmp_path: Path) -> None:
    spec = hostile()
    stacks = declare(spec, tmp_path)
    (service,) = spec.services
    for stack in ("staging", "production"):
        for container in containers(stacks[stack]):
            told = {item["name"]: item["value"] for item in container["environment"]}
            assert told["MOTD"] == HOSTILE
            assert told["LONG"] == service.env[1].value
            assert tuple(container["command"]) in (service.command, service.migrate_command)


@need_sdk
def test_an_override_is_the_environments_own(tmp_path: Path) -> None:
    # `secure` alone in a map is what Pulumi takes for an encrypted value.
    place = (
        minimal()
        .environments[0]
        .model_copy(
            update={"overrides": (ServiceOverride(service="hello", env=(EnvVar(name="secure", value=HOSTILE),)),)}
        )
    )
    spec = minimal().model_copy(update={"environments": (place, minimal().environments[1])})
    stacks = declare(spec, tmp_path)
    (staging,) = {json.dumps(item["environment"]) for item in containers(stacks[place.name])}
    assert json.loads(staging) == [{"name": "secure", "value": HOSTILE}]
    (production,) = {json.dumps(item["environment"]) for item in containers(stacks["production"])}
    assert production == "[]"


@need_sdk
def test_a_name_of_one_thing_is_never_that_of_another(tmp_path: Path) -> None:
    """Names that a resource would have in common if they were put together carelessly."""
    spec = ecs_canary()
    (service,) = spec.services
    names = ("a", "a-migration", "a-from-b", "queue", "network")
    spec = spec.model_copy(
        update={
            "application": "a",
            "services": tuple(service.model_copy(update={"name": name}) for name in names),
            "dependencies": tuple(Dependency(name=name, kind="postgres") for name in ("a", "a-from-a", "network"))
            + tuple(Dependency(name=name, kind="queue", managed=False) for name in ("sql", "settings")),
            "smoke_tests": (),
            "environments": (Environment(name="registry", role="production", cloud="aws"),),
            "repository": None,
        }
    )
    stacks = declare(spec, tmp_path)
    ingress = of(stacks["registry"], "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert len([item for item in ingress if item.get("fromPort") == 5432]) == 3 * 2 * len(names)


def watched(spec: DeploymentSpec, ci: str) -> DeploymentSpec:
    """The same by another CI system, with Datadog's Agent beside the services."""
    return spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"ci": ci, "monitors": ("datadog",)})})


@pytest.mark.parametrize(
    "spec",
    [
        minimal(),
        ecs_canary(),
        shop_ecs_blue_green(),
        watched(minimal(), "circleci"),
        watched(ecs_canary(), "gitlab_ci"),
        watched(shop_ecs_blue_green(), "jenkins"),
    ],
    ids=lambda item: f"{item.application} {item.toolchain.ci}",
)
def test_the_program_is_laid_out_as_its_community_does(spec: DeploymentSpec, tmp_path: Path) -> None:
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("ruff, install with pip install ruff")
    lay_out(bundle(spec), tmp_path / "bundle")
    folder = tmp_path / "bundle" / PULUMI
    for argv in (
        ["format", "--diff"],
        ["check", "--select", "E,F,W,I,UP,B,RUF,SIM,C4,PIE,RET", "--ignore", "E501"],
    ):
        command = [ruff, argv[0], "--isolated", "--no-cache", "--line-length", "120", *argv[1:], "."]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@need_sdk
@pytest.mark.nightly
def test_every_argument_fits_its_type(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    lay_out(bundle(shop_ecs_blue_green()), tmp_path / "bundle")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", sys.executable, "__main__.py"]
    done = subprocess.run(
        command, cwd=tmp_path / "bundle" / PULUMI, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout


def test_the_stack_files_hold_what_differs_and_no_secret() -> None:
    files = bundle(ecs_canary())
    config = yaml.safe_load(files[f"{PULUMI}/Pulumi.production.yaml"].content)["config"]
    assert config["aws:allowedAccountIds"] == ["222222222222"]
    assert config["payments-api:production"] is True
    assert "stripe" not in files[f"{PULUMI}/Pulumi.production.yaml"].content.lower()
    requirements = files[f"{PULUMI}/requirements.txt"].content.splitlines()
    assert all("==" in line for line in requirements)


def test_kubernetes_is_refused_with_what_works() -> None:
    spec = minimal().model_copy(update={"toolchain": Toolchain(iac="pulumi", runtime="kubernetes")})
    with pytest.raises(UnsupportedError, match="Pulumi is written for the runtime ecs") as caught:
        list(render(plan(spec)))
    assert "terraform" in str(caught.value.hint)


def test_values_are_written_as_python_reads_them() -> None:
    value = {"text": HOSTILE, "none": None, "list": ["a" * 70, "b" * 70], "one": ("x",), "call": Call("dict", a=1.5)}
    written = source(value)
    assert eval(written, {"dict": dict}) == {**value, "call": {"a": 1.5}}
    assert max(len(line) for line in source({"a" * 50: ["b" * 50, "c" * 50]}).splitlines()) <= 120
