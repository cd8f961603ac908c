"""Pinned facts of the outside world: commit SHAs of actions, digests of images. One table, each row with its source."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from hug_agents.errors import UnsupportedError

BASES = {
    "python": ("3.11", "3.12", "3.13"),
    "node": ("20", "22", "24"),
    "go": ("1.22", "1.23", "1.24", "1.25", "1.26", "1.27"),
    "java": ("17", "21"),
}
"""By language, the versions of which a base image is pinned, the oldest first."""


def bases(language: str, version: str) -> tuple[str, ...]:
    """The versions with a base image that are this one, as exactly as it is said, the oldest first."""
    asked = version.split(".")
    return tuple(
        item for item in BASES.get(language, ()) if item.split(".")[: len(asked)] == asked[: len(item.split("."))]
    )


def base_from(language: str, version: str) -> str | None:
    """The oldest version with a base image that is not before this one."""
    return next((item for item in BASES.get(language, ()) if numbers(item) >= numbers(version)), None)


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparing."""
    return tuple(int(part) for part in version.split("."))


@cache
def _table() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(files("hug_agents").joinpath("facts.toml").read_text(encoding="utf-8"))


def action(name: str) -> tuple[str, str]:
    """`(owner/name@sha, version)` of a GitHub action: the SHA to use and the version to write beside it."""
    row = _row("actions", name)
    return f"{name}@{row['sha']}", str(row["version"])


def image(reference: str) -> str:
    """`name:tag@sha256:...` of a container image, by `name:tag`."""
    return f"{reference}@{_row('images', reference)['digest']}"


def tool(name: str) -> str:
    """The version of a tool that generated files ask for."""
    return str(_row("tools", name)["version"])


def download(name: str) -> str:
    """The SHA-256 of a tool's program or archive for Linux on amd64, of the version that `tool` says."""
    return str(_row("tools", name)["sha256"])


def _row(kind: str, name: str) -> dict[str, Any]:
    try:
        return _table()[kind][name]
    except KeyError:
        raise UnsupportedError(
            f"no pinned {kind[:-1]} for {name}", hint="add a row with its source to facts.toml"
        ) from None
