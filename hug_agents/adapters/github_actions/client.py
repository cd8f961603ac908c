"""GitHub's API through githubkit: calls that wait where GitHub says so, and failures that each say one thing."""

from __future__ import annotations

import json as jsonlib
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from hug_agents.adapters.forge import Pace, one_line
from hug_agents.errors import HttpError, MissingExtra
from hug_agents.http import Answer

if TYPE_CHECKING:
    from githubkit import GitHub
    from githubkit.auth import TokenAuthStrategy

VERSION = "2022-11-28"
"""The version of the API that is asked for."""
_SAFE = frozenset(("GET", "PUT", "DELETE"))
_TROUBLE = frozenset((500, 502, 503, 504))


class Limited(HttpError):
    """A rate limit is used up; nothing was done. `seconds`: when to come back; whether GitHub `told` so."""

    def __init__(self, what: str, *, where: str, hint: str, status: int, seconds: float, told: bool) -> None:
        super().__init__(what, where=where, hint=hint, status=status)
        self.seconds = seconds
        self.told = told


class _Again(Exception):
    def __init__(self, error: HttpError) -> None:
        self.error = error


class Client:
    """Calls with one token, which stands in no error and no log."""

    def __init__(self, api: str, token: str, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self._api = api
        self._token = token

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str | int] | None = None,
        ok: tuple[int, ...] = (),
        repeatable: bool | None = None,
        patient: bool = True,
    ) -> Answer:
        """One call. An answer of 400 or more raises HttpError, unless its status is among `ok`.

        `repeatable` calls (GET, PUT and DELETE unless it says otherwise) are tried again after a broken connection and
        5xx; every call after a rate limit, since GitHub did nothing then. Not `patient`: a rate limit raises Limited.
        """
        again = method in _SAFE if repeatable is None else repeatable
        retrying = Retrying(
            stop=stop_after_attempt(self.pace.attempts),
            wait=self._wait,
            retry=retry_if_exception_type(_Again),
            sleep=self.pace.sleep,
            reraise=True,
        )

        def once() -> Answer:
            answer = self._once(method, path, json, params, ok)
            if isinstance(answer, Answer):
                return answer
            limited = isinstance(answer, Limited)
            if limited and (not patient or answer.seconds > self.pace.limit):  # type: ignore[attr-defined]
                raise answer
            if limited or (again and (answer.status is None or answer.status in _TROUBLE)):
                raise _Again(answer)
            raise answer

        try:
            return retrying(once)
        except _Again as error:
            failed = error.error
        raise failed

    def get(self, path: str, **options: Any) -> Answer:
        """GET."""
        return self.call("GET", path, **options)

    def pages(
        self, path: str, key: str = "", *, params: Mapping[str, str | int] | None = None, ok: tuple[int, ...] = ()
    ) -> Iterator[dict[str, Any]]:
        """The rows of a list, page after page; `key` names the list in an answer that is not one itself."""
        page = 1
        while True:
            answer = self.get(path, params={**(params or {}), "per_page": 100, "page": page}, ok=ok)
            if answer.status >= 400:
                return
            rows = answer.json()[key] if key else answer.json()
            yield from rows
            if 'rel="next"' not in answer.headers.get("link", ""):
                return
            page += 1

    def clean(self, text: str) -> str:
        """Without the token, should somebody have printed it."""
        return text.replace(self._token, "***") if self._token else text

    @cached_property
    def _github(self) -> GitHub[TokenAuthStrategy]:
        try:
            import httpx
            from githubkit import GitHub, TokenAuthStrategy
        except ImportError as error:
            raise MissingExtra("the target github_actions", "github") from error
        return GitHub(
            TokenAuthStrategy(self._token),
            base_url=self._api,
            user_agent="hug-agents",
            timeout=self.pace.timeout,
            ssl_verify=httpx.create_ssl_context(),  # read once: githubkit makes a client for every call
            http_cache=False,
            auto_retry=False,
        )

    def _once(
        self, method: str, path: str, json: Any, params: Mapping[str, str | int] | None, ok: tuple[int, ...]
    ) -> Answer | HttpError:
        """An answer, or what went wrong. Nothing is raised: an error of httpx holds the request, and so the token."""
        github = self._github
        from githubkit.exception import GitHubException, RequestFailed

        where = self.clean(f"{method} {self._api}{path}")
        try:
            response = github.request(method, path, json=json, params=params, headers={"X-GitHub-Api-Version": VERSION})
        except RequestFailed as error:
            response = error.response
        except GitHubException as error:
            cause = getattr(error, "exc", error)
            return HttpError(
                self.clean(f"GitHub did not answer: {cause or type(cause).__name__}")[:300],
                where=where,
                hint="is the network there? Nothing is lost: resume, and it goes on where it stopped",
            )
        answer = Answer(response.status_code, response.headers, response.text)
        if answer.status < 400 or answer.status in ok:
            return answer
        return self._refusal(answer, where)

    def _refusal(self, answer: Answer, where: str) -> HttpError:
        said = self.clean(said_by(answer))
        wait = _limited(answer, said)
        if wait is not None:
            kind, seconds, told = wait
            return Limited(
                f"{answer.status}: the {kind} rate limit is used up: {said}",
                where=where,
                hint=f"come back in {seconds:.0f} s, then resume; or use a token with a limit of its own",
                status=answer.status,
                seconds=seconds,
                told=told,
            )
        return HttpError(f"{answer.status}: {said}", where=where, hint=_hint(answer), status=answer.status)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _Again) and isinstance(error.error, Limited):
            limit = error.error
            return limit.seconds if limit.told else limit.seconds * 2.0 ** (state.attempt_number - 1)
        backoff = self.pace.backoff
        return (wait_exponential(multiplier=backoff, max=30) + wait_random(0, backoff))(state)


def _limited(answer: Answer, said: str) -> tuple[str, float, bool] | None:
    """Which limit, for how long, and whether GitHub told how long.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if answer.status not in (403, 429):
        return None
    after = _number(answer.headers.get("retry-after"))
    none_left = answer.headers.get("x-ratelimit-remaining") == "0"
    secondary = "secondary rate limit" in said.lower() or "abuse" in said.lower()
    if not (secondary or none_left or after is not None or answer.status == 429):
        return None
    kind = "primary" if none_left and not secondary else "secondary"
    if after is not None:
        return kind, after, True
    reset = _number(answer.headers.get("x-ratelimit-reset"))
    if none_left and reset is not None:
        return kind, max(0.0, reset - clock(answer)) + 1, True
    return kind, 60.0, False


def clock(answer: Answer) -> float:
    """GitHub's own time when it answered, in seconds: this machine's clock may be wrong."""
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return time.time()


def _number(header: str | None) -> float | None:
    return float(header) if header and re.fullmatch(r"\d{1,12}", header) else None


def said_by(answer: Answer) -> str:
    """What GitHub says, on one line; of a validation error also each field."""
    try:
        body = jsonlib.loads(answer.text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return one_line(answer.text)[:300] or "no message"
    parts = [str(body.get("message", "no message"))]
    for item in body.get("errors") or ():
        if isinstance(item, dict):
            parts.append(str(item.get("message") or f"{item.get('field', '?')} {item.get('code', '?')}"))
        else:
            parts.append(str(item))
    return one_line("; ".join(parts))[:500]


_HINTS = {
    401: "the token is not valid, or has expired: set HUG_AGENTS_GITHUB_TOKEN (or GITHUB_TOKEN) to one that is",
    404: "is the name right, and may the token see it? GitHub says 404 also for what a token may not see",
    409: "it changed meanwhile, or is in another state: look at it, then resume",
    422: "GitHub refuses these values; the message names them",
}


def _hint(answer: Answer) -> str:
    if answer.status == 403:
        needs = answer.headers.get("x-accepted-github-permissions") or answer.headers.get("x-accepted-oauth-scopes")
        return "the token may not do this" + (
            f"; it needs: {one_line(needs)[:200]}" if needs else "; see docs/github_actions.md"
        )
    if answer.status >= 500:
        return "GitHub is in trouble (https://www.githubstatus.com); resume later, and it goes on where it stopped"
    return _HINTS.get(answer.status, "")
