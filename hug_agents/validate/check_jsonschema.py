"""check-jsonschema: files whose format has a published schema, held against the copy that the program carries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.located import Malformed, documents, steps
from hug_agents.validate.program import ProgramGate, parsed

_GITLAB = "vendor.gitlab-ci"
_BETWEEN = re.compile(r"^---[ \t]*\n", re.MULTILINE)
_SCHEMAS = (
    ("vendor.github-workflows", re.compile(r"\.github/workflows/[^/]+\.ya?ml")),
    ("vendor.github-actions", re.compile(r"(\.github/actions/.+/)?action\.ya?ml")),
    ("vendor.dependabot", re.compile(r"\.github/dependabot\.ya?ml")),
    ("vendor.renovate", re.compile(r"(\.github/)?renovate\.json5?")),
    (_GITLAB, re.compile(r"\.gitlab-ci\.ya?ml|\.gitlab/ci/[^/]+\.ya?ml")),
    ("vendor.circle-ci", re.compile(r"\.circleci/config\.ya?ml")),
    ("vendor.compose-spec", re.compile(r"(.+/)?(docker-)?compose\.ya?ml")),
)


class CheckJsonschema(ProgramGate):
    """Structure only: a name that nothing defines passes here and fails at actionlint."""

    name = "check-jsonschema"
    tool = "check-jsonschema"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle if _schema(item.path))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        for schema in sorted({_schema(path) for path in files}):
            group = [path for path in files if _schema(path) == schema]
            argv = [self.tool, "--builtin-schema", schema, "-o", "json"]
            parts = {path: (path, 0) for path in group}
            if schema == _GITLAB:
                argv += ["--data-transform", "gitlab-ci"]
                parts = {name: part for path in group for name, part in _lay_out(workspace, path).items()}
            report = parsed(workspace.run([*argv, *parts]), codes=(0, 1), kind=dict)
            findings += self._read(report, schema, workspace.bundle, parts)
        return tuple(findings)

    def _read(
        self, report: dict[str, object], schema: str, bundle: Bundle, parts: Mapping[str, tuple[str, int]]
    ) -> Iterator[Finding]:
        errors, unread = report.get("errors"), report.get("parse_errors")
        for row in errors if isinstance(errors, list) else []:
            best = row.get("best_deep_match") or row.get("best_match") or row
            file, number = parts[row["filename"]]
            yield self.finding(
                schema,
                f"{best['path']}: {best['message']}",
                file=file,
                line=_line(bundle, file, number, best["path"]),
            )
        for row in unread if isinstance(unread, list) else []:
            name, _ = parts[row["filename"] if isinstance(row, dict) else str(row)]
            said = row.get("message", "") if isinstance(row, dict) else ""
            yield self.finding(schema, f"this cannot be parsed: {said}", file=name, line=_broken(bundle, name))


def _lay_out(workspace: Workspace, path: str) -> dict[str, tuple[str, int]]:
    """A file of GitLab may be two documents, a header and a configuration: each in a file of its own, by its name."""
    found = {}
    for number, text in enumerate(_BETWEEN.split(workspace.bundle[path].content)):
        target = workspace.scratch / f"{path.replace('/', '-')}.{number}.yml"
        target.write_text(text, encoding="utf-8")
        found[str(target)] = (path, number)
    return found


def _schema(path: str) -> str:
    return next((schema for schema, pattern in _SCHEMAS if pattern.fullmatch(path)), "")


def _line(bundle: Bundle, file: str, number: int, path: str) -> int:
    try:
        found = documents(bundle[file].content)
    except (KeyError, Malformed):
        return 1
    return found[number].line(*steps(path)) if number < len(found) else 1


def _broken(bundle: Bundle, file: str) -> int:
    try:
        documents(bundle[file].content)
    except KeyError:
        return 1
    except Malformed as error:
        return error.line
    return 1
