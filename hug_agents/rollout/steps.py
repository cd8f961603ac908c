"""A rollout plan as orders: the same sequence for every target that can carry it."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.execute.target import Abilities, Action
from hug_agents.plans import RolloutPlan
from hug_agents.spec import Model


class Step(Model):
    """One order of a deployment, and how the new version is looked at after it."""

    action: Action
    step: int
    weight: int
    hold_seconds: int = 0
    watched: bool = False
    """Traffic is on the new version, and it is compared with the old one while it is held."""
    smoked: bool = False
    """The smoke tests are run against the new version."""


def steps_of(rollout: RolloutPlan, abilities: Abilities, *, production: bool, first: bool = False) -> Iterator[Step]:
    """The orders of a rollout plan. Outside production all traffic moves at once and nothing is held.

    `first`: nothing ran there before, so no old version is kept ready after the promotion.

    An `analyse` step of the plan is the look at the order before it, which is held as long as both say.
    """
    if abilities.hands_over:
        yield Step(action="deploy", step=1, weight=100, smoked=True)
        return
    weights = [step.weight for step in rollout.steps if step.action == "shift"]
    waiting: Step | None = None
    for step in rollout.steps:
        if step.action == "analyse":
            if waiting and production:
                hold = waiting.hold_seconds + step.hold_seconds
                waiting = waiting.model_copy(update={"hold_seconds": hold, "watched": True})
            continue
        if waiting:
            yield waiting
            waiting = None
        if step.action == "shift" and not production and step.weight != max(weights):
            continue
        hold = step.hold_seconds if production and not (first and step.action == "promote") else 0
        waiting = Step(
            action=step.action,
            step=step.order,
            weight=step.weight,
            hold_seconds=hold,
            watched=hold > 0,
            smoked=step.action in ("deploy", "shift"),
        )
    if waiting:
        yield waiting
