"""A Nomad in miniature: jobs with versions, deployments with canaries, allocations, services and variables.

Written from Nomad's documentation and the structures of its API. What its scheduler does in seconds happens here in steps: each
`tick`, a pause of whoever waits, takes every deployment one step on. It backs the fake program `nomad` and the HTTP emulator.
"""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

COUNTED = (
    "Version", "CreateIndex", "ModifyIndex", "JobModifyIndex", "SubmitTime", "Status", "StatusDescription", "Stable",
)  # fmt: skip
ACTIVE = ("running", "paused", "pending")
Key = tuple[str, str]


class Refused(Exception):
    """What the server answers with a status above 400."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Cluster:
    """The state of one region."""

    def __init__(self) -> None:
        self.index = 10
        self.jobs: dict[Key, list[dict[str, Any]]] = {}
        """Versions, newest first."""
        self.allocs: dict[Key, list[dict[str, Any]]] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.variables: dict[tuple[str, str], dict[str, Any]] = {}
        self.tokens: dict[str, str] = {}
        self.pending: list[Key] = []
        """Jobs that the scheduler has not looked at since they changed."""
        self.bad = ""
        """Part of the name of an image whose allocations never get healthy."""
        self.failing = ""
        """Part of the name of an image whose batch jobs fail."""
        self.address = ("127.0.0.1", 1)
        self.log: list[tuple[str, dict[str, dict[str, int]]]] = []
        """What changed something, and the images that then stood behind each service's routes."""

    # --- Looking ---------------------------------------------------------------------------------------------------

    def job(self, key: Key) -> dict[str, Any]:
        """The newest version. Raises Refused."""
        if key not in self.jobs:
            raise Refused(404, "job not found")
        return self.jobs[key][0]

    def latest(self, key: Key) -> dict[str, Any] | None:
        """The job's newest deployment."""
        found = [item for item in self.deployments.values() if (item["Namespace"], item["JobID"]) == key]
        return max(found, key=lambda item: int(item["CreateIndex"]), default=None)

    def tick(self) -> None:
        """Time passes."""
        waiting, self.pending = self.pending, []
        for key in waiting:
            self.schedule(key)
        for item in list(self.deployments.values()):
            if item["JobID"] not in [key[1] for key in waiting]:
                self.advance(item)

    def running(self, key: Key) -> list[dict[str, Any]]:
        return [item for item in self.allocs.get(key, []) if item["DesiredStatus"] == "run"]

    def registrations(self, namespace: str, name: str) -> list[dict[str, Any]]:
        """The instances behind a service's name."""
        rows = []
        for key in self.jobs:
            for alloc in self.running(key):
                for service in alloc["Group"].get("Services") or ():
                    if key[0] == namespace and service["Name"] == name and alloc["Healthy"]:
                        tags = service["CanaryTags"] if alloc["Canary"] and not alloc["Promoted"] else service["Tags"]
                        rows.append(
                            {
                                "ID": f"_nomad-task-{alloc['ID']}-{name}",
                                "ServiceName": name,
                                "Namespace": namespace,
                                "NodeID": "n1",
                                "Datacenter": "dc1",
                                "JobID": key[1],
                                "AllocID": alloc["ID"],
                                "Tags": tags,
                                "Address": self.address[0],
                                "Port": self.address[1],
                                "CreateIndex": alloc["CreateIndex"],
                                "ModifyIndex": alloc["CreateIndex"],
                            }
                        )
        return rows

    def images(self, key: Key) -> dict[str, int]:
        """How many healthy instances of each image take traffic."""
        found: dict[str, int] = {}
        for alloc in self.running(key):
            hidden = alloc["Canary"] and not alloc["Promoted"] and any(
                "traefik.enable=false" in (item["CanaryTags"] or ()) and "traefik.enable=false" not in item["Tags"]
                for item in alloc["Group"].get("Services") or ()
            )  # fmt: skip
            if alloc["Healthy"] and not hidden:
                image = alloc["Group"]["Tasks"][0]["Config"]["image"]
                found[image] = found.get(image, 0) + 1
        return found

    def difference(self, key: Key, job: dict[str, Any]) -> str:
        """`None`, `Added` or `Edited`."""
        if key not in self.jobs or self.jobs[key][0]["Stop"]:
            return "Added"
        return "None" if plain(self.jobs[key][0]) == plain(job) else "Edited"

    # --- Changing --------------------------------------------------------------------------------------------------

    def register(self, job: dict[str, Any], check_index: int | None = None) -> int:
        """A new version, unless nothing is new. Raises Refused where the index is another one."""
        key = (job.get("Namespace") or "default", job["ID"])
        now = 0 if key not in self.jobs or self.jobs[key][0]["Stop"] else self.jobs[key][0]["JobModifyIndex"]
        if check_index is not None and check_index != now:
            state = f"exists with conflicting job modify index: {now}" if now else "does not exist"
            raise Refused(500, f"Enforcing job modify index {check_index}: job {state}")
        if self.difference(key, job) == "None":
            return int(now)
        self.index += 1
        before = self.jobs.get(key, [])
        fresh = {
            **copy.deepcopy(job), "Namespace": key[0], "Stop": False, "Stable": job.get("Type") == "batch",
            "Version": before[0]["Version"] + 1 if before else 0, "SubmitTime": self.index, "Status": "running",
            "StatusDescription": "", "CreateIndex": before[0]["CreateIndex"] if before else self.index,
            "ModifyIndex": self.index, "JobModifyIndex": self.index,
        }  # fmt: skip
        self.jobs[key] = [fresh, *before][:6]
        for item in self.deployments.values():
            if (item["Namespace"], item["JobID"]) == key and item["Status"] in ACTIVE:
                item.update(Status="cancelled", StatusDescription="Cancelled due to newer version of job")
                self.stop_canaries(key, item)
        if job.get("Type", "service") == "service":
            self.pending.append(key)  # the scheduler comes to it later
        self.note(f"register {key[1]}", key)
        return self.index

    def schedule(self, key: Key) -> None:
        """What the newest version needs: nothing, allocations at once (a first one), canaries, or batches."""
        job = self.jobs[key][0]
        group = job["TaskGroups"][0]
        shape = digest(group)
        old = [item for item in self.running(key) if item["Shape"] != shape]
        same = [item for item in self.running(key) if item["Shape"] == shape]
        update = group.get("Update") or {}
        canaries = min(update.get("Canary") or 0, group["Count"]) if old else 0
        if not old:
            for extra in same[group["Count"] :]:
                extra.update(DesiredStatus="stop", ClientStatus="complete")
            if len(same) >= group["Count"]:
                job["Stable"] = True
                return
        self.index += 1
        name = f"d{self.index:04d}"
        self.deployments[name] = {
            "ID": name, "Namespace": key[0], "JobID": key[1], "JobVersion": job["Version"],
            "JobModifyIndex": job["JobModifyIndex"], "JobSpecModifyIndex": job["JobModifyIndex"],
            "JobCreateIndex": job["CreateIndex"], "IsMultiregion": False, "Status": "running",
            "StatusDescription": "Deployment is running", "CreateIndex": self.index, "ModifyIndex": self.index,
            "TaskGroups": {
                group["Name"]: {
                    "PlacedCanaries": [], "AutoRevert": bool(update.get("AutoRevert")), "Promoted": False,
                    "ProgressDeadline": 600, "RequireProgressBy": "2026-11-28T12:00:00Z", "DesiredCanaries": canaries,
                    "DesiredTotal": group["Count"], "PlacedAllocs": 0, "HealthyAllocs": 0, "UnhealthyAllocs": 0,
                }
            },
        }  # fmt: skip
        for _ in range(canaries or (0 if old else group["Count"] - len(same))):
            self.place(key, self.deployments[name], canary=bool(canaries))

    def place(self, key: Key, deployment: dict[str, Any], *, canary: bool) -> None:
        group = self.jobs[key][0]["TaskGroups"][0]
        self.index += 1
        alloc = {
            "ID": f"a{self.index:04d}", "Group": group, "Shape": digest(group), "Version": self.jobs[key][0]["Version"],
            "Canary": canary, "Promoted": False, "Healthy": False, "DesiredStatus": "run", "ClientStatus": "running",
            "Deployment": deployment["ID"], "CreateIndex": self.index,
        }  # fmt: skip
        self.allocs.setdefault(key, []).append(alloc)
        state = deployment["TaskGroups"][group["Name"]]
        state["PlacedAllocs"] += 1
        if canary:
            state["PlacedCanaries"].append(alloc["ID"])

    def advance(self, deployment: dict[str, Any]) -> None:
        """One step: what was placed gets healthy or not, then the next batch is placed, or all is done."""
        key = (deployment["Namespace"], deployment["JobID"])
        if deployment["Status"] not in ("running", "paused"):
            return
        job = self.jobs[key][0]
        group = job["TaskGroups"][0]
        state = deployment["TaskGroups"][group["Name"]]
        own = [item for item in self.running(key) if item["Deployment"] == deployment["ID"]]
        if self.bad and self.bad in group["Tasks"][0]["Config"]["image"]:
            state["UnhealthyAllocs"] = len(own)
            for alloc in own:
                alloc["ClientStatus"] = "failed"
            self.fail(deployment, "Failed due to unhealthy allocations")
            return
        for alloc in own:
            alloc["Healthy"] = True
        state["HealthyAllocs"] = len(own)
        update = group.get("Update") or {}
        if deployment["Status"] == "paused":
            return
        if state["DesiredCanaries"] and not state["Promoted"]:
            if update.get("AutoPromote"):
                self.promote(deployment)
            else:
                deployment["StatusDescription"] = "Deployment is running but requires manual promotion"
            return
        old = [item for item in self.running(key) if item["Shape"] != digest(group)]
        batch = old[: update.get("MaxParallel") or 1]
        for alloc in batch:
            alloc.update(DesiredStatus="stop", ClientStatus="complete")
            self.place(key, deployment, canary=False)
        if batch:
            self.note(f"replace {key[1]}", key)
            return
        while len(self.running(key)) < group["Count"]:
            self.place(key, deployment, canary=False)
            return
        deployment.update(Status="successful", StatusDescription="Deployment completed successfully")
        job["Stable"] = True
        self.note(f"done {key[1]}", key)

    def promote(self, deployment: dict[str, Any]) -> None:
        key = (deployment["Namespace"], deployment["JobID"])
        group = self.jobs[key][0]["TaskGroups"][0]
        state = deployment["TaskGroups"][group["Name"]]
        if deployment["Status"] not in ACTIVE:
            raise Refused(400, "can't promote terminal deployment")
        if state["HealthyAllocs"] < state["DesiredCanaries"]:
            raise Refused(500, "Task group has unhealthy canaries and so can not be promoted")
        state["Promoted"] = True
        for alloc in self.running(key):
            alloc["Promoted"] = alloc["Promoted"] or alloc["Canary"]
        old = [item for item in self.running(key) if item["Shape"] != digest(group)]
        for alloc in old[: max(0, len(self.running(key)) - group["Count"])]:
            alloc.update(DesiredStatus="stop", ClientStatus="complete")
        self.note(f"promote {key[1]}", key)

    def pause(self, deployment: dict[str, Any], paused: bool) -> None:
        if deployment["Status"] not in ACTIVE:
            raise Refused(400, "can't pause terminal deployment")
        deployment["Status"] = "paused" if paused else "running"
        self.note(
            f"{'pause' if paused else 'resume'} {deployment['JobID']}", (deployment["Namespace"], deployment["JobID"])
        )

    def fail(self, deployment: dict[str, Any], why: str = "Deployment marked as failed") -> int | None:
        """Failed; with auto_revert the newest stable version is registered again. Its number, or None."""
        key = (deployment["Namespace"], deployment["JobID"])
        if deployment["Status"] not in ACTIVE:
            raise Refused(400, "can't fail terminal deployment")
        deployment.update(Status="failed", StatusDescription=why)
        self.stop_canaries(key, deployment)
        stable = next((item for item in self.jobs[key][1:] if item["Stable"]), None)
        self.note(f"fail {key[1]}", key)
        if stable is None or not deployment["TaskGroups"][stable["TaskGroups"][0]["Name"]]["AutoRevert"]:
            return None
        deployment["StatusDescription"] = f"{why} - rolling back to job version {stable['Version']}"
        self.register(bare(stable))
        return int(stable["Version"])

    def stop_canaries(self, key: Key, deployment: dict[str, Any]) -> None:
        for alloc in self.running(key):
            if alloc["Deployment"] == deployment["ID"] and alloc["Canary"] and not alloc["Promoted"]:
                alloc.update(DesiredStatus="stop", ClientStatus="complete")

    def revert(self, key: Key, version: int, check_version: int | None = None) -> int:
        found = next((item for item in self.jobs.get(key, []) if item["Version"] == version), None)
        if found is None:
            raise Refused(404, f"job {key[1]!r} in namespace {key[0]!r} at version {version} not found")
        if version == self.jobs[key][0]["Version"]:
            raise Refused(500, f"can't revert to current version: {version}")
        if check_version is not None and check_version != self.jobs[key][0]["Version"]:
            raise Refused(500, "EnforcePriorVersion: the job is at another version")
        return self.register(bare(found))

    def stop(self, key: Key) -> None:
        job = self.job(key)
        self.index += 1
        job.update(Stop=True, Status="dead", JobModifyIndex=self.index, ModifyIndex=self.index)
        for alloc in self.running(key):
            alloc.update(DesiredStatus="stop", ClientStatus="complete")
        self.note(f"stop {key[1]}", key)

    def dispatch(self, key: Key, token: str, meta: dict[str, str]) -> str:
        """Run a parameterized job once for each token."""
        job = self.job(key)
        if not job.get("ParameterizedJob"):
            raise Refused(500, f"Specified job {key[1]!r} is not a parameterized job")
        if extra := meta.keys() - set(job["ParameterizedJob"].get("MetaOptional") or ()):
            raise Refused(500, f"Dispatch request included unpermitted metadata keys: {sorted(extra)}")
        if token in self.tokens:
            return self.tokens[token]
        self.index += 1
        name = f"{key[1]}/dispatch-{self.index}"
        child = (key[0], name)
        self.jobs[child] = [{**copy.deepcopy(job), "ID": name, "ParentID": key[1], "Dispatched": True}]
        failed = bool(self.failing) and self.failing in job["TaskGroups"][0]["Tasks"][0]["Config"]["image"]
        self.allocs[child] = [
            {
                "ID": f"a{self.index:04d}", "Group": job["TaskGroups"][0], "Shape": "", "Version": job["Version"],
                "Canary": False, "Promoted": False, "Healthy": not failed, "DesiredStatus": "stop", "Deployment": "",
                "ClientStatus": "failed" if failed else "complete", "CreateIndex": self.index,
            }
        ]  # fmt: skip
        if token:
            self.tokens[token] = name
        self.note(f"dispatch {key[1]}", child)
        return name

    def put_variable(self, namespace: str, path: str, items: dict[str, str], check_index: int | None) -> dict[str, Any]:
        known = self.variables.get((namespace, path))
        if check_index is not None and check_index != (known["ModifyIndex"] if known else 0):
            raise Refused(409, "cas error: the variable has another modify index")
        self.index += 1
        made = {
            "Namespace": namespace, "Path": path, "Items": dict(items), "ModifyIndex": self.index,
            "CreateIndex": known["CreateIndex"] if known else self.index, "CreateTime": 1, "ModifyTime": self.index,
        }  # fmt: skip
        self.variables[namespace, path] = made
        return made

    def note(self, what: str, key: Key) -> None:
        self.log.append((what, {item[1]: self.images(item) for item in self.jobs if item[0] == key[0]}))


def plain(job: dict[str, Any]) -> dict[str, Any]:
    """Without what Nomad counts: what two versions are compared by."""
    return {name: value for name, value in bare(job).items() if value not in (None, [], {}, "", False)}


def bare(job: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy({name: value for name, value in job.items() if name not in (*COUNTED, "Stop")})


def digest(group: dict[str, Any]) -> str:
    """What a change of which replaces allocations."""
    seen = {name: value for name, value in group.items() if name not in ("Count", "Update", "Scaling", "Migrate")}
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()
