"""The files of a repository: listed and read within bounds, through no link, and only where they are plain files."""

from __future__ import annotations

import os
import stat
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from hug_agents.errors import UsageError
from hug_agents.scan.places import KNOWN_FILES, enters
from hug_agents.scan.quoting import clean
from hug_agents.scan.report import Count, Limits, Unread
from hug_agents.scan.source import Source, decode

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
# Opening a FIFO for reading would wait for a writer; with O_NONBLOCK it returns at once and fstat refuses it.
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_RELATIVE = os.open in os.supports_dir_fd and os.scandir in os.supports_fd


class Tree:
    """One walk over a folder. `files` are relative POSIX paths: nearest the root first, sorted within a folder."""

    def __init__(self, root: Path, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        if not root.is_dir():
            raise UsageError("not a folder", where=str(root), hint="name the root of the repository's checkout")
        self.root = root.resolve()
        self.limits = limits
        self._clock = clock
        self._end = clock() + limits.seconds
        self._bytes = 0
        self._seen = 0
        self._read: dict[str, Source | None] = {}
        self._unread: dict[str, str] = {}
        self._skipped: Counter[str] = Counter()
        self._late = False
        self.files = tuple(self._walk())
        self._known = frozenset(self.files)

    def __contains__(self, path: object) -> bool:
        return path in self._known

    def late(self) -> bool:
        """Whether the time is used up; said once."""
        if not self._late and self._clock() > self._end:
            self._late = True
            self.unread("the rest of the repository", f"the scan's {self.limits.seconds:g} s were used up")
        return self._late

    def unread(self, what: str, why: str) -> None:
        """Say that something was not read, or not believed."""
        self._skipped[why] += 1
        if len(self._unread) < self.limits.notes:
            self._unread.setdefault(clean(what)[:300] or "?", clean(why)[:500])

    def skip(self, reason: str) -> None:
        """Count an entry that was passed over as is usual, such as a folder of tests."""
        self._skipped[reason] += 1

    def report(self) -> tuple[tuple[Unread, ...], tuple[Count, ...]]:
        """What was not read and why, and the counts; both sorted."""
        unread = tuple(Unread(what=what, why=why) for what, why in sorted(self._unread.items()))
        return unread, tuple(Count(reason=why, count=count) for why, count in sorted(self._skipped.items()))

    def read(self, path: str, *, listed: bool = True) -> Source | None:
        """A file as text, once; None if it is missing, binary, too large, no plain file, or past a limit."""
        if path not in self._read:
            self._read[path] = self._load(path) if not listed or path in self._known else None
        return self._read[path]

    def parsed(self, path: str) -> Source | None:
        """A file that will be parsed as a whole: the smaller size limit holds."""
        source = self.read(path)
        if source is not None and len(source.text) > self.limits.parsed_bytes:
            self.unread(path, f"larger than {self.limits.parsed_bytes} bytes, too large to parse")
            return None
        return source

    # ---- reading

    def _load(self, path: str) -> Source | None:
        if self.late():
            return None
        try:
            with self._opened(path, _FILE) as descriptor:
                data = self._contents(path, descriptor)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self.unread(path, f"could not be read: {error.strerror or 'refused'}")
            return None
        if data is None:
            return None
        text = decode(data)
        if text is None:
            self.unread(path, "not text")
            return None
        return Source(path, text)

    def _contents(self, path: str, descriptor: int) -> bytes | None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            self.unread(path, "not a plain file")
            return None
        limit = self.limits.file_bytes
        if status.st_size > limit:
            self.unread(path, f"larger than {limit} bytes")
            return None
        if self._bytes + status.st_size > self.limits.total_bytes:
            self.unread(path, f"the scan's {self.limits.total_bytes} bytes were used up")
            return None
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            data = stream.read(limit + 1)
        self._bytes += len(data)
        if len(data) > limit:
            self.unread(path, f"larger than {limit} bytes")
            return None
        return data

    @contextmanager
    def _opened(self, path: str, flags: int) -> Iterator[int]:
        """A descriptor of a path beneath the root, opened part by part so that no part may be a link."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        held = os.open(self.root, _FOLDER) if _RELATIVE else -1
        try:
            if not _RELATIVE:
                held = self._open_by_name(parts, flags)
            else:
                for index, part in enumerate(parts):
                    kind = flags if index == len(parts) - 1 else _FOLDER
                    inner = os.open(part, kind | _NO_LINK, dir_fd=held)
                    os.close(held)
                    held = inner
            yield held
        finally:
            if held >= 0:
                os.close(held)

    def _open_by_name(self, parts: list[str], flags: int) -> int:
        at = self.root
        for part in parts:
            at = at / part
            if at.is_symlink():
                raise OSError(0, "a link", str(at))
        return os.open(at, flags)

    # ---- walking

    def _walk(self) -> Iterator[str]:
        waiting: deque[tuple[str, int]] = deque([("", 0)])
        while waiting and not self.late():
            folder, depth = waiting.popleft()
            if self._seen >= self.limits.entries:
                self.unread("the rest of the repository", f"more than {self.limits.entries} entries")
                return
            folders, files = self._list(folder)
            yield from files
            if folders and depth >= self.limits.depth:
                self.unread(folder, f"folders nested more than {self.limits.depth} deep")
                continue
            waiting.extend((inner, depth + 1) for inner in folders)

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        """The folders to enter and the files of one folder, sorted."""
        room = min(self.limits.folder_entries, self.limits.entries - self._seen)
        try:
            if _RELATIVE:
                with self._opened(folder, _FOLDER) as descriptor, os.scandir(descriptor) as entries:
                    found = [(entry.name, _kind(entry)) for entry in islice(entries, room + 1)]
                    if len(found) > room:
                        found = self._well_known(folder, descriptor, room)
            else:
                with os.scandir(self.root / folder) as entries:
                    found = [(entry.name, _kind(entry)) for entry in islice(entries, room)]
        except OSError as error:
            self.unread(folder or ".", f"could not be listed: {error.strerror or 'refused'}")
            return [], []
        self._seen += len(found)
        if folder and any(name == "pyvenv.cfg" for name, _ in found):
            self.skip("virtual environments")
            return [], []
        return self._sort_out(folder, sorted(found))

    def _well_known(self, folder: str, descriptor: int, room: int) -> list[tuple[str, str]]:
        """In a folder too large to list, the names that matter: so the answer does not depend on the disk's order."""
        if room < self.limits.folder_entries:
            self._seen = self.limits.entries
        self.unread(folder or ".", f"more than {room} entries: only well-known names in it were looked for")
        found = []
        for name in KNOWN_FILES:
            try:
                mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
            except OSError:
                continue
            found.append((name, "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"))
        return found

    def _sort_out(self, folder: str, found: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
        folders: list[str] = []
        files: list[str] = []
        for name, kind in found:
            path = f"{folder}/{name}" if folder else name
            if clean(name) != name or len(path) > 1_000:
                self.unread(path, "its name is not printable text, or too long")
            elif kind == "link":
                self.skip("links, not followed")
                if name in KNOWN_FILES:
                    self.unread(path, "a link, not followed")
            elif kind == "folder":
                reason = enters(path)
                if reason is None:
                    folders.append(path)
                else:
                    self.skip(reason)
            elif kind == "file":
                files.append(path)
            else:
                self.skip("neither files nor folders")
                if name in KNOWN_FILES:
                    self.unread(path, "not a plain file")
        return folders, files


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_symlink():
            return "link"
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        return "file" if entry.is_file(follow_symlinks=False) else "other"
    except OSError:
        return "other"
