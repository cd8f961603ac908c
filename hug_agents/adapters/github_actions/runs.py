"""Runs of a workflow: dispatched at most once for an order, found for certain, followed to the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from hug_agents.adapters.forge import one_line
from hug_agents.adapters.github_actions.client import Client, Limited, clock
from hug_agents.adapters.github_actions.place import Place
from hug_agents.errors import HttpError
from hug_agents.http import Answer
from hug_agents.spec import Line, Model

SEARCHED = 1000
"""Runs that GitHub lists at most; an older one is not found."""
_DETAILS = "return_run_details"


class SeveralRuns(HttpError):
    """More than one run shows one correlation: nobody can tell which is the order's."""


class UnknownWorkflow(HttpError):
    """GitHub knows no such workflow on the branch, or not yet: nothing was dispatched."""


class Run(Model):
    """One run, as GitHub shows it."""

    id: int
    title: Line
    status: Line
    conclusion: Line = ""
    commit: Line
    url: Line

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self.status == "completed"


class Step(Model):
    """One step of a job."""

    name: Line
    status: Line
    conclusion: Line = ""


class Job(Model):
    """One job of a run."""

    id: int
    name: Line
    status: Line
    conclusion: Line = ""
    steps: tuple[Step, ...] = ()


class Runs:
    """The runs of one workflow file on one branch."""

    def __init__(self, client: Client, place: Place, workflow: str, branch: str) -> None:
        self._client = client
        self._place = place
        self._workflow = f"{place.path}/actions/workflows/{workflow}"
        self._branch = branch
        self.file = workflow

    def listed(self) -> Iterator[Run]:
        """Dispatched runs, the newest first; none where there is no such workflow yet."""
        wanted = {"event": "workflow_dispatch", "branch": self._branch}
        for row in self._client.pages(f"{self._workflow}/runs", "workflow_runs", params=wanted, ok=(404,)):
            yield _run(row)

    def find(self, name: str) -> Run | None:
        """The run that shows this correlation. Raises SeveralRuns."""
        found = []
        for number, run in enumerate(self.listed()):
            if number >= SEARCHED:
                break
            if name in run.title.split():
                found.append(run)
        if len(found) > 1:
            raise SeveralRuns(
                f"{len(found)} runs of {self.file} show the correlation {name}",
                where=f"{self._place.owner}/{self._place.name}",
                hint=f"somebody started one again; look at {', '.join(run.url for run in found[:3])}",
            )
        return found[0] if found else None

    def sought(self, name: str) -> Run | None:
        """As `find`; where a dispatch may be on its way, until it must have appeared."""
        found = self.find(name)
        if found or not (since := self._claimed(name)):
            return found
        pace = self._client.pace
        return pace.until(max(0.0, pace.settle - since), lambda: self.find(name))  # type: ignore[no-any-return]

    def ensure(self, name: str, commit: str, inputs: dict[str, str]) -> Run:
        """The run of this correlation: found, or dispatched. Raises HttpError; SeveralRuns."""
        pace = self._client.pace
        end = pace.clock() + pace.settle
        while True:
            if found := self.sought(name):
                return found
            self._claim(name, commit)
            try:
                return self._dispatched(name, inputs)
            except Limited as error:
                self._unclaim(name)
                if error.seconds > pace.limit:
                    raise
                pace.sleep(error.seconds)
            except UnknownWorkflow:  # a file that was merged just now is known a little later
                if pace.clock() >= end:
                    raise
                pace.sleep(pace.poll)

    def _dispatched(self, name: str, inputs: dict[str, str]) -> Run:
        number, lost = 0, None
        try:
            # With 200 GitHub tells the number of the run, with 204 it does not.
            told = re.search(r'"workflow_run_id"\s*:\s*(\d+)', self._sent({"ref": self._branch, "inputs": inputs}).text)
            number = int(told[1]) if told else 0
        except HttpError as error:
            if error.status is not None and error.status < 500:
                if not isinstance(error, Limited):
                    self._unclaim(name)
                if error.status == 404 or (error.status == 422 and "workflow_dispatch" in str(error)):
                    raise UnknownWorkflow(
                        f"{error.what}; GitHub knows no workflow {self.file} to dispatch on {self._branch}",
                        where=f"{self._place.owner}/{self._place.name}",
                        hint="is Actions turned on, and may the token see it? Where another branch is the default one, GitHub may "
                        "want the workflow there too; then resume",
                        status=error.status,
                    ) from None
                raise
            lost = error
        pace = self._client.pace
        found: Run | None = pace.until(pace.settle, lambda: self._numbered(number, name) if number else self.find(name))
        if found is None:
            raise lost or HttpError(
                f"{self.file} was dispatched, and no run shows the correlation {name}",
                where=f"{self._place.owner}/{self._place.name}",
                hint="does its run-name show the input `correlation`? Look at the runs in Actions, then resume",
            )
        return found

    def _sent(self, body: dict[str, Any]) -> Answer:
        """One dispatch. It is never tried again as such: what was sent may have been done."""
        path = f"{self._workflow}/dispatches"
        try:
            return self._client.call("POST", path, json={**body, _DETAILS: True}, repeatable=False, patient=False)
        except HttpError as error:
            if error.status != 422 or _DETAILS not in str(error):
                raise
        # An Enterprise Server that does not know this key yet: it refused, and did nothing.
        return self._client.call("POST", path, json=body, repeatable=False, patient=False)

    def _numbered(self, number: int, name: str) -> Run | None:
        answer = self._client.get(f"{self._place.path}/actions/runs/{number}", ok=(404,))
        run = _run(answer.json()) if answer.status == 200 else None
        return run if run and name in run.title.split() else None

    # A claim is a reference of ours, made before a dispatch: without one, nothing was ever sent for this order. GitHub's
    # own clock dates it, so that another process, after a crash, knows how long a run has had to appear.

    def _claimed(self, name: str) -> float:
        """Seconds since the claim was made, at least a moment; 0: there is none."""
        answer = self._client.get(f"{self._place.path}/git/ref/hug/{name}", ok=(404,))
        if answer.status == 404:
            return 0.0
        tag = self._client.get(f"{self._place.path}/git/tags/{answer.json()['object']['sha']}")
        made = datetime.fromisoformat(tag.json()["tagger"]["date"])
        return max(0.001, clock(tag) - made.timestamp())

    def _claim(self, name: str, commit: str) -> None:
        body = {"tag": f"hug-{name}", "message": "about to be dispatched", "object": commit, "type": "commit"}
        tag = self._client.call("POST", f"{self._place.path}/git/tags", json=body, repeatable=True).json()["sha"]
        refs = f"{self._place.path}/git/refs"
        made = self._client.call("POST", refs, json={"ref": f"refs/hug/{name}", "sha": tag}, repeatable=True, ok=(422,))
        if made.status == 422:  # of an earlier attempt, of which no run appeared
            self._client.call("PATCH", f"{refs}/hug/{name}", json={"sha": tag, "force": True}, repeatable=True)

    def _unclaim(self, name: str) -> None:
        self._client.call("DELETE", f"{self._place.path}/git/refs/hug/{name}", ok=(404, 422))

    def follow(self, name: str, run: Run, tell: Callable[[str], None]) -> Run:
        """Look at a run until it ends, telling each change of a job and a step. Raises HttpError if that takes too long."""
        told: dict[str, str] = {}

        def look() -> Run | None:
            seen = self.get(run.id)
            lines = {"run": f"{seen.status} {seen.conclusion}".strip()}
            if seen.status == "waiting":
                lines["run"] += self._waited_for(run)
            for job in self.jobs(run):
                lines[job.name] = f"{job.status} {job.conclusion}".strip()
                for step in job.steps:
                    lines[f"{job.name}: {step.name}"] = f"{step.status} {step.conclusion}".strip()
            for what, how in lines.items():
                if told.get(what) != how:
                    tell(f"{what}: {how}")
            told.update(lines)
            return seen if seen.ended else None

        pace = self._client.pace
        ended: Run | None = pace.until(pace.follow, look)
        if ended is None:
            raise HttpError(
                f"the run is not at its end after {pace.follow / 3600:.1f} h",
                where=run.url,
                hint="resume follows it on",
            )
        self._unclaim(name)
        return ended

    def get(self, number: int) -> Run:
        """One run."""
        return _run(self._client.get(f"{self._place.path}/actions/runs/{number}").json())

    def jobs(self, run: Run) -> tuple[Job, ...]:
        """The jobs of a run's latest attempt, with their steps."""
        path = f"{self._place.path}/actions/runs/{run.id}/jobs"
        return tuple(_job(row) for row in self._client.pages(path, "jobs", params={"filter": "latest"}))

    def cancel(self, run: Run) -> None:
        """Ask GitHub to stop a run; one that has ended (409) is left as it is."""
        self._client.call("POST", f"{self._place.path}/actions/runs/{run.id}/cancel", repeatable=True, ok=(409,))

    def log(self, job: Job) -> str:
        """What a job printed; empty where GitHub keeps it no longer (410) or has none (404)."""
        answer = self._client.get(f"{self._place.path}/actions/jobs/{job.id}/logs", ok=(404, 410))
        return self._client.clean(answer.text) if answer.status == 200 else ""

    def reviews(self, run: Run) -> tuple[str, ...]:
        """What reviewers said to GitHub about its environments. Evidence: never a decision of ours."""
        rows = self._client.get(f"{self._place.path}/actions/runs/{run.id}/approvals").json()
        return tuple(
            f"{row['state']} by {row['user']['login']} for "
            + ", ".join(str(item["name"]) for item in row["environments"])
            + (f": {_line(row['comment'])}" if row["comment"] else "")
            for row in rows
        )

    def deployment(self, run: Run, environment: str) -> str:
        """The state of the latest deployment that GitHub recorded for the run's commit in an environment."""
        wanted: dict[str, str | int] = {"sha": run.commit, "environment": environment, "per_page": 1}
        rows = self._client.get(f"{self._place.path}/deployments", params=wanted).json()
        if not rows:
            return ""
        path = f"{self._place.path}/deployments/{rows[0]['id']}/statuses"
        statuses = self._client.get(path, params={"per_page": 1}).json()
        return str(statuses[0]["state"]) if statuses else "created"

    def _waited_for(self, run: Run) -> str:
        rows = self._client.get(f"{self._place.path}/actions/runs/{run.id}/pending_deployments").json()
        parts = []
        for row in rows:
            who = [str(item["reviewer"].get("login") or item["reviewer"].get("slug")) for item in row["reviewers"]]
            name = row["environment"]["name"]
            parts.append(f"the reviewers of {name} ({', '.join(who)})" if who else f"the protection rules of {name}")
        return f" for {', '.join(parts)}" if parts else ""


def _run(row: dict[str, Any]) -> Run:
    return Run(
        id=row["id"],
        title=_line(row.get("display_title") or row.get("name")),
        status=_line(row["status"]),
        conclusion=_line(row["conclusion"]),
        commit=_line(row["head_sha"]),
        url=_line(row["html_url"]),
    )


def _job(row: dict[str, Any]) -> Job:
    steps = tuple(
        Step(name=_line(item["name"]), status=item["status"], conclusion=item["conclusion"] or "")
        for item in row.get("steps") or ()
    )
    return Job(
        id=row["id"], name=_line(row["name"]), status=row["status"], conclusion=row["conclusion"] or "", steps=steps
    )


def _line(text: str | None) -> str:
    return one_line(text or "")[:500]
