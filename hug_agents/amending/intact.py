"""Whether a rendered file still says all that it said, with a block in it: a comment or a text left open can swallow lines."""

from __future__ import annotations

from typing import Any

from hug_agents.validate.hcl import Block, parse
from hug_agents.validate.located import Malformed, documents


def torn(path: str, content: str) -> str:
    """Why a block is not whole by itself; empty: whatever it opens, it closes."""
    if path.endswith(".tf"):
        try:
            parse(content)
        except Malformed as error:
            return f"the block is not whole by itself: {error}"
    if path.endswith(".md") and any(found in content for found in ("<", "```", "~~~", "](")):
        return "a block in a document is plain text: no HTML, fences and links"
    return ""


def swallowed(path: str, before: str, after: str) -> str:
    """What is wrong with the file now; empty: everything that was rendered still stands there and says the same."""
    if path.endswith(".md"):
        return ""  # lines between lines: `torn` sees that they open nothing
    try:
        if path.endswith(".tf"):
            return "" if _holds_block(parse(after), parse(before)) else "the block changes what the rendered lines say"
        old, new = (tuple(item.data for item in documents(text)) for text in (before, after))
    except Malformed as error:
        return f"with the block the file cannot be read: {error} (line {error.line})"
    if len(old) != len(new) or not all(_holds(mine, theirs) for mine, theirs in zip(new, old, strict=True)):
        return "the block changes what the rendered lines say"
    return ""


def _holds_block(now: Block, then: Block) -> bool:
    if (now.type, now.labels) != (then.type, then.labels):
        return False
    if any(name not in now.attributes or now.attributes[name].text != then.text(name) for name in then.attributes):
        return False
    return _in_order(now.blocks, then.blocks, _holds_block)


def _holds(now: Any, then: Any) -> bool:
    if isinstance(then, dict):
        return isinstance(now, dict) and all(key in now and _holds(now[key], then[key]) for key in then)
    if isinstance(then, list):
        return isinstance(now, list) and _in_order(now, then, _holds)
    return type(now) is type(then) and bool(now == then)


def _in_order(now: list[Any], then: list[Any], holds: Any) -> bool:
    """Everything of `then` stands in `now`, in its order, with other things between."""
    rest = iter(now)
    return all(any(holds(candidate, wanted) for candidate in rest) for wanted in then)
