"""shellcheck: shell scripts."""

from __future__ import annotations

from pathlib import PurePosixPath

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Severity, Workspace
from hug_agents.validate.program import ProgramGate, parsed

_SEVERITY: dict[str, Severity] = {"error": "error", "warning": "error", "info": "warning", "style": "info"}


class Shellcheck(ProgramGate):
    """Errors and warnings fail. No configuration of the machine or the bundle is read."""

    name = "shellcheck"
    tool = "shellcheck"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle if _is_shell(item.path, item.content))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        done = workspace.run([self.tool, "--norc", "--external-sources", "-f", "json1", *files])
        return tuple(
            self.finding(
                f"SC{row['code']}",
                row["message"],
                severity=_SEVERITY.get(row["level"], "error"),
                file=row["file"],
                line=row["line"],
                remedy=f"https://www.shellcheck.net/wiki/SC{row['code']}",
            )
            for row in parsed(done, codes=(0, 1), kind=dict)["comments"]
        )


def _is_shell(path: str, content: str) -> bool:
    first = content.partition("\n")[0]
    shebang = first.startswith("#!") and first.split("/")[-1].split()[-1:] in (["sh"], ["bash"])
    return shebang or PurePosixPath(path).suffix in (".sh", ".bash")
