"""HUG-P5: the rollback is rehearsed, often enough to work on the day it is needed."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.validate.gate import Fix
from hug_agents.validate.policy.cron import longest_gap_days
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.isolated_tests import production
from hug_agents.validate.policy.pipelines import Pipeline, drills
from hug_agents.validate.policy.rule import Hit, Rule

SOURCE = "Failing to practice rollback drills regularly."
LONGEST_DAYS = 90


def too_rare(facts: Facts) -> Iterator[Hit]:
    """A drill that is planned too seldom."""
    days = facts.spec.drill_every_days
    if days > LONGEST_DAYS:
        yield Hit(
            f"the rollback is rehearsed every {days} days; {LONGEST_DAYS} is the longest",
            *facts.spec_place("drill_every_days"),
            fix=Fix(path="drill_every_days", value=LONGEST_DAYS, reason=f"HUG-P5a: at least every {LONGEST_DAYS} days"),
        )


def _drills(facts: Facts) -> tuple[Pipeline, ...]:
    return tuple(pipeline for pipeline in facts.pipelines if drills(pipeline))


def not_scheduled(facts: Facts) -> Iterator[Hit]:
    """No pipeline that rehearses the rollback by itself, or one that does so too seldom."""
    if facts.spec.toolchain.ci is None:
        return
    drills = _drills(facts)
    if not drills:
        file = facts.pipelines[0].file if facts.pipelines else ""
        yield Hit("no pipeline with a schedule rehearses the rollback", file, 1 if file else 0)
        return
    wanted = min(LONGEST_DAYS, facts.spec.drill_every_days)
    gaps = [
        (longest_gap_days(expression), pipeline.file, line)
        for pipeline in drills
        for expression, line in pipeline.crons
    ]
    shortest, file, line = min(gaps)
    if shortest > wanted + 1:
        yield Hit(f"up to {shortest} days pass between two drills; {wanted} were planned", file, line)


def drill_in_production(facts: Facts) -> Iterator[Hit]:
    """Rehearsals on the users' own system."""
    for pipeline in _drills(facts):
        for job in pipeline.jobs.values():
            for call in job.calls:
                if call.verb in ("rollback", "rollout") and call.environment in production(facts):
                    yield Hit(f"the drill touches {call.environment}", job.file, call.line)


RULES = (
    Rule(
        "HUG-P5a", "Drills are planned often enough", SOURCE,
        "People and platforms change within a quarter; a rollback that was never run since is a hope.",
        f"plan a drill at least every {LONGEST_DAYS} days", too_rare,
    ),
    Rule(
        "HUG-P5b", "Drills run by themselves", SOURCE,
        "A drill that somebody must remember is not held.",
        "add a pipeline with a schedule that rolls staging back", not_scheduled, owner="devops",
    ),
    Rule(
        "HUG-P5c", "Drills leave production alone", SOURCE,
        "A rehearsal that can hurt users is soon switched off.",
        "run the drill in staging", drill_in_production, owner="devops",
    ),
)  # fmt: skip
