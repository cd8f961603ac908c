"""Nomad's HTTP API over the cluster in miniature, each request and answer held against Nomad's own descriptions.

Methods, paths, parameters and requests: tests/nomad/description.py. Jobs and answers: Nomad's Go structures, as the package nomadpy
has them. A field that they do not have, or another type, is a violation, and fails the test.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from nomadpy.allocations import AllocationListStub
from nomadpy.deployments import Deployment, DeploymentUpdateResponse
from nomadpy.evaluations import Evaluation
from nomadpy.jobs import Job, JobDispatchResponse, JobPlanResponse, JobRegisterResponse
from nomadpy.services import ServiceRegistration

from hug_agents.validate.located import Malformed
from hug_agents.validate.nomad_hcl import Reading, Wrong, differences, read_values
from tests.listening import Listening
from tests.nomad.cluster import Cluster, Refused, bare, plain
from tests.nomad.description import judged

TOKEN = "0f0e0d0c-secret-token"


class Server(Listening):
    """An address to talk to. `trouble` makes the next calls go wrong."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self.cluster = cluster
        self.calls: list[tuple[str, str, frozenset[str]]] = []
        """Method, path, fields of the body."""
        self.trouble: Callable[[str, str], tuple[int, bool] | None] = lambda method, path: None
        """`(status, done before it)` for a call that is to fail."""

    def close(self) -> None:
        super().close()
        assert not self.violations, self.violations

    def handle(self, method: str, target: str, sent: bytes, headers: Any) -> tuple[int, bytes]:
        status, said = self._judged(method, target, json.loads(sent or b"null"), headers.get("X-Nomad-Token") or "")
        return status, (json.dumps(said) if status < 400 else str(said)).encode()

    def _judged(self, method: str, target: str, body: Any, token: str) -> tuple[int, Any]:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        self.calls.append((method, unquote(parts.path), frozenset(body or ())))
        if token != TOKEN:
            return 403, "Permission denied"
        trouble = self.trouble(method, unquote(parts.path))
        if trouble and not trouble[1]:
            return trouble[0], "an error that was asked for"
        words = [unquote(word) for word in parts.path.split("/")[2:]]
        sent = copy.deepcopy(body)
        try:
            status, said = 200, self._route(method, words, query, body)
        except Refused as error:
            status, said = error.status, str(error)
        except (Wrong, Malformed) as error:
            status, said = 400, f"Failed to parse job: {error.line}: {error}"
        self.violations += judged(method, parts.path, query, sent, status, said)
        return (trouble[0], "an error that was asked for") if trouble and status < 400 else (status, said)

    def _route(self, method: str, words: list[str], query: dict[str, str], body: Any) -> Any:
        cluster, namespace = self.cluster, query.get("namespace", "default")
        read = method == "GET"
        match words:
            case ["jobs", "parse"] if not read:
                job = Reading(body["JobHCL"], read_values(body["Variables"])).job()
                job["TaskGroups"] = [{"Count": 1, **group} for group in job["TaskGroups"]]  # Canonicalize
                return self._checked(job, Job)
            case ["jobs"] if not read:
                job = self._job(body, namespace)
                index = cluster.register(job, body["JobModifyIndex"] if body.get("EnforceIndex") else None)
                return self._registered(index)
            case ["job", name, "plan"] if not read:
                return self._plan((namespace, name), self._job(body, namespace))
            case ["job", name, "dispatch"] if not read:
                made = cluster.dispatch((namespace, name), query.get("idempotency_token", ""), body["Meta"] or {})
                value = {"DispatchedJobID": made, "EvalID": "e1", "EvalCreateIndex": 1, "JobCreateIndex": 1}
                return self._checked(value, JobDispatchResponse)
            case ["job", name, "revert"] if not read:
                return self._registered(
                    cluster.revert((namespace, name), body["JobVersion"], body["EnforcePriorVersion"])
                )
            case ["job", name, "versions"] if read:
                cluster.job((namespace, name))
                return {"Versions": [self._checked(item, Job) for item in cluster.jobs[namespace, name]], "Diffs": None}
            case ["job", name, "deployment"] if read:
                cluster.job((namespace, name))
                found = cluster.latest((namespace, name))
                return self._checked(found, Deployment) if found else None
            case ["job", name, "evaluations"] if read:
                status = "pending" if (namespace, name) in cluster.pending else "complete"
                return [
                    self._checked({"ID": "e1", "JobID": name, "Namespace": namespace, "Status": status}, Evaluation)
                ]
            case ["job", name, "allocations"] if read:
                cluster.job((namespace, name))
                return [
                    self._checked(self._stub(item), AllocationListStub)
                    for item in cluster.allocs.get((namespace, name), [])
                ]
            case ["job", name] if read:
                return self._checked(cluster.job((namespace, name)), Job)
            case ["job", name] if method == "DELETE":
                cluster.stop((namespace, name))
                return {"EvalID": "e1", "EvalCreateIndex": 1, "JobModifyIndex": cluster.index}
            case ["service", name] if read:
                return [self._checked(item, ServiceRegistration) for item in cluster.registrations(namespace, name)]
            case ["deployment", "promote" | "pause" | "fail" as action, name] if not read:
                return self._deployment(action, name, body)
        raise Refused(405 if words[:1] in (["job"], ["jobs"], ["deployment"]) else 404, "Invalid method")

    def _deployment(self, action: str, name: str, body: dict[str, Any]) -> Any:
        found = self.cluster.deployments.get(name)
        if found is None or body["DeploymentID"] != name:
            raise Refused(404, "deployment not found")
        reverted = None
        if action == "promote":
            self.cluster.promote(found)
        elif action == "pause":
            self.cluster.pause(found, body["Pause"])
        else:
            reverted = self.cluster.fail(found)
        value = {"EvalID": "e1", "EvalCreateIndex": 1, "DeploymentModifyIndex": 1, "RevertedJobVersion": reverted}
        return self._checked(value, DeploymentUpdateResponse)

    def _plan(self, key: tuple[str, str], job: dict[str, Any]) -> Any:
        known = self.cluster.jobs.get(key)
        now = known[0] if known and not known[0]["Stop"] else None
        kind = self.cluster.difference(key, job)
        fields = []
        if kind == "Edited" and now:
            before, after = plain(now), plain(job)
            names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
            fields = [{"Type": "Edited", "Name": name, "Old": "", "New": "", "Annotations": None} for name in names]
        image = job["TaskGroups"][0]["Tasks"][0]["Config"]["image"]
        value = {
            "JobModifyIndex": now["JobModifyIndex"] if now else 0,
            "Diff": {"Type": kind, "ID": job["ID"], "Fields": fields, "Objects": None, "TaskGroups": None},
            "Annotations": {"DesiredTGUpdates": {}, "PreemptedAllocs": None}, "CreatedEvals": None,
            "FailedTGAllocs": {job["ID"]: {}} if "too-large" in image else None, "Warnings": "",
            "NextPeriodicLaunch": "0001-01-01T00:00:00Z",
        }  # fmt: skip
        return self._checked(value, JobPlanResponse)

    def _job(self, body: dict[str, Any], namespace: str) -> dict[str, Any]:
        job = body["Job"]
        if said := list(differences(job, Job)):
            self.violations += said
        if (job.get("Namespace") or "default") != namespace:
            raise Refused(400, "the namespace of the query and of the job differ")
        return bare(job)

    def _registered(self, index: int) -> Any:
        value = {"EvalID": "e1", "EvalCreateIndex": 1, "JobModifyIndex": index, "Warnings": ""}
        return self._checked(value, JobRegisterResponse)

    def _stub(self, alloc: dict[str, Any]) -> dict[str, Any]:
        names = ("ID", "DesiredStatus", "ClientStatus", "CreateIndex")
        return {**{name: alloc[name] for name in names}, "JobVersion": alloc["Version"]}

    def _checked(self, value: dict[str, Any], model: type) -> dict[str, Any]:
        self.violations += [f"answer: {said}" for said in differences(value, model)]
        return value
