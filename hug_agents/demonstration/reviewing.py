"""Who answers at a checkpoint: the demo's reviewers by what the packet says, or a person in their place."""

from __future__ import annotations

from typing import Protocol

from hug_agents.approve.decision import Verdict
from hug_agents.approve.resolution import Choice, Matter
from hug_agents.demonstration.site import Reviewer
from hug_agents.plans import Role
from hug_agents.status import Review

Word = tuple[Verdict, str]
Answer = tuple[Choice, str]


class Reviewing(Protocol):
    """Says what a reviewer signs. Signing itself is not its business."""

    def decide(self, reviewer: Reviewer, role: Role, review: Review) -> Word:
        """A verdict on the packet, and why."""

    def settle(self, reviewer: Reviewer, matter: Matter) -> Answer:
        """An answer to what only a person can settle, and why."""


class ByTheBook:
    """Approves what is in order, with the reasons that the packet gives; asks for another look while there is doubt."""

    def decide(self, reviewer: Reviewer, role: Role, review: Review) -> Word:
        """Rejects only what its own packet speaks against."""
        packet = review.packet
        if bad := [item.name for item in packet.gates if item.status != "passed"]:
            return "reject", f"not green: {', '.join(bad)}"
        if packet.checkpoint == "production_go_no_go":
            if packet.drill is None or packet.drill.outcome != "passed":
                return "reject", "the way back of this very bundle was not walked"
            if role == "Operations Engineer":
                return "approve", f"risk {packet.risk.tier}; nothing has changed since staging but the environment"
            return "approve", f"the way back was walked in {packet.drill.seconds} s, and I am watching"
        if packet.checkpoint == "rollback_drill":
            return "approve", "inject a failure in staging and roll back by the plan"
        if packet.checkpoint == "staging_validation":
            said = [f"{item.name}: {item.outcome}" for item in packet.evidence]
            return "approve", "; ".join(said)[:300] or "staging answers"
        if role == "Security Engineer":
            return "approve", f"{len(packet.gates)} gates are green, and secrets are only referred to"
        change = packet.plans[0]
        return "approve", (
            f"{len(review.files)} files differ from what runs there; the plan creates {change.creates}, "
            f"updates {change.updates}, deletes {len(change.deletes)}"
        )

    def settle(self, reviewer: Reviewer, matter: Matter) -> Answer:
        """Another look where there is too little to judge by; else the way back."""
        wanted: dict[str, Choice] = {"inconclusive": "hold", "rollback_failed": "retry", "paused": "roll_back"}
        choice = wanted.get(matter.kind, matter.choices[-1])
        return choice, "more traffic is needed to tell" if choice == "hold" else "back to what is known to work"
