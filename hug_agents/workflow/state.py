"""What a run remembers (digests and small words, never a file's content), and the crew that works on it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from hug_agents.agents.budget import Budget, Event, OnEvent
from hug_agents.agents.choice import AddressChoice, Agent, ModelChoice, by_agent
from hug_agents.errors import UsageError
from hug_agents.store import Store

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from hug_agents.execute.executor import Executor
    from hug_agents.execute.faults import FaultKind

Scope = Literal["bundle", "release", "drill", "destroy"]
Outcome = Literal[
    "built", "gates_failed", "gates_incomplete", "rejected", "released", "rolled_back", "drilled", "destroyed", "failed"
]
Decided = Literal[
    "approve",
    "reject",
    "request_changes",
    "edit",
    "waiting",
    "asked",
    "blocked",
    "regate",
    "restart",
    "redrill",
    "attention",
    "closed",
    "done",
    "failed",
]
STATE_VERSION = 1
"""Raised when a run of an older version can no longer be read as it is; see `hug_agents.workflow.versions`."""


class ReleaseState(TypedDict, total=False):
    """The channels of the graph. Each digest names a document in the store."""

    version: int
    """The version that wrote it; absent: before releases were governed."""
    text: str
    """A request in words, from clients that have no store (an Agent Server); `receive` files it and empties this."""
    scope: Scope
    """`bundle`: stop when the gates have spoken; `release` (the default): go on to the checkpoints; `drill`: stop after
    the rollback drill; `destroy`: remove `place`, and nothing else."""
    request: str
    facts: str
    refinement: str
    refiner: str
    """The refined prompts, the log of what was changed and why, and how the Prompt Refiner did."""
    prompts: Annotated[list[str], operator.add]
    """Digests of the filled prompts' templates, one a call, `id@version sha256:...`."""
    deployment: str
    devops: str
    spec: str
    """The spec after repair; the refinement keeps the one before."""
    blueprint: str
    rendered: str
    """The bundle as the renderers wrote it."""
    amendments: str
    """What a language model wrote beside it, round by round."""
    amended: str
    """The bundle with that, before a reviewer's own changes."""
    bundle: str
    gates: str
    verdict: Literal["passed", "failed", "incomplete"]
    repairs: int
    release: str
    requester: str
    target: str
    """The name of what carries the release out."""
    round: int
    """Raised when changes were asked for, so that the same bytes can be asked about again."""
    place: str
    """The environment that is to be removed."""
    in_production: bool
    """Whether that one is of production."""
    production: int
    """Which of the spec's production environments is next."""
    plans: dict[str, str]
    """The saved plan of each environment."""
    dossier: str
    """Of the checkpoint that was asked last."""
    packet: str
    earlier: list[list[str]]
    """The checkpoints that were passed on the way: name and packet."""
    staged: str
    """How the deployment to staging went."""
    drill: str
    drills: int
    diagnosis: str
    """Why the DevOps agent thinks that gates, a run or a rollout step failed."""
    matter: str
    """What only a person can settle, while a release stands still for it."""
    at: str
    """The node that it came from, and goes back to."""
    edits: str
    """A reviewer's own changes to fields and files; they stay through every later round."""
    decision: Decided
    """What was decided last: where the graph goes. Nothing is allowed by it."""
    notice: str
    """Why the release stands where it does, for people."""
    answers: Annotated[list[str], operator.add]
    usage: Annotated[list[str], operator.add]
    outcome: Outcome


class ReleaseInput(TypedDict, total=False):
    """What a run starts from: words, or the digest of a request that is in the store already."""

    version: int
    """Of the state, so that a run that a crash ended at its very beginning is known to be of this version."""
    text: str
    request: str
    facts: str
    scope: Scope
    requester: str
    target: str
    place: str
    bundle: str
    """A bundle that was built before: it is judged and released as it is. Its refinement lets changes be asked for."""
    spec: str
    blueprint: str
    refinement: str
    deployment: str
    devops: str
    amendments: str


@dataclass(frozen=True)
class Crew:
    """Who works on a run and with what. Not part of the state: a run can be resumed with another crew."""

    store: Store
    model: ModelChoice = "offline"
    """One for every agent, or one by agent; a string may be several words, as in `hug_agents.agents.choice`."""
    base_url: AddressChoice = None
    budget: Budget = field(default_factory=Budget)
    target: str = ""
    """What carries a release out, where its input names nothing else."""
    fault: FaultKind | None = None
    """What a rollback drill injects; None: the first kind that the target can."""
    executor: Executor | None = None
    """The one door to effects, with the desk that takes decisions; None: runs end when the gates have spoken."""
    gates: tuple[str, ...] | None = None
    """Names of the gates to run; None: every gate that applies."""
    repair_rounds: int = 3
    amend_rounds: int = 3
    """How often an amendment is sent back to the model at most; 0: a model writes none."""
    progress: Callable[[str, Any], None] | None = None
    """Called with a stage and what it has to say; from several threads."""

    @cached_property
    def graph(self) -> Any:
        """The graph of this crew, compiled once: it holds nothing of any run. A run's driver brings the checkpointer."""
        from hug_agents.workflow.graph import build_graph

        return build_graph(self).compile()

    @cached_property
    def models(self) -> dict[Agent, str | BaseChatModel]:
        """Which model each agent asks. Raises UsageError for an agent that there is not, or an address without use."""
        models: dict[Agent, str | BaseChatModel] = by_agent(self.model, "offline", "model")
        unused = self.base_url and all(model == "offline" for model in models.values())
        if unused or (self.base_url and all(not isinstance(model, str) for model in models.values())):
            raise UsageError(
                "base_url goes with a model's name", where="base_url", hint="name one too: --model openai:NAME"
            )
        return models

    @cached_property
    def chat_models(self) -> dict[Agent, BaseChatModel]:
        """The models themselves, all loaded when the first is needed: what is missing is said before any is asked."""
        from hug_agents.agents.model import load_models

        addresses: dict[Agent, str | None] = by_agent(self.base_url, None, "base_url")
        return load_models(self.models, addresses)

    def hear(self, event: Event) -> None:
        """Pass on what happens while a model is asked."""
        self.tell("model", event)

    @property
    def on_event(self) -> OnEvent | None:
        """`hear`, where somebody listens; without a listener no answer is streamed."""
        return self.hear if self.progress is not None else None

    @property
    def doors(self) -> Executor:
        """The executor. Raises UsageError for a crew that has none."""
        if self.executor is None:
            raise UsageError(
                "this crew builds bundles and releases nothing", hint="scope: bundle, or use Release.start"
            )
        return self.executor

    def tell(self, stage: str, detail: Any = None) -> None:
        """Report progress, where somebody listens."""
        if self.progress is not None:
            self.progress(stage, detail)
