"""Spinnaker in miniature behind Gate's HTTP API: pipelines are saved, started and really walked through, stage by stage.

Every call and answer is held against Gate's published API description and the types of Spinnaker's own sources
(tests/spinnaker/description.py); what they do not know fails the test. Stages run at each `tick`: conditions are evaluated,
Deployments have revisions, Services have selectors, so a test sees what took traffic.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.listening import Listening
from tests.spinnaker.description import judged

TOKEN = "gate-secret-token"
MAKES_A_STAGE = ("type", "name", "refId", "requisiteStageRefIds")
"""What Orca takes out of a stage's context."""
ENDED = ("SUCCEEDED", "TERMINAL", "CANCELED")


class Spinnaker(Listening):
    """One Spinnaker, and the cluster that it changes."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: dict[str, dict[str, Any]] = {}
        self.executions: list[dict[str, Any]] = []
        self.revisions: dict[str, list[str]] = {}
        """The images that each Deployment has had, newest last."""
        self.replicas: dict[str, int] = {}
        self.routes: dict[str, str | None] = {}
        self.bad: set[str] = set()
        """Names of stages that fail."""
        self.answers: dict[str, bool] = {}
        """What people say in judgments, by the name of the stage; without an answer it waits."""
        self.log: list[str] = []
        self.calls: list[tuple[str, str]] = []
        self.trouble: Callable[[str, str], tuple[int, bool] | None] = lambda method, path: None
        """`(status, done before it)` for a call that is to fail."""
        self._count = 0

    def close(self) -> None:
        super().close()
        assert not self.violations, self.violations

    def handle(self, method: str, target: str, sent: bytes, headers: Any) -> tuple[int, bytes]:
        status, said = self._judged(method, target, json.loads(sent or b"null"), headers.get("Authorization") or "")
        return status, b"" if said is None else json.dumps(said).encode()

    def _judged(self, method: str, target: str, body: Any, authorization: str) -> tuple[int, Any]:
        parts = urlsplit(target)
        query, path = dict(parse_qsl(parts.query)), unquote(parts.path)
        self.calls.append((method, path))
        if authorization != f"Bearer {TOKEN}":
            return 403, {"message": "Access is denied"}
        trouble = self.trouble(method, path)
        if trouble and not trouble[1]:
            return trouble[0], {"message": "an error that was asked for"}
        # What is sent may be kept and changed here: it is judged as it came.
        sent = copy.deepcopy(body)
        status, said = self._route(method, [unquote(word) for word in parts.path.split("/")[1:]], query, body)
        self.violations += judged(method, parts.path, query, sent, status, said)
        return (trouble[0], {"message": "an error that was asked for"}) if trouble else (status, said)

    def _route(self, method: str, words: list[str], query: dict[str, str], body: Any) -> tuple[int, Any]:
        match method, words:
            case "GET", ["applications", name, "pipelineConfigs"]:
                return 200, [item for item in self.saved.values() if item["application"] == name]
            case "GET", ["applications", _, "pipelines"]:
                return 200, self.executions[-int(query.get("limit", "10")) :]
            case "POST", ["pipelines"]:
                known = self.saved.get(body["name"])
                if known and body.get("id") != known["id"]:
                    return 400, {"message": f"A pipeline with name {body['name']} already exists"}
                self._count += 1
                added = {"id": known["id"] if known else f"p{self._count}", "updateTs": str(self._count), "index": 0}
                schema = body.get("schema") or "1"  # Front50 never gives back a pipeline without
                stamp = {"schema": schema, "lastModified": self._count, "lastModifiedBy": "somebody"}
                self.saved[body["name"]] = {**body, **added, **stamp}
                return 200, None
            case "POST", ["pipelines", _, name]:
                return self._start(name, body)
            case "GET", ["pipelines", identity]:
                found = next((item for item in self.executions if item["id"] == identity), None)
                return (200, found) if found else (404, {"message": f"Pipeline not found (id: {identity})"})
            case "PUT", ["pipelines", identity, "cancel"]:
                found = next(item for item in self.executions if item["id"] == identity)
                if found["status"] not in ENDED:
                    found |= {"status": "CANCELED", "canceled": True, "cancellationReason": query.get("reason")}
                    for stage in found["stages"]:
                        if stage["status"] == "RUNNING":
                            stage["status"] = "CANCELED"
                return 200, None
            case "PATCH", ["pipelines", _, "stages", _]:
                self.violations.append("a judgment was answered by a program")
                return 403, {"message": "only people"}
        return 404, {"message": "not found"}

    def _start(self, name: str, trigger: dict[str, Any]) -> tuple[int, Any]:
        if name not in self.saved:
            return 404, {"message": f"{name} not found"}
        pipeline = self.saved[name]
        running = [item for item in self.executions if item["status"] == "RUNNING"]
        for item in running:  # Orca gives the execution that is under way for the same correlation
            if item["trigger"].get("correlationId") == trigger.get("correlationId"):
                return 202, {"ref": f"/pipelines/{item['id']}"}
        for expected in pipeline["expectedArtifacts"]:
            wanted = expected["matchArtifact"]
            given = [item for item in trigger["artifacts"] if wanted.items() <= item.items()]
            if len(given) != 1:
                return 422, {"message": f"Unmatched expected artifact {expected['id']} could not be resolved."}
        self._count += 1
        names = {item["name"]: item["default"] for item in pipeline["parameterConfig"]}
        trigger = {
            "user": "somebody", "notifications": [], "rebake": False, "dryRun": False, "strategy": False,
            "resolvedExpectedArtifacts": [], **trigger, "parameters": {**names, **trigger.get("parameters", {})},
        }  # fmt: skip
        self.executions.append(
            {
                "type": "PIPELINE", "id": f"01EX{self._count:04d}", "name": name, "application": pipeline["application"],
                "status": "RUNNING", "canceled": False, "buildTime": self._count, "startTime": self._count,
                "endTime": None, "trigger": trigger, "pipelineConfigId": pipeline["id"], "initialConfig": {},
                "stages": [
                    {"id": f"s{self._count}-{item['refId']}", "name": item["name"], "type": item["type"],
                     "refId": item["refId"], "requisiteStageRefIds": item["requisiteStageRefIds"], "tasks": [],
                     "status": "NOT_STARTED", "outputs": {}, "parentStageId": None,
                     "context": {key: value for key, value in item.items() if key not in MAKES_A_STAGE}}
                    for item in pipeline["stages"]
                ],
            }
        )  # fmt: skip
        return 202, {"ref": f"/pipelines/{self.executions[-1]['id']}"}

    def tick(self) -> None:
        """Time passes: every execution does its next stage."""
        for execution in self.executions:
            if execution["status"] == "RUNNING":
                self._step(execution)

    def _step(self, execution: dict[str, Any]) -> None:
        stage = next((item for item in execution["stages"] if item["status"] in ("NOT_STARTED", "RUNNING")), None)
        if stage is None:
            execution["status"] = "SUCCEEDED"
            return
        context = stage["context"]
        condition = context.get("stageEnabled", {}).get("expression")
        if condition and not evaluated(condition, execution):
            stage["status"] = "SKIPPED"
            return
        if stage["type"] == "manualJudgment" and stage["name"] not in self.answers:
            stage["status"] = "RUNNING"
            return
        if self._good(stage, execution):
            stage["status"] = "SUCCEEDED"
            self.log.append(stage["name"])
            return
        self.log.append(f"bad: {stage['name']}")
        if context["continuePipeline"]:
            stage["status"] = "FAILED_CONTINUE"
        else:
            stage["status"] = execution["status"] = "TERMINAL"

    def _good(self, stage: dict[str, Any], execution: dict[str, Any]) -> bool:
        context = stage["context"]
        bad = stage["name"] in self.bad
        match stage["type"]:
            case "manualJudgment":
                return self.answers[stage["name"]]
            case "checkPreconditions":
                return all(evaluated(item["context"]["expression"], execution) for item in context["preconditions"])
            case "deployManifest":
                self._deploy(context, execution)
            case "scaleManifest":
                self.replicas[_named(context)] = int(context["replicas"])
            case "patchManifest":
                self.routes[_named(context)] = context["patchBody"][0]["spec"]["selector"]["track"]
            case "undoRolloutManifest":
                if len(self.revisions.get(_named(context), [])) < 2:
                    return False
                self.revisions[_named(context)].append(self.revisions[_named(context)][-2])
        return not bad

    def _deploy(self, context: dict[str, Any], execution: dict[str, Any]) -> None:
        """The Deployments that the labels select. Their names follow from the labels and the images, as in our manifests."""
        labels = {item["key"]: item["values"][0] for item in context["labelSelectors"]["selectors"]}
        for artifact in execution["trigger"]["artifacts"]:
            service = artifact["name"].rpartition("/")[2]
            worker = service == "worker"
            if artifact["type"] != "docker/image" or labels["release-stage"] != ("after" if worker else "workload"):
                continue
            name = service if worker or "track" not in labels else f"{service}-{labels['track']}"
            had = self.revisions.setdefault(name, [])
            if not had or had[-1] != artifact["reference"]:
                had.append(artifact["reference"])

    def serving(self, service: str) -> set[str]:
        """The newest images of the Deployments behind a service."""
        track = self.routes.get(service, "stable")
        tracks = [track] if track else ["stable", "canary"]
        names = [service] if service in self.revisions else [f"{service}-{item}" for item in tracks]
        return {self.revisions[name][-1][-64] for name in names if name in self.revisions}


def _named(context: dict[str, Any]) -> str:
    return str(context["manifestName"].split(" ", 1)[1])


def evaluated(expression: str, execution: dict[str, Any]) -> bool:
    """The part of SpEL that our pipelines use."""
    text = expression.removeprefix("${").removesuffix("}")
    status = {item["name"]: item["status"] for item in execution["stages"]}
    text = re.sub(r"#stage\('([^']+)'\)\['status'\]\.toString\(\)", lambda found: repr(status[found[1]]), text)
    values = execution["trigger"]["parameters"]
    text = re.sub(r"parameters\['(\w+)'\]", lambda found: repr(values[found[1]]), text)
    text = re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or "))
    return bool(eval(text.strip(), {"__builtins__": {}}))
