"""A waiver: the Security Engineer's word that one finding in one bundle may stand, why, and until when."""

from __future__ import annotations

from typing import ClassVar, Literal

from hug_agents.approve.envelope import Reason, Signable
from hug_agents.approve.identity import Digest
from hug_agents.canonical import digest
from hug_agents.validate.gate import Finding


class Waiver(Signable):
    """One finding, one bundle, a reason, an expiry."""

    predicate_type: ClassVar[str] = "urn:hug-agents:waiver:v1"

    role: Literal["Security Engineer"]
    finding: Digest
    bundle: Digest
    reason: Reason

    @property
    def subject(self) -> Digest:
        """The bundle: a byte changed, and the waiver speaks of something else."""
        return self.bundle

    @property
    def subject_name(self) -> str:
        """Release and finding."""
        return f"release/{self.release}/finding/{self.finding.removeprefix('sha256:')[:16]}"


def finding_id(finding: Finding) -> Digest:
    """The name of a finding: what it objects to, where, and in which words. Its remedy and fix do not matter."""
    return digest(
        {
            "gate": finding.gate,
            "rule": finding.rule,
            "severity": finding.severity,
            "message": finding.message,
            "file": finding.file,
            "line": finding.line,
        }
    )
