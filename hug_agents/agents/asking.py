"""Ask a model once, properly: a typed answer, or a clear error, within a budget.

The ways of asking are tried from the strictest down: a JSON schema, a tool call, plain text. tenacity is the only
retrier; what is retried and what is final is in `failures`. An answer that does not fit is sent back with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel
from tenacity import AsyncRetrying, Retrying

from hug_agents.agents.budget import Budget, Event, Usage
from hug_agents.agents.conversation import Conversation, Timing
from hug_agents.prompting import Filled

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A typed answer and what it cost."""

    value: T
    usage: Usage


def ask(
    model: BaseChatModel,
    prompt: Filled,
    schema: type[T],
    budget: Budget | None = None,
    on_event: Callable[[Event], None] | None = None,
    *,
    timing: Timing | None = None,
) -> Answer[T]:
    """A typed answer to a prompt. Raises ModelUnavailable (final) or BudgetExceeded (its cause is the last failure)."""
    talk = Conversation(model, prompt, schema, budget or Budget(), on_event, timing or Timing())

    def attempt() -> T:
        way = talk.begin()
        with talk.classified():
            said = way.invoke(talk.messages())
        return talk.read(said)

    with talk.concluded():
        retrying = Retrying(sleep=talk.timing.sleep, reraise=True, **talk.policy())
        return Answer(retrying(attempt), talk.spent())


async def aask(
    model: BaseChatModel,
    prompt: Filled,
    schema: type[T],
    budget: Budget | None = None,
    on_event: Callable[[Event], None] | None = None,
    *,
    timing: Timing | None = None,
) -> Answer[T]:
    """`ask` without blocking; the budget's seconds also end a request that hangs."""
    talk = Conversation(model, prompt, schema, budget or Budget(), on_event, timing or Timing())

    async def attempt() -> T:
        way = talk.begin()
        with talk.classified():
            async with asyncio.timeout(talk.limit()):
                said = await way.ainvoke(talk.messages())
        return talk.read(said)

    with talk.concluded():
        retrying = AsyncRetrying(sleep=talk.timing.asleep, reraise=True, **talk.policy())
        return Answer(await retrying(attempt), talk.spent())
