"""Paths of a service: its health check, its metrics, and what a smoke test must get."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.rules_ports import HEALTH_PATHS, HEALTH_WORDS, METRICS_WORDS, STOPS


def paths(doc: Document) -> Iterator[Mention]:
    """Health and metrics paths, and paths that a smoke test must get."""
    for index, token in enumerate(doc.tokens):
        if token.kind != "path":
            continue
        sentence = doc.sentence(index)
        path = doc.text[token.start : token.end]
        near = doc.words(max(index - 12, sentence.first), index)
        part = _part(near)
        after = _part_after(doc.words(index + 1, min(index + 5, sentence.last)))
        if "smoke" in part:
            yield doc.mention("smoke", path, index, index + 1)
        elif any(word in METRICS_WORDS for word in part) or path.rstrip("/").endswith("/metrics"):
            yield doc.mention("service.metrics_path", path, index, index + 1)
        elif any(word in HEALTH_WORDS for word in (*part, *after)) or path.rstrip("/").lower() in HEALTH_PATHS:
            since = next(
                (p for p in range(index - 1, max(index - 7, sentence.first) - 1, -1) if doc.lower(p) in HEALTH_WORDS),
                index,
            )
            yield doc.mention("service.health_path", path, index, index + 1, since=since)


def _part(words: tuple[str, ...]) -> tuple[str, ...]:
    for place in range(len(words) - 1, -1, -1):
        if (
            words[place] in (";", "but", ",", "and")
            and len(words) - place > 6
            or words[place] in (";", "but")
            or words[place].startswith("/")
        ):
            return words[place + 1 :]
    return words


def _part_after(words: tuple[str, ...]) -> tuple[str, ...]:
    kept: list[str] = []
    for word in words:
        if word in STOPS:
            break
        kept.append(word)
    return tuple(kept)
