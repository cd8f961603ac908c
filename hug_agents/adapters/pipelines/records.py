"""What was started for which order: a record before anything is sent, so that a lost answer is never taken for none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from hug_agents.approve.identity import Digest, ReleaseId
from hug_agents.canonical import sha256
from hug_agents.errors import StoreError
from hug_agents.spec import Line, Model, Name
from hug_agents.store import Store, replace

Kind = Literal["deploy", "rollback"]


class Record(Model):
    """One run of a pipeline for one order."""

    name: Line
    """Its correlation."""
    kind: Kind
    environment: Name
    release: ReleaseId
    bundle: Digest
    commit: Line
    claimed: datetime
    """Just before it was asked for, by this machine's clock."""
    run: Line = ""
    """What the server calls it; empty: not known yet."""
    result: Line = ""
    """How it ended."""
    images: dict[Line, Line] = Field(default_factory=dict)
    """What a later run has to be given to deploy the images of this one."""


class Records:
    """The records of one target, a file each in the store."""

    def __init__(self, store: Store, target: str) -> None:
        self._folder = store.root / "pipelines" / sha256(target.encode()).removeprefix("sha256:")[:24]

    def get(self, name: str) -> Record | None:
        """The record of an order. Raises StoreError if it cannot be read."""
        path = self._path(name)
        return self._read(path) if path.exists() else None

    def put(self, record: Record) -> None:
        """Write it, for certain, in one piece. Raises StoreError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace(self._path(record.name), record.model_dump_json(indent=2).encode())

    def drop(self, name: str) -> None:
        """Forget an order of which nothing was sent."""
        self._path(name).unlink(missing_ok=True)

    def latest(self, environment: str) -> Iterator[Record]:
        """Those of an environment, the newest first."""
        found = [self._read(path) for path in self._folder.glob("*.json")] if self._folder.exists() else []
        yield from sorted(
            (item for item in found if item.environment == environment), key=lambda item: item.claimed, reverse=True
        )

    def of_release(self, release: str) -> Iterator[Record]:
        """Those of a release, the newest first."""
        found = [self._read(path) for path in self._folder.glob("*.json")] if self._folder.exists() else []
        yield from sorted(
            (item for item in found if item.release == release), key=lambda item: item.claimed, reverse=True
        )

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _read(self, path: Path) -> Record:
        try:
            return Record.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, OSError) as error:
            raise StoreError(f"the record {path.name} cannot be read", where=str(path)) from error


def now() -> datetime:
    """This machine's time."""
    return datetime.now(UTC)
