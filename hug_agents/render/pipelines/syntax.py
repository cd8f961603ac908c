"""How values are written into a pipeline, whichever system reads it."""

from __future__ import annotations

import re

import yaml

from hug_agents.errors import SpecError
from hug_agents.render.templating import Safe, yaml_value

_PLAIN_COMMAND = re.compile(r"^[A-Za-z0-9_./][A-Za-z0-9 _./:=@,+-]*$")


def made(lines: str) -> Safe:
    """What a macro of ours printed: each value in it was escaped when it was printed there."""
    return Safe(lines.rstrip("\n"))


def words(text: str) -> Safe:
    """Plain words, as they are."""
    if not is_plain(text):
        raise SpecError(f"{text[:60]!r} is not made of plain words")
    return Safe(text)


def command(text: str) -> Safe:
    """A plain command as a value of YAML, quoted where YAML would read it as something else."""
    return words(text) if yaml.safe_load(text) == text else yaml_value(text)


def is_plain(command: str) -> bool:
    """A command of plain words, which may stand in a pipeline as it is."""
    return _PLAIN_COMMAND.match(command) is not None and "\n" not in command
