"""A server of the standard library that runs in a thread: what an emulator answers with."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Listening:
    """An address to talk to, `url`. What is answered, `handle` says: one call at a time. `violations` must stay empty."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                sent = self.rfile.read(int(self.headers.get("content-length") or 0))
                with lock:
                    status, said = outer.handle(self.command, self.path, sent, self.headers)
                self.send_response(status)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def handle(self, method: str, target: str, sent: bytes, headers: Any) -> tuple[int, bytes]:
        """The status and the body of the answer to one call; `target`: its path and query as they came."""
        raise NotImplementedError

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
