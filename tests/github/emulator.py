"""GitHub's REST API as far as we use it, on loopback: stateful, every request and answer judged by GitHub's description.

The repository is a real one (repository.py) and workflows really run (actions.py). What GitHub does beside that is kept
small and named here: pull requests merge as one commit, environments hold their protection, a run whose environment has
reviewers waits for them. `violations` must be empty at the end of every test.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.github.actions import Actions, Run
from tests.github.contract import Operation, Violation, contract
from tests.github.repository import Refused, Repository

TOKEN = "ghp_" + "emulated" * 4
OWNER, NAME = "acme", "ledger"
DATE = "2026-11-27T10:00:00Z"


class Denied(Exception):
    def __init__(self, status: int, message: str, **more: Any) -> None:
        self.status = status
        self.body = {"message": message, "documentation_url": "https://docs.github.example", **more}


@dataclass
class Fault:
    """How the next calls of an operation go wrong."""

    operation: str
    status: int = 0
    """0: the connection is dropped without an answer."""
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    after: bool = False
    """The call has its effect, and the answer gets lost."""
    delay: float = 0.0
    """Seconds before the answer, after the effect."""


@dataclass
class Pull:
    number: int
    branch: str
    base: str
    title: str
    body: str
    state: str = "open"
    merged: bool = False
    commit: str = ""
    """What it was last open for: GitHub opens it for no other one once it is closed."""


class Emulator:
    """One repository on one server. Use as a context manager."""

    def __init__(
        self,
        folder: Path,
        act: str = "act",
        files: dict[str, str] | None = None,
        when: str = "",
        actions: Callable[[Repository, Path], Actions] | None = None,
    ) -> None:
        self.repository = Repository(folder / "repository.git", files or {"README.md": "the application\n"}, when)
        made = actions or (lambda repository, place: Actions(repository, place, act))
        self.actions = made(self.repository, folder / "actions")
        self.violations: list[str] = []
        self.requests: list[str] = []
        self.faults: list[Fault] = []
        self.pulls: list[Pull] = []
        self.environments: dict[str, dict[str, Any]] = {}
        self.policies: dict[str, list[str]] = {}
        self.people = {"ana": 11, "ben": 12, "acme/sre": 21}
        self.protected = ""
        """Why the branch takes no merge at the moment; empty: it does."""
        self.merges = ("squash", "merge", "rebase")
        """The ways of merging that the repository allows."""
        self.refused: tuple[str, ...] = ()
        """Rules of an environment that the owner's plan does not have: GitHub refuses a body that names one."""
        self.hidden = 0
        """So many more looks at the list of runs pass before a new run shows up there."""
        self.page = 100
        self._tags: dict[str, dict[str, Any]] = {}
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Emulator:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.actions.close()

    def count(self, operation: str) -> int:
        """How often an operation was asked for."""
        return self.requests.count(operation)

    def approve(self, run: Run, login: str = "ben", comment: str = "fine") -> None:
        """A reviewer agrees in GitHub's own page."""
        run.reviews.append({"state": "approved", "login": login, "comment": comment, "environments": run.pending})
        self.actions.begin(run)

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any, token: str
    ) -> tuple[int, Any, dict[str, str]]:
        """One request: its status, body and headers."""
        operation = contract().match(method, path)
        if operation is None:
            self.violations.append(f"{method} {path} is no operation of the description")
            return 404, {"message": "Not Found"}, {}
        self.requests.append(operation.id)
        try:
            contract().check_request(operation, query, body)
        except Violation as error:
            self.violations.append(str(error))
            return 422, {"message": str(error)}, {}
        fault = next((item for item in self.faults if item.operation in (operation.id, "*") and item.times > 0), None)
        if fault:
            fault.times -= 1
        if fault and not fault.after and not fault.delay:
            if not fault.status:
                raise ConnectionAbortedError
            return self._judged(
                operation, fault.status, fault.body or {"message": "as the test wants it"}, fault.headers
            )
        status, found, headers = self._handled(operation, query, body or {}, token)
        judged = self._judged(operation, status, found, headers)
        if fault and fault.delay:
            time.sleep(fault.delay)
        if fault and fault.after:
            if not fault.status:
                raise ConnectionAbortedError
            return self._judged(
                operation, fault.status, fault.body or {"message": "as the test wants it"}, fault.headers
            )
        return judged

    def _judged(
        self, operation: Operation, status: int, body: Any, headers: dict[str, str]
    ) -> tuple[int, Any, dict[str, str]]:
        try:
            contract().check_response(operation, status, body)
        except Violation as error:
            self.violations.append(f"the emulator's own answer: {error}")
        return status, body, headers

    def _handled(
        self, operation: Operation, query: dict[str, str], body: Any, token: str
    ) -> tuple[int, Any, dict[str, str]]:
        if token not in (f"Bearer {TOKEN}", f"token {TOKEN}"):
            return 401, {"message": "Bad credentials"}, {}
        values = {key: unquote(value) for key, value in operation.path.items()}
        if (values.pop("owner", OWNER), values.pop("repo", NAME)) != (OWNER, NAME):
            return 404, {"message": "Not Found"}, {}
        handle: Callable[..., Any] = getattr(self, "_" + operation.id.replace("/", "_").replace("-", "_"))
        try:
            with self._lock:
                found = handle(query=query, body=body, **values)
        except Denied as error:
            return error.status, error.body, {}
        except Refused as error:
            return 422, {"message": str(error)[:200]}, {}
        status, content, headers = found if isinstance(found, tuple) else (200, found, {})
        if "page" in query:
            content, link = self._paged(content, query)
            headers = {**headers, **link}
        return status, content, headers

    def _paged(self, content: Any, query: dict[str, str]) -> tuple[Any, dict[str, str]]:
        key = (
            next((name for name in content if isinstance(content[name], list)), "") if isinstance(content, dict) else ""
        )
        rows = content[key] if key else content
        size, page = min(self.page, int(query.get("per_page", "30"))), int(query["page"])
        link = {"link": f'<{self.url}/?page={page + 1}>; rel="next"'} if page * size < len(rows) else {}
        part = rows[(page - 1) * size : page * size]
        return ({**content, key: part} if key else part), link

    # repositories, references and objects

    def _repos_get(self, **_: Any) -> Any:
        allowed = {
            "allow_squash_merge": "squash" in self.merges,
            "allow_merge_commit": "merge" in self.merges,
            "allow_rebase_merge": "rebase" in self.merges,
        }
        return contract().sample("repos/get", 200, name=NAME, default_branch="main", **allowed)

    def _git_get_ref(self, ref: str, **_: Any) -> Any:
        sha = self.repository.ref(ref)
        if not sha:
            raise Denied(404, "Not Found")
        return contract().sample("git/get-ref", 200, ref=f"refs/{ref}", object={"sha": sha, "type": self._kind(sha)})

    def _kind(self, sha: str) -> str:
        return self.repository.git("cat-file", "-t", sha)

    def _git_create_ref(self, body: Any, **_: Any) -> Any:
        name = body["ref"].removeprefix("refs/")
        if self.repository.ref(name):
            raise Denied(422, "Reference already exists")
        self.repository.set_ref(body["ref"], body["sha"])
        return 201, self._git_get_ref(name), {}

    def _git_update_ref(self, ref: str, body: Any, **_: Any) -> Any:
        if not self.repository.ref(ref):
            raise Denied(422, "Reference does not exist")
        self.repository.set_ref(f"refs/{ref}", body["sha"])
        return self._git_get_ref(ref)

    def _git_delete_ref(self, ref: str, **_: Any) -> Any:
        if not self.repository.ref(ref):
            raise Denied(422, "Reference does not exist")
        self.repository.git("update-ref", "-d", f"refs/{ref}")
        for pull in self.pulls:
            if ref == f"heads/{pull.branch}" and pull.state == "open":
                pull.state = "closed"
        return 204, None, {}

    def _git_get_commit(self, commit_sha: str, **_: Any) -> Any:
        return self._commit(commit_sha, "git/get-commit", 200)

    def _commit(self, sha: str, operation: str, status: int) -> Any:
        tree, message, parents = self.repository.shown(sha)
        rows = [contract().sample(operation, status, sha=item)["sha"] for item in parents]
        linked = [{"sha": item, "url": "https://github.example", "html_url": "https://github.example"} for item in rows]
        return contract().sample(operation, status, sha=sha, message=message, tree={"sha": tree}, parents=linked)

    def _git_create_commit(self, body: Any, **_: Any) -> Any:
        sha = self.repository.commit(body["message"], body["tree"], body.get("parents", []))
        return 201, self._commit(sha, "git/create-commit", 201), {}

    def _git_get_tree(self, tree_sha: str, **_: Any) -> Any:
        rows = self.repository.listed(tree_sha)
        return contract().sample("git/get-tree", 200, sha=tree_sha, truncated=False, tree=rows)

    def _git_create_tree(self, body: Any, **_: Any) -> Any:
        sha = self.repository.tree(body.get("base_tree", ""), body["tree"])
        return 201, contract().sample("git/create-tree", 201, sha=sha, tree=[]), {}

    def _git_get_blob(self, file_sha: str, **_: Any) -> Any:
        import base64

        data = self.repository.git("cat-file", "blob", file_sha) + "\n"
        content = base64.encodebytes(data.encode()).decode()
        return contract().sample("git/get-blob", 200, sha=file_sha, content=content, encoding="base64", size=len(data))

    def _git_create_tag(self, body: Any, **_: Any) -> Any:
        date = formatdate(usegmt=True)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        text = f"object {body['object']}\ntype {body['type']}\ntag {body['tag']}\ntagger kim <kim@x> {int(time.time())} +0000\n"
        sha = self.repository.git("mktag", stdin=f"{text}\n{body['message']}\n".encode())
        tag = {"sha": sha, "tag": body["tag"], "message": body["message"], "tagger": {"date": stamp, "name": "kim"}}
        self._tags[sha] = tag
        return 201, contract().sample("git/create-tag", 201, **tag), {"date": date}

    def _git_get_tag(self, tag_sha: str, **_: Any) -> Any:
        return contract().sample("git/get-tag", 200, **self._tags[tag_sha])

    # pull requests

    def _pulls_list(self, query: dict[str, str], **_: Any) -> Any:
        rows = [
            item for item in self.pulls if f"{OWNER}:{item.branch}" == query.get("head") and item.base == query["base"]
        ]
        return [
            contract().sample_of(
                "pull-request-simple",
                number=item.number,
                state=item.state,
                html_url=self._page_of(item),
                merged_at=DATE if item.merged else None,
                head={"ref": item.branch, "sha": item.commit},
                base={"ref": item.base},
            )
            for item in rows
        ]

    def _page_of(self, pull: Pull) -> str:
        return f"https://github.example/{OWNER}/{NAME}/pull/{pull.number}"

    def _pull(self, number: str) -> Pull:
        return self.pulls[int(number) - 1]

    def _pulls_create(self, body: Any, **_: Any) -> Any:
        if any(item.branch == body["head"] and item.state == "open" for item in self.pulls):
            raise Denied(422, "Validation Failed", errors=[{"resource": "PullRequest", "code": "custom"}])
        pull = Pull(len(self.pulls) + 1, body["head"], body["base"], body["title"], body.get("body", ""))
        pull.commit = self.repository.ref(f"heads/{pull.branch}")
        self.pulls.append(pull)
        return 201, self._shown(pull, "pulls/create", 201), {}

    def _shown(self, pull: Pull, operation: str, status: int) -> Any:
        return contract().sample(
            operation,
            status,
            number=pull.number,
            state=pull.state,
            title=pull.title,
            merged=pull.merged,
            mergeable_state="clean" if pull.merged or not self._conflicts(pull) else "dirty",
            html_url=self._page_of(pull),
            head={"ref": pull.branch, "sha": self.repository.ref(f"heads/{pull.branch}") or "0" * 40},
            base={"ref": pull.base},
        )

    def _conflicts(self, pull: Pull) -> bool:
        try:
            base, head = (self.repository.ref(f"heads/{name}") for name in (pull.base, pull.branch))
            self.repository.git("merge-tree", "--write-tree", base, head)
        except Refused:
            return True
        return False

    def _pulls_get(self, pull_number: str, **_: Any) -> Any:
        return self._shown(self._pull(pull_number), "pulls/get", 200)

    def _pulls_update(self, pull_number: str, body: Any, **_: Any) -> Any:
        pull = self._pull(pull_number)
        pull.state = body.get("state", pull.state)
        return self._shown(pull, "pulls/update", 200)

    def _pulls_merge(self, pull_number: str, body: Any, **_: Any) -> Any:
        pull = self._pull(pull_number)
        if self.protected or pull.merged or pull.state != "open":
            raise Denied(405, self.protected or "Pull Request is not mergeable")
        base, head = (self.repository.ref(f"heads/{name}") for name in (pull.base, pull.branch))
        if body.get("sha") not in (None, head):
            raise Denied(409, "Head branch was modified. Review and try the merge again.")
        method = body.get("merge_method", "merge")
        if method not in self.merges:
            raise Denied(405, f"{method.title()} merges are not allowed on this repository.")
        message = f"{body['commit_title']}\n\n{body['commit_message']}"
        if method == "rebase":
            message = self.repository.shown(head)[1]
        sha = self.repository.squash(base, head, message)
        self.repository.set_ref(f"refs/heads/{pull.base}", sha, base)
        pull.state, pull.merged = "closed", True
        return contract().sample("pulls/merge", 200, sha=sha, merged=True, message="Pull Request successfully merged")

    # environments and people

    def _users_get_by_username(self, username: str, **_: Any) -> Any:
        if username not in self.people:
            raise Denied(404, "Not Found")
        return contract().sample("users/get-by-username", 200, login=username, id=self.people[username])

    def _teams_get_by_name(self, org: str, team_slug: str, **_: Any) -> Any:
        if f"{org}/{team_slug}" not in self.people:
            raise Denied(404, "Not Found")
        return contract().sample("teams/get-by-name", 200, slug=team_slug, id=self.people[f"{org}/{team_slug}"])

    def _repos_get_environment(self, environment_name: str, **_: Any) -> Any:
        if environment_name not in self.environments:
            raise Denied(404, "Not Found")
        there = self.environments[environment_name]
        rules: list[dict[str, Any]] = []
        if there.get("wait_timer"):
            rules.append({"id": 1, "node_id": "x", "type": "wait_timer", "wait_timer": there["wait_timer"]})
        if there.get("reviewers"):
            names = {number: name for name, number in self.people.items()}
            rows = [self._reviewer(item, names[item["id"]]) for item in there["reviewers"]]
            rule = {"id": 2, "node_id": "x", "type": "required_reviewers", "reviewers": rows}
            rules.append({**rule, "prevent_self_review": there.get("prevent_self_review", False)})
        return contract().sample(
            "repos/get-environment",
            200,
            name=environment_name,
            protection_rules=rules,
            deployment_branch_policy=there.get("deployment_branch_policy"),
        )

    def _reviewer(self, item: dict[str, Any], name: str) -> dict[str, Any]:
        values = {"id": item["id"]} | ({"slug": name.partition("/")[2]} if item["type"] == "Team" else {"login": name})
        schema = "team" if item["type"] == "Team" else "simple-user"
        return {"type": item["type"], "reviewer": contract().sample_of(schema, **values)}

    def _repos_create_or_update_environment(self, environment_name: str, body: Any, **_: Any) -> Any:
        if names := sorted(body.keys() & set(self.refused)):
            raise Denied(422, f"Failed to create the environment protection rule. Is {', '.join(names)} in the plan?")
        self.environments[environment_name] = body
        return self._repos_get_environment(environment_name)

    def _repos_list_deployment_branch_policies(self, environment_name: str, **_: Any) -> Any:
        names = self.policies.get(environment_name, [])
        rows = [
            contract().sample_of("deployment-branch-policy", id=number, name=name) for number, name in enumerate(names)
        ]
        return {"total_count": len(rows), "branch_policies": rows}

    def _repos_create_deployment_branch_policy(self, environment_name: str, body: Any, **_: Any) -> Any:
        self.policies.setdefault(environment_name, []).append(body["name"])
        return contract().sample_of("deployment-branch-policy", name=body["name"])

    # runs

    def _actions_create_workflow_dispatch(self, workflow_id: str, body: Any, **_: Any) -> Any:
        reviewed = [name for name, item in self.environments.items() if item.get("reviewers") or item.get("wait_timer")]
        try:
            run = self.actions.dispatch(workflow_id, body["ref"], body.get("inputs", {}), reviewed)
        except ValueError as error:
            raise Denied(422, str(error)) from error
        run.visible = not self.hidden
        if body.get("return_run_details"):
            details = {"workflow_run_id": run.id, "html_url": self._run_page(run)}
            return contract().sample("actions/create-workflow-dispatch", 200, **details)
        return 204, None, {}

    def _run_page(self, run: Run) -> str:
        return f"https://github.example/{OWNER}/{NAME}/actions/runs/{run.id}"

    def _run(self, run_id: str) -> Run:
        found = next((item for item in self.actions.runs if item.id == int(run_id)), None)
        if found is None:
            raise Denied(404, "Not Found")
        return found

    def _row(self, run: Run) -> Any:
        return contract().sample_of(
            "workflow-run",
            id=run.id,
            name="Deploy",
            display_title=run.title,
            event="workflow_dispatch",
            path=f".github/workflows/{run.file}",
            head_branch=run.branch,
            head_sha=run.commit,
            status=run.status,
            conclusion=run.conclusion,
            html_url=self._run_page(run),
        )

    def _actions_list_workflow_runs(self, workflow_id: str, query: dict[str, str], **_: Any) -> Any:
        if self.hidden:
            self.hidden -= 1
        if not self.hidden:
            for item in self.actions.runs:
                item.visible = True
        rows = [
            self._row(item)
            for item in reversed(self.actions.runs)
            if item.file == workflow_id and item.branch == query.get("branch", item.branch) and item.visible
        ]
        return {"total_count": len(rows), "workflow_runs": rows}

    def _actions_get_workflow_run(self, run_id: str, **_: Any) -> Any:
        return self._row(self._run(run_id))

    def _actions_list_jobs_for_workflow_run(self, run_id: str, **_: Any) -> Any:
        rows = [
            contract().sample_of(
                "job",
                id=job.id,
                run_id=int(run_id),
                name=job.name,
                status=job.status,
                conclusion=job.conclusion,
                steps=[
                    {"name": step.name, "status": step.status, "conclusion": step.conclusion, "number": number}
                    for number, step in enumerate(job.steps, 1)
                ],
            )
            for job in list(self._run(run_id).jobs)
        ]
        return {"total_count": len(rows), "jobs": rows}

    def _actions_download_job_logs_for_workflow_run(self, job_id: str, **_: Any) -> Any:
        return 302, None, {"location": f"http://localhost:{self._server.server_address[1]}/logs/{job_id}"}

    def log(self, job_id: str) -> str:
        """What a job printed, as the storage behind GitHub gives it to whoever has the address."""
        return "\n".join(next(job.log for run in self.actions.runs for job in run.jobs if job.id == int(job_id))) + "\n"

    def _actions_cancel_workflow_run(self, run_id: str, **_: Any) -> Any:
        run = self._run(run_id)
        if run.status == "completed":
            raise Denied(409, "Cannot cancel a workflow run that is completed.")
        self.actions.cancel(run)
        return 202, {}, {}

    def _actions_get_reviews_for_run(self, run_id: str, **_: Any) -> Any:
        return [
            contract().sample_of(
                "environment-approvals",
                state=item["state"],
                comment=item["comment"],
                user={"login": item["login"]},
                environments=[{"name": name} for name in item["environments"]],
            )
            for item in self._run(run_id).reviews
        ]

    def _actions_get_pending_deployments_for_run(self, run_id: str, **_: Any) -> Any:
        names = {number: name for name, number in self.people.items()}
        return [
            contract().sample_of(
                "pending-deployment",
                environment={"name": name},
                reviewers=[
                    self._reviewer(item, names[item["id"]]) for item in self.environments[name].get("reviewers") or ()
                ],
            )
            for name in self._run(run_id).pending
        ]

    def _repos_list_deployments(self, query: dict[str, str], **_: Any) -> Any:
        return [
            contract().sample_of("deployment", id=run.id, sha=run.commit, environment=name)
            for run in reversed(self.actions.runs)
            for name in run.environments
            if run.commit == query.get("sha", run.commit) and name == query.get("environment", name)
        ][: int(query.get("per_page", "30"))]

    def _repos_list_deployment_statuses(self, deployment_id: str, **_: Any) -> Any:
        run = self._run(deployment_id)
        state = {"success": "success", None: run.status, "cancelled": "inactive"}.get(run.conclusion, "failure")
        return [contract().sample_of("deployment-status", state=state)]


def _handler(emulator: Emulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(length) if length else b""
            token = self.headers.get("authorization", "")
            if parts.path.startswith("/logs/"):
                if token:
                    emulator.violations.append("the token was sent to another host")
                self._send(200, emulator.log(parts.path.rpartition("/")[2]).encode(), {"content-type": "text/plain"})
                return
            try:
                status, body, headers = emulator.answer(
                    self.command, parts.path, dict(parse_qsl(parts.query)), json.loads(raw) if raw else None, token
                )
            except ConnectionAbortedError:
                self.close_connection = True
                return
            data = b"" if body is None else json.dumps(body).encode()
            self._send(status, data, {"content-type": "application/json", **headers})

        def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            try:
                self.send_response(status)
                for key, value in headers.items():
                    if key != "date":
                        self.send_header(key, value)
                if status != 204:
                    self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # who asked is gone: that is what some tests are about

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve

    return Handler
