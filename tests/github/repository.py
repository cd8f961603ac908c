"""The emulated repository: a real one, bare, so that objects, references and merges are git's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

_ENV = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "kim",
    "GIT_AUTHOR_EMAIL": "kim@github.example",
    "GIT_COMMITTER_NAME": "GitHub",
    "GIT_COMMITTER_EMAIL": "noreply@github.example",
}


class Refused(Exception):
    """What git did not do."""


class Repository:
    """A bare repository with one first commit on `main`."""

    def __init__(self, folder: Path, files: dict[str, str], when: str = "") -> None:
        self.folder = folder
        self._env = {**_ENV, **({"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when} if when else {})}
        if folder.exists():  # as another process left it
            return
        folder.mkdir(parents=True)
        self.git("init", "-q", "--bare", "-b", "main")
        entries = [{"path": path, "mode": "100644", "content": text} for path, text in files.items()]
        self.set_ref("refs/heads/main", self.commit("first", self.tree("", entries), []))

    def git(self, *arguments: str, stdin: bytes = b"", **env: str) -> str:
        done = subprocess.run(  # noqa: PLW1510 - judged below
            ["git", *arguments], cwd=self.folder, input=stdin, capture_output=True, env={**self._env, **env}
        )
        if done.returncode:
            raise Refused(done.stderr.decode() or done.stdout.decode())
        return done.stdout.decode().rstrip("\n")

    def ref(self, name: str) -> str:
        """The object of a reference; empty if there is none."""
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"refs/{name}")
        except Refused:
            return ""

    def set_ref(self, name: str, sha: str, before: str | None = None) -> None:
        self.git("update-ref", name, sha, *(() if before is None else (before,)))

    def tree(self, base: str, entries: list[dict[str, Any]]) -> str:
        """A tree with these entries changed; content is written, and null takes a path away."""
        index = {"GIT_INDEX_FILE": str(self.folder / "hug-index")}
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
        if base:
            self.git("read-tree", base, **index)
        lines = []
        for item in entries:
            if "content" in item:
                sha = self.git("hash-object", "-w", "--stdin", stdin=item["content"].encode())
            else:
                sha = item["sha"]
            lines.append(f"{item['mode']} {sha}\t{item['path']}\0" if sha else f"0 {'0' * 40}\t{item['path']}\0")
        self.git("update-index", "-z", "--index-info", stdin="".join(lines).encode(), **index)
        return self.git("write-tree", **index)

    def commit(self, message: str, tree: str, parents: list[str]) -> str:
        flags = [flag for parent in parents for flag in ("-p", parent)]
        return self.git("commit-tree", tree, *flags, stdin=message.encode())

    def shown(self, commit: str) -> tuple[str, str, list[str]]:
        """Tree, message and parents of a commit."""
        head, _, message = self.git("cat-file", "commit", commit).partition("\n\n")
        rows = [line.split(" ", 1) for line in head.splitlines()]
        return rows[0][1], message, [value for key, value in rows if key == "parent"]

    def listed(self, tree: str) -> list[dict[str, Any]]:
        rows = []
        for line in self.git("ls-tree", "-r", "-t", tree).splitlines():
            about, _, path = line.partition("\t")
            mode, kind, sha = about.split(" ")
            rows.append({"path": path, "mode": mode, "type": kind, "sha": sha})
        return rows

    def squash(self, base: str, head: str, message: str) -> str:
        """Merge a branch as one commit. Raises Refused on a conflict."""
        tree = self.git("merge-tree", "--write-tree", base, head).splitlines()[0]
        return self.commit(message, tree, [base])

    def write(self, branch: str, path: str, content: str | None) -> str:
        """A commit by somebody else; None deletes."""
        before = self.ref(f"heads/{branch}")
        entry: dict[str, Any] = {"path": path, "mode": "100644"}
        entry |= {"sha": None} if content is None else {"content": content}
        sha = self.commit("by hand", self.tree(before, [entry]), [before])
        self.set_ref(f"refs/heads/{branch}", sha)
        return sha

    def read(self, commit: str, path: str) -> str:
        return self.git("show", f"{commit}:{path}")

    def checkout(self, commit: str, branch: str, folder: Path) -> None:
        self.git("clone", "-q", "--no-checkout", str(self.folder), str(folder))
        subprocess.run(["git", "checkout", "-q", "-B", branch, commit], cwd=folder, check=True, env=self._env)
