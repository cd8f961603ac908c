"""Where an amendment may be written, and what it may not be: nothing outside, nothing over a rendered file, nothing that runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from posixpath import dirname

from hug_agents.amending.documents import Agent, Proposal
from hug_agents.amending.intact import swallowed, torn
from hug_agents.amendment import MARK, blocks_of, marks, with_block, without_blocks
from hug_agents.bundle import Bundle
from hug_agents.errors import SpecError
from hug_agents.reading.redact import redact_code
from hug_agents.spec import CONTROL
from hug_agents.yamls import repeats

_FILES: dict[Agent, tuple[tuple[str, str], ...]] = {
    "deployment": (
        ("infrastructure/terraform/*.tf", "amendment_{id}.tf"),
        ("kubernetes/base/*.yaml", "amendment-{id}.yaml"),
        ("kubernetes/overlays/*.yaml", "amendment-{id}.yaml"),
    ),
    "devops": (
        (".github/workflows/*.yml", "amendment-{id}.yml"),
        ("monitoring/prometheus/rules/*.yml", "amendment-{id}.yml"),
    ),
}
"""Beside a rendered file of this kind, under exactly this name: a suffix such as `_override` would mean something."""
_BLOCKS: dict[Agent, tuple[str, ...]] = {
    "deployment": ("infrastructure/terraform/*.tf", "kubernetes/*.yaml"),
    "devops": ("monitoring/prometheus/rules/*.yml", "docs/runbook.md"),
}
"""Rendered files that take a block. No pipeline and no script: what they run was approved as it is."""
MOST_CHARACTERS = 40_000
"""Of everything that is written for one requirement."""


def places(agent: Agent, bundle: Bundle, id: str) -> tuple[str, ...]:
    """The paths under which an agent may write files for a requirement."""
    found: dict[str, None] = {}
    for item in bundle:
        for pattern, name in _FILES[agent] if not item.author else ():
            if fnmatchcase(item.path, pattern) and "/tests/" not in item.path:
                found[f"{dirname(item.path)}/{name.format(id=id)}"] = None
    return tuple(found)


def patchable(agent: Agent, bundle: Bundle) -> tuple[str, ...]:
    """The rendered files in which an agent may place a block."""
    return tuple(item.path for item in bundle if any(fnmatchcase(item.path, pattern) for pattern in _BLOCKS[agent]))


def objections(proposal: Proposal, agent: Agent, rendered: Bundle) -> Iterator[tuple[str, str]]:
    """`(path, why)` for everything that keeps a proposal from being laid into the bundle at all."""
    if not proposal.paths:
        yield "", "it writes nothing"
    if not proposal.reason.strip():
        yield "", "it gives no reason"
    if sum(len(item.content) for item in proposal.pieces) > MOST_CHARACTERS:
        yield "", f"it has more than {MOST_CHARACTERS} characters"
    allowed = places(agent, rendered, proposal.id)
    taken: set[str] = set()
    for file in proposal.files:
        if file.path not in allowed:
            yield file.path, f"a file may not be written there; allowed: {', '.join(allowed)[:600] or 'nowhere'}"
        if file.path.lower() in {*taken, *(item.path.lower() for item in rendered)}:
            yield file.path, "there is a file of that name already"
        taken.add(file.path.lower())
    may = patchable(agent, rendered)
    for block in proposal.blocks:
        if block.path not in may:
            yield block.path, "no block may stand in that file; write a file of its own"
    for item in proposal.pieces:
        yield from ((item.path, why) for why in _unfit(item.content))
        if item.path.endswith((".yml", ".yaml")) and repeats(item.content):
            yield item.path, "it uses anchors of YAML: write out what they stand for"
    yield from ((block.path, why) for block in proposal.blocks if (why := torn(block.path, block.content)))
    if not any(block.path not in may for block in proposal.blocks):
        yield from _misplaced(proposal, rendered)


def _unfit(content: str) -> Iterator[str]:
    if CONTROL.search(content) or re.search("[\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", content):
        yield "it holds characters that cannot be seen"
    if MARK in content:
        yield "it holds the mark of an amendment"
    if found := redact_code(content).found:
        yield f"it holds {', '.join(found)}: secrets stand in a secret store, by reference"
    if not content.strip():
        yield "it is empty"


def _misplaced(proposal: Proposal, rendered: Bundle) -> Iterator[tuple[str, str]]:
    texts: dict[str, str] = {}
    for block in proposal.blocks:
        before = rendered[block.path].content
        if blocks_of(before):
            yield block.path, "the file has marks already"
            continue
        try:
            text = texts.get(block.path, before)
            texts[block.path] = with_block(text, block.after, block.content, proposal.id, comment=marks(block.path))
        except SpecError as error:
            yield block.path, f"{error.what}; {error.hint}"
            continue
        if without_blocks(texts[block.path]) != before:
            yield block.path, "the file would not be what was rendered without its block"
        elif block.path.endswith("/kustomization.yaml"):
            own = f"- amendment-{proposal.id}.yaml"
            if block.content.strip() != own:
                yield block.path, f"a kustomization takes exactly the line `{own}` behind its line `resources:`"
    for path, text in texts.items():
        if why := swallowed(path, rendered[path].content, text):
            yield path, why
