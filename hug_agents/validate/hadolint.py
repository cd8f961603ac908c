"""hadolint: Dockerfiles."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Severity, Workspace
from hug_agents.validate.program import ProgramGate, parsed

_SEVERITY: dict[str, Severity] = {"error": "error", "warning": "error", "info": "warning", "style": "info"}
"""A file that we wrote ourselves has no reason to keep a warning."""


class Hadolint(ProgramGate):
    """Errors and warnings fail. No configuration of the machine or the bundle is read."""

    name = "hadolint"
    tool = "hadolint"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return docker_files(bundle)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        done = workspace.run([self.tool, "-c", os.devnull, "--no-color", "--format", "json", *files])
        return tuple(
            self.finding(
                row["code"],
                row["message"],
                severity=_SEVERITY.get(row["level"], "error"),
                file=row["file"],
                line=row["line"],
                remedy=f"https://github.com/hadolint/hadolint/wiki/{row['code']}" if row["code"][:2] == "DL" else "",
            )
            for row in parsed(done, codes=(0, 1), kind=list)
        )


def docker_files(bundle: Bundle) -> tuple[str, ...]:
    """The Dockerfiles of a bundle."""
    return tuple(item.path for item in bundle if _is_dockerfile(PurePosixPath(item.path).name))


def _is_dockerfile(name: str) -> bool:
    return name == "Dockerfile" or name.startswith("Dockerfile.") or name.endswith(".Dockerfile")
