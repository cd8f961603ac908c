from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from hug_agents.agents.answers import read_json, wire_schema
from hug_agents.agents.drafts import Notes, Repair
from hug_agents.agents.failures import redact, retry_after
from hug_agents.errors import ModelAnswerInvalid
from hug_agents.reading.claims import Reading

PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.text(max_size=9), JSON, max_size=3),
    st.sampled_from(["", "Sure! ", "```json\n", "<think>{a} {b}</think>\n"]),
)
def test_an_object_is_read_whatever_stands_round_it(value: dict[str, Any], before: str) -> None:
    assert read_json(f"{before}{json.dumps(value)}\n``` that is all") == value


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(read_json(text), dict)
    except ModelAnswerInvalid as error:
        assert error.what


@pytest.mark.parametrize(
    "text",
    [
        'The lists {claims} and {unmet}: {"a": 1}',
        '```json\n{"a": 1}\n```\nAsk me about {anything} else.',
        'thought about {"b": 2}\n</think>\n{"a": 1}',
        '\ufeff{"a": 1}',
    ],
)
def test_braces_and_thoughts_round_the_object_are_words(text: str) -> None:
    assert read_json(text) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1}{"a": 1}', "more than one JSON object"),
        ('{"a": ' + "9" * 5_000 + "}", "too long"),
        ('{"a": ' * 20_000, "nested too deeply"),
        ("{a: [], b: {}}", "not JSON"),
        ('{"a": [{}', "not JSON"),
        ('{"a": -Infinity}', "-Infinity"),
        ("a: 1", "no JSON object"),
    ],
)
def test_what_is_no_single_object_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ModelAnswerInvalid, match=why):
        read_json(text)


def test_a_key_that_is_given_twice_is_named_also_deep_down() -> None:
    with pytest.raises(ModelAnswerInvalid, match="'port' twice"):
        read_json('{"claims": [{"port": 1, "port": 2}]}')


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from objects(child)


@pytest.mark.parametrize("schema", [Reading, Notes, Repair])
def test_a_providers_schema_is_closed_and_bounded(schema: type[BaseModel]) -> None:
    wire = wire_schema(schema)
    assert wire["title"] == schema.__name__ and wire["description"]
    for node in objects(wire):
        if "properties" in node:
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])
        if node.get("type") == "array":
            assert "maxItems" in node
        if node.get("type") == "string":
            assert node.keys() & {"maxLength", "enum", "const"}
        assert not node.keys() & {"pattern", "default", "format"}


NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"Retry-After": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "1e9"}, None),
        ({}, None),
    ],
)
def test_how_long_a_provider_wants_us_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdEFGH1234****wxyz",
        "Authorization: Bearer abc.def.ghi",
        "https://user:hunter2@proxy.example/v1 failed",
        'api_key="abcdef123456"',
        "your key is mysterious-0001",
    ],
)
def test_credentials_are_cut_out(text: str) -> None:
    shown = redact(text, ("mysterious-0001",))
    assert "[redacted]" in shown
    for secret in ("abcdEFGH1234", "abc.def.ghi", "hunter2", "abcdef123456", "mysterious"):
        assert secret not in shown


def test_what_a_provider_says_is_one_short_line() -> None:
    assert redact("a\n" * 1000).count("\n") == 0
    assert len(redact("a " * 1000)) < 320
