"""Jenkins by its HTTP API: builds by their parameters, from the queue to the log.

Written from https://www.jenkins.io/doc/book/using/remote-access-api/ and the pages `…/api` of a controller.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from hug_agents.adapters.forge import Pace, one_line
from hug_agents.adapters.pipelines.records import Kind, Record
from hug_agents.adapters.pipelines.runner import Part, Run, SeveralRuns, Undone
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError
from hug_agents.http import Http

FILES = {"deploy": "Jenkinsfile", "rollback": "jenkins/rollback.Jenkinsfile"}
NEEDED = ("ENVIRONMENT", "CORRELATION", "PACKET", "COMMIT")
_RESULTS = {"SUCCESS": "success", "ABORTED": "cancelled"}
_SEARCHED = 500
_BUILD = "number,url,building,result,artifacts[fileName],actions[parameters[name,value],lastBuiltRevision[SHA1]]"
_QUEUED = "id,url,why,cancelled,task[url],executable[number,url],actions[parameters[name,value]]"


class JenkinsRunner:
    """The jobs `deploy` and `rollback` of one folder."""

    def __init__(self, folder: str, user: str, token: str, *, pace: Pace | None = None) -> None:
        pace = pace or Pace()
        parts = urlsplit(folder)
        self._path = parts.path.rstrip("/")
        self._http = Http(
            f"{parts.scheme}://{parts.netloc}",
            headers={"Authorization": _basic(user, token)},
            secrets=(token, _basic(user, token).partition(" ")[2]),
            timeout=pace.timeout,
            attempts=pace.attempts,
        )
        # A folder is below the controller's own path by /job/NAME, so the controller is what stands before the first.
        self._controller = self._path.partition("/job/")[0]
        self._crumb: dict[str, str] | None = None

    def lacks(self, bundle: Bundle) -> tuple[str, ...]:
        """The pipelines, or a parameter of one."""
        missing = [path for path in FILES.values() if path not in bundle]
        for path in set(FILES.values()) - set(missing):
            text = bundle[path].content
            missing += [f"the parameter {name} of {path}" for name in NEEDED if f"name: '{name}'" not in text]
        return tuple(sorted(missing))

    def takes_images(self, bundle: Bundle) -> bool:
        """The deployment has the parameter IMAGES_OF."""
        return "name: 'IMAGES_OF'" in bundle[FILES["deploy"]].content

    def find(self, kind: Kind, name: str, record: Record | None) -> Run | None:
        """By the parameter CORRELATION, among what waits and what was built."""
        found = {run.id: run for run in (*self._waiting(kind, name), *self._built(kind, name))}
        if len(found) > 1:
            raise SeveralRuns(
                f"{len(found)} builds of {kind} show the correlation {name}",
                where=f"{self._http.base_url}{self._job(kind)}",
                hint=f"somebody started one again; look at {', '.join(run.url for run in list(found.values())[:3])}",
            )
        return next(iter(found.values()), None)

    def start(self, kind: Kind, name: str, environment: str, packet: str, commit: str, images: dict[str, str]) -> Run:
        """One POST; Jenkins answers with the place in the queue."""
        values = {"ENVIRONMENT": environment, "CORRELATION": name, "PACKET": packet, "COMMIT": commit, **images}
        answer = self._post(f"{self._job(kind)}/buildWithParameters", values)
        item = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
        if not item.isdigit():
            raise HttpError("Jenkins did not say where the build waits", where=self._job(kind))
        return Run(
            id=f"queue/{item}", url=f"{self._http.base_url}{self._controller}/queue/item/{item}/", state="queued"
        )

    def get(self, kind: Kind, run: Run) -> Run:
        """A build, or what waits to become one."""
        if not run.id.startswith("queue/"):
            return self._run(self._json(f"{self._job(kind)}/{run.id}/api/json", _BUILD))
        answer = self._http.get(f"{self._controller}/{_item(run.id)}/api/json", params={"tree": _QUEUED}, ok=(404,))
        if answer.status == 404:  # Jenkins forgets it five minutes after it left the queue
            raise HttpError(
                "the queue no longer knows the build", where=run.url, hint="resume finds it by its correlation"
            )
        row = answer.json()
        if row.get("executable"):
            return self._run(self._json(f"{self._job(kind)}/{row['executable']['number']}/api/json", _BUILD))
        if row.get("cancelled"):
            return run.model_copy(update={"state": "ended", "result": "cancelled"})
        return run.model_copy(update={"state": "queued", "said": _line(row.get("why"))})

    def parts(self, run: Run) -> tuple[Part, ...]:
        """Its stages, where the plugin Pipeline: REST API is installed."""
        if run.id.startswith("queue/"):
            return ()
        answer = self._http.get(f"{_path(run.url)}wfapi/describe", ok=(404,))
        rows = answer.json().get("stages", ()) if answer.status == 200 else ()
        return tuple(
            Part(
                name=_line(row["name"]),
                state=_line(row["status"]).lower().replace("_", " "),
                failed=row["status"] in ("FAILED", "ABORTED", "UNSTABLE"),
            )
            for row in rows
        )

    def cancel(self, run: Run) -> None:
        """Stop a build, or take it out of the queue; one that has ended is left as it is."""
        if run.id.startswith("queue/"):
            self._post(f"{self._controller}/queue/cancelItem", {"id": run.id.rpartition("/")[2]}, ok=(404, 500))
        else:
            self._post(f"{_path(run.url)}stop", {}, ok=(404,))

    def log(self, run: Run) -> str:
        """The console, piece after piece."""
        if run.id.startswith("queue/"):
            return ""
        pieces, start = [], "0"
        while True:
            answer = self._http.get(f"{_path(run.url)}logText/progressiveText", params={"start": start}, ok=(404,))
            if answer.status == 404:
                break
            pieces.append(answer.text)
            size = answer.headers.get("x-text-size", start)
            if answer.headers.get("x-more-data") != "true" or size == start:
                break
            start = size
        return self._http.clean("".join(pieces))

    def images(self, run: Run) -> dict[str, str]:
        """The number of the build, if it kept a list of images."""
        kept = self._json(f"{_path(run.url)}api/json", _BUILD).get("artifacts") or ()
        return {"IMAGES_OF": run.id} if any(item["fileName"] == "images.json" for item in kept) else {}

    def undone(self, run: Run, environment: str) -> Undone:
        """By what the pipeline kept: a mark before it changes anything, another after its own rollback."""
        if run.id.startswith("queue/"):
            return "untouched"
        rows = self._json(f"{_path(run.url)}api/json", _BUILD).get("artifacts") or ()
        kept = {str(item["fileName"]) for item in rows}
        if f"began-{environment}.txt" not in kept:
            return "untouched"
        return "undone" if f"undone-{environment}.txt" in kept else "failed"

    def _waiting(self, kind: Kind, name: str) -> list[Run]:
        rows = self._json(f"{self._controller}/queue/api/json", f"items[{_QUEUED}]").get("items") or ()
        job = f"{self._http.base_url}{self._job(kind)}/"
        return [
            Run(
                id=f"queue/{row['id']}",
                url=f"{self._http.base_url}{self._controller}/queue/item/{row['id']}/",
                state="queued",
            )
            for row in rows
            if _path(str((row.get("task") or {}).get("url", ""))) == _path(job)
            and _parameter(row, "CORRELATION") == name
        ]

    def _built(self, kind: Kind, name: str) -> list[Run]:
        answer = self._http.get(
            f"{self._job(kind)}/api/json", params={"tree": f"allBuilds[{_BUILD}]{{0,{_SEARCHED}}}"}, ok=(404,)
        )
        rows = answer.json().get("allBuilds") or () if answer.status == 200 else ()
        return [self._run(row) for row in rows if _parameter(row, "CORRELATION") == name]

    def _run(self, row: dict[str, Any]) -> Run:
        commits = [action["lastBuiltRevision"]["SHA1"] for action in _actions(row) if action.get("lastBuiltRevision")]
        result = _RESULTS.get(row.get("result") or "", "failed") if not row["building"] else ""
        return Run.model_validate(
            {
                "id": str(row["number"]),
                "url": _line(row["url"]),
                "state": "running" if row["building"] else "ended",
                "result": result,
                "commit": _line(commits[0]) if commits else "",
            }
        )

    def _job(self, kind: Kind) -> str:
        return f"{self._path}/job/{kind}"

    def _json(self, path: str, tree: str) -> dict[str, Any]:
        found: dict[str, Any] = self._http.get(path, params={"tree": tree}).json()
        return found

    def _post(self, path: str, values: dict[str, str], ok: tuple[int, ...] = ()) -> Any:
        headers = {"Content-Type": "application/x-www-form-urlencoded", **self._protection()}
        return self._http.request("POST", path, content=urlencode(values).encode(), headers=headers, ok=ok)

    def _protection(self) -> dict[str, str]:
        """The crumb that a controller may want with a POST. With an API token most do not; asked for once."""
        if self._crumb is None:
            answer = self._http.get(f"{self._controller}/crumbIssuer/api/json", ok=(403, 404))
            row = answer.json() if answer.status == 200 else {}
            self._crumb = {row["crumbRequestField"]: row["crumb"]} if row else {}
        return self._crumb


def _actions(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [action for action in row.get("actions") or () if isinstance(action, dict)]


def _parameter(row: dict[str, Any], name: str) -> str:
    for action in _actions(row):
        for item in action.get("parameters") or ():
            if item.get("name") == name:
                return str(item.get("value", ""))
    return ""


def _item(identity: str) -> str:
    return f"queue/item/{quote(identity.rpartition('/')[2], safe='')}"


def _path(url: str) -> str:
    """Where an address leads on its server: a controller may know itself by another name than we do."""
    return urlsplit(url).path


def _basic(user: str, token: str) -> str:
    from base64 import b64encode

    return f"Basic {b64encode(f'{user}:{token}'.encode()).decode()}"


def _line(text: str | None) -> str:
    return one_line(text or "")[:500]
