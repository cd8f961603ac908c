"""Canonical JSON is RFC 8785, whoever writes it: the fast way and the reference write the same bytes, or both refuse."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from hug_agents.canonical import canonical_json

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.text('a\x7f\x1f\\"é￿𝄞')
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner), max_leaves=20
)


class Word(StrEnum):
    ONE = "one"


def written(value: Any) -> bytes | str:
    try:
        return rfc8785.dumps(value)
    except ValueError:
        return "refused"


@given(values)
def test_as_the_reference_writes_it(value: Any) -> None:
    try:
        found: bytes | str = canonical_json(value)
    except ValueError:
        found = "refused"
    assert found == written(value)


@pytest.mark.parametrize(
    "value",
    [
        {"﷐": 1, "𝄞": 2},
        {"b": 1, "a": {"d": [], "c": {}}},
        2**53 - 1,
        1e21,
        -0.0,
        0.1,
        {"w": Word.ONE},
        "\x7f\x00\u2028",
    ],
)
def test_the_same_bytes(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [{1: "a"}, {None: 1}, 2**53, float("nan"), {"a"}, "\ud800", b"x", [{"a": {True: 1}}]])
def test_refused_alike(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)
