"""What an evaluation says: every score, and the counts that sum it up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from hug_agents.agents.budget import Usage
from hug_agents.evaluate.facts import FactScore
from hug_agents.evaluate.reading import RequestScore
from hug_agents.evaluate.tasks import STAGES, TaskScore
from hug_agents.spec import Line, Model


class Share(Model):
    """So many of so many."""

    count: int
    of: int

    @property
    def percent(self) -> float | None:
        """None: there is nothing to count."""
        return 100 * self.count / self.of if self.of else None

    def to_json(self) -> dict[str, Any]:
        """Count, whole, percent."""
        percent = self.percent
        return {"count": self.count, "of": self.of, "percent": None if percent is None else round(percent, 2)}


class Report(Model):
    """One suite with one crew."""

    suite: Line
    authors: tuple[Line, ...] = ()
    arm: Line
    model: Line = Field(description="the language model that took part; offline: none, rules alone")
    requests: tuple[RequestScore, ...] = ()
    repositories: tuple[FactScore, ...] = ()
    tasks: tuple[TaskScore, ...] = ()

    def figures(self) -> dict[str, Share]:
        """The counts of requests and repositories, by name. Empty of what the suite does not hold."""
        shares: dict[str, Share] = {}
        if self.requests:
            shares |= _requests(self.requests)
        if self.repositories:
            found = sum(len(item.found) for item in self.repositories)
            missing = sum(len(item.missing) for item in self.repositories)
            wrong = sum(len(item.wrong) for item in self.repositories)
            shares["facts found"] = Share(count=found, of=found + missing)
            shares["facts wrong"] = Share(count=wrong, of=found + wrong)
        return shares

    def by_round(self) -> list[dict[str, Any]]:
        """Infrastructure tasks: for each round of repair, what held after it, and what could not be told."""
        rows = []
        for number in range(max((max(len(task.rounds), 1) for task in self.tasks), default=0)):
            row: dict[str, Any] = {"round": number}
            for stage in STAGES:
                states = [task.after(number).get(stage) for task in self.tasks]
                told = [state for state in states if state and state.status != "skipped"]
                row[stage] = Share(count=sum(item.status == "passed" for item in told), of=len(told))
            rows.append(row)
        return rows

    def skipped(self) -> dict[str, int]:
        """Why something could not be told, and how often."""
        reasons: dict[str, int] = {}
        for task in self.tasks:
            for stage in task.rounds[-1].stages if task.rounds else ():
                if stage.status == "skipped":
                    reasons[f"{stage.name}: {stage.reason}"] = reasons.get(f"{stage.name}: {stage.reason}", 0) + 1
        return reasons

    def _asked(self) -> tuple[RequestScore | TaskScore, ...]:
        return (*self.requests, *self.tasks)

    def usage(self) -> Usage:
        """Everything that models cost, together."""
        rows = [item for score in self._asked() for item in score.usage]
        names = ("input_tokens", "cached_tokens", "output_tokens", "requests", "retries", "seconds")
        return Usage.model_validate({name: round(sum(getattr(row, name) for row in rows), 3) for name in names})

    @property
    def seconds(self) -> float:
        """By the clock: requests and tasks."""
        return round(sum(item.seconds for item in self._asked()), 2)

    def errors(self) -> tuple[str, ...]:
        """Cases in which a model gave nothing usable."""
        return tuple(f"{item.case}: {item.error}" for item in self._asked() if item.error)

    def to_json(self) -> dict[str, Any]:
        """One JSON object for programs; its shape is part of the interface."""
        rounds = [
            {key: value.to_json() if isinstance(value, Share) else value for key, value in row.items()}
            for row in self.by_round()
        ]
        usage = self.usage()
        return {
            "suite": self.suite,
            "authors": list(self.authors),
            "arm": self.arm,
            "model": self.model,
            "figures": {name: share.to_json() for name, share in self.figures().items()},
            "rounds": rounds,
            "skipped": self.skipped(),
            "tokens": {"input": usage.input_tokens, "cached": usage.cached_tokens, "output": usage.output_tokens},
            "model_requests": usage.requests,
            "model_retries": usage.retries,
            "seconds": self.seconds,
            "requests": [item.model_dump(mode="json") for item in self.requests],
            "repositories": [item.model_dump(mode="json") for item in self.repositories],
            "tasks": [item.model_dump(mode="json") for item in self.tasks],
        }


def _requests(scores: Iterable[RequestScore]) -> dict[str, Share]:
    listed = tuple(scores)
    fields = [field for score in listed for field in score.fields]
    expected = [field for field in fields if field.outcome != "invented"]
    evidenced = [field for field in fields if field.quote or field.forged]
    right = sum(len(score.questions.right) for score in listed)
    missing = sum(len(score.questions.missing) for score in listed)
    extra = sum(len(score.questions.extra) for score in listed)
    shares = {
        "fields right": Share(
            count=sum(field.outcome == "right" and not field.forged for field in expected), of=len(expected)
        ),
        "fields missing": Share(count=sum(field.outcome == "missing" for field in expected), of=len(expected)),
        "wrong with evidence": Share(count=sum(field.wrong_with_evidence for field in fields), of=len(evidenced)),
        "questions that had to be asked": Share(count=right, of=right + missing),
        "questions too many": Share(count=extra, of=right + extra),
    }
    if judged := [score.gates for score in listed if score.gates]:
        shares["gates passed at first"] = Share(count=sum(item[0] == "passed" for item in judged), of=len(judged))
        shares["gates passed after repair"] = Share(count=sum(item[-1] == "passed" for item in judged), of=len(judged))
        shares["gates incomplete"] = Share(count=sum(item[-1] == "incomplete" for item in judged), of=len(judged))
    return shares
