"""How risky a change is, by rule, with every reason: what it changes and destroys, whom it reaches, when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, get_args

from pydantic import Field

from hug_agents.approve.identity import Digest
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment, Line, Model, Name

Tier = Literal["low", "standard", "high", "destructive"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""From the least to the worst."""
Subject = Literal["change", "destruction", "blast_radius", "data", "window", "history"]
_SMALL_CHANGE = 20
_MANY_SERVICES = 3
_LISTED = 8
Count = Annotated[int, Field(ge=0)]


class PlannedChange(Model):
    """What a target's saved plan would do in one environment. The plan itself is bound by its digest."""

    environment: Name
    target: Line = Field(description="what would carry it out, e.g. terraform")
    digest: Digest = Field(description="of the saved plan: the only thing that may be applied")
    creates: Count = 0
    updates: Count = 0
    replaces: tuple[Line, ...] = Field((), description="addresses that are deleted and made anew")
    deletes: tuple[Line, ...] = Field((), description="addresses that go")
    data: tuple[Line, ...] = Field((), description="those of them that hold data")
    changes: tuple[Line, ...] = Field(
        (), description="each change, as the target tells it; secrets hidden", exclude_if=lambda value: not value
    )
    imports: tuple[Line, ...] = Field(
        (), description="what is there already and is taken over", exclude_if=lambda value: not value
    )

    @property
    def destroyed(self) -> tuple[str, ...]:
        """Everything that is there before and gone after."""
        return (*self.replaces, *self.deletes)


class History(Model):
    """What earlier releases of this application in this environment tell."""

    releases: Count = 0
    failed: Count = Field(0, description="that failed or were rolled back, of the last ten")
    last_failed: bool = False


class RiskReason(Model):
    """One reason, and the tier that it alone would ask for."""

    subject: Subject
    tier: Tier
    text: Line


class Risk(Model):
    """The worst reason decides the tier."""

    tier: Tier
    reasons: tuple[RiskReason, ...]


def assess(
    blueprint: Blueprint,
    environment: Environment,
    plans: Iterable[PlannedChange],
    history: History,
    *,
    window_open: bool = True,
) -> Risk:
    """The risk of taking this blueprint to this environment by these plans."""
    here = tuple(plan for plan in plans if plan.environment == environment.name)
    reasons = (
        *_changes(here),
        *_destruction(here),
        *_reach(blueprint, environment),
        *_data(blueprint),
        *(() if window_open else (RiskReason(subject="window", tier="high", text="the change window is closed"),)),
        *_past(history),
    )
    tier = max((reason.tier for reason in reasons), key=TIERS.index, default="low")
    ordered = sorted(reasons, key=lambda reason: -TIERS.index(reason.tier))
    return Risk(tier=tier, reasons=tuple(ordered))


def _changes(plans: tuple[PlannedChange, ...]) -> Iterable[RiskReason]:
    if not plans:
        yield RiskReason(subject="change", tier="high", text="no saved plan says what would change")
        return
    count = sum(plan.creates + plan.updates for plan in plans)
    tier: Tier = "low" if count <= _SMALL_CHANGE else "standard"
    what = "1 resource or file is" if count == 1 else f"{count} resources or files are"
    yield RiskReason(subject="change", tier=tier, text=f"{what} created or updated")


def _destruction(plans: tuple[PlannedChange, ...]) -> Iterable[RiskReason]:
    gone = [address for plan in plans for address in plan.destroyed]
    data = [address for plan in plans for address in plan.data]
    if gone:
        yield RiskReason(subject="destruction", tier="destructive", text=f"deleted or replaced: {_some(gone)}")
    if data:
        yield RiskReason(subject="data", tier="destructive", text=f"data is lost with: {_some(data)}")


def _reach(blueprint: Blueprint, environment: Environment) -> Iterable[RiskReason]:
    spec = blueprint.spec
    public = [service.name for service in spec.web_services if service.public]
    production = environment.role == "production"
    tier: Tier = "standard" if production else "low"
    yield RiskReason(
        subject="blast_radius",
        tier="high" if production and len(spec.services) > _MANY_SERVICES else tier,
        text=f"services of {environment.role} that change: {len(spec.services)}, public among them: {len(public)}",
    )
    first = next((step.weight for step in blueprint.rollout.steps if step.weight), 100)
    if production and first >= 100:
        yield RiskReason(
            subject="blast_radius", tier="standard", text="all traffic moves in the first step; nothing is tried small"
        )


def _data(blueprint: Blueprint) -> Iterable[RiskReason]:
    for item in blueprint.rollback.irreversible:
        yield RiskReason(subject="data", tier="high", text=f"not undone by a rollback: {item.what}"[:500])


def _past(history: History) -> Iterable[RiskReason]:
    if not history.releases:
        yield RiskReason(subject="history", tier="standard", text="the first release here; nothing is known to work")
    elif history.last_failed:
        yield RiskReason(subject="history", tier="high", text="the last release here failed or was rolled back")
    elif history.failed:
        yield RiskReason(subject="history", tier="standard", text=f"{history.failed} of the last releases here failed")


def _some(addresses: list[str]) -> str:
    more = f" and {len(addresses) - _LISTED} more" if len(addresses) > _LISTED else ""
    return (", ".join(address[:120] for address in addresses[:_LISTED])) + more
