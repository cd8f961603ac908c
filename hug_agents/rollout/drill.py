"""The rollback drill: this bundle's way back is walked in staging, timed, and compared with what was there before."""

from __future__ import annotations

from datetime import datetime

from hug_agents.approve.clock import instant
from hug_agents.approve.identity import Digest
from hug_agents.approve.packet import DrillRecord
from hug_agents.execute.dossier import Dossier, open_dossier
from hug_agents.execute.events import record_once
from hug_agents.execute.executor import Executor
from hug_agents.execute.target import Drift, Outcome, PlanStale
from hug_agents.plans import RollbackPlan
from hug_agents.rollout.deployment import Tell, deploy, event_of
from hug_agents.spec import Line, Model


class Phase(Model):
    """One part of a drill and how long it took."""

    name: Line
    outcome: Line
    seconds: int
    detail: str = ""


class DrillReport(Model):
    """What was seen while a drill ran: the evidence of its record."""

    bundle: Digest
    plan: Digest
    target: Line
    phases: tuple[Phase, ...]
    rollback: RollbackPlan


def drill(executor: Executor, dossier: Dossier, number: int, *, tell: Tell = lambda *_: None) -> DrillRecord:
    """Roll this bundle back in staging, look whether the world is as it was, and put the bundle there again.

    Passed only if the target carried the rollback out and then sees no difference to what ran before. Raises what
    `Executor.carry_out` raises.
    """
    contents = open_dossier(dossier, executor.store)
    series = f"drill-{number}"
    target = executor.target(contents.plan.target)
    clock = executor.desk.now
    began = clock()
    tell("drill", f"{contents.environment.name}: rolling back")
    back = executor.carry_out(dossier, "rollback", weight=0, series=series)
    phases = [Phase(name="rollback", outcome=back.status, seconds=_seconds(began, clock()), detail=back.detail)]
    if back.status == "done":
        at = clock()
        seen = target.drift(contents.previous, contents.blueprint, contents.environment)
        phases.append(_compared(seen, _seconds(at, clock())))
    passed = all(phase.outcome in ("done", "none") for phase in phases)
    if passed:
        at = clock()
        try:
            again: Outcome | None = deploy(executor, dossier, series=series, tell=tell).outcome
        except PlanStale:
            again = None
        phases.append(
            Phase(
                name="deploy again",
                outcome=again.status if again else "left out",
                seconds=_seconds(at, clock()),
                detail=again.detail
                if again
                else "its plan is for a world before the rollback; staging stays rolled back",
            )
        )
        passed = again is None or again.status == "done"
    report = DrillReport(
        bundle=dossier.bundle,
        plan=dossier.plan,
        target=contents.plan.target,
        phases=tuple(phases),
        rollback=contents.blueprint.rollback,
    )
    result = DrillRecord(
        bundle=dossier.bundle,
        environment=contents.environment.name,
        outcome="passed" if passed else "failed",
        finished=instant(clock()),
        seconds=phases[0].seconds,
        evidence=executor.store.put_model(report),
    )
    detail = f"{series} evidence {result.evidence}"
    record_once(executor.desk, event_of("drill_ended", dossier, contents, result.outcome, detail))
    return result


def _compared(seen: Drift, seconds: int) -> Phase:
    detail = "; ".join(seen.changes)[:2000] or seen.evidence
    return Phase(name="compare with before", outcome=seen.status, seconds=seconds, detail=detail)


def _seconds(begin: datetime, end: datetime) -> int:
    return max(0, round((end - begin).total_seconds()))
