"""The documents of amendments: what is wished, what a model proposed, what the gates said, what stands."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hug_agents.canonical import digest
from hug_agents.spec import Line, Model, Text
from hug_agents.validate.gate import Finding

Agent = Literal["deployment", "devops"]
Content = Annotated[str, Field(min_length=1, max_length=20_000, repr=False)]


class File(Model):
    """A file of its own."""

    path: Line
    content: Content


class Block(Model):
    """A few lines in a rendered file, between marks."""

    path: Line
    after: Line = Field("", description="the whole line that it stands behind; empty: at the end of the file")
    content: Content


class Proposal(Model):
    """Everything that is written for one requirement, and why."""

    requirement: Line
    reason: Text
    files: tuple[File, ...] = ()
    blocks: tuple[Block, ...] = ()

    @property
    def id(self) -> str:
        """As it stands in names and marks: `r5`."""
        return self.requirement.lower()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that it makes or changes."""
        return tuple(dict.fromkeys(item.path for item in self.pieces))

    @property
    def pieces(self) -> tuple[File | Block, ...]:
        """Files and blocks together."""
        return (*self.files, *self.blocks)

    def digest(self) -> str:
        """Names exactly this text."""
        return digest(self.model_dump(mode="json"))


class Round(Model):
    """One proposal, and what stood against it."""

    proposal: Proposal
    findings: tuple[Finding, ...] = Field((), description="of severity error; none: it was kept")


class Amendment(Model):
    """One requirement that was given to an agent, and how far it came."""

    requirement: Line
    text: Text
    agent: Agent
    state: Literal["open", "proposed", "kept", "unmet"] = "open"
    reason: Line = Field("", description="of `unmet`: why")
    rounds: tuple[Round, ...] = Field((), description="those that were judged, the first one first")
    proposal: Proposal | None = Field(None, description="what stands in the bundle")

    @property
    def failed(self) -> tuple[Round, ...]:
        """The rounds that something stood against."""
        return tuple(item for item in self.rounds if item.findings)


class Amendments(Model):
    """All of one bundle."""

    model: Line = Field(description="who wrote them")
    limit: int = Field(description="how often a proposal is sent back at most")
    baseline: Line = Field(description="digest of the gates' report on the bundle without them")
    items: tuple[Amendment, ...]

    @property
    def standing(self) -> tuple[Amendment, ...]:
        """Those that are in the bundle."""
        return tuple(item for item in self.items if item.proposal is not None)
