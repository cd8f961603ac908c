"""Amendments laid into a bundle: the rendered part stays as it is, byte for byte, and it is said who wrote the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from posixpath import dirname

from hug_agents.amending.documents import Amendment, Amendments
from hug_agents.amending.places import objections
from hug_agents.amendment import marks, with_block
from hug_agents.bundle import Artifact, Bundle
from hug_agents.plans import Requirement
from hug_agents.render.templating import code, md

REPORT = "docs/amendments.md"
_PLAN = "docs/deployment-plan.md"
_HEADING = "## What was asked, and what became of it"
_SHOWN = 6


def lay(rendered: Bundle, amendments: Amendments) -> Bundle:
    """The bundle with every amendment that stands and fits, and the page that tells of them."""
    files = {item.path: item for item in rendered}
    for item in amendments.standing:
        proposal = item.proposal
        assert proposal is not None
        if any(objections(proposal, item.agent, rendered)):
            continue  # `judge` holds it against the amendment
        for file in proposal.files:
            beside = next(other for other in rendered if dirname(other.path) == dirname(file.path))
            content = file.content if file.content.endswith("\n") else file.content + "\n"
            files[file.path] = Artifact(
                path=file.path, content=content, system=beside.system, owner=item.agent, author=amendments.model
            )
        for block in proposal.blocks:
            before = files[block.path]
            content = with_block(before.content, block.after, block.content, proposal.id, comment=marks(block.path))
            files[block.path] = before.model_copy(update={"content": content, "author": amendments.model})
    told = [item for item in amendments.items if item.proposal is not None or item.rounds]
    if told:
        files[REPORT] = Artifact(path=REPORT, content=report(amendments.model, told), system="documents")
        if _PLAN in files and _HEADING in files[_PLAN].content.splitlines():
            before = files[_PLAN]
            content = with_block(before.content, _HEADING, _pointer(told), "r0", comment=marks(_PLAN))
            files[_PLAN] = before.model_copy(update={"content": content})
    return Bundle(rendered.manifest.spec, files.values())


def met(requirements: Iterable[Requirement], amendments: Amendments) -> Iterator[Requirement]:
    """The requirements table, with what became of those that were given to a model."""
    items = {item.requirement: item for item in amendments.items}
    for row in requirements:
        item = items.get(row.id)
        if item is None or item.state == "open":
            yield row
        elif item.proposal is not None:
            reason = f"written by a model ({amendments.model}): see {REPORT}"
            yield row.model_copy(update={"status": "met", "files": item.proposal.paths, "reason": reason})
        else:
            yield row.model_copy(update={"reason": f"{row.reason}; {item.reason}"[:2_000]})


def report(model: str, items: Iterable[Amendment]) -> str:
    """docs/amendments.md: what a model wrote, for what, and how often it was sent back."""
    parts = [
        "# Amendments",
        f"No renderer met these requirements, so a language model was asked: {code(model)}. Every gate judged what it "
        "wrote. No other file of this bundle was written by a model; the notes in the deployment plan are the agents'.",
    ]
    for item in items:
        parts += _section(item)
    return "\n\n".join(parts) + "\n"


def _section(item: Amendment) -> Iterator[str]:
    yield f"## {md(item.requirement)}: {'met' if item.proposal else 'unmet'}"
    yield f"The request says: {md(item.text)}"
    if item.proposal:
        yield f"Written by a model for the {item.agent} agent. Its reason: {md(item.proposal.reason)}"
        listed = [f"- {code(file.path)}, a file of its own" for file in item.proposal.files]
        listed += [
            f"- {code(block.path)}, the lines between the marks {code(item.proposal.id)}"
            for block in item.proposal.blocks
        ]
        yield "\n".join(listed)
    else:
        yield f"Nothing of it is in this bundle: {md(item.reason)}"
    for number, failed in enumerate(item.failed, 1):
        yield f"Proposal {number} was refused ({code(failed.proposal.digest())}):"
        rows = [
            f"- {md(found.gate)}, {md(found.rule)}{_at(found.file, found.line)}: {md(found.message[:600])}"
            for found in failed.findings[:_SHOWN]
        ]
        rows += [f"- and {len(failed.findings) - _SHOWN} more"] if len(failed.findings) > _SHOWN else []
        yield "\n".join(rows)


def _at(file: str, line: int) -> str:
    return f" in {code(f'{file}:{line}' if line else file)}" if file else ""


def _pointer(items: Iterable[Amendment]) -> str:
    rows = [
        f"{md(item.requirement)} is met by what a language model wrote."
        if item.proposal
        else f"{md(item.requirement)} is unmet: a language model was asked, and nothing of it stands."
        for item in items
    ]
    return f"{' '.join(rows)} See {code(REPORT)}."
