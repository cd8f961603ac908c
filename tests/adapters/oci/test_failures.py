"""Servers that ask for a token, send elsewhere, break off or lie: a stand-in in front of the real registry."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hug_agents.adapters.oci.client import Registry
from hug_agents.adapters.oci.promote import complete, promote
from hug_agents.adapters.oci.signing_in import Account
from hug_agents.errors import HttpError
from tests.adapters.oci.server import WHO, push_image

Spoil = Callable[["Front"], bool]


class Front(http.server.BaseHTTPRequestHandler):
    """Hands every call on to the real registry, unless the test spoils it."""

    protocol_version = "HTTP/1.1"
    behind = ""
    spoil: Spoil = staticmethod(lambda _: False)
    seen: list[tuple[str, str, str]]

    def _any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.body = self.rfile.read(length)
        self.seen.append((self.command, self.path, self.headers.get("authorization") or ""))
        if type(self).spoil(self):
            return
        headers = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "authorization")}
        headers["Authorization"] = WHO.basic()
        headers["Host"] = self.headers["host"]
        request = urllib.request.Request(
            f"http://{self.behind}{self.path}", data=self.body or None, method=self.command, headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                self.give(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            self.give(error.code, dict(error.headers), error.read())

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _any

    def give(self, status: int, headers: dict[str, str], body: bytes = b"", *, promised: int | None = None) -> None:
        self.send_response(status)
        for key, value in headers.items():
            if key.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(key, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(promised or len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def front(host: str, spoil: Spoil) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    seen: list[tuple[str, str, str]] = []
    kind = type("Spoilt", (Front,), {"behind": host, "spoil": staticmethod(spoil), "seen": seen})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


def tokens(call: Front) -> bool:
    """A registry whose token server gives `pull-only` for a password, and nothing for none."""
    realm = f"http://{call.headers['host']}/token"
    if call.path.startswith("/token?"):
        right = call.headers.get("authorization") == WHO.basic()
        body = json.dumps({"access_token": "given"} if right else {"errors": []}).encode()
        call.give(200 if right else 401, {}, body)
        return True
    if call.headers.get("authorization") != "Bearer given":
        said = f'Bearer realm="{realm}",service="here",scope="repository:asked:pull"'
        call.give(401, {"WWW-Authenticate": said}, b"{}")
        return True
    return False


def test_a_token_is_fetched_for_the_scope_and_used(registry: Registry, host: str, name: str) -> None:
    made = push_image(registry, name, "one", "1")
    with front(host, tokens) as (address, seen):
        signed = Registry(address, WHO)
        found = signed.resolve(name, "1")
        assert found is not None and found.digest == made.digest
        assert signed.tags(name) == ("1",)
        asked = [path for _, path, _ in seen if path.startswith("/token")]
        assert asked == ["/token?service=here&scope=repository%3Aasked%3Apull"], "once for both calls"
        with pytest.raises(HttpError) as refused:
            Registry(address, Account(user="ana", password="a-wrong-word")).tags(name)
        assert "a-wrong-word" not in str(refused.value)
        assert base64.b64encode(b"ana:a-wrong-word").decode() not in str(refused.value)


def test_a_password_goes_to_no_token_server_without_tls(registry: Registry, host: str, name: str) -> None:
    def elsewhere(call: Front) -> bool:
        call.give(401, {"WWW-Authenticate": 'Bearer realm="http://token.example.com/t",service="x"'}, b"")
        return True

    with front(host, elsewhere) as (address, _), pytest.raises(HttpError, match="not taken"):
        Registry(address, WHO).tags(name)


def test_a_download_that_breaks_off_goes_on_where_it_stood(registry: Registry, host: str, name: str) -> None:
    made = push_image(registry, name, "large", "1", size=200_000)
    broken: list[str] = []

    def break_off(call: Front) -> bool:
        if call.command != "GET" or "/blobs/" not in call.path or call.path in broken:
            return False
        broken.append(call.path)
        request = urllib.request.Request(f"http://{host}{call.path}", headers={"Authorization": WHO.basic()})
        with urllib.request.urlopen(request, timeout=10) as answer:
            data = answer.read()
        call.give(200, {}, data[: len(data) // 2], promised=len(data))
        call.close_connection = True
        return True

    with front(host, break_off) as (address, _):
        source = Registry(address, WHO, timeout=5)
        promote(source, name, made.digest, registry, f"p/{name}", "live")
    assert len(broken) == 2
    assert complete(registry, f"p/{name}", made.digest) == ()


def test_an_upload_that_breaks_off_goes_on_where_the_server_stands(
    registry: Registry, host: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hug_agents.adapters.oci.blobs.CHUNK", 60_000)
    made = push_image(registry, name, "large", "1", size=200_000)
    failed: list[str] = []

    def fail(call: Front) -> bool:
        if call.command == "PATCH" and len(failed) < 2 and len(call.body) == 60_000:
            failed.append(call.path)
            call.give(503, {}, b"busy")
            return True
        return False

    with front(host, fail) as (address, _):
        target = Registry(address, WHO, attempts=1)
        promote(registry, name, made.digest, target, f"p/{name}", "live")
    assert len(failed) == 2
    assert complete(registry, f"p/{name}", made.digest) == ()


def test_bytes_of_another_digest_are_refused(registry: Registry, host: str, name: str) -> None:
    made = push_image(registry, name, "one", "1")

    def lie(call: Front) -> bool:
        if call.command == "GET" and "/manifests/" in call.path:
            call.give(200, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, b'{"schemaVersion": 2}')
            return True
        return False

    with front(host, lie) as (address, _), pytest.raises(HttpError, match="the bytes have the digest"):
        Registry(address, WHO).manifest(name, made.digest)


def test_a_list_without_end_and_one_that_leads_away_are_refused(
    registry: Registry, host: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = iter(['<http://evil.example.com/v2/x>; rel="next"'])

    def lead(call: Front) -> bool:
        if "/tags/list" in call.path:
            link = next(links, f'<{call.path.partition("?")[0]}?n=1&last=x>; rel="next"')
            call.give(200, {"Link": link}, b'{"tags": ["a"]}')
            return True
        return False

    monkeypatch.setattr("hug_agents.adapters.oci.client._PAGES", 5)
    with front(host, lead) as (address, _):
        with pytest.raises(HttpError, match="another server"):
            Registry(address, WHO).tags(name)
        with pytest.raises(HttpError, match="no end"):
            Registry(address, WHO).tags(name)


def test_a_download_that_is_sent_elsewhere_takes_no_password_along(registry: Registry, host: str, name: str) -> None:
    made = push_image(registry, name, "one", "1")
    data: dict[str, bytes] = {}
    for blob in registry.manifest(name, made.digest).blobs():
        data[blob.digest] = registry.call("GET", f"/v2/{name}/blobs/{blob.digest}").data

    def store(call: Front) -> bool:
        call.give(200, {}, data[call.path.rsplit("/", 1)[1].partition("?")[0]])
        return True

    with front(host, store) as (elsewhere, seen):

        def send(call: Front) -> bool:
            if call.command == "GET" and "/blobs/" in call.path:
                place = f"http://{elsewhere}/bucket/{call.path.rsplit('/', 1)[1]}?signature=x"
                call.give(307, {"Location": place}, b"")
                return True
            return False

        with front(host, send) as (address, _):
            promote(Registry(address, WHO), name, made.digest, registry, f"p/{name}", "live")
    assert seen and {authorization for _, _, authorization in seen} == {""}
    assert complete(registry, f"p/{name}", made.digest) == ()
