"""Matters that only a person can settle while a release is under way, and the signed word that settles one.

A matter is a document: what happened, where, what was seen, and which answers there are. It is asked about under its
digest, so an answer cannot be moved to another matter.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hug_agents.approve.envelope import Reason, Signable
from hug_agents.approve.identity import Digest, ReleaseId
from hug_agents.canonical import digest
from hug_agents.spec import Line, Model, Name, Text

MatterKind = Literal["in_doubt", "inconclusive", "paused", "rollback_failed", "rollback", "deletion"]
"""in_doubt: nobody can tell whether an effect happened · inconclusive: a step was watched and there was too little to
judge by · paused: somebody stopped the rollout · rollback_failed: the way back was not carried out, or not found to be
complete · rollback: a bundle that was promoted is to be taken back · deletion: what no release names is to go."""
Choice = Literal["done", "not_done", "continue", "hold", "roll_back", "retry", "leave", "delete"]
"""done, not_done: what a person found out · continue: to the next step · hold: watch once more · roll_back · retry: the
way back again · leave: everything stays as it is now, and the release ends as failed · delete: exactly what the list names."""

CHOICES: dict[MatterKind, tuple[Choice, ...]] = {
    "in_doubt": ("done", "not_done"),
    "inconclusive": ("continue", "hold", "roll_back"),
    "paused": ("continue", "roll_back"),
    "rollback_failed": ("retry", "leave"),
    "rollback": ("roll_back",),
    "deletion": ("delete",),
}


class Matter(Model):
    """One thing that waits for a person."""

    kind: MatterKind
    release: ReleaseId
    environment: Name
    bundle: Digest = Field(description="of a deletion: its list, with who asks for it")
    subject: Line = Field(description="what exactly: an order's key, a step, or where something is deleted")
    number: Annotated[int, Field(ge=0)] = Field(description="of answers in this release before: one matter, one answer")
    evidence: Text = Field(description="what was seen; data, whoever wrote it")

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The answers there are."""
        return CHOICES[self.kind]

    def digest(self) -> Digest:
        """What an answer names."""
        return digest(self.model_dump(mode="json"))


class Resolution(Signable):
    """One person's answer to one matter."""

    predicate_type: ClassVar[str] = "urn:hug-agents:resolution:v1"

    environment: Name
    matter: Digest
    choice: Choice
    reason: Reason

    @property
    def subject(self) -> Digest:
        """The matter."""
        return self.matter

    @property
    def subject_name(self) -> str:
        """Release and environment."""
        return f"release/{self.release}/{self.environment}/{self.choice}"
