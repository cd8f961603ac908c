"""Why a look at a new version was bad: the DevOps agent reads verdict and logs. It recommends; it never acts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from langchain_core.language_models import BaseChatModel
from pydantic import Field

from hug_agents.agents.asking import ask
from hug_agents.agents.budget import Budget, OnEvent, Usage
from hug_agents.agents.drafts import Explanation, Recommendation
from hug_agents.agents.outcome import Refused, prompt_name
from hug_agents.agents.work import cut, figures, one_line
from hug_agents.prompting import load
from hug_agents.reading.redact import redact
from hug_agents.spec import Line, Model

if TYPE_CHECKING:
    from hug_agents.rollout.verdict import Verdict

LOG_CHARACTERS = 24_000
"""Of the end of the logs: so much is read."""
_AGAINST: dict[str, tuple[Recommendation, ...]] = {"bad": ("hold",), "good": ("roll_back", "amend")}
"""What no log can talk anybody into: counters speak, not what a program was made to print."""
_MISLEADS = re.compile(r"(?i)://|\bwww\.|\b(?:approved|authori[sz]ed|signed off|waived)\b")
"""A log may hold an attacker's words, and a model may repeat them to the person on call."""
_LINE_CHARACTERS = 500
_SHORTEST_QUOTE = 8
"""A shorter quote is found in any log, and shows nothing."""


class Diagnosis(Model):
    """An explanation, as far as it was checked. Data for people: nothing acts on it."""

    cause: Line
    recommendation: Recommendation
    reason: Line
    evidence: tuple[Line, ...] = Field((), description="lines that stand in the logs")
    refused: tuple[Refused, ...] = Field((), description="what was said and is not so, with the reason")
    usage: Usage
    prompts: tuple[Line, ...]


def explain(
    verdict: Verdict, logs: str, model: BaseChatModel, budget: Budget, on_event: OnEvent | None = None
) -> Diagnosis:
    """What most likely happened. Raises ModelError.

    A quote that is not in the logs is dropped, and so is a sentence with a figure that neither verdict nor logs hold.
    """
    shown = legible(logs)
    filled = load("devops/diagnose").fill(verdict=verdict, logs=shown)
    answer = ask(model, filled, Explanation, budget, on_event)
    said = answer.value
    refused: list[Refused] = []
    evidence = tuple(dict.fromkeys(_standing(said.evidence, shown, refused)))
    recommendation = said.recommendation
    if recommendation in _AGAINST.get(verdict.outcome, ()):
        refused.append(Refused(what=recommendation, why=f"it does not go with a verdict that is {verdict.outcome}"))
        recommendation = "ask_a_person"
    known = figures(f"{verdict.model_dump_json()}\n{shown}")
    return Diagnosis(
        cause=_founded(said.cause, known, refused) or f"Unknown. The verdict: {verdict.reason}"[:2000],
        recommendation=recommendation,
        reason=_founded(said.reason, known, refused),
        evidence=evidence,
        refused=tuple(refused),
        usage=answer.usage,
        prompts=(prompt_name(filled),),
    )


def legible(logs: str) -> str:
    """The end of the logs as it is read: secrets out, printable, long lines cut, whole lines only."""
    lines = redact(logs[-2 * LOG_CHARACTERS :]).text.splitlines()
    kept: list[str] = []
    room = LOG_CHARACTERS
    for line in reversed(lines):
        text = "".join(char if char.isprintable() else " " for char in line).rstrip()[:_LINE_CHARACTERS]
        room -= len(text) + 1
        if room < 0:
            break
        kept.append(text)
    return "\n".join(reversed(kept))


def _standing(quotes: tuple[str, ...], logs: str, refused: list[Refused]) -> Iterator[str]:
    lines = logs.splitlines()
    for quote in quotes:
        text = quote.strip()
        if len(text) < _SHORTEST_QUOTE:
            refused.append(Refused(what=cut(quote), why="it is too short to show anything"))
        elif not any(text in line for line in lines):
            refused.append(Refused(what=cut(quote), why="it does not stand in the logs"))
        else:
            yield text


def _founded(text: str, known: frozenset[str], refused: list[Refused]) -> str:
    line = one_line(text)
    if _MISLEADS.search(line):
        refused.append(Refused(what=cut(line), why="it holds a link, or speaks of what only the ledger may say"))
        return ""
    if invented := sorted(figures(line) - known):
        why = f"it gives a figure that neither the verdict nor the logs have: {', '.join(invented)[:80]}"
        refused.append(Refused(what=cut(line), why=why))
        return ""
    return line
