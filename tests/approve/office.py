"""A small office: people with keys, a policy, a clock, a store and a desk; and what they have on it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hug_agents.approve.checkpoints import CHECKPOINT_IDS, CheckpointId
from hug_agents.approve.clock import instant
from hug_agents.approve.decision import Decision, Override
from hug_agents.approve.desk import Desk, Taken
from hug_agents.approve.envelope import Signable, seal
from hug_agents.approve.keys import SigningKey
from hug_agents.approve.packet import DrillRecord, EnvironmentIdentity, Packet, Prior, policy_ref, reviewed
from hug_agents.approve.policy import Person, Policy
from hug_agents.approve.policy_file import default_policy
from hug_agents.approve.risk import PlannedChange, Risk, RiskReason
from hug_agents.approve.waiver import Waiver
from hug_agents.canonical import digest, sha256
from hug_agents.plans import Role
from hug_agents.store import Store
from hug_agents.validate.gate import GateResult

OPS: Role = "Operations Engineer"
SRE: Role = "Site Reliability Engineer"
SEC: Role = "Security Engineer"
START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # a Monday
GREEN = (GateResult(name="terraform_validate", tool="terraform", version="1.11.0", status="passed", files=3),)
ROLES: dict[str, tuple[Role, ...]] = {"ana": (OPS,), "ben": (SEC,), "cho": (SRE,), "dee": (OPS, SEC, SRE)}
KEYS = {name: SigningKey.new() for name in (*ROLES, "eve")}


def people(*names: str) -> tuple[Person, ...]:
    return tuple(
        Person(id=name, name=name.title(), roles=ROLES[name], keys=(KEYS[name].public.line,)) for name in names
    )


def policy(**changes: Any) -> Policy:
    values = default_policy().model_dump() | {"people": people("ana", "ben", "cho", "dee")} | changes
    return Policy.model_validate(values)


@dataclass
class Office:
    root: Path
    policy: Policy = field(default_factory=policy)
    now: datetime = START

    def __post_init__(self) -> None:
        self.store = Store(self.root)
        self.desk = Desk(self.store, lambda: self.policy, lambda: self.now)

    def packet(self, checkpoint: CheckpointId = "pre_deployment", **changes: Any) -> Packet:
        """A packet of the release r1, asked for by req, green and of the standard tier."""
        role = "production" if checkpoint == "production_go_no_go" else "staging"
        bundle = changes.get("bundle", sha256(b"manifest"))
        values: dict[str, Any] = {
            "release": "r1",
            "checkpoint": checkpoint,
            "requester": "req",
            "environment": EnvironmentIdentity(name=role, role=role, cloud="aws", region="eu-west-1"),
            "spec": sha256(b"spec"),
            "bundle": bundle,
            "plans": (PlannedChange(environment=role, target="terraform", digest=sha256(b"plan"), updates=2),),
            "policy": policy_ref(self.policy),
            "gates": reviewed(GREEN),
            "risk": Risk(tier="standard", reasons=(RiskReason(subject="change", tier="standard", text="2 updated"),)),
        }
        if checkpoint == "production_go_no_go":
            values["drill"] = DrillRecord(
                bundle=bundle, environment="staging", outcome="passed", finished=instant(self.now), seconds=41,
                evidence=sha256(b"log"),
            )  # fmt: skip
        return Packet.model_validate(values | changes)

    def sign(self, packet: Packet, who: str = "ana", role: Role = OPS, /, **changes: Any) -> bytes:
        key = changes.pop("key", KEYS[who])
        lasts = changes.pop("lasts", timedelta(hours=8))
        values = {
            "verdict": "approve", "reviewer": who, "role": role, "release": packet.release,
            "checkpoint": packet.checkpoint, "environment": packet.environment.name, "packet": packet.digest(),
            **Signable.stamp(self.now, lasts),
        }  # fmt: skip
        return seal(Decision.model_validate(values | changes), key).to_bytes()

    def override(self, packet: Packet, who: str = "cho", role: Role = SRE, /, **changes: Any) -> bytes:
        key = changes.pop("key", KEYS[who])
        values = {
            "reviewer": who, "role": role, "release": packet.release, "checkpoint": packet.checkpoint,
            "environment": packet.environment.name, "packet": packet.digest(), "reason": "an incident is on",
            **Signable.stamp(self.now, timedelta(hours=4)),
        }  # fmt: skip
        return seal(Override.model_validate(values | changes), key).to_bytes()

    def waiver(self, bundle: str, finding: str, who: str = "ben", **changes: Any) -> bytes:
        key = changes.pop("key", KEYS[who])
        values = {
            "reviewer": who, "role": SEC, "release": "r1", "bundle": bundle, "finding": finding,
            "reason": "not reachable from outside", **Signable.stamp(self.now, timedelta(days=2)),
        }  # fmt: skip
        return seal(Waiver.model_validate(values | changes), key).to_bytes()

    def decide(self, packet: Packet, who: str = "ana", role: Role = OPS, /, **changes: Any) -> Taken:
        return self.enter(packet, self.sign(packet, who, role, **changes))

    def enter(self, packet: Packet, envelope: bytes) -> Taken:
        return self.desk.decide(envelope, release=packet.release, checkpoint=packet.checkpoint, packet=packet.digest())

    def approve(self, packet: Packet) -> Packet:
        """Present it and have it signed by ana, ben and cho, as far as their roles are asked."""
        standing = self.desk.present(packet).standing
        for who, role in (("ana", OPS), ("ben", SEC), ("cho", SRE)):
            if any(item.role == role for item in standing.missing):
                standing = self.decide(packet, who, role).standing
        assert standing.state == "approved"
        return packet

    def through(self, last: CheckpointId, **changes: Any) -> tuple[Packet, ...]:
        """Approve every checkpoint up to and with this one."""
        done: list[Packet] = []
        for name in CHECKPOINT_IDS[: CHECKPOINT_IDS.index(last) + 1]:
            priors = tuple(Prior(checkpoint=item.checkpoint, packet=item.digest()) for item in done)
            done.append(self.approve(self.packet(name, earlier=priors, **changes)))
        return tuple(done)

    def snapshot(self) -> str:
        """Everything that lasts, as one digest: a refusal must leave it alone."""
        with closing(sqlite3.connect(self.desk.ledger.path)) as connection:
            rows = [list(connection.execute(f"SELECT * FROM {table}")) for table in ("entries", "heads", "seen")]
        objects = sorted(str(path) for path in (self.root / "objects").rglob("*") if path.is_file())
        return digest({"rows": [[list(row) for row in table] for table in rows], "objects": objects})
