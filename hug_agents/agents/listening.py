"""Hears what a model says while it says it. A model that cannot stream is heard once, when its answer is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs

# The mark by which `invoke` streams. It has no public name; LangGraph, which we need anyway, takes it from here too.
from langchain_core.tracers._streaming import _StreamingCallbackHandler


@dataclass
class Heard:
    """What one request has brought so far."""

    text: str = ""
    """The pieces in the order that they came in, of the message and of tool calls."""
    calls: dict[int, Call] = field(default_factory=dict)
    """The tool calls as they were written; the client itself would complete arguments that were cut off."""


@dataclass
class Call:
    """A tool call, as far as it was said."""

    name: str = ""
    arguments: str = ""


class Enough(BaseException):
    """Ends a stream that nobody wants any more. No `Exception`: the callback machinery would log it as an error."""


class Listener(BaseCallbackHandler, _StreamingCallbackHandler[Any]):
    """Attached to one request: it is streamed, and each piece of text goes to `hear`, which may raise Enough."""

    run_inline = True

    def __init__(self, heard: Heard, hear: Callable[[str], None]) -> None:
        self._heard = heard
        self._hear = hear

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, **kwargs: Any) -> None:
        """A piece of the answer: of its text, or of a tool call's arguments."""
        message = chunk.message if isinstance(chunk, ChatGenerationChunk) else None
        said = str(message.text) if message is not None else str(token)
        for piece in getattr(message, "tool_call_chunks", ()):
            call = self._heard.calls.setdefault(piece["index"] or 0, Call())
            call.name += piece["name"] or ""
            call.arguments += piece["args"] or ""
            said += piece["args"] or ""
        self._heard.text += said
        self._hear(said)

    def tap_output_aiter(self, run_id: UUID, output: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Nothing to tap."""
        return output

    def tap_output_iter(self, run_id: UUID, output: Iterator[Any]) -> Iterator[Any]:
        """Nothing to tap."""
        return output


def listening(heard: Heard, hear: Callable[[str], None]) -> RunnableConfig:
    """The configuration that is in force, with a listener beside the callbacks that it has."""
    return merge_configs(ensure_config(), {"callbacks": [Listener(heard, hear)]})
