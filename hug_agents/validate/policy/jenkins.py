"""Declarative pipelines as pipelines: a stage is a job, and needs all that stands before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from hug_agents.bundle import Bundle
from hug_agents.validate.groovy import Statement, Token, statements
from hug_agents.validate.jenkinsfile import SHELLS, jenkins_files
from hug_agents.validate.located import Malformed
from hug_agents.validate.policy.pipelines import Job, Pipeline, Step, calls

_ENVIRONMENT = re.compile(r"\bENVIRONMENT=([a-z0-9-]+)")


def read(bundle: Bundle) -> Iterator[Pipeline]:
    """Each Jenkinsfile."""
    for path in jenkins_files(bundle):
        try:
            top = statements(bundle[path].content)
        except Malformed:
            continue
        for item in top:
            if item.name == "pipeline":
                yield _pipeline(path, item)


def _pipeline(path: str, pipeline: Statement) -> Pipeline:
    found = Pipeline(path)
    for section in pipeline.block:
        if section.name == "triggers":
            found.crons += _crons(section)
        if section.name == "stages":
            _Stages(found).read(section, (), approved=False)
    return found


def _crons(section: Statement) -> Iterator[tuple[str, int]]:
    for item in section.block:
        first = item.first()
        if item.name == "cron" and first is not None:
            yield first.text.splitlines()[-1], first.line


class _Stages:
    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def read(self, section: Statement, needs: tuple[str, ...], *, approved: bool) -> tuple[tuple[str, ...], bool]:
        """The jobs of `stages` or `parallel`; what comes after needs them, and whether a person was asked by then."""
        after: tuple[str, ...] = ()
        for stage in (item for item in section.block if item.name == "stage"):
            last, asked = self._stage(stage, needs, approved=approved)
            if section.name == "parallel":
                after += last
                continue
            needs, approved = last, asked
            after = last
        return after, approved

    def _stage(self, stage: Statement, needs: tuple[str, ...], *, approved: bool) -> tuple[tuple[str, ...], bool]:
        title = stage.first()
        parts = {item.name: item for item in stage.block}
        approved = approved or "input" in parts
        for inner in ("stages", "parallel"):
            if inner in parts:
                return self.read(parts[inner], needs, approved=approved)
        name = title.text if title is not None else ""
        when = parts["when"].block if "when" in parts else []
        job = Job(
            id=name,
            file=self._pipeline.file,
            line=stage.line,
            needs=needs,
            condition=" ".join(token.text for item in when for inner in item.walk() for token in inner.tokens),
        )
        for part in ("steps", "post"):
            if part in parts:
                _steps(job, parts[part])
        if not job.steps and "input" in parts:
            return needs, True  # a question is no job
        # Approvals are all that stands for an environment here: production without one has none.
        if approved:
            job.environment = next((call.environment for call in job.calls if call.environment), "")
        self._pipeline.jobs[name] = job
        return (name,), approved


def _steps(job: Job, section: Statement) -> None:
    for statement in (inner for item in section.block for inner in item.walk()):
        if statement.name == "catchError":
            job.tolerated = job.tolerated or not any(token.text == "FAILURE" for token in statement.tokens)
        script = _script(statement)
        if script is None:
            continue
        label = statement.named("label")
        known = _ENVIRONMENT.search(script.text)
        environment = known.group(1) if known else ""
        job.steps.append(
            Step(
                line=statement.line,
                name=label.text if label is not None else "",
                run=script.text,
                run_line=script.line,
            )
        )
        job.calls += calls(script.text, script.line, _resolver(environment))


def _script(statement: Statement) -> Token | None:
    if statement.name not in SHELLS:
        return None
    given = statement.named("script") or statement.first()
    return given if given is not None and given.kind == "string" else None


def _resolver(environment: str) -> Callable[[str], str]:
    def resolve(text: str) -> str:
        plain = text.strip("\"'")
        return environment if plain in ("$ENVIRONMENT", "${ENVIRONMENT}") else "" if "$" in plain else plain

    return resolve
