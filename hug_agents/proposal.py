"""A bundle beside a repository that has machinery of its own: what would change, as a patch. Nothing in the repository is touched.

Where both have a file, the proposed one has our blocks and keeps theirs that ours does not know: jobs and keys of a pipeline,
blocks of Terraform. What cannot be taken apart stays theirs, and the patch leaves it alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field

from hug_agents.bundle import Artifact, Bundle
from hug_agents.spec import Line, Model, Text
from hug_agents.validate.hcl import parse
from hug_agents.validate.located import Malformed, documents

Kind = Literal["new", "same", "merged", "theirs"]
_LONGEST = 1_000_000
_JOBS = ("jobs",)
"""Mappings whose entries are told apart, beside those at the top."""


class Change(Model):
    """One file of the bundle, and how it meets what is there."""

    path: Line
    kind: Kind = Field(
        description="new: nothing is there · same: nothing changes · merged: ours, with theirs kept · theirs: left alone"
    )
    kept: tuple[Line, ...] = Field((), description="what of theirs was kept, by name")
    replaced: tuple[Line, ...] = Field((), description="what of theirs ours takes the place of, by name")
    reason: Line = ""
    diff: str = Field("", repr=False)


class Proposal(Model):
    """Every file of a bundle beside a repository."""

    changes: tuple[Change, ...]
    others: tuple[Line, ...] = Field((), description="machinery of theirs that the bundle says nothing about")

    @property
    def patch(self) -> str:
        """For `git apply`, in the repository's root."""
        return "".join(change.diff for change in self.changes)

    def of(self, kind: Kind) -> tuple[Change, ...]:
        """The changes of one kind."""
        return tuple(change for change in self.changes if change.kind == kind)


def propose(bundle: Bundle, repository: Path, existing: Iterable[str] = ()) -> Proposal:
    """Compare a bundle with a repository, and change nothing. `existing`: the machinery that a scan found there."""
    changes = tuple(_change(item, repository) for item in bundle)
    others = tuple(sorted({path for path in existing if path not in bundle}))
    return Proposal(changes=changes, others=others)


def _change(artifact: Artifact, repository: Path) -> Change:
    target = repository.joinpath(*artifact.path.split("/"))
    mode = "100755" if artifact.executable else "100644"
    if any(part.is_symlink() for part in (target, *target.parents) if part.is_relative_to(repository)):
        return Change(path=artifact.path, kind="theirs", reason="it is a link, or lies behind one")
    if not target.exists():
        diff = _diff(artifact.path, None, artifact.content, mode)
        return Change(path=artifact.path, kind="new", diff=diff)
    if not target.is_file() or target.stat().st_size > _LONGEST:
        return Change(path=artifact.path, kind="theirs", reason="it is no file, or a very long one")
    try:
        theirs = target.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return Change(path=artifact.path, kind="theirs", reason="it is not text")
    if theirs == artifact.content:
        return Change(path=artifact.path, kind="same")
    if "\r" in theirs:
        return Change(path=artifact.path, kind="theirs", reason="its lines end otherwise (CRLF)")
    merged = _merged(artifact.path, theirs, artifact.content)
    if merged is None:
        return Change(
            path=artifact.path, kind="theirs", reason="what in it is yours cannot be told apart: compare by hand"
        )
    text, kept = merged
    diff = _diff(artifact.path, theirs, text, mode)
    replaced = _replaced(artifact.path, theirs, artifact.content)
    return Change(path=artifact.path, kind="merged", kept=kept, replaced=replaced, diff=diff)


def _replaced(path: str, theirs: str, ours: str) -> tuple[str, ...]:
    """The blocks that both have and say otherwise."""
    if path.endswith(".tf"):
        names = {(block.type, *block.labels) for block in parse(ours).blocks}
        both = [(block.type, *block.labels) for block in parse(theirs).blocks if block.type != "locals"]
        return tuple(".".join(name)[:200] for name in both if name in names)
    their_blocks, our_blocks = _blocks(theirs) or {}, _blocks(ours) or {}
    return tuple(
        ".".join(key)[:200]
        for key, block in their_blocks.items()
        if key in our_blocks and ".".join(key) not in _JOBS and block.at(0) != our_blocks[key].at(0)
    )


def _merged(path: str, theirs: str, ours: str) -> tuple[str, tuple[str, ...]] | None:
    """Ours with what only theirs has; None where that cannot be known."""
    if path.endswith((".yml", ".yaml")):
        return _checked(_merged_yaml(theirs, ours), ours)
    if path.endswith(".tf"):
        return _merged_terraform(theirs, ours)
    return None


def _checked(merged: tuple[str, tuple[str, ...]] | None, ours: str) -> tuple[str, tuple[str, ...]] | None:
    """What was put together must still be read, with all of ours in it."""
    if merged is None:
        return None
    try:
        found, wanted = documents(merged[0]), documents(ours)
    except Malformed:
        return None
    if len(found) != 1 or len(wanted) != 1:
        return None
    held = all(found[0].data.get(key) == value for key, value in wanted[0].data.items() if key not in _JOBS)
    jobs = wanted[0].data.get("jobs") or {}
    there = found[0].data.get("jobs") or {}
    return merged if held and all(there.get(key) == value for key, value in jobs.items()) else None


def _merged_yaml(theirs: str, ours: str) -> tuple[str, tuple[str, ...]] | None:
    their_blocks, our_blocks = _blocks(theirs), _blocks(ours)
    if their_blocks is None or our_blocks is None:
        return None
    lines = ours.splitlines(keepends=True)
    kept: list[str] = []
    for name in _JOBS:
        mine, yours = our_blocks.get((name,)), their_blocks.get((name,))
        if mine is None or yours is None:
            continue
        only = [key for key in their_blocks if len(key) == 2 and key[0] == name and key not in our_blocks]
        column = next((block.column for key, block in our_blocks.items() if len(key) == 2 and key[0] == name), 2)
        inserted = [row for key in only for row in their_blocks[key].at(column)]
        lines[mine.end : mine.end] = inserted
        kept += [f"{name}.{key[1]}" for key in only]
    for key, block in their_blocks.items():
        if len(key) == 1 and key not in our_blocks:
            lines += ["\n", *block.at(0)]
            kept.append(key[0])
    return "".join(lines), tuple(item[:200] for item in kept)


class _Block:
    """Lines of a YAML text that belong to one key, from the comments above it."""

    def __init__(self, lines: list[str], start: int, end: int, column: int) -> None:
        self.lines = lines
        self.start = start
        self.end = end
        self.column = column

    def at(self, column: int) -> list[str]:
        """The lines, moved to a column."""
        rows = self.lines[self.start : self.end]
        moved = [
            row if not row.strip() else " " * max(0, column + _indent(row) - self.column) + row.lstrip(" ")
            for row in rows
        ]
        return [row if row.endswith("\n") else row + "\n" for row in moved]


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip(" "))


def _blocks(text: str) -> dict[tuple[str, ...], _Block] | None:
    """The keys at the top, and those below `jobs`, each with its lines; None for what is not one mapping in block style."""
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError):
        return None
    if len(nodes) != 1 or not isinstance(nodes[0], yaml.MappingNode) or nodes[0].flow_style:
        return None
    lines = text.splitlines(keepends=True)
    found: dict[tuple[str, ...], _Block] = {}
    for key, value, start, end in _spans(nodes[0], lines, len(lines)):
        found[key,] = _Block(lines, start, end, 0)
        if key in _JOBS and isinstance(value, yaml.MappingNode) and not value.flow_style:
            for inner, _, first, last in _spans(value, lines, end):
                found[key, inner] = _Block(lines, first, last, value.value[0][0].start_mark.column)
    return found


def _spans(node: yaml.MappingNode, lines: list[str], end: int) -> Iterator[tuple[str, yaml.Node, int, int]]:
    starts = []
    for key, _ in node.value:
        line = key.start_mark.line
        while line and lines[line - 1].lstrip().startswith("#") and _indent(lines[line - 1]) >= key.start_mark.column:
            line -= 1
        starts.append(line)
    for (key, value), start, following in zip(node.value, starts, [*starts[1:], end], strict=True):
        yield str(key.value), value, start, following


def _merged_terraform(theirs: str, ours: str) -> tuple[str, tuple[str, ...]] | None:
    try:
        their_root, our_root = parse(theirs), parse(ours)
    except Malformed:
        return None
    lines = theirs.splitlines(keepends=True)
    starts = [block.line - 1 for block in their_root.blocks]
    known = {(block.type, block.labels) for block in our_root.blocks}
    text, kept = ours.rstrip("\n") + "\n", []
    for number, block in enumerate(their_root.blocks):
        # locals and terraform have no name: theirs and ours are not told apart, and two of one kind may stand side by side
        if (block.type, block.labels) in known and block.type != "locals":
            continue
        start = starts[number]
        while start and lines[start - 1].lstrip().startswith(("#", "//")):
            start -= 1
        end = starts[number + 1] if number + 1 < len(starts) else len(lines)
        while end > starts[number] + 1 and (
            not lines[end - 1].strip() or lines[end - 1].lstrip().startswith(("#", "//"))
        ):
            end -= 1
        text += "\n" + "".join(lines[start:end]).rstrip("\n") + "\n"
        kept.append(".".join((block.type, *block.labels))[:200])
    try:
        parse(text)
    except Malformed:
        return None
    return text, tuple(kept)


def _diff(path: str, before: str | None, after: str, mode: str) -> str:
    """One file's part of a patch, as git writes it."""
    old = before.splitlines(keepends=True) if before is not None else []
    rows = list(difflib.unified_diff(old, after.splitlines(keepends=True), f"a/{path}", f"b/{path}"))
    head = f"diff --git a/{path} b/{path}\n"
    if before is None:
        head += f"new file mode {mode}\n"
        if rows:
            rows[0] = "--- /dev/null\n"
    return head + "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def shown(change: Change, limit: int = 200) -> Text:
    """A merged file's diff, at most so many lines, for a terminal."""
    rows = change.diff.splitlines()
    more = f"\n… {len(rows) - limit} more lines" if len(rows) > limit else ""
    return "\n".join(rows[:limit]) + more
