"""What a model read, taken apart: what may go on to `reading.assemble`, and what is refused here, with the reason.

Claims go on as they are, since `assemble` asks about those that the source does not support. A question must be one
that an answer can settle, its suggestions possible values, and words that are called unmet the requester's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hug_agents.reading.answers import value_of
from hug_agents.reading.claims import Claim, Question, Reading, Unmet, field
from hug_agents.reading.evidence import check
from hug_agents.request import Request
from hug_agents.scan.report import RepositoryFacts
from hug_agents.spec import Line, Model, Text

_ALWAYS_KNOWN = {"*", "production", "staging", "development", "postgres", "mysql", "redis", "queue", "object-store"}


class Doubt(Model):
    """One thing that a model said and that its source does not support."""

    path: Line = ""
    words: Text = ""
    value: Text = ""
    why: Text


class Sifted(Model):
    """A reading without what cannot be used, and what that was."""

    reading: Reading
    claims: tuple[Doubt, ...] = ()
    other: tuple[Doubt, ...] = ()


def sift(reading: Reading, request: Request, facts: RepositoryFacts | None) -> Sifted:
    """Look at everything that a model said. Never raises."""
    other: list[Doubt] = []
    questions = tuple(_questions(reading.questions, request, facts, other))
    unmet = tuple(_unmet(reading.unmet, request, other))
    return Sifted(
        reading=reading.model_copy(update={"questions": questions, "unmet": unmet}),
        claims=tuple(_doubted(reading.claims, request, facts)),
        other=tuple(other),
    )


def _doubted(claims: Iterable[Claim], request: Request, facts: RepositoryFacts | None) -> Iterator[Doubt]:
    for claim in claims:
        if why := check(claim, request.text, request.answers, facts):
            yield Doubt(path=_line(claim.path), words=_text(claim.quote), value=_text(str(claim.value)), why=why)


def _questions(
    questions: Iterable[Question], request: Request, facts: RepositoryFacts | None, other: list[Doubt]
) -> Iterator[Question]:
    for question in questions:
        if why := _unanswerable(question, request, facts):
            other.append(Doubt(path=_line(question.id), words=_text(question.text), why=why))
            continue
        options = tuple(item for item in question.options if value_of(question.id, item).reason is None)
        candidates = tuple(
            item
            for item in question.candidates
            if field(item.path) == field(question.id) and not check(item, request.text, request.answers, facts)
        )
        yield question.model_copy(update={"options": options, "candidates": candidates})


def _unanswerable(question: Question, request: Request, facts: RepositoryFacts | None) -> str:
    if field(question.id) is None:
        return "it asks about a field that does not exist"
    if not question.text.strip():
        return "it asks nothing"
    head, _, rest = question.id.partition(".")
    if head not in ("services", "environments", "dependencies"):
        return ""
    name = rest.partition(".")[0]
    components = {component.name for component in facts.components} if facts else set()
    said = " ".join(request.text.lower().replace("-", " ").split())
    if name in _ALWAYS_KNOWN | components or name.lower().replace("-", " ") in said:
        return ""
    return f"it asks about {name[:80]}, and nothing names it"


def _unmet(unmet: Iterable[Unmet], request: Request, other: list[Doubt]) -> Iterator[Unmet]:
    for item in unmet:
        if item.quote in request.text:
            yield item
        else:
            why = "the words that are said to be unmet do not stand in the request"
            other.append(Doubt(words=_text(item.quote), why=why))


def _text(text: str) -> str:
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


def _line(text: str) -> str:
    return " ".join(_text(text).split())
