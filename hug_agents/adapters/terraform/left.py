"""What the last apply of an environment left: the state that it wrote, and the variables that it was given.

Both are of its folder, and are looked at where the folder is the same: a state that is gone, or an older copy, would have
everything built twice; other variables are no drift of the world. Values are known by digests with a key of the folder.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from hug_agents.errors import UsageError
from hug_agents.spec import Line, Model

LEFT = "left.json"
_KEY = "key"


class Left(Model):
    """What an apply left."""

    lineage: Line = ""
    serial: int = 0
    variables: dict[str, str] = Field(default_factory=dict, description="a keyed digest of each")


def different(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    """The names whose values are not the same."""
    return tuple(sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)))


def read_left(folder: Path) -> Left | None:
    """What the last apply in a folder left; None: there was none. Raises UsageError."""
    path = folder / LEFT
    try:
        return Left.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise UsageError("it cannot be read", where=str(path), hint="delete it, and look at the plan twice") from error


def write_left(folder: Path, left: Left) -> None:
    """Note it, whole or not at all."""
    new = folder / f"{LEFT}.new"
    new.write_text(left.model_dump_json(), encoding="utf-8")
    new.replace(folder / LEFT)


def keyed(folder: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Each value's digest; the key keeps a short secret from being found by trying. Made once, for its owner alone."""
    path = folder / _KEY
    try:
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    key = path.read_bytes()
    return {
        name: hmac.new(key, value.encode(errors="replace"), hashlib.sha256).hexdigest()
        for name, value in sorted(values.items())
    }
