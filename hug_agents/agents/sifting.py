"""What a model read, taken apart: what may go on to `reading.assemble`, and what is refused here, with the reason.

Claims go on as they are, since `assemble` asks about those that the source does not support. A question must be one
that an answer can settle, its suggestions possible values, and words that are called unmet the requester's own.

What the rules read stays, whatever the model says: a model adds to it, and where it says otherwise a question shows
both. So nobody can talk a model into leaving out what the request plainly states. A question that needs no answer, and a
value whose words stand nowhere, are passed over with the reason (`agents.needless`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hug_agents.agents.needless import Words, explained, overlap
from hug_agents.reading.answers import value_of
from hug_agents.reading.claims import Claim, Question, Reading, Unmet, field
from hug_agents.reading.evidence import check
from hug_agents.reading.rules import read
from hug_agents.request import Request
from hug_agents.scan.report import RepositoryFacts
from hug_agents.spec import Line, Model, Text

_MOST_CLAIMS, _MOST_QUESTIONS, _MOST_UNMET = 120, 40, 80
"""The rules' part comes first: a model that says much cannot push it out."""
_ALWAYS_KNOWN = {"*", "production", "staging", "development", "postgres", "mysql", "redis", "queue", "object-store"}


class Doubt(Model):
    """One thing that a model said and that its source does not support."""

    path: Line = ""
    words: Text = ""
    value: Text = ""
    why: Text


class Difference(Model):
    """One path that the rules and the model give two values, each with its quote."""

    path: Line
    model: Claim
    rules: Claim


class Sifted(Model):
    """A reading without what cannot be used, and what that was."""

    reading: Reading
    claims: tuple[Doubt, ...] = ()
    other: tuple[Doubt, ...] = ()
    passed_over: tuple[Doubt, ...] = ()
    """Questions of the model that need no answer."""
    added: tuple[Claim, ...] = ()
    """What the rules read and the model did not."""
    differences: tuple[Difference, ...] = ()
    """Where each has words for another value: a question."""


def sift(reading: Reading, request: Request, facts: RepositoryFacts | None) -> Sifted:
    """Look at everything that a model said. Never raises."""
    other: list[Doubt] = []
    plain = read(request.text)
    believed = [item for item in reading.claims if not check(item, request.text, request.answers, facts)]
    words = Words(request, (*plain.claims, *believed))
    passed_over: list[Doubt] = []
    own = list(_questions(reading.questions, request, facts, other))
    questions = list(_needed(own, words, passed_over))
    claims = list(plain.claims)
    differences: dict[str, Difference] = {}
    for claim in reading.claims:
        against = _against(claim, plain.claims)
        if against is not None and claim in believed:
            questions.append(_which(claim, against))
            differences.setdefault(claim.path, Difference(path=claim.path, model=claim, rules=against))
        elif against is None and not (_without_words(claim, request) and words.needless(claim.path)):
            claims.append(claim)
    asked = {item.id: item for item in plain.questions}
    for question in questions:
        asked.setdefault(question.id, question)
    unmet = (*plain.unmet, *_unmet(reading.unmet, plain, request, other))
    return Sifted(
        reading=Reading(
            claims=tuple(dict.fromkeys(claims))[:_MOST_CLAIMS],
            questions=tuple(asked.values())[:_MOST_QUESTIONS],
            unmet=tuple(dict.fromkeys(unmet))[:_MOST_UNMET],
        ),
        claims=tuple(_doubted(reading.claims, request, facts)),
        other=tuple(other),
        passed_over=tuple(item for item in passed_over if item.path not in asked),
        added=tuple(item for item in plain.claims if not any(_agree(item, said) for said in reading.claims)),
        differences=tuple(differences.values()),
    )


def _agree(one: Claim, other: Claim) -> bool:
    return overlap(one.path, other.path) and (one.value, one.negated) == (other.value, other.negated)


def _against(claim: Claim, plain: Iterable[Claim]) -> Claim | None:
    """What the rules read for the same path where it is another value; None where they agree or say nothing."""
    if claim.negated or claim.path == "toolchain.monitors":
        return None
    same = [item for item in plain if not item.negated and overlap(item.path, claim.path)]
    return None if not same or any(item.value == claim.value for item in same) else same[0]


def _without_words(claim: Claim, request: Request) -> bool:
    """A value of the request whose quote does not stand there: nobody wrote anything that a person could explain."""
    return claim.source == "request" and field(claim.path) is not None and claim.quote not in request.text


def _which(claim: Claim, against: Claim) -> Question:
    return Question(
        id=claim.path,
        text=f"Which value holds for {claim.path}?",
        options=tuple(
            dict.fromkeys(str(item.value)[:200] for item in (against, claim) if not isinstance(item.value, tuple))
        ),
        why=f"the rules read {str(against.value)[:80]} from {against.quote[:150]!r}, "
        f"the model {str(claim.value)[:80]} from {claim.quote[:150]!r}",
        candidates=(against, claim),
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


def _needed(questions: Iterable[Question], words: Words, passed_over: list[Doubt]) -> Iterator[Question]:
    for question in questions:
        if why := words.needless(question.id, question.candidates, explained(question)):
            passed_over.append(Doubt(path=_line(question.id), words=_text(question.text), why=why))
        else:
            yield question


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


def _unmet(unmet: Iterable[Unmet], plain: Reading, request: Request, other: list[Doubt]) -> Iterator[Unmet]:
    for item in unmet:
        if any(item.quote and (item.quote in known.quote or known.quote in item.quote) for known in plain.unmet):
            continue  # the rules say so too, and why
        if not item.quote.strip() or item.quote not in request.text:
            why = "the words that are said to be unmet do not stand in the request"
        elif any(claim.quote in item.quote or item.quote in claim.quote for claim in plain.claims):
            why = "the words that are said to be unmet state a value"
        else:
            # The reason is ours: a model's prose has no place in the table that people sign.
            yield Unmet(quote=item.quote, reason="no field of the spec carries this, as the model reads it")
            continue
        other.append(Doubt(words=_text(item.quote), value=_text(item.reason), why=why))


def _text(text: str) -> str:
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


def _line(text: str) -> str:
    return " ".join(_text(text).split())
