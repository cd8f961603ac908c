"""CircleCI's configuration: judged by the schema and by its references, its shell by shellcheck and by running it."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents.bundle import Artifact, Bundle
from hug_agents.planning import plan
from hug_agents.process import find, run
from hug_agents.render.pipelines import circleci
from hug_agents.render.pipelines.circleci_syntax import timetable
from hug_agents.render.pipelines.schedule import drill_cron
from hug_agents.spec import DeploymentSpec
from hug_agents.validate import run_gates
from hug_agents.validate.policy.circleci import read
from hug_agents.validate.policy.cron import longest_gap_days
from tests.ci.circleci import _filled
from tests.ci.description import TIMETABLE
from tests.described import problems
from tests.render.pipelines.test_github_actions import SPECS, toolchain
from tests.render.pipelines.test_jenkins import bash

SPECS = {name: toolchain(spec, ci="circleci") for name, spec in SPECS.items()}
TYPICAL = ("ecs_canary", "kubernetes_rolling", "kubernetes_canary_eks", "hostile", "four environments")


def rendered(spec: DeploymentSpec) -> dict[str, Artifact]:
    return {item.path: item for item in circleci.render(plan(spec))}


@cache
def config(name: str) -> dict[str, Any]:
    """For reading only."""
    found: dict[str, Any] = yaml.load(rendered(SPECS[name])[circleci.CONFIG].content, yaml.CSafeLoader)
    return found


def steps(name: str, job: str) -> dict[str, dict[str, Any]]:
    """The `run` steps of a job by their names, as CircleCI reads them."""
    rows = config(name)["jobs"][job]["steps"]
    return {row["run"]["name"]: _filled(row["run"], {}) for row in rows if isinstance(row, dict) and "run" in row}


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_checks_have_nothing_to_say(name: str) -> None:
    blueprint = plan(SPECS[name])
    bundle = Bundle(SPECS[name].digest(), list(circleci.render(blueprint)))
    schema = ["check-jsonschema"] if name in ("ecs_canary", "hostile") else []
    results = run_gates(bundle, blueprint, only=["circleci references", "well-formed", *schema])
    assert [item for result in results for item in result.findings] == []
    assert {result.name for result in results if result.status == "passed"} >= {"circleci references", "well-formed"}


@pytest.mark.parametrize("name", TYPICAL)
def test_shellcheck_has_nothing_against_any_script(name: str, tmp_path: Path) -> None:
    if find("shellcheck") is None:
        pytest.skip("shellcheck is not installed: install with pip install 'hug-agents[gates]'")
    found = config(name)
    rows = [row for body in (*found["jobs"].values(), *found["commands"].values()) for row in body["steps"]]
    texts = [_filled(row["run"], {})["command"] for row in rows if isinstance(row, dict) and "run" in row]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.sh").write_text(f"#!/bin/bash\nset -eo pipefail\n{text}\n")
    # SC2154: what a context or a step's environment gives.
    done = run(
        ["shellcheck", "--severity=warning", "--exclude=SC2154", *(f"{number}.sh" for number in range(len(texts)))],
        cwd=tmp_path,
        timeout=60,
    )
    assert done.code == 0, done.output[-3000:]


@pytest.mark.parametrize("name", sorted(SPECS))
def test_no_value_stands_in_a_script_and_no_here_string(name: str) -> None:
    for body in (*config(name)["jobs"].values(), *config(name)["commands"].values()):
        for row in body["steps"]:
            if isinstance(row, dict) and "run" in row:
                assert "<<" not in row["run"]["command"], row["run"]["name"]


@pytest.mark.parametrize("name", sorted(SPECS))
def test_credentials_are_contexts_and_verify_has_none(name: str) -> None:
    found = config(name)
    page = rendered(SPECS[name])[".circleci/DEPLOYMENT.md"].content
    for workflow, body in found["workflows"].items():
        for row in body["jobs"]:
            key, said = next(iter(row.items())) if isinstance(row, dict) else (row, {})
            contexts = (said or {}).get("context", [])
            if workflow == "verify":
                assert contexts == []
            elif key.startswith(("deploy-", "rollback-", "drift-", "drill")):
                place = key.partition("-")[2] or contexts[0].rpartition("-")[2]
                assert len(contexts) == 1
                assert contexts[0].endswith(place)
            for item in contexts:
                assert f"`{item}`" in page or "aws" not in json.dumps(found["jobs"][key])


def test_production_is_held_and_alone_only_for_a_governed_release() -> None:
    found = config("four environments")["workflows"]
    chain = [next(iter(row)) for row in found["deploy"]["jobs"] if isinstance(row, dict)]
    assert [item for item in chain if item.startswith(("deploy", "approve"))] == [
        "deploy-dev", "deploy-qa", "approve-prod-eu", "deploy-prod-eu", "approve-prod-us", "deploy-prod-us",
    ]  # fmt: skip
    bundle = Bundle(SPECS["four environments"].digest(), list(rendered(SPECS["four environments"]).values()))
    governed = {next(iter(item.jobs.values())).file: item for item in read(bundle)}
    assert governed
    alone = [item for item in read(bundle) if item.governed]
    assert [[job for job in item.jobs if job.startswith("deploy-")] for item in alone] == [
        ["deploy-prod-eu"],
        ["deploy-prod-us"],
    ]


def test_a_rollback_is_never_held_up() -> None:
    found = config("four environments")["workflows"]
    for name, body in found.items():
        if name.startswith("rollback-"):
            assert [next(iter(row)) for row in body["jobs"]] == ["begin", name]
            assert body["jobs"][1][name]["serial-group"].endswith(f"/{name}"), "another group than the deployment's"


def test_hostile_text_is_data(tmp_path: Path) -> None:
    spec = SPECS["hostile"]
    build = spec.services[0].build
    assert build is not None
    assert build.stack is not None
    test = steps("hostile", "test-api")["Test"]
    assert test["environment"]["COMMAND"] == build.stack.test_command
    assert test["working_directory"] == build.context
    image = config("hostile")["jobs"]["build-api"]["environment"]
    assert (_filled(image["CONTEXT"], {}), _filled(image["DOCKERFILE"], {})) == (build.context, build.dockerfile)
    seen = tmp_path / "seen"
    done = bash(
        test["command"], tmp_path, {"uv": f'printf "%s" "$6" >"{seen}"'}, COMMAND=test["environment"]["COMMAND"]
    )
    assert done.code == 0
    assert seen.read_text() == build.stack.test_command


def test_images_of_another_pipeline_are_proven_by_their_checksum(tmp_path: Path) -> None:
    step = steps("ecs_canary", "images")["One file for all"]
    (tmp_path / "images.json").write_text("{}\n")
    good = "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"
    for checksum, code in ((good, 0), ("0" * 64, 1), ("", 1)):
        done = bash(f"set -e\n{step['command']}", tmp_path, {}, GIVEN="{}", IMAGES_OF="p", IMAGES_SHA256=checksum)
        assert (done.code == 0) is (code == 0), done.output
    (tmp_path / "images.json").unlink()
    done = bash(f"set -e\n{step['command']}", tmp_path, {}, GIVEN="{}", IMAGES_OF="p", IMAGES_SHA256=good)
    assert "no longer" in done.output


@pytest.mark.parametrize(
    ("trigger", "correlation", "message", "halts"),
    [
        ("webhook", "none", "Deploy\n\nHug-Order: x", True),
        ("webhook", "none", "a feature", False),
        ("explicit", "none", "Deploy\n\nHug-Order: x", False),
        ("api", "abc-r1", "Deploy\n\nHug-Order: x", False),
    ],
)
def test_a_push_for_an_order_does_nothing(
    trigger: str, correlation: str, message: str, halts: bool, tmp_path: Path
) -> None:
    rows = config("ecs_canary")["commands"]["begin"]["steps"]
    step = _filled(rows[1]["run"], {})
    programs = {
        "git": f"printf '%s\\n' {message!r}" if "\n" not in message else f"printf {message!r}",
        "circleci-agent": "touch halted",
    }
    env = {"TRIGGER": trigger, "CORRELATION": correlation, "CIRCLE_SHA1": "abc", "ONLY_NEW": "0"}
    done = bash(f"set -eo pipefail\n{step['command']}", tmp_path, programs, **env)
    assert done.code == 0, done.output
    assert (tmp_path / "halted").exists() is halts


@pytest.mark.parametrize("days", [1, 2, 7, 14, 17, 30, 45, 61, 91, 123, 184, 365])
def test_schedules_are_what_the_api_takes_and_not_rarer_than_asked(days: int) -> None:
    spec = SPECS["ecs_canary"].model_copy(update={"drill_every_days": days})
    files = rendered(spec)
    schedule = json.loads(files[".circleci/schedules.json"].content)["drill"]
    assert problems(TIMETABLE, schedule["timetable"]) == []
    assert schedule["timetable"] == timetable(drill_cron(days)[0])
    assert schedule["parameters"] == {"branch": "main", "action": "drill"}
    (pipeline,) = (item for item in read(Bundle(spec.digest(), list(files.values()))) if "drill" in item.jobs)
    (cron, _), *_ = pipeline.crons
    assert longest_gap_days(cron) <= days + (1 if days >= 30 else 0) + (1 if days == 91 else 0)


def test_packages_are_cached_by_what_names_them() -> None:
    def keys(name: str) -> list[str]:
        return re.findall(r'checksum "([^"]+)"', rendered(SPECS[name])[circleci.CONFIG].content)

    assert set(keys("ecs_canary")) == {"requirements.txt"}
    assert set(keys("uv")) == {"uv.lock"}
    assert set(keys("shop_ecs_blue_green")) == {"web/pnpm-lock.yaml", "api/go.mod"}
    assert keys("hostile") == [], "a file name that is no plain path goes by no cache"


def test_the_same_spec_gives_the_same_bytes() -> None:
    for spec in SPECS.values():
        again = DeploymentSpec.model_validate_json(spec.model_dump_json())
        assert {path: item.sha256 for path, item in rendered(spec).items()} == {
            path: item.sha256 for path, item in rendered(again).items()
        }
