"""A log written by hand: entries as a ledger has them, without one, minutes after a beginning."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hug_agents.approve.clock import instant, later
from hug_agents.approve.ledger import GENESIS, Entry
from hug_agents.canonical import canonical_json
from hug_agents.measure.metrics import Figure, Metrics, Scope, figures
from hug_agents.measure.timeline import Timeline
from tests.approve.office import START

PLACES = {"production": "production", "live-eu": "production", "staging": "staging", "dev": "development"}


@dataclass
class Log:
    """`log(3, "deployment_began")`: three minutes in, of release r1, application shop, in production."""

    entries: list[Entry] = field(default_factory=list)

    def _add(self, minute: float, kind: Any, release: str, body: dict[str, Any]) -> None:
        self.entries.append(
            Entry(
                seq=len(self.entries) + 1,
                time=instant(START + timedelta(minutes=minute)),
                kind=kind,
                release=release,
                prev=GENESIS,
                after=GENESIS,
                hash="",
                body=canonical_json(body).decode(),
            )
        )

    def __call__(
        self,
        minute: float,
        event: str,
        outcome: str = "",
        *,
        release: str = "r1",
        environment: str = "production",
        application: str = "shop",
        bundle: str = "b1",
        detail: str = "",
    ) -> Log:
        values = {"application": application, "environment": environment, "role": PLACES.get(environment, "")}
        values |= {"outcome": outcome, "bundle": bundle, "detail": detail}
        self._add(minute, "event", release, {"event": event, "detail": {k: v for k, v in values.items() if v}})
        return self

    def presented(self, minute: float, packet: str = "p1", *, release: str = "r1", environment: str = "staging") -> Log:
        self._add(minute, "presented", release, {"packet": packet, "environment": environment, "checkpoint": "x"})
        return self

    def decided(self, minute: float, verdict: str = "approve", packet: str = "p1", *, release: str = "r1") -> Log:
        statement = {"predicate": {"packet": packet, "verdict": verdict}}
        payload = base64.b64encode(json.dumps(statement).encode()).decode()
        self._add(minute, "decision", release, {"envelope": {"payload": payload}, "nonce": "0"})
        return self

    def timeline(self) -> Timeline:
        return Timeline().read(self.entries)

    def metrics(self, *, since: float | None = None, until: float = 10**6, **where: str) -> Metrics:
        begin = None if since is None else instant(START + timedelta(minutes=since))
        end = later(instant(START), seconds=int(until * 60))
        return figures(self.timeline(), Scope(since=begin, until=end, **where))

    def figure(self, name: str, **where: Any) -> Figure:
        return self.metrics(**where)[name]

    def value(self, name: str, **where: Any) -> float | None:
        return self.figure(name, **where).value
