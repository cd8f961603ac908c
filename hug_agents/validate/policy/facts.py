"""What the rules look at: the real files of a bundle, parsed once. A malformed file is another gate's finding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.plans import Blueprint
from hug_agents.spec import DeploymentSpec
from hug_agents.validate.cfn_lint import template_files
from hug_agents.validate.cfn_template import Item, Resource
from hug_agents.validate.cfn_template import read as read_template
from hug_agents.validate.hadolint import docker_files
from hug_agents.validate.hcl import Block, parse
from hug_agents.validate.kubernetes_validate import manifest_files, resources
from hug_agents.validate.located import Located, Malformed, documents
from hug_agents.validate.policy.alerts import raised
from hug_agents.validate.policy.circleci import read as circleci
from hug_agents.validate.policy.github_actions import read as github_actions
from hug_agents.validate.policy.gitlab_ci import read as gitlab_ci
from hug_agents.validate.policy.jenkins import read as jenkins
from hug_agents.validate.policy.pipelines import Pipeline
from hug_agents.validate.terraform_files import roots, terraform_files

_READERS = (github_actions, gitlab_ci, jenkins, circleci)
"""One a CI system."""


@dataclass(frozen=True)
class Alert:
    """An alerting rule, or an alarm of the cloud."""

    name: str
    file: str
    line: int
    severity: str = ""
    summary: str = ""
    routed: bool = True
    """Somebody hears of it."""


@dataclass(frozen=True)
class Container:
    """One container of a workload, wherever it is declared."""

    workload: str
    kind: str
    name: str
    file: str
    document: Located
    path: tuple[str | int, ...]
    data: dict[str, Any]
    init: bool = False

    def line(self, *path: str | int) -> int:
        """The line of one of its fields, or of the container."""
        return self.document.line(*self.path, *path)


class Facts:
    """Everything is read from the files; the blueprint says what was wanted."""

    def __init__(self, bundle: Bundle, blueprint: Blueprint) -> None:
        self.bundle = bundle
        self.blueprint = blueprint

    @property
    def spec(self) -> DeploymentSpec:
        """What was asked for."""
        return self.blueprint.spec

    def spec_place(self, *path: str | int) -> tuple[str, int]:
        """Where the bundle's copy of the spec says something; nowhere if it has no copy."""
        if "spec.json" not in self.bundle:
            return "", 0
        found = self._spec_document
        return "spec.json", found.line(*path) if found is not None else 1

    @cached_property
    def _spec_document(self) -> Located | None:
        try:
            return next(iter(documents(self.bundle["spec.json"].content)), None)
        except Malformed:
            return None

    @cached_property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """The pipelines of every CI system."""
        return tuple(pipeline for read in _READERS for pipeline in read(self.bundle))

    @cached_property
    def terraform(self) -> dict[str, Block]:
        """Each Terraform file, read."""
        found = {}
        for path in terraform_files(self.bundle):
            if path.endswith(".tf"):
                try:
                    found[path] = parse(self.bundle[path].content)
                except Malformed:
                    continue
        return found

    @cached_property
    def terraform_roots(self) -> tuple[str, ...]:
        """The folders that are applied."""
        return roots(self.bundle)

    def resources(self, *types: str) -> Iterator[tuple[str, Block]]:
        """The Terraform resources of some types, with their file."""
        for path, root in self.terraform.items():
            for block in root.of("resource"):
                if block.labels and block.labels[0] in types:
                    yield path, block

    @cached_property
    def stacks(self) -> tuple[Resource, ...]:
        """Every resource of every CloudFormation template."""
        found: list[Resource] = []
        for path in template_files(self.bundle):
            try:
                found += read_template(path, self.bundle[path].content)[0]
            except Malformed:
                continue
        return tuple(found)

    def stack_resources(self, *types: str) -> Iterator[Resource]:
        """The resources of CloudFormation of some types; of all, if none is named."""
        return (item for item in self.stacks if not types or item.type in types)

    def task_containers(self) -> Iterator[tuple[Resource, Item]]:
        """Every container of every task definition of CloudFormation."""
        for resource in self.stack_resources("AWS::ECS::TaskDefinition"):
            found = resource.get("ContainerDefinitions")
            yield from ((resource, item) for item in (found.rows() if found else ()))

    @cached_property
    def manifests(self) -> tuple[tuple[str, Located], ...]:
        """Every Kubernetes resource, with its file."""
        return tuple(
            (path, document)
            for path in manifest_files(self.bundle)
            for document in resources(self.bundle[path].content)
        )

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """Every container of every Kubernetes workload."""
        return tuple(item for path, document in self.manifests for item in _containers(path, document))

    @cached_property
    def dockerfiles(self) -> dict[str, tuple[tuple[int, str, str], ...]]:
        """Each Dockerfile as `(line, INSTRUCTION, rest)`, continued lines joined."""
        return {path: tuple(_instructions(self.bundle[path].content)) for path in docker_files(self.bundle)}

    @cached_property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerting rules of every monitor."""
        return tuple(
            Alert(item.name, item.file, item.line, severity=item.severity, summary=item.summary)
            for item in raised(self.bundle)
        )

    @cached_property
    def alarms(self) -> tuple[Alert, ...]:
        """The alarms of CloudWatch, by their names in Terraform or in a template."""
        composites = " ".join(block.text("alarm_rule") for _, block in self.resources("aws_cloudwatch_composite_alarm"))
        found = [
            Alert(
                block.labels[-1],
                path,
                block.line,
                # one that only feeds a composite alarm is heard through that
                routed=block.text("alarm_actions") not in ("", "[]") or ".".join(block.labels) + "[" in composites,
            )
            for path, block in self.resources("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm")
        ]
        composed = [item.get("AlarmRule") for item in self.stack_resources("AWS::CloudWatch::CompositeAlarm")]
        named = " ".join(part.text for item in composed if item for part in item.walk())
        for resource in self.stack_resources("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
            actions, name = resource.get("AlarmActions"), resource.text("AlarmName")
            heard = (
                bool(actions and list(actions.rows()))
                or f"${{{resource.name}}}" in named
                or bool(name and name in named)
            )
            found.append(Alert(resource.name, resource.file, resource.line, routed=heard))
        return tuple(found)

    def text(self, path: str) -> str:
        """A file's content; empty if it is not there."""
        return self.bundle[path].content if path in self.bundle else ""

    def find(self, path: str, words: str) -> int:
        """The first line of a file that holds these words; 1 if none does."""
        return next((number for number, row in enumerate(self.text(path).splitlines(), 1) if words in row), 1)


def _containers(path: str, document: Located) -> Iterator[Container]:
    kind = str(document.data.get("kind", ""))
    where: tuple[str | int, ...] = {
        "Pod": ("spec",),
        "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    }.get(kind, ("spec", "template", "spec"))
    pod: Any = document.data
    for step in where:
        pod = pod.get(step) if isinstance(pod, dict) else None
    if not isinstance(pod, dict):
        return
    meta = document.data.get("metadata")
    workload = str(meta.get("name", "")) if isinstance(meta, dict) else ""
    for key in ("containers", "initContainers"):
        rows = pod.get(key)
        for index, data in enumerate(rows if isinstance(rows, list) else ()):
            if isinstance(data, dict):
                name = str(data.get("name", ""))
                init = key == "initContainers"
                yield Container(workload, kind, name, path, document, (*where, key, index), data, init)


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    start, parts = 0, list[str]()
    for number, row in enumerate(text.splitlines(), 1):
        stripped = row.strip()
        if not stripped or stripped.startswith("#"):
            continue
        start = start or number
        parts.append(stripped.removesuffix("\\").strip())
        if stripped.endswith("\\"):
            continue
        word, _, rest = " ".join(parts).partition(" ")
        yield start, word.upper(), rest.strip()
        start, parts = 0, []


def folder(path: str) -> str:
    """The folder of a file."""
    return str(PurePosixPath(path).parent)
