"""Rich displays for notebooks. Everything shown is escaped: text of a request is never markup.

The widget that takes a decision is in `hug_agents.widget`.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hug_agents.bundle import Bundle
    from hug_agents.generation import Generation
    from hug_agents.measure.metrics import Metrics

_COLOURS = {"passed": "#1a7f37", "failed": "#cf222e", "incomplete": "#9a6700", "skipped": "#9a6700", "error": "#cf222e"}


def generation_html(made: Generation) -> str:
    """A generation: verdict, what was understood, what was not met, the gates, the files (each opens on a click)."""
    parts = [
        f"<h3>{escape(made.spec.application)} {_badge(made.verdict)}</h3>",
        f"<p><code>{escape(made.bundle.digest())}</code></p>",
        _table(
            ("value", "from", "words"),
            (
                (item.path, f"{item.file}:{item.line}" if item.file else item.kind, item.quote)
                for item in made.spec.evidence
                if item.kind != "default"
            ),
        ),
    ]
    unmet = [item for item in made.requirements if item.status in ("unmet", "refused")]
    if unmet:
        parts.append("<h4>Not met</h4>" + _table(("the request says", "why not"), ((i.text, i.reason) for i in unmet)))
    gates = "".join(
        f"<tr><td>{escape(result.name)}</td><td>{_badge(result.status)}</td><td>{escape(result.version)}</td>"
        f"<td>{escape(result.reason) or f'{result.files} files, {len(result.findings)} findings'}</td></tr>"
        for result in made.gates
    )
    parts.append(f"<h4>Gates</h4><table>{gates}</table>")
    if any(item.tokens or item.retries for item in made.spent):
        heads = (
            "agent",
            "model",
            "requests",
            "retries",
            "input tokens",
            "cached",
            "output tokens",
            "estimated",
            "seconds",
        )
        spent = [
            (
                i.agent,
                i.model,
                i.requests,
                i.retries,
                i.input_tokens,
                i.cached_tokens,
                i.output_tokens,
                i.estimated_tokens,
            )
            for i in made.spent
        ]
        rows = [(*map(str, row), f"{i.seconds:.1f}") for row, i in zip(spent, made.spent, strict=True)]
        parts.append("<h4>Models</h4>" + _table(heads, rows))
    return "".join(parts) + bundle_html(made.bundle)


def bundle_html(bundle: Bundle) -> str:
    """A bundle: every file, closed until it is clicked."""
    files = "".join(
        f"<details><summary><code>{escape(item.path)}</code> <small>{escape(item.system)}</small></summary>"
        f"<pre style='white-space:pre;overflow:auto;max-height:30em'>{escape(item.content)}</pre></details>"
        for item in bundle
    )
    return f"<h4>{len(bundle)} files</h4>{files}"


def metrics_html(found: Metrics) -> str:
    """The figures of a scope beside their targets; what has no data says so."""
    marks = {True: "met", False: "not met", None: ""}
    rows = ((item.title, item.shown, item.target, marks[item.met], item.basis) for item in found.figures)
    heads = ("metric", "value", "target", "", "made of")
    return f"<p><b>{escape(found.heading)}</b></p>{_table(heads, rows)}"


def facts_html(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A heading and what is known under it; what is empty is left out."""
    return f"<h4>{escape(title)}</h4>{_table(('', ''), ((name, text) for name, text in rows if text))}"


def _badge(status: str) -> str:
    return f"<span style='color:{_COLOURS.get(status, '#57606a')}'>{escape(status)}</span>"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f"<th style='text-align:left'>{escape(item)}</th>" for item in heads)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
