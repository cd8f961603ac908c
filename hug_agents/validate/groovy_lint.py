"""npm-groovy-lint: pipelines and jobs as Groovy's own parser reads them. Optional: it needs Java, and takes seconds."""

from __future__ import annotations

import re
from pathlib import Path

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.jenkinsfile import jenkins_files
from hug_agents.validate.program import ProgramGate, parsed

_LINE = re.compile(r"@ line (\d+)")


class GroovyLint(ProgramGate):
    """Syntax only: matters of style are not asked about, and what a pipeline means is the structural check's."""

    name = "npm-groovy-lint"
    tool = "npm-groovy-lint"
    required = False

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return (*jenkins_files(bundle), *(item.path for item in bundle if item.path.endswith(".groovy")))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        argv = [self.tool, "--noserver", "--parse", "--no-insight", "--output", "json", *files]
        report = parsed(workspace.run(argv, timeout=300), codes=(0, 1), kind=dict)
        return tuple(
            self.finding(
                row["rule"],
                row["msg"],
                file=str(Path(name).relative_to(workspace.root)),
                line=int(found[1]) if (found := _LINE.search(row["msg"])) else int(row["line"]),
            )
            for name, found_in in report["files"].items()
            for row in found_in["errors"]
            if row["rule"] == "NglParseError"
        )
