"""A chat model that says what it was told to say, in order; the last answer for ever."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class Scripted(BaseChatModel):
    """Someone else's chat model, without tools and structured output. An exception in the script is raised."""

    script: list[Any]
    seen: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic copies it for each model

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.seen.append(messages)
        step = self.script[min(len(self.seen), len(self.script)) - 1]
        if isinstance(step, BaseException):
            raise step
        text = step if isinstance(step, str) else json.dumps(step)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])
