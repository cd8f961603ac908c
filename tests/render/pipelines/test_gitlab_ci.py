"""GitLab pipelines, judged by the schema and by gitlab-ci-local, which also runs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents import facts
from hug_agents.bundle import Artifact, Bundle
from hug_agents.planning import plan
from hug_agents.process import Completed, run
from hug_agents.render.pipelines import gitlab_ci
from hug_agents.spec import DeploymentSpec, Window
from hug_agents.validate import run_gates
from tests.examples import ecs_canary, kubernetes_rolling, shop_ecs_blue_green
from tests.render.pipelines.test_github_actions import SPECS as GITHUB
from tests.render.pipelines.test_github_actions import toolchain

SPECS = {name: toolchain(spec, ci="gitlab_ci") for name, spec in GITHUB.items()}


def rendered(spec: DeploymentSpec) -> dict[str, Artifact]:
    return {item.path: item for item in gitlab_ci.render(plan(spec))}


def documents(item: Artifact) -> list[dict[str, Any]]:
    return list(yaml.load_all(item.content, yaml.CSafeLoader))


def jobs(spec: DeploymentSpec) -> dict[str, dict[str, Any]]:
    """Every job of every file, by its name."""
    found: dict[str, dict[str, Any]] = {}
    for path, item in rendered(spec).items():
        if path.endswith(".yml") and path != ".gitlab-ci.yml":
            for name, job in documents(item)[-1].items():
                assert name not in found, "one name, one job: the files are merged"
                found[name] = job
    return {name: job for name, job in found.items() if not name.startswith(".")}


def gate(name: str, spec: DeploymentSpec) -> tuple[Any, ...]:
    bundle = Bundle(spec.digest(), rendered(spec).values())
    (result,) = run_gates(bundle, plan(spec), only=[name])
    if result.status == "skipped":
        pytest.skip(result.reason)
    assert result.status == "passed", result.findings
    return tuple(result.findings)


@pytest.mark.parametrize(
    "name", ["a registry with a port", "ecs_canary", "four environments", "hostile", "kubernetes_canary_eks", "minimal"]
)
def test_the_schema_and_shellcheck_have_nothing_to_say(name: str) -> None:
    assert gate("check-jsonschema", SPECS[name]) == ()
    assert [item for item in gate("shellcheck", SPECS[name]) if item.severity != "info"] == []


@pytest.mark.parametrize("name", ["four environments", "hostile"])
def test_gitlab_ci_local_reads_every_pipeline(name: str) -> None:
    assert gate("gitlab-ci-local", SPECS[name]) == ()


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_job_is_bounded_and_pinned(name: str) -> None:
    root = documents(rendered(SPECS[name])[".gitlab-ci.yml"])[1]
    assert root["default"]["retry"]["when"] == ["runner_system_failure", "scheduler_failure", "api_failure"]
    for job_name, job in jobs(SPECS[name]).items():
        minutes = int(job.get("timeout", root["default"]["timeout"]).split()[0])
        assert 0 < minutes <= 180, job_name
        images = [job.get("image", root["default"]["image"]), *(item["name"] for item in job.get("services", ()))]
        for image in images:
            tag, _, digest = image.partition("@")
            assert facts.image(tag) == f"{tag}@{digest}"
        assert all(isinstance(line, str) for line in (*job["script"], *job.get("after_script", ())))
        if "environment" in job:
            assert job["resource_group"] == job["environment"]["name"], "one change of an environment at a time"
            assert not job.get("interruptible", False)
            assert "on_stop" not in job["environment"]
        else:
            assert "deploy/deploy.sh" not in " ".join(job["script"]), job_name


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_merge_request_holds_no_credential(name: str) -> None:
    verify = documents(rendered(SPECS[name])[".gitlab/ci/verify.yml"])[0]
    assert verify.pop(".verify") == {"stage": "verify", "interruptible": True}
    for job in verify.values():
        assert not job.keys() & {"id_tokens", "environment", "secrets"}
        assert "--push" not in " ".join(job["script"])


@pytest.mark.parametrize("name", sorted(SPECS))
def test_production_comes_last_started_by_hand_and_what_fails_is_undone(name: str) -> None:
    spec, found = SPECS[name], jobs(SPECS[name])
    chain = [job for job in found if job.startswith("deploy-")]
    roles = {item.name: item.role for item in spec.environments}
    order = [roles[job.removeprefix("deploy-")] == "production" for job in chain]
    assert order == sorted(order)
    assert len(chain) == len(roles)
    for before, job in zip([None, *chain], chain, strict=False):
        names = [item if isinstance(item, str) else item["job"] for item in found[job]["needs"]]
        assert names == ["images", before][: 2 if before else 1]
        assert found[job]["retry"] == 0
        place = job.removeprefix("deploy-")
        assert found[job]["environment"]["deployment_tier"] == roles[place]
        assert found[job]["rules"][0].get("when") == ("manual" if roles[place] == "production" else None)
        undo = found[f"undo-{place}"]
        assert undo["needs"] == [job]
        assert [rule["when"] for rule in undo["rules"]] == ["on_failure"]
        assert undo["environment"]["action"] == "access", "an approval of a deployment does not hold up its undoing"


def test_hostile_text_is_data() -> None:
    """What stands in a script is one word of its shell; files that it reaches are not interpolated."""
    spec = SPECS["hostile"]
    build = spec.services[0].build
    assert build is not None
    assert build.stack is not None
    for path in (".gitlab/ci/verify.yml", ".gitlab/ci/build.yml"):
        assert not re.search(r"^spec:", rendered(spec)[path].content, re.MULTILINE), "GitLab puts no input in there"
    found = jobs(spec)
    for name, words in (
        ("test-api", ["uv", "run", "bash", "-euo", "pipefail", "-c", build.stack.test_command]),
        ("image-api", ["docker", "buildx", "build", "--file", build.dockerfile, build.context]),
    ):
        line = found[name]["script"][-1]
        program = words[0]
        printed = run(
            ["bash", "-c", f"{program}() {{ printf '%s\\0' {program} \"$@\"; }}; {line}"], cwd=Path("/"), timeout=20
        )
        assert printed.stdout.split("\0")[:-1] == words, printed.output


@pytest.mark.parametrize(
    ("name", "image", "lines"),
    [
        ("ecs_canary", "python:3.12", ["python -m pip install --requirement requirements.txt",
                                       "python -m pip install pytest", "pytest"]),
        ("uv", "python:3.13", ["python -m pip install uv", "uv sync --locked", "uv run pytest -q"]),
        ("yarn", "node:22", ["cd w", "corepack enable", "yarn install --frozen-lockfile", "yarn test"]),
        ("gradle", "eclipse-temurin:21", ["./gradlew check"]),
        ("go without a version", "golang:1.25", ["cd 'cmd/a b'", "go test ./..."]),
        ("kubernetes_rolling", "maven:3.9", [". .gitlab/ci/steps.sh", "need mvn", "mvn -B verify"]),
    ],
)  # fmt: skip
def test_tests_run_as_the_stack_runs_them(name: str, image: str, lines: list[str]) -> None:
    job = next(job for job_name, job in jobs(SPECS[name]).items() if job_name.startswith("test-"))
    assert job["image"].startswith(image)
    assert job["script"] == lines
    assert job["cache"]["paths"] == [".cache/"]
    assert all("/.cache" in value for value in job["variables"].values())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("ecs_canary", "aws ecr get-login-password | docker login --username AWS"),
        ("no owner known", '"$CI_REGISTRY_PASSWORD" | docker login'),
        ("a registry with a port", "docker login --username \"$REGISTRY_USERNAME\" --password-stdin registry.example.com:5000"),
    ],
)  # fmt: skip
def test_registries(name: str, line: str) -> None:
    (job,) = (job for job_name, job in jobs(SPECS[name]).items() if job_name.startswith("build-"))
    assert line in "\n".join(job["script"])
    assert ("id_tokens" in job) is (name == "ecs_canary")


def test_time_limits_come_from_the_plan() -> None:
    spec = toolchain(ecs_canary(), ci="gitlab_ci")
    script = jobs(spec)["deploy-production"]["script"]
    minutes = -(-plan(spec).rollout.seconds // 60) + 45
    assert f"timeout --kill-after=5m {minutes}m deploy/deploy.sh rollout production images.json" in script
    long = SPECS["holds of a day"]
    assert "timeout --kill-after=5m 150m" in "\n".join(jobs(long)["deploy-production"]["script"])
    assert "The plan's holds take longer" in rendered(long)[".gitlab/DEPLOYMENT.md"].content
    assert "The plan's holds take longer" not in rendered(spec)[".gitlab/DEPLOYMENT.md"].content


def test_the_rollback_is_rehearsed_beside_production_or_not_at_all() -> None:
    assert "drill" not in jobs(SPECS["production alone"])
    assert jobs(SPECS["four environments"])["drill"]["environment"]["name"] == "qa"
    assert "schedule drill '17 4 1 * *'" in rendered(SPECS["four environments"])[".gitlab/setup.sh"].content


def test_only_production_keeps_to_the_windows() -> None:
    found = jobs(SPECS["four environments"])
    kept = [name for name, job in found.items() if any("change_windows" in line for line in job["script"])]
    assert kept == ["deploy-prod-eu", "deploy-prod-us"]


def test_what_gitlab_has_to_be_told_is_named_and_no_value_is() -> None:
    page = rendered(SPECS["kubernetes_rolling"])[".gitlab/DEPLOYMENT.md"].content
    for name in ("KUBE_CONFIG", "REGISTRY_USERNAME", "PROMETHEUS_TOKEN", "approval rules", "setup.sh"):
        assert name in page


def test_the_same_spec_gives_the_same_bytes() -> None:
    for spec in (SPECS["hostile"], toolchain(shop_ecs_blue_green(), ci="gitlab_ci")):
        again = DeploymentSpec.model_validate_json(spec.model_dump_json())
        assert rendered(spec) == rendered(again)


def test_credentials_are_those_of_the_place() -> None:
    eks = "\n".join(jobs(SPECS["kubernetes_canary_eks"])["deploy-staging"]["script"])
    assert "assume_role eu-west-1 111111111111" in eks
    assert "aws eks update-kubeconfig --name main" in eks
    other = jobs(toolchain(kubernetes_rolling(), ci="gitlab_ci"))["deploy-staging"]
    assert "id_tokens" not in other
    assert "KUBE_CONFIG" in "\n".join(other["script"])


def job_in(folder: Path, spec: DeploymentSpec, lines: list[str], deploy: str, **env: str) -> Completed:
    """Lines of a job as a runner carries them out, with a deploy.sh of ours."""
    for path, text in (
        (".gitlab/ci/steps.sh", rendered(spec)[".gitlab/ci/steps.sh"].content),
        ("deploy/deploy.sh", deploy),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        (folder / path).chmod(0o755)
    script = "\n".join(line for line in lines if not line.startswith("need "))
    script = re.sub(r"^need .*$", "", script, flags=re.MULTILINE)
    return run(
        ["bash", "-eo", "pipefail", "-c", script], cwd=folder, timeout=60, env={"KUBE_CONFIG": "/dev/null", **env}
    )


DEPLOY = """#!/usr/bin/env bash
echo "$*" >>calls
case $1 in
  status) cat state ;;
  rollback) echo "release one (done)" >state ;;
esac
"""


@pytest.mark.parametrize(
    ("status", "begun", "calls"),
    [
        ("canceled", True, ["rollback production images.json"]),
        ("canceled", False, []),
        ("failed", True, []),
        ("success", True, []),
    ],
)
def test_a_cancelled_deployment_rolls_back_by_itself(
    status: str, begun: bool, calls: list[str], tmp_path: Path
) -> None:
    spec = toolchain(kubernetes_rolling(), ci="gitlab_ci")
    if begun:
        (tmp_path / "begun").touch()
    after = jobs(spec)["deploy-production"]["after_script"]
    done = job_in(tmp_path, spec, after, DEPLOY, CI_JOB_STATUS=status)
    assert done.code == 0, done.output
    assert ((tmp_path / "calls").read_text().splitlines() if calls else []) == calls
    assert (tmp_path / "calls").exists() is bool(calls)
    assert (gitlab_ci.UNDONE in done.stdout.splitlines()) is bool(calls)


@pytest.mark.parametrize(("changed", "rolled_back"), [(True, True), (False, False)])
def test_ecs_undoes_only_what_was_begun(changed: bool, rolled_back: bool, tmp_path: Path) -> None:
    spec = toolchain(ecs_canary(), ci="gitlab_ci")
    (tmp_path / "begun").touch()
    (tmp_path / "before.txt").write_text("release one (done)\n")
    (tmp_path / "state").write_text("release two (moving)\n" if changed else "release one (done)\n")
    (tmp_path / "aws").mkdir()
    (tmp_path / "aws" / "aws").write_text("#!/bin/sh\necho 222222222222\n")
    (tmp_path / "aws" / "aws").chmod(0o755)
    lines = ['PATH="$PWD/aws:$PATH"', *jobs(spec)["undo-production"]["script"]]
    env = {"AWS_ROLE_ARN": "arn:aws:iam::222222222222:role/deploy", "AWS_ID_TOKEN": "token", "CI_PROJECT_ID": "1"}
    done = job_in(tmp_path, spec, lines, DEPLOY, CI_JOB_ID="2", **env)
    assert done.code == 0, done.output
    assert ("rollback production" in (tmp_path / "calls").read_text().splitlines()) is rolled_back
    (tmp_path / "aws" / "aws").write_text("#!/bin/sh\necho 111111111111\n")
    other = job_in(tmp_path, spec, lines, DEPLOY, CI_JOB_ID="2", **env)
    assert other.code == 1
    assert "the role is of account 111111111111, and this environment is in 222222222222" in other.output


@pytest.mark.parametrize(
    ("seconds", "fails", "code", "says"),
    [
        (0, False, 0, "the plan allows"),
        (9_999, False, 1, "the rollback took longer than the plan allows"),
        (0, True, 1, "the rollback failed"),
    ],
)
def test_the_drill_takes_the_time_and_always_returns(
    seconds: int, fails: bool, code: int, says: str, tmp_path: Path
) -> None:
    spec = toolchain(kubernetes_rolling(), ci="gitlab_ci")
    lines = [line for line in jobs(spec)["drill"]["script"] if "fetch_images" not in line]
    lines = [line.replace("SECONDS=0", f"SECONDS={seconds}") for line in lines]
    deploy = DEPLOY.replace('  rollback) echo "release one (done)" >state ;;', f"  rollback) exit {int(fails)} ;;")
    (tmp_path / "state").touch()
    done = job_in(tmp_path, spec, lines, deploy)
    assert done.code == code, done.output
    assert says in done.output
    assert (tmp_path / "calls").read_text().splitlines()[1] == "rollout staging images.json"


@pytest.mark.parametrize(("anyway", "code"), [("true", 0), ("false", 1)])
def test_outside_the_change_windows(anyway: str, code: int, tmp_path: Path) -> None:
    spec = toolchain(ecs_canary(), ci="gitlab_ci").model_copy(
        update={"windows": (Window(days=("mon",), start="00:00", end="00:00"),)}  # never
    )
    done = job_in(tmp_path, spec, [". .gitlab/ci/steps.sh", f'change_windows "{anyway}"'], DEPLOY)
    assert done.code == code, done.output


def test_what_differs_from_the_files_fails(tmp_path: Path) -> None:
    spec = toolchain(kubernetes_rolling(), ci="gitlab_ci")
    script = jobs(spec)["drift-staging"]["script"]
    for printed, code in (("08:00:00Z  no change", 0), ("+ a line", 1)):
        assert job_in(tmp_path, spec, script, f"#!/bin/sh\necho '{printed}'\n").code == code
    assert job_in(tmp_path, spec, script, "#!/bin/sh\necho '08:00:00Z  no change'; exit 1\n").code == 1
