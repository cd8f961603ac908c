"""What a look at a new version says."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hug_agents.approve.identity import Digest
from hug_agents.spec import Line, Model

Judgement = Literal["good", "bad", "inconclusive"]


class Check(Model):
    """One comparison of one look, with the numbers that it was made of."""

    name: Line = Field(description="e.g. `error rate of api`, `p99 of api`, `query saturation`")
    outcome: Judgement
    reason: Line = Field(description="as a person says it, with the numbers")
    candidate: float | None = Field(None, description="a share, milliseconds, or the query's own unit")
    baseline: float | None = None
    threshold: float | None = None
    requests: int = Field(0, description="of the candidate, in the time looked at")
    p_value: float | None = None


class Verdict(Model):
    """All checks of one look: bad if one is bad, else inconclusive if one is, else good."""

    outcome: Judgement
    candidate: Digest
    baseline: Digest | None
    checks: tuple[Check, ...] = ()
    method: Line = ""

    @property
    def reason(self) -> str:
        """Why, in a line: the checks that were not good, or that all were."""
        named = [check.reason for check in self.checks if check.outcome == self.outcome]
        return "; ".join(named)[:2000] or f"{self.outcome}: nothing was compared"
