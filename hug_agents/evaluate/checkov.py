"""Checkov: its own checks for security, and a task's custom policies for intent. Not installed with us: it is 290 MB."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hug_agents.errors import ProcessError
from hug_agents.evaluate.stage import Stage, passed, skipped
from hug_agents.process import find, run

MISSING = "checkov, install with pipx install checkov"
_SECONDS = 180
_OFFLINE = {"BC_SKIP_MAPPING": "TRUE", "CHECKOV_RUN_SCA_PACKAGE_SCAN_V2": "false", "LOG_LEVEL": "ERROR"}


def security(file: Path, framework: str) -> Stage:
    """Every check of Checkov's own for this kind of file."""
    if find("checkov") is None:
        return skipped("security", MISSING)
    try:
        report = _report(file, framework, ())
    except (ProcessError, ValueError) as error:
        return skipped("security", f"checkov failed: {error}")
    return passed("security", [_shown(row) for row in _rows(report, "failed_checks")])


def intent(file: Path, framework: str, policies: tuple[str, ...], ids: tuple[str, ...], folder: Path) -> Stage:
    """The task's own policies: every id must be among what passed, as DPIaC-Eval has it."""
    if not policies or not ids:
        return skipped("intent", "the task has none")
    if find("checkov") is None:
        return skipped("intent", MISSING)
    own = folder / "policies"
    own.mkdir()
    for number, policy in enumerate(policies):
        (own / f"intent{number}.yaml").write_text(policy, encoding="utf-8")
    try:
        report = _report(file, framework, ("--external-checks-dir", str(own), "--check", ",".join(ids)))
    except (ProcessError, ValueError) as error:
        return skipped("intent", f"checkov failed: {error}")
    kept = {str(row.get("check_id")) for row in _rows(report, "passed_checks")}
    return passed("intent", [f"{id} does not pass" for id in ids if id not in kept])


def _report(file: Path, framework: str, more: tuple[str, ...]) -> Any:
    argv = ["checkov", "--file", file.name, "--framework", framework, "--output", "json", "--quiet", "--compact"]
    if more:
        argv.remove("--quiet")  # it leaves out what passed
    done = run([*argv, "--skip-download", *more], cwd=file.parent, timeout=_SECONDS, env=_OFFLINE)
    if done.code not in (0, 1) or not done.stdout.strip():
        raise ValueError(done.output[:300] or "it said nothing")
    return json.loads(done.stdout)


def _rows(report: Any, kind: str) -> list[dict[str, Any]]:
    parts = report if isinstance(report, list) else [report]
    return [row for part in parts for row in part.get("results", {}).get(kind, ())]


def _shown(row: dict[str, Any]) -> str:
    lines = row.get("file_line_range") or [0]
    return f"{row.get('check_id')} {row.get('check_name')} ({row.get('resource')}, line {lines[0]})"
