"""What a run remembers (digests and small words, never a file's content), and the crew that works on it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from hug_agents.agents.budget import Budget
from hug_agents.store import Store

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Scope = Literal["bundle", "release"]
Outcome = Literal["built", "gates_failed", "gates_incomplete", "rejected", "approved"]


class ReleaseState(TypedDict, total=False):
    """The channels of the graph. Each digest names a document in the store."""

    text: str
    """A request in words, from clients that have no store (an Agent Server); `receive` files it and empties this."""
    scope: Scope
    """`bundle`: stop when the gates have spoken; `release` (the default): go on to the checkpoints."""
    request: str
    facts: str
    refinement: str
    prompts: Annotated[list[str], operator.add]
    """Digests of the filled prompts' templates, one a call, `id@version sha256:...`."""
    deployment: str
    devops: str
    spec: str
    """The spec after repair; the refinement keeps the one before."""
    blueprint: str
    bundle: str
    gates: str
    verdict: Literal["passed", "failed", "incomplete"]
    repairs: int
    decision: Literal["approve", "reject", "request_changes", "stale"]
    """What the last checkpoint answered; `stale` when it spoke of another bundle."""
    answers: Annotated[list[str], operator.add]
    usage: Annotated[list[str], operator.add]
    outcome: Outcome


class ReleaseInput(TypedDict, total=False):
    """What a run starts from: words, or the digest of a request that is in the store already."""

    text: str
    request: str
    facts: str
    scope: Scope


@dataclass(frozen=True)
class Crew:
    """Who works on a run and with what. Not part of the state: a run can be resumed with another crew."""

    store: Store
    model: str | BaseChatModel = "offline"
    base_url: str | None = None
    budget: Budget = field(default_factory=Budget)
    gates: tuple[str, ...] | None = None
    """Names of the gates to run; None: every gate that applies."""
    repair_rounds: int = 3
    progress: Callable[[str, Any], None] | None = None
    """Called with a stage and what it has to say; from several threads."""

    def tell(self, stage: str, detail: Any = None) -> None:
        """Report progress, where somebody listens."""
        if self.progress is not None:
            self.progress(stage, detail)
