"""GitLab's API through our HTTP client: failures that each say one thing, with GitLab's own words."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Mapping
from typing import Any

from hug_agents.adapters.forge import Pace, one_line
from hug_agents.errors import HttpError
from hug_agents.http import Answer, Http

_REFUSALS = (400, 401, 403, 404, 405, 406, 409, 422)


class Client:
    """Calls with one token, which stands in no error and no log."""

    def __init__(self, api: str, token: str, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self._token = token
        self._http = Http(
            api,
            headers={"PRIVATE-TOKEN": token, "User-Agent": "hug-agents"},
            secrets=(token,),
            timeout=self.pace.timeout,
            attempts=self.pace.attempts,
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        ok: tuple[int, ...] = (),
    ) -> Answer:
        """One call. An answer of 400 or more raises HttpError, unless its status is among `ok`.

        A rate limit (429) is waited for as long as GitLab says, at most a minute; GET, PUT and DELETE are also tried again
        after a broken connection and 502 to 504. A POST is not: what was sent may have been done.
        """
        try:
            answer = self._http.request(method, path, json=json, params=params, ok=(*_REFUSALS, *ok))
        except HttpError as error:
            raise HttpError(
                str(error.args[0] if error.args else error),
                where=error.where,
                hint=_hint(error.status) or error.hint,
                status=error.status,
            ) from None
        if answer.status < 400 or answer.status in ok:
            return answer
        raise HttpError(
            f"{answer.status}: {self.clean(said_by(answer))}",
            where=self.clean(f"{method} {self._http.base_url}{path}"),
            hint=_hint(answer.status),
            status=answer.status,
        )

    def get(self, path: str, **options: Any) -> Answer:
        """GET."""
        return self.call("GET", path, **options)

    def pages(
        self, path: str, *, params: Mapping[str, str] | None = None, ok: tuple[int, ...] = ()
    ) -> Iterator[dict[str, Any]]:
        """The rows of a list, page after page."""
        page = "1"
        while page:
            answer = self.get(path, params={**(params or {}), "per_page": "100", "page": page}, ok=ok)
            if answer.status >= 400:
                return
            yield from answer.json()
            page = answer.headers.get("x-next-page", "")

    def clean(self, text: str) -> str:
        """Without the token, should somebody have printed it."""
        return text.replace(self._token, "***") if self._token else text


def said_by(answer: Answer) -> str:
    """What GitLab says, on one line; of a validation error also each field."""
    try:
        body = jsonlib.loads(answer.text)
    except ValueError:
        return one_line(answer.text)[:300] or "no message"
    said = body.get("message", body.get("error", "no message")) if isinstance(body, dict) else body
    if isinstance(said, dict):
        rows = ((name, texts if isinstance(texts, list) else [texts]) for name, texts in said.items())
        said = "; ".join(f"{name} {text}" for name, texts in rows for text in texts)
    elif isinstance(said, list):
        said = "; ".join(str(item) for item in said)
    return one_line(str(said))[:500]


_HINTS = {
    400: "GitLab refuses these values; the message names them",
    401: "the token is not valid, or has expired: set HUG_AGENTS_GITLAB_TOKEN (or GITLAB_TOKEN) to one that is",
    403: "the token may not do this: it needs the scope `api`, and its owner a role that may; see docs/gitlab_ci.md",
    404: "is the name right, and may the token see it? GitLab says 404 also for what a token may not see",
    405: "GitLab does not allow this now; the message says why",
    409: "it changed meanwhile, or is in another state: look at it, then resume",
    422: "GitLab refuses these values; the message names them",
    429: "GitLab's rate limit is used up: resume in a minute, and it goes on where it stopped",
}


def _hint(status: int | None) -> str:
    if status is None:
        return "is the network there? Nothing is lost: resume, and it goes on where it stopped"
    if status >= 500:
        return "GitLab is in trouble (https://status.gitlab.com); resume later, and it goes on where it stopped"
    return _HINTS.get(status, "")
