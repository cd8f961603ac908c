"""Pipelines of a branch: made at most once for an order, found for certain, followed to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hug_agents.adapters.forge import one_line
from hug_agents.adapters.gitlab_ci.client import Client, said_by
from hug_agents.adapters.gitlab_ci.files import branch_path
from hug_agents.adapters.gitlab_ci.place import Place
from hug_agents.errors import HttpError
from hug_agents.spec import Line, Model

SEARCHED = 1000
"""Pipelines that are looked through, the newest first; an older one is not found."""
CLAIMS = "hug-claim"
_ENDED = frozenset(("success", "failed", "canceled", "skipped"))


class SeveralPipelines(HttpError):
    """More than one pipeline shows one correlation: nobody can tell which is the order's."""


class Pipeline(Model):
    """One pipeline, as GitLab shows it."""

    id: int
    name: Line
    status: Line
    commit: Line
    url: Line

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self.status in _ENDED


class Job(Model):
    """One job of a pipeline."""

    id: int
    name: Line
    status: Line
    reason: Line = ""


class Pipelines:
    """The pipelines that an API call made on one branch."""

    def __init__(self, client: Client, place: Place, branch: str) -> None:
        self._client = client
        self._place = place
        self._branch = branch

    def listed(self) -> Iterator[Pipeline]:
        """The newest first."""
        wanted = {"ref": self._branch, "source": "api", "order_by": "id", "sort": "desc"}
        for number, row in enumerate(self._client.pages(f"{self._place.path}/pipelines", params=wanted)):
            if number >= SEARCHED:
                return
            yield _pipeline(row)

    def find(self, name: str) -> Pipeline | None:
        """The pipeline that shows this correlation. Raises SeveralPipelines."""
        found = [item for item in self.listed() if name in item.name.split()]
        if len(found) > 1:
            raise SeveralPipelines(
                f"{len(found)} pipelines show the correlation {name}",
                where=self._place.project,
                hint=f"somebody started one again; look at {', '.join(item.url for item in found[:3])}",
            )
        return found[0] if found else None

    def sought(self, name: str) -> Pipeline | None:
        """As `find`; where a call may still be on its way, until its pipeline must have appeared."""
        found = self.find(name)
        if found or self._client.get(self._claim_path(name), ok=(404,)).status == 404:
            return found
        pace = self._client.pace
        return pace.until(pace.settle, lambda: self.find(name))  # type: ignore[no-any-return]

    def ensure(self, name: str, commit: str, inputs: dict[str, Any]) -> Pipeline:
        """The pipeline of this correlation: found, or made. Raises HttpError; SeveralPipelines."""
        if found := self.sought(name):
            return found
        # A branch of ours, made before the call: without one, nothing was ever sent for this order.
        claim = {"branch": f"{CLAIMS}/{name}", "ref": commit}
        self._client.call("POST", f"{self._place.path}/repository/branches", json=claim, ok=(400,))
        body = {"ref": self._branch, "inputs": inputs}
        try:
            # Never tried again as such: what was sent may have been done.
            made = self._client.call("POST", f"{self._place.path}/pipeline", json=body).json()
        except HttpError as error:
            if error.status is not None and error.status < 500:
                self._unclaim(name)
                raise
            seen: Pipeline | None = self._client.pace.until(self._client.pace.settle, lambda: self.find(name))
            if seen is None:
                raise
            return seen
        return self.get(_pipeline(made).id)  # the answer to the call has no name

    def follow(self, name: str, pipeline: Pipeline, tell: Callable[[str], None], play: str = "") -> Pipeline:
        """Look at a pipeline until it ends, telling each change of a job. `play`: the job that is started by hand.

        Raises HttpError if that takes too long.
        """
        told: dict[str, str] = {}

        def look() -> Pipeline | None:
            seen = self.get(pipeline.id)
            lines = {"pipeline": seen.status}
            for job in self.jobs(seen):
                lines[job.name] = f"{job.status} {job.reason}".strip()
                if job.name == play and job.status == "manual":
                    lines[job.name] += self._play(job)
            for what, how in lines.items():
                if told.get(what) != how:
                    tell(f"{what}: {how}")
            told.update(lines)
            return seen if seen.ended else None

        pace = self._client.pace
        ended: Pipeline | None = pace.until(pace.follow, look)
        if ended is None:
            raise HttpError(
                f"the pipeline is not at its end after {pace.follow / 3600:.1f} h",
                where=pipeline.url,
                hint="resume follows it on",
            )
        self._unclaim(name)
        return ended

    def _play(self, job: Job) -> str:
        """Start a job that waits for it; what it waits for, where GitLab does not let it start yet."""
        answer = self._client.call("POST", f"{self._place.path}/jobs/{job.id}/play", ok=(400, 403))
        return "" if answer.status < 400 else f", not started yet: {said_by(answer)}"

    def get(self, number: int) -> Pipeline:
        """One pipeline."""
        return _pipeline(self._client.get(f"{self._place.path}/pipelines/{number}").json())

    def jobs(self, pipeline: Pipeline) -> tuple[Job, ...]:
        """The jobs of a pipeline in the order in which they were made, each as it was last tried."""
        rows = self._client.pages(f"{self._place.path}/pipelines/{pipeline.id}/jobs")
        return tuple(sorted((_job(row) for row in rows), key=lambda job: job.id))

    def cancel(self, pipeline: Pipeline) -> None:
        """Ask GitLab to stop a pipeline; one that has ended is left as it is."""
        self._client.call("POST", f"{self._place.path}/pipelines/{pipeline.id}/cancel", ok=(400,))

    def retry(self, pipeline: Pipeline) -> None:
        """Ask GitLab to run the jobs that failed or were cancelled again."""
        self._client.call("POST", f"{self._place.path}/pipelines/{pipeline.id}/retry")

    def log(self, job: Job) -> str:
        """What a job printed; empty where there is nothing, or no longer."""
        answer = self._client.get(f"{self._place.path}/jobs/{job.id}/trace", ok=(404,))
        return self._client.clean(answer.text) if answer.status == 200 else ""

    def _claim_path(self, name: str) -> str:
        return branch_path(self._place, f"{CLAIMS}/{name}")

    def _unclaim(self, name: str) -> None:
        self._client.call("DELETE", self._claim_path(name), ok=(404,))


def _pipeline(row: dict[str, Any]) -> Pipeline:
    return Pipeline(
        id=row["id"],
        name=_line(row.get("name")),
        status=_line(row["status"]),
        commit=_line(row["sha"]),
        url=_line(row["web_url"]),
    )


def _job(row: dict[str, Any]) -> Job:
    return Job(id=row["id"], name=_line(row["name"]), status=row["status"], reason=_line(row.get("failure_reason")))


def _line(text: str | None) -> str:
    return one_line(text or "")[:500]
