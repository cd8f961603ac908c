"""OpenAI's chat protocol over HTTP. Well-behaved, it answers our prompts by the offline model's rules, in a stream or whole.

So a run against it that goes well ends with the very bundle that the offline model gives.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from langchain_core.messages import HumanMessage, SystemMessage

from hug_agents.agents.offline import OfflineChatModel
from hug_agents.prompting import prompt_id

PIECE = 200
"""Characters in one chunk of a stream."""
_RULES = OfflineChatModel()


def tokens(text: str) -> int:
    """As many as are said to be counted: a token every four characters."""
    return -(-len(text) // 4)


@dataclass
class Served:
    """One request, and when it was answered."""

    body: dict[str, Any]
    agent: str
    began: float
    ended: float = 0.0


@dataclass
class Exchange:
    """One request, and the ways to answer it, well or badly."""

    handler: BaseHTTPRequestHandler
    body: dict[str, Any]
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def streams(self) -> bool:
        """Whether a stream was asked for."""
        return bool(self.body.get("stream"))

    def right(self) -> str:
        """What the offline rules answer."""
        kinds = {"system": SystemMessage, "user": HumanMessage}
        said = [kinds[item["role"]](item["content"]) for item in self.body["messages"][:2]]
        return str(_RULES.invoke(said).text)

    def usage(self, content: str) -> dict[str, Any]:
        """What a provider reports."""
        asked = sum(tokens(str(item["content"])) for item in self.body["messages"])
        said = tokens(content)
        return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}

    def say(self, content: str | None, finish: str = "stop", **message: Any) -> None:
        """A completion as it should be, but for what is in it."""
        text = content or ""
        if self.streams:
            self.begin_stream()
            piece = max(PIECE, len(text) // 100)
            for number in range(0, len(text), piece):
                self.event(self.chunk({"content": text[number : number + piece]}))
            self.event(self.chunk({"role": "assistant", **message}, finish))
            self.event({**self.chunk({}), "choices": [], "usage": self.usage(text)})
            self.write(b"data: [DONE]\n\n")
        else:
            said = {"role": "assistant", "content": content, **message}
            choice = {"index": 0, "message": said, "finish_reason": finish, "logprobs": None}
            self.json({**self.head(), "object": "chat.completion", "choices": [choice], "usage": self.usage(text)})

    def call(self, name: str, arguments: str) -> None:
        """A completion that calls a tool."""
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
        self.say(None, "tool_calls", tool_calls=[{**call, "index": 0} if self.streams else call])

    def fail(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        """An error as the protocol has it."""
        self.json({"error": {"message": message, "type": "error", "param": None, "code": code}}, status, **headers)

    def head(self) -> dict[str, Any]:
        """What every object of the protocol begins with."""
        return {"id": "chatcmpl-1", "created": 0, "model": "test"}

    def chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        """One piece of a stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return {**self.head(), "object": "chat.completion.chunk", "choices": [choice]}

    def json(self, value: Any, status: int = 200, **headers: str) -> None:
        """A whole JSON response."""
        self.whole(json.dumps(value).encode(), "application/json", status, **headers)

    def whole(self, body: bytes, kind: str = "application/json", status: int = 200, **headers: str) -> None:
        """A whole response, of whatever bytes."""
        self._head(status, kind, {"content-length": str(len(body)), **headers})
        self.write(body)

    def begin_stream(self, kind: str = "text/event-stream") -> None:
        """The head of a response that ends with its connection."""
        self._head(200, kind, {"connection": "close"})

    def event(self, value: Any) -> None:
        """One event of a stream."""
        self.write(f"data: {json.dumps(value)}\n\n".encode())

    def drip(self, piece: Callable[[], None]) -> None:
        """Send something small for ever, or until the client is gone."""
        while not self.over.wait(0.05):
            piece()

    def reset(self) -> None:
        """End the connection with a reset, as a machine that dies does."""
        linger = struct.pack("ii", 1, 0)
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.handler.close_connection = True
        self.handler.connection.close()

    def write(self, data: bytes) -> None:
        """Bytes, at once."""
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def _head(self, status: int, kind: str, headers: dict[str, str]) -> None:
        self.handler.send_response(status)
        for name, value in {"content-type": kind, **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()


class Server:
    """`with Server(fault) as server`: the first `times` requests meet the fault; all others are answered well.

    `delay`: seconds that a good answer takes.
    """

    def __init__(self, fault: Callable[[Exchange], None] | None = None, *, times: int = 10**9, delay: float = 0.0):
        self.served: list[Served] = []
        self._fault, self._times, self._delay = fault, times, delay
        self._over = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that gave up is no error here."""

        self._server = Quiet(("127.0.0.1", 0), Handler)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        agent = prompt_id(str(body["messages"][0]["content"])).partition("/")[0]
        with self._lock:
            served = Served(body, agent, time.monotonic())
            self.served.append(served)
            bad = self._fault is not None and len(self.served) <= self._times
        exchange = Exchange(handler, body, self._over)
        try:
            if bad and self._fault is not None:
                self._fault(exchange)
            else:
                self._over.wait(self._delay)
                exchange.say(exchange.right())
        except OSError:
            handler.close_connection = True  # the client gave up, as it was meant to
        finally:
            served.ended = time.monotonic()
            if exchange.streams:
                handler.close_connection = True

    @property
    def url(self) -> str:
        """Where the protocol begins."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


class Deaf:
    """An address where nobody takes the call: the queue of its connections is full, so the system drops each further one.

    With `times` 1 the queue is taken away after the first `seconds`, and what comes then is answered well.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.served: list[Served] = []
        self._seconds = seconds
        self._good: Server | None = None

    def __enter__(self) -> Self:
        self._good = Server()
        self.served = self._good.served
        listening = self._good._server.socket
        listening.listen(0)
        self._waiting = list(self._fill(listening.getsockname()))
        if self._seconds is not None:
            threading.Timer(self._seconds, self._hear).start()
        return self

    def _fill(self, address: tuple[str, int]) -> Iterator[socket.socket]:
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            yield one

    def _hear(self) -> None:
        assert self._good is not None
        for one in self._waiting:
            one.close()
        self._good._server.socket.listen(16)
        self._good.__enter__()

    @property
    def url(self) -> str:
        """Where the protocol would begin."""
        assert self._good is not None
        return self._good.url

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._good is not None
        for one in self._waiting:
            one.close()
        if self._seconds is not None:
            self._good.__exit__(None, None, None)
        else:
            self._good._server.server_close()
