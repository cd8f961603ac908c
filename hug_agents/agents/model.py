"""From a name to a chat model."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from hug_agents.agents.choice import Agent
from hug_agents.agents.failures import redact
from hug_agents.errors import UsageError

ALLOW_MODEL_REQUESTS = True
"""False: no request leaves for a model that is not in this process. Tests switch it off."""

_PROVIDER = re.compile(r"[a-z][a-z0-9_-]*")
REQUEST_SECONDS = 90.0
"""How long one request may take where the model is called without a budget."""


def load_model(model: str | BaseChatModel, *, base_url: str | None = None) -> BaseChatModel:
    """`offline`, `openai:NAME`, any `init_chat_model` string, or a chat model as it is. Raises UsageError.

    `base_url` serves any server that speaks OpenAI's protocol. Our budget retries, so the client's own retries are off.
    """
    if isinstance(model, BaseChatModel):
        if base_url:
            raise UsageError("base_url goes with a model's name", hint="give the chat model its own base_url")
        return model
    if model == "offline":
        from hug_agents.agents.offline import OfflineChatModel

        return OfflineChatModel()
    provider, separator, name = model.partition(":")
    if not separator or not _PROVIDER.fullmatch(provider) or not name:
        raise UsageError(f"{model!r} does not name a model", hint="`offline`, or PROVIDER:NAME such as openai:gpt-4.1")
    _check_address(base_url)
    return _openai(name, base_url) if provider == "openai" else _any(model, provider, base_url)


def _check_address(base_url: str | None) -> None:
    """A client would find out at its first request, again and again. Raises UsageError."""
    try:
        parts = urlsplit(base_url or "http://none")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"no address of a server: {redact(str(base_url))!r}", where="base_url", hint="e.g. http://127.0.0.1:8000/v1"
        )


def load_models(
    models: Mapping[Agent, str | BaseChatModel], addresses: Mapping[Agent, str | None]
) -> dict[Agent, BaseChatModel]:
    """Every agent's model, the same one once. Raises UsageError before any of them is asked."""
    loaded: dict[tuple[int | str, str | None], BaseChatModel] = {}
    crew: dict[Agent, BaseChatModel] = {}
    for agent, model in models.items():
        address = addresses[agent] if isinstance(model, str) and model != "offline" else None
        key = (model if isinstance(model, str) else id(model), address)
        if key not in loaded:
            loaded[key] = load_model(model, base_url=address)
        crew[agent] = loaded[key]
    return crew


def _openai(name: str, base_url: str | None, **more: Any) -> BaseChatModel:
    from langchain_openai import ChatOpenAI
    from openai import OpenAIError

    options: dict[str, Any] = {"model": name, "max_retries": 0, "timeout": REQUEST_SECONDS, "stream_usage": True}
    options |= more
    if not name.startswith(("o1", "o3", "o4", "gpt-5")):  # reasoning models take no temperature
        options["temperature"] = 0
    if base_url:
        options["base_url"] = base_url
    try:
        return ChatOpenAI(**options)
    except OpenAIError as error:
        if base_url:  # a server of one's own often wants no key, but the client insists on one
            return _openai(name, base_url, api_key=SecretStr("none"))
        raise UsageError("no credentials for OpenAI", hint="set OPENAI_API_KEY, or use the model `offline`") from error
    except Exception as error:  # noqa: BLE001 - the HTTP client's own: a proxy that it cannot read, a package for it
        raise UsageError(
            f"OpenAI's client cannot be set up: {redact(f'{type(error).__name__}: {error}')}",
            hint="check the variables that name a proxy: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY",
        ) from None


def _any(model: str, provider: str, base_url: str | None) -> BaseChatModel:
    try:
        init_chat_model = importlib.import_module("langchain.chat_models").init_chat_model
    except ImportError as error:
        raise UsageError(
            f"models of {provider} are loaded by the package langchain, which is not installed",
            hint=f"pip install langchain langchain-{provider.replace('_', '-')}",
        ) from error
    options = {"base_url": base_url} if base_url else {}
    try:
        loaded = init_chat_model(model, max_retries=0, timeout=REQUEST_SECONDS, **options)
    except ImportError as error:
        raise UsageError(
            f"the package for models of {provider} is not installed: {error}",
            hint=f"pip install langchain-{provider.replace('_', '-')}",
        ) from error
    except ValueError as error:
        raise UsageError(f"{model!r} cannot be loaded", hint="see init_chat_model of langchain for names") from error
    assert isinstance(loaded, BaseChatModel)
    return loaded


def name_of(model: BaseChatModel) -> str:
    """What the provider calls it; else the name of its class."""
    for field in ("model_name", "model"):
        name = getattr(model, field, None)
        if isinstance(name, str) and name.isprintable() and name.strip():
            return name.strip()[:200]
    return type(model).__name__


def is_openai(model: BaseChatModel) -> bool:
    """Whether the model is langchain-openai's, told without importing it."""
    return any(cls.__module__.startswith("langchain_openai.") for cls in type(model).__mro__)


def reaches_out(model: BaseChatModel) -> bool:
    """Whether asking sends a request somewhere: the class is of an integration package, not of langchain-core."""
    packages = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    return any(name.startswith("langchain_") and name not in ("langchain_core", "langchain_tests") for name in packages)
