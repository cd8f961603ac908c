"""What happened, put together from the ledger's entries alone, in one pass that can be continued.

Entries come out of pairs: a writer was killed, or is of another version. Nothing here fails for that; docs/metrics.md says
what becomes of each. Times are whole seconds since 1970, as the ledger dated its entries.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from hug_agents.approve.clock import moment
from hug_agents.approve.ledger import Entry, Kind, Ledger
from hug_agents.errors import LedgerBroken
from hug_agents.execute.events import Recorded, events

KINDS: tuple[Kind, ...] = ("event", "presented", "decision")
"""The kinds of entry that are read."""
PASSED_OVER = ("effect_began", "effect_ended", "drill_ended")
"""Most events of a log, and none that is counted."""


class Place(NamedTuple):
    """An environment of an application."""

    application: str
    environment: str


@dataclass(slots=True)
class Attempt:
    """One deployment of a release in one place. Open while `outcome` is empty."""

    place: Place
    release: str
    bundle: str
    began: int | None
    asked: int | None = None
    """When the release began."""
    ended: int | None = None
    outcome: str = ""
    """deployed, failed, rolled_back"""
    rolled_back: bool = False
    incident: bool = False
    worsened: bool = False
    """It was said to be deployed, and later to have failed."""
    restored: bool = False
    """A rollback of it has passed."""

    @property
    def failed(self) -> bool:
        """Whether the change failed: then, or afterwards."""
        return self.outcome in ("failed", "rolled_back") or self.rolled_back or self.incident or self.worsened

    @property
    def seconds(self) -> int | None:
        """How long it took; None: it is open, or nobody saw it begin."""
        return None if self.began is None or self.ended is None else self.ended - self.began


@dataclass(slots=True)
class Failure:
    """From the first sign of a failure in a place until service is restored there."""

    place: Place
    release: str
    began: int
    suspected: bool = False
    """Nothing but a bad verdict speaks for it so far."""
    incident: bool = False
    ended: int | None = None
    by: str = ""
    """What ended it: rollback, deployment, resolved; dismissed: it was none, the deployment went on and succeeded"""


@dataclass(slots=True)
class Review:
    """One decision on one packet."""

    release: str
    environment: str
    packet: str
    at: int
    seconds: int
    """Since the packet was put before people."""
    verdict: str


@dataclass(slots=True)
class Check:
    """One look for drift."""

    place: Place
    at: int
    status: str


class Timeline:
    """Everything that the metrics are made of. `follow` reads a ledger on from where it stopped."""

    def __init__(self) -> None:
        self.seq = 0
        self.first: int | None = None
        self.attempts: list[Attempt] = []
        self.failures: list[Failure] = []
        self.reviews: list[Review] = []
        self.checks: list[Check] = []
        self.roles: dict[Place, str] = {}
        self.applications: dict[str, str] = {}
        """The application of each release."""
        self._open: dict[str, dict[Place, Attempt]] = {}
        self._last: dict[tuple[str, Place], Attempt] = {}
        self._failing: dict[Place, Failure] = {}
        self._asked: dict[str, dict[str, tuple[int, str]]] = {}
        self._begun: dict[str, int] = {}
        self._handlers: dict[str, Callable[[Recorded, Place, int], None]] = {
            "release_began": self._release_began,
            "deployment_began": self._deployment_began,
            "deployment_ended": self._deployment_ended,
            "verdict": self._verdict,
            "rollback_began": self._rollback_began,
            "rollback_ended": self._rollback_ended,
            "drift_checked": self._drift_checked,
            "incident_noted": self._incident_noted,
            "incident_resolved": self._incident_resolved,
            "release_ended": self._release_ended,
        }

    def follow(self, ledger: Ledger) -> Timeline:
        """Read what a ledger has had since. Raises StoreError, LedgerBroken."""
        return self.read(ledger.stream(after=self.seq, kinds=KINDS, without=PASSED_OVER))

    def read(self, entries: Iterable[Entry]) -> Timeline:
        """Take entries in, in order. Kinds and events that are not known are passed over."""
        for entry in entries:
            self.seq = entry.seq
            if entry.kind == "event":
                self._events(entry)
            elif entry.kind == "presented":
                value = entry.value
                asked = self._asked.setdefault(entry.release, {})
                asked.setdefault(str(value.get("packet")), (_seconds(entry), str(value.get("environment", ""))))
            elif entry.kind == "decision":
                self._decision(entry)
        return self

    def _events(self, entry: Entry) -> None:
        handler = self._handlers.get(str(entry.value.get("event")))
        if handler is None:
            return
        for event in events((entry,)):
            if event.detail.startswith("drill-"):
                continue
            at, place = _seconds(entry), Place(event.application, event.environment)
            self.first = at if self.first is None else self.first
            if event.role:
                self.roles[place] = event.role
            if event.application:
                self.applications[event.release] = event.application
            handler(event, place, at)

    def _decision(self, entry: Entry) -> None:
        said = _predicate(entry)
        packet, verdict = str(said.get("packet")), str(said.get("verdict"))
        asked = self._asked.get(entry.release, {}).get(packet)
        if asked:
            at = _seconds(entry)
            self.reviews.append(Review(entry.release, asked[1], packet, at, at - asked[0], verdict))

    def _release_began(self, event: Recorded, place: Place, at: int) -> None:
        self._begun.setdefault(event.release, at)

    def _deployment_began(self, event: Recorded, place: Place, at: int) -> None:
        open_here = self._open.setdefault(event.release, {})
        known = open_here.get(place)
        if known and known.bundle == event.bundle:
            return
        if known:
            self._end(known, "failed", at)
        attempt = Attempt(place, event.release, event.bundle, at, self._begun.get(event.release))
        open_here[place] = attempt
        self.attempts.append(attempt)

    def _deployment_ended(self, event: Recorded, place: Place, at: int) -> None:
        if event.outcome not in ("deployed", "failed", "rolled_back"):
            return
        attempt = self._open.get(event.release, {}).get(place)
        if attempt is None or attempt.bundle != event.bundle:
            last = self._last.get((event.release, place))
            if last and last.bundle == event.bundle and event.outcome != "deployed":
                self._worsened(last, event.outcome, at)
                return
            if last and last.bundle == event.bundle and last.outcome == "deployed":
                return
            attempt = Attempt(place, event.release, event.bundle, None, self._begun.get(event.release))
            self.attempts.append(attempt)
        self._end(attempt, event.outcome, at)

    def _end(self, attempt: Attempt, outcome: str, at: int) -> None:
        attempt.outcome, attempt.ended = outcome, at
        open_here = self._open.get(attempt.release, {})
        if open_here.get(attempt.place) is attempt:
            del open_here[attempt.place]
        self._last[attempt.release, attempt.place] = attempt
        failure = self._failing.get(attempt.place)
        if outcome == "deployed":
            if failure and failure.suspected and failure.release == attempt.release:
                self._restored(attempt.place, "dismissed", at)
            else:
                self._restored(attempt.place, "deployment", at)
        elif outcome == "rolled_back":
            attempt.rolled_back = True
            self._restored(attempt.place, "rollback", at)
        elif not attempt.restored:
            self._sign(attempt.place, attempt.release, at)

    def _worsened(self, attempt: Attempt, outcome: str, at: int) -> None:
        """An ended deployment is said to have ended otherwise: it failed after all."""
        if attempt.outcome == "deployed" and outcome == "rolled_back":
            attempt.rolled_back = True
            self._restored(attempt.place, "rollback", at)
        elif attempt.outcome == "deployed" and not attempt.rolled_back:
            attempt.worsened = True
            self._sign(attempt.place, attempt.release, at)

    def _verdict(self, event: Recorded, place: Place, at: int) -> None:
        if event.outcome == "bad" and place in self._open.get(event.release, {}):
            self._sign(place, event.release, at, suspected=True)

    def _rollback_began(self, event: Recorded, place: Place, at: int) -> None:
        attempt = self._attempt(event.release, place)
        if attempt and attempt.outcome == "rolled_back":
            return
        if attempt:
            attempt.rolled_back = True
        self._sign(place, event.release, at)

    def _rollback_ended(self, event: Recorded, place: Place, at: int) -> None:
        attempt = self._attempt(event.release, place)
        if attempt:
            attempt.rolled_back = True
        if event.outcome == "passed":
            if attempt:
                attempt.restored = True
            self._restored(place, "rollback", at)
        elif event.outcome == "failed" and not (attempt and attempt.outcome == "rolled_back"):
            self._sign(place, event.release, at)

    def _incident_noted(self, event: Recorded, place: Place, at: int) -> None:
        attempt = self._attempt(event.release, place)
        if attempt:
            attempt.incident = True
        self._sign(place, event.release, at, incident=True)

    def _incident_resolved(self, event: Recorded, place: Place, at: int) -> None:
        failure = self._failing.get(place)
        if failure and failure.incident:
            self._restored(place, "resolved", at)

    def _drift_checked(self, event: Recorded, place: Place, at: int) -> None:
        if event.outcome in ("none", "drifted", "unknown"):
            self.checks.append(Check(place, at, event.outcome))

    def _release_ended(self, event: Recorded, place: Place, at: int) -> None:
        if event.outcome != "released":
            outcome = "rolled_back" if event.outcome == "rolled_back" else "failed"
            for attempt in tuple(self._open.get(event.release, {}).values()):
                self._end(attempt, outcome, at)
            self._open.pop(event.release, None)
        self._asked.pop(event.release, None)
        self._begun.pop(event.release, None)

    def _attempt(self, release: str, place: Place) -> Attempt | None:
        return self._open.get(release, {}).get(place) or self._last.get((release, place))

    def _sign(self, place: Place, release: str, at: int, *, suspected: bool = False, incident: bool = False) -> None:
        """A sign of failure: the first begins it, another one confirms it."""
        failure = self._failing.get(place)
        if failure is None:
            failure = Failure(place, release, at, suspected)
            self._failing[place] = failure
            self.failures.append(failure)
        failure.suspected = failure.suspected and suspected
        failure.incident = failure.incident or incident

    def _restored(self, place: Place, by: str, at: int) -> None:
        failure = self._failing.pop(place, None)
        if failure:
            failure.ended, failure.by, failure.suspected = at, by, False


def _seconds(entry: Entry) -> int:
    return int(moment(entry.time).timestamp())


def _predicate(entry: Entry) -> dict[str, Any]:
    """What a signed decision says. Its signature is not looked at here: `hug audit verify` does that."""
    try:
        statement = json.loads(base64.b64decode(entry.value["envelope"]["payload"]))
        said: dict[str, Any] = statement["predicate"]
        said.get("packet")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LedgerBroken(f"its envelope cannot be read: {error}"[:200], seq=entry.seq) from error
    return said
