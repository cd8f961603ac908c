"""GitHub workflows as pipelines. A workflow of the bundle that a job calls is laid in, with its inputs filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.validate.actionlint import workflow_files
from hug_agents.validate.located import Located, Malformed, documents
from hug_agents.validate.policy.pipelines import Job, Pipeline, Step, calls

_EXPRESSION = re.compile(r"\$\{\{\s*(inputs|env)\.([A-Za-z0-9_-]+)\s*\}\}")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")


def read(bundle: Bundle) -> Iterator[Pipeline]:
    """Each workflow; one that is only ever called appears in its callers, and by itself too."""
    found: dict[str, Located] = {}
    for path in workflow_files(bundle):
        try:
            document = next(iter(documents(bundle[path].content)), None)
        except Malformed:
            continue
        if document is not None and isinstance(document.data, dict):
            found[path] = document
    for path, document in found.items():
        pipeline = Pipeline(path, crons=list(_crons(document)))
        for job in _jobs(path, document, {}, found, depth=0):
            pipeline.jobs[job.id] = job
        yield pipeline


def _on(document: Located) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true
    value = document.data.get("on", document.data.get(True))
    if isinstance(value, dict):
        return value
    return dict.fromkeys(value if isinstance(value, list) else [value])


def _crons(document: Located) -> Iterator[tuple[str, int]]:
    rows = _on(document).get("schedule")
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(row, dict) and isinstance(row.get("cron"), str):
            yield row["cron"], document.line("on", "schedule", index, "cron")


def _jobs(
    path: str, document: Located, inputs: Mapping[str, str], found: Mapping[str, Located], depth: int
) -> Iterator[Job]:
    jobs = document.data.get("jobs")
    for name, data in (jobs if isinstance(jobs, dict) else {}).items():
        if not isinstance(data, dict):
            continue
        called = str(data.get("uses", "")).removeprefix("./")
        env = {**_texts(document.data.get("env")), **_texts(data.get("env"))}
        resolve = _resolver(inputs, env)
        job = Job(
            id=str(name),
            file=path,
            line=document.line("jobs", name),
            needs=_needs(data),
            environment=_environment(data, resolve),
            condition=str(data.get("if", "")),
            tolerated=data.get("continue-on-error") not in (None, False),
        )
        if called in found and depth < 4:
            given = {key: resolve(value) for key, value in _texts(data.get("with")).items()}
            other = found[called]
            yield _laid_in(job, _jobs(called, other, {**_defaults(other), **given}, found, depth + 1))
            continue
        if called:
            job.steps.append(Step(job.line, uses=str(data["uses"]), inputs=_inputs(data)))
        steps = data.get("steps")
        for index, row in enumerate(steps if isinstance(steps, list) else ()):
            if isinstance(row, dict):
                own = _resolver(inputs, {**env, **_texts(row.get("env"))})
                _step(job, document, ("jobs", name, "steps", index), row, own)
        yield job


def _step(
    job: Job, document: Located, where: tuple[str | int, ...], row: dict[str, Any], resolve: Callable[[str], str]
) -> None:
    run = str(row.get("run", ""))
    line = document.line(*where)
    # the text of a block begins below its key
    run_line = document.line(*where, "run") + (1 if "\n" in run else 0) if run else 0
    job.steps.append(
        Step(
            line=document.line(*where, "uses") if "uses" in row else line,
            name=str(row.get("name", "")),
            uses=str(row.get("uses", "")),
            inputs=_inputs(row),
            run=run,
            run_line=run_line,
            condition=str(row.get("if", "")),
            tolerated=row.get("continue-on-error") not in (None, False),
        )
    )
    job.calls += calls(run, run_line, resolve)


def _laid_in(caller: Job, inner: Iterator[Job]) -> Job:
    """A called workflow's jobs as one job of the caller: what it needs is needed, all its steps are its steps."""
    for job in inner:
        caller.steps += job.steps
        caller.calls += job.calls
        caller.environment = caller.environment or job.environment
        caller.tolerated = caller.tolerated or job.tolerated
    return caller


def _needs(data: dict[str, Any]) -> tuple[str, ...]:
    needs = data.get("needs")
    return tuple(str(item) for item in needs) if isinstance(needs, list) else (str(needs),) if needs else ()


def _environment(data: dict[str, Any], resolve: Callable[[str], str]) -> str:
    value = data.get("environment")
    name = value.get("name") if isinstance(value, dict) else value
    return resolve(str(name)) if name else ""


def _defaults(document: Located) -> dict[str, str]:
    called = _on(document).get("workflow_call")
    rows = called.get("inputs") if isinstance(called, dict) else None
    return {
        str(key): str(row["default"])
        for key, row in (rows if isinstance(rows, dict) else {}).items()
        if isinstance(row, dict) and "default" in row
    }


def _inputs(row: dict[str, Any]) -> str:
    return json.dumps(row.get("with") or {}, sort_keys=True, default=str)


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _resolver(inputs: Mapping[str, str], env: Mapping[str, str]) -> Callable[[str], str]:
    """Puts in what is known of inputs and variables; a value that stays unknown becomes empty."""

    def expression(found: re.Match[str]) -> str:
        table = inputs if found.group(1) == "inputs" else known
        return table.get(found.group(2), "")

    known: dict[str, str] = {}
    for name, value in env.items():
        known[name] = _EXPRESSION.sub(expression, value)

    def resolve(text: str) -> str:
        plain = _VARIABLE.sub(lambda found: known.get(found.group(1), ""), _EXPRESSION.sub(expression, text))
        return "" if "${{" in plain else plain.strip("\"'` ")

    return resolve
