"""A rendered GitLab pipeline, really run by gitlab-ci-local: build, deploy, fail, undo, roll back.

The jobs run on this machine, so images and services are taken out of the files. Everything in their scripts is real (bash,
jq, curl, deploy.sh, smoke.sh) but for docker and kubectl, whose answers are a test's.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents.planning import plan
from hug_agents.process import Completed, run
from hug_agents.render.orchestration import dockerfile, kubernetes, smoke
from hug_agents.render.pipelines import gitlab_ci
from hug_agents.spec import Build, DeploymentSpec, Environment, Service, Stack, Toolchain
from tests.render.orchestration.conftest import DIGESTS, Cluster, Server, files, need, write

DOCKER = """#!/usr/bin/env bash
echo "$*" >>"{log}"
[[ " $* " != *" --metadata-file "* ]] || printf '{{"containerimage.digest": "%s"}}' "$(<"{digest}")" >metadata.json
[[ $1 != login ]] || cat >/dev/null
"""


def wiki() -> DeploymentSpec:
    """One service, rolling, on a cluster of one's own, its images in the project's registry."""
    build = Build(stack=Stack(language="python", version="3.12"))
    return DeploymentSpec(
        application="wiki",
        repository="acme/wiki",
        services=(Service(name="wiki", build=build, port=3000, health_path="/health", replicas=2),),
        environments=(
            Environment(name="staging", role="staging", cluster="metal-1"),
            Environment(name="production", role="production", cluster="metal-1"),
        ),
        toolchain=Toolchain(iac=None, ci="gitlab_ci", runtime="kubernetes", monitors=()),
    )


class Runner:
    """The pipelines of one project."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.program = need("gitlab-ci-local", "npm install --global gitlab-ci-local@4.56.0")
        need("rsync", "apt-get install rsync")
        need("git", "apt-get install git")
        self.cluster = Cluster(folder, server)
        self.project = write(files(wiki(), kubernetes, dockerfile, smoke), folder / "project")
        for artifact in gitlab_ci.render(plan(wiki())):
            text = on_this_machine(artifact.content) if artifact.path.endswith(".yml") else artifact.content
            write([artifact.model_copy(update={"content": text})], self.project)
        self.log, self.digest = folder / "docker.log", folder / "digest"
        docker = folder / "bin" / "docker"
        docker.write_text(DOCKER.format(log=self.log, digest=self.digest))
        docker.chmod(0o755)
        self.url = server.url
        git = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.com"]
        for words in (
            ["init", "-q", "-b", "main"],
            ["remote", "add", "origin", "https://gitlab.com/acme/wiki.git"],
            ["add", "-A"],
            ["commit", "-qm", "first"],
        ):
            assert run([*git, *words], cwd=self.project, timeout=30).code == 0

    def __call__(self, *arguments: str, digest: str = "one", url: str = "", **inputs: Any) -> Completed:
        """One pipeline with these inputs; `url`: where users reach the service."""
        self.digest.write_text(DIGESTS[digest])
        given = {"action": "deploy", "environment": "every environment", **inputs}
        (self.project / ".run.yml").write_text(json.dumps({"include": [{"local": ".gitlab-ci.yml", "inputs": given}]}))
        variables = {
            "CI_PIPELINE_SOURCE": "web",
            "CI_COMMIT_BRANCH": "main",
            "CI_REGISTRY": "registry.example.com",
            "CI_REGISTRY_IMAGE": "registry.example.com/acme/wiki",
            "CI_REGISTRY_USER": "job",
            "CI_REGISTRY_PASSWORD": "token",
            "KUBE_CONFIG": "/dev/null",
            "BASE_URL": url or self.url,
            "SMOKE_DEADLINE_SECONDS": "0",
        }
        flags = [item for name, value in variables.items() for item in ("--variable", f"{name}={value}")]
        restore = [
            "bash",
            "-c",
            'PATH="$1"; shift; exec "$@"',
            "-",
            self.cluster.path + os.pathsep + os.environ["PATH"],
        ]
        return run(
            [*restore, self.program, "--file", ".run.yml", "--home", str(self.project.parent), "--shell-isolation",
             "--no-json-schema-validation", "--no-color", *flags, *arguments],
            cwd=self.project,
            timeout=300,
            env={"NO_COLOR": "1", "HOME": str(self.project.parent)},
        )  # fmt: skip

    def serving(self, environment: str) -> set[str]:
        """The images of the pods that take traffic."""
        service = self.cluster.objects[f"wiki-{environment}/Service/wiki"]
        here = {id(item) for key, item in self.cluster.objects.items() if key.startswith(f"wiki-{environment}/")}
        behind = [item for item in self.cluster.behind(service) if id(item) in here]
        return {item["spec"]["template"]["spec"]["containers"][0]["image"] for item in behind}


def on_this_machine(text: str) -> str:
    """The same jobs without the images that they run in.

    Without after_script too: before it gitlab-ci-local lays the tree out anew, and what the job wrote is gone. GitLab does
    not; test_gitlab_ci.py runs it.
    """
    found = list(yaml.load_all(text, yaml.CSafeLoader))
    for job in found[-1].values():
        if isinstance(job, dict):
            job.pop("image", None)
            job.pop("services", None)
            job.pop("after_script", None)
    return "\n---\n".join(json.dumps(item) for item in found)


def outcomes(done: Completed) -> dict[str, str]:
    """How each job ended: `PASS` or `FAIL`."""
    return {name: how for how, name in re.findall(r"^ (PASS|FAIL) +(\S+)", done.output, re.MULTILINE)}


def image(digest: str) -> str:
    return f"registry.example.com/acme/wiki/wiki/wiki@{DIGESTS[digest]}"


@pytest.fixture
def runner(tmp_path: Path, server: Server) -> Iterator[Runner]:
    one = Runner(tmp_path, server)
    yield one
    one.cluster.close()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.mark.slow
def test_build_deploy_fail_undo_roll_back(runner: Runner) -> None:
    done = runner("--manual", "deploy-production")
    assert done.code == 0, done.output[-6000:]
    assert outcomes(done) == dict.fromkeys(("build-wiki", "images", "deploy-staging", "deploy-production"), "PASS"), (
        done.output[-6000:]
    )
    assert runner.serving("staging") == runner.serving("production") == {image("one")}
    rows = runner.log.read_text().splitlines()
    docker = [
        line for line in rows if line.split()[0] in ("login", "context", "buildx")
    ]  # the runner tidies up with it too
    assert [line.split()[0] for line in docker] == ["login", "context", "buildx", "buildx"]
    assert "--push --tag registry.example.com/acme/wiki/wiki/wiki:" in docker[-1]

    by_itself = runner(digest="two", environment="staging")
    assert outcomes(by_itself) == dict.fromkeys(("build-wiki", "images", "deploy-staging"), "PASS"), by_itself.output[
        -6000:
    ]
    assert runner.serving("staging") == {image("two")}
    assert runner.serving("production") == {image("one")}

    # The rollout is good, and users see that it is not.
    failing = runner("--manual", "deploy-production", digest="two", url="http://127.0.0.1:9", environment="production")
    assert failing.code != 0
    assert outcomes(failing) == {
        "build-wiki": "PASS",
        "images": "PASS",
        "deploy-production": "FAIL",
        "undo-production": "PASS",
    }, failing.output[-6000:]
    assert runner.serving("production") == {image("one")}, failing.output[-9000:]

    back = runner(action="rollback", environment="staging")
    assert outcomes(back) == {"rollback-staging": "PASS"}, back.output[-6000:]
    assert runner.serving("staging") == {image("one")}, back.output[-6000:]
