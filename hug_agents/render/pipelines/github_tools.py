"""What a test job sets up on GitHub's runner before its commands: the language, by an action."""

from __future__ import annotations

from hug_agents.render.pipelines.suites import Suite
from hug_agents.spec import Line, Model, Text


class Setup(Model):
    """One action with its settings."""

    name: Line
    action: Line
    settings: tuple[tuple[Line, Text], ...]


def setup(suite: Suite) -> Setup:
    """The action that brings a suite's language."""
    if suite.language == "python" and suite.manager == "uv":
        settings = (("python-version", suite.version), ("enable-cache", "false"))
        return Setup(name="Set up uv", action="astral-sh/setup-uv", settings=settings)
    if suite.language == "python":
        python = (("python-version", suite.version),)
        return Setup(name="Set up Python", action="actions/setup-python", settings=python)
    if suite.language == "node":
        return Setup(name="Set up Node.js", action="actions/setup-node", settings=(("node-version", suite.version),))
    if suite.language == "go":
        version = ("go-version", suite.version) if suite.version else ("go-version-file", suite.version_file)
        return Setup(name="Set up Go", action="actions/setup-go", settings=(version, ("cache", "false")))
    java = (("distribution", "temurin"), ("java-version", suite.version))
    return Setup(name="Set up Java", action="actions/setup-java", settings=java)
