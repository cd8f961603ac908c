"""Which rollback drills are due, by the policy's schedule and by what the ledger says was rehearsed last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hug_agents.approve.clock import Instant, moment
from hug_agents.approve.identity import Digest
from hug_agents.errors import PolicyError
from hug_agents.execute.events import events
from hug_agents.execute.executor import Executor

_ALL = 1_000_000


def due(executor: Executor) -> tuple[str, ...]:
    """The releases that run in production somewhere and were not rehearsed since the schedule last came round.

    Raises PolicyError when the policy has no schedule.
    """
    from croniter import croniter

    drills = executor.desk.policy().drills
    if drills is None:
        raise PolicyError("the policy schedules no drills", where="drills.schedule", hint='e.g. schedule: "0 9 * * 1"')
    came_round: datetime = croniter(drills.schedule, executor.desk.now()).get_prev(datetime)
    latest: dict[str, datetime] = {}
    began: dict[str, datetime] = {}
    for item in events(executor.desk.ledger.stream()):
        if item.name == "drill_ended" and item.outcome == "passed":
            latest[item.application] = moment(item.at)
        if item.name == "deployment_ended" and item.role == "production" and item.outcome == "deployed":
            began.setdefault(item.application, moment(item.at))
    return tuple(
        release
        for application, release in _released(executor)
        if max(latest.get(application, began[application]), began[application]) < came_round
    )


def rehearsed(executor: Executor, bundle: Digest) -> Instant | None:
    """When the way back of a bundle was last walked and passed, in whichever release; None: never."""
    walked = (item for item in events(executor.desk.ledger.stream()) if item.name == "drill_ended")
    return max((item.at for item in walked if item.bundle == bundle and item.outcome == "passed"), default=None)


def _released(executor: Executor) -> Iterator[tuple[str, str]]:
    """Each application with the release that was put into production last of those that are there still."""
    running = {(item.application, item.environment, item.release) for item in executor.register.everything()}
    there: dict[str, str] = {}
    for item in events(executor.desk.ledger.stream()):
        put = item.name == "deployment_ended" and item.role == "production" and item.outcome == "deployed"
        if put and (item.application, item.environment, item.release) in running:
            there[item.application] = item.release
    busy = {item.application for item in executor.register.list(open_only=True, limit=_ALL)}
    yield from ((name, release) for name, release in there.items() if name not in busy)
