"""Files by digest: an artifact, the bundle that holds them, and the manifest that names every byte."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from hug_agents.canonical import digest, sha256
from hug_agents.errors import SpecError
from hug_agents.spec import Line, Model

Owner = Literal["prompt_refiner", "deployment", "devops"]
"""The agent that answers for a file: findings on it go back there."""

_SEGMENT = re.compile(r"[A-Za-z0-9._@+-][A-Za-z0-9 ._@+-]{0,120}\Z")


def check_path(path: str) -> str:
    """A relative POSIX path that stays inside its folder on every system. Raises SpecError."""
    parts = path.split("/")
    if not path or any(part in (".", "..") or not _SEGMENT.match(part) or part.endswith((" ", ".")) for part in parts):
        raise SpecError("not a safe relative path", where=repr(path)[:120], hint="letters, digits, . _ @ + - only")
    return path


class Artifact(Model):
    """One file. `content` is its whole text, UTF-8, with `\\n` line ends and one at the end."""

    path: str
    content: str = Field(repr=False)
    system: Line = Field(description="the system it was written for, e.g. terraform")
    owner: Owner = "deployment"
    executable: bool = False
    author: Line = Field("", description="the language model that wrote it, or a part of it; empty: no model did")

    @model_validator(mode="after")
    def _safe(self) -> Self:
        check_path(self.path)
        return self

    @property
    def data(self) -> bytes:
        """The bytes that are written."""
        return self.content.encode()

    @property
    def sha256(self) -> str:
        """The name of its bytes."""
        return sha256(self.data)


class Entry(Model):
    """One line of a manifest."""

    path: str
    sha256: str
    size: int = Field(description="bytes")
    system: Line
    owner: Owner
    executable: bool = False
    author: Line = Field(
        "", description="the language model that wrote it, or a part", exclude_if=lambda value: not value
    )


class Manifest(Model):
    """Every file of a bundle by digest, and the spec it was made from. Sorted by path."""

    schema_version: Literal[1] = 1
    spec: str = Field(description="digest of the spec")
    entries: tuple[Entry, ...]

    def digest(self) -> str:
        """The name of the whole bundle: what an approval will cover."""
        return digest(self.model_dump(mode="json"))


class Bundle:
    """An immutable set of artifacts, in the order of their paths."""

    def __init__(self, spec_digest: str, artifacts: Iterable[Artifact]) -> None:
        by_path: dict[str, Artifact] = {}
        folded: dict[str, str] = {}
        for artifact in artifacts:
            if other := folded.get(artifact.path.lower()):
                raise SpecError(f"two files would be written to the same place: {other} and {artifact.path}")
            folded[artifact.path.lower()] = artifact.path
            by_path[artifact.path] = artifact
        self._artifacts = dict(sorted(by_path.items()))
        self.manifest = Manifest(
            spec=spec_digest,
            entries=tuple(
                Entry(
                    path=item.path,
                    sha256=item.sha256,
                    size=len(item.data),
                    system=item.system,
                    owner=item.owner,
                    executable=item.executable,
                    author=item.author,
                )
                for item in self._artifacts.values()
            ),
        )

        self._digest = self.manifest.digest()

    def __iter__(self) -> Iterator[Artifact]:
        return iter(self._artifacts.values())

    def __len__(self) -> int:
        return len(self._artifacts)

    def __contains__(self, path: object) -> bool:
        return path in self._artifacts

    def __getitem__(self, path: str) -> Artifact:
        return self._artifacts[path]

    def under(self, prefix: str) -> tuple[Artifact, ...]:
        """The artifacts whose path starts with `prefix`."""
        return tuple(item for item in self if item.path.startswith(prefix))

    def of(self, system: str) -> tuple[Artifact, ...]:
        """The artifacts written for one system."""
        return tuple(item for item in self if item.system == system)

    def digest(self) -> str:
        """The name of the whole bundle."""
        return self._digest

    def _repr_html_(self) -> str:
        from hug_agents.notebook import files_html

        return files_html((item.path, item.system, item.content) for item in self)


def differences(bundle: Bundle, previous: Bundle | None) -> Iterator[tuple[str, Artifact | None, Artifact | None]]:
    """Each file that is another one than before, by path: how it was and how it is. Without a bundle before, all of them."""
    before = {item.path: item for item in previous or ()}
    after = {item.path: item for item in bundle}
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None or new is None or (old.content, old.executable) != (new.content, new.executable):
            yield path, old, new
