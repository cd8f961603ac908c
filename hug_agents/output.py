"""Writing a bundle into a folder: all of it or nothing, and never over a file that is not ours.

A file is ours if the manifest of an earlier bundle in that folder names it with the bytes it still has. Into a new or empty
folder the bundle arrives by one rename. Into one with other content it is first laid out beside, with a journal; then
each file is moved into place. A run that was interrupted in between is finished by the next one.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, ValidationError

from hug_agents.bundle import Bundle, Manifest, check_path
from hug_agents.canonical import sha256
from hug_agents.errors import OutputConflict, SpecError, UsageError
from hug_agents.spec import Model

MANIFEST = "hug-manifest.json"
_STAGING = ".hug-staging-"
_JOURNAL = "journal.json"


class _Journal(Model):
    """What is left to do of a writing that is fully laid out. Paths are relative to the folder."""

    move: tuple[str, ...]
    remove: tuple[str, ...]


class Written(Model):
    """What a writing changed in the folder. Paths are relative to it."""

    folder: str
    created: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = Field((), description="of the earlier bundle, not in this one, not edited since")
    kept: tuple[str, ...] = Field((), description="of the earlier bundle, not in this one, but edited by a person")


def contents(bundle: Bundle) -> dict[str, bytes]:
    """Every file of a bundle as it is written, its manifest among them."""
    manifest = json.dumps(bundle.manifest.model_dump(mode="json"), indent=2, ensure_ascii=False).encode() + b"\n"
    return {artifact.path: artifact.data for artifact in bundle} | {MANIFEST: manifest}


def write_bundle(bundle: Bundle, folder: Path) -> Written:
    """Write a bundle. Raises OutputConflict, with nothing written, if a file that is not ours is in the way."""
    if folder.is_symlink() and not folder.exists():
        raise UsageError("is a link that leads nowhere", where=str(folder))
    if folder.exists() and not folder.is_dir():
        raise UsageError("is a file, not a folder", where=str(folder), hint="name another folder with --out")
    files = contents(bundle)
    executable = {artifact.path for artifact in bundle if artifact.executable}
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return _write_new(folder, files, executable)
        _recover(folder)
        return _write_into(folder, files, executable)
    except OSError as error:
        raise UsageError(
            f"cannot be written: {_why(error)}", where=str(folder), hint="name another folder with --out"
        ) from error


def _why(error: OSError) -> str:
    """What the system says, and of which file, where that is one that a person knows."""
    name = str(error.filename or "")
    return f"{error.strerror}: {name}" if name and _STAGING not in name else str(error.strerror)


def _write_new(folder: Path, contents: dict[str, bytes], executable: set[str]) -> Written:
    folder.parent.mkdir(parents=True, exist_ok=True)
    target = folder.resolve()
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=target.parent))
    try:
        _lay_out(staging, contents, executable)
        staging.chmod(0o755)
        staging.replace(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Written(folder=str(folder), created=tuple(sorted(contents)))


def _write_into(folder: Path, contents: dict[str, bytes], executable: set[str]) -> Written:
    before = _earlier(folder)
    by_state: dict[str, list[str]] = {"new": [], "ours": [], "same": [], "foreign": []}
    for path, data in contents.items():
        by_state[_compare(folder, path, data, before)].append(path)
    created, replaced, conflicts = by_state["new"], by_state["ours"], by_state["foreign"]
    if conflicts:
        shown = ", ".join(sorted(conflicts)[:8]) + (f" and {len(conflicts) - 8} more" if len(conflicts) > 8 else "")
        raise OutputConflict(
            f"would overwrite what is not ours, or was edited since: {shown}. Nothing was written.",
            where=str(folder),
            hint="write to an empty folder with --out and compare, or move these files away",
        )
    removed: list[str] = []
    kept: list[str] = []
    for path, name in before.items():
        if path not in contents and (folder / path).is_file() and not _through_link(folder, path):
            (removed if sha256((folder / path).read_bytes()) == name else kept).append(path)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))
    try:
        changed = {path: contents[path] for path in (*created, *replaced)}
        _lay_out(staging / "files", changed, executable)
        journal = _Journal(move=tuple(sorted(changed)), remove=tuple(removed))
        (staging / "journal.new").write_text(journal.model_dump_json(), encoding="utf-8")
        (staging / "journal.new").replace(staging / _JOURNAL)
        _finish(folder, staging)
    finally:
        if not (staging / _JOURNAL).exists():
            shutil.rmtree(staging, ignore_errors=True)
    return Written(
        folder=str(folder),
        created=tuple(sorted(created)),
        replaced=tuple(sorted(replaced)),
        unchanged=tuple(sorted(by_state["same"])),
        removed=tuple(sorted(removed)),
        kept=tuple(sorted(kept)),
    )


def _recover(folder: Path) -> None:
    """Finish what an interrupted writing had fully laid out; drop what it had not."""
    for staging in sorted(folder.glob(_STAGING + "*")):
        if staging.is_symlink():
            continue
        if (staging / _JOURNAL).is_file():
            _finish(folder, staging)
        else:
            shutil.rmtree(staging)


def _finish(folder: Path, staging: Path) -> None:
    journal = _read_journal(staging / _JOURNAL)
    moves = [path for path in journal.move if path != MANIFEST] + [MANIFEST]
    for path in moves:
        source, target = staging / "files" / path, folder / path
        if source.exists() and not _through_link(staging, f"files/{path}") and not _through_link(folder, path):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
    for path in journal.remove:
        if not _through_link(folder, path):
            (folder / path).unlink(missing_ok=True)
    (staging / _JOURNAL).unlink()
    shutil.rmtree(staging)


def _read_journal(path: Path) -> _Journal:
    try:
        journal = _Journal.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise OutputConflict(
            "the journal of an interrupted writing cannot be read", where=str(path), hint="move its folder away"
        ) from error
    _check_inside((*journal.move, *journal.remove), path)
    return journal


def _check_inside(paths: Iterable[str], where: Path) -> None:
    """Whoever gave us the folder may have written these documents too: no path in them may lead out of it."""
    for path in paths:
        try:
            check_path(path)
        except SpecError as error:
            raise OutputConflict(
                f"names a file outside this folder: {path[:120]!r}. Nothing was written.",
                where=str(where),
                hint="this program did not write that: move it away, or write to an empty folder",
            ) from error


def _earlier(folder: Path) -> dict[str, str]:
    """Paths and digests of the bundle that was written here before; empty if there was none."""
    path = folder / MANIFEST
    if not path.is_file() or path.is_symlink():
        return {}
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise OutputConflict(
            "there is a manifest, but it cannot be read; whose files these are is unknown",
            where=str(path),
            hint="write to an empty folder, or move that manifest away",
        ) from error
    _check_inside((entry.path for entry in manifest.entries), path)
    return {entry.path: entry.sha256 for entry in manifest.entries} | {MANIFEST: sha256(path.read_bytes())}


def _compare(folder: Path, path: str, data: bytes, before: dict[str, str]) -> str:
    target = folder / path
    if _through_link(folder, path):
        return "foreign"
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        return "new"
    except NotADirectoryError:
        return "foreign"
    if not stat.S_ISREG(status.st_mode):
        return "foreign"
    there = target.read_bytes()
    if there == data:
        return "same"
    return "ours" if before.get(path) == sha256(there) else "foreign"


def _through_link(folder: Path, path: str) -> bool:
    """Whether any part of the path below the folder is a symbolic link."""
    current = folder
    for part in Path(path).parts:
        current = current / part
        if current.is_symlink():
            return True
    return False


def _lay_out(root: Path, contents: dict[str, bytes], executable: set[str]) -> None:
    root.mkdir(exist_ok=True)
    for path, data in contents.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if path in executable:
            target.chmod(0o755)
