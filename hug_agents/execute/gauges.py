"""Where figures come from that a target does not count by itself, e.g. a Prometheus server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from hug_agents.approve.identity import Digest
from hug_agents.execute.target import Counters
from hug_agents.spec import Query

if TYPE_CHECKING:
    from hug_agents.rollout.verdict import Check


class Gauges(Protocol):
    """Read by the rollout at every look."""

    def counters(self, services: Iterable[str], versions: Iterable[Digest]) -> tuple[Counters, ...]:
        """What the router counted. Raises HttpError."""

    def checks(self, queries: Iterable[Query], version: Digest) -> tuple[Check, ...]:
        """Each expression against its bounds, for the version that is judged; what cannot be told is inconclusive."""
