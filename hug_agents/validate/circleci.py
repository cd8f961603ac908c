"""References inside CircleCI's configuration: what is named must be there, and no value becomes a script.

A check of our own, beside the schema: CircleCI's program, which resolves a configuration, needs an account for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.located import Located, Malformed, documents

_CONFIG = re.compile(r"\.circleci/config\.ya?ml")
_EXPRESSION = re.compile(r"(?<!\\)<<\s*(\S+?)\s*>>")
_STEPS = frozenset(
    "add_ssh_keys attach_workspace checkout deploy persist_to_workspace restore_cache run save_cache setup_remote_docker "
    "store_artifacts store_test_results unless when".split()
)
_WHEN = frozenset(("always", "on_success", "on_fail"))
_VALUES = frozenset(
    "id number project.git_url project.id project.slug project.type git.tag git.branch git.branch.is_default git.revision "
    "git.base_revision in_setup trigger_source schedule.name schedule.id trigger.type trigger.name event.name event.action".split()
)
"""Pipeline values; those below `trigger_parameters` and `event` are many more, and pass."""
_SAFE = frozenset("id number project.id project.slug project.type git.revision git.base_revision in_setup".split())
"""Values that nobody outside sets."""
Path = tuple[str | int, ...]
Problem = tuple[str, str, Path]


class CircleciReferences(Gate):
    """Jobs, executors, commands, requirements, contexts and parameters of a configuration."""

    name = "circleci references"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return circleci_files(bundle)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        return tuple(dict.fromkeys(item for path in files for item in self._one(path, workspace.bundle[path].content)))

    def _one(self, path: str, text: str) -> Iterator[Finding]:
        try:
            document = next(iter(documents(text)), None)
        except Malformed as error:
            yield self.finding("syntax", str(error), file=path, line=error.line)
            return
        if document is None or not isinstance(document.data, dict):
            yield self.finding("syntax", "this is no configuration", file=path, line=1)
            return
        for rule, message, where in _Config(document).problems():
            yield self.finding(rule, message, file=path, line=document.line(*where))


def circleci_files(bundle: Bundle) -> tuple[str, ...]:
    """The configuration of a bundle."""
    return tuple(item.path for item in bundle if _CONFIG.fullmatch(item.path))


class _Config:
    """One configuration. Problems are `(rule, message, path of keys)`."""

    def __init__(self, document: Located) -> None:
        data = document.data
        self._data = data
        self._jobs, self._commands, self._executors, self._parameters, self._orbs = (
            _mapping(data.get(key)) for key in ("jobs", "commands", "executors", "parameters", "orbs")
        )

    def problems(self) -> Iterator[Problem]:
        yield from self._orb_pins()
        for name, parameter in self._parameters.items():
            yield from _default(_mapping(parameter), ("parameters", name))
        for kind, table in (("commands", self._commands), ("jobs", self._jobs), ("executors", self._executors)):
            for name, body in table.items():
                own = _mapping(_mapping(body).get("parameters"))
                for key, parameter in own.items():
                    yield from _default(_mapping(parameter), (kind, name, "parameters", key))
                yield from self._expressions(_mapping(body), (kind, name), frozenset(own))
                yield from self._steps(_mapping(body).get("steps"), (kind, name, "steps"))
        for name, body in self._jobs.items():
            yield from self._job(_mapping(body), ("jobs", name))
        workflows = {key: value for key, value in _mapping(self._data.get("workflows")).items() if key != "version"}
        used: set[str] = set()
        for name, body in workflows.items():
            yield from self._expressions(_mapping(body), ("workflows", name), frozenset())
            yield from self._workflow(_mapping(body), ("workflows", name), used)
        for name in sorted(self._jobs.keys() - used) if workflows else ():
            yield "unused", f"no workflow runs the job {name}", ("jobs", name)

    def _orb_pins(self) -> Iterator[Problem]:
        for name, value in self._orbs.items():
            if isinstance(value, str) and not re.fullmatch(r"[\w-]+/[\w-]+@\d+\.\d+\.\d+", value):
                yield "orb", f"the orb {value} is not pinned to one version", ("orbs", name)

    def _job(self, job: dict[str, Any], where: Path) -> Iterator[Problem]:
        executor = job.get("executor")
        named = _mapping(executor).get("name", executor)
        if isinstance(named, str) and not self._foreign(named) and named not in self._executors and "<<" not in named:
            yield "executor", f"there is no executor {named}{_nearest(named, self._executors)}", (*where, "executor")
        if not job.keys() & {"executor", "docker", "machine", "macos", "type"}:
            yield "executor", "the job says nowhere what it runs on", where
        if not job.get("steps") and "type" not in job:
            yield "empty", "the job has no steps", where

    def _steps(self, steps: Any, where: Path) -> Iterator[Problem]:
        for index, step in enumerate(steps if isinstance(steps, list) else ()):
            here = (*where, index)
            name, given = next(iter(step.items())) if isinstance(step, dict) and step else (step, None)
            if not isinstance(name, str):
                continue
            if name in ("when", "unless"):
                yield from self._steps(_mapping(given).get("steps"), (*here, name, "steps"))
            elif name not in _STEPS and name not in self._commands and not self._foreign(name):
                yield "step", f"there is no step or command {name}{_nearest(name, {*_STEPS, *self._commands})}", here
            elif name in self._commands:
                yield from self._given(self._commands[name], _mapping(given), f"the command {name}", (*here, name))
            elif name == "run":
                when = _mapping(given).get("when", "on_success")
                if isinstance(when, str) and when not in _WHEN and "<<" not in when:
                    yield "when", f"{when} is not a time for a step{_nearest(when, _WHEN)}", (*here, "run", "when")
                script = given if isinstance(given, str) else _mapping(given).get("command")
                yield from self._script(script, (*here, "run") if isinstance(given, str) else (*here, "run", "command"))

    def _script(self, script: Any, where: Path) -> Iterator[Problem]:
        for found in _EXPRESSION.finditer(script if isinstance(script, str) else ""):
            value = found[1].removeprefix("pipeline.")
            kind = _mapping(self._parameters.get(value.removeprefix("parameters."))).get("type")
            if found[1].startswith("parameters.") or value in _SAFE or kind in ("boolean", "integer", "enum"):
                continue
            yield (
                "injection",
                f"{found[0]} becomes part of this script; give it to the step as an environment variable",
                where,
            )

    def _given(self, command: Any, given: dict[str, Any], what: str, where: Path) -> Iterator[Problem]:
        own = _mapping(_mapping(command).get("parameters"))
        for key in given.keys() - own.keys():
            yield "parameter", f"{what} has no parameter {key}{_nearest(key, own)}", (*where, key)
        for key, parameter in own.items():
            if "default" not in _mapping(parameter) and key not in given:
                yield "parameter", f"{what} needs the parameter {key}", where

    def _workflow(self, workflow: dict[str, Any], where: Path, used: set[str]) -> Iterator[Problem]:
        rows = workflow.get("jobs")
        names: dict[str, tuple[list[str], Path]] = {}
        for index, row in enumerate(rows if isinstance(rows, list) else ()):
            job, body = next(iter(row.items())) if isinstance(row, dict) and row else (row, {})
            here: Path = (*where, "jobs", index) if isinstance(row, str) else (*where, "jobs", index, str(job))
            said = _mapping(body)
            used.add(str(job))
            name = str(said.get("name", job))
            if name in names:
                yield "repeated", f"two jobs of this workflow are named {name}", here
            names.setdefault(name, ([*_names(said.get("requires"))], here))
            approval = said.get("type") == "approval"
            if not approval and job not in self._jobs and not self._foreign(str(job)):
                yield "job", f"there is no job {job}{_nearest(str(job), self._jobs)}", here
            elif not approval and job in self._jobs:
                reserved = (
                    "name requires context filters type matrix serial-group override-with pre-steps post-steps".split()
                )
                given = {key: value for key, value in said.items() if key not in reserved}
                yield from self._given(self._jobs[str(job)], given, f"the job {job}", here)
            for item in _names(said.get("context")):
                if not item.strip():
                    yield "context", "a context without a name", (*here, "context")
        for name, (needs, here) in names.items():
            for need in needs:
                if need not in names:
                    yield "requires", f"{name} requires {need}, which is no job here{_nearest(need, names)}", here
            if name in _before(name, names):
                yield "requires", f"{name} requires itself, by way of others", here

    def _expressions(self, body: dict[str, Any], where: Path, own: frozenset[str]) -> Iterator[Problem]:
        for path, text in _strings(body, where):
            if "<<" in _EXPRESSION.sub("", text.replace("\\<<", "")):
                yield "escape", "`<<` begins an expression; as text, also in a here-document, it is written \\<<", path
            for found in _EXPRESSION.finditer(text):
                name = found[1]
                if name.startswith("parameters."):
                    if name.removeprefix("parameters.") not in own:
                        yield "parameter", f"no parameter {name[11:]} is declared here{_nearest(name[11:], own)}", path
                elif name.startswith("pipeline.parameters."):
                    asked = name.removeprefix("pipeline.parameters.")
                    if asked not in self._parameters:
                        yield (
                            "parameter",
                            f"no pipeline parameter {asked} is declared{_nearest(asked, self._parameters)}",
                            path,
                        )
                elif name.startswith("pipeline."):
                    value = name.removeprefix("pipeline.")
                    if value not in _VALUES and not value.startswith(("trigger_parameters.", "event.")):
                        yield "value", f"there is no pipeline value {value}{_nearest(value, _VALUES)}", path
                elif not name.startswith(("matrix.", "include")):
                    yield "value", f"{name} is nothing that an expression may ask for", path

    def _foreign(self, name: str) -> bool:
        """It comes from an orb."""
        return name.partition("/")[0] in self._orbs if "/" in name else False


def _default(parameter: dict[str, Any], where: Path) -> Iterator[Problem]:
    known = parameter.get("enum")
    if isinstance(known, list) and "default" in parameter and parameter["default"] not in known:
        yield "parameter", f"the default {parameter['default']!r} is not one of its values", (*where, "default")


def _before(name: str, names: dict[str, tuple[list[str], Path]]) -> set[str]:
    found: set[str] = set()
    wanted = list(names[name][0])
    while wanted:
        item = wanted.pop()
        if item in names and item not in found:
            found.add(item)
            wanted += names[item][0]
    return found


def _strings(value: Any, where: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, (*where, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, (*where, index))


def _names(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value] if value is not None else []:
        yield str(next(iter(item))) if isinstance(item, dict) and item else str(item)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _nearest(word: str, names: Iterable[str]) -> str:
    found = get_close_matches(word, sorted(names), n=1)
    return f"; did you mean {found[0]}?" if found else ""
