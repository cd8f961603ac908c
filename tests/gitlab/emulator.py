"""GitLab's REST API as far as we use it, on loopback: stateful, over a real git repository.

Every call and every answer is judged by GitLab's own API description (description.py): what it does not allow is a violation, and
there must be none at the end of every test. What a pipeline takes and
what it is called is read from the `.gitlab-ci.yml` of its commit. Its jobs are not run here (test_gitlab_run.py runs them):
each ends as the test says.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from tests.github.repository import Refused, Repository
from tests.gitlab.description import judged

TOKEN = "glpat-" + "emulated" * 3
PROJECT = "acme/platform/ledger"
ID = 7


@dataclass
class Fault:
    """How the next calls of an operation go wrong."""

    operation: str
    status: int = 0
    """0: the connection is dropped without an answer."""
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    """The call has its effect, and the answer gets lost."""
    message: Any = "as the test wants it"


@dataclass
class Job:
    id: int
    name: str
    status: str = "created"
    log: str = ""
    failure_reason: str | None = None


@dataclass
class Pipeline:
    id: int
    name: str
    sha: str
    inputs: dict[str, Any]
    jobs: list[Job]
    status: str = "created"

    def named(self, name: str) -> Job | None:
        return next((job for job in self.jobs if job.name == name), None)


@dataclass
class Request:
    iid: int
    source: str
    target: str
    title: str
    description: str
    state: str = "opened"
    squash_message: str = ""


class Denied(Exception):
    def __init__(self, status: int, message: Any) -> None:
        self.status = status
        self.message = message


def operation(method: str, path: str) -> Callable[[Any], Any]:
    """Names the route of a method."""

    def mark(function: Any) -> Any:
        pattern = re.sub(r":(\w+)", r"(?P<\1>[^/]+)", path)
        function.route = (method, re.compile(pattern))
        return function

    return mark


class Emulator:
    """One project on one server. Use as a context manager."""

    def __init__(self, folder: Path, files: dict[str, str] | None = None) -> None:
        self.repository = Repository(folder / "repository.git", files or {"README.md": "the application\n"})
        self.violations: list[str] = []
        self.requests: list[str] = []
        self.faults: list[Fault] = []
        self.pipelines: list[Pipeline] = []
        self.merge_requests: list[Request] = []
        self.outcomes: dict[str, str] = {}
        """How a job ends, by its name; `success` where nothing is said. `running`: it goes on until it is cancelled."""
        self.logs: dict[str, str] = {}
        self.blocked = ""
        """Why the branch takes no merge at the moment; empty: it does."""
        self.unapproved = 0
        """So many more attempts to start a manual job are refused: approvals are missing."""
        self.page = 100
        self._lock = threading.RLock()
        self._routes = [item for item in vars(type(self)).values() if hasattr(item, "route")]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/v4"

    def __enter__(self) -> Emulator:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, name: str) -> int:
        return self.requests.count(name)

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any, token: str
    ) -> tuple[int, Any, dict[str, str]]:
        """One request: its status, body and headers."""
        if not path.startswith("/api/v4"):
            return 404, {"error": "404 Not Found"}, {}
        found = [
            (item, match)
            for item in self._routes
            if item.route[0] == method and (match := item.route[1].fullmatch(path.removeprefix("/api/v4")))
        ]
        if not found:
            self.violations.append(f"{method} {path} is no operation that we use")
            return 404, {"error": "404 Not Found"}, {}
        handle, match = found[0]
        self.requests.append(handle.__name__)
        fault = next(
            (item for item in self.faults if item.operation in (handle.__name__, "*") and item.times > 0), None
        )
        if fault:
            fault.times -= 1
            if not fault.after:
                return self._failed(fault)
        try:
            with self._lock:
                answered = self._handled(handle, match, query, body or {}, token)
        except Denied as error:
            answered = (error.status, {"message": error.message}, {})
        except Refused as error:
            answered = (400, {"message": str(error)[:200]}, {})
        self.violations += judged(method, path, query, body, *answered[:2])
        return self._failed(fault) if fault else answered

    def _failed(self, fault: Fault) -> tuple[int, Any, dict[str, str]]:
        if not fault.status:
            raise ConnectionAbortedError
        return fault.status, {"message": fault.message}, fault.headers

    def _handled(
        self, handle: Any, match: re.Match[str], query: dict[str, str], body: dict[str, Any], token: str
    ) -> tuple[int, Any, dict[str, str]]:
        if token != TOKEN:
            raise Denied(401, "401 Unauthorized")
        values = {key: unquote(value) for key, value in match.groupdict().items()}
        if values.pop("id") != PROJECT:
            raise Denied(404, "404 Project Not Found")
        content = handle(self, query=query, body=body, **values)
        status = content[0] if isinstance(content, tuple) else 200
        content = content[1] if isinstance(content, tuple) else content
        headers: dict[str, str] = {}
        if "page" in query:
            size, page = min(self.page, int(query["per_page"])), int(query["page"])
            headers["x-next-page"] = str(page + 1) if page * size < len(content) else ""
            content = content[(page - 1) * size : page * size]
        return status, content, headers

    # project, branches and files

    @operation("GET", "/projects/:id")
    def project(self, **_: Any) -> Any:
        return {"id": ID, "path_with_namespace": PROJECT, "default_branch": "main"}

    @operation("GET", "/projects/:id/repository/branches/:branch")
    def branch(self, branch: str, **_: Any) -> Any:
        sha = self.repository.ref(f"heads/{branch}")
        if not sha:
            raise Denied(404, "404 Branch Not Found")
        return {"name": branch, "commit": {"id": sha, "message": self.repository.shown(sha)[1]}}

    @operation("POST", "/projects/:id/repository/branches")
    def create_branch(self, body: Any, **_: Any) -> Any:
        if self.repository.ref(f"heads/{body['branch']}"):
            raise Denied(400, "Branch already exists")
        self.repository.set_ref(f"refs/heads/{body['branch']}", body["ref"])
        return 201, self.branch(body["branch"])

    @operation("DELETE", "/projects/:id/repository/branches/:branch")
    def delete_branch(self, branch: str, **_: Any) -> Any:
        if not self.repository.ref(f"heads/{branch}"):
            raise Denied(404, "404 Branch Not Found")
        self.repository.git("update-ref", "-d", f"refs/heads/{branch}")
        return 204, None

    @operation("GET", "/projects/:id/repository/tree")
    def tree(self, query: Any, **_: Any) -> Any:
        rows = self.repository.listed(query["ref"] + "^{tree}")
        return [
            {
                "id": row["sha"],
                "name": row["path"].rpartition("/")[2],
                **{key: row[key] for key in ("path", "type", "mode")},
            }
            for row in rows
        ]

    @operation("GET", "/projects/:id/repository/blobs/:sha/raw")
    def blob(self, sha: str, **_: Any) -> Any:
        return self.repository.git("cat-file", "blob", sha) + "\n"

    @operation("POST", "/projects/:id/repository/commits")
    def create_commit(self, body: Any, **_: Any) -> Any:
        if self.repository.ref(f"heads/{body['branch']}"):
            raise Denied(400, f"A branch called '{body['branch']}' already exists. Switch to that branch")
        base = body["start_sha"]
        there = {row["path"]: row for row in self.repository.listed(base + "^{tree}")}
        entries: dict[str, dict[str, Any]] = {}
        for item in body["actions"]:
            path, what = item["file_path"], item["action"]
            if (what == "create") is (path in there):
                raise Denied(
                    400, "A file with this name already exists" if what == "create" else "A file doesn't exist"
                )
            if what == "chmod":
                row = entries.get(path) or {"path": path, "sha": there[path]["sha"]}
                entries[path] = row | {"mode": "100755" if item["execute_filemode"] else "100644"}
            elif what == "delete":
                entries[path] = {"path": path, "mode": "100644", "sha": None}
            else:
                entries[path] = {
                    "path": path,
                    "mode": there.get(path, {}).get("mode", "100644"),
                    "content": item["content"],
                }
                there.setdefault(path, {"path": path, "mode": "100644", "sha": ""})
        sha = self.repository.commit(body["commit_message"], self.repository.tree(base, list(entries.values())), [base])
        self.repository.set_ref(f"refs/heads/{body['branch']}", sha)
        return 201, {"id": sha, "message": body["commit_message"]}

    # merge requests

    def _row(self, item: Request) -> dict[str, Any]:
        status = self.blocked or ("conflict" if self._conflicts(item) else "mergeable")
        return {
            "iid": item.iid,
            "state": item.state,
            "source_branch": item.source,
            "target_branch": item.target,
            "web_url": f"https://gitlab.example/-/merge_requests/{item.iid}",
            "has_conflicts": item.state == "opened" and self._conflicts(item),
            "detailed_merge_status": status,
        }

    def _conflicts(self, item: Request) -> bool:
        try:
            self.repository.squash(*(self.repository.ref(f"heads/{name}") for name in (item.target, item.source)), "")
        except Refused:
            return item.state == "opened"
        return False

    @operation("GET", "/projects/:id/merge_requests")
    def list_merge_requests(self, query: Any, **_: Any) -> Any:
        rows = [item for item in self.merge_requests if item.source == query["source_branch"]]
        return [self._row(item) for item in reversed(rows)]

    @operation("POST", "/projects/:id/merge_requests")
    def create_merge_request(self, body: Any, **_: Any) -> Any:
        if any(item.source == body["source_branch"] and item.state == "opened" for item in self.merge_requests):
            raise Denied(409, ["Another open merge request already exists for this source branch: !1"])
        item = Request(
            len(self.merge_requests) + 1,
            body["source_branch"],
            body["target_branch"],
            body["title"],
            body["description"],
        )
        self.merge_requests.append(item)
        return 201, self._row(item)

    @operation("GET", "/projects/:id/merge_requests/:iid")
    def merge_request(self, iid: str, **_: Any) -> Any:
        return self._row(self.merge_requests[int(iid) - 1])

    @operation("PUT", "/projects/:id/merge_requests/:iid")
    def update_merge_request(self, iid: str, body: Any, **_: Any) -> Any:
        item = self.merge_requests[int(iid) - 1]
        item.state = {"close": "closed", "reopen": "opened"}[body["state_event"]]
        return self._row(item)

    @operation("PUT", "/projects/:id/merge_requests/:iid/merge")
    def merge(self, iid: str, body: Any, **_: Any) -> Any:
        item = self.merge_requests[int(iid) - 1]
        if item.state != "opened" or self.blocked:
            raise Denied(405, "405 Method Not Allowed")
        if body["sha"] != self.repository.ref(f"heads/{item.source}"):
            raise Denied(409, "SHA does not match HEAD of source branch")
        base = self.repository.ref(f"heads/{item.target}")
        self.repository.set_ref(
            f"refs/heads/{item.target}", self.repository.squash(base, body["sha"], body["squash_commit_message"])
        )
        item.state, item.squash_message = "merged", body["squash_commit_message"]
        return self._row(item)

    # pipelines and jobs

    @operation("POST", "/projects/:id/pipeline")
    def create_pipeline(self, body: Any, **_: Any) -> Any:
        sha = self.repository.ref(f"heads/{body['ref']}")
        try:
            header, root = yaml.safe_load_all(self.repository.read(sha, ".gitlab-ci.yml"))
        except Refused:
            raise Denied(400, {"base": ["Missing CI config file"]}) from None
        inputs = _checked(header["spec"]["inputs"], body.get("inputs", {}))
        rule = root["workflow"]["rules"][-1]["variables"]["PIPELINE"]
        name = re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: str(inputs[found[1]]), rule).strip()
        place = inputs["environment"]
        names = {
            "deploy": ["build-ledger"] * (not inputs["images_of"]) + ["images", f"deploy-{place}", f"undo-{place}"],
            "rollback": [f"rollback-{place}"],
        }[inputs["action"]]
        first = 100 * (len(self.pipelines) + 1)
        jobs = [Job(first + number, name) for number, name in enumerate(names)]
        pipeline = Pipeline(len(self.pipelines) + 1, name, sha, inputs, jobs)
        self.pipelines.append(pipeline)
        return 201, _made(pipeline)

    @operation("GET", "/projects/:id/pipelines")
    def list_pipelines(self, **_: Any) -> Any:
        return [_shown(item) for item in reversed(self.pipelines)]

    @operation("GET", "/projects/:id/pipelines/:number")
    def pipeline(self, number: str, **_: Any) -> Any:
        item = self.pipelines[int(number) - 1]
        self._advance(item)
        return _shown(item)

    @operation("GET", "/projects/:id/pipelines/:number/jobs")
    def pipeline_jobs(self, number: str, **_: Any) -> Any:
        rows = reversed(self.pipelines[int(number) - 1].jobs)
        return [
            {"id": job.id, "name": job.name, "status": job.status}
            | ({"failure_reason": job.failure_reason} if job.failure_reason else {})
            for job in rows
        ]

    @operation("POST", "/projects/:id/pipelines/:number/cancel")
    def cancel_pipeline(self, number: str, **_: Any) -> Any:
        item = self.pipelines[int(number) - 1]
        if item.status in ("success", "failed", "canceled"):
            return _made(item)
        for job in item.jobs:
            if job.status in ("created", "running", "manual"):
                job.log = self.logs.get(f"{job.name} canceled", "") if job.status == "running" else ""
                job.status = "canceled"
        item.status = "canceled"
        return _made(item)

    @operation("POST", "/projects/:id/pipelines/:number/retry")
    def retry_pipeline(self, number: str, **_: Any) -> Any:
        item = self.pipelines[int(number) - 1]
        for job in item.jobs:
            if job.status in ("failed", "canceled", "skipped"):
                job.status, job.failure_reason = "created", None
        item.status = "running"
        return 201, _made(item)

    @operation("POST", "/projects/:id/jobs/:number/play")
    def play(self, number: str, **_: Any) -> Any:
        job = next(job for item in self.pipelines for job in item.jobs if job.id == int(number))
        if job.status != "manual":
            raise Denied(400, "400 Bad request - Unplayable Job")
        if self.unapproved:
            self.unapproved -= 1
            raise Denied(403, "403 Forbidden - the deployment is waiting for approvals")
        job.status = "running"
        return {"id": job.id, "name": job.name, "status": "pending"}

    @operation("GET", "/projects/:id/jobs/:number/trace")
    def trace(self, number: str, **_: Any) -> Any:
        return next(job.log for item in self.pipelines for job in item.jobs if job.id == int(number))

    def _advance(self, item: Pipeline) -> None:
        """One job further, as GitLab would see it the next time somebody looks."""
        if item.status in ("success", "failed", "canceled"):
            return
        for job in item.jobs:
            if job.status == "created":
                failed = any(other.status == "failed" for other in item.jobs)
                if job.name.startswith("undo-") is not failed:
                    job.status = "skipped"
                    continue
                job.status = "manual" if job.name == "deploy-production" else "running"
            elif job.status == "running":
                outcome = self.outcomes.get(job.name, "success")
                if outcome != "running":
                    job.status, job.log = outcome, self.logs.get(job.name, f"{job.name} says so\n")
                    job.failure_reason = "script_failure" if outcome == "failed" else None
            if job.status in ("running", "manual"):
                item.status = job.status
                return
        item.status = "failed" if any(job.status == "failed" for job in item.jobs) else "success"


def _checked(spec: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a pipeline as GitLab takes them: known, of the options, matching."""
    if unknown := given.keys() - spec.keys():
        raise Denied(400, {"base": [f"Given inputs not defined in the `spec` section: {', '.join(sorted(unknown))}"]})
    for name, value in given.items():
        row = spec[name]
        if "options" in row and value not in row["options"]:
            raise Denied(400, {"base": [f"`{name}` input: `{value}` cannot be used because it is not in the list"]})
        if "regex" in row and not re.search(row["regex"], value):
            raise Denied(400, {"base": [f"`{name}` input: provided value does not match required RegEx pattern"]})
    return {"images_of": ""} | {name: row.get("default") for name, row in spec.items()} | given


def _made(item: Pipeline) -> dict[str, Any]:
    """What making, cancelling and trying again answer: a pipeline without its name."""
    return {
        "id": item.id,
        "iid": item.id,
        "project_id": ID,
        "ref": "main",
        "status": item.status,
        "sha": item.sha,
        "web_url": f"https://gitlab.example/{PROJECT}/-/pipelines/{item.id}",
        "source": "api",
    }


def _shown(item: Pipeline) -> dict[str, Any]:
    return _made(item) | {"name": item.name}


def _handler(emulator: Emulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(length) if length else b""
            try:
                status, body, headers = emulator.answer(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query)),
                    json.loads(raw) if raw else None,
                    self.headers.get("private-token", ""),
                )
            except ConnectionAbortedError:
                self.close_connection = True
                return
            data = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            if status != 204:
                self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_DELETE = _serve

    return Handler
