"""What the gates that run a program share: is it here, which version, and reading the JSON that it prints."""

from __future__ import annotations

import json
from typing import Any

from hug_agents.errors import ProcessError
from hug_agents.process import Completed
from hug_agents.validate import tools
from hug_agents.validate.gate import Gate, clean


class ProgramGate(Gate):
    """A gate whose `tool` stands in `hug_agents.validate.tools`."""

    def version(self) -> str:
        """What the program says of itself."""
        return tools.version_of(self.tool)

    def missing(self) -> str:
        """The program and how to install it, where it is not here."""
        return tools.missing(self.tool)


def checked(done: Completed, codes: tuple[int, ...]) -> Completed:
    """What a program did, if its exit code is one that it documents for good or bad input; else ProcessError."""
    if done.code not in codes:
        said = clean(done.stderr or done.stdout, 500)
        raise ProcessError(f"{done.argv[0]} ended with code {done.code}: {said or 'it said nothing'}")
    return done


def parsed(done: Completed, *, codes: tuple[int, ...], kind: type[list[Any]] | type[dict[str, Any]]) -> Any:
    """The JSON that a program printed, of the expected kind. ProcessError: what cannot be read has checked nothing."""
    checked(done, codes)
    try:
        value = json.loads(done.stdout)
    except ValueError as error:
        raise ProcessError(f"{done.argv[0]} did not print JSON: {error}: {clean(done.output, 300)}") from error
    if not isinstance(value, kind):
        raise ProcessError(f"{done.argv[0]} printed JSON of another shape: {clean(done.stdout, 300)}")
    return value
