"""What rich displays in notebooks are made of. Everything shown is escaped: text of a request is never markup.

The widget that takes a decision is in `hug_agents.widget`.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_COLOURS = {"passed": "#1a7f37", "failed": "#cf222e", "incomplete": "#9a6700", "skipped": "#9a6700", "error": "#cf222e"}


def files_html(files: Iterable[tuple[str, str, str]]) -> str:
    """Path, system and content of each file: closed until it is clicked."""
    shown = [
        f"<details><summary><code>{escape(path)}</code> <small>{escape(system)}</small></summary>"
        f"<pre style='white-space:pre;overflow:auto;max-height:30em'>{escape(content)}</pre></details>"
        for path, system, content in files
    ]
    return f"<h4>{len(shown)} files</h4>{''.join(shown)}"


def facts_html(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A heading and what is known under it; what is empty is left out."""
    return f"<h4>{escape(title)}</h4>{table_html(('', ''), ((name, text) for name, text in rows if text))}"


def badge_html(status: str) -> str:
    """A status in its colour."""
    return f"<span style='color:{_COLOURS.get(status, '#57606a')}'>{escape(status)}</span>"


def table_html(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of plain texts."""
    head = "".join(f"<th style='text-align:left'>{escape(item)}</th>" for item in heads)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
