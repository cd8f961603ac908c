"""Nomad's HTTP API, as far as a release needs it: one method a call, in one namespace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hug_agents.errors import HttpError
from hug_agents.http import Http

ACTIVE = frozenset(("running", "paused", "pending", "blocked", "initializing", "unblocking"))
"""States of a deployment that is not over."""
_COUNTED = frozenset(
    ("Version", "CreateIndex", "ModifyIndex", "JobModifyIndex", "SubmitTime", "Status", "StatusDescription", "Stable",
     "VersionTag")
)  # fmt: skip


@dataclass(frozen=True)
class Pace:
    """How long is waited for what, in seconds."""

    poll: float = 5.0
    settle: float = 1200.0
    """For a deployment to come as far as is waited for: twice what the jobs let it take."""
    once: float = 3600.0
    """For a job that runs once a release."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


class Api:
    """One namespace of one cluster. Raises HttpError, which names the call and never the token."""

    def __init__(self, http: Http, region: str, namespace: str) -> None:
        self._http = http
        self._where = {"namespace": namespace, **({"region": region} if region else {})}

    def parse(self, source: str, variables: str) -> dict[str, Any]:
        """A job file and its variables as a job, read by the server itself."""
        return self._job(self._post("/v1/jobs/parse", {"JobHCL": source, "Variables": variables, "Canonicalize": True}))

    def plan(self, job: dict[str, Any]) -> dict[str, Any]:
        """What registering it would change; nothing is changed."""
        return self._job(self._post(_path(job["ID"], "plan"), {"Job": job, "Diff": True}))

    def register(self, job: dict[str, Any], index: int) -> None:
        """Register it, if the job still is the one that was planned on; 0: if there is none."""
        self._post("/v1/jobs", {"Job": job, "EnforceIndex": True, "JobModifyIndex": index})

    def job(self, name: str) -> dict[str, Any] | None:
        """The job that is registered; None where there is none, or a stopped one."""
        found = self._get(_path(name))
        return None if found is None or found.get("Stop") else self._job(found)

    def versions(self, name: str) -> list[dict[str, Any]]:
        """What Nomad keeps of it, newest first."""
        found = self._get(_path(name, "versions"))
        return list(found["Versions"] or ()) if found else []

    def deployment(self, name: str) -> dict[str, Any] | None:
        """The newest deployment of a job."""
        found: dict[str, Any] | None = self._get(_path(name, "deployment"))
        return found

    def pending(self, name: str) -> bool:
        """Nomad has not yet decided what the last change of a job means; a deployment may still appear."""
        return any(row["Status"] == "pending" for row in self._get(_path(name, "evaluations")) or [])

    def running(self, name: str) -> int:
        """How many allocations run and are to run."""
        rows = self._get(_path(name, "allocations")) or []
        return sum(row["ClientStatus"] == "running" and row["DesiredStatus"] == "run" for row in rows)

    def ended(self, name: str) -> str:
        """How the allocation of a dispatched job ended: complete, failed, or empty while it runs."""
        states = [row["ClientStatus"] for row in self._get(_path(name, "allocations")) or []]
        return "complete" if "complete" in states else "failed" if {"failed", "lost"} & set(states) else ""

    def dispatch(self, name: str, token: str, release: str) -> str:
        """Run a parameterized job, once for a token; its id."""
        body = {"JobID": name, "Meta": {"release": release}}
        path = _path(name, "dispatch")
        return str(self._post(path, body, idempotency_token=token)["DispatchedJobID"])

    def promote(self, deployment: str) -> None:
        """All canaries of a deployment take over."""
        self._post(f"/v1/deployment/promote/{quote(deployment)}", {"DeploymentID": deployment, "All": True})

    def pause(self, deployment: str, paused: bool) -> None:
        """Hold a deployment where it is, or let it go on."""
        self._post(f"/v1/deployment/pause/{quote(deployment)}", {"DeploymentID": deployment, "Pause": paused})

    def fail(self, deployment: str) -> None:
        """End a deployment; with auto_revert the job takes itself back."""
        self._post(f"/v1/deployment/fail/{quote(deployment)}", {"DeploymentID": deployment})

    def revert(self, name: str, version: int, now: int) -> None:
        """An earlier version again, if the job still has the version `now`."""
        self._post(_path(name, "revert"), {"JobID": name, "JobVersion": version, "EnforcePriorVersion": now})

    def stop(self, name: str) -> None:
        """Take a job away; Nomad keeps its versions for a while."""
        self._http.request("DELETE", _path(name), params=self._where, ok=(404,))

    def addresses(self, service: str) -> list[dict[str, Any]]:
        """The instances that are registered under a name."""
        return self._get(f"/v1/service/{quote(service, safe='')}") or []

    def _get(self, path: str) -> Any:
        answer = self._http.get(path, params=self._where, ok=(404,))
        return None if answer.status == 404 else answer.json()

    def _post(self, path: str, body: dict[str, Any], **params: str) -> Any:
        return self._http.request("POST", path, json=body, params={**self._where, **params}).json()

    @staticmethod
    def _job(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise HttpError("the answer is not an object", hint="is this address Nomad's?")
        return value


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Two versions of a job differ in nothing but what Nomad counts."""
    return {key: value for key, value in one.items() if key not in _COUNTED} == {
        key: value for key, value in other.items() if key not in _COUNTED
    }


def state(deployment: dict[str, Any]) -> dict[str, Any]:
    """The counts of a deployment; our jobs have one group each."""
    return next(iter((deployment.get("TaskGroups") or {}).values()), {})


def _path(job: str, more: str = "") -> str:
    return f"/v1/job/{quote(job, safe='')}" + (f"/{more}" if more else "")
