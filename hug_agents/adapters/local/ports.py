"""Ports of this machine that nobody listens on."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection

from hug_agents.errors import ProcessError

_LOWEST, _HIGHEST = 20_000, 32_000
"""Below the range that systems take the near ends of connections from: a port found free is not taken by one of those."""


def free_port(taken: Collection[int] = ()) -> int:
    """A port that is free now and is none of `taken`. Raises ProcessError."""
    for _ in range(400):
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if port not in taken and is_free(port):
            return port
    raise ProcessError("no free port was found", where=f"ports {_LOWEST} to {_HIGHEST}")


def is_free(port: int) -> bool:
    """Whether a program could listen there."""
    for host in ("127.0.0.1", "0.0.0.0"):  # noqa: S104 - asked for, never served on
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
