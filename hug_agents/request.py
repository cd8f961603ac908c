"""What a person asked for: the text, answers to questions, and choices made by option. All of it is data."""

from __future__ import annotations

from pydantic import Field

from hug_agents.spec import Line, Model, SystemId, Text


class Choices(Model):
    """Systems chosen by option (`--iac terraform`). They win over the text, and a conflict is reported."""

    iac: SystemId | None = None
    ci: SystemId | None = None
    runtime: SystemId | None = None
    monitors: tuple[SystemId, ...] = ()
    rollout: SystemId | None = None
    registry: SystemId | None = None


class Answer(Model):
    """An answer to a question, by the question's id (the path of the value it settles)."""

    id: Line
    value: Text


class Request(Model):
    """One request, as it came in."""

    text: Text = Field(description="what to deploy, in the requester's own words")
    answers: tuple[Answer, ...] = ()
    choices: Choices = Choices()
    redacted: tuple[Line, ...] = Field((), description="kinds of secrets that were taken out before it was kept")
