"""What plain text tells, whatever the language: environments that a pipeline or a script is about, ports, images, secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.bundle import Artifact
from hug_agents.render.naming import DEPLOY_SCRIPT, RETENTION, SMOKE_SCRIPT, TERRAFORM
from hug_agents.systems import systems
from hug_agents.validate.coherence.fact import Fact
from hug_agents.validate.hadolint import docker_files
from hug_agents.validate.policy.facts import Facts

_ROOT = re.compile(rf"{TERRAFORM}/environments/([^/]+)/")
_MODULE = re.compile(r'^\s*service\s*=\s*"([^"]+)"')
_PORT = re.compile(r"^\s*(?:port|health_port|container_port)\s*=\s*(\d+)\s*$")
_PATH = re.compile(r'^\s*health_path\s*=\s*"([^"$]+)"\s*$')
_SECRET = re.compile(r'data\.aws_secretsmanager_secret\.this\["([^"]+)"\]')
_TARGET = re.compile(r'\{"service": "([^"]+)", "port": (\d+), "path": "([^"]+)"\}')
_IMAGE_PATH = re.compile(r"^\s*(?:-\s*)?path: ([a-z0-9-]+/[a-z0-9-]+)\s*$")


def facts(files: Facts) -> Iterator[Fact]:
    """Pipelines and scripts name every environment; Terraform, Dockerfiles and target lists say ports, paths and secrets."""
    pipelines = {item.id for item in systems().values() if item.family == "pipelines"}
    for artifact in files.bundle:
        if artifact.system in pipelines and not artifact.path.endswith(".md"):
            yield from _environments(files, artifact, f"pipelines of {artifact.system}")
            yield from _matching(artifact, _IMAGE_PATH, "image")
        elif artifact.path in (DEPLOY_SCRIPT, SMOKE_SCRIPT):
            yield from _environments(files, artifact, artifact.path)
        elif match := _ROOT.match(artifact.path):
            for role in ("refers", "lists"):
                yield Fact("environment", match[1], role, artifact.path, 1, group="terraform environments")
            yield from _terraform(artifact)
        elif artifact.path == RETENTION:
            yield from _retention(files, artifact)
        for found in _TARGET.finditer(artifact.content) if artifact.path.endswith(".sh") else ():
            line = artifact.content.count("\n", 0, found.start()) + 1
            yield Fact("service", found[1], "refers", artifact.path, line)
            yield Fact("port", found[2], "refers", artifact.path, line, found[1])
            yield Fact("path", found[3], "refers", artifact.path, line, found[1])
    for path in docker_files(files.bundle):
        for line, word, rest in files.dockerfiles.get(path, ()):
            for port in rest.split() if word == "EXPOSE" else ():
                yield Fact("port", port.partition("/")[0], "refers", path, line)


def _environments(files: Facts, artifact: Artifact, group: str) -> Iterator[Fact]:
    lines = artifact.content.splitlines()
    for environment in files.spec.environments:
        word = re.compile(
            rf"(?<![\w-]){re.escape(environment.name)}(?![\w-])|(?<=-){re.escape(environment.name)}(?=[:\s\"'])"
        )
        line = next((number for number, row in enumerate(lines, 1) if word.search(row)), 0)
        if line:
            yield Fact("environment", environment.name, "lists", artifact.path, line, group=group)
    # the group is there also when it names none
    yield Fact("environment", "", "lists", artifact.path, 1, group=group)


def _matching(artifact: Artifact, pattern: re.Pattern[str], kind: str) -> Iterator[Fact]:
    for number, row in enumerate(artifact.content.splitlines(), 1):
        if match := pattern.match(row):
            yield Fact(kind, match[1], "refers", artifact.path, number)  # type: ignore[arg-type]


def _terraform(artifact: Artifact) -> Iterator[Fact]:
    service = ""
    for number, row in enumerate(artifact.content.splitlines(), 1):
        if row.startswith(("module ", "resource ")):
            service = ""
        if match := _MODULE.match(row):
            service = match[1]
            yield Fact("service", service, "refers", artifact.path, number)
        elif service and (match := _PORT.match(row)):
            yield Fact("port", match[1], "refers", artifact.path, number, service)
        elif service and (match := _PATH.match(row)):
            yield Fact("path", match[1], "refers", artifact.path, number, service)
        for key in _SECRET.findall(row):
            yield Fact("secret", key, "refers", artifact.path, number)


def _retention(files: Facts, artifact: Artifact) -> Iterator[Fact]:
    for service in files.spec.services:
        name = f"{files.spec.application}/{service.name}"
        for number, row in enumerate(artifact.content.splitlines(), 1):
            if row.strip().strip('",').endswith(f"/{name}") or row.strip().strip('",') == name:
                yield Fact("image", name, "refers", artifact.path, number, service.name)
