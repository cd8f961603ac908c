"""Writing and signing what the desk takes: a decision, an override, a waiver, each with its address, times and nonce."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from hug_agents.approve.decision import Decision, Override, Verdict
from hug_agents.approve.envelope import Signable, seal
from hug_agents.approve.identity import Digest, PersonId, ReleaseId
from hug_agents.approve.keys import SigningKey
from hug_agents.approve.packet import Packet
from hug_agents.approve.policy import Policy
from hug_agents.approve.quorum import Standing, demand_of
from hug_agents.approve.resolution import Choice, Matter, Resolution
from hug_agents.approve.waiver import Waiver
from hug_agents.errors import DecisionRefused, UsageError
from hug_agents.plans import Role
from hug_agents.reading.redact import redact


class Pen:
    """A reviewer with a key, at a moment, under a policy."""

    def __init__(self, reviewer: PersonId, key: SigningKey, policy: Policy, now: datetime) -> None:
        self.reviewer = reviewer
        self._key = key
        self._policy = policy
        self._now = now

    def decision(
        self,
        packet: Packet,
        verdict: Verdict,
        standing: Standing,
        *,
        role: Role | None,
        comment: str,
        named: Digest = "",
    ) -> bytes:
        """A decision on a packet, in a role that is still missing where the reviewer holds one. `named`: its digest."""
        wanted = demand_of(packet, self._policy).roles
        taken = {item.role for item in standing.signatures}
        return self._sign(
            Decision,
            packet.release,
            hours=self._policy.checkpoints[packet.checkpoint].expires_hours,
            verdict=verdict,
            role=role or self._role([*(item for item in wanted if item not in taken), *wanted]),
            comment=comment,
            **_address(packet, named),
        )

    def override(self, packet: Packet, *, role: Role | None, reason: str) -> bytes:
        """The word that a packet passes a closed window or a freeze."""
        return self._sign(
            Override,
            packet.release,
            hours=self._policy.override_hours,
            role=role or self._role(self._policy.override_roles),
            reason=reason,
            **_address(packet),
        )

    def resolution(self, matter: Matter, choice: Choice, *, role: Role | None, reason: str) -> bytes:
        """The answer to a matter."""
        return self._sign(
            Resolution,
            matter.release,
            hours=self._policy.override_hours,
            role=role or self._role(self._policy.override_roles),
            environment=matter.environment,
            matter=matter.digest(),
            choice=choice,
            reason=reason,
        )

    def waiver(self, release: ReleaseId, bundle: Digest, finding: Digest, *, reason: str, days: int) -> bytes:
        """The word that one finding of one bundle may stand."""
        hours = min(days, self._policy.waiver_max_days) * 24
        about = {"role": "Security Engineer", "bundle": bundle, "finding": finding, "reason": reason}
        return self._sign(Waiver, release, hours=hours, **about)

    def _role(self, wanted: Iterable[Role]) -> Role:
        """The first of the wanted roles that the reviewer holds."""
        person = self._policy.person(self.reviewer)
        if person is None:
            raise DecisionRefused(
                f"{self.reviewer[:60]!r} is not in the policy",
                reason="unknown_person",
                hint="hug policy show lists the people",
            )
        return next((role for role in wanted if role in person.roles), person.roles[0])

    def _sign(self, kind: type[Signable], release: ReleaseId, *, hours: int, **values: Any) -> bytes:
        where = kind.__name__.lower()
        if kinds := redact(f"{values.get('comment', '')}\n{values.get('reason', '')}").found:
            raise UsageError(
                f"the comment holds {', '.join(kinds)}, and what is signed stays in the ledger for ever",
                where=where,
                hint="refer to the secret by its name",
            )
        stamp = Signable.stamp(self._now, timedelta(hours=hours))
        try:
            document = kind.model_validate({"release": release, "reviewer": self.reviewer, **stamp, **values})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", where=where) from error
        return seal(document, self._key).to_bytes()


def _address(packet: Packet, named: Digest = "") -> dict[str, str]:
    return {
        "checkpoint": packet.checkpoint,
        "environment": packet.environment.name,
        "packet": named or packet.digest(),
    }
