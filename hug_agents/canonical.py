"""One way to turn a value into bytes that everyone computes alike (RFC 8785), and to name those bytes."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 form of a JSON value: sorted keys, no white space, UTF-8."""
    return rfc8785.dumps(value)


def sha256(content: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits: how every file and document here is named."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest(value: Any) -> str:
    """The name of a JSON value: the SHA-256 of its canonical form."""
    return sha256(canonical_json(value))
