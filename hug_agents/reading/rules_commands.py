"""What a service is started with, and what migrates its database."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from hug_agents.reading.document import Clause, Document, Mention
from hug_agents.reading.rules_names import named

_COMMANDS = {
    **dict.fromkeys(("migrate", "migrations", "migration"), "service.migrate_command"),
    **dict.fromkeys(("start", "started", "starts", "command", "cmd"), "service.command"),
}
_MIGRATES = re.compile(r"\b(?:migrate|migrations?|alembic|flyway|liquibase|db:migrate)\b", re.I)
"""A command that says itself what it is."""
_PROGRAM = re.compile(
    r"(?:python3?|uvicorn|gunicorn|hypercorn|celery|node|npm|yarn|pnpm|bun|deno|java|bundle|rails|puma|sidekiq|php|dotnet|"
    r"flask|django-admin|rq|dramatiq|mix|cargo|go|\./\S+|/\S+/bin/\S+) \S"
)


def _opens_with_a_part(doc: Document, sentence: Clause) -> bool:
    """`- score-batch: job, "python -m scorer.batch"`: a line about one part of the application."""
    inside = [item for item in named(doc) if item.status == "asserted" and sentence.first <= item.first < sentence.last]
    return any(item.first <= sentence.first + 2 or item.kind == "job" for item in inside)


_RUNS = frozenset("runs run running executes".split())
"""Only just before the quotes: `runs "celery -A tasks worker"`."""


def commands(doc: Document) -> Iterator[Mention]:
    """Commands in backticks or quotes after `start with`, `migrations: `."""
    for begin, end in doc.code_spans:
        text = doc.text[begin:end]
        inside = [index for index, token in enumerate(doc.tokens) if begin <= token.start and token.end <= end]
        if not inside or "\n" in text:
            continue
        sentence = doc.sentence(inside[0])
        near = doc.words(max(inside[0] - 8, sentence.first), inside[0])
        field = next((_COMMANDS[word] for word in reversed(near) if word in _COMMANDS), None)
        if field is None and next((word for word in reversed(near) if word not in "`\"':"), "") in _RUNS:
            field = "service.command" if len(inside) > 1 else None
        after = doc.words(inside[-1] + 1, min(inside[-1] + 7, sentence.last))
        if "migrat" in " ".join(near) or "migrat" in " ".join(after[: after.index("`")] if "`" in after[1:] else after):
            field = "service.migrate_command"
        if field is not None and _MIGRATES.search(text):
            field = "service.migrate_command"
        if field is None and _opens_with_a_part(doc, sentence) and _PROGRAM.match(text):
            field = "service.command"
        if field is None or not re.match(r"[A-Za-z./]", text) or "health" in near:
            continue
        try:
            arguments = tuple(shlex.split(text))
        except ValueError:
            continue
        if 0 < len(arguments) <= 16:
            yield doc.mention(field, arguments, inside[0], inside[-1] + 1)
