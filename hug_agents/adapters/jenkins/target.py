"""The target `jenkins`: `jenkins:https://HOST/job/FOLDER?repository=…&branch=…`."""

from __future__ import annotations

from collections.abc import Callable

from hug_agents.adapters.forge import Pace
from hug_agents.adapters.jenkins.runner import JenkinsRunner
from hug_agents.adapters.pipelines.place import parse
from hug_agents.adapters.pipelines.target import PipelineTarget
from hug_agents.errors import UsageError
from hug_agents.http import checked_address
from hug_agents.store import Store

EXAMPLE = "jenkins:https://ci.example.com/job/payments-api?repository=git@example.com:acme/payments-api.git"


def jenkins_target(
    rest: str,
    store: Store,
    user: str,
    token: str,
    *,
    pace: Pace | None = None,
    tell: Callable[[str], None] | None = None,
) -> PipelineTarget:
    """The target by what stands after `jenkins:`. Raises UsageError."""
    if not user or not token:
        raise UsageError(
            "the target jenkins needs a user and an API token",
            where="target",
            hint="set HUG_AGENTS_JENKINS_USER and HUG_AGENTS_JENKINS_TOKEN; docs/pipelines.md says what the user must be allowed",
        )
    place = parse("jenkins", rest, example=EXAMPLE)
    folder = checked_address(place.where, "jenkins")
    if "/job/" not in folder:
        raise UsageError(f"{folder[:80]} is not the address of a folder of jobs", where="target", hint=EXAMPLE)
    runner = JenkinsRunner(folder, user, token, pace=pace)
    return PipelineTarget(place.model_copy(update={"where": folder}), runner, store, pace=pace, tell=tell)
