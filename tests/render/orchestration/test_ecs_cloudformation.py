"""deploy.sh for ECS with CloudFormation, really run: the rendered template, its parameters, conditions and outputs are worked out
by a stand-in for `aws` (fake_cloudformation.py), since AWS can't be had here. What is asserted: the order of what happens, and
the record that is left.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from hug_agents.planning import plan
from hug_agents.process import Completed, run
from hug_agents.render.infrastructure import cloudformation
from hug_agents.render.orchestration import ecs
from hug_agents.spec import DeploymentSpec
from tests import examples
from tests.render.orchestration.test_ecs import DIGEST, OLD, SMOKE, quick

HERE = Path(__file__).parent


class World:
    """A bundle's folder with deploy.sh and templates in it, and stand-ins on PATH."""

    def __init__(self, root: Path, spec: DeploymentSpec) -> None:
        self.root = root
        self.spec = spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"iac": "cloudformation"})})
        blueprint = plan(self.spec)
        for artifact in (*ecs.render(blueprint), *cloudformation.render(blueprint)):
            path = root / artifact.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(artifact.content.replace("hold main 300", "hold main 0"))
        (root / "deploy/smoke.sh").write_text(SMOKE)
        (root / "deploy/smoke.sh").chmod(0o755)
        (root / "bin").mkdir()
        program = f'#!/bin/sh\nexec {sys.executable} -I -S "{HERE / "fake_cloudformation.py"}" "$@"\n'
        (root / "bin/aws").write_text(program)
        (root / "bin/aws").chmod(0o755)

    def copy(self, root: Path) -> World:
        """The same, in another folder."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        copied = object.__new__(World)
        copied.root, copied.spec = root, self.spec
        return copied

    def know(self, name: str, value: str) -> None:
        """A person writes a parameter that the template has into stack.json."""
        folder = self.root / "infrastructure/cloudformation/environments/staging"
        if f"\n  {name}:\n" in (folder / "template.yaml").read_text():
            said = json.loads((folder / "stack.json").read_text())
            said["Parameters"][name] = value
            (folder / "stack.json").write_text(json.dumps(said))

    def put(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def drop(self, name: str) -> None:
        (self.root / name).unlink()

    def images(self, digest: str) -> str:
        path = self.root / f"images-{digest[-4:]}.json"
        images = {item.name: f"registry.example.com/{item.name}@{digest}" for item in self.spec.services}
        path.write_text(json.dumps(images))
        return str(path)

    def run(self, *arguments: str, stdin: str = "") -> Completed:
        self.put("log", "")
        environment = {
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "WORLD": str(self.root),
            "DEPLOY_POLL_SECONDS": "0",
            "REPOSITORY": "acme/hello",
        }
        script = str(self.root / "deploy/deploy.sh")
        return run(["bash", script, *arguments], cwd=self.root, env=environment, stdin=stdin, timeout=120)

    def made(self) -> World:
        """The infrastructure is there."""
        self.know("DnsZoneId", "Z0123456789ABC")
        done = self.run("infrastructure", "staging", stdin="staging\n")
        assert done.code == 0, done.output
        return self

    @property
    def log(self) -> list[str]:
        return (self.root / "log").read_text().splitlines()

    @property
    def stack(self) -> dict[str, Any]:
        return json.loads((self.root / "stack.json").read_text())  # type: ignore[no-any-return]

    @property
    def parameters(self) -> dict[str, str]:
        return self.stack["parameters"]  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def _tools() -> None:
    for tool in ("bash", "jq", "curl", "sha256sum"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: install with apt-get install {tool}")


@pytest.fixture(scope="module")
def first_canary(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("canary"), quick(examples.ecs_canary())).made()


@pytest.fixture(scope="module")
def first_rolling(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("rolling"), quick(examples.minimal())).made()


@pytest.fixture(scope="module")
def first_release(first_rolling: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = first_rolling.copy(tmp_path_factory.mktemp("release"))
    assert world.run("rollout", "staging", world.images(OLD)).code == 0
    return world


@pytest.fixture
def canary(first_canary: World, tmp_path: Path) -> World:
    return first_canary.copy(tmp_path)


@pytest.fixture
def rolling(first_rolling: World, tmp_path: Path) -> World:
    """Nothing is released yet."""
    return first_rolling.copy(tmp_path)


@pytest.fixture
def released(first_release: World, tmp_path: Path) -> World:
    """One version is."""
    return first_release.copy(tmp_path)


def steps(world: World) -> list[str]:
    return [line for line in world.log if line.startswith(("execute", "taken"))]


def test_a_canary_moves_step_by_step_and_keeps_the_old_version_on_record(canary: World) -> None:
    assert canary.log == ["execute blue=100- green=0- live=blue none", "policy Deny", "protected"]
    kinds = [item["Type"] for item in canary.stack["resources"].values()]
    assert "AWS::ECS::Service" not in kinds, "nothing runs before the first release"
    first = canary.run("rollout", "staging", canary.images(OLD))
    assert first.code == 0, first.output
    assert canary.log == [
        "execute blue=100- green=0- live=blue moving",
        "run-task arn:td/JobTaskMigrationOfPaymentsApi/cdcdcdcd",
        "execute blue=100- green=0+ live=blue moving",
        "smoke staging green",
        "execute blue=0- green=100+ live=blue moving",
        "alarms payments-api-staging-payments-api-green-errors payments-api-staging-payments-api-green-slow "
        "payments-api-staging-payments-api-green-unhealthy",
        "smoke staging",
        "execute blue=0- green=100+ live=green done",
    ]
    second = canary.run("rollout", "staging", canary.images(DIGEST))
    assert second.code == 0, second.output
    assert steps(canary) == [
        "execute blue=0- green=100+ live=green moving",
        "execute blue=0+ green=100+ live=green moving",
        "execute blue=10+ green=90+ live=green moving",
        "execute blue=50+ green=50+ live=green moving",
        "execute blue=100+ green=0+ live=green moving",
        "execute blue=100+ green=0+ live=blue done",
        "execute blue=100+ green=0- live=blue done",
    ]
    assert canary.parameters["GreenImagePaymentsApi"].endswith(OLD)
    assert canary.parameters["Previous"] == "green"
    names = [name for name, item in canary.stack["resources"].items() if item["Type"] == "AWS::ECS::Service"]
    assert names == ["BlueServicePaymentsApi"]
    rule = canary.stack["resources"]["RulePaymentsApi"]["Properties"]["Actions"][0]["ForwardConfig"]["TargetGroups"]
    assert [group["Weight"] for group in rule] == ["100", "0"]

    status = canary.run("status", "staging")
    assert "blue\tlive\t100 %\tpayments-api\tregistry.example.com/payments-api@sha256:abab" in status.stdout


def test_an_alarm_stops_the_canary_and_a_rollback_moves_traffic_first(canary: World) -> None:
    assert canary.run("rollout", "staging", canary.images(OLD)).code == 0
    canary.put("alarms", "payments-api-staging-payments-api-blue-errors")
    failed = canary.run("rollout", "staging", canary.images(DIGEST))
    assert failed.code == 1
    assert "the alarm went off: payments-api-staging-payments-api-blue-errors" in failed.stderr
    assert steps(canary)[-1] == "execute blue=10+ green=90+ live=green moving"
    back = canary.run("rollback", "staging")
    assert back.code == 0, back.output
    assert steps(canary) == [
        "execute blue=0+ green=100+ live=green moving",
        "execute blue=0- green=100+ live=green done",
    ]
    assert canary.parameters["BlueImagePaymentsApi"] == ""


def test_a_step_that_cloudformation_takes_back(released: World) -> None:
    before = released.parameters
    released.put("fail-execute", "moving")
    failed = released.run("rollout", "staging", released.images(DIGEST))
    assert failed.code == 1
    assert "CloudFormation says UPDATE_ROLLBACK_COMPLETE" in failed.stderr
    assert "MainService: circuit breaker" in failed.stderr
    assert released.parameters == before, "the record is taken back with the rest"
    released.drop("fail-execute")
    assert released.run("rollout", "staging", released.images(DIGEST)).code == 0


def test_rolling_replaces_the_tasks_and_goes_back(released: World) -> None:
    assert released.run("rollout", "staging", released.images(DIGEST)).code == 0
    image = released.stack["resources"]["MainTaskHello"]["Properties"]["ContainerDefinitions"][0]["Image"]
    assert image.endswith(DIGEST)
    assert released.run("rollback", "staging").code == 0
    image = released.stack["resources"]["MainTaskHello"]["Properties"]["ContainerDefinitions"][0]["Image"]
    assert image.endswith(OLD)
    nothing = released.run("rollback", "staging")
    assert (nothing.code, "there is no version before" in nothing.stderr) == (1, True)


def test_ecs_took_it_back_by_itself(rolling: World) -> None:
    rolling.put("taken-back", "yes")
    failed = rolling.run("rollout", "staging", rolling.images(OLD))
    assert (failed.code, "ECS does not run" in failed.stderr) == (1, True)


def test_a_rollback_of_an_update_that_was_cut_off(released: World) -> None:
    released.put("stack.json", json.dumps({**released.stack, "status": "UPDATE_IN_PROGRESS"}))
    busy = released.run("rollout", "staging", released.images(DIGEST))
    assert (busy.code, "no change set could be made" in busy.stderr) == (1, True)
    back = released.run("rollback", "staging")
    assert (released.log, "there is no version before" in back.stderr) == (["cancel"], True)
    released.put("stack.json", json.dumps({**released.stack, "status": "UPDATE_ROLLBACK_FAILED"}))
    released.run("rollback", "staging")
    assert released.log == ["continue"]


def test_more_than_a_release_is_an_administrators(rolling: World) -> None:
    template = rolling.root / "infrastructure/cloudformation/environments/staging/template.yaml"
    template.write_text(template.read_text().replace("EnableKeyRotation: true", "EnableKeyRotation: false"))
    failed = rolling.run("rollout", "staging", rolling.images(OLD))
    assert failed.code == 1
    assert "this is more than a release" in failed.stderr
    assert "modify  Key (AWS::KMS::Key)" in failed.stderr
    assert steps(rolling) == []
    shown = rolling.run("plan", "staging")
    assert "modify\tKey\tAWS::KMS::Key" in shown.stdout
    refused = rolling.run("infrastructure", "staging", stdin="no\n")
    assert (refused.code, steps(rolling)) == (1, [])
    assert rolling.run("infrastructure", "staging", stdin="staging\n").code == 0
    assert rolling.run("plan", "staging").stdout == "No changes.\n"
    executed = [path for path in rolling.root.glob("set-*") if json.loads(path.read_text())["serial"] == 0]
    assert len(list(rolling.root.glob("set-*"))) == len(executed) + 1, (
        "a change set that is not carried out does not stay"
    )


def test_another_run_was_quicker(released: World) -> None:
    program = released.root / "bin/aws"
    # between our change set and its execution another run changes the stack
    sed = 's/"serial": [0-9]*/"serial": 77/'
    meanwhile = f"[ $2 != execute-change-set ] || sed -i '{sed}' $WORLD/stack.json\nexec "
    program.write_text(program.read_text().replace("exec ", meanwhile, 1))
    failed = released.run("rollout", "staging", released.images(DIGEST))
    assert (failed.code, "perhaps another run was quicker" in failed.stderr) == (1, True)
    assert steps(released) == []


def test_what_must_be_there_first(tmp_path: Path) -> None:
    world = World(tmp_path, quick(examples.ecs_canary()))
    none = world.run("rollout", "staging", world.images(OLD))
    assert (none.code, "an administrator first runs" in none.stderr) == (1, True)
    world.put("missing", "payments/stripe-key")
    failed = world.run("infrastructure", "staging", stdin="staging\n")
    assert (failed.code, "the secret payments/stripe-key is not in Secrets Manager" in failed.stderr) == (1, True)
    world.drop("missing")
    failed = world.run("infrastructure", "staging", stdin="staging\n")
    assert (failed.code, "[DnsZoneId] must have values" in failed.stderr) == (1, True)
    world.know("DnsZoneId", "Z0123456789ABC")
    assert world.run("infrastructure", "staging", stdin="staging\n").code == 0


def test_tasks_that_never_come(rolling: World) -> None:
    script = rolling.root / "deploy/deploy.sh"
    script.write_text(script.read_text().replace("SECONDS + 900", "SECONDS + 1"))
    rolling.put("running", "1")
    failed = rolling.run("rollout", "staging", rolling.images(OLD))
    assert (failed.code, "1 of 2 tasks of hello-staging-hello run" in failed.stderr) == (1, True)


def test_drift(rolling: World) -> None:
    good = rolling.run("drift", "staging")
    assert (good.code, good.stdout.endswith("no change\n")) == (0, True)
    row = {
        "LogicalResourceId": "MainServiceHello",
        "ResourceType": "AWS::ECS::Service",
        "StackResourceDriftStatus": "MODIFIED",
    }
    rolling.put("drifts", json.dumps([{**row, "PropertyDifferences": [{"PropertyPath": "/DesiredCount"}]}]))
    assert rolling.run("drift", "staging").code == 0, "autoscaling's work is no drift"
    rolling.put("drifts", json.dumps([{**row, "PropertyDifferences": [{"PropertyPath": "/PlatformVersion"}]}]))
    bad = rolling.run("drift", "staging")
    assert (bad.code, "modified\tMainServiceHello\tAWS::ECS::Service\t/PlatformVersion" in bad.stdout) == (1, True)
    rolling.put("detection", "DETECTION_FAILED")
    failed = rolling.run("drift", "staging")
    assert (failed.code, "the detection of drift failed: why not" in failed.stderr) == (1, True)
