"""GitHub Actions: verify, build once, deploy environment after environment, roll back, rehearse that, find drift."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.pipelines.common import BY_ORDER, common
from hug_agents.render.pipelines.github_syntax import RUNNER, gh, literal, uses
from hug_agents.render.pipelines.github_tools import setup
from hug_agents.render.templating import Safe, fill

FOLDER = ".github/workflows"
TEMPLATES = "templates/github_actions"
LONGEST_JOB_MINUTES = 360
"""GitHub ends a job on a hosted runner after six hours; an AWS role is given for as long."""


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The workflows, and a page on what GitHub has to be told."""
    values = _values(blueprint)
    for name in ("verify", "deploy", "rollback", *(("drill",) if values["drill"] else ()), "drift"):
        yield _artifact(f"{FOLDER}/{name}.yml", fill("pipelines", f"{TEMPLATES}/{name}.yml.j2", **values))
    yield _artifact(".github/DEPLOYMENT.md", fill("pipelines", f"{TEMPLATES}/deployment.md.j2", **values))


def _values(blueprint: Blueprint) -> dict[str, Any]:
    return {
        **common(blueprint, LONGEST_JOB_MINUTES),
        "runner": Safe(RUNNER),
        "uses": uses,
        "gh": gh,
        "literal": literal,
        "setup": setup,
        "starts": Safe(
            f"github.ref == 'refs/heads/{blueprint.spec.default_branch}' && "
            f"!contains(github.event.head_commit.message, '{BY_ORDER}')"
        ),
    }


def _artifact(path: str, content: str) -> Artifact:
    return Artifact(path=path, content=content, system="github_actions", owner="devops")
