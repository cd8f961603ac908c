"""CircleCI's workflows as pipelines; when one runs by itself stands in `.circleci/schedules.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.validate.circleci import circleci_files
from hug_agents.validate.located import Located, Malformed, documents, json_value
from hug_agents.validate.policy.pipelines import Job, Pipeline, Step, calls

SCHEDULES = ".circleci/schedules.json"
_DAYS = "SUN MON TUE WED THU FRI SAT".split()
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()


def read(bundle: Bundle) -> Iterator[Pipeline]:
    """One pipeline a workflow."""
    for path in circleci_files(bundle):
        try:
            document = next(iter(documents(bundle[path].content)), None)
        except Malformed:
            continue
        if document is None or not isinstance(document.data, dict):
            continue
        crons = _crons(bundle)
        for name, workflow in _mapping(document.data.get("workflows")).items():
            pipeline = Pipeline(path, governed=_governed(_mapping(workflow).get("when")))
            if name in crons:
                pipeline.crons.append((crons[name], document.line("workflows", name)))
            for job in _jobs(path, document, str(name), _mapping(workflow)):
                pipeline.jobs[job.id] = job
            yield pipeline


def _governed(when: Any) -> bool:
    """It asks for a correlation that is another than the default."""
    rows = _mapping(when).get("and")
    refused = [_mapping(_mapping(row).get("not")).get("equal") for row in rows if row] if isinstance(rows, list) else []
    return any("<< pipeline.parameters.correlation >>" in row for row in refused if isinstance(row, list))


def _crons(bundle: Bundle) -> dict[str, str]:
    """By the action that a schedule asks for, which is its workflow's name."""
    try:
        rows = _mapping(json_value(bundle[SCHEDULES].content)) if SCHEDULES in bundle else {}
    except Malformed:
        return {}
    return {
        str(_mapping(row.get("parameters")).get("action", "")): _cron(_mapping(row.get("timetable")))
        for row in rows.values()
        if isinstance(row, dict)
    }


def _cron(table: dict[str, Any]) -> str:
    def numbers(key: str, names: list[str], first: int) -> str:
        return ",".join(str(names.index(item) + first) for item in table.get(key) or () if item in names) or "*"

    hours, days = (
        ",".join(str(item) for item in table.get(key) or ()) or "*" for key in ("hours-of-day", "days-of-month")
    )
    return f"0 {hours} {days} {numbers('months', _MONTHS, 1)} {numbers('days-of-week', _DAYS, 0)}"


def _jobs(path: str, document: Located, workflow: str, body: dict[str, Any]) -> Iterator[Job]:
    approvals: dict[str, tuple[str, ...]] = {}
    rows = body.get("jobs")
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        name, said = next(iter(row.items())) if isinstance(row, dict) and row else (row, {})
        said = _mapping(said)
        needs = tuple(str(item) for item in said.get("requires") or ())
        if said.get("type") == "approval":
            approvals[str(said.get("name", name))] = needs
            continue
        asked = any(item in approvals for item in needs)
        job = Job(
            id=str(said.get("name", name)),
            file=path,
            line=document.line("workflows", workflow, "jobs", index),
            # a question is no job: what it needs is needed
            needs=tuple(inner for item in needs for inner in approvals.get(item, (item,))),
        )
        _steps(job, document, str(name))
        if asked and said.get("context"):
            job.environment = next((call.environment for call in job.calls if call.environment), "")
        yield job


def _steps(job: Job, document: Located, name: str) -> None:
    body = _mapping(_mapping(document.data.get("jobs")).get(name))
    known = _mapping(body.get("environment")).get("ENVIRONMENT", "")
    steps = body.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        run = step.get("run") if isinstance(step, dict) else None
        script = run if isinstance(run, str) else _mapping(run).get("command")
        if not isinstance(script, str):
            continue
        where: tuple[str | int, ...] = ("jobs", name, "steps", index, "run")
        line = document.line(*where, "command") + (1 if "\n" in script else 0)
        job.steps.append(
            Step(
                document.line(*where), name=str(_mapping(run).get("name", "")), run=script, run_line=line,
                condition=str(_mapping(run).get("when", "")),
            )
        )  # fmt: skip
        job.calls += calls(script, line, _resolver(str(known)))


def _resolver(environment: str) -> Callable[[str], str]:
    def resolve(text: str) -> str:
        plain = text.strip("\"'")
        return environment if plain in ("$ENVIRONMENT", "${ENVIRONMENT}") else "" if "$" in plain else plain

    return resolve


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
