"""One way to turn a value into bytes that everyone computes alike (RFC 8785), and to name those bytes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

_LARGEST = 2**53 - 1
_SORTED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False)


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 form of a JSON value: sorted keys, no white space, UTF-8."""
    if _plain(value):
        text = _SORTED.encode(value)
        if text.isascii():  # beyond, keys sort by UTF-16 there and by code points here
            return text.encode()
    return rfc8785.dumps(value)


def sha256(content: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits: how every file and document here is named."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest(value: Any) -> str:
    """The name of a JSON value: the SHA-256 of its canonical form."""
    return sha256(canonical_json(value))


def _plain(value: Any) -> bool:
    """Whether Python's own encoder, which is several times as fast, writes it as RFC 8785 does: fractions it does not."""
    kind = type(value)
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(_plain, value.values()))
    if kind is list or kind is tuple:
        return all(map(_plain, value))
    return kind is str or value is None or kind is bool or (kind is int and -_LARGEST <= value <= _LARGEST)
