"""The one HTTP client: every call has a time limit, is tried again when that is safe, and keeps its secrets to itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from hug_agents.errors import HttpError, UsageError

if TYPE_CHECKING:
    import httpx

ANSWER_LIMIT = 64 * 1024 * 1024
"""Bytes of an answer that are read; a longer one is an error."""
_AGAIN = frozenset((429, 502, 503, 504))
_SAFE = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def token_address(text: str, wrong: str) -> str:
    """An address that a token may be sent to: https, or http on this machine; no person, query or fragment in it.

    Raises ValueError; `wrong` says what it is not, where it is no address of a server at all.
    """
    parts = urlsplit(text)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("a token is sent over https only")
    if not parts.hostname or parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(wrong)
    return text.rstrip("/")


def checked_address(text: str, what: str, *, where: str = "target") -> str:
    """As `token_address`; raises UsageError, naming `what` the address is of and `where` it is given."""
    try:
        return token_address(text, f"{text[:80]!r} is not the address of a server")
    except ValueError as error:
        raise UsageError(f"{what}: {error}", where=where) from None


class _Again(Exception):
    def __init__(self, error: HttpError, wait: float | None) -> None:
        self.error = error
        self.wait = wait


class Answer:
    """What a server said."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str, data: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.text = text
        self.data = data
        """The body as it came."""

    def json(self) -> Any:
        """The body as JSON. Raises HttpError when it is none."""
        try:
            return json.loads(self.text)
        except ValueError as error:
            raise HttpError(f"the answer is not JSON: {self.text[:120]!r}", status=self.status) from error


class Http:
    """A client for one server. `secrets` are replaced by *** wherever an error would show them."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        timeout: float = 10.0,
        attempts: int = 4,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = dict(headers or {})
        # An error shows a line end at the end of a token as an escape: the token is looked for without it too.
        self._secrets = tuple(form for item in secrets for form in (item, item.strip()) if form)
        self._timeout = timeout
        self._attempts = attempts

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        ok: tuple[int, ...] = (),
    ) -> Answer:
        """One call. An answer of 400 or more raises HttpError, unless its status is among `ok`.

        GET, HEAD, PUT and DELETE are tried again after a broken connection, 429 and 502 to 504; others after 429 only.
        """
        options = {"json": json, "params": params, "headers": headers, "content": content}
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=_wait,
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )
        try:
            return retrying(self._once, method.upper(), path, options, ok)
        except _Again as again:
            raise again.error from again.__cause__

    def get(self, path: str, **options: Any) -> Answer:
        """GET."""
        return self.request("GET", path, **options)

    def save(self, path: str, write: Callable[[bytes], object], *, headers: Mapping[str, str] | None = None) -> Answer:
        """GET a body of any length, handed on part by part. Not tried again: what was written may be half of it.

        A redirection is returned as it is. Raises HttpError, also when the body breaks off.
        """
        import httpx

        where = self._clean(f"GET {self.base_url}{path}")
        try:
            with self._client.stream("GET", path, headers=headers) as response:
                if response.status_code >= 400:
                    said = response.read().decode("utf-8", "replace")[:300]
                    raise HttpError(
                        self._clean(f"{response.status_code}: {said}"), where=where, status=response.status_code
                    )
                if response.status_code < 300:
                    for part in response.iter_raw():
                        write(part)
                return Answer(response.status_code, response.headers, "")
        except (httpx.InvalidURL, UnicodeError) as error:
            raise self._no_address(where, error) from error
        except httpx.HTTPError as error:
            raise HttpError(
                self._clean(f"the answer broke off: {error or type(error).__name__}"), where=where
            ) from error

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every call."""
        return dict(self._headers)

    def clean(self, text: str) -> str:
        """Without the secrets, should somebody have printed them."""
        return self._clean(text)

    def close(self) -> None:
        """Let go of the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        # No proxy stands between a machine and itself.
        host = httpx.URL(self.base_url).host
        outside = host not in _LOOPBACK and not host.startswith("127.")
        return httpx.Client(base_url=self.base_url, headers=self._headers, timeout=self._timeout, trust_env=outside)

    def _once(self, method: str, path: str, options: dict[str, Any], ok: tuple[int, ...]) -> Answer:
        import httpx

        where = f"{method} {self.base_url}{path}"
        try:
            with self._client.stream(method, path, **options) as response:
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > ANSWER_LIMIT:
                        raise HttpError("the answer is too long", where=self._clean(where), status=response.status_code)
                text = _text(bytes(body), response.encoding)
                answer = Answer(response.status_code, response.headers, text, bytes(body))
        except (httpx.InvalidURL, UnicodeError) as error:
            raise self._no_address(where, error) from error
        except httpx.HTTPError as error:
            problem = HttpError(
                self._clean(f"no answer: {error or type(error).__name__}"),
                where=self._clean(where),
                hint="is the server there, and its address right?",
            )
            if method in _SAFE:
                raise _Again(problem, None) from error
            raise problem from error
        if answer.status < 400 or answer.status in ok:
            return answer
        refused = HttpError(
            self._clean(f"{answer.status}: {' '.join(answer.text.split())[:300]}"),
            where=self._clean(where),
            status=answer.status,
        )
        if answer.status == 429 or (answer.status in _AGAIN and method in _SAFE):
            raise _Again(refused, _seconds(answer.headers.get("retry-after")))
        raise refused

    def _no_address(self, where: str, error: Exception) -> HttpError:
        return HttpError(
            self._clean(f"this cannot be called: {error}"), where=self._clean(where), hint="is its address right?"
        )

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _text(body: bytes, encoding: str | None) -> str:
    """A body as text. A server may name any codec, also one that is not of text, or reads no broken one."""
    try:
        return body.decode(encoding or "utf-8", "replace")
    except (LookupError, UnicodeError):
        return body.decode("utf-8", "replace")


_BACKOFF = wait_exponential(multiplier=0.2, max=8) + wait_random(0, 0.2)
_LONGEST_WAIT = 60.0


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    told = error.wait if isinstance(error, _Again) else None
    return min(told, _LONGEST_WAIT) if told is not None else _BACKOFF(state)


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
