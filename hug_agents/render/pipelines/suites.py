"""What is tested: one suite for each folder and stack with a known test command, as commands that any runner can carry out."""

from __future__ import annotations

from typing import Literal

from hug_agents.render.orchestration.dockerfile import build_context
from hug_agents.render.pipelines.syntax import is_plain
from hug_agents.spec import DeploymentSpec, Line, Model, Service, Stack, Text


class Step(Model):
    """One command of a suite."""

    name: Line
    command: Text
    prefix: Line = ""
    """Stands before the command: `uv run`, say."""

    @property
    def plain(self) -> bool:
        """The command can stand in a pipeline as it is."""
        return is_plain(self.command)


class Suite(Model):
    """The tests of everything that is built from one folder in one way."""

    id: Line
    folder: Line
    language: Literal["python", "node", "go", "java"]
    manager: Line
    """The package manager; empty: the language's own."""
    version: Line
    """Of the language; empty: the file `version_file` says it."""
    version_file: Line = ""
    lock_file: Line
    """What a cache of packages goes by, relative to the folder; empty where there is none."""
    steps: tuple[Step, ...]
    """Once the language and its package manager are there."""


def suites(spec: DeploymentSpec) -> tuple[Suite, ...]:
    """A suite for each folder and stack with a known test command."""
    found: dict[tuple[str, str], Suite] = {}
    for service in spec.services:
        stack = service.build.stack if service.build else None
        if stack and stack.test_command:
            key = (build_context(service), stack.model_dump_json())
            found.setdefault(key, _suite(service, stack, stack.test_command))
    return tuple(found.values())


def _suite(service: Service, stack: Stack, command: str) -> Suite:
    folder = build_context(service)
    before, prefix = _BEFORE[stack.language](stack)
    run = Step(name="Test", command=command, prefix="" if command.startswith(prefix) else prefix)
    modules = "go.mod" if folder == "." else f"{folder}/go.mod"
    return Suite(
        id=f"test-{service.name}",
        folder=folder,
        language=stack.language,
        manager=stack.package_manager or "",
        version=stack.version or _VERSIONS[stack.language],
        version_file=modules if stack.language == "go" and not stack.version else "",
        lock_file=stack.lock_file or stack.requirements_file or {"go": "go.sum"}.get(stack.language, ""),
        steps=(*before, run),
    )


_VERSIONS = {"python": "3.13", "node": "22", "go": "", "java": "21"}
"""Where the stack names none."""


def _python(stack: Stack) -> tuple[tuple[Step, ...], str]:
    if stack.package_manager == "uv":
        return (Step(name="Install", command="uv sync" + (" --locked" if stack.lock_file else "")),), "uv run"
    if stack.package_manager == "poetry":
        return (
            Step(name="Install Poetry", command="pipx install poetry"),
            Step(name="Install", command="poetry install --no-interaction"),
        ), "poetry run"
    steps = []
    if stack.requirements_file:
        steps.append(_install("python -m pip install --requirement ", stack.requirements_file))
    if "pytest" in (stack.test_command or "").split():
        steps.append(Step(name="Install pytest", command="python -m pip install pytest"))
    return tuple(steps), ""


def _install(command: str, file: str) -> Step:
    # A file name that is not plain is quoted for the shell.
    if is_plain(file) and " " not in file:
        return Step(name="Install", command=command + file)
    quoted = "'" + file.replace("'", "'\\''") + "'"
    return Step(name="Install", command=command + quoted)


def _node(stack: Stack) -> tuple[tuple[Step, ...], str]:
    if stack.package_manager in ("pnpm", "yarn"):
        frozen = " --frozen-lockfile" if stack.lock_file else ""
        return (
            Step(name="Enable the package manager", command="corepack enable"),
            Step(name="Install", command=f"{stack.package_manager} install{frozen}"),
        ), ""
    return (Step(name="Install", command="npm ci" if stack.lock_file else "npm install"),), ""


def _nothing(stack: Stack) -> tuple[tuple[Step, ...], str]:
    return (), ""


_BEFORE = {"python": _python, "node": _node, "go": _nothing, "java": _nothing}
"""What is installed before the tests, and what stands before their command."""
