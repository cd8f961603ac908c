"""What is tested and built: one job for each test, one image for each built service, and where images are pushed."""

from __future__ import annotations

import json
from typing import Literal

from hug_agents.render.infrastructure.aws.roots import registry_home
from hug_agents.render.naming import image_path, registry_host, uses_ecr
from hug_agents.render.orchestration.dockerfile import build_context, dockerfile_path
from hug_agents.render.pipelines.github_syntax import is_plain
from hug_agents.spec import DeploymentSpec, Line, Model, Service, Stack, Text


class Build(Model):
    """One image."""

    service: Line
    path: Line
    context: Line
    dockerfile: Line


class Registry(Model):
    """Where images go, and how the build signs in there."""

    kind: Literal["ecr", "ghcr", "other"]
    host: Line
    """With its port; empty for ECR."""
    prefix: Line
    """What stands before an image's path; empty: it is only known when the pipeline runs."""
    region: Line


class Step(Model):
    """One step of a test job: an action with its settings, or a command."""

    name: Line
    action: Line = ""
    settings: tuple[tuple[Line, Text], ...] = ()
    command: Text = ""
    prefix: Line = ""
    """Stands before the command: `uv run`, say."""

    @property
    def plain(self) -> bool:
        """The command can stand in the workflow as it is."""
        return is_plain(self.command)


class Tests(Model):
    """The tests of everything that is built from one folder in one way."""

    id: Line
    folder: Line
    steps: tuple[Step, ...]


def builds(spec: DeploymentSpec) -> tuple[Build, ...]:
    """The images that are built."""
    return tuple(
        Build(
            service=service.name,
            path=image_path(spec, service),
            context=build_context(service),
            dockerfile=dockerfile_path(spec, service) or "",
        )
        for service in spec.services
        if service.image is None
    )


def given_images(spec: DeploymentSpec) -> str:
    """The images that exist already, as JSON: service → reference."""
    return json.dumps({service.name: service.image for service in spec.services if service.image})


def registry(spec: DeploymentSpec) -> Registry:
    """Where built images are pushed."""
    if uses_ecr(spec):
        return Registry(kind="ecr", host="", prefix="", region=registry_home(spec).region or "")
    prefix = registry_host(spec)
    host = prefix.split("/")[0]
    if host == "ghcr.io":
        return Registry(kind="ghcr", host=host, prefix=prefix if "/" in prefix else "", region="")
    return Registry(kind="other", host=host, prefix=prefix, region="")


def tests(spec: DeploymentSpec) -> tuple[Tests, ...]:
    """A job for each folder and stack with a known test command."""
    found: dict[tuple[str, str], Tests] = {}
    for service in spec.services:
        stack = service.build.stack if service.build else None
        if stack and stack.test_command:
            key = (build_context(service), stack.model_dump_json())
            found.setdefault(key, _tests(service, stack, stack.test_command))
    return tuple(found.values())


def _tests(service: Service, stack: Stack, command: str) -> Tests:
    setup = {"python": _python, "node": _node, "go": _go, "java": _java}[stack.language]
    folder = build_context(service)
    before, prefix = setup(stack, folder)
    run = Step(name="Test", command=command, prefix="" if command.startswith(prefix) else prefix)
    return Tests(id=f"test-{service.name}", folder=folder, steps=(*before, run))


def _python(stack: Stack, folder: str) -> tuple[tuple[Step, ...], str]:
    version = (("python-version", stack.version or "3.13"),)
    if stack.package_manager == "uv":
        return (
            Step(name="Set up uv", action="astral-sh/setup-uv", settings=(*version, ("enable-cache", "false"))),
            Step(name="Install", command="uv sync" + (" --locked" if stack.lock_file else "")),
        ), "uv run"
    python = Step(name="Set up Python", action="actions/setup-python", settings=version)
    if stack.package_manager == "poetry":
        return (
            python,
            Step(name="Install Poetry", command="pipx install poetry"),
            Step(name="Install", command="poetry install --no-interaction"),
        ), "poetry run"
    steps = [python]
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


def _node(stack: Stack, folder: str) -> tuple[tuple[Step, ...], str]:
    node = Step(name="Set up Node.js", action="actions/setup-node", settings=(("node-version", stack.version or "22"),))
    corepack = Step(name="Enable the package manager", command="corepack enable")
    if stack.package_manager in ("pnpm", "yarn"):
        frozen = " --frozen-lockfile" if stack.lock_file else ""
        return (node, corepack, Step(name="Install", command=f"{stack.package_manager} install{frozen}")), ""
    return (node, Step(name="Install", command="npm ci" if stack.lock_file else "npm install")), ""


def _go(stack: Stack, folder: str) -> tuple[tuple[Step, ...], str]:
    settings = (
        ("go-version", stack.version)
        if stack.version
        else ("go-version-file", "go.mod" if folder == "." else f"{folder}/go.mod")
    )
    return (Step(name="Set up Go", action="actions/setup-go", settings=(settings, ("cache", "false"))),), ""


def _java(stack: Stack, folder: str) -> tuple[tuple[Step, ...], str]:
    settings = (("distribution", "temurin"), ("java-version", stack.version or "21"))
    return (Step(name="Set up Java", action="actions/setup-java", settings=settings),), ""
