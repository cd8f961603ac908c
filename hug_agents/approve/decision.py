"""What a person may sign: a decision on a packet, a waiver of a finding, an override of a closed window or a short metric."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from hug_agents.approve.checkpoints import CheckpointId
from hug_agents.approve.envelope import Reason, Signable
from hug_agents.approve.identity import Digest
from hug_agents.spec import Name, Text

Verdict = Literal["approve", "reject", "request_changes"]
Comment = Annotated[Text, StringConstraints(max_length=4_000)]


class Decision(Signable):
    """One reviewer's word on exactly one packet."""

    predicate_type: ClassVar[str] = "urn:hug-agents:decision:v1"

    verdict: Verdict
    checkpoint: CheckpointId
    environment: Name
    packet: Digest = Field(description="of the review packet: everything that is agreed to")
    comment: Comment = ""

    @property
    def subject(self) -> Digest:
        """The packet."""
        return self.packet

    @property
    def subject_name(self) -> str:
        """Release, checkpoint and environment."""
        return f"release/{self.release}/{self.checkpoint}/{self.environment}"


class Override(Signable):
    """A reasoned word that one packet may pass although the window is closed, a freeze is on, or a metric is short."""

    predicate_type: ClassVar[str] = "urn:hug-agents:override:v1"

    checkpoint: CheckpointId
    environment: Name
    packet: Digest
    reason: Reason

    @property
    def subject(self) -> Digest:
        """The packet."""
        return self.packet

    @property
    def subject_name(self) -> str:
        """Release, checkpoint and environment."""
        return f"release/{self.release}/{self.checkpoint}/{self.environment}"


RefusalReason = Literal[
    "malformed",
    "too_large",
    "unknown_release",
    "unknown_packet",
    "packet_damaged",
    "wrong_release",
    "wrong_checkpoint",
    "wrong_environment",
    "stale_packet",
    "policy_changed",
    "unknown_person",
    "unknown_key",
    "wrong_key",
    "bad_signature",
    "role_not_held",
    "role_not_asked",
    "requester",
    "expired",
    "future",
    "backdated",
    "lasts_too_long",
    "nonce_reused",
    "already_decided",
    "closed",
    "clock_turned_back",
    "unknown_finding",
    "wrong_bundle",
    "nothing_to_override",
    "unknown_matter",
    "no_such_choice",
    "earlier_checkpoint",
    "gates_not_green",
]
"""Why a document was not taken. The release stays as it was."""
