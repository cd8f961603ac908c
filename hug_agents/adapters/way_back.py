"""Which way leads back in an environment whose pipeline remembers one version: the one before the last good deployment.

It forgets that version once it went back there, and once a later rollout failed and was undone. Its rollback then succeeds and
changes nothing, so the version before has to be deployed anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hug_agents.adapters.tree import Head
from hug_agents.execute.target import Outcome, Work

Way = Literal["roll_back", "deploy_before", "back", "look"]
"""roll_back: the pipeline's own rollback leads there · deploy_before: only a deployment of the version before does · back:
nothing of the bundle is left there · look: a run left it half way, and nobody knows."""
How = Literal["success", "undone", "untouched", "cut off", "failed"]
"""undone: it failed, and went back by itself · untouched: it failed before it changed anything · cut off: it was stopped
half way, and the pipeline's rollback goes back from there · failed: none of these."""
AGAIN = "-BACK"
"""What the correlation of a deployment ends with that takes something back. No release is named with capital letters."""
NEVER = "this bundle does not run there: nothing has to be rolled back"


@dataclass(frozen=True)
class Past:
    """One run that came to its end in the environment."""

    kind: Literal["deploy", "rollback"]
    how: How
    ours: bool
    """Whether it deployed the bundle that is to be taken back, and not to take another one back."""
    url: str


def way_back(past: Iterable[Past], *, there: bool) -> tuple[Way, str]:
    """The way, and why. `past`: the newest first. `there`: the bundle is what was left there last."""
    after: Past | None = None
    undone = ""
    for item in past:
        if item.ours and item.how in ("undone", "untouched"):
            undone = undone or item.url
        if item.how == "untouched" or (item.kind == "rollback" and item.how != "success"):
            continue
        if item.how == "cut off" and item.ours and after is None:
            return "roll_back", item.url
        if item.how in ("failed", "cut off"):
            return "look", f"{item.url} did not end well, and did not go back by itself"
        if item.kind == "deploy" and item.how == "success":
            if item.ours and after is None:
                return "roll_back", item.url
            if item.ours and after is not None and after.kind == "rollback":
                return "back", f"it was rolled back already: {after.url}"
            there = there or item.ours
            break
        after = item
    if there:
        return "deploy_before", "the pipeline remembers no version before"
    return "back", f"the pipeline had rolled back itself, or changed nothing: {undone}" if undone else NEVER


def ordered_back(
    work: Work, where: str, head: Head, there: Head | None, past: Iterable[Past]
) -> Outcome | Literal["roll_back", "deploy_before"]:
    """Which way an order to roll back goes; an outcome, where no run of a pipeline is needed or none may be begun.

    `head`: what the branch holds, `where` it is. `there`: the commit that the environment was left with, if that is known.
    """
    place = work.order.environment.name
    if not any((there or head).settled(item) for item in (work.bundle, work.previous)):
        held = f"{place} holds another bundle than would be rolled back"
        return Outcome(status="failed", detail=held if there else f"{where}: {held}")
    way, why = way_back(past, there=bool(there and there.holds(work.bundle)))
    if way == "look":
        return Outcome(status="failed", detail=f"{why}: look at {place} before anything else")
    if way == "back":
        return Outcome(status="done", detail=why)
    if work.previous is None:
        return Outcome(
            status="failed",
            detail=f"this is the first release in {place}: its pipeline has no version to go back to; take it away by hand, as "
            "docs/rollback-plan.md of the bundle says, or roll forward",
        )
    return way
