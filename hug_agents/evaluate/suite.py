"""A suite: what is asked, and what is true. A folder or a file that the user names; ours ships with the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from hug_agents.errors import UsageError
from hug_agents.evaluate.published import InfrastructureTask, read_csv
from hug_agents.request import Request
from hug_agents.spec import Line, Model

Split = Literal["develop", "held_out", "second", "third", "fourth", "fifth"]
SHIPPED = Path(__file__).parent / "suite"
"""The suite that ships: requests and repositories, written for this project by its authors."""


class RequestCase(Model):
    """One request, every value that its words state, and what must be asked."""

    id: Line
    request: str
    expect: dict[str, Any] = Field(description="by path; `*`: each environment or service; `a|b`: either path or value")
    ask: dict[str, str] = Field(
        default_factory=dict, description="question id, or ids with |, and the requester's answer"
    )
    allow: tuple[Line, ...] = Field((), description="paths that may be stated or not")
    split: Split = "develop"

    @field_validator("request")
    @classmethod
    def _is_one(cls, text: str) -> str:
        Request(text=text)
        return text


class RepositoryCase(Model):
    """A small repository and what a scan must say of each of its components."""

    id: Line
    why: str = ""
    files: dict[str, str] = Field(default_factory=dict, description="by path")
    folder: Path | None = Field(None, description="instead of files: a folder beside this file")
    components: dict[str, dict[str, list[Any]]]
    split: Split = "develop"


class Suite(Model):
    """Everything that is asked, in a fixed order."""

    name: Line
    requests: tuple[RequestCase, ...] = ()
    repositories: tuple[RepositoryCase, ...] = ()
    tasks: tuple[InfrastructureTask, ...] = ()
    authors: tuple[Line, ...] = ()

    def __len__(self) -> int:
        return len(self.requests) + len(self.repositories) + len(self.tasks)


def load(paths: tuple[Path, ...] = (), *, split: Split | None = None, limit: int | None = None) -> Suite:
    """The suite of the files and folders named; without any, ours. `limit`: at most so many of each kind.

    YAML or JSON with `cases` holds requests, with `components` a repository; CSV holds published infrastructure tasks.
    A split leaves out the other half; what says no split belongs to both. Raises UsageError, naming the file.
    """
    requests: list[RequestCase] = []
    repositories: list[RepositoryCase] = []
    tasks: list[InfrastructureTask] = []
    authors: dict[str, None] = {}
    for file in _files(paths or (SHIPPED,)):
        if file.suffix == ".csv":
            tasks.extend(read_csv(file))
            continue
        document = _document(file)
        if split and document.get("split", split) != split:
            continue
        authors |= {str(document.pop("author")): None} if "author" in document else {}
        try:
            if "components" in document:
                repositories.append(_repository(document, file))
            else:
                half = {"split": document["split"]} if "split" in document else {}
                requests.extend(RequestCase.model_validate({**half, **row}) for row in document.get("cases", ()))
        except (ValidationError, TypeError, AttributeError) as error:
            raise UsageError(
                f"not a case: {_defect(error)}"[:600], where=str(file), hint="docs/evaluation.md has the form"
            ) from error
    suite = Suite(
        name=", ".join(path.name for path in paths) or "shipped",
        requests=tuple(requests[:limit]),
        repositories=tuple(repositories[:limit]),
        tasks=tuple(tasks[:limit]),
        authors=tuple(authors),
    )
    if not len(suite):
        raise UsageError("there is nothing to evaluate", where=suite.name, hint="docs/evaluation.md has the forms")
    return suite


def _defect(error: Exception) -> str:
    """The first thing that is wrong, in one line."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(
                file
                for pattern in ("*.yaml", "*.yml", "*.json", "*.csv")
                for file in (*path.glob(pattern), *path.glob(f"repositories/{pattern}"))
            )
        elif path.is_file():
            yield path
        else:
            raise UsageError("there is no such suite", where=str(path), hint="a folder, or a .yaml, .json or .csv file")


def _document(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"cannot be read: {error}"[:500], where=str(file)) from error
    if not isinstance(document, dict) or not {"cases", "components"} & document.keys():
        raise UsageError("holds neither `cases` nor `components`", where=str(file), hint="docs/evaluation.md")
    return document


def _repository(document: dict[str, Any], file: Path) -> RepositoryCase:
    case = RepositoryCase.model_validate({"id": file.stem, **document})
    return case if case.folder is None else case.model_copy(update={"folder": file.parent / case.folder})
