"""The options of every command that asks models: which, where, and for how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from hug_agents.errors import UsageError

if TYPE_CHECKING:
    from hug_agents.agents.budget import Budget, Event


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--model` and `--base-url`, each for all agents or for one."""
    address = click.option(
        "--base-url",
        "base_urls",
        multiple=True,
        metavar="[AGENT=]URL",
        help="An OpenAI-compatible server. May be repeated.",
    )
    model = click.option(
        "--model",
        "models",
        multiple=True,
        metavar="[AGENT=]NAME",
        help="offline (rules, the default), openai:NAME, or any PROVIDER:NAME; for one agent: prompt_refiner=, "
        "deployment= or devops= before it. May be repeated.",
    )
    return model(address(command))


budget_option = click.option(
    "--budget",
    "budget_words",
    multiple=True,
    metavar="WHAT=NUMBER",
    help="What one question to a model may cost: seconds=180, tokens=100000, attempts=4. May be repeated.",
)


def read_choice(models: tuple[str, ...], base_urls: tuple[str, ...]) -> dict[str, Any]:
    """The options as `generate` and `Release` take them; None where nothing was given."""
    from hug_agents.agents.choice import read_words

    return {
        "model": read_words(models, "--model") or None,
        "base_url": read_words(base_urls, "--base-url") or None,
    }


def read_budget(words: tuple[str, ...]) -> Budget | None:
    """A budget from `seconds=60 attempts=2`. Raises UsageError, naming the word."""
    from pydantic import ValidationError

    from hug_agents.agents.budget import Budget

    pairs = dict(word.partition("=")[::2] for word in words)
    try:
        return Budget.model_validate(pairs) if words else None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"]))
        hint = "seconds=NUMBER, tokens=NUMBER or attempts=NUMBER"
        raise UsageError(f"{name}: {first['msg']}", where="--budget", hint=hint) from error


def asking_text(event: Event) -> str:
    """What happens while a model is asked, in a few words."""
    who = event.agent.replace("_", " ")
    if event.kind == "tokens":
        return f"{who}: {event.characters:,} characters"
    if event.kind == "retry":
        wait = f" in {event.wait_seconds:.0f} s" if event.wait_seconds >= 1 else ""
        return f"{who}: again{wait}, because {event.reason[:100]}"
    return f"{who}: asked, attempt {event.attempt}" if event.kind == "attempt" else f"{who}: answered"
