"""A repository that has pipelines or infrastructure already: the change as a patch beside the bundle, shown in colour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.cli.console import console
from hug_agents.errors import UsageError
from hug_agents.proposal import Proposal, propose, shown

_SHOWN = 5


@dataclass(frozen=True)
class Beside:
    """A proposal, and the file that holds its patch."""

    proposal: Proposal
    repository: Path
    patch: Path

    def to_json(self) -> dict[str, Any]:
        """For programs; the diffs are in the patch."""
        rows = [change.model_dump(mode="json", exclude={"diff"}) for change in self.proposal.changes]
        return {"patch": str(self.patch), "changes": rows, "others": list(self.proposal.others)}

    def show(self) -> None:
        """What would change of theirs, what is kept, and how it is applied."""
        from rich.syntax import Syntax
        from rich.text import Text

        out = console()
        merged, alone = self.proposal.of("merged"), self.proposal.of("theirs")
        new = len(self.proposal.of("new"))
        out.print(f"\n[bold]{self.repository}[/] has machinery of its own; nothing in it was changed.", highlight=False)
        for change in merged[:_SHOWN]:
            out.print(Syntax(shown(change), "diff", background_color="default", word_wrap=True))
        if len(merged) > _SHOWN:
            out.print(Text(f"… {len(merged) - _SHOWN} more in the patch", "dim"))
        for change in merged:
            if change.kept:
                out.print(Text(f"{change.path}: kept {', '.join(change.kept)}"))
            if change.replaced:
                out.print(Text(f"{change.path}: ours takes the place of {', '.join(change.replaced)}"))
        for change in alone:
            out.print(Text(f"{change.path}: left as it is; {change.reason}"))
        for path in self.proposal.others:
            out.print(Text(f"{path}: yours, and not touched", "dim"))
        out.print(
            Text(
                f"{new} new files, {len(merged)} changed beside yours: git -C {self.repository} apply {self.patch.resolve()}"
            )
        )


def beside(bundle: Bundle, repository: Path, out: Path) -> Beside | None:
    """Write the patch next to the folder of the bundle; None where the repository has nothing that the bundle meets."""
    from hug_agents.scan import scan

    existing = [row.file for row in scan(repository).existing]
    proposal = propose(bundle, repository, existing)
    if not existing and not proposal.of("merged") and not proposal.of("theirs"):
        return None
    if not proposal.patch:
        return None  # everything is there already, as it is written
    patch = out.with_name(f"{out.name}.patch")
    if patch.exists() and not patch.read_bytes().startswith(b"diff --git "):
        raise UsageError(
            "is there and is no patch of ours", where=str(patch), hint="move it away, or choose another --out"
        )
    try:
        patch.write_text(proposal.patch, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(patch)) from error
    return Beside(proposal, repository, patch)
