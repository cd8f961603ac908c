"""What an agent hands back, beside what it was asked for."""

from __future__ import annotations

from hug_agents.agents.budget import Usage
from hug_agents.plans import Note
from hug_agents.prompting import Filled
from hug_agents.spec import Line, Model
from hug_agents.validate.gate import Fix


class Refused(Model):
    """Something that a model said and that was not accepted, with the reason."""

    what: Line
    why: Line


class NotesResult(Model):
    """An agent's remarks on a spec."""

    notes: tuple[Note, ...]
    refused: tuple[Refused, ...] = ()
    usage: Usage
    prompts: tuple[Line, ...]


class RepairResult(Model):
    """The fixes that an agent chose."""

    fixes: tuple[Fix, ...]
    refused: tuple[Refused, ...] = ()
    usage: Usage
    prompts: tuple[Line, ...]


def prompt_name(prompt: Filled) -> str:
    """How a run records a prompt: `id@version sha256:...`, the digest being the file's."""
    return f"{prompt.id}@{prompt.version} {prompt.prompt_digest}"
