"""A CloudFormation template, judged as DPIaC-Eval does, without an account: cfn-lint, the custom policies, security."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from hug_agents.errors import ProcessError
from hug_agents.evaluate import checkov
from hug_agents.evaluate.published import InfrastructureTask
from hug_agents.evaluate.stage import Stage, not_reached, passed, skipped
from hug_agents.process import find, run

MISSING = "cfn-lint, install with pip install cfn-lint"
_UNREADABLE = ("E0000", "E1001")
"""The rules by which cfn-lint says that this is no template at all."""


def judge(task: InfrastructureTask, content: str, folder: Path) -> Iterator[Stage]:
    """Each stage in turn. Whether it deploys, only AWS can tell."""
    file = folder / "template.yaml"
    file.write_text(content, encoding="utf-8")
    parses, validates = _lint(file)
    yield parses
    if parses.status == "failed":
        yield from not_reached("validates", "plans", "intent", "security")
        return
    yield validates
    yield skipped("plans", "a change set is made by AWS alone, which needs an account")
    yield checkov.intent(file, "cloudformation", task.intent, task.checks, folder)
    yield checkov.security(file, "cloudformation")


def _lint(file: Path) -> tuple[Stage, Stage]:
    if find("cfn-lint") is None:
        return skipped("parses", MISSING), skipped("validates", MISSING)
    try:
        done = run(["cfn-lint", "--format", "json", "--", file.name], cwd=file.parent, timeout=120)
        rows = json.loads(done.stdout or "[]")
    except (ProcessError, ValueError) as error:
        return skipped("parses", f"cfn-lint failed: {error}"), skipped("validates", f"cfn-lint failed: {error}")
    errors = [row for row in rows if row.get("Level") == "Error"]
    unreadable = [row for row in errors if row["Rule"]["Id"] in _UNREADABLE]
    return passed("parses", [_shown(row) for row in unreadable]), passed("validates", [_shown(row) for row in errors])


def _shown(row: dict[str, object]) -> str:
    rule, place = row.get("Rule"), row.get("Location")
    id = rule.get("Id") if isinstance(rule, dict) else ""
    line = place.get("Start", {}).get("LineNumber", 0) if isinstance(place, dict) else 0
    return f"{id} {row.get('Message')} (template.yaml:{line})"
