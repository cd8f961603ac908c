"""What a test job runs in on GitLab: the image of its language, what is installed before its commands, what is cached."""

from __future__ import annotations

import posixpath

from hug_agents import facts
from hug_agents.errors import UnsupportedError
from hug_agents.render.orchestration.dockerfile import base_version
from hug_agents.render.pipelines.suites import Step, Suite
from hug_agents.render.templating import sh
from hug_agents.spec import Line, Model

JOB_IMAGE = "debian:bookworm-slim"
"""Of every job that needs tools rather than a language; `need` of steps.sh installs them."""
PULUMI_IMAGE = "python:3.13-slim-bookworm"
"""The same with Python, which Pulumi's program is written in."""
DOCKER, DIND = "docker:29.1.3-cli", "docker:29.1.3-dind"
CACHE = ".cache"
_CACHE_VARIABLES = {
    "pip": (("PIP_CACHE_DIR", ""),),
    "uv": (("UV_CACHE_DIR", ""),),
    "poetry": (("POETRY_CACHE_DIR", ""),),
    "npm": (("npm_config_cache", ""),),
    "pnpm": (("npm_config_store_dir", ""),),
    "yarn": (("YARN_CACHE_FOLDER", ""),),
    "go": (("GOMODCACHE", "/mod"), ("GOCACHE", "/build")),
    "maven": (("MAVEN_OPTS", ""),),
    "gradle": (("GRADLE_USER_HOME", ""),),
}
_MANAGERS = {"python": "pip", "node": "npm", "go": "go", "java": "maven"}


class Tooling(Model):
    """One test job's surroundings."""

    image: Line
    variables: tuple[tuple[Line, Line], ...]
    """Where package managers keep what they fetched."""
    lock: Line
    """The file that the cache goes by, from the repository's root; empty where there is none."""
    before: tuple[Line, ...]
    """What is installed first."""


def tooling(suite: Suite) -> Tooling:
    """The surroundings of a suite."""
    manager = suite.manager or _MANAGERS[suite.language]
    place = f"$CI_PROJECT_DIR/{CACHE}"
    option = "-Dmaven.repo.local=" if manager == "maven" else ""
    lock = posixpath.normpath(posixpath.join(suite.folder, suite.lock_file)) if suite.lock_file else ""
    return Tooling(
        image=_image(suite),
        variables=tuple((name, f"{option}{place}{below}") for name, below in _CACHE_VARIABLES[manager]),
        lock=lock,
        before=_before(suite, manager),
    )


def script_line(step: Step) -> str:
    """A step of a suite as one line of a script. What is not plain reaches its shell as one quoted word."""
    command = step.command if step.plain else f"bash -euo pipefail -c {sh(step.command)}"
    return f"{step.prefix} {command}".strip()


def _before(suite: Suite, manager: str) -> tuple[str, ...]:
    if suite.language == "python" and manager == "uv":
        return ("python -m pip install uv",)
    if suite.language == "python" and manager == "poetry":
        return ("python -m pip install pipx", "export PIPX_BIN_DIR=/usr/local/bin")
    if suite.language == "java" and _command(suite) == "mvn":
        return (". .gitlab/ci/steps.sh", "need mvn")
    return ()


def _command(suite: Suite) -> str:
    return suite.steps[-1].command.split(" ")[0]


def _image(suite: Suite) -> str:
    try:
        version = base_version(suite.language, suite.version)
    except UnsupportedError:
        version = suite.version  # no digest is known: the tag has to do
    if suite.language == "java":
        known = {"mvn": f"maven:3.9-eclipse-temurin-{version}", "gradle": f"gradle:8-jdk{version}"}
        names = [known.get(_command(suite), ""), f"eclipse-temurin:{version}-jdk"]
    else:
        names = [
            {"python": "python:{}-slim-bookworm", "node": "node:{}-bookworm-slim", "go": "golang:{}-bookworm"}[
                suite.language
            ].format(version)
        ]
    for name in names:
        try:
            return facts.image(name)
        except UnsupportedError:
            continue
    return names[-1]
