"""One published infrastructure task: written, judged by the tools, mended with what they found, round by round."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pydantic import Field

from hug_agents.agents.author import Draft, write
from hug_agents.agents.budget import Usage, spent_by
from hug_agents.errors import HugError
from hug_agents.evaluate import cloudformation, terraform
from hug_agents.evaluate.crew import Arm
from hug_agents.evaluate.published import InfrastructureTask
from hug_agents.evaluate.stage import Stage
from hug_agents.spec import Line, Model

STAGES = ("parses", "validates", "plans", "intent", "security")
"""In the order in which they are judged; what comes after a failure is not reached, and counts as failed."""


class Round(Model):
    """What the tools said of one draft."""

    stages: tuple[Stage, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """What has to be mended. Not the intent: the truth is never shown to who is tested on it."""
        return tuple(
            f"{stage.name}: {item}"
            for stage in self.stages
            if stage.name != "intent" and stage.status == "failed"
            for item in stage.findings
        )


class TaskScore(Model):
    """How one task went."""

    case: Line
    form: Line
    difficulty: Line = ""
    rounds: tuple[Round, ...] = Field((), description="the first draft, then each repair")
    usage: tuple[Usage, ...] = ()
    seconds: float = 0.0
    error: str = ""

    def after(self, number: int) -> dict[str, Stage]:
        """The stages as they stood after a round; one that ended early stays as it was."""
        if not self.rounds:
            return {name: Stage(name=name, status="failed") for name in STAGES}
        return {stage.name: stage for stage in self.rounds[min(number, len(self.rounds) - 1)].stages}


class Author(Protocol):
    """Who writes: a first draft, and another one after findings."""

    def draft(self, task: InfrastructureTask, before: str, findings: tuple[str, ...]) -> Draft:
        """The whole file. Raises ModelError."""


class Reference:
    """The answer that the publishers give."""

    def __init__(self, task: InfrastructureTask) -> None:
        self.task = task

    def draft(self, task: InfrastructureTask, before: str, findings: tuple[str, ...]) -> Draft:
        """The reference; it is not mended."""
        return Draft(content="" if before else self.task.reference, usage=Usage())


class _Crew:
    """The deployment agent with a model."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm

    def draft(self, task: InfrastructureTask, before: str, findings: tuple[str, ...]) -> Draft:
        return write(task.prompt, task.language, self.arm.others, self.arm.budget, before=before, findings=findings)


def score_task(task: InfrastructureTask, who: Arm | Reference, *, rounds: int = 3) -> TaskScore:
    """Draft, judge, and mend at most `rounds` times while the tools object. A failing model ends the task, not the run."""
    started = time.monotonic()
    author: Author = who if isinstance(who, Reference) else _Crew(who)
    made: list[Round] = []
    usage: list[Usage] = []
    error, content = "", ""
    findings: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory(prefix="hug-eval-") as folder:
        for number in range(rounds + 1):
            try:
                drafted = author.draft(task, content, findings)
            except HugError as failed:
                usage += spent_by(failed)
                error = f"{failed.where}: {failed.what}" if failed.where else failed.what
                break
            usage.append(drafted.usage)
            if not drafted.content.strip():
                error = error or ("" if made else "nothing was written")
                break
            content = drafted.content
            made.append(Round(stages=tuple(_judged(task, content, Path(folder) / str(number)))))
            findings = made[-1].findings
            if not findings:
                break
    return TaskScore(
        case=task.id,
        form=task.form,
        difficulty=task.difficulty,
        rounds=tuple(made),
        usage=tuple(usage),
        seconds=round(time.monotonic() - started, 3),
        error=error,
    )


def _judged(task: InfrastructureTask, content: str, folder: Path) -> Iterator[Stage]:
    folder.mkdir()
    judge = terraform.judge if task.language == "terraform" else cloudformation.judge
    return judge(task, content, folder)
