"""The review packet: everything that an approval covers, as one canonical document. Its digest is what people sign."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hug_agents.amendment import blocks_of
from hug_agents.approve.checkpoints import CheckpointId
from hug_agents.approve.clock import Instant
from hug_agents.approve.identity import Digest, PersonId, ReleaseId
from hug_agents.approve.measured import Measured
from hug_agents.approve.policy import EnvironmentRole, Policy
from hug_agents.approve.risk import PlannedChange, Risk
from hug_agents.approve.waiver import Waiver, finding_id
from hug_agents.bundle import Bundle
from hug_agents.canonical import digest
from hug_agents.spec import Environment, Line, Model, Name, Text, Window
from hug_agents.validate.gate import GateResult, Severity, Status


class EnvironmentIdentity(Model):
    """Which environment exactly: a name alone may be pointed elsewhere."""

    name: Name
    role: EnvironmentRole
    cloud: Line
    account: Line | None = None
    region: Line | None = None
    cluster: Line | None = None
    namespace: Line | None = None
    domain: Line | None = None

    @classmethod
    def of(cls, environment: Environment) -> EnvironmentIdentity:
        """The identity of an environment of a spec; what differs for its services is in the spec's digest."""
        return cls(**{name: getattr(environment, name) for name in cls.model_fields})


class PolicyRef(Model):
    """The policy that the release is decided under."""

    version: int
    digest: Digest
    mode: Literal["team", "solo"]


class ReviewedFinding(Model):
    """A finding of a gate, with the id that a waiver names."""

    id: Digest
    rule: Line
    severity: Severity
    message: Text
    file: Line = ""
    line: int = 0


class ReviewedGate(Model):
    """What one gate answered, without how long it took."""

    name: Line
    tool: Line
    version: Line
    status: Status
    required: bool
    files: int
    reason: Text = ""
    findings: tuple[ReviewedFinding, ...] = ()

    @property
    def errors(self) -> tuple[ReviewedFinding, ...]:
        """The findings that fail it."""
        return tuple(item for item in self.findings if item.severity == "error")


class WaiverRef(Model):
    """A waiver that this packet counts on. The signed one is in the ledger, by its nonce."""

    finding: Digest
    reviewer: PersonId
    reason: Text
    expires: Instant
    nonce: Line


class DrillRecord(Model):
    """A rollback that was run: of which bundle, where, when, how it went and how long it took."""

    bundle: Digest
    environment: Name
    outcome: Literal["passed", "failed"]
    finished: Instant
    seconds: Annotated[int, Field(ge=0)]
    evidence: Digest = Field(description="of what was recorded while it ran")
    injected: Line | None = Field(
        None, description="the kind of failure that was injected", exclude_if=lambda value: value is None
    )


class Evidence(Model):
    """Something else that a reviewer judges and that is bound by digest, e.g. smoke tests or metrics."""

    name: Line
    outcome: Line = ""
    digest: Digest


class WrittenByModel(Model):
    """A file that a language model wrote, or wrote a part of."""

    path: Line
    author: Line
    part: bool = Field(description="a rendered file with marked blocks")


class Prior(Model):
    """An earlier checkpoint of this release: the packet that was approved there."""

    checkpoint: CheckpointId
    packet: Digest


class Packet(Model):
    """What will happen, where, by which plan, checked by what, under which policy, at which risk."""

    schema_version: Literal[1] = 1
    release: ReleaseId
    round: Annotated[int, Field(ge=1)] = Field(1, description="raised to ask again about the very same content")
    checkpoint: CheckpointId
    requester: PersonId
    environment: EnvironmentIdentity
    spec: Digest
    bundle: Digest = Field(description="of the manifest, which names every file by digest")
    previous: Digest | None = Field(None, description="manifest of the bundle that runs there now; None: none yet")
    plans: tuple[PlannedChange, ...]
    destroys: bool = Field(
        False, description="the environment is to be removed, not deployed to", exclude_if=lambda value: not value
    )
    policy: PolicyRef
    gates: tuple[ReviewedGate, ...]
    waivers: tuple[WaiverRef, ...] = ()
    windows: tuple[Window, ...] = Field((), description="of the spec; they hold for production")
    drill: DrillRecord | None = None
    evidence: tuple[Evidence, ...] = ()
    metrics: tuple[Measured, ...] = Field(
        (), description="what the policy bounds, as the log had it", exclude_if=lambda value: not value
    )
    written: tuple[WrittenByModel, ...] = Field(
        (), description="what of the bundle a language model wrote", exclude_if=lambda value: not value
    )
    earlier: tuple[Prior, ...] = Field((), description="the checkpoints that were passed on the way here")
    risk: Risk

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for what, names in (
            ("gate", [gate.name for gate in self.gates]),
            ("earlier checkpoint", [prior.checkpoint for prior in self.earlier]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"an {what} is listed twice")
        return self

    def digest(self) -> Digest:
        """What people sign."""
        return self._digest

    @cached_property
    def _digest(self) -> Digest:
        return digest(self.model_dump(mode="json"))


def policy_ref(policy: Policy) -> PolicyRef:
    """How a packet names its policy."""
    return PolicyRef(version=policy.version, digest=policy.digest(), mode=policy.mode)


def reviewed(results: Iterable[GateResult]) -> tuple[ReviewedGate, ...]:
    """The gates of a packet, by name; the same results give the same bytes whenever they were made."""
    gates = (
        ReviewedGate(
            name=result.name,
            tool=result.tool,
            version=result.version,
            status=result.status,
            required=result.required,
            files=result.files,
            reason=result.reason,
            findings=tuple(
                ReviewedFinding(
                    id=finding_id(item),
                    rule=item.rule,
                    severity=item.severity,
                    message=item.message,
                    file=item.file,
                    line=item.line,
                )
                for item in sorted(result.findings, key=lambda item: item.order)
            ),
        )
        for result in results
    )
    return tuple(sorted(gates, key=lambda gate: gate.name))


def by_model(bundle: Bundle) -> tuple[WrittenByModel, ...]:
    """The files of a bundle that a model had a part in, by path."""
    return tuple(
        WrittenByModel(path=item.path, author=item.author, part=bool(blocks_of(item.content)))
        for item in bundle
        if item.author
    )


def waiver_refs(waivers: Iterable[Waiver]) -> tuple[WaiverRef, ...]:
    """The waivers of a packet, by finding."""
    refs = (
        WaiverRef(
            finding=item.finding, reviewer=item.reviewer, reason=item.reason, expires=item.expires, nonce=item.nonce
        )
        for item in waivers
    )
    return tuple(sorted(refs, key=lambda ref: (ref.finding, ref.nonce)))
