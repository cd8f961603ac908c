"""What asking a model may cost, and what it did cost. Plain values: no model library is needed to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from hug_agents.spec import Line, Model


class Budget(Model):
    """What one question to a model may cost. Past it: BudgetExceeded."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    tokens: Annotated[int, Field(ge=1, le=10**9, description="input and output, all attempts together")] = 100_000
    seconds: Annotated[float, Field(gt=0, le=86_400, description="by the clock, waits included")] = 180.0


class Usage(Model):
    """What one question to a model cost, all attempts together."""

    agent: Line = ""
    model: Line = ""
    input_tokens: int = 0
    cached_tokens: int = Field(0, description="of the input, read from the provider's cache")
    output_tokens: int = 0
    estimated_tokens: int = Field(
        0, description="of both, counted by us at four characters each, because the provider reported none"
    )
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def plus(self, **more: int) -> Usage:
        """With so much more of the fields named."""
        return self.model_copy(update={name: getattr(self, name) + count for name, count in more.items()})


class Event(Model):
    """Something that happened while a model was asked, for progress and logs."""

    agent: Line
    kind: Literal["attempt", "tokens", "retry", "answer"]
    attempt: int
    reason: str = ""
    wait_seconds: float = 0.0
    text: str = Field("", description="tokens: what was said since the last event, as it came and unchecked")
    characters: int = Field(0, description="tokens: how many were said in this attempt")


OnEvent: TypeAlias = Callable[[Event], None]


def spent_by(error: Exception) -> tuple[Usage, ...]:
    """What a question cost that failed; nothing where none was asked."""
    spent = getattr(error, "spent", None)
    return (spent,) if isinstance(spent, Usage) else ()


def totals(usage: Iterable[Usage]) -> tuple[Usage, ...]:
    """One row an agent and model, in the order of their first question."""
    rows: dict[tuple[str, str], Usage] = {}
    for one in usage:
        if not one.requests:
            continue
        row = rows.setdefault((one.agent, one.model), Usage(agent=one.agent, model=one.model))
        added = row.plus(**{name: getattr(one, name) for name in _COUNTED})
        rows[one.agent, one.model] = added.model_copy(update={"seconds": round(row.seconds + one.seconds, 3)})
    return tuple(rows.values())


_COUNTED = ("input_tokens", "cached_tokens", "output_tokens", "estimated_tokens", "requests", "retries")
