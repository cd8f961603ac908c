"""What asking a model may cost, and what it did cost. Plain values: no model library is needed to read them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hug_agents.spec import Line, Model


class Budget(Model):
    """What one question to a model may cost. Past it: BudgetExceeded."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    tokens: Annotated[int, Field(ge=1, description="input and output, all attempts together")] = 100_000
    seconds: Annotated[float, Field(gt=0, description="by the clock, waits included")] = 180.0


class Usage(Model):
    """What one question to a model cost, all attempts together."""

    agent: Line = ""
    input_tokens: int = 0
    cached_tokens: int = Field(0, description="of the input, read from the provider's cache")
    output_tokens: int = 0
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
    kind: Literal["attempt", "retry", "answer"]
    attempt: int
    reason: str = ""
    wait_seconds: float = 0.0
