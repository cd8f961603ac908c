"""A small HTTP server that speaks OpenAI's chat protocol and answers as it was told, well or badly."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Reply:
    """One answer of the server."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


def said(content: str | None, *, finish: str = "stop", refusal: str | None = None, cached: int = 0) -> Reply:
    """A well-formed completion."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return Reply(_completion(message, finish, cached))


def called(name: str, arguments: str) -> Reply:
    """A well-formed completion that calls a tool."""
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return Reply(_completion({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls", 0))


def failed(status: int, message: str, *, code: str | None = None, **headers: str) -> Reply:
    """An error in the shape of the protocol."""
    body = {"error": {"message": message, "type": "error", "param": None, "code": code}}
    return Reply(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def _completion(message: dict[str, Any], finish: str, cached: int) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "small",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "total_tokens": 110,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
    }


def _streamed(body: dict[str, Any]) -> bytes:
    """A completion as a stream of one piece, its end, and what it cost."""
    choice = body["choices"][0]
    message = {**choice["message"]}
    message["tool_calls"] = [{**call, "index": 0} for call in message.get("tool_calls", ())]
    common = {**body, "object": "chat.completion.chunk", "usage": None}
    events = [
        {**common, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]},
        {**common, "choices": [], "usage": body["usage"]},
    ]
    return "".join(f"data: {item}\n\n" for item in (*map(json.dumps, events), "[DONE]")).encode()


class Protocol:
    """`with Protocol() as server`: answers requests with `replies` in turn, the last one for ever."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.requests: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                outer.requests.append(json.loads(self.rfile.read(length)))
                reply = outer.replies[min(len(outer.requests), len(outer.replies)) - 1]
                time.sleep(reply.delay)
                raw = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
                kind = "application/json"
                if outer.requests[-1].get("stream") and isinstance(reply.body, dict) and reply.body.get("choices"):
                    raw, kind = _streamed(reply.body), "text/event-stream"
                try:
                    self.send_response(reply.status)
                    for name, value in {"content-type": kind, **reply.headers}.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)
                except (BrokenPipeError, ConnectionResetError):
                    return  # the client gave up waiting, as it was meant to

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where OpenAI's protocol begins."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
