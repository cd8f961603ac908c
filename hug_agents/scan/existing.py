"""Deployment machinery that a repository has already: named by kind, file and line, and not judged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import dirname

from hug_agents.scan.compose import NAMES
from hug_agents.scan.report import Existing
from hug_agents.scan.tree import Tree

_API = re.compile(r"^apiVersion:\s", re.MULTILINE)
_KIND = re.compile(r"^kind:[ \t]", re.MULTILINE)


def existing(tree: Tree) -> tuple[Existing, ...]:
    """Everything of a known kind, sorted; of Terraform, one file a folder."""
    rows = sorted(_find(tree), key=lambda row: (row.kind, row.file))
    return tuple(rows[:500])


def _find(tree: Tree) -> Iterator[Existing]:
    charts = {dirname(path) for path in tree.files if path.rsplit("/", 1)[-1] == "Chart.yaml"}
    terraform: set[str] = set()
    for path in tree.files:
        name = path.rsplit("/", 1)[-1]
        folder = dirname(path)
        if name.endswith(".tf") and folder not in terraform and "templates" not in folder.split("/"):
            terraform.add(folder)
            yield Existing(kind="terraform", file=path)
        elif name.endswith((".nomad", ".nomad.hcl")):
            yield Existing(kind="nomad", file=path)
        elif name.startswith("Jenkinsfile"):
            yield Existing(kind="jenkins", file=path)
        elif name == "Chart.yaml":
            yield Existing(kind="helm", file=path)
        elif name in NAMES or re.match(r"^(?:docker-)?compose\.[\w.-]{1,60}\.ya?ml$", name):
            yield Existing(kind="compose", file=path)
        elif name.endswith((".yml", ".yaml", ".json", ".template")):
            yield from _yaml(tree, path, name, folder, charts)


def _yaml(tree: Tree, path: str, name: str, folder: str, charts: set[str]) -> Iterator[Existing]:
    yaml = name.endswith((".yml", ".yaml"))
    if yaml and folder == ".github/workflows":
        yield Existing(kind="github_actions", file=path, line=_line(tree, path, "on:"))
    elif path == ".gitlab-ci.yml":
        yield Existing(kind="gitlab_ci", file=path)
    elif path in (".circleci/config.yml", ".circleci/config.yaml"):
        yield Existing(kind="circleci", file=path)
    elif name in ("Pulumi.yaml", "Pulumi.yml"):
        yield Existing(kind="pulumi", file=path)
    elif name in ("kustomization.yaml", "kustomization.yml"):
        yield Existing(kind="kustomize", file=path)
    elif not any(folder == chart or folder.startswith(f"{chart}/") for chart in charts if chart):
        if not yaml and "template" not in path and "cloudformation" not in path.lower():
            return
        source = tree.read(path)
        if source is None:
            return
        if "AWSTemplateFormatVersion" in source.text or "AWS::Serverless" in source.text:
            yield Existing(kind="cloudformation", file=path, line=_line(tree, path, "AWSTemplateFormatVersion"))
        elif yaml and (api := _API.search(source.text)) and (kind := _KIND.search(source.text)):
            yield Existing(
                kind="kubernetes", file=path, line=source.text.count("\n", 0, max(api.start(), kind.start())) + 1
            )


def _line(tree: Tree, path: str, needle: str) -> int:
    source = tree.read(path)
    for number, line in enumerate(source.lines if source else [], start=1):
        if line.startswith(needle):
            return number
    return 1
