"""gitlab-ci-local: what GitLab would make of a pipeline: includes, inputs, extends, needs, stages, rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.canonical import canonical_json
from hug_agents.errors import ProcessError
from hug_agents.process import Completed
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.located import Malformed, documents
from hug_agents.validate.program import ProgramGate, checked

ROOT = ".gitlab-ci.yml"
_INCLUDED = re.compile(r"\.gitlab/ci/[^/]+\.ya?ml")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CRASHED = re.compile(r"^node:internal/|MODULE_NOT_FOUND", re.MULTILINE)
"""Node's own words: the program fell over, which says nothing of the pipeline."""
_NOISE = re.compile(r"WARN|remote branch|fallback|parsing and downloads|set-head|^\s*at |json schema")


class GitlabCiLocal(ProgramGate):
    """The pipeline of a merge request, and those of the default branch: each option of an input in one of them at least.

    Not required: GitLab's own schema is held by check-jsonschema, and this is no program of GitLab's.
    """

    name = "gitlab-ci-local"
    tool = "gitlab-ci-local"
    required = False
    writes = True

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return gitlab_files(bundle)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        checked(workspace.run(["git", "init", "--quiet", "--initial-branch", "main"]), codes=(0,))
        findings: dict[str, Finding] = {}
        for source, inputs in _pipelines(workspace.bundle):
            wrapper = workspace.root / ".hug-wrapper.yml"
            included: dict[str, Any] = {"local": ROOT, **({"inputs": inputs} if inputs else {})}
            wrapper.write_bytes(canonical_json({"include": [included]}))
            done = workspace.run(
                [
                    self.tool,
                    *("--file", wrapper.name, "--home", str(workspace.scratch)),
                    *("--list-csv-all", "--no-json-schema-validation", "--no-color"),
                    *("--variable", f"CI_PIPELINE_SOURCE={source}"),
                ],
                env={"NO_COLOR": "1"},
            )
            checked(done, codes=(0, 1))
            if _CRASHED.search(done.output):
                raise ProcessError(f"{self.tool} cannot run here: {_said(done)}; install it again")
            if done.code:
                said = _said(done)
                file, line = _place(workspace.bundle, files, said)
                findings.setdefault(said, self.finding("gitlab-ci-local", said, file=file, line=line))
        return tuple(findings.values())


def gitlab_files(bundle: Bundle) -> tuple[str, ...]:
    """The pipeline of a bundle and what it includes; none without a pipeline."""
    if ROOT not in bundle:
        return ()
    return (ROOT, *(item.path for item in bundle if _INCLUDED.fullmatch(item.path)))


def _pipelines(bundle: Bundle) -> Iterator[tuple[str, dict[str, Any]]]:
    """Source and inputs of the pipelines that are looked at. The program needs every input of the first file."""
    declared = _inputs(bundle)
    plain = {name: row.get("default", "") for name, row in declared.items()}
    yield "merge_request_event", plain
    options = {name: row["options"] for name, row in declared.items() if isinstance(row.get("options"), list)}
    for chosen in zip_longest(*options.values()) if options else [()]:
        given = {name: value for name, value in zip(options, chosen, strict=True) if value is not None}
        yield "web", {**plain, **given}


def _inputs(bundle: Bundle) -> dict[str, dict[str, Any]]:
    try:
        header = next(iter(documents(bundle[ROOT].content)), None)
    except Malformed:
        return {}
    spec = header.data.get("spec") if header is not None and isinstance(header.data, dict) else None
    rows = spec.get("inputs") if isinstance(spec, dict) else None
    return {str(name): row or {} for name, row in rows.items()} if isinstance(rows, dict) else {}


def _said(done: Completed) -> str:
    rows = [_COLOURS.sub("", row).strip() for row in done.output.splitlines()]
    return "; ".join(row for row in rows if row and not _NOISE.search(row))[:500] or "it gave no reason"


def _place(bundle: Bundle, files: tuple[str, ...], said: str) -> tuple[str, int]:
    """The job that is spoken of, by its name; else the file that is named; else the first file."""
    named: list[tuple[int, str, int]] = []
    for path in files:
        try:
            found = documents(bundle[path].content)
        except Malformed as error:
            return path, error.line
        for document in found:
            for name in document.data if isinstance(document.data, dict) else ():
                if re.search(rf"(?<![\w.-]){re.escape(str(name))}(?![\w-])", said):
                    named.append((len(str(name)), path, document.line(str(name))))
    if named:
        return max(named)[1:]
    return next((path for path in files if path in said), ROOT), 1
