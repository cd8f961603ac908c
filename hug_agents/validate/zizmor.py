"""zizmor: the security of GitHub workflows, offline."""

from __future__ import annotations

import re

from hug_agents.bundle import Bundle
from hug_agents.validate.actionlint import workflow_files
from hug_agents.validate.gate import Finding, Severity, Workspace
from hug_agents.validate.program import ProgramGate, parsed

_SEVERITY: dict[str, Severity] = {"High": "error", "Medium": "error", "Low": "warning", "Informational": "info"}
_FOUND = (0, 10, 11, 12, 13, 14)
"""Nothing found; or, by the worst severity, something."""
_UNREADABLE = re.compile(r"failed to load file://(?P<file>\S+) as \w+.*?(?:\n\s*\d+: (?P<why>[^\n]+))", re.DOTALL)


class Zizmor(ProgramGate):
    """Medium and high severities fail. No configuration of the machine or the bundle is read."""

    name = "zizmor"
    tool = "zizmor"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return workflow_files(bundle)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        quiet = ("--offline", "--no-config", "--no-progress", "--quiet", "--strict-collection")
        done = workspace.run([self.tool, *quiet, "--format", "json-v1", *files], env={"RUST_BACKTRACE": "0"})
        if done.code == 1 and (unreadable := _UNREADABLE.search(done.stderr)):
            line = re.search(r" at line (\d+)", unreadable["why"])
            return (
                self.finding(
                    "zizmor/unreadable",
                    f"zizmor cannot read this workflow: {unreadable['why']}",
                    file=unreadable["file"],
                    line=int(line.group(1)) if line else 1,
                ),
            )
        findings = []
        for row in parsed(done, codes=_FOUND, kind=list):
            primary = next(item for item in row["locations"] if item["symbolic"]["kind"] == "Primary")
            key = primary["symbolic"]["key"]["Local"]
            findings.append(
                self.finding(
                    f"zizmor/{row['ident']}",
                    f"{row['desc']}: {primary['symbolic']['annotation']}",
                    severity=_SEVERITY.get(row["determinations"]["severity"], "error"),
                    file=key.get("given_path") or key["verbatim_path"],
                    line=primary["concrete"]["location"]["start_point"]["row"] + 1,
                    remedy=row["url"],
                )
            )
        return tuple(findings)
