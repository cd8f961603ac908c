"""CircleCI: one configuration of workflows for verify, deploy, roll back, the drill and drift, and the schedules of two."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents import facts
from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.naming import short
from hug_agents.render.pipelines.circleci_syntax import expression, literal, script, timetable
from hug_agents.render.pipelines.common import common
from hug_agents.render.pipelines.containers import convenience_image
from hug_agents.render.pipelines.jenkins_syntax import put
from hug_agents.render.pipelines.suites import Suite
from hug_agents.render.pipelines.syntax import is_plain
from hug_agents.render.templating import Safe, code, fill, json_document, yaml_value

TEMPLATES = "templates/circleci"
CONFIG = ".circleci/config.yml"
UNGOVERNED = "none"
"""What the parameter `correlation` says where no release is behind a pipeline."""
_LONGEST_JOB_MINUTES = 300
"""CircleCI ends a job after five hours, on its largest plan."""
_CACHES = {
    "pip": "~/.cache/pip",
    "uv": "~/.cache/uv",
    "poetry": "~/.cache/pypoetry",
    "npm": "~/.npm",
    "pnpm": "~/.local/share/pnpm/store",
    "yarn": "~/.cache/yarn",
    "go": "~/go/pkg/mod",
    "maven": "~/.m2/repository",
}


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The configuration, the schedules, and a page on what CircleCI has to be told."""
    values = _values(blueprint)
    yield _artifact(CONFIG, fill("pipelines", f"{TEMPLATES}/config.yml.j2", **values))
    yield _artifact(".circleci/schedules.json", json_document(values["schedules"]))
    yield _artifact(".circleci/DEPLOYMENT.md", fill("pipelines", f"{TEMPLATES}/deployment.md.j2", **values))


def _values(blueprint: Blueprint) -> dict[str, Any]:
    values = common(blueprint, _LONGEST_JOB_MINUTES)
    every = str(values["every_place"])
    schedules = {"drift": _schedule("drift", values["drift_cron"], values["branch"])}
    if values["drill"]:
        schedules["drill"] = _schedule("drill", values["cron"][0], values["branch"])
    return {
        **values,
        "literal": literal,
        "expression": expression,
        "script_block": script,
        "put": put,
        "context": lambda *parts: yaml_value(short(blueprint.spec.application, *parts, limit=100)),
        "said": lambda *parts: code(short(blueprint.spec.application, *parts, limit=100)),
        "machine": Safe(facts.tool("circleci/ubuntu-2404")),
        "base": Safe(facts.tool("cimg/base")),
        "suite_image": convenience_image,
        "cache": _cache,
        "tool": lambda name: Safe(facts.tool(name)),
        "download": lambda name: Safe(facts.download(name)),
        "ungoverned": Safe(UNGOVERNED),
        "choices": [every, *(place.name for place in values["places"])],
        "schedules": schedules,
        "aws_places": [place for place in values["places"] if place.aws],
    }


def _cache(suite: Suite) -> tuple[str, str] | None:
    """`(file, folder)`: what a cache of packages goes by, and where they lie; None where that is not known for certain."""
    manager = suite.manager or {"python": "pip", "go": "go"}.get(suite.language, "")
    file = {"go": "go.mod", "maven": "pom.xml"}.get(manager, suite.lock_file)
    path = file if suite.folder == "." else f"{suite.folder}/{file}"
    return (path, _CACHES[manager]) if file and manager in _CACHES and is_plain(path) and " " not in path else None


def _schedule(action: str, cron: str, branch: str) -> dict[str, object]:
    """The body of a request that makes a schedule."""
    return {
        "name": action,
        "description": "See .circleci/DEPLOYMENT.md",
        "attribution-actor": "system",
        "parameters": {"branch": branch, "action": action},
        "timetable": timetable(cron),
    }


def _artifact(path: str, content: str) -> Artifact:
    return Artifact(path=path, content=content, system="circleci", owner="devops")
