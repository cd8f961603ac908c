"""From documents to a packet, the one way there is: what is put before people and what is about to be done alike.

A dossier names documents by digest. It may be kept where others can write (graph state): it allows nothing. The packet
that comes out of it is compared with what was signed, so a changed dossier is one that nobody has signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from hug_agents.approve.checkpoints import CheckpointId, checkpoint
from hug_agents.approve.desk import Desk
from hug_agents.approve.identity import Digest, PersonId, ReleaseId
from hug_agents.approve.measured import Measured
from hug_agents.approve.packet import (
    DrillRecord,
    EnvironmentIdentity,
    Evidence,
    Packet,
    PolicyRef,
    Prior,
    WaiverRef,
    by_model,
    policy_ref,
    reviewed,
    waiver_refs,
)
from hug_agents.approve.policy import Policy
from hug_agents.approve.risk import History, assess
from hug_agents.bundle import Bundle
from hug_agents.errors import NotApproved, UsageError
from hug_agents.execute.target import SavedPlan
from hug_agents.planning import blueprint_of
from hug_agents.plans import Blueprint
from hug_agents.spec import DeploymentSpec, Environment, Model
from hug_agents.store import Store
from hug_agents.validate.gate import GateReport


class Dossier(Model):
    """Everything that one checkpoint's packet is made from."""

    release: ReleaseId
    round: Annotated[int, Field(ge=1)] = 1
    checkpoint: CheckpointId
    requester: PersonId
    bundle: Digest
    gates: Digest = Field(description="of the gates' report")
    plan: Digest = Field(description="of the saved plan")
    history: History = History()
    window_open: bool = Field(True, description="when people were asked; whether it is open at the effect is seen then")
    drill: DrillRecord | None = None
    evidence: tuple[Evidence, ...] = ()
    metrics: tuple[Measured, ...] = ()
    earlier: tuple[Prior, ...] = ()


@dataclass(frozen=True)
class Contents:
    """What a dossier names, read and checked against every digest."""

    spec: DeploymentSpec
    blueprint: Blueprint
    bundle: Bundle
    previous: Bundle | None
    environment: Environment
    plan: SavedPlan
    gates: GateReport


def open_dossier(dossier: Dossier, store: Store) -> Contents:
    """Read everything, every byte checked. Raises StoreError; NotApproved where documents do not belong together.

    The blueprint is made from the spec, never read: nothing but the spec says what the steps are.
    """
    bundle = store.get_bundle(dossier.bundle)
    spec = store.get_model(DeploymentSpec, bundle.manifest.spec)
    saved = store.get_model(SavedPlan, dossier.plan)
    report = store.get_model(GateReport, dossier.gates)
    environment = environment_of(spec, saved.environment.name)
    for what, wrong in (
        ("the plan is for another bundle", saved.bundle != dossier.bundle),
        (
            "the plan is for another environment than the spec's",
            saved.environment != EnvironmentIdentity.of(environment),
        ),
        ("the gates judged another bundle", report.bundle != dossier.bundle),
    ):
        if wrong:
            raise NotApproved(
                f"the dossier's documents do not belong together: {what}", where=f"release {dossier.release}"
            )
    return Contents(
        spec=spec,
        blueprint=blueprint_of(spec),
        bundle=bundle,
        previous=store.get_bundle(saved.previous) if saved.previous else None,
        environment=environment,
        plan=saved,
        gates=report,
    )


def packet_of(dossier: Dossier, contents: Contents, desk: Desk, policy: Policy) -> Packet:
    """The packet, from the contents as they are, the policy as it is and the waivers that the ledger holds."""
    waivers = waiver_refs(desk.waivers(dossier.release, contents.bundle.digest()))
    return _packet(_Named(dossier, contents), policy_ref(policy), waivers)


@dataclass(frozen=True)
class _Named:
    """A dossier with what it names, read and checked: alike where the dossier is."""

    dossier: Dossier
    contents: Contents = field(compare=False)


@lru_cache(maxsize=16)
def _packet(named: _Named, policy: PolicyRef, waivers: tuple[WaiverRef, ...]) -> Packet:
    dossier, contents = named.dossier, named.contents
    return Packet(
        release=dossier.release,
        round=dossier.round,
        checkpoint=dossier.checkpoint,
        requester=dossier.requester,
        environment=contents.plan.environment,
        spec=contents.spec.digest(),
        bundle=contents.bundle.digest(),
        previous=contents.plan.previous,
        plans=(contents.plan.change(),),
        destroys=contents.plan.destroys,
        policy=policy,
        gates=reviewed(contents.gates.results),
        waivers=waivers,
        windows=contents.spec.windows,
        drill=dossier.drill,
        evidence=dossier.evidence,
        metrics=dossier.metrics,
        written=by_model(contents.bundle),
        earlier=dossier.earlier,
        risk=assess(
            contents.blueprint,
            contents.environment,
            (contents.plan.change(),),
            dossier.history,
            window_open=dossier.window_open,
        ),
    )


def environment_of(spec: DeploymentSpec, name: str) -> Environment:
    """An environment by name. Raises UsageError."""
    for environment in spec.environments:
        if environment.name == name:
            return environment
    raise UsageError(f"the spec has no environment {name!r}")


def places(spec: DeploymentSpec) -> tuple[Environment, tuple[Environment, ...]]:
    """The staging environment, and those of production in their order. Raises UsageError where one is missing."""
    staging = [item for item in spec.environments if item.role == "staging"]
    if not staging or not spec.production:
        missing = "staging" if not staging else "production"
        raise UsageError(
            f"a release needs a {missing} environment, and the spec has none",
            where="environments",
            hint="name one in the request: every release is seen in staging before production; or use hug generate",
        )
    return staging[0], spec.production


def place_of(spec: DeploymentSpec, name: CheckpointId, number: int = 0) -> Environment:
    """The environment that a checkpoint is about; `number` counts those of production that are done.

    Where all are done and somebody moved the graph back, it is about the last: what was done there is not done again.
    """
    staging, production = places(spec)
    return production[min(number, len(production) - 1)] if checkpoint(name).opens == "production" else staging
