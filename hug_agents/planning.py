"""Spec → plans, by rule: the rollout's steps, the way back, what cannot be undone. No model adds or removes a step here."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from hug_agents.plans import (
    Blueprint,
    Irreversible,
    Note,
    Requirement,
    RollbackPlan,
    RollbackStep,
    RolloutPlan,
    RolloutStep,
)
from hug_agents.runbook import plan_runbook
from hug_agents.spec import DeploymentSpec, Strategy, Trigger

ROLLING_HOLD_SECONDS = 300
"""How long a rolling update is watched after its last replica was replaced."""

_HOW_WELL = {
    "rolling": "replace the replicas in batches",
    "blue_green": "start the new version beside the old one, without traffic",
    "canary": "start the new version beside the old one, without traffic",
}


def plan(spec: DeploymentSpec, *, requirements: Iterable[Requirement] = (), notes: Iterable[Note] = ()) -> Blueprint:
    """Everything that the renderers need, from a spec. Deterministic."""
    return Blueprint(
        spec=spec,
        rollout=plan_rollout(spec.strategy),
        rollback=plan_rollback(spec),
        runbook=plan_runbook(spec),
        requirements=tuple(requirements),
        notes=tuple(notes),
    )


# Made of the same spec again and again; what comes out depends on nothing else.
@lru_cache(maxsize=8)
def blueprint_of(spec: DeploymentSpec) -> Blueprint:
    """The plan of a spec alone, without anybody's requirements and notes."""
    return plan(spec)


def plan_rollout(strategy: Strategy) -> RolloutPlan:
    """A strategy as one sequence of steps, the same for every target that can carry it."""
    steps: list[RolloutStep] = []

    def add(action: str, weight: int, description: str, hold: int = 0) -> None:
        steps.append(
            RolloutStep.model_validate(
                {
                    "order": len(steps) + 1,
                    "action": action,
                    "weight": weight,
                    "hold_seconds": hold,
                    "description": description,
                }
            )
        )

    if strategy.kind == "rolling":
        batches = f"at most {strategy.max_surge_percent} % above and {strategy.max_unavailable_percent} % below"
        add("deploy", 100, f"{_HOW_WELL['rolling']}, {batches} the wanted number")
        add(
            "analyse",
            100,
            "compare error rate and latency with the objectives; run the smoke tests",
            ROLLING_HOLD_SECONDS,
        )
        add("promote", 100, "record the new version as the one to return to")
        return RolloutPlan(strategy=strategy.kind, steps=tuple(steps))
    add("deploy", 0, f"{_HOW_WELL[strategy.kind]}; smoke tests against it")
    moves = [(step.weight, step.hold_seconds) for step in strategy.steps] or [(100, ROLLING_HOLD_SECONDS)]
    for weight, hold in moves:
        add("shift", weight, f"move {weight} % of the traffic to the new version", hold)
        add("analyse", weight, f"judge the new version at {weight} %: error rate, latency, health, smoke tests")
    add("promote", 100, "the new version is the desired state; the old one stays ready", strategy.keep_old_seconds)
    add("retire", 100, "remove the old version")
    return RolloutPlan(strategy=strategy.kind, steps=tuple(steps))


def plan_rollback(spec: DeploymentSpec) -> RollbackPlan:
    """The way back for this spec: traffic first, then desired state, then proof."""
    production = spec.production[0] if spec.production else spec.environments[-1]
    script = "deploy/deploy.sh"
    beside = spec.strategy.kind != "rolling"
    steps = [
        (
            "Stop the rollout: no further step starts",
            "Site Reliability Engineer",
            "",
            "the pipeline run is cancelled",
            30,
        ),
        (
            "Send all traffic to the previous version"
            + ("" if beside else " by replacing the replicas with the previous image"),
            "Site Reliability Engineer",
            f"{script} rollback {production.name}",
            f"{script} status {production.name} shows 100 % on the previous version",
            60 if beside else 300,
        ),
        (
            "Restore the desired state: the files of the previous bundle on the branch that is deployed from; then, from them",
            "Operations Engineer",
            f"{script} plan {production.name}",
            "the plan shows no change",
            180,
        ),
        (
            "Verify as users see it",
            "Site Reliability Engineer",
            f"deploy/smoke.sh {production.name}",
            "every smoke test passes, and error rate and latency are back within the objectives for ten minutes",
            600,
        ),
        (
            "Record what happened: times, trigger, cause, follow-up",
            "Operations Engineer",
            "",
            "the incident is written down and linked to the release",
            0,
        ),
    ]
    return RollbackPlan(
        triggers=(
            *(describe_trigger(trigger) for trigger in spec.triggers),
            "by hand: the Site Reliability Engineer on duty decides",
        ),
        steps=tuple(
            RollbackStep.model_validate(
                {
                    "order": order,
                    "action": action,
                    "who": who,
                    "command": command,
                    "verify": verify,
                    "expected_seconds": seconds,
                }
            )
            for order, (action, who, command, verify, seconds) in enumerate(steps, start=1)
        ),
        irreversible=tuple(_irreversible(spec)),
    )


def describe_trigger(trigger: Trigger) -> str:
    """A rollback trigger as a person says it."""
    lasting = f" for {trigger.for_seconds} s" if trigger.for_seconds else ""
    match trigger.metric:
        case "error_rate":
            return f"more than {trigger.threshold:g} % of requests fail{lasting}"
        case "latency":
            return f"the 99th percentile of latency is above {trigger.threshold:g} ms{lasting}"
        case "health":
            return f"a health check fails{lasting}"
        case _:
            return "a smoke test fails"


def _irreversible(spec: DeploymentSpec) -> Iterable[Irreversible]:
    for service in spec.services:
        if service.migrate_command:
            yield Irreversible(
                what=f"the migration of {service.name}",
                why="a schema change is not undone by starting the previous image",
                forward_fix="migrate in two releases (expand, then contract), so that the previous version works with "
                "the new schema; if it does not, restore the backup taken before the migration or ship a fix",
            )
    for dependency in spec.dependencies:
        if dependency.kind in ("postgres", "mysql", "object_store"):
            yield Irreversible(
                what=f"data written to {dependency.name} by the new version",
                why="a rollback returns to the previous program, not to the previous data",
                forward_fix="keep formats readable by the previous version; correct data by a reviewed script, or "
                "restore to a point in time when it is lost",
            )
        if dependency.kind == "queue":
            yield Irreversible(
                what=f"messages on {dependency.name} that the new version sent",
                why="the previous version will read them",
                forward_fix="keep messages readable by the previous version; move unreadable ones to the dead-letter "
                "queue and replay them after the fix",
            )
