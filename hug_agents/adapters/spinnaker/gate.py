"""Gate's HTTP API, as far as a release needs it. What a person answers in a judgment is not among it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hug_agents.errors import HttpError
from hug_agents.http import Http

ENDED = frozenset(("SUCCEEDED", "TERMINAL", "CANCELED", "STOPPED", "FAILED_CONTINUE", "SKIPPED"))
_ADDED = frozenset(("id", "index", "lastModifiedBy", "lastModified", "updateTs", "createTs"))
"""What Spinnaker writes into a pipeline by itself."""
LISTED = 100
"""Executions that are looked through for one of ours."""


@dataclass(frozen=True)
class Pace:
    """How long is waited for what, in seconds."""

    poll: float = 15.0
    settle: float = 120.0
    """Until an execution that was started must be listed."""
    follow: float = 80 * 3600.0
    """For an execution to its end, the people of its judgments included."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


class Gate:
    """One application. Raises HttpError, which names the call and never the token."""

    def __init__(self, http: Http, application: str) -> None:
        self._http = http
        self._application = quote(application, safe="")

    def pipelines(self) -> dict[str, dict[str, Any]]:
        """The pipelines that are saved, by name."""
        answer = self._http.get(f"/applications/{self._application}/pipelineConfigs", ok=(404,))
        return {} if answer.status == 404 else {str(item["name"]): item for item in _rows(answer.json())}

    def save(self, pipeline: dict[str, Any], known: dict[str, Any] | None) -> None:
        """Save a pipeline, in place of the one with its name."""
        body = {**pipeline, **({"id": known["id"]} if known else {})}
        self._http.request("POST", "/pipelines", json=body)

    def start(self, name: str, trigger: dict[str, Any]) -> None:
        """Start a pipeline by its name. The correlation id in the trigger is what it is found by."""
        self._http.request("POST", f"/pipelines/{self._application}/{quote(name, safe='')}", json=trigger)

    def executions(self, name: str) -> list[dict[str, Any]]:
        """The executions of a pipeline, newest first."""
        params = {"limit": str(LISTED), "expand": "true"}
        rows = _rows(self._http.get(f"/applications/{self._application}/pipelines", params=params, ok=(404,)).json())
        mine = [row for row in rows if row.get("name") == name]
        return sorted(mine, key=lambda row: int(row.get("buildTime") or 0), reverse=True)

    def execution(self, identity: str) -> dict[str, Any]:
        """One execution with its stages."""
        found = self._http.get(f"/pipelines/{quote(identity, safe='')}").json()
        if not isinstance(found, dict):
            raise HttpError("the answer is not an execution", hint="is this address Gate's?")
        return found

    def cancel(self, identity: str, reason: str) -> None:
        """Stop an execution where it is."""
        self._http.request("PUT", f"/pipelines/{quote(identity, safe='')}/cancel", params={"reason": reason})


def same(saved: dict[str, Any] | None, wanted: dict[str, Any]) -> bool:
    """A saved pipeline is the wanted one, but for what Spinnaker adds."""
    return saved is not None and {key: value for key, value in saved.items() if key not in _ADDED} == wanted


def stage(execution: dict[str, Any], name: str) -> str:
    """How a stage of an execution stands; empty where there is none of that name."""
    return next((str(item["status"]) for item in execution.get("stages") or () if item.get("name") == name), "")


def waiting(execution: dict[str, Any]) -> tuple[str, ...]:
    """What runs, judgments said to be such."""
    return tuple(
        f"{item['name']} waits for people" if item.get("type") == "manualJudgment" else str(item["name"])
        for item in execution.get("stages") or ()
        if item.get("status") == "RUNNING"
    )


def _rows(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
