"""actionlint: events, expressions, job graphs and untrusted input of GitHub workflows; shellcheck inside steps."""

from __future__ import annotations

from pathlib import PurePosixPath

from hug_agents.bundle import Bundle
from hug_agents.process import find
from hug_agents.validate.gate import Finding, Severity, Workspace
from hug_agents.validate.program import ProgramGate, parsed


class Actionlint(ProgramGate):
    """Every finding of actionlint fails, but for the remarks that shellcheck itself calls style or information."""

    name = "actionlint"
    tool = "actionlint"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return workflow_files(bundle)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        shellcheck = find("shellcheck") or ""
        argv = [self.tool, "-no-color", "-pyflakes=", f"-shellcheck={shellcheck}", "-format", "{{json .}}", *files]
        done = workspace.run(argv)
        rows = parsed(done, codes=(0, 1), kind=list)
        return tuple(
            self.finding(
                f"actionlint/{row['kind']}",
                row["message"],
                severity=_severity(row["kind"], row["message"]),
                file=row["filepath"],
                line=row["line"],
            )
            for row in rows
        )


def workflow_files(bundle: Bundle) -> tuple[str, ...]:
    """The GitHub workflows of a bundle."""
    return tuple(
        item.path
        for item in bundle.under(".github/workflows/")
        if PurePosixPath(item.path).suffix in (".yml", ".yaml") and item.path.count("/") == 2
    )


def _severity(kind: str, message: str) -> Severity:
    if kind == "shellcheck" and (":info:" in message or ":style:" in message):
        return "info"
    return "error"
