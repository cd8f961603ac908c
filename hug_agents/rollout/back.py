"""The way back: traffic first, then desired state, then a look whether the world is as it was before."""

from __future__ import annotations

from hug_agents.execute.target import Outcome
from hug_agents.rollout.run import Run


def take_back(run: Run, reason: str) -> Outcome:
    """Roll back and verify. A way back that fails stops where it is and asks a person.

    `done`: what ran before runs again, and nothing else. `failed`: a person said to leave it as it is. Called again, it
    goes on where it stopped. Raises NeedsPerson, and what `Executor.carry_out` raises.
    """
    run.record("rollback_began", detail=reason)
    attempt = 0
    while True:
        run.tell("effect", f"{run.environment}: roll back")
        outcome = run.executor.carry_out(run.dossier, "rollback", step=attempt, weight=0, series=run.series)
        problem = outcome.detail or "the target gave no reason" if outcome.status == "failed" else unlike_before(run)
        if not problem:
            run.record("rollback_ended", "passed")
            return outcome
        subject = f"rollback {attempt}"
        answer = run.executor.matters.settle("rollback_failed", run.dossier, run.environment, subject, problem)
        if answer.choice == "leave":
            run.record("rollback_ended", "failed", problem)
            return Outcome(status="failed", detail=f"left as it is by {answer.reviewer}: {problem}"[:2000])
        attempt += 1


def unlike_before(run: Run) -> str:
    """How the environment differs from what ran there before; empty if it does not."""
    previous = run.contents.previous
    seen = run.target.drift(previous, run.contents.blueprint, run.contents.environment)
    if seen.status != "none":
        return f"{seen.status}: {'; '.join(seen.changes) or seen.evidence or 'no evidence'}"[:2000]
    report = run.smoke(previous) if previous else None
    return (
        ""
        if report is None or report.outcome != "failed"
        else f"smoke tests of the version before: {report.reason}"[:2000]
    )
