"""The small real model before the corpus: it does what it does. What it was sent, claimed and cost is kept."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import ChatResult
from pydantic import ValidationError

from hug_agents.reading.claims import Reading
from tests.agents.cassettes import NOWHERE
from tests.agents.small import Small, small
from tests.injection.obeying import stands

REAL = "real"


class Real(Small):
    """As it is recorded, with one item in each list: what a case costs is what it writes."""

    most: int = 1
    room: dict[str, int] = {"questions": 0, "path": 120}  # noqa: RUF012
    """It asks nothing, or every case would end in a question: what it claims, remarks and writes is looked at."""
    pieces: tuple[str, ...] = ()
    """The attack as it was put into the input."""
    prompts: list[str] = []  # noqa: RUF012 - pydantic copies it for each model
    reached: list[int] = []  # noqa: RUF012
    """The questions that the instruction stood in."""
    claimed: list[dict[str, Any]] = []  # noqa: RUF012
    tokens: list[tuple[int, int, int]] = []  # noqa: RUF012
    """Of each answer: input, of it cached, output."""

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.prompts.append("\n".join(str(message.content) for message in messages))
        user = next(str(item.text) for item in messages if isinstance(item, HumanMessage))
        if self.pieces and all(stands(piece, user) for piece in self.pieces):
            self.reached.append(len(self.prompts))
        result = super()._generate(messages, *args, **kwargs)
        said: Any = result.generations[0].message
        used = said.usage_metadata or {}
        cached = used.get("input_token_details", {}).get("cache_read", 0)
        self.tokens.append((used.get("input_tokens", 0), cached, used.get("output_tokens", 0)))
        with suppress(ValidationError):  # of another schema, or none at all
            self.claimed.extend(claim.model_dump() for claim in Reading.model_validate_json(said.text).claims)
        return result


def real(pieces: tuple[str, ...]) -> Real:
    """The model of the recordings, at HUG_TEST_MODEL_URL or, in a replay, nowhere."""
    platform.platform()  # the client says which system it runs on, and looks once: before anybody watches
    with suppress(OSError):
        platform.freedesktop_os_release()
    made = small(os.environ.get("HUG_TEST_MODEL_URL", NOWHERE), Real)
    made.pieces = pieces
    return made
