"""A target: what can carry an approved bundle into an environment, look at what is there, and take it back.

A target decides nothing. It is called by the executor alone, which has asked the ledger, and it is told exactly what to
do: an `Order` with the saved plan that was approved. It touches the outside; nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import Field

from hug_agents.approve.identity import Digest, PersonId, ReleaseId
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.approve.risk import PlannedChange
from hug_agents.bundle import Bundle
from hug_agents.canonical import digest
from hug_agents.execute.faults import FaultKind
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment, Line, Model, Name, Text

Action = Literal["deploy", "shift", "promote", "retire", "rollback", "destroy", "inject"]
"""`deploy`, `shift`, `promote` and `retire` are steps of a rollout plan; `rollback` returns to what ran before; `inject`
spoils the new version in a drill, as `Order.fault` says, until it is rolled back."""
StrategyKind = Literal["rolling", "blue_green", "canary"]


class SavedPlan(Model):
    """What a target found that it would do. Its digest stands in the packet; only what it says is carried out."""

    target: Line
    environment: EnvironmentIdentity
    bundle: Digest
    previous: Digest | None = Field(None, description="what a rollback returns to; None: to nothing")
    base: Line = Field(description="the state of the world it was made on, e.g. a commit or a lineage and serial")
    settings: dict[Name, Text] = Field(
        default_factory=dict, description="where exactly, and digests of what else is used; never a secret"
    )
    creates: Annotated[int, Field(ge=0)] = 0
    updates: Annotated[int, Field(ge=0)] = 0
    replaces: tuple[Line, ...] = ()
    deletes: tuple[Line, ...] = ()
    destroys: bool = Field(
        False, description="it removes all that is there; nothing brings it back", exclude_if=lambda value: not value
    )
    data: tuple[Line, ...] = Field((), description="addresses of replaced or deleted things that hold data")
    changes: tuple[Line, ...] = Field(
        (), description="each change, as the target tells it; secrets hidden", exclude_if=lambda value: not value
    )
    imports: tuple[Line, ...] = Field(
        (), description="what is there already and is taken over", exclude_if=lambda value: not value
    )
    moves: dict[Line, Line] = Field(
        default_factory=dict,
        description="what gets another address, and the one it has now",
        exclude_if=lambda value: not value,
    )

    def digest(self) -> Digest:
        """The name of the plan."""
        return self._digest

    @cached_property
    def _digest(self) -> Digest:
        return digest(self.model_dump(mode="json"))

    def change(self) -> PlannedChange:
        """The plan as a packet lists it."""
        return PlannedChange(
            environment=self.environment.name,
            target=self.target,
            digest=self.digest(),
            creates=self.creates,
            updates=self.updates,
            replaces=self.replaces,
            deletes=self.deletes,
            data=self.data,
            imports=self.imports,
            changes=self.changes,
        )


class Order(Model):
    """One effect, exactly. Two orders with one key are the same effect, whoever gives them and however often."""

    release: ReleaseId
    series: Name = Field(
        "release", description="`release`, or the name of a drill: its effects are effects of their own"
    )
    environment: EnvironmentIdentity
    action: Action
    step: Annotated[int, Field(ge=0)] = Field(0, description="`order` of the rollout step; 0 where there is none")
    weight: Annotated[int, Field(ge=0, le=100)] = Field(100, description="percent of traffic on the bundle afterwards")
    bundle: Digest
    plan: Digest
    fault: FaultKind | None = Field(None, description="of an `inject`", exclude_if=lambda value: value is None)

    @cached_property
    def key(self) -> Digest:
        """What it is known by in the journal: the business identity, never an attempt or a process."""
        return digest(self.model_dump(mode="json"))


@dataclass(frozen=True)
class Work:
    """An order with everything that it names, each checked against its digest by the executor."""

    order: Order
    plan: SavedPlan
    blueprint: Blueprint
    bundle: Bundle
    previous: Bundle | None
    packet: Digest = ""
    """What was signed, for the target's own records."""
    approved_by: tuple[PersonId, ...] = ()


class Outcome(Model):
    """How an effect ended. A failure that a target expects is an outcome; an exception means that nobody knows."""

    status: Literal["done", "failed"]
    detail: Text = Field("", description="for people; no secrets")
    outputs: dict[Name, Text] = Field(default_factory=dict, description="e.g. a commit, a URL; no secrets")
    untouched: bool = Field(False, description="of a failure: nothing was changed, so nothing has to be taken back")


class Observation(Model):
    """What the world says about an order that was begun and never seen to end."""

    state: Literal["done", "not_done", "partial", "unknown"] = Field(
        description="not_done: nothing of it is there; partial: `apply` again completes it without doing anything twice"
    )
    evidence: Text = Field("", description="what was seen, for the person who has to decide")


class Drift(Model):
    """How the world differs from what was last put there."""

    status: Literal["none", "drifted", "unknown"]
    changes: tuple[Line, ...] = ()
    evidence: Text = ""


class Counters(Model):
    """What a router has counted for one version of one service. Every number only rises, but for a restart."""

    service: Name
    version: Digest = Field(description="the bundle that it runs")
    requests: Annotated[int, Field(ge=0)]
    errors: Annotated[int, Field(ge=0)] = Field(description="answered with 5xx, or not at all")
    unfinished: Annotated[int, Field(ge=0)] = Field(
        0,
        description="of the others: broken off in the middle, or given up by who asked; which of both, nobody can tell",
    )
    latency: tuple[tuple[float, int], ...] = Field(
        (), description="rising upper bounds in seconds, each with how many requests took no longer"
    )


class PlanStale(Exception):
    """The world is no longer the one that the plan was made on. Nothing was changed."""


@dataclass(frozen=True)
class Abilities:
    """What a target can carry; asked before anything starts."""

    strategies: frozenset[StrategyKind]
    rehearses: bool = True
    """Whether its rollback can be drilled."""
    repeats: bool = True
    """Whether an approved plan can be carried out again after a rollback; else its plan is of one moment."""
    removes: bool = True
    """Whether a first version can be taken back to nothing; else its rollback cannot be drilled."""
    hands_over: bool = False
    """It hands the files to what carries the strategy out itself (a pipeline, a GitOps controller): `deploy` is all."""
    faults: frozenset[FaultKind] = field(default_factory=frozenset)
    """Kinds of failure that it can inject in a drill."""


@runtime_checkable
class Target(Protocol):
    """The contract. Every method may be called again after a crash, by another process."""

    name: str
    """What it is loaded by again, in any process: `local`, or with what it needs, `write:/srv/infra`."""
    abilities: Abilities

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Find out what would change, and change nothing. The same world and bundle give the same plan."""

    def apply(self, work: Work) -> Outcome:
        """Carry out one step of exactly the approved plan. Raises PlanStale, with nothing changed."""

    def observe(self, work: Work) -> Observation:
        """See whether an order that was begun is done."""

    def rollback(self, work: Work) -> Outcome:
        """Return to `work.previous`: traffic first, then desired state. Works after promotion too."""

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Compare the world with the bundle that was last put there; None: nothing of it is to be there."""


@runtime_checkable
class Destroyable(Protocol):
    """A target that can remove an environment as a whole, by an order `destroy`."""

    def plan_destroy(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None = None
    ) -> SavedPlan:
        """Find out what would go; `destroys` is set, and everything that goes is named."""


@runtime_checkable
class Measured(Protocol):
    """A target that counts the traffic of each version by itself."""

    def counters(self, blueprint: Blueprint, environment: Environment) -> tuple[Counters, ...]:
        """One row a service and version that takes or took traffic. Raises HugError if the router does not answer."""


@runtime_checkable
class Addressed(Protocol):
    """A target that knows where its services answer."""

    def address(self, work: Work, service: str) -> str:
        """The base URL of the ordered version of a service: through the router once it takes traffic, before that its
        own. Raises UsageError if it runs nowhere."""


@runtime_checkable
class Cancellable(Protocol):
    """A target whose orders run elsewhere, for hours perhaps, and can be ended there."""

    def cancel(self, work: Work) -> Outcome:
        """End what was begun for an order, and see it end. Raises HttpError."""


@runtime_checkable
class Explained(Protocol):
    """A target that keeps logs."""

    def logs(self, work: Work, lines: int = 200) -> str:
        """The last lines of the ordered version, each with its service; secrets masked. Data, whoever wrote it."""
