"""Declarative pipelines: which sections and directives there are, where each may stand, and that no value becomes a script.

A check of our own: no program, no Java and no Jenkins is needed. Steps and options come with plugins, so an unknown one is
refused only where it looks like a misspelt known one.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import PurePosixPath

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.groovy import Statement, Token, statements
from hug_agents.validate.located import Malformed

SHELLS = frozenset(("sh", "bat", "powershell", "pwsh"))
_PIPELINE = frozenset("agent environment libraries options parameters post stages tools triggers".split())
_WORK = ("steps", "stages", "parallel", "matrix")
_STAGE = frozenset(("agent", "environment", "failFast", "input", "options", "post", "tools", "when", *_WORK))
_AGENTS = frozenset("any none label node docker dockerfile kubernetes".split())
_POST = frozenset(
    "aborted always changed cleanup failure fixed notBuilt regression success unstable unsuccessful".split()
)
_WHEN = frozenset(
    "allOf anyOf beforeAgent beforeInput beforeOptions branch buildingTag changeRequest changelog changeset environment "
    "equals expression isRestartedRun not tag triggeredBy".split()
)
_INPUT = frozenset("id message ok parameters submitter submitterParameter".split())
_OPTIONS = frozenset(
    "ansiColor authorizationMatrix buildDiscarder checkoutToSubdirectory copyArtifactPermission disableConcurrentBuilds "
    "disableRestartFromStage disableResume durabilityHint gitLabConnection lock newContainerPerStage overrideIndexTriggers "
    "parallelsAlwaysFailFast preserveStashes quietPeriod rateLimitBuilds retry skipDefaultCheckout skipStagesAfterUnstable "
    "throttle timeout timestamps withFolderProperties".split()
)
_TRIGGERS = frozenset("GenericTrigger cron githubPush gitlab parameterizedCron pollSCM upstream".split())
_PARAMETERS = frozenset("booleanParam choice credentials file password run string text".split())
_STEPS = frozenset(
    "archiveArtifacts bat build catchError checkout cleanWs copyArtifacts deleteDir dir echo emailext error fileExists "
    "fingerprint git input isUnix junit library lock mail milestone node parallel powershell properties pwd pwsh readFile "
    "readJSON retry script sh slackSend sleep stage stash throttle timeout timestamps tool unstable unstash waitUntil "
    "warnError withAWS withCredentials withEnv wrap writeFile writeJSON".split()
)
_NEED_A_NODE = frozenset(
    "archiveArtifacts bat checkout cleanWs copyArtifacts deleteDir dir fileExists git junit powershell pwsh readFile sh "
    "stash unstash writeFile".split()
)
_UNITS = frozenset("NANOSECONDS MICROSECONDS MILLISECONDS SECONDS MINUTES HOURS DAYS".split())


class JenkinsPipeline(Gate):
    """Every Jenkinsfile, and that the files which the pipelines and the jobs name are there."""

    name = "jenkins pipeline"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return jenkins_files(bundle)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        found = [item for path in files for item in self._one(path, workspace.bundle)]
        for path in (item.path for item in workspace.bundle if item.path.endswith(".groovy")):
            found += self._jobs(path, workspace.bundle)
        return tuple(dict.fromkeys(found))

    def _one(self, path: str, bundle: Bundle) -> Iterator[Finding]:
        try:
            top = statements(bundle[path].content)
        except Malformed as error:
            yield self.finding("syntax", str(error), file=path, line=error.line)
            return
        for rule, message, line in _Pipeline(top, bundle).problems():
            yield self.finding(rule, message, file=path, line=line)

    def _jobs(self, path: str, bundle: Bundle) -> Iterator[Finding]:
        try:
            top = statements(bundle[path].content)
        except Malformed as error:
            yield self.finding("syntax", str(error), file=path, line=error.line)
            return
        for token in (token for item in top for statement in item.walk() for token in statement.tokens):
            if token.kind == "string" and token.text.endswith("Jenkinsfile") and token.text not in bundle:
                yield self.finding("missing-file", f"there is no {token.text}", file=path, line=token.line)


def jenkins_files(bundle: Bundle) -> tuple[str, ...]:
    """The pipelines of a bundle: `Jenkinsfile`, and whatever ends in it."""
    return tuple(item.path for item in bundle if _is_pipeline(PurePosixPath(item.path).name))


def _is_pipeline(name: str) -> bool:
    return name == "Jenkinsfile" or name.startswith("Jenkinsfile.") or name.endswith(".Jenkinsfile")


Problem = tuple[str, str, int]


class _Pipeline:
    """One file. Problems are `(rule, message, line)`."""

    def __init__(self, top: tuple[Statement, ...], bundle: Bundle) -> None:
        self._top = top
        self._bundle = bundle
        self._stages: dict[str, int] = {}

    def problems(self) -> Iterator[Problem]:
        yield from self._scripts()
        pipelines = [item for item in self._top if item.name == "pipeline"]
        if not pipelines:
            alike = _nearest(next((item.name for item in self._top if item.blocks), ""), ("pipeline",))
            yield "no-pipeline", f"there is no pipeline {{ … }}{alike}", self._top[0].line if self._top else 1
            return
        for other in pipelines[1:]:
            yield "repeated", "there is a second pipeline { … }", other.line
        pipeline = pipelines[0]
        yield from self._known(pipeline.block, _PIPELINE, "pipeline")
        yield from _required(pipeline, ("agent", "stages"), "the pipeline")
        has_agent = any(item.name == "agent" and _word_of(item) != "none" for item in pipeline.block)
        for section in pipeline.block:
            yield from self._section(section, has_agent, inside_parallel=False)
        yield from self._references(pipeline)

    def _section(self, section: Statement, has_agent: bool, *, inside_parallel: bool) -> Iterator[Problem]:
        """What the sections of a pipeline and of a stage have in common."""
        match section.name:
            case "agent":
                yield from self._agent(section)
            case "stages":
                yield from self._stage_list(section, has_agent, inside_parallel=inside_parallel)
            case "post":
                yield from self._known(section.block, _POST, "post")
                for condition in section.block:
                    yield from self._steps(condition, has_agent)
            case "options":
                yield from self._open(section.block, _OPTIONS, "option")
            case "triggers":
                yield from self._open(section.block, _TRIGGERS, "trigger")
            case "parameters":
                yield from self._parameters(section.block)
            case "environment":
                for item in section.block:
                    if len(item.tokens) < 3 or item.tokens[1].text != "=":
                        yield "environment", "an environment holds NAME = value, one a line", item.line
            case _:
                return

    def _agent(self, agent: Statement) -> Iterator[Problem]:
        kinds = agent.block or [agent]
        for item in kinds:
            word = item.name if agent.block else _word_of(agent)
            if word not in _AGENTS:
                yield "agent", f"{word or 'this'} is not a kind of agent{_nearest(word, _AGENTS)}", item.line
            if word == "dockerfile" and item.block:
                given = {inner.name: inner.first() for inner in item.block}
                folder, name = given.get("dir"), given.get("filename")
                path = posixpath.normpath(f"{folder.text if folder else '.'}/{name.text if name else 'Dockerfile'}")
                if path not in self._bundle and folder is not None:
                    yield "missing-file", f"there is no {path} to build this agent from", item.line
            if word == "docker":
                image = next((inner.first() for inner in item.block if inner.name == "image"), item.first())
                if image is None:
                    yield "agent", "a docker agent needs an image", item.line

    def _stage_list(self, section: Statement, has_agent: bool, *, inside_parallel: bool) -> Iterator[Problem]:
        if not section.block:
            yield "empty", f"{section.name} holds no stage", section.line
        for item in section.block:
            if item.name != "stage":
                yield (
                    "unknown",
                    f"{item.name or 'this'} cannot stand in {section.name}{_nearest(item.name, ('stage',))}",
                    item.line,
                )
            else:
                yield from self._stage(item, has_agent, inside_parallel=inside_parallel)

    def _stage(self, stage: Statement, has_agent: bool, *, inside_parallel: bool) -> Iterator[Problem]:
        title = stage.first()
        if title is None or title.kind != "string":
            yield "stage-name", "a stage needs a name, as a string", stage.line
        elif title.text in self._stages:
            yield "repeated", f"the stage {title.text!r} stands already in line {self._stages[title.text]}", stage.line
        else:
            self._stages[title.text] = stage.line
        yield from self._known(stage.block, _STAGE, "a stage")
        works = [item for item in stage.block if item.name in _WORK]
        if len(works) != 1:
            wanted = "one of steps, stages, parallel or matrix"
            yield "stage-work", f"a stage has exactly {wanted}; this one has {len(works)}", stage.line
        here = [item for item in stage.block if item.name == "agent"]
        has_agent = _word_of(here[0]) != "none" if here else has_agent
        for item in stage.block:
            match item.name:
                case "steps":
                    yield from self._steps(item, has_agent)
                case "parallel":
                    if inside_parallel:
                        yield "nested-parallel", "a parallel cannot stand inside a parallel", item.line
                    yield from self._stage_list(item, has_agent, inside_parallel=True)
                case "when":
                    yield from self._when(item)
                case "input":
                    yield from self._input(item)
                case _:
                    yield from self._section(item, has_agent, inside_parallel=inside_parallel)

    def _when(self, when: Statement) -> Iterator[Problem]:
        if not when.block:
            yield "empty", "when holds no condition", when.line
        yield from self._known(when.block, _WHEN, when.name, repeats=True)
        for item in when.block:
            if item.name in ("allOf", "anyOf", "not"):
                yield from self._when(item)

    def _input(self, item: Statement) -> Iterator[Problem]:
        yield from self._known(item.block, _INPUT, "input")
        yield from _required(item, ("message",), "an input")
        if not any(inner.name == "submitter" for inner in item.block):
            yield "submitter", "an input without a submitter may be answered by whoever may start a build", item.line

    def _parameters(self, items: list[Statement]) -> Iterator[Problem]:
        yield from self._open(items, _PARAMETERS, "parameter")
        seen: set[str] = set()
        for item in items:
            name = item.named("name")
            if name is None:
                yield "parameter", f"{item.name} needs a name", item.line
            elif name.text in seen:
                yield "repeated", f"the parameter {name.text} is declared twice", item.line
            else:
                seen.add(name.text)

    def _steps(self, section: Statement, has_agent: bool) -> Iterator[Problem]:
        if not section.block:
            yield "empty", f"{section.name} holds no step", section.line
        for item in section.block:
            if item.name and item.name not in ("if", "else", "def", "for", "try", "return") and _calls(item):
                yield from _misspelt(item, _STEPS, "step")
            if item.name in _NEED_A_NODE and not has_agent:
                yield (
                    "no-agent",
                    f"{item.name} needs an agent, and neither this stage nor one around it has one",
                    item.line,
                )
            if item.name == "timeout":
                unit = item.named("unit")
                if unit is not None and unit.text not in _UNITS:
                    yield "unit", f"{unit.text} is not a unit of time{_nearest(unit.text, _UNITS)}", item.line
            if item.name != "script" and item.blocks:
                yield from self._steps(item, has_agent or item.name == "node")

    def _scripts(self) -> Iterator[Problem]:
        """Scripts that Groovy puts values into: whoever sets the value, writes the script."""
        for statement in (inner for item in self._top for inner in item.walk()):
            for at, token in enumerate(statement.tokens):
                before = statement.tokens[at - 1].text if at else ""
                after = statement.tokens[at + 1] if at + 1 < len(statement.tokens) else None
                if (
                    token.kind != "name"
                    or token.text not in SHELLS
                    or before == "."
                    or after is None
                    or after.text in ":=."
                ):
                    continue
                for bad in _interpolated(statement.tokens[at + 1 :], opened=after.text == "("):
                    yield (
                        "injection",
                        f"Groovy puts a value into this {token.text} script; pass it as an environment variable, and quote the "
                        "script with single quotes",
                        bad.line,
                    )

    def _references(self, pipeline: Statement) -> Iterator[Problem]:
        """Names that are used and must be declared: stashes and parameters."""
        every = list(pipeline.walk())
        stashed = {name.text for item in every if item.name == "stash" if (name := item.named("name") or item.first())}
        for item in every:
            name = item.named("name") or item.first()
            if item.name == "unstash" and name is not None and name.text not in stashed:
                yield "unstash", f"nothing stashes {name.text!r}{_nearest(name.text, stashed)}", item.line
        declared = {
            name.text
            for section in pipeline.block
            if section.name == "parameters"
            for item in section.block
            if (name := item.named("name"))
        }
        for item in every:
            for at in range(len(item.tokens) - 2):
                one, dot, other = item.tokens[at : at + 3]
                if (one.text, dot.text, other.kind) == ("params", ".", "name") and other.text not in declared:
                    # a pipeline that others share its steps with may ask for what it does not take: that is null
                    before = item.tokens[at - 1].text if at else ""
                    if declared or before != "(":
                        yield (
                            "parameter",
                            f"no parameter {other.text} is declared{_nearest(other.text, declared)}",
                            other.line,
                        )

    def _known(
        self, items: list[Statement], names: frozenset[str], where: str, *, repeats: bool = False
    ) -> Iterator[Problem]:
        seen: dict[str, int] = {}
        for item in items:
            if item.name not in names:
                yield "unknown", f"{item.name or 'this'} cannot stand in {where}{_nearest(item.name, names)}", item.line
            elif item.name in seen and not repeats:
                yield "repeated", f"{item.name} stands already in line {seen[item.name]}", item.line
            seen.setdefault(item.name, item.line)

    def _open(self, items: list[Statement], names: frozenset[str], what: str) -> Iterator[Problem]:
        """Names that plugins add to: only what looks like a misspelt known one is refused."""
        for item in items:
            yield from _misspelt(item, names, what)
            unit = item.named("unit")
            if item.name == "timeout" and unit is not None and unit.text not in _UNITS:
                yield "unit", f"{unit.text} is not a unit of time{_nearest(unit.text, _UNITS)}", item.line


def _misspelt(item: Statement, names: frozenset[str], what: str) -> Iterator[Problem]:
    swapped = [name for name in names if sorted(name) == sorted(item.name)]
    if item.name not in names and (alike := _nearest(item.name, swapped or names, cutoff=0.7 if swapped else 0.8)):
        yield "unknown", f"there is no {what} {item.name}{alike}", item.line


def _required(item: Statement, names: Iterable[str], where: str) -> Iterator[Problem]:
    for name in names:
        if not any(inner.name == name for inner in item.block):
            yield "missing", f"{where} needs {name}", item.line


def _word_of(agent: Statement) -> str:
    """`any` or `none`; empty where the agent is a block."""
    first = agent.first()
    return first.text if first is not None and not agent.blocks else ""


def _calls(item: Statement) -> bool:
    """It is a step, not an assignment or a call of something else's method."""
    return len(item.tokens) < 2 or item.tokens[1].text not in ("=", ".", "==", "+=")


def _interpolated(tokens: list[Token], *, opened: bool) -> Iterator[Token]:
    """The strings of one call that are not as they are written."""
    depth = 0
    for at, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "mark" else 0
        if opened and depth == 0:
            return
        joined = [item for item in (*tokens[max(at - 1, 0) : at], *tokens[at + 1 : at + 2]) if item.text == "+"]
        if token.kind == "string" and (token.interpolates or any(item.kind == "mark" for item in joined)):
            yield token


def _nearest(word: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    found = get_close_matches(re.sub(r"\W", "", word), sorted(names), n=1, cutoff=cutoff)
    return f"; did you mean {found[0]}?" if found else ""
