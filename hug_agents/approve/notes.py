"""Anchors of the ledger as git notes: in a repository that others have fetched, a cut ledger is found out."""

from __future__ import annotations

from pathlib import Path

from hug_agents.approve.audit import Anchor
from hug_agents.errors import UsageError
from hug_agents.process import run

REF = "refs/notes/hug-audit"
_TIMEOUT = 60.0


def note_anchor(anchor: Anchor, repository: Path) -> None:
    """Add the head to the note of HEAD. Raises UsageError where git cannot."""
    who = ("-c", "user.name=hug-agents", "-c", "user.email=hug-agents@localhost", "-c", "core.hooksPath=/dev/null")
    _git(repository, *who, "notes", f"--ref={REF}", "append", "-m", str(anchor), "HEAD")


def noted_anchors(repository: Path) -> tuple[Anchor, ...]:
    """Every anchor in the notes of a repository."""
    listed = _git(repository, "notes", f"--ref={REF}", "list").split("\n")
    blobs = [line.split()[0] for line in listed if line.strip()]
    lines = [line for blob in blobs for line in _git(repository, "cat-file", "blob", blob).splitlines()]
    return tuple(Anchor.parse(line) for line in lines if line.strip())


def _git(repository: Path, *arguments: str) -> str:
    if not repository.is_dir():
        raise UsageError("is not a folder", where=str(repository))
    done = run(["git", *arguments], cwd=repository, timeout=_TIMEOUT)
    if done.code:
        said = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise UsageError(f"git notes: {said}"[:300], where=str(repository), hint="a git repository with a commit")
    return done.stdout
