"""No test here reaches a model by accident; cassettes are plain YAML that a reviewer can read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hug_agents.agents import model
from hug_agents.agents.conversation import Timing
from tests.agents.protocol import Protocol


@pytest.fixture(autouse=True)
def no_model_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "ALLOW_MODEL_REQUESTS", False)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_PROXY", "OPENAI_ORG_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def allow_model_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "ALLOW_MODEL_REQUESTS", True)


@pytest.fixture
def protocol(allow_model_requests: None) -> Iterator[Protocol]:
    """A server on this machine that speaks OpenAI's protocol and misbehaves as it is told."""
    with Protocol() as server:
        yield server


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds

    @property
    def timing(self) -> Timing:
        return Timing(now=self.now, sleep=self.sleep)


@pytest.fixture
def clock() -> Clock:
    return Clock()
