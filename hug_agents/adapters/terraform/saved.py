"""Plan files that wait for an approval. They hold variables and attributes in clear, so they never enter the store.

A plan file has another digest each time it is made. While the world and the bundle are the same, the one that was made
first is found again: the same world gives the same saved plan.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from hug_agents.adapters.terraform.commands import Planned
from hug_agents.adapters.terraform.plan import content
from hug_agents.adapters.terraform.workspace import APPROVED
from hug_agents.canonical import sha256
from hug_agents.execute.target import PlanStale, SavedPlan
from hug_agents.spec import Line, Model

_KEPT = 5
"""Plan files of one environment; the oldest go."""
FILE = "plan-file"


class Label(Model):
    """What a kept plan file is: beside it, because `content` is computed over secrets."""

    content: Line
    about: Line
    variables: dict[str, str] = Field(default_factory=dict, description="a keyed digest of each that was given")


def keep(folder: Path, planned: Planned, saved: SavedPlan, given: Mapping[str, str]) -> SavedPlan:
    """Keep a new plan file, or find the one that says the same; returns the plan that names it."""
    label = Label(content=content(planned.document), about=saved.digest(), variables=dict(given))
    name = _same(folder, label)
    if name is None:
        name = sha256(planned.path.read_bytes())
        planned.path.chmod(0o600)
        planned.path.replace(_path(folder, name))
        _path(folder, name, ".json").write_text(label.model_dump_json(), encoding="utf-8")
    else:
        planned.path.unlink(missing_ok=True)
    _forget_oldest(folder)
    return saved.model_copy(update={"settings": {**saved.settings, FILE: name}})


def approved(folder: Path, saved: SavedPlan) -> Path:
    """The plan file that was approved, as a copy that was checked. Raises PlanStale where it is not there as it was."""
    path = _path(folder, saved.settings[FILE])
    checked = folder / APPROVED
    checked.unlink(missing_ok=True)
    try:
        shutil.copyfile(path, checked)
    except FileNotFoundError:
        raise PlanStale(f"the approved plan file is not on this machine any more: {path.name}") from None
    checked.chmod(0o600)
    if sha256(checked.read_bytes()) != saved.settings[FILE]:
        checked.unlink()
        raise PlanStale(f"the plan file {path.name} was changed after it was approved; it was not used")
    return checked


def variables(folder: Path, saved: SavedPlan) -> dict[str, str]:
    """What the plan was given, as keyed digests; none where the plan file is gone."""
    try:
        return Label.model_validate_json(_path(folder, saved.settings[FILE], ".json").read_bytes()).variables
    except (FileNotFoundError, ValidationError):
        return {}


def forget(folder: Path) -> None:
    """No plan file outlives an apply: the state has moved on, and what they hold is secret."""
    for path in folder.glob("*"):
        path.unlink(missing_ok=True)


def _same(folder: Path, label: Label) -> str | None:
    for path in sorted(folder.glob("*.json")):
        try:
            known = Label.model_validate_json(path.read_bytes())
        except ValidationError:
            continue
        name = f"sha256:{path.stem}"
        plan = _path(folder, name)
        if known == label and plan.is_file() and sha256(plan.read_bytes()) == name:
            return name
    return None


def _path(folder: Path, name: str, suffix: str = ".tfplan") -> Path:
    return folder / (name.removeprefix("sha256:") + suffix)


def _forget_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*.tfplan"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in files[_KEPT:]:
        path.unlink()
        path.with_suffix(".json").unlink(missing_ok=True)
