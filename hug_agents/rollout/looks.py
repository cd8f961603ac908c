"""When a new version is looked at while a step is held, and what each look may risk."""

from __future__ import annotations

import math
from typing import Annotated, Final

from pydantic import Field

from hug_agents.planning import plan_rollout
from hug_agents.rollout.statistics import spent
from hug_agents.spec import Analysis, DeploymentSpec, Model

ALPHA: Final = 0.02
"""The chance, at most, that a rollout of a version that is no worse is rolled back: all its steps, looks and checks."""
DOUBT: Final = 0.05
"""Below this chance of its being an accident, a difference that matters is not called good either: hold and look again."""
USUAL_LOOKS = 10
LONGEST_INTERVAL_SECONDS = 30


class Looks(Model):
    """How often a step is looked at."""

    interval_seconds: Annotated[int, Field(ge=1)]
    each: Annotated[int, Field(ge=1)] = Field(description="in one hold; the last of them is final")
    most: Annotated[int, Field(ge=1)] = Field(description="with every extension; the `looks` of `judge`")


def analysis_of(spec: DeploymentSpec, hold_seconds: int) -> Analysis:
    """The spec's analysis; by default ten looks a hold, at least every 30 s. An interval is never longer than the hold."""
    stated = spec.analysis or Analysis(interval_seconds=_usual_interval(hold_seconds))
    return stated.model_copy(update={"interval_seconds": max(1, min(stated.interval_seconds, hold_seconds or 1))})


def looks_of(analysis: Analysis, hold_seconds: int) -> Looks:
    """How often that is, for a hold of so many seconds."""
    each = max(1, math.ceil(hold_seconds / analysis.interval_seconds))
    return Looks(interval_seconds=analysis.interval_seconds, each=each, most=each * (1 + analysis.extensions))


def level(spec: DeploymentSpec, tests: int, look: int, looks: int) -> float:
    """The p-value below which one of `tests` comparisons at this look is no accident: a part of ALPHA."""
    held = sum(1 for step in plan_rollout(spec.strategy).steps if step.hold_seconds > 0)
    return spent(ALPHA / max(1, held) / max(1, tests), look, looks)


def _usual_interval(hold_seconds: int) -> int:
    return max(1, min(LONGEST_INTERVAL_SECONDS, hold_seconds // USUAL_LOOKS))
