"""Runs that are over at once: what act does with the rendered workflows in seconds, done here by reading them.

Jobs, their order, their environments and the conditions of steps are those of the workflow at the dispatched commit; of a step
only the calls of deploy/deploy.sh are carried out, by writing them down. tests/adapters/github_actions/test_release.py compares
a good and a bad run with act's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.github.actions import Actions, Job, Run, Step
from tests.github.repository import Repository

_CALL = re.compile(r'deploy/(\w+\.sh) (\w+) "\$ENVIRONMENT"((?: images\.json)?)')
Bad = Callable[[str, str, str], bool]
"""Whether a command of the script fails, in an environment, at a commit."""


class Simulated(Actions):
    """`bad` fails beside what the test wants to fail by a file `fail-COMMAND` in `world`."""

    def __init__(self, repository: Repository, folder: Path, bad: Bad = lambda *_: False) -> None:
        super().__init__(repository, folder, "")
        self._bad = bad

    def begin(self, run: Run) -> None:
        run.pending = []
        flow = self.workflow(run.commit, run.file)
        for key, row in flow["jobs"].items():
            job = Job(run.id * 100 + len(run.jobs), key, str(row.get("name", key)))
            run.jobs.append(job)
            place = row.get("environment", {}).get("name", "")
            left_out = place not in run.environments if place else key == "build" and bool(run.inputs.get("images_of"))
            if left_out or any(other.conclusion == "failure" for other in run.jobs):
                job.conclusion = "skipped"
            else:
                self._carried_out(run, job, row["steps"], place)
            job.status = "completed"
        run.status = "completed"
        run.conclusion = "failure" if any(job.conclusion == "failure" for job in run.jobs) else "success"

    def _carried_out(self, run: Run, job: Job, rows: list[dict[str, Any]], place: str) -> None:
        job.conclusion = "success"
        ended: dict[str, str] = {}
        for row in rows:
            step = Step(str(row.get("name", "run")), "completed", "skipped")
            job.steps.append(step)
            if _wanted(str(row.get("if", "")), run, ended, failed=job.conclusion == "failure"):
                calls = _CALL.findall(row.get("run", ""))
                step.conclusion = (
                    "failure" if any(self._called(run, job, place, *call) for call in calls) else "success"
                )
                if step.conclusion == "failure" and "||" not in row["run"]:
                    job.conclusion = "failure"
            ended[str(row.get("id", ""))] = step.conclusion

    def _called(self, run: Run, job: Job, place: str, script: str, command: str, images: str) -> bool:
        with (self.world / "calls").open("a") as file:
            file.write(f"{script} {command} {place}{images}\n")
        bad = (self.world / f"fail-{command}").exists() or self._bad(command, place, run.commit)
        job.log.append(f"2026-11-27T10:00:00.0000000Z {'the new version answers 500' if bad else command}")
        return bad


def _wanted(condition: str, run: Run, ended: dict[str, str], *, failed: bool) -> bool:
    """The conditions that are rendered, and no others. Raises ValueError for one that is not known here."""
    if "images_of" in condition:
        return not failed and bool(run.inputs.get("images_of")) != condition.startswith("!")
    known = {
        "": not failed,
        "vars.BASE_URL != ''": False,
        "always()": True,
        "(failure() || cancelled()) && steps.rollout.outcome != 'skipped'": failed
        and ended.get("rollout", "skipped") != "skipped",
    }
    if condition not in known:
        raise ValueError(f"no condition that is rendered: {condition}")
    return known[condition]
