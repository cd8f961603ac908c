"""What the deployment and the DevOps agent ask a model for. Drafts: nothing in them counts until it was checked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hug_agents.spec import Model


class NoteDraft(Model):
    """One remark about one value of the spec."""

    about: Annotated[str, StringConstraints(max_length=200)] = Field(
        description="a path of the catalogue, with real names"
    )
    kind: Literal["reason", "risk", "advice"]
    text: Annotated[str, StringConstraints(max_length=400)] = Field(description="one or two plain sentences")


class Notes(Model):
    """Remarks for the people who approve and run the release, the most important first."""

    notes: Annotated[tuple[NoteDraft, ...], Field(max_length=8)] = ()


class Chosen(Model):
    """One offer that is taken."""

    offer: Annotated[int, Field(ge=1, le=100, description="its number in the list of offers")]
    reason: Annotated[str, StringConstraints(max_length=300)] = Field(description="what it mends")


class Repair(Model):
    """The offers that are taken; none is an answer too."""

    chosen: Annotated[tuple[Chosen, ...], Field(max_length=20)] = ()


Recommendation = Literal["retry", "roll_back", "amend", "ask_a_person"]
"""retry: what failed passes by itself, the same may be tried again · roll_back: the new version, or what was changed in
part, must not stay · amend: change what was asked for, then try again · ask_a_person: nothing shows the cause, what was
seen does not agree, or only a person can mend it."""


class Explanation(Model):
    """What most likely happened, for the person on call."""

    cause: Annotated[str, StringConstraints(max_length=600)] = Field(description="one or two plain sentences")
    evidence: Annotated[tuple[Annotated[str, StringConstraints(max_length=500)], ...], Field(max_length=6)] = Field(
        (), description="lines of what was read, each copied exactly"
    )
    recommendation: Recommendation
    reason: Annotated[str, StringConstraints(max_length=300)] = Field(description="one plain sentence")


class Look(Model):
    """One thing to look up before writing."""

    tool: Literal["schema", "file", "gate"]
    name: Annotated[str, StringConstraints(max_length=200)] = Field(
        description="schema: a resource type, or data.TYPE; file: a path of the bundle; gate: the name of a gate"
    )


class FileDraft(Model):
    """A file of its own."""

    path: Annotated[str, StringConstraints(max_length=200)] = Field(description="one of the requirement's places")
    content: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class BlockDraft(Model):
    """A few lines in a rendered file."""

    path: Annotated[str, StringConstraints(max_length=200)] = Field(description="one of the patchable files")
    after: Annotated[str, StringConstraints(max_length=500)] = Field(
        "", description="the whole line that it stands behind, copied exactly; empty: the end of the file"
    )
    content: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class AmendmentDraft(Model):
    """Everything that is written for one requirement."""

    requirement: Annotated[str, StringConstraints(max_length=20)] = Field(description="its id, e.g. R5")
    reason: Annotated[str, StringConstraints(max_length=600)] = Field(description="why this meets it, in plain words")
    files: Annotated[tuple[FileDraft, ...], Field(max_length=4)] = ()
    blocks: Annotated[tuple[BlockDraft, ...], Field(max_length=4)] = ()


class Declined(Model):
    """A requirement that is not met, and why."""

    requirement: Annotated[str, StringConstraints(max_length=20)]
    reason: Annotated[str, StringConstraints(max_length=300)]


class Amending(Model):
    """What to look up first, or what is written for each requirement, or why nothing is."""

    looks: Annotated[tuple[Look, ...], Field(max_length=4)] = ()
    amendments: Annotated[tuple[AmendmentDraft, ...], Field(max_length=6)] = ()
    cannot: Annotated[tuple[Declined, ...], Field(max_length=6)] = ()


class WrittenFile(Model):
    """One file, whole. Empty where it cannot be written."""

    content: Annotated[str, StringConstraints(max_length=40_000)] = Field(description="the file, from its first line")
