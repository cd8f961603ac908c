"""Jenkins: a declarative pipeline each for verify, deploy, roll back, the drill and drift; the jobs that run them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents import facts
from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.naming import short
from hug_agents.render.pipelines.builds import registry
from hug_agents.render.pipelines.common import common
from hug_agents.render.pipelines.containers import in_container, suite_image
from hug_agents.render.pipelines.jenkins_syntax import groovy, put, shell
from hug_agents.render.pipelines.places import Place, places
from hug_agents.render.templating import Safe, code, fill

TEMPLATES = "templates/jenkins"
FOLDER = "jenkins"
_SESSION_MINUTES = 360
"""The deployment role is given for six hours."""
_WEEK_MINUTES = 7 * 24 * 60
"""Without such a role, nothing but our own limit ends a build."""
_RELEASE = (
    ("CORRELATION", "Of a governed release, shown in the name of the build"),
    ("PACKET", "The digest of what was approved"),
    ("COMMIT", "The commit that must be built; empty: the head of the branch"),
)


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The pipelines, the image of their agent, the jobs, and a page on what Jenkins has to be told."""
    values = _values(blueprint)
    files = {
        "Jenkinsfile": "deploy",
        **{f"{FOLDER}/{name}.Jenkinsfile": name for name in ("verify", "rollback", "drift")},
    }
    if values["drill"]:
        files[f"{FOLDER}/drill.Jenkinsfile"] = "drill"
    for path, name in files.items():
        yield _artifact(path, fill("pipelines", f"{TEMPLATES}/{name}.Jenkinsfile.j2", **values))
    for path, name in (
        ("jobs.groovy", "jobs.groovy"),
        ("agent/Dockerfile", "agent.Dockerfile"),
        ("DEPLOYMENT.md", "deployment.md"),
    ):
        yield _artifact(f"{FOLDER}/{path}", fill("pipelines", f"{TEMPLATES}/{name}.j2", **values))


def _values(blueprint: Blueprint) -> dict[str, Any]:
    aws = any(place.aws for place in places(blueprint)) or registry(blueprint.spec).kind == "ecr"
    values = common(blueprint, _SESSION_MINUTES if aws else _WEEK_MINUTES)
    choices = [str(values["every_place"]), *(place.name for place in values["places"])]
    return {
        **values,
        "groovy": groovy,
        "shell": shell,
        "put": put,
        "prefix": _prefix,
        "setting": _setting,
        "said": lambda *parts: code(short(blueprint.spec.application, *parts, limit=100)),
        "download": lambda name: Safe(facts.download(name)),
        "credential": lambda *parts: groovy(short(blueprint.spec.application, *parts, limit=100)),
        "suite_image": suite_image,
        "in_container": in_container,
        "image": lambda reference: Safe(facts.image(reference)),
        "tool": lambda name: Safe(facts.tool(name)),
        "release_parameters": _RELEASE,
        "choices": choices,
        "own_choices": choices[1:],
        "aws": aws,
    }


def _prefix(place: Place) -> Safe:
    """What stands before the name of an environment's setting: folder properties are one list for all."""
    return Safe(place.name.upper().replace("-", "_"))


def _setting(place: Place, name: str, *, optional: bool = False) -> Safe:
    """A setting of an environment, as shell reads it."""
    return Safe(
        f'"${{{_prefix(place)}_{name}:-}}"' if optional else f'"${{{_prefix(place)}_{name}:?a property of the folder}}"'
    )


def _artifact(path: str, content: str) -> Artifact:
    return Artifact(path=path, content=content, system="jenkins", owner="devops")
