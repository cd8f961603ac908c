"""Why a gate, a run or a rollout step failed: the DevOps agent reads all that is known. It recommends; it never acts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import Field, field_validator

from hug_agents.agents.asking import ask
from hug_agents.agents.budget import Budget, OnEvent, Usage
from hug_agents.agents.drafts import Explanation, Recommendation
from hug_agents.agents.occasion import Kind, Occasion
from hug_agents.agents.outcome import Refused, prompt_name
from hug_agents.agents.work import cut, figures, one_line
from hug_agents.prompting import Filled, load
from hug_agents.spec import Line, Model

_MISLEADS = re.compile(r"(?i)://|\bwww\.|\b(?:approved|authori[sz]ed|signed off|waived)\b")
"""A log may hold an attacker's words, and a model may repeat them to the person on call."""
_SHORTEST_QUOTE = 8
"""A shorter quote is found in any text, and shows nothing."""


class Diagnosis(Model):
    """An explanation, as far as it was checked. Data for people: nothing acts on it."""

    occasion: Kind = "step"
    what: Line = Field("", description="which gates, or which effect where")
    about: Line = Field("", description="digest of all that was asked: the same is not asked twice")
    cause: Line
    recommendation: Recommendation
    reason: Line
    evidence: tuple[Line, ...] = Field((), description="lines that stand in what was read")
    refused: tuple[Refused, ...] = Field((), description="what was said and is not so, with the reason")
    usage: Usage
    prompts: tuple[Line, ...]

    @property
    def by(self) -> str:
        """The model that was asked; `offline`: rules, and no language model."""
        return self.usage.model

    @field_validator("recommendation", mode="before")
    @classmethod
    def _renamed(cls, value: Any) -> Any:
        return "retry" if value == "hold" else value  # as a store of before `retry` has it


def explain(
    occasion: Occasion,
    model: BaseChatModel,
    budget: Budget,
    on_event: OnEvent | None = None,
    filled: Filled | None = None,
) -> Diagnosis:
    """What most likely happened. Raises ModelError.

    A quote that does not stand in what was read is dropped, and so is a sentence with a figure that is nowhere in it.
    """
    filled = filled or question(occasion)
    answer = ask(model, filled, Explanation, budget, on_event)
    said, shown, read = answer.value, occasion.shown, occasion.lines()
    refused: list[Refused] = []
    evidence = tuple(dict.fromkeys(_standing(said.evidence, read, refused)))
    verdict = occasion.verdict
    known = figures("\n".join((verdict.model_dump_json() if verdict else "", shown["occasion"]["what"], *read)))
    cause, reason = _founded(said.cause, known, refused), _founded(said.reason, known, refused)
    if cause and said.evidence and not evidence:
        refused.append(Refused(what=cut(cause), why="no line that it rests on stands in what was read"))
        cause = reason = ""
    recommendation = said.recommendation
    if why := occasion.against(recommendation) or _unshown(occasion, recommendation, evidence, shown["output"]):
        refused.append(Refused(what=recommendation, why=why))
        recommendation, reason = "ask_a_person", f"{recommendation.replace('_', ' ')} was said, and refused: {why}."
    unknown = (
        f"Unknown. The verdict: {verdict.reason}" if verdict else f"Unknown. What failed: {shown['occasion']['what']}"
    )
    return Diagnosis(
        occasion=occasion.kind,
        what=shown["occasion"]["what"],
        about=filled.digest(),
        cause=cause or one_line(unknown)[:2000],
        recommendation=recommendation,
        reason=reason,
        evidence=evidence,
        refused=tuple(refused),
        usage=answer.usage,
        prompts=(prompt_name(filled),),
    )


def question(occasion: Occasion) -> Filled:
    """The prompt with all that is asked about: what `Diagnosis.about` is the digest of."""
    return load("devops/diagnose").fill(**occasion.shown)


def _unshown(occasion: Occasion, recommendation: str, evidence: tuple[str, ...], output: str) -> str:
    """A run is tried again for what it said itself, and not for what the new version was made to print."""
    if occasion.kind != "run" or recommendation != "retry" or any(quote in output for quote in evidence):
        return ""
    return "no quoted line of the run shows anything that passes"


def _standing(quotes: tuple[str, ...], read: list[str], refused: list[Refused]) -> Iterator[str]:
    for quote in quotes:
        text = quote.strip()
        if len(text) < _SHORTEST_QUOTE:
            refused.append(Refused(what=cut(quote), why="it is too short to show anything"))
        elif not any(text in line for line in read):
            refused.append(Refused(what=cut(quote), why="it does not stand in what was read"))
        else:
            yield text


def _founded(text: str, known: frozenset[str], refused: list[Refused]) -> str:
    line = one_line(text)
    if _MISLEADS.search(line):
        refused.append(Refused(what=cut(line), why="it holds a link, or speaks of what only the ledger may say"))
        return ""
    if invented := sorted(figures(line) - known):
        why = f"it gives a figure that is nowhere in what was read: {', '.join(invented)[:80]}"
        refused.append(Refused(what=cut(line), why=why))
        return ""
    return line
