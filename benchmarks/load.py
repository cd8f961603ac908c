"""A client of its own process: a steady rate whatever the answers do, and a line for each: when it came, what, how late.

    python -m benchmarks.load URL REQUESTS-A-SECOND FILE

Ends with its standard input. A line is `seconds-since-the-epoch status milliseconds`, the status with a `!` where the
application says that it spoiled the answer; 0 is a broken connection, 1 none within TIMEOUT.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

TIMEOUT = 2.0
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Client:
    """Keeps connections that are free, and opens one when none is."""

    def __init__(self, url: str, file: TextIO) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._ask = f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        self._free: list[Connection] = []
        self._file = file

    async def ask(self, due: float) -> None:
        """One request, which was due at a moment of `time.time`."""
        connection: Connection | None = None
        head = ""
        try:
            async with asyncio.timeout(TIMEOUT):
                connection = self._free.pop() if self._free else await asyncio.open_connection(self._host, self._port)
                head = await self._head(connection)
                await self._body(connection, head)
            status = head.split(" ", 2)[1]
            self._free.append(connection)
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            status = "1" if isinstance(error, TimeoutError) else "0"
            if connection:
                connection[1].close()
        status += "!" if "\r\nspoiled:" in head else ""
        now = time.time()
        self._file.write(f"{now:.4f} {status} {(now - due) * 1e3:.1f}\n")

    async def _head(self, connection: Connection) -> str:
        reader, writer = connection
        writer.write(self._ask)
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()

    async def _body(self, connection: Connection, head: str) -> None:
        length = next(line.partition(":")[2] for line in head.splitlines() if line.startswith("content-length:"))
        await connection[0].readexactly(int(length))


async def run(url: str, rate: float, file: TextIO) -> None:
    """Ask until the standard input ends."""
    client, asked = Client(url, file), set()
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    due = time.time()
    while not over.done():
        asked.add(task := asyncio.create_task(client.ask(due)))
        task.add_done_callback(asked.discard)
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - time.time()))
    await asyncio.gather(*asked)


if __name__ == "__main__":
    with Path(sys.argv[3]).open("w", buffering=1) as log:
        asyncio.run(run(sys.argv[1], float(sys.argv[2]), log))
