"""Escaping: what goes into a file comes out of its format's own parser as the same data."""

from __future__ import annotations

import json
import shlex

import jinja2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hug_agents.errors import SpecError
from hug_agents.render import templating
from tests.examples import HOSTILE

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=200)


@given(TEXT)
def test_yaml_value_is_data(text: str) -> None:
    line = templating.yaml_value({"key": text})
    assert "\n" not in line
    assert yaml.safe_load(f"a: {line}\nb: 1") == {"a": {"key": text}, "b": 1}


@given(TEXT)
def test_shell_word_is_data(text: str) -> None:
    assert shlex.split(f"run {templating.sh(text)} end") == ["run", text, "end"]


@given(TEXT)
def test_hcl_never_interpolates(text: str) -> None:
    quoted = templating.hcl(text)
    plain = json.loads(quoted)
    assert plain.replace("$${", "${").replace("%%{", "%{") == text
    assert "${" not in plain.replace("$${", "") and "%{" not in plain.replace("%%{", "")


@given(TEXT)
def test_markdown_code_span_is_one_span(text: str) -> None:
    span = templating.code(text)
    fence = span[: len(span) - len(span.lstrip("`"))]
    assert span.count(fence) == 2 and "\n" not in span and "|" not in span


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("- item", r"\- item"),
        ("1. one", r"1\. one"),
        ("# head", r"\# head"),
        ("a_b*c [x](javascript:y) <b>", r"a\_b\*c \[x\](javascript:y) \<b\>"),
        ("see https://example.com or www.example.com", r"see https\://example.com or www\.example.com"),
        ("a & b | c", r"a &amp; b \| c"),
        ("payments-api 1.2 (eu-west-1)", "payments-api 1.2 (eu-west-1)"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_text(text: str, shown: str) -> None:
    assert templating.md(text) == shown


@given(
    st.recursive(
        TEXT | st.integers() | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=8
    )
)
def test_yaml_documents_round_trip(value: object) -> None:
    assert yaml.safe_load(templating.yaml_documents({"value": value})) == {"value": value}


def test_a_bare_string_cannot_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = templating._environment("documents")
    with pytest.raises(SpecError, match="without saying for which format"):
        environment.from_string("{{ text }}").render(text=HOSTILE)
    with pytest.raises(SpecError):
        environment.from_string("{{ (text | yaml) ~ '!' }}").render(text="x")
    with pytest.raises(jinja2.UndefinedError):
        environment.from_string("{{ missing | md }}").render()
    assert environment.from_string("{{ text | yaml }} {{ 3 }}").render(text="x") == '"x" 3'


@pytest.mark.parametrize("text", ["a b", "a;b", "", "ä", "$x", "a\nb"])
def test_ident_refuses_what_is_not_plain(text: str) -> None:
    with pytest.raises(SpecError):
        templating.ident(text)
