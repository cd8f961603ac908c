"""deploy.sh for ECS over Pulumi, really run: against a stand-in for the Pulumi CLI, which can't be had here.

The stand-in keeps a stack with its outputs and refuses an update that is not the saved plan.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hug_agents.render.naming import PULUMI
from hug_agents.spec import DeploymentSpec
from tests import examples
from tests.render.orchestration.test_ecs import DIGEST, OLD, TERRAFORM, World, quick

STAND_IN = (
    TERRAFORM[TERRAFORM.index("def say") : TERRAFORM.index('if args[0] == "init"')]
    + """
def value(name): return args[args.index(name) + 1]
stacks = world / "stacks.json"
def record():
    text = pathlib.Path(value("--config-file")).read_text()
    return json.loads(next(l for l in text.splitlines() if l.startswith("release: "))[9:])
known = json.loads(stacks.read_text())
assert os.environ["PULUMI_BACKEND_URL"] == "s3://%s-pulumi-state-123456789012?region=eu-west-1&awssdk=v2" % os.environ["APP"]
if args[0] == "install": say("install")
elif args[:2] == ["stack", "ls"]: print(json.dumps([{"name": f"organization/{os.environ['APP']}/{n}"} for n in known]))
elif args[:2] == ["stack", "init"]:
    say("stack init " + args[2] + " " + value("--secrets-provider"))
    stacks.write_text(json.dumps(known + [args[2]]))
elif args[:2] == ["stack", "output"]:
    found = json.loads(state.read_text()) if state.exists() else {}
    print(json.dumps({k: v["value"] for k, v in found.items()}))
elif args[:2] == ["config", "set"]:
    assert args[2] == "release" and "--plaintext" in args, args
    path = pathlib.Path(value("--config-file"))
    path.write_text(path.read_text() + "release: " + sys.stdin.read().strip() + "\\n")
elif args[0] == "preview":
    assert os.environ["PULUMI_EXPERIMENTAL"] == "true"
    refresh = "--refresh" in args
    pathlib.Path(value("--save-plan")).write_text(json.dumps({"release": record(), "refresh": refresh}))
    extra = world / "foreign"
    urn = "urn:pulumi:s::p::app:components:Service$"
    steps = [{"op": "same", "urn": "urn:pulumi:s::p::pulumi:pulumi:Stack::p-s"}]
    if not (world / "nothing").exists(): steps.append({"op": "update", "urn": urn + "aws:ecs/service:Service::api"})
    steps += json.loads(extra.read_text()) if extra.exists() else []
    print(json.dumps({"steps": steps}))
elif args[0] == "up":
    plan = json.loads(pathlib.Path(value("--plan")).read_text())
    assert plan == {"release": record(), "refresh": "--refresh" in args}, "this is not what was planned"
    assert "--skip-preview" in args and "--yes" in args
    release = plan["release"]
    state.write_text(json.dumps(outputs(release)))
    slots = release["slots"]
    say("up " + " ".join(f"{k}={slots[k]['weight']}{'+' if slots[k]['running'] else '-'}" for k in sorted(slots))
        + f" live={release['live']} {release['status']}")
else: sys.exit(f"unexpected: {args}")
"""
)
HEAD = """
import json, os, pathlib, sys
world = pathlib.Path(os.environ["WORLD"])
assert sys.argv[1] == "--cwd" and sys.argv[2].endswith("infrastructure/pulumi")
args = [a for a in sys.argv[3:] if a not in ("--non-interactive", "--color", "never")]
state = world / "state.json"
"""


class Place(World):
    """A bundle's folder with deploy.sh in it, and a stand-in for pulumi on PATH."""

    def __init__(self, root: Path, spec: DeploymentSpec) -> None:
        super().__init__(root, spec)
        (root / "bin/terraform").unlink()
        (root / PULUMI).mkdir(parents=True)
        for environment in spec.environments:
            (root / PULUMI / f"Pulumi.{environment.name}.yaml").write_text("config: {}\n")
        application = f"import os\nos.environ['APP'] = {spec.application!r}\n"
        self._program(root / "bin/pulumi", f"#!{sys.executable} -IS\n{application}{HEAD}{STAND_IN}")
        self.put("stacks.json", json.dumps([item.name for item in spec.environments]))


@pytest.fixture
def canary(tmp_path: Path) -> Place:
    return Place(tmp_path, quick(examples.pulumi(examples.ecs_canary())))


def test_a_canary_moves_step_by_step(canary: Place) -> None:
    assert canary.run("rollout", "staging", canary.images(OLD)).code == 0
    done = canary.run("rollout", "staging", canary.images(DIGEST))
    assert done.code == 0, done.stderr
    assert [line for line in canary.log if line.startswith("up")] == [
        "up blue=0- green=100+ live=green moving",
        "up blue=0+ green=100+ live=green moving",
        "up blue=10+ green=90+ live=green moving",
        "up blue=50+ green=50+ live=green moving",
        "up blue=100+ green=0+ live=green moving",
        "up blue=100+ green=0+ live=blue done",
        "up blue=100+ green=0- live=blue done",
    ]
    assert (canary.root / PULUMI / "Pulumi.staging.yaml").read_text() == "config: {}\n"


def test_an_alarm_stops_it_and_a_rollback_moves_traffic_first(canary: Place) -> None:
    canary.run("rollout", "staging", canary.images(OLD))
    canary.put("alarms", "payments-api-blue-errors")
    failed = canary.run("rollout", "staging", canary.images(DIGEST))
    assert failed.code == 1
    assert "the alarm went off: payments-api-blue-errors" in failed.stderr
    back = canary.run("rollback", "staging")
    assert back.code == 0, back.stderr
    assert canary.log[1:] == [
        "up blue=0+ green=100+ live=green moving",
        "up blue=0- green=100+ live=green done",
        "smoke staging",
    ]


def test_a_release_changes_nothing_but_a_release(canary: Place) -> None:
    def changes(*steps: tuple[str, str]) -> str:
        return json.dumps([{"op": op, "urn": f"urn:pulumi:staging::p::{kind}::db"} for op, kind in steps])

    refused = [
        ("delete", "aws:rds/instance:Instance"),
        ("update", "pulumi:providers:aws"),
        ("create", "aws:lb/listenerRule:ListenerRule"),
    ]
    canary.put("foreign", changes(*refused))
    done = canary.run("rollout", "staging", canary.images(OLD))
    assert done.code == 1
    assert "more than a release" in done.stderr
    for op, kind in refused:
        assert f"  {op}  {kind}  db" in done.stderr
    assert "ecs" not in done.stderr.partition("infrastructure staging")[2]
    assert canary.log == ["install"]
    allowed = [
        ("update", "aws:lb/listenerRule:ListenerRule"),
        ("read", "aws:rds/instance:Instance"),
        ("delete-replaced", "aws:ecs/taskDefinition:TaskDefinition"),
    ]
    canary.put("foreign", changes(*allowed))
    assert canary.run("rollout", "staging", canary.images(OLD)).code == 0


def test_a_stack_is_made_by_an_administrator_only(canary: Place) -> None:
    canary.put("stacks.json", "[]")
    done = canary.run("rollout", "staging", canary.images(OLD))
    assert done.code == 1
    assert "deploy/deploy.sh infrastructure staging" in done.stderr
    assert canary.run("infrastructure", "staging", stdin="no\n").code == 1
    assert canary.log == ["install", "stack init staging awskms://alias/payments-api-pulumi-state?region=eu-west-1"]
    assert canary.run("infrastructure", "staging", stdin="staging\n").code == 0
    assert canary.log[-1] == "up blue=100- green=0- live=blue none"


def test_drift_is_seen_and_nothing_is_said_where_there_is_none(canary: Place) -> None:
    canary.run("rollout", "staging", canary.images(OLD))
    assert "update  aws:ecs/service:Service  api" in canary.run("plan", "staging").stdout
    canary.put("nothing", "")
    assert canary.run("plan", "staging").stdout == "No changes.\n"
    assert canary.log == ["install"]


def test_a_rolling_release_is_one_update_and_a_mark(tmp_path: Path) -> None:
    place = Place(tmp_path, examples.pulumi(examples.minimal()))
    script = tmp_path / "deploy/deploy.sh"
    script.write_text(script.read_text().replace("hold main 300", "hold main 0"))
    done = place.run("rollout", "staging", place.images(OLD))
    assert done.code == 0, done.stderr
    assert [line for line in place.log if line.startswith("up")] == [
        "up blue=0- green=100+ live=green moving",
        "up blue=0- green=100+ live=green done",
    ]
