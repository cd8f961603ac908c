"""The small local model that is recorded and measured: it proves plumbing, not quality."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.agents.cassettes import MODEL


class Small(ChatOpenAI):
    """Lists and texts of the answer are kept short: a small model fills what it is given room for."""

    most: int = 2
    """Items of each list."""
    room: dict[str, int] = {}  # noqa: RUF012 - pydantic copies it for each model
    """By the name of a list or text: its items where they are not `most`, its characters where they are not 60."""

    def _get_request_payload(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        payload: dict[str, Any] = super()._get_request_payload(*args, **kwargs)
        if "response_format" in payload:
            payload["response_format"] = copy.deepcopy(payload["response_format"])
            _shorten(payload["response_format"], self.most, self.room)
        return payload


def _shorten(node: Any, items: int, room: dict[str, int], name: str = "") -> None:
    if isinstance(node, list):
        node = dict(enumerate(node))
    if isinstance(node, dict):
        for key, child in node.items():
            _shorten(child, items, room, str(key))
        for key, most in (("maxItems", room.get(name, items)), ("maxLength", room.get(name, 60))):
            if isinstance(node.get(key), int):
                node[key] = min(node[key], most)


_Kind = TypeVar("_Kind", bound=Small)


def small(address: str, kind: type[_Kind] = Small) -> _Kind:  # type: ignore[assignment]
    """The model at an address, as every recording asks it: temperature 0, and an answer of bounded length."""
    return kind(
        model=MODEL, base_url=address, api_key=SecretStr("none"), temperature=0, max_retries=0, seed=7, max_tokens=1200
    )
