"""Watches what this process does: files outside its folders, sockets, programs. One audit hook, on while a case runs."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
_CODE = tuple(
    str(Path(path).resolve())
    for path in (
        sys.prefix,
        sys.base_prefix,
        sysconfig.get_path("stdlib"),
        ROOT / "hug_agents",
        ROOT / "prompts",
        ROOT / "tests",
    )
)
_SYSTEM = ("/dev/null", "/dev/urandom", "/usr/share/zoneinfo", "/etc/localtime", "/proc/self", "/etc/mime.types")
_FORBIDDEN = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname",
              "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty")  # fmt: skip
_MODEL = urlsplit(os.environ.get("HUG_TEST_MODEL_URL", ""))
"""The one address that may be called, where a real model is asked live."""
_now: _Seen | None = None


class _Seen:
    """What was done that a run has no business with."""

    def __init__(self, allowed: tuple[Path, ...]) -> None:
        self.allowed = tuple(str(path.resolve()) for path in allowed)
        self.wrong: list[str] = []
        self.opened = 0

    def open(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int) or path is None:
            return
        self.opened += 1
        # Not by realpath of the last part: a link is judged by where it leads.
        name = os.path.realpath(os.fsdecode(path))
        writes = bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if name.startswith(self.allowed):
            return
        if name.startswith((*_CODE, *_SYSTEM)) and (not writes or name.endswith(".pyc") or "__pycache__" in name):
            return
        self.wrong.append(f"open {'w' if writes else 'r'} {name}")


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _now is None:
        return
    if event == "open":
        _now.open(*args[:3])
    elif event == "sqlite3.connect":
        _now.open(args[0], "w", os.O_RDWR)
    elif _MODEL.hostname and (
        (event == "socket.connect" and args[1][:2] == (_MODEL.hostname, _MODEL.port))
        or (event == "socket.getaddrinfo" and (args[0], args[1]) == (_MODEL.hostname, _MODEL.port))
    ):
        return
    elif event in _FORBIDDEN:
        _now.wrong.append(f"{event} {args[:2]!r}"[:200])
        raise PermissionError(f"a test forbids {event}")


sys.addaudithook(_hook)


@contextmanager
def watched(*allowed: Path) -> Iterator[_Seen]:
    """Nothing but this library's own code is read, nothing outside `allowed` is written, nobody is called."""
    global _now  # noqa: PLW0603 - an audit hook cannot be taken off again
    _now = _Seen(allowed)
    try:
        yield _now
    finally:
        _now = None
