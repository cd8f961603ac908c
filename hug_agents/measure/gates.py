"""What a policy wants measured before a checkpoint opens, from the log, for the packet to carry."""

from __future__ import annotations

from datetime import timedelta

from hug_agents.approve.checkpoints import CheckpointId
from hug_agents.approve.clock import instant, later, moment
from hug_agents.approve.desk import Desk
from hug_agents.approve.measured import Bound, Measured, MetricName, judged
from hug_agents.execute.dossier import Dossier
from hug_agents.measure.metrics import Scope, figures
from hug_agents.measure.timeline import Timeline


def measured(desk: Desk, checkpoint: CheckpointId, application: str, before: Dossier | None) -> tuple[Measured, ...]:
    """The figures that the policy bounds at this checkpoint, of the application in production. None bounded: nothing is read.

    People sign what they were shown. The figures of `before` stay while they hold and a signature of then would, and where
    they do not hold, until they are other ones: an override and the signatures beside it are of one packet.
    """
    rule = desk.policy().checkpoints[checkpoint]
    if not rule.metrics:
        return ()
    now = desk.now()
    kept = {item.name: item for item in before.metrics} if before else {}
    fresh = kept.keys() == rule.metrics.keys() and all(
        now - moment(item.until) < timedelta(hours=rule.expires_hours) for item in kept.values()
    )
    if before and fresh and not any(judged(bound, kept[name], name) for name, bound in rule.metrics.items()):
        return before.metrics
    timeline = Timeline().follow(desk.ledger)
    found = tuple(
        _figure(timeline, name, bound, application, instant(now)) for name, bound in sorted(rule.metrics.items())
    )
    same = fresh and all(item == kept[item.name].model_copy(update={"until": item.until}) for item in found)
    return before.metrics if before and same else found


def _figure(timeline: Timeline, name: MetricName, bound: Bound, application: str, now: str) -> Measured:
    since, until = later(now, seconds=-bound.over_days * 86_400), later(now, seconds=1)
    found = figures(timeline, Scope(application=application, since=since, until=until))
    value = found[name].value
    scale = 60 if found[name].unit == "seconds" else 1
    return Measured(
        name=name,
        over_days=bound.over_days,
        value=None if value is None else round(value / scale, 2),
        deployments=found.deployments,
        until=now,
    )
