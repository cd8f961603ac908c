"""The targets by name: ours, and those of the entry-point group `hug_agents.targets` (each `(rest, store) -> Target`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from hug_agents.errors import UsageError
from hug_agents.execute.target import Target
from hug_agents.store import Store

Make = Callable[[str, Store], Target]


def _write(rest: str, store: Store) -> Target:
    from hug_agents.adapters.write import WriteTarget

    if not rest:
        raise UsageError("the target write needs a git repository", where="target", hint="write:PATH")
    return WriteTarget(Path(rest))


def _local(rest: str, store: Store) -> Target:
    from hug_agents.adapters.local.target import LocalTarget

    return LocalTarget(rest, store)


def _cloudformation(rest: str, store: Store) -> Target:
    from hug_agents.adapters.cloudformation.target import CloudFormationTarget

    return CloudFormationTarget(Path(rest) if rest else None, store)


def _terraform(rest: str, store: Store) -> Target:
    from hug_agents.adapters.terraform.target import TerraformTarget

    if not rest:
        raise UsageError("the target terraform needs a folder of its own", where="target", hint="terraform:FOLDER")
    return TerraformTarget(Path(rest), store)


def _github_actions(rest: str, store: Store) -> Target:
    from hug_agents.adapters.github_actions.place import Place
    from hug_agents.adapters.github_actions.target import GithubActionsTarget
    from hug_agents.settings import Settings

    return GithubActionsTarget(Place.parse(rest), store, Settings.load().github_token)


_OURS: dict[str, Make] = {
    "cloudformation": _cloudformation,
    "github_actions": _github_actions,
    "local": _local,
    "terraform": _terraform,
    "write": _write,
}


def load_target(name: str, store: Store) -> Target:
    """A target by its name, `KIND` or `KIND:WHAT IT NEEDS`. Raises UsageError."""
    kind, _, rest = name.partition(":")
    makers: dict[str, Make] = {point.name: point.load() for point in entry_points(group="hug_agents.targets")} | _OURS
    if kind not in makers:
        raise UsageError(
            f"there is no target {kind[:40]!r}" if kind else "no target was named",
            where="target",
            hint=f"one of: {', '.join(sorted(makers))}; e.g. write:../infrastructure",
        )
    return makers[kind](rest, store)
