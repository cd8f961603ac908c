"""What people on call find in the runbook: for each alert, what it means, what to look at, what to do."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.plans import Runbook, Symptom
from hug_agents.slo import AlertInfo, alerts
from hug_agents.spec import DeploymentSpec

_BURN_LOOK = (
    "which service and environment: the labels of the alert",
    "what changed: deploy/deploy.sh status {place} shows the versions, and the last pipeline run their times",
    "whether one dependency, one replica or one path fails: errors by path, logs of the service",
)
_BURN_ACT = (
    "if it began with a release: deploy/deploy.sh rollback {place}; look for the cause afterwards",
    "if not: scale out if it is load, switch off the feature that fails if there is a switch, call the owner of the "
    "dependency that fails",
)
_ROLLBACK_ACT = (
    "during a rollout: the pipeline rolls back by itself; watch that it does, with deploy/deploy.sh status {place}",
    "otherwise: deploy/deploy.sh rollback {place}, then deploy/smoke.sh {place}",
)
_STATE = "deploy/deploy.sh status {place}: what runs, and whether a rollout is under way"

# What an alert's name begins with; what to look at; what to do. `{place}` is the production environment.
_ADVICE: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (("AvailabilityBudget", "ErrorRateBudget", "LatencyBudget"), _BURN_LOOK, _BURN_ACT),
    (("Rollback",), (_STATE, "the logs of the new version since it got traffic"), _ROLLBACK_ACT),
    (
        ("ServiceDown", "WorkerDown"),
        (_STATE, "the logs of the last replica before it ended", "whether its dependencies answer"),
        (
            "if it began with a release: deploy/deploy.sh rollback {place}",
            "if a dependency is gone: bring that back first; restarting the service does not help",
        ),
    ),
    (
        ("InstanceDown",),
        (_STATE, "the logs of that replica: out of memory, failed health check, or the machine itself"),
        (
            "leave it if the others carry the load: it is replaced by itself",
            "if it happens again, treat it as ServiceDown",
        ),
    ),
    (
        ("JobFailed", "JobMissed"),
        ("the logs of the last run", "whether an earlier run is still going: runs do not overlap"),
        ("mend the cause, then start the job once by hand", "tell whoever uses its result that it is late"),
    ),
    (
        ("ObjectiveWithoutData",),
        (
            "whether the service is scraped: the targets page of Prometheus, or the status of the agent",
            "whether it still exports the metric by that name",
        ),
        ("treat the objective as unknown, not as met", "while it is not measured, start no release"),
    ),
    (
        ("LogsMissing",),
        (
            "whether the service runs: deploy/deploy.sh status {place}",
            "whether Filebeat and Logstash run, and whether Elasticsearch takes what they send",
        ),
        (
            "if the service is down, treat it as ServiceDown",
            "if it runs, mend the collection: nothing is seen meanwhile",
        ),
    ),
    (
        ("DeadLetters",),
        ("error.message of the documents in the dead letter data stream: which field, and what was wrong with it",),
        (
            "mend the service that writes the field, or add the field to the mappings",
            "until then those lines are kept there, and are missing from every search and rule",
        ),
    ),
    (
        ("Watchdog",),
        ("whether Prometheus runs, and whether the Alertmanager takes its alerts",),
        ("this one always fires; when it stops arriving, no other alert arrives either: mend the monitoring first",),
    ),
)


def plan_runbook(spec: DeploymentSpec) -> Runbook:
    """One entry an alert name, then those of the delivery itself."""
    place = (spec.production or spec.environments)[0].name
    grouped: dict[str, list[AlertInfo]] = {}
    for alert in alerts(spec):
        grouped.setdefault(alert.name, []).append(alert)
    return Runbook(symptoms=(*(_symptom(group, place) for group in grouped.values()), *_delivery(place)))


def _symptom(group: list[AlertInfo], place: str) -> Symptom:
    first = group[0]
    look, act = next(
        ((look, act) for starts, look, act in _ADVICE if first.name.startswith(starts)), ((_STATE,), _BURN_ACT)
    )
    about = ", ".join(alert.service for alert in group if alert.service)
    urgency = {"page": "Pages", "ticket": "Opens a ticket", "none": "Pages nobody"}[first.severity]
    says = first.summary.removeprefix(f"{first.service}: ")
    return Symptom(
        alert=first.name,
        means=f"{urgency}{f' for {about}' if about else ''}: {says}.",
        check=tuple(line.format(place=place) for line in look),
        act=tuple(line.format(place=place) for line in act),
    )


def _delivery(place: str) -> Iterable[Symptom]:
    yield Symptom(
        alert="A rollout stops at a step",
        means="The new version was judged bad, a health check or smoke test failed, or the step ran out of time.",
        check=(
            "the log of the pipeline run: the last line names the step and the check",
            f"deploy/deploy.sh status {place}: the versions and their share of the traffic",
        ),
        act=(
            f"if users are hurt: deploy/deploy.sh rollback {place}",
            "if nobody is: keep the traffic where it is, read the logs of the new version, then decide",
        ),
    )
    yield Symptom(
        alert="A rollback does not finish",
        means="The previous version does not become healthy, or the desired state cannot be written.",
        check=(f"deploy/deploy.sh status {place}", f"deploy/smoke.sh {place}"),
        act=(
            "leave the traffic on whichever version answers the smoke tests",
            "call the Operations Engineer; what a rollback cannot undo is listed in docs/rollback-plan.md",
        ),
    )
