"""How values are written into a workflow, so that nothing in them is read as an expression."""

from __future__ import annotations

import re

import yaml

from hug_agents import facts
from hug_agents.errors import SpecError
from hug_agents.render.templating import Safe, yaml_value

RUNNER = "ubuntu-24.04"
_PLAIN_COMMAND = re.compile(r"^[A-Za-z0-9_./][A-Za-z0-9 _./:=@,+-]*$")


def uses(name: str) -> Safe:
    """An action by commit, its version beside it."""
    reference, version = facts.action(name)
    return Safe(f"{reference} # {version}")


def gh(expression: str) -> Safe:
    """An expression of ours, as the value of a key: `${{ expression }}`. Never inside a script."""
    return Safe(f"${{{{ {expression} }}}}")


def literal(text: str) -> Safe:
    """A YAML string of data. Actions evaluates `${{` in every string, so it is written as an expression for itself."""
    return yaml_value(text.replace("${{", "${{ '${{' }}"))


def made(lines: str) -> Safe:
    """What a macro of ours printed: each value in it was escaped when it was printed there."""
    return Safe(lines.rstrip("\n"))


def words(text: str) -> Safe:
    """Plain words, as they are."""
    if not is_plain(text):
        raise SpecError(f"{text[:60]!r} is not made of plain words")
    return Safe(text)


def command(text: str) -> Safe:
    """A plain command as a step runs it, quoted where YAML would read it as something else."""
    return words(text) if yaml.safe_load(text) == text else yaml_value(text)


def is_plain(command: str) -> bool:
    """A command of plain words, which may stand in a step as it is."""
    return _PLAIN_COMMAND.match(command) is not None and "\n" not in command
