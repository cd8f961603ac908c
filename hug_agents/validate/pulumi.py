"""Pulumi programs: declared under Pulumi's mocks, every input against the typed arguments; and the program's own tests.

The program that runs is ours: a file that differs from what this version renders is refused, and nothing is started. Values of
a spec come in as data only.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.errors import ProcessError
from hug_agents.process import Completed
from hug_agents.render.infrastructure.pulumi import render
from hug_agents.render.infrastructure.pulumi_program import REGISTRY_STACK, given
from hug_agents.render.naming import PULUMI
from hug_agents.spec import DeploymentSpec
from hug_agents.validate.gate import Finding, Gate, Workspace, clean
from hug_agents.validate.pulumi_rules import hits

HARNESS = Path(__file__).with_name("pulumi_mocks.py")
_SECONDS = 300


class _Pulumi(Gate):
    tool = ""
    install = "pip install 'hug-agents[pulumi]'"

    def version(self) -> str:
        """Pulumi's SDK."""
        try:
            return version("pulumi")
        except PackageNotFoundError:
            return ""

    def missing(self) -> str:
        """The SDK and the provider's types."""
        for name in ("pulumi", "pulumi-aws"):
            try:
                version(name)
            except PackageNotFoundError:
                return f"{name}, install with {self.install}"
        return ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle.under(f"{PULUMI}/") if item.path.endswith((".py", ".yaml")))

    def foreign(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        """Code that we did not write is not run."""
        ours = {item.path: item.content for item in render(workspace.blueprint)}
        content = {path: workspace.bundle[path].content for path in files if path.endswith(".py")}
        return tuple(
            self.finding(
                "foreign-code",
                "this is not what the renderer writes. The program was not started",
                file=path,
                line=_first_difference(text, ours.get(path, "")),
                remedy="generate the bundle again, or add to the program outside of it",
            )
            for path, text in content.items()
            if text != ours.get(path)
        )


class PulumiMocks(_Pulumi):
    """Every stack, declared as in the middle of a release: no unknown argument, no wrong type, no name twice, and nothing that
    the rules for CloudFormation would not let through."""

    name = "pulumi mocks"

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        if refused := self.foreign(workspace, files):
            return refused
        found = []
        for stack in declared(workspace):
            for item in stack["findings"]:
                file = f"{PULUMI}/{item['file']}" if item["file"] else f"{PULUMI}/Pulumi.{stack['stack']}.yaml"
                message = f"{stack['stack']}: {item['message']}"
                found.append(self.finding(f"pulumi/{item['rule']}", message, file=file, line=item["line"] or 1))
            for rule, hit in hits(workspace.bundle, workspace.blueprint, stack):
                message = f"{stack['stack']}: {hit.message}. {rule.reason}"
                found.append(self.finding(rule.id, message, file=hit.file, line=hit.line, remedy=rule.remedy))
        return tuple(found)


class PulumiTest(_Pulumi):
    """The program's own tests, as its pipeline runs them."""

    name = "pulumi test"

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        if refused := self.foreign(workspace, files):
            return refused
        folder = workspace.root / PULUMI
        argv = [sys.executable, "-B", "-W", "ignore::DeprecationWarning", "-m", "unittest"]
        done = workspace.run(argv, cwd=folder, timeout=_SECONDS)
        if not done.code:
            return ()
        failed = f"{PULUMI}/tests/test_environments.py"
        return (
            self.finding("pulumi/test", done.output[-1_500:], file=failed if failed in files else files[0], line=1),
        )


def declared(workspace: Workspace) -> list[dict[str, Any]]:
    """Every stack with its findings and resources, found out once a run. Only for a program that is ours."""

    def run() -> list[dict[str, Any]]:
        folder = workspace.common / "pulumi"
        folder.mkdir(exist_ok=True)
        argv, answer = harness(workspace.root / PULUMI, workspace.blueprint.spec, folder)
        return read(workspace.run(argv, timeout=_SECONDS), answer)

    return workspace.memo.once("pulumi", run)


def harness(program: Path, spec: DeploymentSpec, folder: Path) -> tuple[list[str], Path]:
    """What to run for a program, and the file in `folder` that will hold the answer."""
    images = {item.name: f"registry.example.com/{item.name}@sha256:{'0' * 64}" for item in spec.services}
    slot = {"images": images, "running": True}
    release = {
        "id": "check",
        "status": "moving",
        "live": "blue",
        "next": "green",
        "previous": "blue",
        "slots": {"blue": {**slot, "weight": 90}, "green": {**slot, "weight": 10}},
    }
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given(spec).items()}
    config["release"] = json.dumps(release)
    stacks = [item.name for item in spec.environments]
    if (program / f"Pulumi.{REGISTRY_STACK}.yaml").exists():
        stacks.append(REGISTRY_STACK)
    request, answer = folder / "request.json", folder / "answer.json"
    request.write_text(json.dumps({"stacks": [{"stack": name, "config": config} for name in stacks]}), encoding="utf-8")
    return [sys.executable, "-I", str(HARNESS), str(program), str(request), str(answer)], answer


def read(done: Completed, answer: Path) -> list[dict[str, Any]]:
    """The answer. ProcessError: what has not answered has checked nothing."""
    try:
        found: list[dict[str, Any]] = json.loads(answer.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProcessError(f"the Pulumi program could not be declared: {clean(done.output, 500)}") from error
    return found


def _first_difference(one: str, other: str) -> int:
    lines, others = one.splitlines(), other.splitlines()
    for number, (line, wanted) in enumerate(zip(lines, others, strict=False), 1):
        if line != wanted:
            return number
    return max(1, min(len(lines), len(others)))
