"""Which commit's files are in which environment: one branch serves every environment, and each was left with its own commit.

Kept in the store, for hosts that have no better place for it.
"""

from __future__ import annotations

from hug_agents.canonical import sha256
from hug_agents.store import Store, replace


class Pins:
    """Of one target: a small file an environment."""

    def __init__(self, store: Store, target: str) -> None:
        self._folder = store.root / "environments" / sha256(target.encode()).removeprefix("sha256:")[:24]

    def get(self, environment: str) -> str:
        """The commit whose bundle was left there last, by an order that came to its end; empty: there was none."""
        path = self._folder / environment
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""

    def put(self, environment: str, commit: str) -> None:
        """Note it, for certain, in one piece. Raises StoreError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace(self._folder / environment, f"{commit}\n".encode())
