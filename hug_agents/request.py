"""What a person asked for: the text, answers to questions, and choices made by option. All of it is data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hug_agents.spec import Analysis, Line, Model, SmokeTest, SystemId, Text


class Checks(Model):
    """How the new version is looked at, chosen by file (`--checks`): what words say badly."""

    analysis: Analysis | None = None
    smoke_tests: Annotated[tuple[SmokeTest, ...], Field(max_length=100)] = ()


class Choices(Model):
    """Systems chosen by option (`--iac terraform`). They win over the text, and a conflict is reported."""

    iac: SystemId | None = None
    ci: SystemId | None = None
    runtime: SystemId | None = None
    monitors: tuple[SystemId, ...] = ()
    rollout: SystemId | None = None
    registry: SystemId | None = None
    checks: Checks | None = Field(None, exclude_if=lambda value: value is None)


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
