"""The one folder behind everything that lasts: files by digest, and the database of checkpoints.

.hug/objects/ab/cdef...   every document and file, named by its SHA-256 and checked at each reading
.hug/checkpoints.sqlite   where each run stands (LangGraph's saver, WAL mode); it holds digests, never contents
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hug_agents.bundle import Artifact, Bundle, Manifest
from hug_agents.canonical import canonical_json, sha256
from hug_agents.errors import StoreError, TamperedObject

_PART = 1 << 20
_DIGEST = re.compile(r"sha256:([0-9a-f]{2})([0-9a-f]{62})\Z")
AnyModel = TypeVar("AnyModel", bound=BaseModel)


# The bytes are read and checked each time; what they say, frozen, is the same each time.
@lru_cache(maxsize=64)
def _model(kind: type[BaseModel], data: bytes) -> BaseModel:
    return kind.model_validate_json(data)


@dataclass(frozen=True)
class _Read:
    """What was read under the name of a bundle, each part checked against its digest: alike where the name is."""

    name: str
    manifest: Manifest = field(compare=False)
    contents: tuple[bytes, ...] = field(compare=False)


@lru_cache(maxsize=8)
def _bundle(read: _Read) -> Bundle:
    return Bundle(
        read.manifest.spec,
        (
            Artifact(
                path=entry.path,
                content=content.decode(),
                system=entry.system,
                owner=entry.owner,
                executable=entry.executable,
                author=entry.author,
            )
            for entry, content in zip(read.manifest.entries, read.contents, strict=True)
        ),
    )


def _bytes(path: str) -> bytes:
    """The whole file. Of a thousand small ones, a Path and a buffer for each take twice as long as reading."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        parts = [os.read(handle, os.fstat(handle).st_size + 1)]
        while parts[-1]:
            parts.append(os.read(handle, _PART))
    finally:
        os.close(handle)
    return b"".join(parts)


def replace(path: Path, data: bytes) -> None:
    """Put a file in place as a whole, on disk before it is seen. Raises StoreError."""
    try:
        _put_in_place(path, data, lasting=True)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error


def _put_in_place(path: Path, data: bytes, *, lasting: bool) -> None:
    """The file as a whole, or nothing. `lasting`: it is on disk before it is seen."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:  # whatever it was, half a file must not stay: each attempt would fill a full disk further
        Path(temporary).unlink(missing_ok=True)
        raise


class Store:
    """Content by digest. Safe for several processes: an object is written once, atomically, and never changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            (root / "objects").mkdir(parents=True, exist_ok=True, mode=0o700)
            ignore = root / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"cannot be used as a store: {error.strerror}",
                where=str(root),
                hint="name another folder: --store DIR, or HUG_AGENTS_HOME",
            ) from error

    @property
    def checkpoints(self) -> Path:
        """The SQLite file of LangGraph's checkpoints."""
        return self.root / "checkpoints.sqlite"

    def put(self, data: bytes) -> str:
        """Keep bytes; returns their digest. An object that is there and intact is left alone."""
        name = sha256(data)
        path = self._path(name)
        try:
            if path.exists() and path.read_bytes() == data:
                return name
            path.parent.mkdir(exist_ok=True, mode=0o700)
            _put_in_place(path, data, lasting=False)
        except OSError as error:
            raise StoreError(f"an object could not be written: {error.strerror}", where=str(path)) from error
        return name

    def get(self, name: str) -> bytes:
        """The bytes of a digest. Raises TamperedObject if the file no longer has it, StoreError if it is not there."""
        path = self._place(name)
        try:
            data = _bytes(path)
        except OSError as error:
            raise StoreError(f"{name} is not in the store: {error.strerror}", where=str(self.root)) from error
        if sha256(data) != name:
            raise TamperedObject(
                f"the file does not have the digest {name}", where=path, hint="restore the store from a backup"
            )
        return data

    def put_model(self, model: BaseModel) -> str:
        """Keep a typed document as canonical JSON."""
        return self.put(canonical_json(model.model_dump(mode="json")))

    def get_model(self, kind: type[AnyModel], name: str) -> AnyModel:
        """A typed document by digest. Raises StoreError when it is of another kind or version."""
        try:
            return _model(kind, self.get(name))  # type: ignore[return-value]  # the cache does not tell kinds apart
        except ValidationError as error:
            raise StoreError(
                f"{name} is not a {kind.__name__} that this version reads: {error.error_count()} errors"
            ) from error

    def put_bundle(self, bundle: Bundle) -> str:
        """Keep every file of a bundle and its manifest; returns the manifest's digest."""
        for artifact in bundle:
            self.put(artifact.data)
        return self.put_model(bundle.manifest)

    def get_bundle(self, name: str) -> Bundle:
        """A bundle by its manifest's digest, every byte checked."""
        manifest = self.get_model(Manifest, name)
        return _bundle(_Read(name, manifest, tuple(self.get(entry.sha256) for entry in manifest.entries)))

    def documents(self) -> Iterator[str]:
        """Every object that is text, as it lies there: for whoever looks for what is named anywhere."""
        for path in sorted((self.root / "objects").glob("*/*")):
            if not path.name.startswith(".new-"):
                yield path.read_bytes().decode("utf-8", "replace")

    def _path(self, name: str) -> Path:
        return Path(self._place(name))

    def _place(self, name: str) -> str:
        match = _DIGEST.match(name)
        if match is None:
            raise StoreError(f"{name[:80]!r} is not a digest", hint="sha256: and 64 hexadecimal digits")
        return f"{self.root}/objects/{match[1]}/{match[2]}"
