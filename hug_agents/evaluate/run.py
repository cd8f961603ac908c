"""Run a suite with one crew, in a fixed order, and report every score."""

from __future__ import annotations

from collections.abc import Callable

from hug_agents.evaluate.crew import Arm
from hug_agents.evaluate.facts import score_repository
from hug_agents.evaluate.reading import score_request
from hug_agents.evaluate.report import Report
from hug_agents.evaluate.suite import Suite
from hug_agents.evaluate.tasks import Reference, score_task

Progress = Callable[[str, int, int], None]
"""Called before each case with its id, how many are done, and how many there are."""


def evaluate(
    suite: Suite,
    arm: Arm,
    *,
    gates: bool = False,
    rounds: int = 3,
    references: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Every case of a suite. `gates`: requests go through the gates too. `rounds`: of repair, for infrastructure tasks.

    `references`: score the answers that a suite's publishers give, instead of the crew's: it tells what the tools here
    can tell. A model that fails is a score of its case, never an end of the run.
    """
    done = 0

    def tell(id: str) -> None:
        nonlocal done
        if progress is not None:
            progress(id, done, len(suite))
        done += 1

    requests = []
    for case in suite.requests:
        tell(case.id)
        requests.append(score_request(case, arm, gates=gates))
    repositories = []
    for repository in suite.repositories:
        tell(repository.id)
        repositories.append(score_repository(repository))
    tasks = []
    for task in suite.tasks:
        tell(task.id)
        tasks.append(score_task(task, Reference(task) if references else arm, rounds=rounds))
    return Report(
        suite=suite.name,
        authors=suite.authors,
        arm="references" if references else arm.name,
        model="references" if references else arm.model,
        requests=tuple(requests),
        repositories=tuple(repositories),
        tasks=tuple(tasks),
    )
