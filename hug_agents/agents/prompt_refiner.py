"""The Prompt Refiner: from a request and a repository's facts to a spec with evidence, or to questions.

The model only reads; what it says counts where its words are found in the source (`reading.assemble`). The refined
prompts, the log of transformations and the measures are made by rule from what was accepted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from pydantic import Field

from hug_agents.agents.asking import ask
from hug_agents.agents.budget import Budget, OnEvent, Usage
from hug_agents.agents.needless import NO_WORDS
from hug_agents.agents.outcome import prompt_name
from hug_agents.agents.refined import RefinedPrompt, Transformation, refined_prompts
from hug_agents.agents.sifting import Sifted, sift
from hug_agents.prompting import Filled, load
from hug_agents.reading.assemble import Refinement, assemble
from hug_agents.reading.claims import Claim, Reading, catalogue
from hug_agents.reading.redact import clean_request
from hug_agents.repair import value_of
from hug_agents.request import Request
from hug_agents.scan.report import RepositoryFacts
from hug_agents.spec import Line, Model

_MOST_FACTS = 300
_MOST_NOTED = 6
"""Paths in the note on questions that were passed over."""


class Measures(Model):
    """How the refiner did on one request."""

    completeness: float = Field(description="paths with evidence of a source / the same plus open questions; 1 if none")
    ambiguities_found: int = Field(description="questions that are open or were answered")
    ambiguities_resolved: int = Field(description="of them, answered")
    claims: int = Field(description="values that the model claimed")
    claims_added: int = Field(0, description="values that the rules read and the model did not")
    disagreements: int = Field(0, description="values that the rules and the model read differently: each a question")
    claims_refused: int = Field(description="of them, not supported by the source")


class RefinerReport(Model):
    """What the refiner made of a request, beside the spec: for people, and for who measures it."""

    refined: tuple[RefinedPrompt, ...] = Field((), description="none while questions are open")
    log: tuple[Transformation, ...]
    measures: Measures


class RefinerResult(RefinerReport):
    """Everything that the refiner hands on."""

    refinement: Refinement
    reading: Reading = Field(description="what the model said, before any of it was checked")
    usage: Usage
    prompts: tuple[Line, ...]

    def report(self) -> RefinerReport:
        """What is kept of it."""
        return RefinerReport(refined=self.refined, log=self.log, measures=self.measures)


def refine(
    request: Request,
    facts: RepositoryFacts | None,
    model: BaseChatModel,
    budget: Budget,
    on_event: OnEvent | None = None,
    *,
    timestamp: datetime | None = None,
) -> RefinerResult:
    """Read a request with a model and keep what the source supports. Raises ModelError, PromptError."""
    clean = clean_request(request)
    filled = fill(clean, facts)
    answer = ask(model, filled, Reading, budget, on_event)
    return _result(request, clean, facts, filled, answer.value, answer.usage, timestamp)


def fill(request: Request, facts: RepositoryFacts | None) -> Filled:
    """The prompt of one request."""
    return load("prompt_refiner/read_request").fill(
        fields=catalogue(),
        repository=_summary(facts) if facts else None,
        answers=[item.model_dump() for item in request.answers],
        request=request.text,
    )


def _summary(facts: RepositoryFacts) -> dict[str, Any]:
    rows = [("", fact) for fact in facts.facts]
    rows += [(component.name, fact) for component in facts.components for fact in component.facts]
    return {
        "services": [{"name": item.name, "folder": item.context} for item in facts.components],
        "facts": [
            {"service": service, "path": fact.path, "value": fact.value, "at": f"{fact.file}:{fact.line}"}
            for service, fact in rows[:_MOST_FACTS]
        ],
        "left_out": max(0, len(rows) - _MOST_FACTS),
    }


def _result(
    request: Request,
    clean: Request,
    facts: RepositoryFacts | None,
    filled: Filled,
    reading: Reading,
    usage: Usage,
    timestamp: datetime | None,
) -> RefinerResult:
    sifted = sift(reading, clean, facts)
    refinement = _noted(assemble(clean, sifted.reading, facts), sifted)
    spec, questions = refinement.spec, refinement.questions
    settled = (
        len([row for row in spec.evidence if row.kind != "default"])
        if spec
        else len(reading.claims) - len(sifted.claims)
    )
    total = settled + len(questions)
    log = tuple(_log(request, refinement, sifted))
    return RefinerResult(
        refinement=refinement,
        reading=reading,
        refined=refined_prompts(spec, questions, log, timestamp=timestamp) if spec else (),
        log=log,
        measures=Measures(
            completeness=round(settled / total, 4) if total else 1.0,
            ambiguities_found=len(questions) + len(request.answers),
            ambiguities_resolved=len(request.answers),
            claims=len(reading.claims),
            claims_added=len(sifted.added),
            disagreements=len(sifted.differences),
            claims_refused=len(sifted.claims),
        ),
        usage=usage,
        prompts=(prompt_name(filled),),
    )


def _noted(refinement: Refinement, sifted: Sifted) -> Refinement:
    """With what a model would have asked about values that are assumed, in our words: people who approve can say otherwise."""
    known = {row.path for row in refinement.spec.evidence if row.kind != "default"} if refinement.spec else set()
    paths = [item.path for item in sifted.passed_over if item.why == NO_WORDS and item.path not in known]
    if not refinement.spec or not paths:
        return refinement
    more = f" and {len(paths) - _MOST_NOTED} more" if len(paths) > _MOST_NOTED else ""
    note = (
        f"the model also asks about {', '.join(paths[:_MOST_NOTED])}{more}: {NO_WORDS}, so what is assumed there stands"
    )
    return refinement.model_copy(update={"notes": (*refinement.notes, note)})


_KINDS: dict[str, Literal["stated", "answered", "chosen", "found", "assumed"]] = {
    "request": "stated",
    "answer": "answered",
    "option": "chosen",
    "repository": "found",
    "default": "assumed",
}


def _log(request: Request, refinement: Refinement, sifted: Sifted) -> Iterator[Transformation]:
    for kind in clean_request(request).redacted:
        yield Transformation(kind="redacted", why=f"{kind} was taken out before anything read it")
    spec = refinement.spec
    for row in spec.evidence if spec else ():
        value = value_of(spec, row.path) if spec else None
        result = "" if value is None else json.dumps(value, ensure_ascii=False)
        yield Transformation(kind=_KINDS[row.kind], path=row.path, words=row.quote, result=result, why=row.reason)
    for claim in sifted.added:
        why = "the rules read it, and the model did not"
        yield Transformation(kind="added", path=claim.path, words=claim.quote, result=_value(claim), why=why)
    for item in sifted.differences:
        why = f"the rules read {_value(item.rules)} from {item.rules.quote!r}: a person is asked which holds"
        yield Transformation(kind="differs", path=item.path, words=item.model.quote, result=_value(item.model), why=why)
    for doubt in (*sifted.claims, *sifted.other):
        yield Transformation(kind="refused", path=doubt.path, words=doubt.words, result=doubt.value, why=doubt.why)
    open_ = {question.id for question in refinement.questions}
    for doubt in (item for item in sifted.passed_over if item.path not in open_):
        yield Transformation(kind="not_asked", path=doubt.path, words=doubt.words, why=doubt.why)
    for refused in refinement.refused:
        yield Transformation(
            kind="unsupported", path=refused.path, words=refused.quote, result=refused.what, why=refused.reason
        )
    for question in refinement.questions:
        yield Transformation(kind="asked", path=question.id, result=question.text, why=question.why)


def _value(claim: Claim) -> str:
    return f"{'not ' if claim.negated else ''}{json.dumps(claim.value, ensure_ascii=False)}"
