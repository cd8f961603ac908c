"""The target `circleci`: `circleci:gh/OWNER/NAME?repository=…&branch=…`."""

from __future__ import annotations

import re
from collections.abc import Callable

from hug_agents.adapters.circleci.runner import CircleciRunner
from hug_agents.adapters.forge import Pace
from hug_agents.adapters.pipelines.place import parse
from hug_agents.adapters.pipelines.target import PipelineTarget
from hug_agents.errors import UsageError
from hug_agents.http import checked_address
from hug_agents.store import Store

API = "https://circleci.com"
EXAMPLE = "circleci:gh/acme/payments-api?repository=git@github.com:acme/payments-api.git"
_PROJECT = re.compile(r"(gh|github|bb|bitbucket|circleci)/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


def circleci_target(
    rest: str, store: Store, token: str, *, pace: Pace | None = None, tell: Callable[[str], None] | None = None
) -> PipelineTarget:
    """The target by what stands after `circleci:`. Raises UsageError."""
    if not token:
        raise UsageError(
            "the target circleci needs an API token",
            where="target",
            hint="set HUG_AGENTS_CIRCLECI_TOKEN to a personal one; docs/pipelines.md says why",
        )
    place = parse("circleci", rest, example=EXAMPLE, more=frozenset(("api",)))
    if not _PROJECT.fullmatch(place.where) or "/.." in place.where:
        raise UsageError(f"{place.where[:80]!r} is not the slug of a project", where="target", hint=EXAMPLE)
    api = checked_address(place.options.get("api", API), "api")
    runner = CircleciRunner(place.where, place.branch, token, api=api, pace=pace)
    return PipelineTarget(place, runner, store, pace=pace, tell=tell)
