"""An emulated CircleCI: its API v2, judged by its own description, and what of v1.1 shows a job's steps.

A pipeline runs the configuration that is at the head of the branch: workflows by their `when`, expressions put in, the jobs in
the order of their requirements, the lines of each `run` step by bash, `when: on_fail`, workspaces, caches, artifacts, holds.
What installs or builds something is taken for granted.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.ci.description import judged
from tests.ci.world import Server, World, as_json

TOKEN = "circleci-token-1"
PROJECT = "gh/acme/ledger"
_EXPRESSION = re.compile(r"(?<!\\)<<\s*(\S+?)\s*>>")
_NOT_HERE = (
    "Install the tools",
    "Connect to the cluster",
    "Install what checks the files",
    "Check ",
    "Build the",
    "Validate",
)


def _id() -> str:
    return str(uuid.uuid4())


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class Job:
    name: str
    number: int
    id: str = field(default_factory=_id)
    status: str = "blocked"
    approval: bool = False
    started: str = field(default_factory=_now)
    steps: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, list[str]] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)


@dataclass
class Pipeline:
    number: int
    branch: str
    commit: str
    parameters: dict[str, Any]
    id: str = field(default_factory=_id)
    workflow: str = field(default_factory=_id)
    name: str = ""
    status: str = ""
    created: str = field(default_factory=_now)
    jobs: list[Job] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    trigger: str = "api"
    cancelled: bool = False
    go_on: threading.Event = field(default_factory=threading.Event)


class CircleCI(Server):
    """One project."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pipelines: list[Pipeline] = []
        self.caches: dict[str, str] = {}
        self.violations: list[str] = []
        self.page = 20
        self.slow = False
        """Workflows are not there yet."""
        super().__init__()

    def approve(self) -> None:
        for pipeline in self.pipelines:
            pipeline.go_on.set()

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: str
    ) -> tuple[int, dict[str, str], str]:
        if path.startswith("/output/"):
            if "Circle-Token" in headers:
                self.violations.append("the token was sent to the store of outputs")
            job = next(job for item in self.pipelines for job in item.jobs if path.rpartition("/")[2] in job.outputs)
            rows = [{"message": f"{line}\r\n", "type": "out"} for line in job.outputs[path.rpartition("/")[2]]]
            return 200, {}, as_json(rows)
        if headers.get("Circle-Token") != TOKEN:
            return 401, {}, as_json({"message": "You must log in first."})
        if path.startswith("/artifact/"):
            job = next(job for item in self.pipelines for job in item.jobs if job.id == path.split("/")[2])
            return 200, {}, job.artifacts[path.rpartition("/")[2]]
        if path.startswith("/api/v1.1/"):
            number = int(path.rpartition("/")[2])
            job = next((job for item in self.pipelines for job in item.jobs if job.number == number), None)
            return (
                (200, {}, as_json({"steps": job.steps})) if job else (404, {}, as_json({"message": "Build not found"}))
            )
        sent = json.loads(body) if body else None
        status, said = self._api(method, path, query, sent)
        self.violations += judged(method, path, query, sent, status, said)
        return status, {}, as_json(said)

    def _api(self, method: str, path: str, query: dict[str, str], sent: Any) -> tuple[int, Any]:
        parts = path.removeprefix("/api/v2/").split("/")
        match method, parts:
            case "POST", ["project", *_, "pipeline"]:
                return self._trigger(sent)
            case "GET", ["project", *_, "pipeline"]:
                found = [item for item in reversed(self.pipelines) if item.branch == query.get("branch", item.branch)]
                start = int(query.get("page-token") or 0)
                following = str(start + self.page) if len(found) > start + self.page else None
                rows = [self._pipeline(item) for item in found[start : start + self.page]]
                return 200, {"items": rows, "next_page_token": following}
            case "GET", ["project", *_, number, "artifacts"]:
                job = next(job for item in self.pipelines for job in item.jobs if str(job.number) == number)
                rows = [
                    {"path": name, "node_index": 0, "url": f"{self.url}/artifact/{job.id}/{name}"}
                    for name in job.artifacts
                ]
                return 200, {"items": rows, "next_page_token": None}
            case "GET", ["pipeline", name]:
                pipeline = next((item for item in self.pipelines if item.id == name), None)
                return (200, self._pipeline(pipeline)) if pipeline else (404, {"message": "Pipeline not found"})
            case "GET", ["pipeline", name, "workflow"]:
                rows = [self._workflow(item) for item in self.pipelines if item.id == name and item.status]
                return 200, {"items": rows, "next_page_token": None}
            case "GET", ["workflow", name, "job"]:
                pipeline = next(item for item in self.pipelines if item.workflow == name)
                return 200, {"items": [self._job(job) for job in pipeline.jobs], "next_page_token": None}
            case "POST", ["workflow", name, "cancel"]:
                pipeline = next(item for item in self.pipelines if item.workflow == name)
                if pipeline.status not in ("running", "on_hold"):
                    return 400, {"message": "The workflow is not cancelable."}
                pipeline.cancelled = True
                pipeline.go_on.set()
                return 202, {"message": "Accepted."}
        return 404, {"message": "Not found."}

    def _trigger(self, sent: Any) -> tuple[int, Any]:
        commit = self.world.repository.ref(f"heads/{sent['branch']}")
        config = yaml.safe_load(self.world.repository.read(commit, ".circleci/config.yml"))
        declared = config["parameters"]
        given = sent.get("parameters", {})
        if unknown := given.keys() - declared.keys():
            return 400, {"message": f"Unexpected argument(s): {', '.join(sorted(unknown))}"}
        for name, value in given.items():
            if "enum" in declared[name] and value not in declared[name]["enum"]:
                return 400, {"message": f"Invalid value for {name}"}
        values = {name: row["default"] for name, row in declared.items()} | given
        pipeline = Pipeline(len(self.pipelines) + 1, sent["branch"], commit, values)
        self.pipelines.append(pipeline)
        self.begin(lambda: self._run(pipeline, config))
        row = {"id": pipeline.id, "state": "pending", "number": pipeline.number, "created_at": pipeline.created}
        return 201, row

    def _pipeline(self, item: Pipeline) -> dict[str, Any]:
        return {
            "id": item.id,
            "errors": [{"type": "config", "message": text} for text in item.errors],
            "project_slug": PROJECT,
            "number": item.number,
            "state": "errored" if item.errors else "created",
            "created_at": item.created,
            "trigger": {
                "type": item.trigger,
                "received_at": item.created,
                "actor": {"login": "kim", "avatar_url": None},
            },
            "vcs": {
                "provider_name": "GitHub",
                "origin_repository_url": "https://github.com/acme/ledger",
                "target_repository_url": "https://github.com/acme/ledger",
                "branch": item.branch,
                "revision": item.commit,
            },
        }

    def _workflow(self, item: Pipeline) -> dict[str, Any]:
        ended = item.status not in ("running", "on_hold")
        return {
            "id": item.workflow,
            "pipeline_id": item.id,
            "name": item.name,
            "project_slug": PROJECT,
            "status": item.status,
            "started_by": item.id,
            "pipeline_number": item.number,
            "created_at": item.created,
            "stopped_at": _now() if ended else None,
        }

    def _job(self, job: Job) -> dict[str, Any]:
        row = {
            "id": job.id,
            "name": job.name,
            "started_at": job.started,
            "dependencies": [],
            "project_slug": PROJECT,
            "status": job.status,
            "type": "approval" if job.approval else "build",
        }
        return row if job.approval else row | {"job_number": job.number}

    # --- what a pipeline does ---

    def _run(self, pipeline: Pipeline, config: dict[str, Any]) -> None:
        while self.slow:
            threading.Event().wait(0.02)
        values = {f"pipeline.parameters.{key}": value for key, value in pipeline.parameters.items()}
        values |= {
            "pipeline.git.branch": pipeline.branch,
            "pipeline.id": pipeline.id,
            "pipeline.number": pipeline.number,
        }
        values |= {"pipeline.project.slug": PROJECT, "pipeline.trigger_source": "api"}
        wanted = {
            name: row for name, row in config["workflows"].items() if _holds(_filled(row.get("when", True), values))
        }
        if len(wanted) != 1:
            pipeline.errors.append(f"{len(wanted)} workflows want to run")
            return
        pipeline.name, workflow = next(iter(wanted.items()))
        rows = []
        for row in workflow["jobs"]:
            key, said = next(iter(row.items())) if isinstance(row, dict) else (row, {})
            said = _filled(said or {}, values)
            job = Job(
                said.get("name", key), 1000 * pipeline.number + len(rows), approval=said.get("type") == "approval"
            )
            rows.append((key, said, job))
        pipeline.jobs = [job for _, _, job in rows]
        pipeline.status = "running"
        space = self.world.folder / f"workspace-{pipeline.number}"
        space.mkdir()
        done: set[str] = set()
        for key, said, job in rows:  # they are written in the order of their requirements
            if pipeline.cancelled or not set(said.get("requires", ())) <= done:
                job.status = "canceled" if pipeline.cancelled else "not_run"
                continue
            if job.approval:
                job.status = pipeline.status = "on_hold"
                pipeline.go_on.wait(30)
                good = not pipeline.cancelled
                pipeline.status = "running"
            else:
                job.status = "running"
                good = _Steps(self, pipeline, job, config, values, space).run(config["jobs"][key])
            job.status = "success" if good else "canceled" if pipeline.cancelled else "failed"
            if good:
                done.add(job.name)
        good = all(job.status == "success" for job in pipeline.jobs)
        pipeline.status = "canceled" if pipeline.cancelled else "success" if good else "failed"


class _Steps:
    def __init__(
        self, ci: CircleCI, pipeline: Pipeline, job: Job, config: dict[str, Any], values: dict[str, Any], space: Path
    ) -> None:
        self._ci, self._pipeline, self._job, self._config = ci, pipeline, job, config
        self._values, self._space = values, space

    def run(self, body: dict[str, Any]) -> bool:
        name = self._job.name
        folder = self._ci.world.checkout(self._pipeline.commit, f"{self._pipeline.number}-{self._job.number}")
        if name.startswith(("test-", "files", "build-", "check-image-")):  # what needs a daemon or a network
            service = name.removeprefix("build-")
            (self._space / "built").mkdir(exist_ok=True)
            image = f"registry.example.com/{service}@sha256:" + f"{self._pipeline.number:064x}"
            if name.startswith("build-"):
                (self._space / f"built/{service}.json").write_text(as_json({service: image}))
            return True
        halt = folder / ".halt"
        env = {
            "CIRCLE_SHA1": self._pipeline.commit,
            "HALT": str(halt),
            "BASH_ENV": "/dev/null",
            **body.get("environment", {}),
        }
        good = True
        for step in self._expanded(body["steps"], {}):
            if halt.exists() or self._pipeline.cancelled:
                break  # CircleCI runs nothing after that
            kind, said = next(iter(step.items())) if isinstance(step, dict) else (step, {})
            when = said.get("when", "on_success") if kind == "run" else "on_success"
            if when == "always" or (when == "on_success" and good) or (when == "on_fail" and not good):
                good = self._step(kind, said, folder, env) and good
        return good and not self._pipeline.cancelled

    def _expanded(self, steps: list[Any], own: dict[str, Any]) -> list[Any]:
        found = []
        for step in steps:
            name, given = next(iter(step.items())) if isinstance(step, dict) else (step, {})
            if name in self._config["commands"]:
                command = self._config["commands"][name]
                rows = command.get("parameters", {})
                inner = {f"parameters.{key}": row["default"] for key, row in rows.items()}
                inner |= {f"parameters.{key}": value for key, value in (given or {}).items()}
                found += self._expanded(command["steps"], inner)
            else:
                found.append(_filled(step, {**self._values, **own}))
        return found

    def _step(self, kind: str, said: dict[str, Any], folder: Path, env: dict[str, str]) -> bool:
        match kind:
            case "run":
                return self._bash(said, folder, env)
            case "attach_workspace":
                for path in self._space.rglob("*"):
                    if path.is_file():
                        target = folder / path.relative_to(self._space)
                        target.parent.mkdir(exist_ok=True)
                        target.write_text(path.read_text())
            case "persist_to_workspace":
                for name in said["paths"]:
                    (self._space / name).write_text((folder / name).read_text())
            case "save_cache":
                self._ci.caches.setdefault(said["key"], (folder / said["paths"][0]).read_text())
            case "restore_cache":
                known = [value for key, value in self._ci.caches.items() if key.startswith(said["keys"][0])]
                if known:
                    (folder / "images.json").write_text(known[-1])
            case "store_artifacts":
                if (folder / said["path"]).exists():
                    self._job.artifacts[said["path"]] = (folder / said["path"]).read_text()
        return True

    def _bash(self, said: dict[str, Any], folder: Path, env: dict[str, str]) -> bool:
        name = said["name"]
        if name.startswith(_NOT_HERE):
            return True
        key = _id()
        lines = self._job.outputs[key] = []
        action = {"name": name, "status": "running", "has_output": True, "output_url": f"{self._ci.url}/output/{key}"}
        self._job.steps.append({"name": name, "actions": [action]})
        given = {**env, **{key: _text(value) for key, value in said.get("environment", {}).items()}}
        code = self._ci.world.bash(said["command"], folder, given, lines)
        action["status"] = "canceled" if self._pipeline.cancelled else "success" if code == 0 else "failed"
        return code == 0


def _text(value: Any) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def _filled(value: Any, values: dict[str, Any]) -> Any:
    """Expressions put in; what is only one keeps its type."""
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if not isinstance(value, str):
        return value
    if found := re.fullmatch(r"<<\s*(\S+?)\s*>>", value):
        return values.get(found[1], value)
    put = _EXPRESSION.sub(lambda match: _text(values.get(match[1], match[0])), value)
    return put.replace("\\<<", "<<")


def _holds(when: Any) -> bool:
    if isinstance(when, dict):
        kind, rows = next(iter(when.items()))
        match kind:
            case "and":
                return all(_holds(row) for row in rows)
            case "or":
                return any(_holds(row) for row in rows)
            case "not":
                return not _holds(rows)
            case _:
                return len({str(row) for row in rows}) == 1
    return bool(when)
