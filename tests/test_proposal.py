"""Repositories that have machinery of their own: nothing of theirs is written to, and the patch keeps what ours does not know."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents.bundle import Artifact, Bundle
from hug_agents.cli import main
from hug_agents.planning import plan
from hug_agents.proposal import propose
from hug_agents.render import render
from hug_agents.validate import run_gates
from hug_agents.validate.hcl import parse
from tests.examples import ecs_canary

WORKFLOW = """\
name: Release
on:
  push:
    tags: ["v*"]
env:
  COLOR: "1"
jobs:
    # told to the team
    notify:
        runs-on: ubuntu-24.04
        steps:
            - run: |
                echo 'a: b'

                echo finished
    images:
        runs-on: ubuntu-24.04
        steps: [{run: echo theirs}]
"""
TERRAFORM = """\
# our own queue
resource "aws_sqs_queue" "legacy" {
  name = "legacy"
}

module "network" {
  source = "./elsewhere"
}

locals {
  team = "payments"
}
"""
JENKINS = "pipeline { agent any\n stages { stage('x') { steps { sh 'make' } } } }\n"
DEPLOY = ".github/workflows/deploy.yml"
MAIN = "infrastructure/terraform/environments/production/main.tf"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    files = {
        DEPLOY: WORKFLOW,
        ".github/workflows/ci.yml": "on: push\njobs: {t: {runs-on: x, steps: [{run: make}]}}\n",
        "Jenkinsfile": JENKINS,
        MAIN: TERRAFORM,
        "deploy/deploy.sh": "#!/bin/sh\nmake deploy\n",
        "Dockerfile": "FROM scratch\r\n",
        "main.tf": 'resource "null_resource" "a" {}\n',
    }
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode())
    (folder / "docs").mkdir()
    (folder / "docs" / "runbook.md").symlink_to("/etc/hostname")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-m", "theirs")
    return folder


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_patch_applies_and_keeps_what_ours_does_not_know(repository: Path, tmp_path: Path) -> None:
    blueprint = plan(ecs_canary())
    bundle = render(blueprint)
    proposal = propose(bundle, repository, ["Jenkinsfile", DEPLOY, "main.tf"])
    assert git(repository, "status", "--porcelain") == "", "looking changes nothing"
    kinds = {change.path: change.kind for change in proposal.changes}
    assert kinds[DEPLOY] == kinds[MAIN] == "merged"
    assert kinds["deploy/deploy.sh"] == kinds["Dockerfile"] == kinds["docs/runbook.md"] == "theirs"
    assert kinds["spec.json"] == "new"
    assert proposal.others == ("Jenkinsfile", "main.tf")
    kept = {change.path: change.kept for change in proposal.of("merged")}
    assert kept[DEPLOY] == ("jobs.notify", "env")
    assert kept[MAIN] == ("resource.aws_sqs_queue.legacy", "locals")
    replaced = {change.path: change.replaced for change in proposal.of("merged")}
    assert replaced[DEPLOY] == ("name", "on", "jobs.images") and replaced[MAIN] == ("module.network",)
    patch = tmp_path / "x.patch"
    patch.write_text(proposal.patch)
    git(repository, "apply", "--check", str(patch))
    git(repository, "apply", str(patch))
    workflow = yaml.safe_load((repository / DEPLOY).read_text())
    ours = yaml.safe_load(bundle[DEPLOY].content)
    assert workflow["jobs"]["notify"] == yaml.safe_load(WORKFLOW)["jobs"]["notify"]
    assert {key: workflow["jobs"][key] for key in ours["jobs"]} == ours["jobs"]
    assert "# told to the team" in (repository / DEPLOY).read_text()
    blocks = {(item.type, *item.labels) for item in parse((repository / MAIN).read_text()).blocks}
    assert ("resource", "aws_sqs_queue", "legacy") in blocks
    assert {(item.type, *item.labels) for item in parse(bundle[MAIN].content).blocks} <= blocks
    assert "our own queue" in (repository / MAIN).read_text()
    assert (repository / "spec.json").read_text() == bundle["spec.json"].content
    assert (repository / "deploy" / "smoke.sh").stat().st_mode & 0o111
    assert (repository / "Jenkinsfile").read_text() == JENKINS
    assert (repository / "deploy" / "deploy.sh").read_text() == "#!/bin/sh\nmake deploy\n"
    merged = [
        item.model_copy(update={"content": (repository / DEPLOY).read_text()}) if item.path == DEPLOY else item
        for item in bundle
    ]
    (result,) = run_gates(Bundle("x", merged), blueprint, only=["actionlint"])
    if result.status == "skipped":
        pytest.skip(result.reason)
    assert result.status == "passed", result.findings


def test_applied_once_there_is_nothing_left_to_propose(repository: Path, tmp_path: Path) -> None:
    bundle = render(plan(ecs_canary()))
    for _ in range(2):
        patch = tmp_path / "x.patch"
        patch.write_text(propose(bundle, repository).patch)
        if patch.stat().st_size:
            git(repository, "apply", str(patch))
    assert {change.kind for change in propose(bundle, repository).changes} <= {"same", "merged", "theirs"}
    assert propose(bundle, repository).patch.count("diff --git") <= 2


@pytest.mark.parametrize(
    "theirs",
    [
        "- a\n- b\n",
        "a: [\n",
        "--- 1\n--- 2\n",
        "{on: push, jobs: {}}\n",
        "jobs: {x: {steps: []}}\n",
        "",
        "a: &x 1\nb: *x\n",
    ],
)
def test_whatever_they_have_ours_is_whole_or_theirs_is_left(theirs: str, tmp_path: Path) -> None:
    ours = "on: push\njobs:\n  a:\n    steps: []\n"
    (tmp_path / "p.yml").write_text(theirs)
    (change,) = propose(Bundle("x", [Artifact(path="p.yml", content=ours, system="x")]), tmp_path).changes
    if change.kind == "merged":
        patch = tmp_path.parent / "p.patch"
        patch.write_text(change.diff)
        git(tmp_path, "init", "-q")
        git(tmp_path, "apply", str(patch))
        found = yaml.safe_load((tmp_path / "p.yml").read_text())
        assert found["jobs"]["a"] == {"steps": []}
    else:
        assert change.kind == "theirs" and change.reason


def test_on_the_command_line_the_patch_lies_beside_and_the_repository_is_as_it_was(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "generate", "Deploy payments-api from ghcr.io/acme/payments-api:1.2.0 on port 8080 to ECS in eu-west-1, rolling, "
        "health check on /healthz", "--repo", str(repository), "--out", "release", "--gate", "none",
    ]  # fmt: skip

    def run(*more: str) -> Any:
        with pytest.raises(SystemExit) as leaving:
            main([*words, *more])
        captured = capsys.readouterr()
        assert leaving.value.code in (0, None), captured.err + captured.out
        return captured.out

    made = json.loads(run("--json"))
    assert made["proposal"]["patch"] == "release.patch"
    kinds = {change["path"]: change["kind"] for change in made["proposal"]["changes"]}
    assert kinds[DEPLOY] == "merged" and "Jenkinsfile" in made["proposal"]["others"]
    assert git(repository, "status", "--porcelain") == ""
    git(repository, "apply", "--check", str(tmp_path / "release.patch"))
    shown = run("--quiet")
    assert "jobs.notify" in shown and "git -C" in shown and "+++ b/.github/workflows/deploy.yml" in shown
    (tmp_path / "release.patch").write_text("mine\n")
    with pytest.raises(SystemExit) as refused:
        main(words)
    assert refused.value.code == 2
    assert (tmp_path / "release.patch").read_text() == "mine\n"
