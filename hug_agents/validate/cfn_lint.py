"""cfn-lint: CloudFormation templates against the schema of every resource type, references, conditions, quotas."""

from __future__ import annotations

import os
import re

from hug_agents.bundle import Bundle
from hug_agents.render.naming import CLOUDFORMATION
from hug_agents.validate.gate import Finding, Severity, Workspace
from hug_agents.validate.program import ProgramGate, parsed

_SEVERITY: dict[str, Severity] = {"Error": "error", "Warning": "warning", "Informational": "info"}
_TEMPLATE = re.compile(r"^(AWSTemplateFormatVersion|[\"']AWSTemplateFormatVersion[\"']):", re.MULTILINE)
_CODES = tuple(range(16))
"""A sum: 2 errors, 4 warnings, 8 information. 1, alone, is a template that it could not read."""


class CfnLint(ProgramGate):
    """Errors fail. Warnings do not: they come with lists of engine versions and runtimes that are new every week."""

    name = "cfn-lint"
    tool = "cfn-lint"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return template_files(bundle)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        done = workspace.run([self.tool, "--config-file", os.devnull, "--format", "json", "--", *files])
        return tuple(
            self.finding(
                row["Rule"]["Id"],
                row["Message"],
                severity=_SEVERITY.get(row["Level"], "error"),
                file=_relative(row["Filename"], files),
                line=row["Location"]["Start"]["LineNumber"],
                remedy=row["Rule"].get("ShortDescription", ""),
            )
            for row in parsed(done, codes=_CODES, kind=list)
        )


def template_files(bundle: Bundle) -> tuple[str, ...]:
    """The CloudFormation templates of a bundle: by their folder, or by what they say of themselves."""
    return tuple(
        item.path
        for item in bundle
        if item.path.endswith((".yaml", ".yml"))
        and (item.path.startswith(f"{CLOUDFORMATION}/") or _TEMPLATE.search(item.content))
    )


def _relative(said: str, files: tuple[str, ...]) -> str:
    return next((path for path in files if said == path or said.endswith(f"/{path}")), said)
