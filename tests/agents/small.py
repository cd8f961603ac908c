"""The small local model that is recorded and measured: it proves plumbing, not quality."""

from __future__ import annotations

import copy
from typing import Any

from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.agents.cassettes import MODEL


class Small(ChatOpenAI):
    """Lists and texts of the answer are kept short: a small model fills what it is given room for."""

    most: int = 2
    """Items of each list."""

    def _get_request_payload(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        payload: dict[str, Any] = super()._get_request_payload(*args, **kwargs)
        if "response_format" in payload:
            payload["response_format"] = copy.deepcopy(payload["response_format"])
            _shorten(payload["response_format"], self.most)
        return payload


def _shorten(node: Any, items: int) -> None:
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _shorten(child, items)
    if isinstance(node, dict):
        for key, most in (("maxItems", items), ("maxLength", 60)):
            if isinstance(node.get(key), int):
                node[key] = min(node[key], most)


def small(address: str) -> Small:
    """The model at an address, as every recording asks it: temperature 0, and an answer of bounded length."""
    return Small(
        model=MODEL, base_url=address, api_key=SecretStr("none"), temperature=0, max_retries=0, seed=7, max_tokens=1200
    )
