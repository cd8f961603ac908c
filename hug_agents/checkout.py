"""A repository by URL: fetched into a temporary folder by git, only to be read. No hook, submodule or filter of it is run."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hug_agents.errors import MissingProgram, UsageError
from hug_agents.process import find, run

_URL = re.compile(r"(?:https|ssh|file)://[^\s]+|git@[A-Za-z0-9.-]+:[A-Za-z0-9._~/-]+")
_QUIET = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.symlinks=false"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "filter.lfs.smudge="),
    *("-c", "filter.lfs.required=false"),
)
TIMEOUT = 300.0
"""Seconds for the whole fetch."""


def is_url(repo: str) -> bool:
    """Whether `repo` names a repository elsewhere rather than a folder."""
    return "://" in repo or repo.startswith("git@")


@contextmanager
def checkout(url: str) -> Iterator[Path]:
    """The newest commit of the default branch, as a folder that is gone afterwards.

    Raises UsageError for a URL that is not https, ssh or file, or that git cannot fetch; MissingProgram without git.
    """
    if not _URL.fullmatch(url) or url.startswith("-"):
        raise UsageError(
            "is not a URL that can be fetched", where=_shown(repr(url))[:200], hint="https://…, ssh://…, git@host:path"
        )
    if find("git") is None:
        raise MissingProgram("git", "your system's packages, or give a folder")
    with tempfile.TemporaryDirectory(prefix="hug-checkout-") as name:
        # The folder is named after the repository, because the scan reads the name.
        folder = Path(name) / (
            re.sub(r"[^A-Za-z0-9._-]", "-", url.rstrip("/").split("/")[-1].removesuffix(".git")) or "repo"
        )
        words = ["git", *_QUIET, "clone", "--quiet", "--depth", "1", "--no-tags", "--single-branch", "--template="]
        quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "GIT_ALLOW_PROTOCOL": "https:ssh:file"}
        done = run([*words, "--", url, str(folder)], cwd=Path(name), timeout=TIMEOUT, env=quiet)
        if done.code:
            raise UsageError(
                _shown(f"git could not fetch it: {' '.join(done.output.split())}")[:300],
                where=_shown(url),
                hint="check the address and your access, or check it out yourself and give the folder",
            )
        yield folder


def _shown(text: str) -> str:
    """Text without who signs in, should a URL in it say so."""
    return re.sub(r"//[^/\s]*@", "//", text)
