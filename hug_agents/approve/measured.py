"""What was measured of earlier deployments: as a packet carries it, and as a policy bounds it."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from hug_agents.approve.clock import Instant
from hug_agents.spec import Model

MetricName = Literal[
    "deployment_success_rate",
    "change_failure_rate",
    "rollback_rate",
    "configuration_drift_rate",
    "mean_time_to_deploy",
    "mean_time_to_recovery",
]
"""Rates are in percent, times in minutes; docs/metrics.md says what each counts."""
METRICS: tuple[MetricName, ...] = get_args(MetricName)
_WHOLE = 100
Whole = Annotated[int, Field(ge=0, le=1_000_000)]


class Bound(Model):
    """What a policy asks of one metric before a checkpoint opens."""

    at_most: Whole | None = Field(None, description="percent, or minutes for a time")
    at_least: Whole | None = Field(None, description="percent, or minutes for a time")
    over_days: Annotated[int, Field(ge=1, le=3650)] = Field(90, description="how far back it is measured")
    at_least_deployments: Annotated[int, Field(ge=0, le=10_000)] = Field(
        5, description="with fewer in that time nothing is judged: too little says nothing, neither good nor bad"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give at_most or at_least, one of them")
        return self


def sensible(bounds: dict[MetricName, Bound]) -> dict[MetricName, Bound]:
    """Bounds that mean something: more success and less of anything else, and no more than all. Raises ValueError."""
    for name, bound in bounds.items():
        title = name.replace("_", " ")
        wanted = "at_least" if name == "deployment_success_rate" else "at_most"
        if getattr(bound, wanted) is None:
            raise ValueError(f"{title} takes {wanted}: the other way round, what is bad would open the checkpoint")
        if name.endswith("_rate") and getattr(bound, wanted) > _WHOLE:
            raise ValueError(f"{title} is in percent: {wanted} {getattr(bound, wanted)} is more than all of them")
    return bounds


class Measured(Model):
    """One metric of the application in production, as the log had it when people were asked."""

    name: MetricName
    over_days: Annotated[int, Field(ge=1)]
    value: float | None = Field(None, description="percent or minutes, to two decimals; None: no data")
    deployments: Annotated[int, Field(ge=0)] = Field(description="that ended in that time")
    until: Instant = Field(description="when it was measured")

    @property
    def unit(self) -> str:
        """As it is read behind the number."""
        return "%" if self.name.endswith("_rate") else "min"

    @property
    def text(self) -> str:
        """The figure as a person reads it."""
        value = "no data" if self.value is None else f"{self.value:g} {self.unit}"
        title = self.name.replace("_", " ")
        many = "" if self.deployments == 1 else "s"
        return f"{title}: {value} over {self.over_days} days, {self.deployments} deployment{many}"


def judged(bound: Bound, found: Measured | None, name: MetricName) -> str:
    """Why a bound is not held; empty where it is, or where there is too little to judge by.

    A recovery time without a failure is no gap. Any other metric without data is one: not measured is not passed.
    """
    title = name.replace("_", " ")
    if found is None or found.over_days != bound.over_days:
        return f"{title} was not measured over {bound.over_days} days"
    if found.deployments < bound.at_least_deployments:
        return ""
    wanted = f"at most {bound.at_most}" if bound.at_most is not None else f"at least {bound.at_least}"
    rule = f"the policy asks for {wanted} {found.unit}"
    if found.value is None:
        return "" if name == "mean_time_to_recovery" else f"{found.text}; {rule}"
    held = found.value <= bound.at_most if bound.at_most is not None else found.value >= (bound.at_least or 0)
    return "" if held else f"{found.text}; {rule}"
