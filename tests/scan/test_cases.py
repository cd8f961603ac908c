"""Every case in cases/: files, and what a scan must and must not say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hug_agents.scan import RepositoryFacts, quoting, scan

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


def build(root: Path, files: dict[str, list[str]]) -> Path:
    """Write a case's files (lists of lines) and return the repository's root."""
    for name, lines in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines), encoding="utf-8")
    return root


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case(file: Path, tmp_path: Path) -> None:
    case = json.loads(file.read_text(encoding="utf-8"))
    root = build(tmp_path / "app", case["files"])
    facts = scan(root)
    assert {component.name for component in facts.components} == set(case["components"]), case["why"]
    for component in facts.components:
        expected = case["components"][component.name]
        for path, values in expected["values"].items():
            found = [fact.value for fact in component.values(path)]
            assert sorted(set(map(str, found))) == sorted(map(str, values)), (path, component.values(path))
        for path, place in expected.get("where", {}).items():
            assert place in [f"{fact.file}:{fact.line}" for fact in component.values(path)], component.values(path)
        for path, confidence in expected.get("confidence", {}).items():
            assert component.values(path)[0].confidence == confidence, component.values(path)
    check_places(root, facts)
    check_rest(facts, case)


def check_places(root: Path, facts: RepositoryFacts) -> None:
    """Every fact names a file and a line that are there, and quotes that line."""
    for fact in [*facts.facts, *(fact for component in facts.components for fact in component.facts)]:
        lines = (root / fact.file).read_text(encoding="utf-8").split("\n")
        line = lines[fact.line - 1]
        if quoting.MARK not in fact.quote:
            assert fact.quote in quoting.clean(line), fact
        assert fact.quote or not line.strip(), fact
        assert len(fact.quote) <= 300


def check_rest(facts: RepositoryFacts, case: dict[str, Any]) -> None:
    said = facts.model_dump_json()
    for text in case.get("forbidden", []):
        assert text not in said
    for text in case.get("unread", []):
        assert any(text in item.why for item in facts.unread), facts.unread
    if "existing" in case:
        assert [f"{item.kind} {item.file}" for item in facts.existing] == case["existing"]
    for name in ("repository", "default_branch"):
        if name in case:
            assert getattr(facts, name) == case[name]


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 40
