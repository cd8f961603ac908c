"""An application's source folder by digest: taken at `plan`, laid out again at `apply`, compared at `drift`."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hug_agents.approve.identity import Digest
from hug_agents.canonical import sha256
from hug_agents.errors import StoreError, UsageError
from hug_agents.spec import Line, Model
from hug_agents.store import Store

MOST_FILES = 20_000
MOST_BYTES = 256 * 1024 * 1024
_LEFT_OUT = frozenset(
    ".git .hg .svn .hug .venv venv node_modules __pycache__ .pytest_cache .mypy_cache .ruff_cache .tox .nox "
    ".idea .vscode .DS_Store .env".split()
)


class SourceFile(Model):
    """One file of a snapshot."""

    path: Line
    sha256: Digest
    executable: bool = False


class Snapshot(Model):
    """A source folder as it was. Sorted by path."""

    files: tuple[SourceFile, ...]


def nothing(store: Store) -> Digest:
    """The snapshot of no files: an engine runs the image, and needs none."""
    return store.put_model(Snapshot(files=()))


def take(folder: Path, store: Store) -> Digest:
    """Keep the files of a folder; returns the snapshot's digest.

    Left out: version control, virtual environments, installed packages, caches, `.env`, the store. A link is kept as the file
    that it leads to inside the folder, and left out where it leads outside. Raises UsageError past the bounds.
    """
    if not folder.is_dir():
        raise UsageError("not a folder", where=str(folder), hint="local:PATH, the folder of the application's source")
    root = folder.resolve()
    files: list[SourceFile] = []
    total = 0
    for path in _walk(root, store.root.resolve()):
        relative = path.relative_to(root).as_posix()
        try:
            status = path.stat()
            total += status.st_size
            if len(files) >= MOST_FILES or total > MOST_BYTES:
                raise UsageError(
                    f"more than {MOST_FILES:,} files or {MOST_BYTES >> 20} MiB",
                    where=str(folder),
                    hint="name the folder of the application alone, without data and build results",
                )
            name = store.put(path.read_bytes())
        except OSError as error:
            raise UsageError(f"{relative} cannot be read: {error.strerror}", where=str(folder)) from error
        files.append(SourceFile(path=relative, sha256=name, executable=bool(status.st_mode & stat.S_IXUSR)))
    if not files:
        raise UsageError("has no files", where=str(folder), hint="local:PATH, the folder of the application's source")
    return store.put_model(Snapshot(files=tuple(sorted(files, key=lambda item: item.path))))


def lay_out(name: Digest, store: Store, folder: Path) -> None:
    """Write a snapshot's files, all or none; in a folder that is there, only those that are not as they were."""
    snapshot = store.get_model(Snapshot, name)
    if folder.exists():
        # In place: processes may run there.
        wrong = {line.partition(": ")[2] for line in edited(name, store, folder)}
        for item in snapshot.files:
            if item.path in wrong:
                path = folder / _inside(item.path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)
                path.write_bytes(store.get(item.sha256))
                path.chmod(0o755 if item.executable else 0o644)
        return
    new = folder.with_name(f".new-{folder.name}-{os.getpid()}")
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for item in snapshot.files:
            path = new / _inside(item.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.get(item.sha256))
            path.chmod(0o755 if item.executable else 0o644)
        new.rename(folder)
    except OSError as error:
        raise StoreError(f"the source cannot be laid out: {error.strerror}", where=str(folder)) from error


def edited(name: Digest, store: Store, folder: Path) -> tuple[str, ...]:
    """The files of a snapshot that are missing or not as they were. Files that the application made are no matter."""
    found = []
    for item in store.get_model(Snapshot, name).files:
        path = folder / _inside(item.path)
        if not path.is_file() or path.is_symlink():
            found.append(f"missing: {item.path}")
        elif sha256(path.read_bytes()) != item.sha256:
            found.append(f"edited: {item.path}")
    return tuple(found)


def _walk(root: Path, store: Path) -> Iterator[Path]:
    """Plain files below a folder, sorted; a link only as a file that lies inside it."""
    waiting = [root]
    while waiting:
        try:
            entries = sorted(os.scandir(waiting.pop()), key=lambda entry: entry.name)
        except OSError as error:
            raise UsageError(f"cannot be listed: {error.strerror}", where=str(root)) from error
        for entry in entries:
            path = Path(entry.path)
            if entry.name in _LEFT_OUT or path == store or entry.name.endswith(".pyc"):
                continue
            if entry.is_symlink():
                target = path.resolve()
                inside = target.is_relative_to(root) and not set(target.relative_to(root).parts) & _LEFT_OUT
                if inside and target.is_file():
                    yield path
            elif entry.is_dir():
                if not (path / "pyvenv.cfg").exists():
                    waiting.append(path)
            elif entry.is_file():
                yield path


def _inside(path: str) -> PurePosixPath:
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts:
        raise StoreError(f"a snapshot names a path outside: {path[:80]!r}")
    return relative
