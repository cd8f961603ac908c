"""One conversation with a model about one prompt: what is sent, what comes back, what it costs, when it ends.

`asking` moves it along, with or without an event loop; nothing here waits or sends.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel
from tenacity import RetryCallState, retry_if_exception, wait_random_exponential

from hug_agents.agents import model as models
from hug_agents.agents.answers import read_json, read_value, wire_schema
from hug_agents.agents.budget import Budget, Event, Usage
from hug_agents.agents.failures import Failure, classify, secrets_of
from hug_agents.errors import BudgetExceeded, ModelAnswerInvalid, UsageError
from hug_agents.prompting import Filled

T = TypeVar("T", bound=BaseModel)
Way = Literal["json_schema", "function_calling", "text"]
_WAYS: tuple[Way, ...] = ("json_schema", "function_calling", "text")
_SENT_BACK = 8_000


@dataclass(frozen=True)
class Timing:
    """The clock and the ways to wait; tests put their own here."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    asleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass
class Conversation(Generic[T]):
    """What was sent, what came back, and what it cost so far."""

    model: BaseChatModel
    prompt: Filled
    schema: type[T]
    budget: Budget
    on_event: Callable[[Event], None] | None
    timing: Timing
    attempt: int = 0
    way: Way = "json_schema"
    usage: Usage = field(default_factory=Usage)
    repair: tuple[BaseMessage, ...] = ()

    def __post_init__(self) -> None:
        self.started = self.timing.now()
        self.backoff = wait_random_exponential(multiplier=0.5, max=20)
        self.wire = wire_schema(self.schema)
        self.usage = Usage(agent=self.prompt.agent)
        if models.reaches_out(self.model) and not models.ALLOW_MODEL_REQUESTS:
            raise UsageError(
                f"{self.prompt.agent}: requests to models are switched off", hint="ALLOW_MODEL_REQUESTS in agents.model"
            )

    def messages(self) -> list[BaseMessage]:
        """What is sent next."""
        system = self.prompt.system
        if self.way == "text":
            shape = json.dumps(self.wire, ensure_ascii=False)
            system += f"\n\nAnswer with one JSON object and nothing else. It must fit this JSON Schema:\n{shape}"
        return [SystemMessage(system), HumanMessage(self.prompt.user), *self.repair]

    def begin(self) -> Runnable[Any, Any]:
        """Start an attempt: the model, bound to the way of asking."""
        self.attempt += 1
        self._tell("attempt")
        self.usage = self.usage.plus(requests=1, retries=int(self.attempt > 1))
        # Only OpenAI's client is known to take a time limit with each request; others have one of their own.
        limit = {"timeout": self.limit()} if models.is_openai(self.model) else {}
        while self.way != "text":
            try:
                return self.model.with_structured_output(self.wire, method=self.way, include_raw=True, **limit)
            except (NotImplementedError, ValueError, TypeError):
                self.way = _WAYS[_WAYS.index(self.way) + 1]  # this class of model cannot be asked this way
        return self.model.bind(**limit) if limit else self.model

    @contextmanager
    def classified(self) -> Iterator[None]:
        """Round the request: what the client raises becomes a Failure."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a client may raise anything; `classify` gives each its kind
            self._count(getattr(getattr(error, "completion", None), "usage", None))
            failure = classify(error, secrets=secrets_of(self.model))
            if failure.kind == "unsupported":
                if self.way == "text":
                    failure.kind = "final"
                else:
                    self.way = _WAYS[_WAYS.index(self.way) + 1]
            # Not chained: the client's own error, and so a traceback, may hold credentials.
            raise failure from None

    def read(self, said: Any) -> T:
        """The typed value of an answer. Raises Failure, and remembers what to send back."""
        message = said["raw"] if isinstance(said, dict) else said
        self._count(getattr(message, "usage_metadata", None))
        metadata = message.response_metadata
        finish = metadata.get("finish_reason") or metadata.get("stop_reason")
        if message.additional_kwargs.get("refusal") or finish in ("content_filter", "refusal"):
            raise Failure("refusal", ModelAnswerInvalid("the model refused to answer"))
        if finish in ("length", "max_tokens"):
            raise Failure("truncated", ModelAnswerInvalid("the answer was cut off at the model's output limit"))
        text = _said(message, self.wire["title"])
        if not text.strip():
            raise Failure("empty", ModelAnswerInvalid("the answer is empty"))
        try:
            value = read_value(read_json(text), self.schema)
        except ModelAnswerInvalid as error:
            self.repair = (
                AIMessage(text[:_SENT_BACK]),
                HumanMessage(
                    f"That cannot be used: {error.what}. Give the whole answer again, as one JSON object that fits."
                ),
            )
            raise Failure("malformed", error) from None
        self._tell("answer")
        return value

    def _count(self, usage: Any) -> None:
        if usage is None:
            return
        known = usage if isinstance(usage, dict) else usage.model_dump()
        details = known.get("input_token_details") or known.get("prompt_tokens_details") or {}
        self.usage = self.usage.plus(
            input_tokens=known.get("input_tokens") or known.get("prompt_tokens") or 0,
            output_tokens=known.get("output_tokens") or known.get("completion_tokens") or 0,
            cached_tokens=details.get("cache_read") or details.get("cached_tokens") or 0,
        )

    def policy(self) -> dict[str, Any]:
        """When tenacity tries again, how long it waits, and when it stops."""
        return {
            "retry": retry_if_exception(lambda error: isinstance(error, Failure) and error.again),
            "wait": self._wait,
            "stop": self._stop,
            "before_sleep": self._retrying,
        }

    def _wait(self, state: RetryCallState) -> float:
        failure = _failure(state)
        if failure.wait is not None:
            return failure.wait
        return self.backoff(state) if failure.kind in ("timeout", "connection", "rate_limit", "server") else 0.0

    def _stop(self, state: RetryCallState) -> bool:
        return bool(self._spent_up(state.upcoming_sleep))

    def _spent_up(self, wait: float = 0.0) -> str:
        if self.attempt >= self.budget.attempts:
            return f"{self.budget.attempts} attempts"
        if self.usage.tokens >= self.budget.tokens:
            return f"{self.budget.tokens} tokens"
        if self.remaining() <= wait:
            asked = f", the next attempt would have waited {wait:.1f} s" if wait else ""
            return f"{self.budget.seconds:g} seconds{asked}"
        return ""

    def limit(self) -> float:
        """Seconds for one request: no more than half the budget, so that one that hangs leaves time for another."""
        return max(0.001, min(self.remaining(), self.budget.seconds / 2))

    def remaining(self) -> float:
        """Seconds of the budget."""
        return self.budget.seconds - (self.timing.now() - self.started)

    def _retrying(self, state: RetryCallState) -> None:
        self._tell("retry", _failure(state).error.what, state.upcoming_sleep)

    def _tell(self, kind: Literal["attempt", "retry", "answer"], reason: str = "", wait: float = 0.0) -> None:
        if self.on_event:
            agent = self.prompt.agent
            self.on_event(Event(agent=agent, kind=kind, attempt=self.attempt, reason=reason, wait_seconds=wait))

    def spent(self) -> Usage:
        """The cost so far."""
        return self.usage.model_copy(update={"seconds": round(self.timing.now() - self.started, 3)})

    @contextmanager
    def concluded(self) -> Iterator[None]:
        """Round all attempts: the last Failure becomes the error that the caller sees."""
        try:
            yield
        except Failure as failure:
            spent = self.spent()
            error = failure.error
            bill = f"attempt {self.attempt}, {spent.requests} requests, {spent.tokens} tokens, {spent.seconds:.1f} s"
            if not failure.again:
                raise type(error)(f"{error.what} ({bill})", where=self.prompt.agent, hint=error.hint) from None
            limit = self._spent_up(failure.wait or 0.0) or f"{self.budget.seconds:g} seconds"
            raise BudgetExceeded(
                f"the budget of {limit} ran out ({bill}); last failure: {error.what}",
                where=self.prompt.agent,
                hint="the state is kept: resume with a larger budget or another model",
            ) from error


def _failure(state: RetryCallState) -> Failure:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Failure)
    return error


def _said(message: AIMessage, name: str) -> str:
    """The answer's JSON text: the arguments of the tool call, or the message itself."""
    for invalid in message.invalid_tool_calls:
        return str(invalid.get("args") or "")
    for parsed in message.tool_calls:
        if parsed["name"] == name:
            return json.dumps(parsed["args"], ensure_ascii=False)
    return str(message.text)
