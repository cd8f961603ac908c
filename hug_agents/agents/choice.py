"""Which model each agent asks, and where: one for all, or one by agent. Plain values: no model library is imported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, get_args

from hug_agents.errors import UsageError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Agent = Literal["prompt_refiner", "deployment", "devops"]
AGENTS: tuple[Agent, ...] = get_args(Agent)
DEFAULT = "default"
"""In a mapping: every agent that is not named."""

ModelChoice: TypeAlias = "str | BaseChatModel | Mapping[str, str | BaseChatModel]"
AddressChoice: TypeAlias = "str | Mapping[str, str] | None"

T = TypeVar("T")
_OF_AGENT = re.compile(r"([a-z][a-z0-9_]*)=(.*)", re.DOTALL)


def read_words(words: Iterable[str], where: str) -> dict[str, str]:
    """`VALUE` and `AGENT=VALUE` as a mapping, the value without an agent as `default`. Raises UsageError."""
    found: dict[str, str] = {}
    for word in words:
        of_agent = _OF_AGENT.fullmatch(word)  # neither PROVIDER:NAME nor a URL has a `=` before its colon
        agent, value = (of_agent[1], of_agent[2]) if of_agent else (DEFAULT, word)
        if agent in found:
            raise UsageError(f"{agent} is given twice", where=where, hint="once for all, and once for each agent")
        found[agent] = value
    _known(found, where)
    return found


def by_agent(choice: T | Mapping[str, T] | None, fallback: T, where: str) -> dict[Agent, T]:
    """A choice spread over the agents. A string may hold several words, `prompt_refiner=openai:NAME offline`."""
    given: Mapping[str, T]
    if isinstance(choice, str):
        words = choice.split() if _OF_AGENT.match(choice) or " " in choice.strip() else [choice]
        given = read_words(words, where)  # type: ignore[assignment]
    elif isinstance(choice, Mapping):
        given = choice
    else:
        given = {} if choice is None else {DEFAULT: choice}
    _known(given, where)
    return {agent: given.get(agent, given.get(DEFAULT, fallback)) for agent in AGENTS}


def _known(given: Mapping[str, object], where: str) -> None:
    if unknown := sorted(set(given) - {*AGENTS, DEFAULT}):
        raise UsageError(f"there is no agent {unknown[0]!r}", where=where, hint=f"one of: {', '.join(AGENTS)}")


def described(models: Mapping[Agent, str | BaseChatModel]) -> str:
    """For people: the one model, or each agent's."""
    names = {agent: model if isinstance(model, str) else type(model).__name__ for agent, model in models.items()}
    if len(set(names.values())) == 1:
        return next(iter(names.values()))
    return ", ".join(f"{agent}={name}" for agent, name in names.items())
