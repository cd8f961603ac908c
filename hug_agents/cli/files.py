"""The files that a person names on the command line: read, or one message that says which file, where in it, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hug_agents.errors import UsageError


def read_text(path: Path) -> str:
    """The text of a file. Raises UsageError."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("cannot be read: not UTF-8 text", where=str(path)) from error
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), hint="is the path right?") from error


def read_yaml(path: Path) -> Any:
    """What a YAML or JSON file holds. Raises UsageError that names the line."""
    import yaml

    from hug_agents.yamls import problem

    try:
        return yaml.safe_load(read_text(path))
    except (yaml.YAMLError, ValueError) as error:  # a date that is none, say, is a ValueError of the loader
        said, line = problem(error)
        raise UsageError(f"not YAML: {said}"[:200], where=f"{path}:{line}" if line else str(path)) from error
