"""The one HTTP client: whatever a server, an address or a token is like, there is an answer or one clear error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from hug_agents.errors import HttpError
from hug_agents.http import Http


class Says(BaseHTTPRequestHandler):
    """Answers in the codec that is asked for, so it says."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"text/plain; charset={self.path[1:]}")
        self.end_headers()
        self.wfile.write(b"whole \xff")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    made = HTTPServer(("127.0.0.1", 0), Says)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.mark.parametrize("codec", ["utf-8", "nonsense", "base64", "rot13", "idna", "punycode", "undefined"])
def test_an_answer_in_any_codec_is_read(server: str, codec: str) -> None:
    with Http(server, attempts=1) as http:
        assert http.get(f"/{codec}").text.startswith("whole")


@pytest.mark.parametrize("address", ["http://a..b", "http://xn--", "http://127.0.0.1:port", "http://[::1"])
def test_an_address_that_cannot_be_called(address: str) -> None:
    with Http(address, attempts=1) as http, pytest.raises(HttpError, match="cannot be called"):
        http.get("/")
    with Http(address, attempts=1) as http, pytest.raises(HttpError, match="cannot be called"):
        http.save("/", print)


def test_a_path_that_cannot_be_called() -> None:
    with Http("http://127.0.0.1:9", attempts=1) as http, pytest.raises(HttpError, match="cannot be called"):
        http.get("/a\x01b")


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", " \n"])
def test_a_token_with_a_line_end_is_not_shown(server: str, end: str) -> None:
    token = f"very-secret{end}"
    http = Http(server, headers={"Authorization": f"Bearer {token}"}, secrets=(token,), attempts=1)
    with http, pytest.raises(HttpError) as caught:
        http.get("/utf-8")
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "[::1]"])
def test_no_proxy_is_told_what_a_machine_says_to_itself(
    monkeypatch: pytest.MonkeyPatch, host: str, server: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Http(f"http://{host}:9", attempts=1) as http, pytest.raises(HttpError, match="no answer"):
        http.get("/utf-8")
