"""amtool: the Alertmanager's configuration."""

from __future__ import annotations

import re

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.program import ProgramGate, checked
from hug_agents.validate.promtool import prometheus_files


class Amtool(ProgramGate):
    """Routes lead to receivers that exist, and no field is unknown."""

    name = "amtool check-config"
    tool = "amtool"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return prometheus_files(bundle, "receivers")

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        findings = []
        for path in files:
            done = checked(workspace.run([self.tool, "check-config", path]), (0, 1))
            if done.code:
                said = done.output.partition("FAILED:")[2].partition("amtool: error")[0].strip() or done.output
                line = re.search(r"line (\d+)", said)
                quoted = re.findall(r'"([^"\n]+)"', said)
                rows = enumerate(workspace.bundle[path].content.splitlines(), 1)
                place = int(line.group(1)) if line else next((n for n, row in rows if any(q in row for q in quoted)), 1)
                findings.append(self.finding("amtool", said, file=path, line=place))
        return tuple(findings)
