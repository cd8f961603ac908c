"""Nomad: job files parsed by HashiCorp's own HCL, held against the structures of Nomad's API, and against its rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePosixPath
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.render.naming import NOMAD
from hug_agents.validate.gate import Finding, Gate, Workspace, clean
from hug_agents.validate.located import Malformed
from hug_agents.validate.nomad_hcl import Reading, Wrong, differences, read_values
from hug_agents.validate.program import ProgramGate

_PLACE = re.compile(r"tmp\.hcl:(\d+),")
_CAPABILITIES = frozenset(
    "deny list-jobs parse-job read-job submit-job dispatch-job read-logs read-fs alloc-exec alloc-node-exec alloc-lifecycle "
    "csi-register-plugin csi-write-volume csi-read-volume csi-list-volume csi-mount-volume list-scaling-policies "
    "read-scaling-policy read-job-scaling scale-job submit-recommendation sentinel-override host-volume-create "
    "host-volume-register host-volume-read host-volume-write host-volume-delete".split()
)
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_CHECKS = ("http", "tcp")
"""The kinds that Nomad's own service discovery has."""
_IMAGE_UNKNOWN = "registry.invalid/checked/image@sha256:" + "0" * 64


class NomadJobs(Gate):
    """Every job with the variables of every environment, and the policies."""

    name = "nomad-jobs"
    tool = ""
    install = "pip install 'hug-agents[gates]'"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle if item.path.startswith(f"{NOMAD}/") and item.path.endswith(".hcl"))

    def missing(self) -> str:
        for package in ("pygohcl", "nomadpy"):
            try:
                version(package)
            except PackageNotFoundError:
                return f"{package}, install with {self.install}"
        return ""

    def version(self) -> str:
        return f"pygohcl {version('pygohcl')}, nomadpy {version('nomadpy')}"

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        bundle = workspace.bundle
        found: list[Finding] = []
        for path in files:
            said = _syntax(bundle[path].content)
            if said:
                found.append(self.finding("syntax", said[0], file=path, line=said[1]))
        broken = {item.file for item in found}
        readable = [path for path in files if path not in broken]
        for path in readable:
            if path.endswith(".nomad.hcl"):
                found += self._job(bundle, path, readable)
            elif path.endswith(".policy.hcl"):
                found += self._policy(bundle, path)
        return tuple(dict.fromkeys(found))

    def _job(self, bundle: Bundle, path: str, files: Iterable[str]) -> Iterator[Finding]:
        name = PurePosixPath(path).name.removesuffix(".nomad.hcl")
        values = [item for item in files if PurePosixPath(item).name == f"{name}.vars.hcl"]
        if not values:
            yield self.finding("variables", f"no environment has {name}.vars.hcl", file=path, line=1)
        for place in values:
            try:
                given = read_values(bundle[place].content)
            except (Wrong, Malformed) as error:
                yield self.finding("variables", str(error), file=place, line=error.line)
                continue
            try:
                yield from self._in_place(bundle[path].content, given, path, place)
            except (Wrong, Malformed) as error:
                yield self.finding("schema", str(error), file=path, line=error.line)

    def _in_place(self, text: str, given: dict[str, Any], path: str, place: str) -> Iterator[Finding]:
        from nomadpy.jobs import Job  # type: ignore[import-untyped]

        reading = Reading(text, {**given, "image": _IMAGE_UNKNOWN})
        declared = reading.variables().keys()
        for name in sorted(given.keys() - declared):
            yield self.finding("variables", f"{path} does not declare {name}, and Nomad refuses it", file=place, line=1)
        for name in sorted(declared - given.keys() - {"image"}):
            yield self.finding("variables", f"{name} has no value here", file=place, line=1)
        job = reading.job()
        for said in differences(job, Job):
            yield self.finding("schema", said, file=path, line=1)
        for rule, said, where in judge(job):
            yield self.finding(rule, said, file=path, line=reading.line(*where))

    def _policy(self, bundle: Bundle, path: str) -> Iterator[Finding]:
        from hug_agents.validate.hcl import parse

        for block in parse(bundle[path].content).walk():
            if block.type == "namespace" and (block.labels in ((), ("*",)) or block.text("policy")):
                yield self.finding(
                    "policy",
                    "a policy names its namespace, and its capabilities one by one",
                    file=path,
                    line=block.line,
                )
            words = re.findall(r'"([^"]*)"', block.text("capabilities"))
            known = _CAPABILITIES if block.type == "namespace" else {"list", "read", "write", "destroy", "deny"}
            for word in words:
                if word not in known:
                    line = block.attributes["capabilities"].line
                    yield self.finding("policy", f"Nomad has no capability {word!r:.60} there", file=path, line=line)


class NomadValidate(ProgramGate):
    """`nomad job validate`, where the program is installed: what only Nomad itself can say. A bonus, never required."""

    name = "nomad-validate"
    tool = "nomad"
    required = False

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle if item.path.startswith(f"{NOMAD}/jobs/"))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        found = []
        for path in files:
            values = path.replace(".nomad.hcl", ".vars.hcl").rsplit("/", 1)[-1]
            for place in sorted((workspace.root / NOMAD / "environments").iterdir()):
                done = workspace.run(
                    [
                        self.tool,
                        "job",
                        "validate",
                        "-var-file",
                        str(place / values),
                        "-var",
                        f"image={_IMAGE_UNKNOWN}",
                        path,
                    ]
                )
                if done.code:
                    found.append(self.finding("validate", done.output, file=path, line=1))
        return tuple(found)


def judge(job: dict[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """`(rule, message, path)`: what Nomad's server refuses of a job that fits its structures, and what never works."""
    kind = job.get("Type", "service")
    if not job.get("Datacenters"):
        yield "job", "a job needs datacenters", ("Datacenters",)
    if kind == "service" and job.get("Periodic"):
        yield "job", "only a batch job is periodic", ("Periodic",)
    for number, group in enumerate(job.get("TaskGroups") or ()):
        for rule, said, where in _group(kind, group):
            yield rule, said, ("TaskGroups", str(number), *where)
    if not job.get("TaskGroups"):
        yield "job", "a job needs a group", ()


def _group(kind: str, group: dict[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if not group.get("Tasks"):
        yield "group", "a group needs a task", ()
    update = group.get("Update")
    if update and kind == "batch":
        yield "update", "a batch job has no update", ("Update",)
    elif kind == "service":
        yield from _update(update or {}, group.get("Count", 1))
    if group.get("RestartPolicy", {}).get("Mode", "fail") not in ("fail", "delay"):
        yield "restart", "restart has the modes fail and delay", ("RestartPolicy", "Mode")
    labels = {
        port["Label"]
        for network in group.get("Networks") or ()
        for kind_ in ("DynamicPorts", "ReservedPorts")
        for port in network.get(kind_) or ()
    }
    for number, service in enumerate(group.get("Services") or ()):
        for rule, said, where in _service(service, labels):
            yield rule, said, ("Services", str(number), *where)
    scaling = group.get("Scaling")
    if scaling and not scaling.get("Min", 0) <= group.get("Count", 1) <= scaling.get("Max", 0):
        yield "scaling", "count lies outside of what the scaling allows", ("Scaling",)
    for number, task in enumerate(group.get("Tasks") or ()):
        for rule, said, where in _task(task, labels):
            yield rule, said, ("Tasks", str(number), *where)


def _update(update: dict[str, Any], count: int) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if update.get("MaxParallel", 1) < 1:
        yield "update", "max_parallel 0 replaces everything at once", ("Update", "MaxParallel")
    if not update.get("AutoRevert"):
        yield "update", "without auto_revert a deployment that fails stays as it is", ("Update",)
    if update.get("AutoPromote") and not update.get("Canary"):
        yield "update", "auto_promote needs canaries", ("Update", "AutoPromote")
    if update.get("Canary", 0) > count:
        yield "update", f"{update['Canary']} canaries of {count}: more than run afterwards", ("Update", "Canary")
    healthy, deadline, progress = (
        update.get(key, 0) for key in ("MinHealthyTime", "HealthyDeadline", "ProgressDeadline")
    )
    if deadline and healthy >= deadline:
        yield "update", "min_healthy_time must be below healthy_deadline", ("Update", "MinHealthyTime")
    if progress and deadline >= progress:
        yield "update", "healthy_deadline must be below progress_deadline", ("Update", "HealthyDeadline")
    if update.get("HealthCheck", "checks") not in ("checks", "task_states", "manual"):
        yield "update", "health_check is checks, task_states or manual", ("Update", "HealthCheck")


def _service(service: dict[str, Any], labels: set[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if not _NAME.fullmatch(service.get("Name", "")):
        yield "service", "a service's name is a DNS label", ("Name",)
    if service.get("PortLabel") not in labels:
        yield "service", f"the group has no port {service.get('PortLabel', '')!r:.60}", ("PortLabel",)
    for number, check in enumerate(service.get("Checks") or ()):
        where = ("Checks", str(number))
        if check.get("PortLabel", service.get("PortLabel")) not in labels:
            yield "check", f"the group has no port {check.get('PortLabel', '')!r:.60}", (*where, "PortLabel")
        if service.get("Provider") == "nomad" and check.get("Type") not in _CHECKS:
            yield "check", f"Nomad's own discovery checks by {' and '.join(_CHECKS)}", (*where, "Type")
        if check.get("Type") == "http" and not str(check.get("Path", "")).startswith("/"):
            yield "check", "an http check needs a path", where
        if check.get("Interval", 0) < 1_000_000_000 or check.get("Timeout", 0) < 1_000_000_000:
            yield "check", "interval and timeout are a second at least", where


def _task(task: dict[str, Any], labels: set[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    config = task.get("Config") or {}
    if task.get("Driver") == "docker" and "@sha256:" not in str(config.get("image", "")):
        yield "image", "an image is named by its digest", ("Config",)
    for label in config.get("ports") or ():
        if label not in labels:
            yield "ports", f"the group has no port {label!r:.60}", ("Config",)
    if config.get("privileged"):
        yield "privileged", "a privileged container is the host", ("Config",)
    resources = task.get("Resources") or {}
    if resources.get("CPU", 0) < 1 or resources.get("MemoryMB", 0) < 10:
        yield "resources", "cpu is 1 at least, memory 10", ("Resources",)
    destinations = [item.get("DestPath") for item in task.get("Templates") or ()]
    for number, item in enumerate(task.get("Templates") or ()):
        if not item.get("DestPath") or destinations.count(item["DestPath"]) > 1:
            yield "template", "each template has a destination of its own", ("Templates", str(number))


def _syntax(text: str) -> tuple[str, int] | None:
    """What HashiCorp's parser says of a file."""
    from pygohcl import HCLInternalError, HCLParseError, loads  # type: ignore[import-untyped]

    try:
        loads(text, keep_interpolations=True)
    except (HCLParseError, HCLInternalError) as error:
        said = str(error)
        place = _PLACE.search(said)
        return clean(said.removeprefix("invalid HCL: ")), int(place[1]) if place else 1
    return None
