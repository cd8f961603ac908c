"""Faults of a drill: a small proxy before a replica that answers wrongly, late, or not for its health."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Final

from hug_agents.execute.faults import FaultKind

PROXIED: Final = frozenset(("errors", "latency", "health"))
ERRORS_IN_TEN: Final = 5
BROKEN_PORT: Final = "not-a-port"
"""What PORT holds under the fault `config`: no program can listen there."""
CRASH_SECONDS: Final = 1.0
_HEAD_LIMIT = 65_536
_REFUSAL = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n"
    b"Connection: close\r\n\r\nfault\n"
)


class FaultProxy:
    """Listens on a port of its own and passes on to a replica, one request a connection, as the router asks."""

    def __init__(self, kind: FaultKind, health_path: str | None, late_ms: int) -> None:
        self._kind = kind
        self._late = late_ms / 1e3
        self._health_path = health_path
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self.target = 0
        self.port = 0

    async def open(self, port: int) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = port

    def close(self) -> None:
        """Listen no more; what is under way is broken off, as the fault's end may be."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if await self._spoilt(head):
                writer.write(_REFUSAL)
                await writer.drain()
                return
            near, far = await asyncio.open_connection("127.0.0.1", self.target)
            try:
                far.write(head)
                forth = asyncio.create_task(_pass_on(reader, far))
                try:
                    await _pass_on(near, writer)
                finally:
                    forth.cancel()
            finally:
                far.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the router sees a broken connection, as it would without the proxy
        finally:
            writer.close()

    async def _spoilt(self, head: bytes) -> bool:
        if self._kind == "latency":
            await asyncio.sleep(self._late)
            return False
        path = head.split(b" ", 2)[1].decode("latin-1").partition("?")[0] if head.count(b" ") > 1 else ""
        if self._kind == "health":
            return path == (self._health_path or path)
        return secrets.randbelow(10) < ERRORS_IN_TEN


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_HEAD_LIMIT):
            writer.write(data)
            await writer.drain()
