"""GitLab CI: verify, build once, deploy environment after environment, roll back, rehearse that, find drift."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.facts import image
from hug_agents.plans import Blueprint
from hug_agents.render.pipelines.common import common
from hug_agents.render.pipelines.gitlab_tools import CACHE, DIND, DOCKER, JOB_IMAGE, PULUMI_IMAGE, script_line, tooling
from hug_agents.render.templating import Safe, fill

ROOT = ".gitlab-ci.yml"
FOLDER = ".gitlab/ci"
TEMPLATES = "templates/gitlab_ci"
LONGEST_JOB_MINUTES = 180
"""GitLab ends a job on a hosted runner after three hours."""
KUBECTL_MINOR = "1.33"
UNDONE = "hug: what this job began is undone"
"""What a cancelled deployment prints last once it has rolled back."""


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The pipeline and what it includes, a script that tells GitLab the rest, and a page on both."""
    values = _values(blueprint)
    actions = ("deploy", "rollback", *(("drill",) if values["drill"] else ()), "drift")
    names = ("verify", *(("build",) if values["builds"] else ()), *actions)
    yield _artifact(ROOT, "root.yml", {**values, "actions": actions})
    for name in names:
        yield _artifact(f"{FOLDER}/{name}.yml", f"{name}.yml", values)
    yield _artifact(f"{FOLDER}/steps.sh", "steps.sh", values)
    yield _artifact(".gitlab/setup.sh", "setup.sh", values, executable=True)
    yield _artifact(".gitlab/DEPLOYMENT.md", "deployment.md", values)


def _values(blueprint: Blueprint) -> dict[str, Any]:
    return {
        **common(blueprint, LONGEST_JOB_MINUTES),
        "image": lambda name: Safe(image(name)),
        "job_image": PULUMI_IMAGE if blueprint.spec.toolchain.iac == "pulumi" else JOB_IMAGE,
        "docker": DOCKER,
        "dind": DIND,
        "tooling": tooling,
        "script_line": script_line,
        "cache": CACHE,
        "kubectl_minor": KUBECTL_MINOR,
        "input": _input,
        "undone": Safe(UNDONE),
    }


def _input(name: str) -> Safe:
    """An input, put in by GitLab when it makes the pipeline."""
    return Safe(f"$[[ inputs.{name} ]]")


def _artifact(path: str, template: str, values: dict[str, Any], *, executable: bool = False) -> Artifact:
    content = fill("pipelines", f"{TEMPLATES}/{template}.j2", **values)
    return Artifact(path=path, content=content, system="gitlab_ci", owner="devops", executable=executable)
