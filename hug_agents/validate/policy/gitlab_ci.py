"""GitLab's included files as pipelines: the jobs of one, what they need in the others, and the schedule that setup.sh makes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.validate.gitlab_ci_local import gitlab_files
from hug_agents.validate.located import Located, Malformed, documents
from hug_agents.validate.policy.pipelines import Job, Pipeline, Step, calls

SETUP = ".gitlab/setup.sh"
_SCHEDULE = re.compile(r"^schedule ([a-z_]+) '([^']+)'", re.MULTILINE)
_NOT_JOBS = frozenset(("spec", "workflow", "default", "include", "stages", "variables", "image", "cache", "services"))


def read(bundle: Bundle) -> Iterator[Pipeline]:
    """One pipeline for each file with jobs."""
    files = {path: {job.id: job for job in _jobs(path, bundle)} for path in gitlab_files(bundle)}
    everything = {name: job for jobs in files.values() for name, job in jobs.items()}
    for path, jobs in files.items():
        if not jobs:
            continue
        pipeline = Pipeline(path, crons=list(_crons(path, bundle)), jobs=dict(jobs))
        wanted = [need for job in jobs.values() for need in job.needs]
        while wanted:
            name = wanted.pop()
            if name in everything and name not in pipeline.jobs:
                pipeline.jobs[name] = everything[name]
                wanted += everything[name].needs
        yield pipeline


def _crons(path: str, bundle: Bundle) -> Iterator[tuple[str, int]]:
    """GitLab keeps schedules outside of the repository; the script that makes them says when an action runs."""
    text = bundle[SETUP].content if SETUP in bundle else ""
    for found in _SCHEDULE.finditer(text):
        if found.group(1) == PurePosixPath(path).stem:
            yield found.group(2), text.count("\n", 0, found.start()) + 1


def _jobs(path: str, bundle: Bundle) -> Iterator[Job]:
    try:
        found = documents(bundle[path].content)
    except Malformed:
        return
    for document in found:
        rows = document.data if isinstance(document.data, dict) else {}
        for name, data in rows.items():
            if isinstance(data, dict) and name not in _NOT_JOBS and not str(name).startswith("."):
                yield _job(path, document, str(name), data)


def _job(path: str, document: Located, name: str, data: dict[str, Any]) -> Job:
    needs = data.get("needs")
    environment = data.get("environment")
    job = Job(
        id=name,
        file=path,
        line=document.line(name),
        needs=tuple(
            str(item.get("job", "")) if isinstance(item, dict) else str(item)
            for item in (needs if isinstance(needs, list) else ())
        ),
        environment=str(environment.get("name", "") if isinstance(environment, dict) else environment or ""),
        condition=json.dumps(data.get("rules") or [], sort_keys=True, default=str),
        tolerated=bool(data.get("allow_failure")),
    )
    for key in ("before_script", "script", "after_script"):
        rows = data.get(key)
        for index, run in enumerate(rows if isinstance(rows, list) else [rows] if rows else ()):
            line = document.line(name, key, index)
            run_line = line + 1 if "\n" in str(run) else line
            job.steps.append(Step(line=line, name=key, run=str(run), run_line=run_line))
            job.calls += calls(str(run), run_line, _literal)
    return job


def _literal(word: str) -> str:
    """A word that stands there as it is; empty for one that only the run knows."""
    return "" if "$" in word else word.strip("\"'`;) ")
