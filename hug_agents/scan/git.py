"""What `.git` says in plain text: where the repository lives and which branch is its default. git is not run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.scan import quoting
from hug_agents.scan.report import Fact
from hug_agents.scan.source import Source
from hug_agents.scan.tree import Tree

_SECTION = re.compile(r"^\[\s?([A-Za-z0-9.-]{1,64})(?:\s\"([^\"]{0,200})\")?\s?\]")
_REMOTE = re.compile(
    r"^(?:(?:https?|ssh|git)://(?:[^@/\s]{1,512}@)?[\w.-]{1,253}(?::\d{1,5})?/|[\w.-]{1,64}@[\w.-]{1,253}:)"
    r"([A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100})/?$"
)
_BRANCH = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")


def read(tree: Tree) -> tuple[Fact, ...]:
    """The facts `repository` and `default_branch`, where the text says them."""
    facts = []
    config = tree.read(".git/config", listed=False)
    for name, url, line in _remotes(config) if config else []:
        slug = _slug(url)
        if config and name == "origin" and slug:
            quote = quoting.quote(config.line(line), around=slug)
            facts.append(Fact(path="repository", value=slug, file=config.path, line=line, quote=quote))
            break
    for path, prefix, sure in (
        (".git/refs/remotes/origin/HEAD", "ref: refs/remotes/origin/", True),
        (".git/HEAD", "ref: refs/heads/", False),
    ):
        head = tree.read(path, listed=False)
        said = head.line(1).strip() if head else ""
        branch = said.removeprefix(prefix)
        if head and said.startswith(prefix) and _BRANCH.match(branch):
            quote = quoting.quote(said)
            facts.append(
                Fact(
                    path="default_branch",
                    value=branch,
                    file=path,
                    line=1,
                    quote=quote,
                    confidence="certain" if sure else "likely",
                )
            )
            break
    return tuple(sorted(facts, key=lambda fact: fact.path))


def _remotes(config: Source) -> Iterator[tuple[str, str, int]]:
    remote = ""
    for number, line in enumerate(config.lines, start=1):
        bare = line[: quoting.LINE_LIMIT].strip()
        if section := _SECTION.match(bare):
            remote = section[2] or "" if section[1] == "remote" else ""
        elif remote and bare.partition("=")[0].strip() == "url":
            yield remote, bare.partition("=")[2].strip(), number


def _slug(url: str) -> str:
    match = _REMOTE.match(url.removesuffix("/").removesuffix(".git"))
    return match[1] if match else ""
