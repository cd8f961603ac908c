"""The person who asked: answers what is asked, from what the case says is true."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents.evaluate.score import matches
from hug_agents.evaluate.suite import RequestCase
from hug_agents.reading.claims import Question
from hug_agents.request import Answer

ROUNDS = 3
"""How often the person lets themselves be asked about one request."""


def answers(case: RequestCase, questions: Iterable[Question]) -> tuple[Answer, ...]:
    """What the person says: the case's answer, else what its words state, else the first option. None: no answer."""
    given = ((item.id, _answer(case, item)) for item in questions)
    return tuple(Answer(id=id, value=value) for id, value in given if value)


def _answer(case: RequestCase, question: Question) -> str:
    for table in (case.ask, case.expect):
        for pattern, value in table.items():
            if matches(pattern, question.id) or matches(question.id, pattern):
                return _text(value)
    return question.options[0] if question.options else ""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return str(value).split("|", maxsplit=1)[0]
