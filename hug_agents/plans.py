"""Typed documents between the spec and the files: what the deployment and the DevOps agent decide.

A `Blueprint` is all that a renderer may read. Its plans are derived from the spec by rule (`plan_rollout`, ...); a model adds
notes, each tied to a path of the spec, and never a step.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hug_agents.canonical import digest
from hug_agents.spec import DeploymentSpec, Line, Model, Text

Role = Literal["Operations Engineer", "Site Reliability Engineer", "Security Engineer"]


class RolloutStep(Model):
    """One step of a rollout: traffic moves, waits, and is judged."""

    order: int
    action: Literal["deploy", "shift", "analyse", "promote", "retire"]
    weight: int = Field(description="percent of traffic on the new version after this step")
    hold_seconds: int = 0
    description: Line


class RolloutPlan(Model):
    """The same sequence for every target that can carry it."""

    strategy: Literal["rolling", "blue_green", "canary"]
    steps: tuple[RolloutStep, ...]

    @property
    def seconds(self) -> int:
        """How long the holds take together."""
        return sum(step.hold_seconds for step in self.steps)


class RollbackStep(Model):
    """One step back, with who does it and how one sees that it worked."""

    order: int
    action: Line
    who: Role
    command: Line = Field("", description="from the bundle's root; empty where a person acts")
    verify: Line
    expected_seconds: int


class Irreversible(Model):
    """Something that a rollback does not undo, and what is done instead."""

    what: Line
    why: Line
    forward_fix: Line


class RollbackPlan(Model):
    """Ordered steps, what starts them, and what cannot be undone."""

    triggers: tuple[Line, ...]
    steps: tuple[RollbackStep, ...]
    irreversible: tuple[Irreversible, ...] = ()

    @property
    def expected_seconds(self) -> int:
        """From the decision to the last check."""
        return sum(step.expected_seconds for step in self.steps)


class Symptom(Model):
    """One entry of the runbook: an alert that pages, and what a person does about it."""

    alert: Line
    means: Line
    check: tuple[Line, ...]
    act: tuple[Line, ...]


class Runbook(Model):
    """What people on call need: symptoms, checks, actions."""

    symptoms: tuple[Symptom, ...]


class Note(Model):
    """A remark of an agent about one value of the spec. Data: it decides nothing."""

    agent: Literal["prompt_refiner", "deployment", "devops"]
    about: Line = Field(description="a path of the spec")
    text: Text
    kind: Literal["reason", "risk", "advice"] = "reason"


class Requirement(Model):
    """One sentence of the request and what became of it."""

    id: Line
    text: Text
    status: Literal["met", "unmet", "context", "refused"]
    fields: tuple[Line, ...] = Field((), description="paths of the spec that meet it")
    files: tuple[Line, ...] = ()
    reason: Line = Field("", description="why it is unmet or refused, or needs nothing")

    @property
    def missed(self) -> bool:
        """The request says it, and the bundle does not do it."""
        return self.status in ("unmet", "refused")


class Blueprint(Model):
    """All that a renderer may read."""

    spec: DeploymentSpec
    rollout: RolloutPlan
    rollback: RollbackPlan
    runbook: Runbook
    requirements: tuple[Requirement, ...] = ()
    notes: tuple[Note, ...] = ()

    def digest(self) -> str:
        """The name of everything that the files are made from."""
        return digest(self.model_dump(mode="json"))
