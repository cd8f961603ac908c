from __future__ import annotations

import sys
from pathlib import Path

import pytest
from langchain_openai import ChatOpenAI

from hug_agents.agents.model import load_model, reaches_out
from hug_agents.agents.offline import OfflineChatModel
from hug_agents.errors import UsageError
from hug_agents.process import run
from tests.agents.scripted import Scripted


def test_the_offline_model_says_what_it_is() -> None:
    model = load_model("offline")
    assert isinstance(model, OfflineChatModel)
    said = model.invoke("Write me a haiku about rollbacks.")
    assert "not a language model" in said.text
    assert model._llm_type == "hug-offline-rules"


def test_a_chat_model_is_taken_as_it_is() -> None:
    mine = Scripted(script=[])
    assert load_model(mine) is mine
    with pytest.raises(UsageError, match="base_url goes with a model's name"):
        load_model(mine, base_url="http://localhost/v1")


@pytest.mark.parametrize(("name", "temperature"), [("gpt-4.1", 0), ("gpt-5-mini", None), ("o3", None)])
def test_openai_by_name(monkeypatch: pytest.MonkeyPatch, name: str, temperature: float | None) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0000000000000000")
    model = load_model(f"openai:{name}")
    assert isinstance(model, ChatOpenAI)
    assert (model.model_name, model.max_retries, model.temperature) == (name, 0, temperature)
    assert "sk-test" not in repr(model)


def test_without_a_key_the_message_says_what_to_set() -> None:
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        load_model("openai:gpt-4.1")


def test_a_server_of_ones_own_needs_no_key() -> None:
    model = load_model("openai:small", base_url="http://127.0.0.1:9/v1")
    assert isinstance(model, ChatOpenAI)
    assert model.openai_api_base == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    "url", ["foo", "127.0.0.1:8000/v1", "ftp://host/v1", "http://", "http://[::1/v1", "http://h:x/"]
)
def test_what_is_no_address_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(UsageError, match="base_url: no address of a server"):
        load_model("openai:small", base_url=url)


@pytest.mark.parametrize("proxy", ["socks5://who:secret-1@127.0.0.1:9", "foo:bar"])
def test_a_proxy_that_the_client_cannot_use_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setitem(sys.modules, "socksio", None)  # not installed
    with pytest.raises(UsageError, match="cannot be set up") as caught:
        load_model("openai:small", base_url="http://127.0.0.1:9/v1")
    assert "ALL_PROXY" in str(caught.value) and "secret-1" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "gpt-4.1", "openai:", ":x", "Offline", "devops=openai:x"])
def test_what_names_no_model_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="does not name a model"):
        load_model(name)


def test_a_provider_that_is_not_installed_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    with pytest.raises(UsageError, match="pip install langchain langchain-google-genai"):
        load_model("google_genai:gemini-3")


def test_which_models_reach_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0000000000000000")

    class Mine(ChatOpenAI):
        """Someone's own subclass reaches out as well."""

    assert reaches_out(load_model("openai:gpt-4.1"))
    assert reaches_out(Mine(model="gpt-4.1"))
    assert not reaches_out(load_model("offline"))
    assert not reaches_out(Scripted(script=[]))


@pytest.mark.parametrize(
    "module",
    ["hug_agents", "hug_agents.agents", "hug_agents.agents.budget", "hug_agents.prompting", "hug_agents.repair"],
)
def test_no_model_library_is_imported_before_one_is_needed(module: str) -> None:
    program = (
        f"import sys, {module}; print([m for m in sys.modules if m.partition('.')[0] in ('langchain_core', 'openai')])"
    )
    done = run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], timeout=60)
    assert done.code == 0
    assert done.stdout.strip() == "[]"
