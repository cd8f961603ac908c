"""Models and providers that misbehave: what is retried, what is final, and what a person reads."""

from __future__ import annotations

import traceback
from typing import Annotated

import pytest
from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from hug_agents.agents.asking import ask
from hug_agents.agents.budget import Budget, Event
from hug_agents.agents.model import load_model
from hug_agents.errors import BudgetExceeded, ModelAnswerInvalid, ModelError, ModelUnavailable, UsageError
from hug_agents.prompting import Filled, parse
from tests.agents.conftest import Clock
from tests.agents.protocol import Protocol, Reply, called, failed, said
from tests.agents.scripted import Scripted

KEY = "sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5"
PROMPT = """---
id: devops/port
version: 1.0.0
agent: devops
inputs: [request]
output: Port
---
# System

Name the port.

# User

{{request}}
"""


class Port(BaseModel):
    """A port."""

    model_config = ConfigDict(extra="forbid")

    port: Annotated[int, Field(ge=1, le=65535)]


GOOD = said('{"port": 8080}')


def prompt() -> Filled:
    return parse(PROMPT).fill(request="port 8080, please")


def openai(server: Protocol, *replies: Reply) -> BaseChatModel:
    server.replies = list(replies)
    loaded = load_model("openai:small", base_url=server.url)
    loaded.openai_api_key = SecretStr(KEY)  # type: ignore[attr-defined]
    return loaded


def test_a_good_answer_is_typed_and_counted(protocol: Protocol, clock: Clock) -> None:
    answer = ask(openai(protocol, said('{"port": 8080}', cached=64)), prompt(), Port, timing=clock.timing)
    assert answer.value == Port(port=8080)
    assert answer.usage.model_dump() == {
        "agent": "devops",
        "model": "small",
        "input_tokens": 100,
        "cached_tokens": 64,
        "output_tokens": 10,
        "estimated_tokens": 0,
        "requests": 1,
        "retries": 0,
        "seconds": 0.0,
    }
    sent = protocol.requests[0]
    assert sent["response_format"]["json_schema"]["schema"]["properties"]["port"]["maximum"] == 65535
    assert sent["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["temperature"] == 0


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(failed(500, "overloaded"), id="500"),
        pytest.param(failed(503, "starting"), id="503"),
        pytest.param(failed(408, "slow"), id="408"),
        pytest.param(failed(429, "slow down"), id="429"),
        pytest.param(said('{"port": 80', finish="length"), id="cut off"),
        pytest.param(said('{"port": 80'), id="truncated without saying so"),
        pytest.param(said('{"port": "https"}'), id="wrong type"),
        pytest.param(said('{"port": 0}'), id="out of bounds"),
        pytest.param(said('{"port": 1, "host": "x"}'), id="unknown field"),
        pytest.param(said('{"port": 1, "port": 2}'), id="key twice"),
        pytest.param(said('{"port": 1} {"port": 2}'), id="two answers"),
        pytest.param(said('{"port": NaN}'), id="not a number"),
        pytest.param(said("[8080]"), id="a list"),
        pytest.param(said("It listens on 8080."), id="prose"),
        pytest.param(said('{"port":' + "[" * 100_000), id="deep"),
        pytest.param(said(None, refusal="I cannot help with that."), id="refusal"),
        pytest.param(said("", finish="content_filter"), id="content filter"),
        pytest.param(said(""), id="empty"),
        pytest.param(said("  \n"), id="blank"),
        pytest.param(said(None), id="null"),
        pytest.param(Reply({**GOOD.body, "choices": []}), id="no choices"),
        pytest.param(Reply({**GOOD.body, "choices": None}), id="null choices"),
        pytest.param(Reply({"error": {"message": "late"}}), id="error with 200"),
        pytest.param(Reply("<html>gateway</html>", headers={"content-type": "text/html"}), id="error page with 200"),
        pytest.param(Reply("{not json"), id="broken body"),
    ],
)
def test_what_may_pass_is_tried_again(protocol: Protocol, clock: Clock, bad: Reply) -> None:
    events: list[Event] = []
    answer = ask(openai(protocol, bad, GOOD), prompt(), Port, on_event=events.append, timing=clock.timing)
    assert answer.value == Port(port=8080)
    assert (answer.usage.requests, answer.usage.retries) == (2, 1)
    told = [event for event in events if event.kind != "tokens"]
    assert [event.kind for event in told] == ["attempt", "retry", "attempt", "answer"]
    assert told[1].reason


def test_a_request_that_hangs_is_given_up(protocol: Protocol) -> None:
    budget = Budget(seconds=1.0, attempts=2)
    with pytest.raises(BudgetExceeded, match=r"last failure: the model did not answer in time") as caught:
        ask(openai(protocol, Reply(GOOD.body, delay=3.0)), prompt(), Port, budget)
    assert isinstance(caught.value.__cause__, ModelUnavailable)


def test_a_server_that_is_not_there(protocol: Protocol, clock: Clock) -> None:
    model = openai(protocol, GOOD)
    protocol.__exit__(None, None, None)
    with pytest.raises(BudgetExceeded, match="could not be reached"):
        ask(model, prompt(), Port, Budget(attempts=2), timing=clock.timing)
    assert len(clock.waits) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [({"retry_after": "7"}, 7.0), ({"retry_after_ms": "1500"}, 1.5), ({"retry_after": "0"}, 0.0)],
)
def test_the_wait_that_the_provider_asks_for_is_kept(
    protocol: Protocol, clock: Clock, header: dict[str, str], seconds: float
) -> None:
    ask(openai(protocol, failed(429, "slow down", **header), GOOD), prompt(), Port, timing=clock.timing)
    assert clock.waits == [seconds]


def test_a_wait_beyond_the_budget_ends_it_at_once(protocol: Protocol, clock: Clock) -> None:
    with pytest.raises(BudgetExceeded, match=r"180 seconds, the next attempt would have waited 3600\.0 s"):
        ask(openai(protocol, failed(429, "slow down", retry_after="3600"), GOOD), prompt(), Port, timing=clock.timing)
    assert clock.waits == []
    assert len(protocol.requests) == 1


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        (failed(401, f"Incorrect API key provided: {KEY}"), "OPENAI_API_KEY"),
        (failed(403, f"Key {KEY} may not use this model. Authorization: Bearer {KEY}"), "OPENAI_API_KEY"),
        (failed(404, "The model `small` does not exist"), "the model's name"),
        (failed(429, "You exceeded your quota", code="insufficient_quota"), "raise the quota"),
        (failed(400, "context_length_exceeded: the prompt is too long"), "shorten the request"),
    ],
)
def test_what_cannot_pass_is_final_and_shows_no_credentials(
    protocol: Protocol, clock: Clock, reply: Reply, hint: str
) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        ask(openai(protocol, reply, GOOD), prompt(), Port, timing=clock.timing)
    assert len(protocol.requests) == 1
    assert hint in str(caught.value)
    assert str(caught.value).startswith("devops: ")
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in shown
    assert KEY[8:] not in shown


def test_a_way_of_asking_that_is_not_supported_gives_way_to_a_simpler_one(protocol: Protocol, clock: Clock) -> None:
    refused = failed(400, "response_format is not supported")
    answer = ask(openai(protocol, refused, called("Port", '{"port": 8080}')), prompt(), Port, timing=clock.timing)
    assert answer.value == Port(port=8080)
    assert protocol.requests[1]["tools"][0]["function"]["name"] == "Port"

    protocol.requests.clear()
    refused_tools = failed(422, "tools are not supported")
    fenced = said('<think>{maybe}</think>Here it is:\n```json\n{"port": 8080}\n```\nAs you asked.')
    answer = ask(openai(protocol, refused, refused_tools, fenced), prompt(), Port, timing=clock.timing)
    assert answer.value == Port(port=8080)
    assert "It must fit this JSON Schema" in protocol.requests[2]["messages"][0]["content"]
    assert "tools" not in protocol.requests[2] and "response_format" not in protocol.requests[2]


def test_a_400_in_every_way_of_asking_is_final(protocol: Protocol, clock: Clock) -> None:
    with pytest.raises(ModelUnavailable, match="attempt 3, 3 requests"):
        ask(openai(protocol, failed(400, "no")), prompt(), Port, timing=clock.timing)


def test_arguments_of_a_tool_are_read_as_strictly(protocol: Protocol, clock: Clock) -> None:
    refused = failed(400, "response_format is not supported")
    broken, other = called("Port", '{"port": 8080'), called("Starboard", '{"port": 8080}')
    answer = ask(openai(protocol, refused, broken, other, GOOD), prompt(), Port, timing=clock.timing)
    assert answer.value == Port(port=8080)
    assert answer.usage.requests == 4


def test_a_repair_turn_says_what_is_wrong_and_does_not_grow(protocol: Protocol, clock: Clock) -> None:
    ask(openai(protocol, said('{"port": 0}'), said('{"port": "x"}'), GOOD), prompt(), Port, timing=clock.timing)
    lengths = [len(request["messages"]) for request in protocol.requests]
    assert lengths == [2, 4, 4]
    assert "port: Input should be greater than or equal to 1" in protocol.requests[1]["messages"][3]["content"]
    assert "valid integer" in protocol.requests[2]["messages"][3]["content"]
    assert protocol.requests[0]["messages"] == protocol.requests[2]["messages"][:2]


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(attempts=3), r"3 attempts ran out \(attempt 3, 3 requests, 330 tokens"),
        (Budget(attempts=9, tokens=300), r"300 tokens ran out \(attempt 2, 2 requests, 220 tokens"),
    ],
)
def test_past_its_budget_the_error_names_agent_attempt_and_spend(
    protocol: Protocol, clock: Clock, budget: Budget, limit: str
) -> None:
    with pytest.raises(BudgetExceeded, match=limit) as caught:
        ask(openai(protocol, said('{"port": 0}')), prompt(), Port, budget, timing=clock.timing)
    assert str(caught.value).startswith("devops: ")
    assert "resume" in str(caught.value)
    assert isinstance(caught.value.__cause__, ModelAnswerInvalid)


def test_a_prompt_that_the_budget_does_not_hold_is_not_sent(protocol: Protocol) -> None:
    with pytest.raises(BudgetExceeded, match=r"of 10 tokens does not hold the prompt, which takes about \d+") as caught:
        ask(openai(protocol, GOOD), prompt(), Port, Budget(tokens=10))
    assert protocol.requests == [] and caught.value.spent.requests == 0


def test_a_count_below_nothing_lowers_no_spend(protocol: Protocol) -> None:
    reply = said('{"port": 8080}')
    reply.body["usage"] |= {"prompt_tokens": -1_000_000, "completion_tokens": 7}
    assert ask(openai(protocol, reply), prompt(), Port).usage.tokens == 7


def test_seconds_run_out_while_waiting(protocol: Protocol, clock: Clock) -> None:
    with pytest.raises(BudgetExceeded, match="5 seconds"):
        ask(
            openai(protocol, failed(429, "slow", retry_after="2")),
            prompt(),
            Port,
            Budget(attempts=20, seconds=5),
            timing=clock.timing,
        )
    assert clock.waits == [2.0, 2.0]


def test_requests_can_be_switched_off(clock: Clock) -> None:
    model = load_model("openai:small", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(UsageError, match="switched off"):
        ask(model, prompt(), Port, timing=clock.timing)


@pytest.mark.parametrize(
    "error", [TimeoutError(), ConnectionResetError("peer"), ValueError("no choices"), KeyError("x")]
)
def test_any_chat_model_is_retried(clock: Clock, error: Exception) -> None:
    model = Scripted(script=[error, '{"port": 8080}'])
    assert ask(model, prompt(), Port, timing=clock.timing).value == Port(port=8080)


def test_an_unknown_error_is_final_and_named(clock: Clock) -> None:
    class Strange(Exception):
        pass

    model = Scripted(script=[Strange("token=abcdefgh1234 in /home/x")])
    with pytest.raises(ModelError, match="the model failed: Strange") as caught:
        ask(model, prompt(), Port, timing=clock.timing)
    assert "abcdefgh1234" not in str(caught.value)


def test_an_interrupt_is_not_an_answer(clock: Clock) -> None:
    with pytest.raises(KeyboardInterrupt):
        ask(Scripted(script=[KeyboardInterrupt()]), prompt(), Port, timing=clock.timing)
