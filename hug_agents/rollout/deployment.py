"""One deployment: a bundle goes into one environment, step by step, each step through the executor."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hug_agents.approve.identity import Digest
from hug_agents.execute.dossier import Contents, Dossier, open_dossier
from hug_agents.execute.events import Event, EventName, record_once
from hug_agents.execute.executor import Executor
from hug_agents.execute.target import Abilities, Action, Outcome
from hug_agents.plans import RolloutPlan
from hug_agents.spec import Model, Name

Tell = Callable[[str, object], None]


class Step(Model):
    """One order of a deployment."""

    action: Action
    step: int
    weight: int
    hold_seconds: int = 0


class Deployment(Model):
    """How a deployment went, as one document: evidence of the next checkpoint's packet."""

    environment: Name
    bundle: Digest
    plan: Digest
    steps: tuple[Step, ...]
    outcome: Outcome


def steps_of(rollout: RolloutPlan, abilities: Abilities, *, production: bool) -> Iterator[Step]:
    """The orders of a rollout plan. Outside production all traffic moves at once and nothing is held."""
    if abilities.hands_over:
        yield Step(action="deploy", step=1, weight=100)
        return
    weights = [step.weight for step in rollout.steps if step.action == "shift"]
    for step in rollout.steps:
        if step.action == "analyse":
            continue
        if step.action == "shift" and not production and step.weight != max(weights):
            continue
        yield Step(
            action=step.action,
            step=step.order,
            weight=step.weight,
            hold_seconds=step.hold_seconds if production else 0,
        )


def deploy(
    executor: Executor, dossier: Dossier, *, series: str = "release", tell: Tell = lambda *_: None
) -> Deployment:
    """Carry out every step; the first that fails ends it. Called again, it goes on where it stopped.

    Raises what `Executor.carry_out` raises.
    """
    contents = open_dossier(dossier, executor.store)
    environment = contents.environment
    steps = tuple(
        steps_of(
            contents.blueprint.rollout,
            executor.target(contents.plan.target).abilities,
            production=environment.role == "production",
        )
    )
    outcome = Outcome(status="done")
    if series == "release":
        executor.authorise(dossier)
        record_once(executor.desk, event_of("deployment_began", dossier, contents))
    for item in steps:
        tell("effect", f"{environment.name}: {item.action} {item.weight} %")
        outcome = executor.carry_out(dossier, item.action, step=item.step, weight=item.weight, series=series)
        if outcome.status == "failed":
            break
    if series == "release":
        how = "deployed" if outcome.status == "done" else "failed"
        record_once(executor.desk, event_of("deployment_ended", dossier, contents, how))
    return Deployment(
        environment=environment.name,
        bundle=dossier.bundle,
        plan=dossier.plan,
        steps=steps,
        outcome=outcome,
    )


def event_of(name: EventName, dossier: Dossier, contents: Contents, outcome: str = "", detail: str = "") -> Event:
    """An event of the environment that a dossier is about."""
    return Event(
        name=name,
        release=dossier.release,
        application=contents.spec.application,
        environment=contents.environment.name,
        role=contents.environment.role,
        target=contents.plan.target,
        bundle=dossier.bundle,
        outcome=outcome,
        detail=detail,
    )
