"""CircleCI by its API v2: pipelines by the name of their first job; v1.1 for what the steps printed.

Written from https://circleci.com/docs/api/v2 and https://circleci.com/docs/api/v1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import yaml

from hug_agents.adapters.forge import Pace, one_line
from hug_agents.adapters.pipelines.records import Kind, Record
from hug_agents.adapters.pipelines.runner import Part, Run, SeveralRuns, Undone
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError
from hug_agents.http import Http

CONFIG = ".circleci/config.yml"
NEEDED = ("action", "environment", "correlation", "packet", "commit")
_SEARCHED = 100
_CLOCKS = timedelta(minutes=10)
"""How far this machine's clock may be behind CircleCI's."""
_ENDED = {"success": "success", "failed": "failed", "error": "failed", "unauthorized": "failed", "not_run": "failed"}
_FAILED = frozenset(("failed", "infrastructure_fail", "timedout", "terminated-unknown", "canceled", "unauthorized"))


class CircleciRunner:
    """The pipelines of one project on one branch."""

    def __init__(self, project: str, branch: str, token: str, *, api: str, pace: Pace | None = None) -> None:
        pace = pace or Pace()
        self._project = project
        self._branch = branch
        self._options: dict[str, Any] = {"timeout": pace.timeout, "attempts": pace.attempts}
        self._http = Http(api, headers={"Circle-Token": token}, secrets=(token,), **self._options)

    def lacks(self, bundle: Bundle) -> tuple[str, ...]:
        """The configuration, or a parameter of it."""
        if CONFIG not in bundle:
            return (CONFIG,)
        known = _parameters(bundle)
        return tuple(f"the parameter {name} of {CONFIG}" for name in NEEDED if name not in known)

    def takes_images(self, bundle: Bundle) -> bool:
        """It has the parameter images_of."""
        return "images_of" in _parameters(bundle)

    def find(self, kind: Kind, name: str, record: Record | None) -> Run | None:
        """By the pipeline that was noted, else by the name of the first job of every pipeline that an API started."""
        if record is not None and record.run:
            return self._seen(record.run)
        since = record.claimed - _CLOCKS if record is not None else None
        found = [row["id"] for row in self._recent(since) if self._shows(row["id"], name)]
        if len(found) > 1:
            raise SeveralRuns(
                f"{len(found)} pipelines show the correlation {name}",
                where=self._project,
                hint=f"somebody started one again; look at {', '.join(found[:3])}",
            )
        return self._seen(found[0]) if found else None

    def start(self, kind: Kind, name: str, environment: str, packet: str, commit: str, images: dict[str, str]) -> Run:
        """One POST; CircleCI answers with the pipeline."""
        parameters = {
            "action": kind,
            "environment": environment,
            "correlation": name,
            "packet": packet,
            "commit": commit,
            **images,
        }
        body = {"branch": self._branch, "parameters": parameters}
        row = self._http.request("POST", f"/api/v2/project/{self._project}/pipeline", json=body).json()
        if "id" not in row:
            raise HttpError(
                f"CircleCI started no pipeline: {_line(row.get('message'))}",
                where=self._project,
                hint="is the project set up, and does the commit say [skip ci]?",
            )
        return Run(id=row["id"], url=self._url(row["number"]), state="queued", said=_line(row["state"]))

    def get(self, kind: Kind, run: Run) -> Run:
        """The pipeline as its latest workflow is."""
        return self._seen(run.id)

    def parts(self, run: Run) -> tuple[Part, ...]:
        """The jobs of its latest workflow."""
        return tuple(
            Part(name=_line(job["name"]), state=_line(job["status"]).replace("_", " "), failed=job["status"] in _FAILED)
            for job in self._jobs(run)
        )

    def cancel(self, run: Run) -> None:
        """Cancel its workflows; those that ended are left as they are. CircleCI runs no step of a job after that."""
        for workflow in self._workflows(run.id):
            self._http.request("POST", f"/api/v2/workflow/{workflow['id']}/cancel", ok=(400, 404))

    def log(self, run: Run) -> str:
        """What each step of each job printed, each line with its job."""
        lines = []
        for job in self._jobs(run):
            for step in self._steps(job):
                for action in step.get("actions") or ():
                    lines += [f"{job['name']}: {line}" for line in self._printed(action)]
        return self._http.clean("\n".join(lines))

    def images(self, run: Run) -> dict[str, str]:
        """The pipeline, and the checksum of the list that its job `images` kept: what a cache holds proves nothing."""
        job = next((item for item in self._jobs(run) if item["name"] == "images" and item.get("job_number")), None)
        if job is None:
            return {}
        rows = self._pages(f"/api/v2/project/{self._project}/{job['job_number']}/artifacts")
        url = next((row["url"] for row in rows if row["path"] == "images.json"), "")
        if not url:
            return {}
        content = self._fetched(url, signed_in=True)
        return {"images_of": run.id, "images_sha256": hashlib.sha256(content.encode()).hexdigest()}

    def undone(self, run: Run, environment: str) -> Undone:
        """By the steps of the deployment's job: whether it rolled out, and how its own rollback ended."""
        job = next((item for item in self._jobs(run) if item["name"] == f"deploy-{environment}"), None)
        steps = {str(step["name"]): step for step in self._steps(job)} if job is not None else {}
        if not any(name.startswith("Roll out") for name in steps):
            return "untouched"
        back = [
            action
            for action in (steps.get("Roll back") or {}).get("actions") or ()
            if action.get("status") != "canceled"
        ]
        if not back:
            return "cut off"
        return "undone" if all(action.get("status") == "success" for action in back) else "failed"

    def _seen(self, pipeline: str) -> Run:
        row = self._http.get(f"/api/v2/pipeline/{pipeline}").json()
        common = {
            "id": row["id"],
            "url": self._url(row["number"]),
            "commit": _line((row.get("vcs") or {}).get("revision")),
        }
        if row["state"] == "errored":
            said = "; ".join(str(item["message"]) for item in row.get("errors") or ())
            return Run(**common, state="ended", result="failed", said=_line(said))
        workflow = self._latest(pipeline)
        if workflow is None:
            return Run(**common, state="queued", said=_line(row["state"]))
        status = workflow["status"]
        if status == "canceled":
            return Run(**common, state="ended", result="cancelled")
        if status in _ENDED:
            return Run.model_validate({**common, "state": "ended", "result": _ENDED[status], "said": status})
        waits = status == "on_hold"
        return Run(**common, state="waiting" if waits else "running", said="for an approval" if waits else status)

    def _recent(self, since: datetime | None) -> Iterator[dict[str, Any]]:
        """Pipelines that an API started, the newest first."""
        rows = self._pages(f"/api/v2/project/{self._project}/pipeline", {"branch": self._branch})
        for number, row in enumerate(rows):
            if number >= _SEARCHED or (since is not None and _moment(row["created_at"]) < since):
                return
            if row["trigger"]["type"] == "api":
                yield row

    def _shows(self, pipeline: str, name: str) -> bool:
        wanted = f"begin-{name}"
        return any(
            job["name"] == wanted
            for workflow in self._workflows(pipeline)
            for job in self._pages(f"/api/v2/workflow/{workflow['id']}/job")
        )

    def _workflows(self, pipeline: str) -> list[dict[str, Any]]:
        return list(self._pages(f"/api/v2/pipeline/{pipeline}/workflow"))

    def _latest(self, pipeline: str) -> dict[str, Any] | None:
        return max(self._workflows(pipeline), key=lambda row: str(row["created_at"]), default=None)

    def _jobs(self, run: Run) -> list[dict[str, Any]]:
        workflow = self._latest(run.id)
        return list(self._pages(f"/api/v2/workflow/{workflow['id']}/job")) if workflow is not None else []

    def _steps(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        if not job.get("job_number"):
            return []
        answer = self._http.get(f"/api/v1.1/project/{self._project}/{job['job_number']}", ok=(404,))
        return list(answer.json().get("steps") or ()) if answer.status == 200 else []

    def _printed(self, action: dict[str, Any]) -> list[str]:
        if not action.get("has_output") or not action.get("output_url"):
            return []
        try:
            rows = json.loads(self._fetched(action["output_url"], signed_in=False))
        except (ValueError, HttpError):
            return ["(CircleCI keeps this output no longer)"]
        return [line for row in rows for line in str(row.get("message", "")).splitlines()]

    def _fetched(self, url: str, *, signed_in: bool) -> str:
        """What lies at an address that CircleCI named. The token goes to CircleCI's own hosts only."""
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        named = (parts.hostname or "").endswith((".circle-artifacts.com", ".circleci.com"))
        ours = base == self._http.base_url or (parts.scheme == "https" and named)
        headers = self._http.headers if signed_in and ours else {}
        with Http(base, headers=headers, **self._options) as http:
            return http.get(f"{parts.path}?{parts.query}" if parts.query else parts.path).text

    def _pages(self, path: str, params: dict[str, str] | None = None) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            answer = self._http.get(
                path, params={**(params or {}), **({"page-token": token} if token else {})}, ok=(404,)
            )
            if answer.status == 404:
                return
            body = answer.json()
            yield from body["items"]
            token = body.get("next_page_token") or ""
            if not token:
                return

    def _url(self, number: int) -> str:
        return f"https://app.circleci.com/pipelines/{self._project}/{number}"


def _parameters(bundle: Bundle) -> frozenset[str]:
    found: Any = yaml.safe_load(bundle[CONFIG].content)
    return frozenset(found.get("parameters") or ()) if isinstance(found, dict) else frozenset()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _line(text: str | None) -> str:
    return one_line(text or "")[:500]
