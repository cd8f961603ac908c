"""Runs of workflows, by act: what a run, its jobs, steps and logs look like comes from what act really did.

The workflow is the one in the repository at the dispatched commit. act runs it on this machine, so three things are
exchanged in the checkout: actions from elsewhere (each `uses` but checkout) for a few lines of shell that do the same with
files, and the two scripts that reach into a cluster (deploy/deploy.sh, deploy/smoke.sh) for one that writes down what it
was called with. Jobs, needs, conditions, environments' order, run-name, inputs and steps stay as they were rendered.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.github.repository import Repository

_DEPLOY = """#!/bin/sh
# Stands for a script that reaches into a cluster: writes down how it was called, and does as the test wants it.
echo "$(basename "$0") $*" >>"{world}/calls"
echo "$(basename "$0" .sh): $*"
if [ -e "{world}/wait-$1" ]; then while [ -e "{world}/wait-$1" ]; do sleep 0.1; done; fi
if [ -e "{world}/fail-$1" ]; then
  echo "the new version answers 500" >&2
  sleep 1 # act drops what is printed just before a failure
  exit 1
fi
"""
_STAND_INS = {
    "actions/upload-artifact": 'mkdir -p "{artifacts}/{run}/$NAME" && cp -r "$FOLDER" "{artifacts}/{run}/$NAME/"',
    "actions/download-artifact": (
        'mkdir -p "${{FOLDER:-.}}" && for from in "{artifacts}/${{RUN:-{run}}}/"${{NAME:-$PATTERN}}; do '
        'cp -r "$from"/. "${{FOLDER:-.}}/"; done'
    ),
    "docker/build-push-action": 'echo "digest=sha256:$(printf %064d {run})" >>"$GITHUB_OUTPUT"',
}


@dataclass
class Step:
    name: str
    status: str = "queued"
    conclusion: str | None = None


@dataclass
class Job:
    id: int
    key: str
    name: str
    status: str = "queued"
    conclusion: str | None = None
    steps: list[Step] = field(default_factory=list)
    log: list[str] = field(default_factory=list)


@dataclass
class Run:
    id: int
    file: str
    title: str
    branch: str
    commit: str
    inputs: dict[str, str]
    status: str = "queued"
    conclusion: str | None = None
    environments: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    visible: bool = True
    cancelled: bool = False


class Actions:
    """The runs of a repository. `world` is what the stand-in of the deploy script writes to and reads from."""

    def __init__(self, repository: Repository, folder: Path, act: str) -> None:
        self.repository = repository
        self.runs: list[Run] = []
        self.world = folder / "world"
        self.world.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._act = act
        self._threads: list[threading.Thread] = []

    @property
    def calls(self) -> list[str]:
        """How the scripts of the repository were called, in order."""
        path = self.world / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def workflow(self, commit: str, file: str) -> dict[str, Any]:
        text = self.repository.read(commit, f".github/workflows/{file}")
        found: dict[str, Any] = yaml.safe_load(text.replace("\non:\n", '\n"on":\n'))
        return found

    def dispatch(self, file: str, branch: str, inputs: dict[str, str], waits: list[str]) -> Run:
        """Begin a run of the workflow at the head of a branch. Raises ValueError for inputs that it does not take."""
        commit = self.repository.ref(f"heads/{branch}")
        flow = self.workflow(commit, file)
        declared = flow["on"]["workflow_dispatch"].get("inputs") or {}
        if unknown := inputs.keys() - declared.keys():
            raise ValueError(f"Unexpected inputs provided: {sorted(unknown)}")
        for name, row in declared.items():
            value = inputs.get(name, row.get("default", ""))
            if row.get("type") == "choice" and value not in row["options"]:
                raise ValueError(f"Provided value '{value}' for input '{name}' not in the list of allowed values")
            inputs = {**inputs, name: value}
        number = 1000 + len(self.runs)
        run = Run(number, file, _title(flow, inputs), branch, commit, inputs)
        run.environments = _environments(flow, inputs)
        run.pending = [name for name in run.environments if name in waits]
        self.runs.append(run)
        if run.pending:
            run.status = "waiting"
        else:
            self.begin(run)
        return run

    def begin(self, run: Run) -> None:
        run.status, run.pending = "in_progress", []
        thread = threading.Thread(target=self._carry_out, args=(run,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def cancel(self, run: Run) -> None:
        if run.process:
            os.killpg(run.process.pid, 2)  # as a person stops act: steps with always() or cancelled() still run
        else:
            run.status, run.conclusion = "completed", "cancelled"
        run.cancelled = True

    def close(self) -> None:
        for run in self.runs:
            if run.process and run.process.poll() is None:
                os.killpg(run.process.pid, 9)
        for path in self.world.glob("wait-*"):
            path.unlink()
        for thread in self._threads:
            thread.join(timeout=30)

    def _carry_out(self, run: Run) -> None:
        checkout = self._folder / f"run-{run.id}"
        self.repository.checkout(run.commit, run.branch, checkout)
        flow = self._exchanged(run, checkout)
        event = self._folder / f"event-{run.id}.json"
        event.write_text(json.dumps({"inputs": run.inputs, "ref": f"refs/heads/{run.branch}"}))
        home = self._folder / f"home-{run.id}"
        home.mkdir()
        run.process = subprocess.Popen(
            [
                *(self._act, "workflow_dispatch", "--json", "-W", f".github/workflows/{run.file}", "-e", str(event)),
                *("-P", "ubuntu-24.04=-self-hosted", "-P", "ubuntu-latest=-self-hosted"),
                *("-s", "KUBE_CONFIG=none", "-s", "GITHUB_TOKEN=none"),
            ],
            cwd=checkout,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CACHE_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert run.process.stdout is not None
        for line in run.process.stdout:
            _heard(run, flow, line)
        code = run.process.wait()
        for job in run.jobs:
            _finish(job, "cancelled" if run.cancelled else "failure")
        for key, row in flow["jobs"].items():
            if key not in {job.key for job in run.jobs}:
                name = str(row.get("name", key))
                run.jobs.append(Job(run.id * 100 + len(run.jobs), key, name, "completed", "skipped"))
        ended = "success" if code == 0 else "failure"
        run.conclusion = "cancelled" if run.cancelled else ended
        run.status = "completed"

    def _exchanged(self, run: Run, checkout: Path) -> dict[str, Any]:
        path = checkout / ".github/workflows" / run.file
        flow = yaml.safe_load(path.read_text().replace("\non:\n", '\n"on":\n'))
        places = {"artifacts": self._folder / "artifacts", "run": run.id}
        for job in flow["jobs"].values():
            for step in job["steps"]:
                action = step.get("uses", "").partition("@")[0]
                if not action or action == "actions/checkout":
                    continue
                del step["uses"]
                given = step.pop("with", {})
                names = (("NAME", "name"), ("FOLDER", "path"), ("PATTERN", "pattern"), ("RUN", "run-id"))
                step["env"] = {key: given[name] for key, name in names if name in given}
                step["run"] = _STAND_INS.get(action, f"echo stands for {action}").format(**places)
        path.write_text(yaml.safe_dump(flow, sort_keys=False))
        for name in ("deploy/deploy.sh", "deploy/smoke.sh"):
            if (script := checkout / name).exists():
                script.write_text(_DEPLOY.format(world=self.world))
                script.chmod(0o755)
        who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        subprocess.run(["git", *who, "commit", "-qam", "stand-ins"], cwd=checkout, check=True)
        return flow


def _heard(run: Run, flow: dict[str, Any], line: str) -> None:
    """One line of act's own report."""
    try:
        row = json.loads(line)
    except ValueError:
        return
    if "jobID" not in row:
        return
    name = str(row["job"]).partition("/")[2]
    job = next((item for item in run.jobs if item.name == name), None)
    if job is None:
        steps = [Step(str(item.get("name", "run"))) for item in flow["jobs"][row["jobID"]]["steps"]]
        job = Job(run.id * 100 + len(run.jobs), row["jobID"], name, "in_progress", None, steps)
        run.jobs.append(job)
    step = next((item for item in job.steps if item.name == row.get("step") and row.get("stage") == "Main"), None)
    if step:
        step.status = "in_progress" if step.status == "queued" else step.status
        if "stepResult" in row:
            step.status, step.conclusion = "completed", row["stepResult"]
    if "jobResult" in row:
        _finish(job, row["jobResult"])
    job.log.append(f"2026-11-27T10:00:00.0000000Z {str(row['msg']).rstrip()}")


def _finish(job: Job, conclusion: str) -> None:
    if job.status != "completed":
        job.status, job.conclusion = "completed", conclusion
        for step in job.steps:
            if step.status == "queued":
                step.status, step.conclusion = "completed", "skipped"
            elif step.status == "in_progress":
                step.status, step.conclusion = "completed", conclusion


def _title(flow: dict[str, Any], inputs: dict[str, str]) -> str:
    """run-name, for the one form that it has: act does not evaluate it."""
    found = re.search(r"format\('([^']*)'((?:, inputs\.\w+)*)\)", flow.get("run-name", ""))
    if not found or not inputs.get("correlation"):
        return str(flow["name"])
    return found[1].format(*(inputs.get(name, "") for name in re.findall(r"inputs\.(\w+)", found[2])))


def _environments(flow: dict[str, Any], inputs: dict[str, str]) -> list[str]:
    names = [row["environment"]["name"] for row in flow["jobs"].values() if "environment" in row]
    wanted = inputs.get("environment")
    return [name for name in names if wanted in (None, "", "every environment", name)]
