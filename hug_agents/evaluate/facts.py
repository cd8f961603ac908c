"""A scan against the truth of its repository: each fact found, missing or wrong."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from pydantic import Field

from hug_agents.evaluate.suite import RepositoryCase
from hug_agents.scan import Component, RepositoryFacts, scan
from hug_agents.spec import Line, Model

CLOSED = ("port", "health_path", "health_port", "dependency", "env", "framework")
"""On these paths whatever a case does not list is wrong; on others only what contradicts the list."""


class FactScore(Model):
    """How one repository was read."""

    case: Line
    found: tuple[Line, ...] = ()
    missing: tuple[Line, ...] = ()
    wrong: tuple[Line, ...] = Field((), description="said, and not so")


def score_repository(case: RepositoryCase) -> FactScore:
    """Lay out the case's files, scan them, and judge."""
    if case.folder is not None:
        return score_facts(case, scan(case.folder))
    with tempfile.TemporaryDirectory(prefix="hug-eval-") as folder:
        root = Path(folder) / case.id
        for name, text in case.files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return score_facts(case, scan(root))


def score_facts(case: RepositoryCase, facts: RepositoryFacts) -> FactScore:
    """What a scan says, against the case. `*` is the name of the only component, whatever it is called."""
    components = {item.name: item for item in facts.components}
    if list(case.components) == ["*"] and len(components) == 1:
        components = {"*": next(iter(components.values()))}
    found, missing, wrong = [], [], []
    for name, expected in case.components.items():
        component = components.pop(name, None)
        for path, listed in expected.items():
            said = _values(component, path)
            found += [f"{name}.{path} = {item}" for item in listed if str(item) in said]
            missing += [f"{name}.{path} = {item}" for item in listed if str(item) not in said]
        paths = {*CLOSED, *expected}
        wrong += [
            f"{name}.{path} = {item}"
            for path in sorted(paths)
            for item in _values(component, path)
            if item not in map(str, expected.get(path, ()))
        ]
    wrong += [f"{name}: a component that is none" for name in components]
    return FactScore(case=case.id, found=tuple(found), missing=tuple(missing), wrong=tuple(wrong))


def _values(component: Component | None, path: str) -> list[str]:
    return list(dict.fromkeys(_text(fact.value) for fact in component.values(path))) if component else []


def _text(value: Any) -> str:
    return str(value)
