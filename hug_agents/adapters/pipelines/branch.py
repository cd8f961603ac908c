"""A branch of a repository elsewhere: read and moved by git, through a bare copy in the store. No working tree is touched."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from hug_agents.adapters.git import AUTHOR, Git
from hug_agents.adapters.tree import Head, changes
from hug_agents.bundle import Bundle, Manifest
from hug_agents.canonical import sha256
from hug_agents.errors import MissingProgram, OutputConflict, ProcessError, UsageError
from hug_agents.execute.target import PlanStale
from hug_agents.output import MANIFEST
from hug_agents.process import find
from hug_agents.store import Store


class Branch:
    """One branch. Whoever moves it names the commit that it must be at."""

    def __init__(self, remote: str, name: str, store: Store) -> None:
        if find("git") is None:
            raise MissingProgram("git", "your system's packages")
        self.remote = remote
        self.name = name
        self._store = store
        self._folder = store.root / "git" / f"{sha256(remote.encode()).removeprefix('sha256:')[:24]}.git"

    def head(self) -> Head:
        """What the branch is at. Raises UsageError if there is none; ProcessError if git cannot reach it."""
        git = self._git()
        listed = git.text("ls-remote", "--heads", self.remote, f"refs/heads/{self.name}")
        if not listed.strip():
            raise UsageError(
                f"{self.remote} has no branch {self.name}",
                where="target",
                hint="does it have a first commit? Else name another with ?branch=",
            )
        return self.at(listed.split()[0])

    def at(self, commit: str) -> Head:
        """The files of a commit."""
        git = self._git()
        if git.run("cat-file", "-e", f"{commit}^{{commit}}", check=False) is None:
            git.text("fetch", "--quiet", "--no-tags", self.remote, f"+refs/heads/{self.name}:refs/hug/{self.name}")
        files = git.tree(commit)
        manifest = None
        if MANIFEST in files:
            try:
                manifest = Manifest.model_validate_json(git.text("cat-file", "blob", files[MANIFEST][1]))
            except ValidationError as error:
                raise OutputConflict(
                    f"{MANIFEST} on the branch cannot be read; whose files these are is unknown",
                    where=self.remote,
                    hint="move it away, or take the edit back",
                ) from error
        return Head(commit=commit, tree=git.line("rev-parse", f"{commit}^{{tree}}"), files=files, manifest=manifest)

    def changes(self, head: Head, bundle: Bundle | None) -> dict[str, tuple[str, str] | None]:
        """What putting a bundle there writes or deletes (None). Raises OutputConflict."""
        return changes(head, bundle, self._store, self.remote)

    def settled(self, head: Head, bundle: Bundle | None) -> bool:
        """Whether the branch is as it shall be."""
        return head.settled(bundle)

    def put(self, head: Head, bundle: Bundle | None, message: str) -> str:
        """Move the branch from `head` to one commit with the bundle in place of the one before; the commit.

        Raises PlanStale if it is no longer at `head`; ProcessError if the repository does not take it.
        """
        git = self._git()
        files = dict(head.files)
        for path, entry in self.changes(head, bundle).items():
            if entry is None:
                del files[path]
            else:
                files[path] = entry
        git.write(bundle)
        commit = git.line(*AUTHOR, "commit-tree", git.write_tree(files), "-p", head.commit, stdin=message)
        ref = f"refs/heads/{self.name}"
        lease = f"--force-with-lease={ref}:{head.commit}"
        if git.run("push", "--quiet", lease, self.remote, f"{commit}:{ref}", check=False) is not None:
            return commit
        now = git.text("ls-remote", "--heads", self.remote, ref).split()
        if now[:1] == [commit]:
            return commit  # by a push whose answer got lost
        if now[:1] != [head.commit]:
            raise PlanStale(f"{self.name} of {self.remote} moved while the commit was made")
        raise ProcessError(
            f"{self.remote} does not take the commit onto {self.name}",
            where="git push",
            hint="may this user push there? Else merge these files by hand, then resume",
        )

    def _git(self) -> Git:
        if not (self._folder / "HEAD").exists():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            Git(self._folder).text("init", "--quiet", "--bare")
        return Git(Path(self._folder))
