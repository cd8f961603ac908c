"""The rollback drill: in staging this bundle goes in, is spoiled on purpose, and its way back is walked, timed and compared."""

from __future__ import annotations

import time
from collections.abc import Callable

from hug_agents.approve.clock import instant
from hug_agents.approve.identity import Digest
from hug_agents.approve.packet import DrillRecord
from hug_agents.execute.dossier import Dossier
from hug_agents.execute.events import record_once
from hug_agents.execute.executor import Executor
from hug_agents.execute.faults import FaultKind
from hug_agents.execute.target import Outcome, PlanStale
from hug_agents.plans import RollbackPlan
from hug_agents.rollout.back import unlike_before
from hug_agents.rollout.deployment import deploy
from hug_agents.rollout.run import Run, Tell, event_of
from hug_agents.spec import Line, Model, Text

NOTICE_SECONDS = 30
"""How long the smoke tests are given to notice what was injected."""
_FAULTS: tuple[FaultKind, ...] = ("errors", "crash", "health", "latency", "config")


class Phase(Model):
    """One part of a drill and how long it took."""

    name: Line
    outcome: Line
    seconds: float
    detail: Text = ""

    @property
    def passed(self) -> bool:
        """Whether the drill may go on after it."""
        return self.outcome in ("done", "none", "left out")


class DrillReport(Model):
    """What was seen while a drill ran: the evidence of its record."""

    bundle: Digest
    previous: Digest | None = None
    plan: Digest
    target: Line
    fault: Line = ""
    phases: tuple[Phase, ...]
    rollback: RollbackPlan

    @property
    def said(self) -> str:
        """How it went, in a sentence: what was injected and how long the way back took, or where it failed and why."""
        failed = next((item for item in self.phases if not item.passed), None)
        if failed:
            return f"rollback drill failed at {failed.name!r}: {' '.join(failed.detail.split()) or failed.outcome}"
        back = next((item.seconds for item in self.phases if item.name == "rollback"), 0)
        injected = f"{self.fault} injected, " if self.fault else ""
        return f"rollback drill passed: {injected}taken back in {back:.1f} s"


def drill(
    executor: Executor,
    dossier: Dossier,
    number: int,
    *,
    fault: FaultKind | None = None,
    tell: Tell = lambda *_: None,
) -> DrillRecord:
    """Walk the way back of this bundle in staging, and put the bundle there again.

    The version before goes in, then this one, which is spoiled with `fault` (without one: the first kind that the target
    can inject). Passed only if what was injected was noticed, the rollback was carried out, and traffic and desired
    state are then as they were. Called again after a crash, it goes on where it stopped. Raises what
    `Executor.carry_out` raises.
    """
    run = Run(executor, dossier, f"drill-{number}", tell)
    able = run.target.abilities
    chosen = fault or next((kind for kind in _FAULTS if kind in able.faults), None)
    phases: list[Phase] = []

    def phase(name: str, work: Callable[[], tuple[str, str]]) -> bool:
        """Do one part, once; what it found is kept."""
        if known := run.marked(name):
            phases.append(executor.store.get_model(Phase, known))
            return phases[-1].passed
        tell("drill", f"{run.environment}: {name}")
        began = time.monotonic()
        outcome, detail = work()
        seconds = round(time.monotonic() - began, 1)
        phases.append(Phase(name=name, outcome=outcome, seconds=seconds, detail=detail[:2000]))
        run.mark(name, executor.store.put_model(phases[-1]))
        tell("phase", phases[-1])
        return phases[-1].passed

    def back(series: str, step: int) -> tuple[str, str]:
        outcome = executor.carry_out(dossier, "rollback", step=step, weight=0, series=series)
        return outcome.status, outcome.detail

    def compare() -> tuple[str, str]:
        problem = unlike_before(run)
        return ("different", problem) if problem else ("none", "traffic and desired state are those of before")

    def put(series: str) -> tuple[str, str]:
        try:
            outcome: Outcome | None = deploy(executor, dossier, series=series, tell=tell).outcome
        except PlanStale:
            outcome = None
        if outcome is None:
            return "left out", "its plan is for a world before the rollback; staging stays rolled back"
        return outcome.status, outcome.detail

    def rehearse() -> bool:
        if able.repeats:
            before = phase("the version before", lambda: back(f"{run.series}-before", 0))
            if not (before and phase("as before", compare) and phase("this version", lambda: put(run.series))):
                return False
        return (
            phase(f"inject {chosen or 'nothing'}", lambda: _inject(run, chosen))
            and phase("notice", lambda: _notice(run, chosen))
            and phase("rollback", lambda: back(run.series, 1))
            and phase("compare with before", compare)
            and phase("deploy again", lambda: put(f"{run.series}-again"))
        )

    passed = rehearse()
    report = DrillReport(
        bundle=dossier.bundle,
        previous=run.contents.plan.previous,
        plan=dossier.plan,
        target=run.contents.plan.target,
        fault=chosen or "",
        phases=tuple(phases),
        rollback=run.contents.blueprint.rollback,
    )
    seconds = next((item.seconds for item in phases if item.name == "rollback"), 0)
    result = DrillRecord(
        bundle=dossier.bundle,
        environment=run.environment,
        outcome="passed" if passed else "failed",
        finished=instant(executor.desk.now()),
        seconds=round(seconds),
        evidence=executor.store.put_model(report),
        injected=chosen if chosen and able.faults else None,
    )
    detail = f"{run.series} {chosen or 'no fault'} evidence {result.evidence}"
    record_once(executor.desk, event_of("drill_ended", dossier, run.contents, result.outcome, detail))
    return result


def _inject(run: Run, fault: FaultKind | None) -> tuple[str, str]:
    if fault is None:
        return "left out", "the target cannot inject a failure"
    if fault not in run.target.abilities.faults:
        able = ", ".join(sorted(run.target.abilities.faults)) or "none"
        return "failed", f"the target cannot inject {fault}; it can: {able}"
    outcome = run.executor.carry_out(run.dossier, "inject", series=run.series, fault=fault)
    return outcome.status, outcome.detail


def _notice(run: Run, fault: FaultKind | None) -> tuple[str, str]:
    """The smoke tests have to fail: a failure that nobody notices is rolled back by nobody."""
    if fault is None or run.smoke() is None:
        return "left out", "nothing was injected" if fault is None else "the target does not know where it answers"
    for _ in range(NOTICE_SECONDS):
        report = run.smoke()
        if report and report.outcome == "failed":
            return "done", report.reason
        run.executor.sleep(1)
    return "failed", f"{fault} was injected, and no smoke test noticed it within {NOTICE_SECONDS} s"
