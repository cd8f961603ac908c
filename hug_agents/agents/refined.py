"""Refined prompts: what is known for one environment and one downstream agent, each value with where it comes from.

They are made from the spec alone, by rule: nothing can be in them that is neither in the request nor in the repository,
except defaults, which are named as such.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import yaml
from pydantic import Field

from hug_agents.reading.claims import Question
from hug_agents.repair import spec_values, stated
from hug_agents.spec import DeploymentSpec, Line, Model, Name, Text

Downstream = Literal["deployment", "devops"]

_SHARED = ("application", "version", "repository", "default_branch", "services", "dependencies")
_READS: dict[Downstream, tuple[str, ...]] = {
    "deployment": (
        *_SHARED,
        "toolchain.iac",
        "toolchain.runtime",
        "toolchain.rollout",
        "toolchain.registry",
        "toolchain.registry_host",
        "strategy",
        "triggers",
    ),
    "devops": (
        *_SHARED,
        "toolchain.ci",
        "toolchain.monitors",
        "objectives",
        "triggers",
        "windows",
        "smoke_tests",
        "drill_every_days",
        "owner",
    ),
}
_TASK: dict[Downstream, str] = {
    "deployment": "Infrastructure as code, runtime, rollout and rollback",
    "devops": "Pipelines, monitoring and runbook",
}


class Transformation(Model):
    """One thing that was done between the request and the spec."""

    kind: Literal[
        "redacted",
        "stated",
        "answered",
        "chosen",
        "found",
        "assumed",
        "added",
        "differs",
        "refused",
        "unsupported",
        "asked",
        "not_asked",
    ]
    path: Line = ""
    words: Text = Field("", description="the words that it was made from")
    result: Text = ""
    why: Text = ""


class RefinedPrompt(Model):
    """One prompt for one agent and one environment."""

    prompt_id: Line
    agent: Downstream
    environment: Name
    version: Line = Field(description="the first digits of the spec's digest: another spec, another version")
    tags: tuple[Line, ...]
    timestamp: datetime | None = None
    text: str

    def document(self) -> str:
        """The prompt as Markdown with its metadata as a YAML header."""
        header = self.model_dump(mode="json", exclude={"text"}, exclude_none=True)
        return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n\n{self.text}"


def refined_prompts(
    spec: DeploymentSpec,
    questions: tuple[Question, ...] = (),
    log: tuple[Transformation, ...] = (),
    *,
    timestamp: datetime | None = None,
) -> tuple[RefinedPrompt, ...]:
    """One prompt for each environment and downstream agent. The time is written only if the caller gives one."""
    version = spec.digest().removeprefix("sha256:")[:12]
    prompts: list[RefinedPrompt] = []
    for environment in spec.environments:
        for agent in _READS:
            prompts.append(
                RefinedPrompt(
                    prompt_id=f"refined/{spec.application}/{environment.name}/{agent}",
                    agent=agent,
                    environment=environment.name,
                    version=version,
                    tags=(agent, environment.role, spec.toolchain.runtime, spec.strategy.kind),
                    timestamp=timestamp,
                    text=_text(spec, environment.name, agent, questions, log),
                )
            )
    return tuple(prompts)


def _text(
    spec: DeploymentSpec,
    environment: str,
    agent: Downstream,
    questions: tuple[Question, ...],
    log: tuple[Transformation, ...],
) -> str:
    known: list[str] = []
    assumed: list[str] = []
    for path, value in _read_by(spec, environment, agent):
        row = stated(spec, path)
        shown = f"- {path}: {json.dumps(value, ensure_ascii=False)}"
        if row is None:
            assumed.append(shown)
        else:
            place = f"{row.file}:{row.line}" if row.file else row.kind
            known.append(
                f"{shown} ({place}: {json.dumps(row.quote, ensure_ascii=False)})" if row.quote else f"{shown} ({place})"
            )
    open_ones = [f"- {item.id}: {json.dumps(item.text, ensure_ascii=False)}" for item in questions]
    parts = [f"# {_TASK[agent]} of {spec.application} in {environment}"]
    for title, lines in (
        ("Stated", known),
        ("Assumed: nobody stated these", assumed),
        ("Open questions: do not guess", open_ones),
        ("What was changed on the way, and why", list(_changes(log, environment, agent))),
    ):
        if lines:
            parts.append("\n".join((f"## {title}", "", *lines)))
    return "\n\n".join(parts) + "\n"


_CHANGES = ("redacted", "added", "differs", "refused", "unsupported")


def _changes(log: tuple[Transformation, ...], environment: str, agent: Downstream) -> Iterator[str]:
    """The lines of the log that are about what this prompt holds, and those that are about the request as a whole."""
    for item in log:
        if item.kind in _CHANGES and (not item.path or _is_read(item.path, environment, agent)):
            what = " ".join(
                part for part in (item.path, item.result and json.dumps(item.result, ensure_ascii=False)) if part
            )
            words = f" ({json.dumps(item.words, ensure_ascii=False)})" if item.words else ""
            yield f"- {item.kind}{f' {what}' if what else ''}{words}: {' '.join(item.why.split())}"


def _read_by(spec: DeploymentSpec, environment: str, agent: Downstream) -> Iterator[tuple[str, Any]]:
    for path, value in spec_values(spec).items():
        if value not in (None, [], "") and _is_read(path, environment, agent):
            yield path, value


def _is_read(path: str, environment: str, agent: Downstream) -> bool:
    wanted = (*_READS[agent], f"environments.{environment}", "environments.*")
    return any(path == one or path.startswith(f"{one}.") for one in wanted)
