"""The log of one replica: lines as they come, secrets masked, never longer than two files of a bounded size."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import IO

from hug_agents.adapters.local.secret_file import masked

LOG_BYTES = 1024 * 1024
_LONGEST_LINE = 16 * 1024
_KEPT_FILES = 60
_PIPE_BYTES = 1024 * 1024


class LogFile:
    """Takes bytes in any portions."""

    def __init__(self, path: Path, secrets: Collection[str] = ()) -> None:
        self.path = path
        self.secrets = tuple(secrets)
        self._rest = b""

    def write(self, data: bytes) -> None:
        """Keep what is whole lines of it; the rest waits for its end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            # Its end may be the begin of a secret: so much of it waits.
            kept = max((len(value.encode()) for value in self.secrets), default=0)
            lines.append(self._rest[: len(self._rest) - kept])
            self._rest = self._rest[len(self._rest) - kept :]
        self._keep(lines)

    def end(self) -> None:
        """Keep what is left."""
        if self._rest:
            self._keep([self._rest])
            self._rest = b""

    def say(self, text: str) -> None:
        """A line of our own."""
        self.end()
        self._keep([f"[hug] {text}".encode()])

    def _keep(self, lines: Iterable[bytes]) -> None:
        text = "".join(masked(line.decode("utf-8", "replace"), self.secrets) + "\n" for line in lines)
        if not text:
            return
        with self.path.open("ab") as file:
            file.write(text.encode())
            full = file.tell() > LOG_BYTES
        if full:
            self.path.replace(self.path.with_suffix(".log.1"))


async def pump(stream: IO[bytes], log: LogFile) -> None:
    """Keep what a program writes, until it ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stream)
    try:
        while data := await reader.read(65_536):
            log.write(data)
        log.end()
    finally:
        transport.close()


def widen(stream: IO[bytes]) -> None:
    """Let more of a program's output wait than usual, so that a busy reader does not hold it up. Linux."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # a user's pipes may be full; the usual size will do
            fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log."""
    found: list[str] = []
    for part in (path, path.with_suffix(".log.1")):
        if len(found) < lines and part.exists():
            own = part.read_bytes()[-4 * LOG_BYTES :].decode("utf-8", "replace").splitlines()
            found = own[-(lines - len(found)) :] + found
    return found[-lines:] if lines else []


def prune(folder: Path) -> None:
    """Keep the newest logs."""
    files = sorted(folder.glob("*.log*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[_KEPT_FILES:]:
        path.unlink(missing_ok=True)
