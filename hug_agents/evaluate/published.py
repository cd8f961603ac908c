"""Infrastructure tasks in the forms in which others publish them: IaC-Eval's CSV and DPIaC-Eval's.

IaC-Eval (github.com/autoiac-project/iac-eval): `Prompt`, `Rego intent`, `Reference output`, and more that is not needed.
DPIaC-Eval (github.com/Tianyi2/IaCGen): `prompt`, `ground_truth_path`, `user_intent_file_path`, `user_intent_id`; the last
two may hold several, with commas, and paths have backslashes.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from hug_agents.errors import UsageError
from hug_agents.spec import Line, Model

Form = Literal["iac_eval", "dpiac_eval"]


class InfrastructureTask(Model):
    """One thing to be written, and how to tell whether it is what was meant."""

    id: Line
    form: Form
    prompt: str
    intent: tuple[str, ...] = Field((), description="IaC-Eval: one Rego module; DPIaC-Eval: Checkov policies as YAML")
    checks: tuple[Line, ...] = Field((), description="DPIaC-Eval: ids of those policies, all of which must pass")
    reference: str = Field("", description="the answer that the publishers give; empty: none is there")
    difficulty: Line = ""

    @property
    def language(self) -> Literal["terraform", "cloudformation"]:
        """What it is written in."""
        return "terraform" if self.form == "iac_eval" else "cloudformation"


def read_csv(file: Path) -> Iterator[InfrastructureTask]:
    """The tasks of one published file, in its order. Raises UsageError where its columns are of neither form."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    lines = _text(file).splitlines(keepends=True)
    tables = [csv.DictReader(lines, delimiter=delimiter) for delimiter in ",;\t"]  # a spreadsheet may write any
    for table in tables:
        table.fieldnames = [name.strip() for name in table.fieldnames or ()]
        if {"Prompt", "Rego intent"} <= set(table.fieldnames):
            return _iac_eval(file, list(table))
        if {"prompt", "user_intent_id", "user_intent_file_path"} <= set(table.fieldnames):
            return _dpiac(file, list(table))
    found = ", ".join(tables[0].fieldnames or ())[:200] or "none"
    raise UsageError(
        f"its columns are neither IaC-Eval's nor DPIaC-Eval's: {found}",
        where=str(file),
        hint="`Prompt` and `Rego intent`; or `prompt`, `user_intent_file_path` and `user_intent_id`",
    )


def _iac_eval(file: Path, rows: list[dict[str, str]]) -> Iterator[InfrastructureTask]:
    for number, row in enumerate(rows, 1):
        if row["Prompt"]:  # the publishers leave rows empty
            yield InfrastructureTask(
                id=f"{file.stem}:{number}",
                form="iac_eval",
                prompt=row["Prompt"],
                intent=(row["Rego intent"],) if row["Rego intent"] else (),
                reference=row.get("Reference output") or "",
                difficulty=row.get("Difficulty") or row.get("Complexity") or "",
            )


def _dpiac(file: Path, rows: list[dict[str, str]]) -> Iterator[InfrastructureTask]:
    for number, row in enumerate(rows, 1):
        if row["prompt"]:
            yield InfrastructureTask(
                id=f"{file.stem}:{row.get('row_number') or number}",
                form="dpiac_eval",
                prompt=row["prompt"],
                intent=tuple(_beside(file, path, required=True) for path in _listed(row, "user_intent_file_path")),
                checks=_listed(row, "user_intent_id"),
                reference=_beside(file, row.get("ground_truth_path") or ""),
                difficulty=row.get("difficulty_level") or "",
            )


def _listed(row: Mapping[str, str], column: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in (row[column] or "").split(",") if part.strip())


def _beside(file: Path, path: str, *, required: bool = False) -> str:
    """A file that a row names: from the CSV's folder, or from the root of the publishers' repository above it."""
    parts = Path(path.replace("\\", "/")).parts
    if parts and ".." not in parts and not Path(*parts).is_absolute():
        for root in (file.parent, file.parent.parent):
            if (found := root.joinpath(*parts)).is_file():
                return _text(found)
    if required:
        raise UsageError(f"names a file that is not there: {path}", where=str(file))
    return ""


def _text(file: Path) -> str:
    """Published files are UTF-8, some with marks of Windows-1252."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot be read: {error}", where=str(file)) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
