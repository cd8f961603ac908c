"""What people on call find in the runbook: for each way to fail, what it means, what to look at, what to do."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.plans import Runbook, Symptom
from hug_agents.spec import DeploymentSpec


def plan_runbook(spec: DeploymentSpec) -> Runbook:
    """One entry per alert of the spec, then those of the delivery itself."""
    return Runbook(symptoms=(*_alerts(spec), *_delivery(spec)))


def _alerts(spec: DeploymentSpec) -> Iterable[Symptom]:
    return ()


def _delivery(spec: DeploymentSpec) -> Iterable[Symptom]:
    names = [item.name for item in spec.environments]
    place = spec.production[0].name if spec.production else names[-1]
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
        check=(
            f"deploy/deploy.sh status {place}",
            f"deploy/smoke.sh {place}",
        ),
        act=(
            "leave the traffic on whichever version answers the smoke tests",
            "call the Operations Engineer; what a rollback cannot undo is listed in docs/rollback-plan.md",
        ),
    )
