"""HUG-P3: a pipeline that one person can hold in the head."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Hit, Rule

SOURCE = "Overcomplicating pipelines with unnecessary steps."
MOST_JOBS_BESIDE = 6
"""Jobs of one pipeline beside those of each environment and each service."""
MOST_STEPS = 20
DEEPEST = 4
"""Jobs in a row, beside one for each environment and what follows it."""
LONGEST_SCRIPT = 40
"""Lines of shell inside a step; beyond it, nobody tests them."""


def too_large(facts: Facts) -> Iterator[Hit]:
    """Pipelines with more jobs, steps or levels than the release needs."""
    environments, services = len(facts.spec.environments), len(facts.spec.services)
    for pipeline in facts.pipelines:
        most = MOST_JOBS_BESIDE + 3 * environments + services
        if len(pipeline.jobs) > most:
            yield Hit(f"{len(pipeline.jobs)} jobs; {most} are enough for this release", pipeline.file, 1)
        deepest = DEEPEST + 3 * environments
        if pipeline.depth() > deepest:
            yield Hit(f"{pipeline.depth()} jobs wait for each other; {deepest} are enough", pipeline.file, 1)
        for job in pipeline.jobs.values():
            if len(job.steps) > MOST_STEPS:
                yield Hit(f"the job {job.id} has {len(job.steps)} steps", job.file, job.line)


def repeated(facts: Facts) -> Iterator[Hit]:
    """The same step twice in one job, or the same jobs twice."""
    for pipeline in facts.pipelines:
        for job in pipeline.jobs.values():
            seen: dict[str, int] = {}
            for step in job.steps:
                what = f"{step.uses}{step.inputs}" if step.uses else step.run.strip()
                if not what or not step.line:
                    continue
                if what in seen and not step.condition:
                    yield Hit(f"the job {job.id} does this already on line {seen[what]}", job.file, step.line)
                seen.setdefault(what, step.line)


def script_inside(facts: Facts) -> Iterator[Hit]:
    """Programs written inside a pipeline."""
    for pipeline in facts.pipelines:
        for job in pipeline.jobs.values():
            for step in job.steps:
                lines = [row for row in step.run.splitlines() if row.strip() and not row.lstrip().startswith("#")]
                if len(lines) > LONGEST_SCRIPT:
                    yield Hit(f"{len(lines)} lines of shell inside a step", job.file, step.run_line)


def unused_job(facts: Facts) -> Iterator[Hit]:
    """Jobs that wait for something and do nothing."""
    for pipeline in facts.pipelines:
        for job in pipeline.jobs.values():
            done = [
                step for step in job.steps if step.uses or re.sub(r"\b(true|echo [^\n]*|:)\s*$", "", step.run.strip())
            ]
            if not done:
                yield Hit(f"the job {job.id} does nothing", job.file, job.line)


RULES = (
    Rule(
        "HUG-P3a", "A pipeline is no larger than its release", SOURCE,
        "Every job is a place to wait and a place to fail.",
        "join jobs that always run together", too_large, owner="devops",
    ),
    Rule(
        "HUG-P3b", "No step is done twice", SOURCE,
        "A repeated step costs time and hides which one counts.",
        "remove the second one", repeated, owner="devops",
    ),
    Rule(
        "HUG-P3c", "Programs are files", SOURCE,
        "Shell inside a pipeline cannot be run, linted or tested by itself.",
        "move it to a script of the bundle", script_inside, owner="devops", severity="warning",
    ),
    Rule(
        "HUG-P3d", "Every job does something", SOURCE,
        "An empty job is a step that nobody dared to remove.",
        "remove it", unused_job, owner="devops",
    ),
)  # fmt: skip
