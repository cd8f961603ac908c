"""Who answers in an evaluation: which model reads, which writes and repairs. The arms of an ablation differ in this alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hug_agents.agents.budget import Budget
from hug_agents.agents.model import load_model

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

RULES = "offline"


@dataclass(frozen=True)
class Arm:
    """One way to staff the crew. The gates and the evidence check are the same in all."""

    name: str
    about: str
    refiner: Any
    """The model that reads requests."""
    others: Any
    """The model of the deployment and the DevOps agent."""
    model: str
    """The name of the language model that took part; `offline`: none did."""
    budget: Budget = field(default_factory=Budget)


def named(model: str | BaseChatModel) -> str:
    """How a report names a model."""
    return model if isinstance(model, str) else type(model).__name__


def full(model: str | BaseChatModel, base_url: str | None = None, budget: Budget | None = None) -> Arm:
    """All three agents with one model."""
    loaded = load_model(model, base_url=base_url)
    return Arm("three agents", "all three agents with the model", loaded, loaded, named(model), budget or Budget())


def ablation(model: str | BaseChatModel, base_url: str | None = None, budget: Budget | None = None) -> tuple[Arm, ...]:
    """Rules alone, one agent, three agents."""
    loaded, rules, cost = load_model(model, base_url=base_url), load_model(RULES), budget or Budget()
    name = named(model)
    return (
        Arm("rules alone", "the offline rules in all three places; no language model", rules, rules, RULES, cost),
        Arm(
            "one agent", "the model reads the request; rules write notes and choose repairs", loaded, rules, name, cost
        ),
        full(model, base_url, cost),
    )
