"""An emulated Jenkins: crumb, queue, builds, stages, console, stop; each call and answer held against what Jenkins' own
sources export (tests/ci/jenkins_description.py).

A build runs the Jenkinsfile that is at the head of the branch, as our own reader understands it: its stages by their
`when`, the lines of each `sh` step by bash, `post { unsuccessful }`, `stash`, `archiveArtifacts` and `input`. What a plugin
does (docker agents, locks, credentials) is taken for granted.
"""

from __future__ import annotations

import base64
import re
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from hug_agents.validate.groovy import Statement, statements
from tests.ci.jenkins_description import cut, judged, parsed
from tests.ci.world import Server, World, as_json

USER, TOKEN = "kim", "jenkins-token-1"
FOLDER = "/ci/job/ledger"
FILES = {"deploy": "Jenkinsfile", "rollback": "jenkins/rollback.Jenkinsfile"}


@dataclass
class Build:
    job: str
    number: int
    parameters: dict[str, str]
    item: int
    commit: str = ""
    result: str | None = None
    log: list[str] = field(default_factory=list)
    stages: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    stopped: bool = False
    go_on: threading.Event = field(default_factory=threading.Event)
    queued: bool = True
    cancelled: bool = False
    """Taken out of the queue."""


class Jenkins(Server):
    """One controller below /ci, with one folder of jobs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.builds: list[Build] = []
        self.busy = False
        """Everything waits in the queue."""
        self.crumbs = True
        self.violations: list[str] = []
        super().__init__()

    def approve(self) -> None:
        for build in self.builds:
            build.go_on.set()

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: str
    ) -> tuple[int, dict[str, str], str]:
        wanted = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if headers.get("Authorization") != f"Basic {wanted}":
            return 401, {}, "Unauthorized"
        if method == "POST" and self.crumbs and headers.get("Jenkins-Crumb") != "c1":
            return 403, {}, "No valid crumb was included in the request"
        form = {key: items[-1] for key, items in parse_qs(body, keep_blank_values=True).items()}
        if method == "POST" and headers.get("Content-Type") != "application/x-www-form-urlencoded":
            self.violations.append(f"{method} {path}: {headers.get('Content-Type')}")
        status, more, said = self._answer(method, path, query, form)
        if isinstance(said, dict) and "tree" in query:
            said = cut(said, parsed(query["tree"]))
        sent = form if method == "POST" else None
        self.violations += judged(method, path, query, sent, status, said)
        return status, more, "" if said is None else said if isinstance(said, str) else as_json(said)

    def _answer(
        self, method: str, path: str, query: dict[str, str], form: dict[str, str]
    ) -> tuple[int, dict[str, str], Any]:
        if path == "/ci/crumbIssuer/api/json":
            kind = "hudson.security.csrf.DefaultCrumbIssuer"
            row = {"_class": kind, "crumb": "c1", "crumbRequestField": "Jenkins-Crumb"}
            return (200, {}, row) if self.crumbs else (404, {}, "Not Found")
        if path == "/ci/queue/api/json":
            rows = [self._item(build) for build in self.builds if build.queued]
            return 200, {}, {"_class": "hudson.model.Queue", "discoverableItems": [], "items": rows}
        if found := re.fullmatch(r"/ci/queue/item/(\d+)/api/json", path):
            build = next((item for item in self.builds if item.item == int(found[1])), None)
            return (200, {}, self._item(build)) if build else (404, {}, "Not Found")
        if path == "/ci/queue/cancelItem" and method == "POST":
            build = next((item for item in self.builds if str(item.item) == form["id"] and item.queued), None)
            if build is None:
                return 404, {}, f"Provided id ({form['id']}) not found"
            build.cancelled, build.queued = True, False
            return 204, {}, None
        if found := re.fullmatch(re.escape(FOLDER) + r"/job/(deploy|rollback)/(.*)", path):
            return self._job(method, found[1], found[2], query, form)
        return 404, {}, "Not Found"

    def _job(
        self, method: str, job: str, rest: str, query: dict[str, str], form: dict[str, str]
    ) -> tuple[int, dict[str, str], Any]:
        mine = [build for build in self.builds if build.job == job and not build.cancelled]
        if rest == "api/json":
            rows = [self._row(build) for build in reversed(mine) if not build.queued]
            kind = "org.jenkinsci.plugins.workflow.job.WorkflowJob"
            return 200, {}, {"_class": kind, "name": job, "allBuilds": rows}
        if rest == "buildWithParameters" and method == "POST":
            build = Build(job, len(mine) + 1, form, 100 + len(self.builds))
            self.builds.append(build)
            self.begin(lambda: self._run(build))
            return 201, {"location": f"{self.url}/ci/queue/item/{build.item}/"}, None
        number, _, what = rest.partition("/")
        build = next((item for item in mine if str(item.number) == number and not item.queued), None)
        if build is None:
            return 404, {}, "Not Found"
        if what == "api/json":
            return 200, {}, self._row(build)
        if what == "wfapi/describe":
            return 200, {}, self._stages(build)
        if what == "logText/progressiveText":
            text = "".join(f"{line}\n" for line in build.log)
            start = int(query["start"])
            end = min(start + 400, len(text.encode()))
            piece = text.encode()[start:end].decode("utf-8", "replace")
            more = {"x-more-data": "true"} if end < len(text.encode()) or build.result is None else {}
            return 200, {"x-text-size": str(end), **more}, piece
        if what == "stop" and method == "POST":
            build.stopped = True
            build.go_on.set()
            for name in ("rollout", "rollback"):
                self.world.flag(f"wait-{name}", on=False)
            return 302, {"location": "."}, None
        return 404, {}, "Not Found"

    def _stages(self, build: Build) -> dict[str, Any]:
        whole = {None: "IN_PROGRESS", "SUCCESS": "SUCCESS", "ABORTED": "ABORTED"}.get(build.result, "FAILED")
        rows = [
            {"id": str(number), "name": name, "status": status, "startTimeMillis": 1, "durationMillis": 1}
            for number, (name, status) in enumerate(build.stages.items(), 6)
        ]
        return {"id": str(build.number), "name": f"#{build.number}", "status": whole, "stages": rows}

    def _parameters(self, build: Build) -> dict[str, Any]:
        rows = [
            {"_class": "hudson.model.StringParameterValue", "name": key, "value": value}
            for key, value in build.parameters.items()
        ]
        return {"_class": "hudson.model.ParametersAction", "parameters": rows}

    def _item(self, build: Build) -> dict[str, Any]:
        url = f"{self.url}{FOLDER}/job/{build.job}/"
        kind = "hudson.model.Queue$" + ("BuildableItem" if build.queued else "LeftItem")
        row = {
            "_class": kind,
            "actions": [{}, self._parameters(build)],
            "blocked": False,
            "buildable": build.queued,
            "id": build.item,
            "inQueueSince": 1,
            "stuck": False,
            "task": {"_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob", "name": build.job, "url": url},
            "url": f"queue/item/{build.item}/",
            "why": "Waiting for next available executor" if build.queued else None,
        }
        if build.queued:
            return row | {"pending": False}
        kind = "org.jenkinsci.plugins.workflow.job.WorkflowRun"
        made = {"_class": kind, "number": build.number, "url": f"{url}{build.number}/"}
        return row | {"cancelled": build.cancelled, "executable": None if build.cancelled else made}

    def _row(self, build: Build) -> dict[str, Any]:
        actions: list[dict[str, Any]] = [{}, self._parameters(build)]
        if build.commit:
            branch = {"SHA1": build.commit, "name": "refs/remotes/origin/main"}
            revision = {"SHA1": build.commit, "branch": [branch]}
            actions.append({"_class": "hudson.plugins.git.util.BuildData", "lastBuiltRevision": revision})
        return {
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
            "number": build.number,
            # a controller knows itself by another name than the one it is reached by
            "url": f"https://ci.internal{FOLDER}/job/{build.job}/{build.number}/",
            "building": build.result is None,
            "queueId": build.item,
            "result": build.result,
            "artifacts": [{"displayPath": name, "fileName": name, "relativePath": name} for name in build.artifacts],
            "actions": actions,
        }

    # --- what a build does ---

    def _run(self, build: Build) -> None:
        while self.busy and not build.cancelled:
            threading.Event().wait(0.02)
        if build.cancelled:
            return
        build.queued = False
        build.commit = self.world.repository.ref("heads/main")
        folder = self.world.checkout(build.commit, f"{build.job}-{build.number}")
        top = statements(self.world.repository.read(build.commit, FILES[build.job]))
        pipeline = next(item for item in top if item.name == "pipeline")
        env = {**build.parameters, "REVISION": build.commit, "BUILD_NUMBER": str(build.number)}
        env |= {"WORKSPACE_TMP": str(folder / ".tmp"), "GIVEN_KUBECONFIG": "/dev/null", "PROMETHEUS_TOKEN": "none"}
        (folder / ".tmp").mkdir()
        run = _Stages(self, build, folder, env)
        stages = next(item for item in pipeline.block if item.name == "stages")
        good = run.all(stages)
        build.result = "ABORTED" if build.stopped else "SUCCESS" if good else "FAILURE"


class _Stages:
    def __init__(self, jenkins: Jenkins, build: Build, folder: Any, env: dict[str, str]) -> None:
        self._jenkins, self._build, self._folder, self._env = jenkins, build, folder, env

    def all(self, section: Statement) -> bool:
        good = True
        for stage in section.block:
            if good or section.name == "parallel":
                good = self._stage(stage) and good
        return good

    def _stage(self, stage: Statement) -> bool:
        parts = {item.name: item for item in stage.block}
        title = stage.first()
        name = title.text if title else ""
        if "when" in parts and not all(self._holds(item) for item in parts["when"].block if item.name == "expression"):
            return True
        for inner in ("stages", "parallel"):
            if inner in parts:
                return self.all(parts[inner])
        if name.startswith(("Test ", "Files", "Build ")):  # what needs a docker daemon
            service = name.removeprefix("Build ")
            (self._folder / "built").mkdir(exist_ok=True)
            image = f"registry.example.com/{service}@sha256:" + f"{self._build.number:064x}"
            (self._folder / f"built/{service}.json").write_text(as_json({service: image}))
            return True
        self._build.stages[name] = "IN_PROGRESS"
        if "input" in parts:
            self._build.stages[name] = "PAUSED_PENDING_INPUT"
            self._build.go_on.wait(30)
        good = not self._build.stopped and all(self._step(item) for item in parts["steps"].block)
        for condition in parts["post"].block if "post" in parts else ():
            if condition.name == "cleanup" or (
                condition.name == "unsuccessful" and not (good and not self._build.stopped)
            ):
                for item in condition.block:
                    if not self._step(item, post=True):
                        break
        good = good and not self._build.stopped
        self._build.stages[name] = "SUCCESS" if good else "ABORTED" if self._build.stopped else "FAILED"
        return good

    def _holds(self, expression: Statement) -> bool:
        """The few forms that are rendered."""
        tokens = [token.text for item in expression.block for token in item.tokens]
        text = " ".join(tokens)
        if "params . ENVIRONMENT" in text:
            return self._env["ENVIRONMENT"] in tokens[3:]
        if text == "! params . IMAGES_OF":
            return not self._env.get("IMAGES_OF")
        return True

    def _step(self, item: Statement, *, post: bool = False) -> bool:
        if self._build.stopped and not post:
            return False
        first = item.first()
        named = item.named("artifacts") or item.named("includes")
        if item.name == "sh":
            label, script = item.named("label"), item.named("script") or first
            assert script is not None
            if label is not None and label.text.startswith(("Take the commit", "Sign out", "Which commit", "Was it")):
                return True
            lines = script.text.partition("\n")[2] if script.text.startswith("#!") else script.text
            return self._jenkins.world.bash(lines, self._folder, self._env, self._build.log) == 0
        if item.name == "archiveArtifacts" and named is not None:
            self._build.artifacts[named.text] = (self._folder / named.text).read_text()
            return True
        if item.name == "copyArtifacts":
            number = self._env["IMAGES_OF"]
            other = next(
                build for build in self._jenkins.builds if build.job == "deploy" and str(build.number) == number
            )
            (self._folder / "images.json").write_text(other.artifacts["images.json"])
            return True
        if item.name in ("script", "timeout", "withCredentials"):
            return all(self._step(inner, post=post) for inner in item.block)
        if item.name == "if" and len(item.blocks) == 2:  # images of another build, or one's own
            chosen = item.blocks[0] if self._env.get("IMAGES_OF") else item.blocks[1]
            return all(self._step(inner, post=post) for inner in chosen)
        return True
