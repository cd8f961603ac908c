from __future__ import annotations

import pytest

from hug_agents.approve.strict import Malformed, parse


def test_plain_json_is_read() -> None:
    assert parse('{"a": [1, -9007199254740991, true, null, "\u00fc\\ud83d\\ude00"]}'.encode()) == {
        "a": [1, -(2**53) + 1, True, None, "\u00fc\U0001f600"]
    }


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "\\u0062": 1}}',
        b'{"a": 9007199254740992}',
        b'{"a": 1' + b"0" * 100_000 + b"}",
        b'{"a": 1.0}',
        b'{"a": 1e3}',
        b'{"a": Infinity}',
        b'{"a": -NaN}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\n"}',
        b'{"a": 1} {}',
        b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b"[]",
        b'"text"',
        b"",
        "{}".encode("utf-16"),
    ],
)
def test_what_two_readers_would_read_differently_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


def test_the_bound_is_looked_at_first() -> None:
    with pytest.raises(Malformed) as error:
        parse(b"x" * 11, limit=10)
    assert error.value.reason == "too_large"
