"""The files of a commit by git's own names, so that a bundle is compared with a repository without fetching it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from hug_agents.bundle import Bundle, Manifest
from hug_agents.canonical import digest
from hug_agents.errors import OutputConflict, StoreError
from hug_agents.execute.target import PlanStale, Work
from hug_agents.output import MANIFEST, contents
from hug_agents.spec import Line, Model
from hug_agents.store import Store

Tree = dict[str, tuple[str, str]]
"""Path → mode and blob id."""


class Head(Model):
    """A commit and the files of it."""

    commit: Line
    tree: Line
    files: Tree
    manifest: Manifest | None = None
    """Of the bundle that it holds."""

    def holds(self, bundle: Bundle) -> bool:
        """Whether every file of a bundle is there, byte for byte."""
        return all(self.files.get(path) == entry for path, entry in tree_of(bundle).items())

    def settled(self, bundle: Bundle | None) -> bool:
        """Whether it holds this bundle; None: whether nothing of ours is there."""
        return self.manifest is None if bundle is None else self.holds(bundle)

    def ours(self) -> Tree:
        """The files of the bundle that it holds, as they are there now."""
        paths = {MANIFEST, *(entry.path for entry in self.manifest.entries)} if self.manifest else set()
        return {path: self.files.get(path, ("", "")) for path in paths}

    def matters(self, bundle: Bundle) -> str:
        """A digest of the files that putting a bundle there would touch: those of it, and of the one before."""
        ours = {entry.path for entry in self.manifest.entries} if self.manifest else set()
        paths = sorted(ours | tree_of(bundle).keys())
        return digest([[path, *self.files.get(path, ("", ""))] for path in paths])

    def differs(self, bundle: Bundle | None) -> list[str]:
        """What is missing, edited, or left of the bundle before: a line a file."""
        wanted = tree_of(bundle)
        ours = {entry.path for entry in self.manifest.entries} & self.files.keys() if self.manifest else set()
        both = sorted(wanted.keys() & self.files.keys())
        return [
            *(f"missing: {path}" for path in sorted(wanted.keys() - self.files.keys())),
            *(f"edited: {path}" for path in both if self.files[path] != wanted[path]),
            *(f"not of the bundle: {path}" for path in sorted(ours - wanted.keys())),
        ]

    def check_fresh(self, work: Work, where: str) -> None:
        """Raises PlanStale unless it is as planned, or already holds one of the two bundles of the plan."""
        known = self.holds(work.bundle) or (work.previous is not None and self.holds(work.previous))
        if not known and self.matters(work.bundle) != work.plan.base:
            raise PlanStale(f"{where} is not as it was when the plan was made")

    def counts(self, wanted: Mapping[str, object]) -> tuple[int, int, tuple[str, ...]]:
        """Of `changes`: how many files are new, how many are written again, and which go."""
        written = [path for path, entry in wanted.items() if entry is not None]
        again = sum(path in self.files for path in written)
        return len(written) - again, again, tuple(path for path, entry in wanted.items() if entry is None)


def apart(head: Head, there: Head | None, bundle: Bundle | None, others: Iterable[Head | None]) -> list[str]:
    """How an environment differs from a bundle: by the commit that it was left with, and by edits on the branch.

    The branch may hold what one of the `others` was left with: a release on its way, or one that was taken back here.
    """
    lines = there.differs(bundle) if there else []
    if there and (head.ours() == there.ours() or any(pin and head.ours() == pin.ours() for pin in others)):
        return lines
    return list(dict.fromkeys((*lines, *head.differs(bundle))))


def blob(data: bytes) -> str:
    """git's name of a file's bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def tree_of(bundle: Bundle | None) -> Tree:
    """A bundle's files and its manifest as git names them."""
    if bundle is None:
        return {}
    modes = {item.path: "100755" if item.executable else "100644" for item in bundle}
    return {path: (modes.get(path, "100644"), blob(data)) for path, data in contents(bundle).items()}


def changes(head: Head, bundle: Bundle | None, store: Store, where: str) -> dict[str, tuple[str, str] | None]:
    """What has to be written or deleted (None) so that a bundle is there in place of the one before.

    Raises OutputConflict for a file that is not ours, was edited since, or is of a bundle that this store does not know.
    """
    wanted = tree_of(bundle)
    ours = tree_of(_known(head, store, where))
    foreign = [
        path for path in wanted.keys() & head.files.keys() if head.files[path] not in (wanted[path], ours.get(path))
    ]
    foreign += [path for path in head.files if any(_inside(path, other) or _inside(other, path) for other in wanted)]
    edited = [path for path in ours.keys() & head.files.keys() - wanted.keys() if head.files[path] != ours[path]]
    if foreign or edited:
        shown = ", ".join(sorted((*foreign, *edited))[:8])
        raise OutputConflict(
            f"would overwrite or delete what is not ours, or was edited since: {shown}",
            where=where,
            hint="move these files away, or take the edit back",
        )
    found: dict[str, tuple[str, str] | None] = {
        path: entry for path, entry in sorted(wanted.items()) if head.files.get(path) != entry
    }
    return found | dict.fromkeys(sorted(ours.keys() & head.files.keys() - wanted.keys()))


def _inside(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def known(head: Head, store: Store) -> Bundle | None:
    """The bundle that a commit holds, where this store knows it."""
    try:
        return _known(head, store, "")
    except OutputConflict:
        return None


def _known(head: Head, store: Store, where: str) -> Bundle | None:
    if head.manifest is None:
        return None
    try:
        return store.get_bundle(head.manifest.digest())
    except StoreError as error:
        raise OutputConflict(
            f"the branch holds the bundle {head.manifest.digest()}, which this store does not know",
            where=where,
            hint="use the store that it came from, or another branch",
        ) from error
