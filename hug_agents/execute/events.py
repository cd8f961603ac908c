"""What happened, as the ledger tells it: one closed list of events, written by the executor, read by the metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, get_args

from hug_agents.approve.clock import Instant
from hug_agents.approve.desk import Desk
from hug_agents.approve.ledger import Entry
from hug_agents.spec import Line, Model

EventName = Literal[
    "release_began",
    "effect_began",
    "effect_ended",
    "deployment_began",
    "deployment_ended",
    "verdict",
    "rollback_began",
    "rollback_ended",
    "attention",
    "bundle_edited",
    "drill_ended",
    "drift_checked",
    "incident_noted",
    "incident_resolved",
    "release_ended",
]
"""A deployment is all effects of a release in one environment, a rollback likewise; `verdict` is one analysis."""


class Event(Model):
    """One event. Fields that do not apply are empty."""

    name: EventName
    release: Line
    application: Line = ""
    environment: Line = ""
    role: Literal["", "development", "staging", "production"] = ""
    target: Line = ""
    bundle: Line = ""
    packet: Line = ""
    """Of an effect: the packet that was approved when it began. Of an edit: the packet that it voids."""
    outcome: Line = ""
    """effect: done, failed · deployment: deployed, failed, rolled_back · rollback, drill: passed, failed ·
    attention: the matter's kind · verdict:
    good, bad, inconclusive · drift: none, drifted, unknown · release: released, rejected, failed, rolled_back,
    cancelled"""
    detail: Line = ""


class Recorded(Event):
    """An event with its place in the ledger and its time, as the ledger's clock had it."""

    seq: int
    at: Instant


def record_once(desk: Desk, event: Event) -> None:
    """As `record`, unless the release's entries hold the very event already: a node that is entered again says it once."""
    record(desk, event, once=True)


_NAMES = frozenset(get_args(EventName))


def record(desk: Desk, event: Event, *, still_open: bool = True, once: bool = False) -> Entry:
    """Write an event; a release that ended leaves the inbox, and with `still_open=False` stays out of it."""
    still_open = still_open and event.name != "release_ended"
    return desk.record(event.release, event.name, still_open=still_open, once=once, **_detail(event))


def _detail(event: Event) -> dict[str, str]:
    return {key: str(value) for key, value in event.model_dump(exclude={"name", "release"}).items() if value}


def events(entries: Iterable[Entry]) -> Iterator[Recorded]:
    """The events among ledger entries, in order; other entries, and events of other programs, are passed over."""
    for entry in entries:
        if entry.kind == "event" and entry.value.get("event") in _NAMES:
            detail = {key: value for key, value in entry.value["detail"].items() if key in Event.model_fields}
            yield Recorded(name=entry.value["event"], release=entry.release, seq=entry.seq, at=entry.time, **detail)
