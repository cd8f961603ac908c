"""An incident after a deployment, as a person notes it: the log knows of no other."""

from __future__ import annotations

from hug_agents.approve.ledger import Entry
from hug_agents.errors import UsageError
from hug_agents.execute.events import Event, EventName, record
from hug_agents.execute.executor import Executor
from hug_agents.measure.timeline import Attempt, Timeline


def note_incident(
    executor: Executor, release: str, *, by: str, note: str, environment: str = "", resolved: bool = False
) -> Entry:
    """Note that a release caused an incident, or that it is over. The time is the ledger's: note it when it is seen.

    `environment` may be left out where the release was deployed to one production environment. Raises UsageError.
    """
    row = executor.register.find(release)
    timeline = Timeline().follow(executor.desk.ledger)
    attempt = _where(timeline, release, environment)
    name: EventName = "incident_resolved" if resolved else "incident_noted"
    event = Event(
        name=name,
        release=release,
        application=attempt.place.application,
        environment=attempt.place.environment,
        bundle=attempt.bundle,
        detail=" ".join(f"{by}: {note}".split())[:2000],
    )
    return record(executor.desk, event, still_open=not row.outcome)


def _where(timeline: Timeline, release: str, environment: str) -> Attempt:
    """The release's last deployment in the environment that is meant."""
    found = {
        item.place.environment: item
        for item in timeline.attempts
        if item.release == release
        and (item.place.environment == environment if environment else timeline.roles.get(item.place) == "production")
    }
    if len(found) != 1:
        where = environment or "production"
        raise UsageError(
            f"it was deployed to {', '.join(sorted(found))}: name one"
            if found
            else f"it was never deployed to {where}",
            where=f"release {release}",
            hint="--environment NAME",
        )
    return next(iter(found.values()))
