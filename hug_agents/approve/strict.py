"""JSON from outside: small, unambiguous, and free of what two readers would read differently.

Refused: more bytes than the bound, text that is not UTF-8, a key given twice, a fraction, an integer beyond 2^53, NaN
and Infinity, a lone surrogate, and nesting that would exhaust the reader.
"""

from __future__ import annotations

import json
from typing import Any

MAX_BYTES = 128 * 1024
"""Enough for the longest comment in the longest encoding; a 10 MB comment is not even parsed."""
_LARGEST = 2**53 - 1


class Malformed(ValueError):
    """Bytes that are not one unambiguous document. `reason` is `malformed` or `too_large`."""

    def __init__(self, what: str, reason: str = "malformed") -> None:
        super().__init__(what)
        self.reason = reason


def parse(data: bytes, *, limit: int = MAX_BYTES) -> dict[str, Any]:
    """The JSON object that the bytes are. Raises Malformed."""
    if len(data) > limit:
        raise Malformed(f"{len(data)} bytes, and at most {limit} are read", "too_large")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_no_fraction,
            parse_constant=_no_fraction,
        )
        if b"\\u" in data:  # only an escape can smuggle in a lone surrogate
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except Malformed:
        raise
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except ValueError as error:
        raise Malformed(f"not JSON in UTF-8: {error}"[:200]) from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"the key {twice[:60]!r} is given twice")
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > _LARGEST:
        raise Malformed(f"the number {text[:20]} is beyond 2^53")
    return int(text)


def _no_fraction(text: str) -> Any:
    raise Malformed(f"{text[:20]}: only whole numbers are read")
