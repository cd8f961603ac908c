"""Every gate against good and bad input: one YAML file a gate, one case a behaviour, the real tool on each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents.plans import Blueprint
from hug_agents.validate.registry import gates
from tests.validate.conftest import bundle_of, run_one

FILES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in FILES
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CASES)
def test_gate(case: dict[str, Any], blueprint: Blueprint) -> None:
    result = run_one(case["gate"], bundle_of(case["files"]), blueprint)
    assert result.status == case["status"], (result.reason, result.findings)
    assert result.version or not result.tool or result.tool == "hug-agents"
    for expected in case.get("findings", ()):
        wanted = {key: expected[key] for key in ("severity", "rule", "file", "line") if key in expected}
        says = expected.get("says", "")
        alike = [
            finding
            for finding in result.findings
            if all(getattr(finding, key) == value for key, value in wanted.items()) and says in finding.message
        ]
        assert alike, f"no finding is {expected}; there are {[item.model_dump() for item in result.findings]}"
    if case["status"] == "passed" and "findings" not in case:
        assert result.findings == ()


def test_every_gate_has_a_good_and_a_bad_case() -> None:
    for gate in gates():
        # their cases are mutations of real bundles: tests/validate/policy, coherence, test_pulumi and test_ecs
        if gate.name in ("policy pack", "coherence", "pulumi mocks", "pulumi test", "ecs model"):
            continue
        if not gate.required and gate.missing():  # a bonus where the program can be had, which is not here
            continue
        seen = {case.values[0]["status"] for case in CASES if case.values[0]["gate"] == gate.name}
        assert seen >= {"passed", "failed"}, gate.name


def test_every_bad_case_names_a_place() -> None:
    for case in (param.values[0] for param in CASES):
        if case["status"] == "failed":
            assert any("file" in item and "line" in item for item in case["findings"]), case["name"]
