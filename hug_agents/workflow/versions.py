"""Runs that an older or newer version wrote: opened where that can be done, refused with a reason where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hug_agents.errors import StoreError
from hug_agents.workflow.state import STATE_VERSION


def check_version(thread: str, state: Mapping[str, Any]) -> None:
    """Whether this version goes on with a run. Raises StoreError, saying why not."""
    written = state.get("version", 0)
    if written > STATE_VERSION:
        raise StoreError(
            f"the run {thread} was written by a newer version (state {written}, this one reads {STATE_VERSION})",
            hint="upgrade hug-agents",
        )
    if written < 1 and state.get("scope") == "release":
        raise StoreError(
            f"the run {thread} is of a version whose checkpoints were not signed; nothing that was answered there counts",
            hint="start the release again from its bundle: hug release start --run " + thread,
        )
