"""GitHub Actions: verify, build once, deploy environment after environment, roll back, rehearse that, find drift."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.facts import tool
from hug_agents.plans import Blueprint
from hug_agents.render.naming import DEPLOY_SCRIPT, SMOKE_SCRIPT
from hug_agents.render.pipelines.github_builds import builds, given_images, registry, tests
from hug_agents.render.pipelines.github_places import drill_place, places, timing
from hug_agents.render.pipelines.github_schedule import drill_cron
from hug_agents.render.pipelines.github_syntax import RUNNER, command, gh, literal, made, uses, words
from hug_agents.render.templating import Safe, fill
from hug_agents.spec import DeploymentSpec

FOLDER = ".github/workflows"
EVERY_PLACE = "every environment"
"""What the input `environment` of Deploy says by itself; the name of an environment has no space."""
BY_ORDER = "Hug-Order:"
"""A commit whose message says this was put there for an order: the push starts nothing, the order dispatches a run."""


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The workflows, and a page on what GitHub has to be told."""
    spec = blueprint.spec
    values = _values(blueprint)
    for name in ("verify", "deploy", "rollback", *(("drill",) if values["drill"] else ()), "drift"):
        yield _artifact(f"{FOLDER}/{name}.yml", fill("pipelines", f"templates/{name}.yml.j2", **values))
    yield _artifact(".github/DEPLOYMENT.md", fill("pipelines", "templates/deployment.md.j2", **values, spec=spec))


def _values(blueprint: Blueprint) -> dict[str, Any]:
    spec = blueprint.spec
    found = places(blueprint)
    return {
        "application": spec.application,
        "branch": spec.default_branch,
        "runner": Safe(RUNNER),
        "uses": uses,
        "gh": gh,
        "literal": literal,
        "made": made,
        "words": words,
        "command": command,
        "starts": Safe(
            f"github.ref == 'refs/heads/{spec.default_branch}' && "
            f"!contains(github.event.head_commit.message, '{BY_ORDER}')"
        ),
        "every_place": Safe(EVERY_PLACE),
        "repository_known": spec.repository is not None,
        "terraform_version": tool("terraform"),
        "script": Safe(DEPLOY_SCRIPT),
        "smoke": Safe(SMOKE_SCRIPT),
        "places": found,
        "timing": timing(blueprint),
        "windows": _windows(spec),
        "windows_said": tuple(_windows(spec).splitlines()),
        "registry": registry(spec),
        "builds": builds(spec),
        "given": given_images(spec),
        "tests": tests(spec),
        "kubernetes": spec.toolchain.runtime == "kubernetes",
        "terraform": spec.toolchain.iac == "terraform" and any(place.aws for place in found),
        "cloudformation": spec.toolchain.iac == "cloudformation" and any(place.aws for place in found),
        "cfn_lint_version": tool("cfn-lint"),
        "prometheus": "prometheus" in spec.toolchain.monitors,
        "drill": drill_place(found),
        "cron": drill_cron(spec.drill_every_days),
        "drill_every_days": spec.drill_every_days,
        "strategy": spec.strategy.kind,
        # What the drill carries out: the steps that have a command. The others are people's.
        "expected_seconds": sum(step.expected_seconds for step in blueprint.rollback.steps if step.command),
    }


def _windows(spec: DeploymentSpec) -> str:
    return "\n".join(f"{','.join(item.days)} {item.start} {item.end} {item.timezone}" for item in spec.windows)


def _artifact(path: str, content: str) -> Artifact:
    return Artifact(path=path, content=content, system="github_actions", owner="devops")
