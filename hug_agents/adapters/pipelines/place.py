"""What the name of such a target says: where the pipelines are, and which git repository they run from."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from pydantic import Field

from hug_agents.adapters.forge import is_branch
from hug_agents.adapters.options import query
from hug_agents.errors import UsageError
from hug_agents.spec import Line, Model

_REMOTE = re.compile(r"(https://|ssh://|file://|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:|/)[A-Za-z0-9@._~:/%+-]+")


class Place(Model):
    """`WHERE?repository=…&branch=…`, and what a system adds."""

    kind: Line
    where: Line
    """A project, or the address of a folder of jobs."""
    repository: Line
    """What git is asked for: an address or a path. Credentials are git's own, never part of it."""
    branch: Line = "main"
    options: dict[Line, Line] = Field(default_factory=dict)

    @property
    def text(self) -> str:
        """The name that parses to this place again."""
        options = {"repository": self.repository, "branch": self.branch, **self.options}
        return f"{self.kind}:{self.where}{query(options)}"


def parse(kind: str, text: str, *, example: str, more: frozenset[str] = frozenset()) -> Place:
    """Read what stands after `KIND:`. Raises UsageError."""
    where, _, rest = text.partition("?")
    pairs = parse_qsl(rest, keep_blank_values=True)
    options = dict(pairs)
    if not where or "repository" not in options:
        missing = "repository=" if where else "a project or folder"
        raise UsageError(f"the target {kind} needs {missing}", where="target", hint=example)
    unknown = sorted(options.keys() - {"repository", "branch"} - more)
    if unknown or len(options) != len(pairs):
        shown = ", ".join(unknown) if unknown else "one is given twice"
        raise UsageError(f"options of the target {kind}: {shown}"[:200], where="target", hint=example)
    remote, branch = options.pop("repository"), options.pop("branch", "main")
    if not _REMOTE.fullmatch(remote) or ".." in remote or re.search(r"//[^/@]*:[^/@]*@", remote):
        raise UsageError(
            f"repository: {remote[:80]!r} is no address that git is given here",
            where="target",
            hint="https://HOST/PATH, git@HOST:PATH or /PATH; credentials belong into git's own configuration",
        )
    if not is_branch(branch):
        raise UsageError(f"branch: {branch[:80]!r} is not the name of a branch", where="target")
    return Place(kind=kind, where=where, repository=remote, branch=branch, options=options)
