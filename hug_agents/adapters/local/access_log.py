"""What the router's access log tells beside its figures: answers that broke off in the middle are in no figure of Traefik.

Its proxy gives such a request up before it is counted. In the access log it has no status of the origin.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hug_agents.adapters.local.log_file import LogFile
from hug_agents.adapters.local.router import BUCKETS
from hug_agents.adapters.local.state import BrokenOff
from hug_agents.approve.identity import Digest
from hug_agents.execute.target import Counters

_BROKEN = b'"OriginStatus":0,'


class RouterLog(LogFile):
    """The router's own lines are kept as a log; those of the access log are read, counted and forgotten."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.broken: dict[str, BrokenOff] = {}
        """By the router's name of one version of one service."""

    def _keep(self, lines: Iterable[bytes]) -> None:
        super()._keep([line for line in lines if not self._counted(line)])

    def _counted(self, line: bytes) -> bool:
        if not line.startswith(b'{"'):
            return False
        if _BROKEN in line:
            try:
                said = json.loads(line)
                name, seconds = str(said["ServiceName"]).removesuffix("@file"), float(said["Duration"]) / 1e9
            except (ValueError, KeyError, TypeError):
                return True  # no service was asked, so none broke off
            self.broken[name] = _one_more(self.broken.get(name), seconds)
        return True


def with_broken(
    rows: Iterable[Counters], versions: Mapping[str, tuple[str, Digest]], broken: Mapping[str, BrokenOff]
) -> tuple[Counters, ...]:
    """The router's figures with what broke off beside them; `versions` as in `router.counted`."""
    names = {version: name for name, version in versions.items()}
    return tuple(_with(row, broken.get(names[row.service, row.version])) for row in rows)


def _one_more(broken: BrokenOff | None, seconds: float) -> BrokenOff:
    before = dict(broken.latency) if broken else {}
    latency = tuple((bound, before.get(bound, 0) + (seconds <= bound)) for bound in BUCKETS)
    return BrokenOff(requests=1 + (broken.requests if broken else 0), latency=latency)


def _with(row: Counters, broken: BrokenOff | None) -> Counters:
    if broken is None:
        return row
    counted, more = dict(row.latency), dict(broken.latency)
    return row.model_copy(
        update={
            "requests": row.requests + broken.requests,
            "unfinished": row.unfinished + broken.requests,
            "latency": tuple((bound, counted.get(bound, 0) + more.get(bound, 0)) for bound in sorted(counted | more)),
        }
    )
