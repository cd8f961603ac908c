"""git as a program: objects written and read without a working tree, nothing of a bundle on a command line."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hug_agents.adapters.tree import Tree
from hug_agents.bundle import Bundle
from hug_agents.canonical import sha256
from hug_agents.errors import ProcessError, UsageError
from hug_agents.output import contents
from hug_agents.process import run

TIMEOUT = 120.0
"""Seconds for one git command."""
AUTHOR = ("-c", "user.name=hug-agents", "-c", "user.email=hug-agents@localhost")
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "core.quotePath=false")
_ASKS_NOBODY = {"GIT_TERMINAL_PROMPT": "0"}


class Git:
    """One repository, bare or not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tree(self, commit: str) -> Tree:
        """The files of a commit; none where it is empty."""
        if not commit:
            return {}
        listed = self.text("ls-tree", "-r", "-z", commit)
        tree: Tree = {}
        for line in filter(None, listed.split("\0")):
            about, _, path = line.partition("\t")
            if "\ufffd" in path:
                raise UsageError(f"a file name is not UTF-8: {path[:80]!r}", where=str(self.folder))
            mode, _, blob = about.split(" ")[:3]
            tree[path] = (mode, blob)
        return tree

    def names(self, bundle: Bundle) -> Tree:
        """A bundle's files and its manifest as git would name them."""
        blobs = contents(bundle)
        found = self._hash(list(blobs.values()), write=False)
        modes = {item.path: "100755" if item.executable else "100644" for item in bundle}
        return {path: (modes.get(path, "100644"), name) for path, name in zip(blobs, found, strict=True)}

    def write(self, bundle: Bundle | None) -> None:
        """Put a bundle's files among the objects."""
        if bundle is not None:
            self._hash(list(contents(bundle).values()), write=True)

    def write_tree(self, tree: Tree) -> str:
        """A tree of these files; its name."""
        with tempfile.TemporaryDirectory(prefix="hug-index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            lines = "".join(f"{mode} {blob}\t{path}\0" for path, (mode, blob) in sorted(tree.items()))
            self.text("update-index", "-z", "--index-info", stdin=lines, env=index)
            return self.text("write-tree", env=index).strip()

    def digest(self, blob: str) -> str:
        """The SHA-256 of a file's content."""
        return sha256(self.text("cat-file", "blob", blob).encode())

    def line(self, *arguments: str, stdin: str = "") -> str:
        """What a command prints, without the line end. Raises ProcessError."""
        return self.text(*arguments, stdin=stdin).strip()

    def text(self, *arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> str:
        """What a command prints. Raises ProcessError."""
        return self.run(*arguments, stdin=stdin, env=env) or ""

    def run(
        self, *arguments: str, stdin: str = "", env: dict[str, str] | None = None, check: bool = True
    ) -> str | None:
        """What a command prints; None where it fails and `check` is off."""
        given = {**_ASKS_NOBODY, **(env or {})}
        done = run(["git", *_QUIET, *arguments], cwd=self.folder, timeout=TIMEOUT, stdin=stdin, env=given)
        if done.code == 0:
            if done.stdout.endswith("[output cut]"):
                raise ProcessError("the repository has too many files for this target", where=str(self.folder))
            return done.stdout
        if not check:
            return None
        said = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise ProcessError(f"git {arguments[0]} failed: {said}"[:500], where=str(self.folder))

    def _hash(self, files: list[bytes], *, write: bool) -> list[str]:
        """git's names of these contents, in one call, through files."""
        with tempfile.TemporaryDirectory(prefix="hug-write-") as folder:
            paths = [Path(folder, str(number)) for number in range(len(files))]
            for path, data in zip(paths, files, strict=True):
                path.write_bytes(data)
            listed = "\n".join(str(path) for path in paths) + "\n"
            flags = ("-w",) if write else ()
            return self.text("hash-object", *flags, "--no-filters", "--stdin-paths", stdin=listed).split()
