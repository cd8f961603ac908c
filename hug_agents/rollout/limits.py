"""What a service must keep to, out of the objectives and triggers of a spec: shares of requests that may be bad."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from hug_agents.planning import describe_trigger
from hug_agents.slo import slos, watched_triggers
from hug_agents.spec import DeploymentSpec, Line, Model, Name

DEFAULT_ERROR_SHARE = 0.01
"""Where nothing is stated and there is no older version to compare with: more than 1 % of failed requests is bad."""
P99 = 0.01


class Limit(Model):
    """The largest share of requests that may be bad."""

    service: Name
    share: Annotated[float, Field(gt=0, lt=1)]
    threshold_ms: float | None = Field(None, description="bad is slower than this; None: bad is failed")
    source: Line = Field(description="the objective or the trigger, as a person says it")
    stated: bool = Field(True, description="False: nobody said so; it is our default")


def limits_of(spec: DeploymentSpec, service: str) -> tuple[Limit, ...]:
    """The limits of one web service; an objective's is its error budget. Each share and threshold once."""
    found: dict[tuple[float, float | None], Limit] = {}
    for limit in _limits(spec, service):
        found.setdefault((limit.share, limit.threshold_ms), limit)
    return tuple(found.values())


def usual_limit(service: str) -> Limit:
    """What holds for failures where nothing else does."""
    return Limit(
        service=service,
        share=DEFAULT_ERROR_SHARE,
        source=f"the default: more than {DEFAULT_ERROR_SHARE:.0%} of requests fail".replace("%", " %"),
        stated=False,
    )


def error_budget(limits: tuple[Limit, ...]) -> float | None:
    """The strictest share of failures that is stated."""
    return min((limit.share for limit in limits if limit.threshold_ms is None), default=None)


def tests_of(spec: DeploymentSpec) -> int:
    """How many comparisons share the level: as many as there can be, so that it does not move with the data.

    Of each service: failures at the looks and as they come, latency, its tail, and each limit.
    """
    limits = [limits_of(spec, service.name) for service in spec.web_services]
    return sum(4 + len(own) + (error_budget(own) is None) for own in limits)


def _limits(spec: DeploymentSpec, service: str) -> Iterator[Limit]:
    for trigger in watched_triggers(spec):
        source = f"the trigger: {describe_trigger(trigger)}"
        if trigger.metric == "error_rate" and trigger.threshold:
            yield Limit(service=service, share=trigger.threshold / 100, source=source)
        elif trigger.metric == "latency" and trigger.threshold:
            yield Limit(service=service, share=P99, threshold_ms=trigger.threshold, source=source)
    for slo in slos(spec):
        if service in slo.services:
            threshold = float(slo.threshold_ms) if slo.threshold_ms else None
            source = f"the objective: {slo.sentence}"
            yield Limit(service=service, share=float(slo.budget), threshold_ms=threshold, source=source)
