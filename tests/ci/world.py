"""What the emulated CI systems share: a real git repository, and the rendered scripts run by bash, with stand-ins for what
reaches into a cluster. A stand-in writes down how it was called, and does as the test wants it."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.github.repository import Repository

_SCRIPT = """#!/bin/sh
echo "$(basename "$0") $*" >>"{world}/calls"
echo "$(basename "$0" .sh): $*"
if [ -e "{world}/wait-$1" ]; then while [ -e "{world}/wait-$1" ]; do sleep 0.05; done; fi
if [ -e "{world}/fail-$1" ]; then echo "the new version answers 500" >&2; exit 1; fi
"""
_PROGRAMS = {
    "circleci-agent": 'touch "$HALT"',
    "kubectl": "exit 0",
    "sudo": "exit 0",
}


class World:
    """The repository behind a CI system, and what its scripts did."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "repository", {"README.md": "the application\n"})
        self.folder = folder
        self.place = folder / "world"
        self.place.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name, body in _PROGRAMS.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{body}\n")
            (self.bin / name).chmod(0o755)

    @property
    def calls(self) -> list[str]:
        path = self.place / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def flag(self, name: str, on: bool = True) -> None:
        path = self.place / name
        path.touch() if on else path.unlink(missing_ok=True)

    def checkout(self, commit: str, number: object) -> Path:
        folder = self.folder / f"run-{number}"
        self.repository.checkout(commit, "main", folder)
        for name in ("deploy/deploy.sh", "deploy/smoke.sh"):
            if (folder / name).exists():
                (folder / name).write_text(_SCRIPT.format(world=self.place))
        return folder

    def bash(self, script: str, folder: Path, env: dict[str, str], log: list[str]) -> int:
        """Run lines as the CI system does; the exit code."""
        given = {"PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": str(folder / ".home"), "LANG": "C.UTF-8", **env}
        Path(given["HOME"]).mkdir(exist_ok=True)
        done = subprocess.run(  # noqa: PLW1510 - judged by the caller
            ["bash", "-eo", "pipefail", "-c", script], cwd=folder, env=given, capture_output=True, text=True, timeout=60
        )
        log += (done.stdout + done.stderr).splitlines()
        return done.returncode


class Server:
    """An HTTP server of one method: `answer(method, path, query, headers, body)` → (status, headers, body)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.lose: Callable[[str, str], bool] = lambda method, path: False
        """Whose answer gets lost after it was done."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                return

            def _any(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
                outer.requests.append((self.command, parts.path))
                status, headers, text = outer.answer(self.command, parts.path, query, dict(self.headers), body)
                if outer.lose(self.command, parts.path):
                    self.close_connection = True
                    return
                data = text.encode()
                self.send_response(status)
                for key, value in {"content-length": str(len(data)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _any

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        ]
        self._threads[0].start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: str
    ) -> tuple[int, dict[str, str], str]:
        raise NotImplementedError

    def begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def count(self, method: str, ending: str) -> int:
        return sum(seen == method and path.endswith(ending) for seen, path in self.requests)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=10)


def as_json(value: Any) -> str:
    return json.dumps(value)


def until(look: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something. AssertionError if it does not happen."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
