"""The offline model: rules behind the interface of a chat model, so that the graph has one path.

It is not a language model and says so. It reads the fenced data of our own prompts and answers each with a pure
function; asked anything else, it tells what it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from hug_agents.agents.offline_rules import RULES
from hug_agents.prompting import fenced, prompt_id

WHAT_I_AM = (
    "This is the offline model of hug_agents: a set of fixed rules, not a language model. It answers only the prompts "
    "of hug_agents itself. For anything else choose a language model, for example openai:NAME."
)


class OfflineChatModel(BaseChatModel):
    """Deterministic rules; no key, no network, no tokens."""

    model: str = "offline"
    temperature: float | None = 0.0
    max_tokens: int | None = None
    timeout: float | None = None
    max_retries: int | None = None
    stop: list[str] | None = None
    streaming: bool = False
    """The parameters that chat models have in common are taken, and change nothing: rules have no such knobs."""

    @property
    def _llm_type(self) -> str:
        return "hug-offline-rules"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "hug_agents"
        params["ls_model_name"] = kwargs.get("model") or self.model
        return params

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools. One named like the schema of a prompt's answer is called with that answer; no other ever is."""
        named = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=named, tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = _answer(messages, kwargs.get("tools") or ())
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        message = _answer(messages, kwargs.get("tools") or ())
        calls = [
            tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index)
            for index, call in enumerate(message.tool_calls)
        ]
        chunk = ChatGenerationChunk(
            message=AIMessageChunk(
                content=message.content,
                tool_call_chunks=calls,
                usage_metadata=message.usage_metadata,
                response_metadata=message.response_metadata,
                chunk_position="last",
            )
        )
        if run_manager:
            run_manager.on_llm_new_token(str(chunk.text), chunk=chunk)
        yield chunk


def _answer(messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]]) -> AIMessage:
    system = next((str(item.text) for item in messages if isinstance(item, SystemMessage)), "")
    rule = RULES.get(prompt_id(system))
    if rule is None:
        return _message(WHAT_I_AM)
    # The first message of the user carries the data; a later one is a repair turn, and rules do not change.
    user = next((str(item.text) for item in messages if isinstance(item, HumanMessage)), "")
    value = rule({name: datum.value() for name, datum in fenced(user).items()})
    answer = value.model_dump(mode="json")
    name = type(value).__name__
    if any(tool["function"]["name"] == name for tool in tools):
        return _message("", [{"name": name, "args": answer, "id": f"call_{name}", "type": "tool_call"}])
    return _message(json.dumps(answer, ensure_ascii=False))


def _message(content: str, tool_calls: list[Any] | None = None) -> AIMessage:
    return AIMessage(
        content=content,
        tool_calls=tool_calls or [],
        usage_metadata={"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
        response_metadata={"model_name": "offline", "finish_reason": "stop", "model_provider": "hug_agents"},
    )
