"""Ask a model once, properly: a typed answer, or a clear error, within a budget.

The ways of asking are tried from the strictest down: a JSON schema, a tool call, plain text. tenacity is the only
retrier; what is retried and what is final is in `failures`. An answer that does not fit is sent back with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel
from tenacity import Retrying

from hug_agents.agents.budget import Budget, OnEvent, Usage
from hug_agents.agents.conversation import Conversation, Timing
from hug_agents.agents.deadline import within
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
    on_event: OnEvent | None = None,
    *,
    timing: Timing | None = None,
) -> Answer[T]:
    """A typed answer to a prompt. Raises ModelUnavailable (final) or BudgetExceeded (its cause is the last failure).

    With `on_event` the answer is streamed where the model can, in whatever way it is asked; without, it comes whole.
    Events come from a thread of the request's own.
    """
    talk = Conversation(model, prompt, schema, budget or Budget(), on_event, timing or Timing())

    def attempt() -> T:
        way = talk.begin()
        with talk.classified():
            said = within(talk.limit(), lambda: way.invoke(talk.messages(), talk.config()))
        return talk.read(said)

    with talk.concluded():
        retrying = Retrying(sleep=talk.timing.sleep, reraise=True, **talk.policy())
        return Answer(retrying(attempt), talk.spent())
