"""One conversation with a model about one prompt: what is sent, what comes back, what it costs, when it ends.

`asking` moves it along, with or without an event loop; nothing here waits or sends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableParallel, RunnableSequence
from pydantic import BaseModel
from tenacity import RetryCallState, retry_if_exception, wait_random_exponential

from hug_agents.agents import model as models
from hug_agents.agents.answers import MAX_CHARACTERS, read_json, read_value, wire_schema
from hug_agents.agents.budget import Budget, Event, OnEvent, Usage
from hug_agents.agents.failures import Failure, classify, secrets_of
from hug_agents.agents.listening import Enough, Heard, listening
from hug_agents.errors import BudgetExceeded, ModelAnswerInvalid, UsageError
from hug_agents.prompting import Filled

T = TypeVar("T", bound=BaseModel)
Way = Literal["json_schema", "function_calling", "text"]
_WAYS: tuple[Way, ...] = ("json_schema", "function_calling", "text")
_SENT_BACK = 8_000
_CHARACTERS_A_TOKEN = 4
_KEPT = "the state is kept: resume with a larger budget or another model"
_TELL_EVERY = 0.2
"""Seconds between two events of an answer that is being said."""


@dataclass(frozen=True)
class Timing:
    """The clock and the way to wait; tests put their own here."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Conversation(Generic[T]):
    """What was sent, what came back, and what it cost so far."""

    model: BaseChatModel
    prompt: Filled
    schema: type[T]
    budget: Budget
    on_event: OnEvent | None
    timing: Timing
    attempt: int = 0
    way: Way = "json_schema"
    usage: Usage = field(default_factory=Usage)
    repair: tuple[BaseMessage, ...] = ()

    def __post_init__(self) -> None:
        self.started = self.timing.now()
        self.backoff = wait_random_exponential(multiplier=0.5, max=20)
        self.wire = wire_schema(self.schema)
        self.usage = Usage(agent=self.prompt.agent, model=models.name_of(self.model))
        self.streams = self.on_event is not None  # nobody listens: nothing is streamed
        self.counted = False
        self.heard = Heard()
        self.told = 0
        self.told_at = 0.0
        self.broken: Exception | None = None
        if models.reaches_out(self.model) and not models.ALLOW_MODEL_REQUESTS:
            raise UsageError(
                f"{self.prompt.agent}: requests to models are switched off", hint="ALLOW_MODEL_REQUESTS in agents.model"
            )
        if self.asked() > self.budget.tokens:
            exceeded = BudgetExceeded(
                f"the budget of {self.budget.tokens} tokens does not hold the prompt, which takes about {self.asked()}",
                where=self.prompt.agent,
                hint=_KEPT,
            )
            exceeded.spent = self.spent()
            raise exceeded

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
        self.counted, self.heard, self.told = False, Heard(), 0
        self._tell("attempt")
        self.usage = self.usage.plus(requests=1, retries=int(self.attempt > 1))
        # Only OpenAI's client is known to take a time limit with each request; others have one of their own.
        limit = {"timeout": self.limit()} if models.is_openai(self.model) else {}
        while self.way != "text":
            try:
                return _asking_only(
                    self.model.with_structured_output(self.wire, method=self.way, include_raw=True, **limit)
                )
            except (NotImplementedError, ValueError, TypeError):
                self.way = _WAYS[_WAYS.index(self.way) + 1]  # this class of model cannot be asked this way
        return self.model.bind(**limit) if limit else self.model

    def config(self) -> RunnableConfig | None:
        """How the request is made: heard while it is answered, where somebody listens."""
        heard = self.heard
        most = min(MAX_CHARACTERS, _CHARACTERS_A_TOKEN * (self.budget.tokens - self.usage.tokens - self.asked()))

        def hear(_piece: str) -> None:
            if heard is not self.heard:
                raise Enough("nobody waits for this answer any more")
            if len(heard.text) > most:
                raise Enough(f"the answer is longer than {most} characters")
            self._tell_heard()

        return listening(heard, hear) if self.streams else None

    def _tell_heard(self, *, last: bool = False) -> None:
        """Tell what was said since the last time, a few times a second."""
        now = self.timing.now()
        if self.told == len(self.heard.text) or not (last or now - self.told_at >= _TELL_EVERY):
            return
        new, self.told, self.told_at = self.heard.text[self.told :], len(self.heard.text), now
        try:
            self._tell("tokens", text=new, characters=self.told)
        except Exception as error:  # noqa: BLE001 - the listener's own, and no failure of the model: raised again
            self.broken = error
            raise Enough from None

    @contextmanager
    def classified(self) -> Iterator[None]:
        """Round the request: what the client raises becomes a Failure."""
        try:
            yield
        except (Exception, Enough) as error:  # noqa: BLE001 - a client may raise anything; `classify` gives each its kind
            if self.broken is not None:
                raise self.broken from None
            self._count(getattr(getattr(error, "completion", None), "usage", None))
            self._estimate(len(self.heard.text))
            if isinstance(error, Enough):
                failure = Failure("malformed", ModelAnswerInvalid(str(error)))
            else:
                failure = classify(error, secrets=secrets_of(self.model))
            if failure.kind == "unsupported":
                self._step_down(failure)
            elif failure.kind in ("malformed", "empty") and not self.heard.text:
                self.streams = False  # perhaps no stream was sent at all
            # Not chained: the client's own error, and so a traceback, may hold credentials.
            raise failure from None

    def _step_down(self, failure: Failure) -> None:
        """After a 400: the next simpler way to ask; without a stream, where the server speaks of streams."""
        if self.streams and "stream" in failure.error.what.lower():
            self.streams = False
        elif self.way == "text":
            failure.kind = "final"
        else:
            self.way = _WAYS[_WAYS.index(self.way) + 1]

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
        try:
            text = _said(message, self.wire["title"], self.heard)
        except ModelAnswerInvalid as error:
            raise Failure("malformed", error) from None
        self._estimate(max(len(text), len(self.heard.text)))
        self._tell_heard(last=True)
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
        self.counted = True
        known = usage if isinstance(usage, dict) else usage.model_dump()
        details = known.get("input_token_details") or known.get("prompt_tokens_details") or {}
        self.usage = self.usage.plus(
            input_tokens=_number(known.get("input_tokens") or known.get("prompt_tokens")),
            output_tokens=_number(known.get("output_tokens") or known.get("completion_tokens")),
            cached_tokens=_number(details.get("cache_read") or details.get("cached_tokens")),
        )

    def _estimate(self, characters: int) -> None:
        """Count what was said where the provider reported nothing: the budget holds for it too."""
        if self.counted or not characters:
            return
        self.counted = True
        asked, said = self._sent(), -(-characters // _CHARACTERS_A_TOKEN)
        self.usage = self.usage.plus(input_tokens=asked, output_tokens=said, estimated_tokens=asked + said)

    def _sent(self) -> int:
        """Tokens of what is sent next, as we estimate them."""
        return -(-sum(len(str(message.text)) for message in self.messages()) // _CHARACTERS_A_TOKEN)

    def asked(self) -> int:
        """Tokens that the next request takes before anything is said; a model in this process takes none."""
        return self._sent() if models.reaches_out(self.model) else 0

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
        if self.usage.tokens + self.asked() >= self.budget.tokens:
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
        self._tell("retry", reason=_failure(state).error.what, wait_seconds=state.upcoming_sleep)

    def _tell(self, kind: Literal["attempt", "tokens", "retry", "answer"], **more: Any) -> None:
        if self.on_event:
            self.on_event(Event(agent=self.prompt.agent, kind=kind, attempt=self.attempt, **more))

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
                final = type(error)(f"{error.what} ({bill})", where=self.prompt.agent, hint=error.hint)
                final.spent = spent
                raise final from None
            limit = self._spent_up(failure.wait or 0.0) or f"{self.budget.seconds:g} seconds"
            exceeded = BudgetExceeded(
                f"the budget of {limit} ran out ({bill}); last failure: {error.what}",
                where=self.prompt.agent,
                hint=f"{f'{error.hint}; ' if error.hint else ''}{_KEPT}",
            )
            exceeded.spent = spent
            raise exceeded from error


def _asking_only(way: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """The model itself, without the parser behind it: we read more strictly, and the parser's frame asks in a thread
    pool that the interpreter waits for when it ends, so that a request that hangs would keep the process alive."""
    frame = way.first if isinstance(way, RunnableSequence) else None
    return frame.steps__.get("raw", way) if isinstance(frame, RunnableParallel) else way


def _number(reported: Any) -> int:
    """A count of tokens as a provider reports it: none that lowers what was spent, none that is no number."""
    return max(0, int(reported)) if isinstance(reported, int | float) and abs(reported) < 1e15 else 0


def _failure(state: RetryCallState) -> Failure:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Failure)
    return error


def _said(message: AIMessage, name: str, heard: Heard) -> str:
    """The answer's JSON text: the arguments of the tool call, or the message itself. Raises ModelAnswerInvalid."""
    for call in heard.calls.values():
        if call.name == name:
            return call.arguments
    for invalid in message.invalid_tool_calls:
        return str(invalid.get("args") or "")
    for parsed in message.tool_calls:
        if parsed["name"] == name:
            return json.dumps(parsed["args"], ensure_ascii=False)
    if message.tool_calls and not str(message.text).strip():
        raise ModelAnswerInvalid(f"the answer calls a tool that is not there: {message.tool_calls[0]['name'][:80]!r}")
    return str(message.text)
