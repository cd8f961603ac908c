"""The container that a suite of tests runs in, where a pipeline brings the language by an image."""

from __future__ import annotations

from hug_agents import facts
from hug_agents.errors import UnsupportedError
from hug_agents.render.pipelines.suites import Suite
from hug_agents.render.templating import Safe

_NAMES = {
    "python": "python:{}-slim-bookworm",
    "node": "node:{}-bookworm-slim",
    "go": "golang:{}-bookworm",
    "java": "eclipse-temurin:{}-jdk",
}
_NEWEST = {"python": "3.13", "node": "22", "go": "1.25", "java": "21"}
"""Where a file of the repository names the version."""


def suite_image(suite: Suite) -> str:
    """The official image of a suite's language, by digest where one is known, else by the version that was asked for."""
    if suite.manager == "maven" and _short(suite) == "21":
        return facts.image("maven:3.9-eclipse-temurin-21")
    reference = _NAMES[suite.language].format(_short(suite))
    try:
        return facts.image(reference)
    except UnsupportedError:
        return reference


def convenience_image(suite: Suite) -> str:
    """CircleCI's own image of a suite's language: a version that is known to exist, else the one that was asked for."""
    name = f"cimg/{'openjdk' if suite.language == 'java' else suite.language}"
    version = _short(suite)
    try:
        return f"{name}:{facts.tool(f'{name}:{version}')}"
    except UnsupportedError:
        return f"{name}:{suite.version or version}"


def _short(suite: Suite) -> str:
    """The version as tags have it: Python and Go by two numbers, Node and Java by one."""
    parts = (suite.version or _NEWEST[suite.language]).split(".")
    return ".".join(parts[: 2 if suite.language in ("python", "go") else 1])


def in_container(command: str) -> Safe | None:
    """How a command is said without root, in a container that has the language only; None where it works as it is."""
    if command == "pipx install poetry":
        return Safe(f"python -m pip install --quiet --user poetry=={facts.tool('poetry')}")
    if command == "corepack enable":
        return Safe('corepack enable --install-directory "$HOME/.local/bin"')
    return None
