"""What the offline model answers to each prompt: pure functions from the fenced data to the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from hug_agents.agents.drafts import Amending, Chosen, Declined, Explanation, NoteDraft, Notes, Repair, WrittenFile
from hug_agents.reading.claims import Reading
from hug_agents.spec import DeploymentSpec

Data = Mapping[str, Any]
_MOST_NOTES = 8
_SCRAPERS = {"prometheus", "datadog"}
_RANK = {"risk": 0, "advice": 1, "reason": 2}


def read_request(data: Data) -> Reading:
    """The request's claims, by the rules of `hug_agents.reading`."""
    from hug_agents.reading.rules import read

    return read(data["request"])


def plan_notes(data: Data) -> Notes:
    """What the approvers of this spec should know about its rollout and its way back."""
    return _ranked(_plan_notes(DeploymentSpec.model_validate(data["spec"])))


def operations_notes(data: Data) -> Notes:
    """What the people who run this spec should know about what is watched and what is not."""
    return _ranked(_operations_notes(DeploymentSpec.model_validate(data["spec"])))


def repair(data: Data) -> Repair:
    """Every offer, the first of each path: the gates judge the result again."""
    first = {offer["path"]: offer for offer in reversed(data["offers"])}
    taken = sorted(first.values(), key=lambda offer: int(offer["offer"]))
    return Repair(chosen=tuple(Chosen(offer=offer["offer"], reason=offer["reason"][:300]) for offer in taken[:20]))


def diagnose(data: Data) -> Explanation:
    """What gates, runs and logs show, by signs that are known."""
    from hug_agents.agents.offline_diagnosis import of_gates, of_run, of_step

    kind, logs = data["occasion"]["kind"], data["logs"]
    if kind == "gate":
        return of_gates(data["findings"])
    return of_run(data["output"], logs, data["occasion"]["open"]) if kind == "run" else of_step(data["verdict"], logs)


def amend(data: Data) -> Amending:
    """Nothing: rules write no file that no renderer writes."""
    reason = "the offline model is a set of rules, and writes nothing that no renderer covers"
    return Amending(
        cannot=tuple(Declined(requirement=row["requirement"], reason=reason) for row in data["requirements"])
    )


def write_infrastructure(data: Data) -> WrittenFile:
    """Nothing: rules write what the renderers cover, and a free task is not that."""
    return WrittenFile(content="")


RULES: dict[str, Callable[[Data], BaseModel]] = {
    "prompt_refiner/read_request": read_request,
    "deployment/plan_notes": plan_notes,
    "deployment/amend": amend,
    "deployment/repair": repair,
    "devops/amend": amend,
    "deployment/write_infrastructure": write_infrastructure,
    "devops/diagnose": diagnose,
    "devops/operations_notes": operations_notes,
    "devops/repair": repair,
}
"""By the prompt's id."""


def _ranked(notes: Iterator[NoteDraft]) -> Notes:
    return Notes(notes=tuple(sorted(notes, key=lambda note: _RANK[note.kind])[:_MOST_NOTES]))


def _note(kind: str, about: str, text: str) -> NoteDraft:
    return NoteDraft.model_validate({"kind": kind, "about": about, "text": text})


def _plan_notes(spec: DeploymentSpec) -> Iterator[NoteDraft]:
    beside = spec.strategy.kind != "rolling"
    for service in spec.services:
        path = f"services.{service.name}"
        if service.migrate_command:
            yield _note(
                "risk",
                f"{path}.migrate_command",
                "A rollback starts the previous image against the migrated schema. The migration must keep the schema "
                "readable by the previous version, or be split into an expanding and a contracting release.",
            )
        if service.by_tag:
            yield _note(
                "risk",
                f"{path}.image",
                "The image is named by a tag, and a tag can move: staging and production may run different bytes, and "
                "a rollback may not return to the same ones. Name it by digest.",
            )
        if service.kind == "web" and service.replicas == 1 and not beside:
            yield _note(
                "risk",
                f"{path}.replicas",
                "With a single replica, a failed start leaves no second copy to serve while it is replaced.",
            )
    for dependency in spec.dependencies:
        if dependency.kind in ("postgres", "mysql", "object_store"):
            yield _note(
                "risk",
                f"dependencies.{dependency.name}",
                "What the new version writes stays after a rollback: the previous version must be able to read it.",
            )
    if spec.strategy.kind == "canary" and not spec.objectives:
        yield _note(
            "risk",
            "strategy.steps",
            "No service level objective is stated, so a step can only be judged by health checks and smoke tests: a "
            "version that is slow or fails some requests would pass.",
        )
    yield from _parity(spec)
    if not any(environment.role == "staging" for environment in spec.environments):
        yield _note("risk", "environments", "There is no staging environment: production is the first place it runs.")
    row = spec.evidence_for("strategy.kind")
    why = "by default" if row.kind == "default" else "as asked for"
    side = "both versions run side by side while traffic moves" if beside else "replicas are replaced in batches"
    yield _note("reason", "strategy.kind", f"The strategy is {spec.strategy.kind.replace('_', '-')} {why}: {side}.")


def _parity(spec: DeploymentSpec) -> Iterator[NoteDraft]:
    staging = [item for item in spec.environments if item.role == "staging"]
    for production in spec.production:
        for other in staging:
            if (other.cloud, other.cluster is None) != (production.cloud, production.cluster is None):
                yield _note(
                    "risk",
                    f"environments.{other.name}",
                    f"{other.name} does not run where {production.name} runs: what passes there proves less.",
                )


def _operations_notes(spec: DeploymentSpec) -> Iterator[NoteDraft]:
    if spec.web_services and not spec.objectives:
        yield _note(
            "risk",
            "objectives",
            "No service level objective is stated: no alert can say that users are hurt. Agree on availability and "
            "latency before the service has users.",
        )
    metrics = {trigger.metric for trigger in spec.triggers}
    if not metrics:
        yield _note("risk", "triggers", "Nothing rolls a release back without a person who decides it.")
    elif not metrics & {"error_rate", "latency"}:
        yield _note(
            "advice",
            "triggers",
            "No trigger looks at error rate or latency: a version that is up and answers badly is kept.",
        )
    for service in spec.services:
        yield from _watched(service.name, spec)
    if spec.owner is None:
        yield _note("advice", "owner", "No team is named as the owner: say who answers when an alert pages.")
    if not spec.windows and spec.production:
        yield _note(
            "advice",
            "windows",
            "No window is stated: production may be changed at any hour, also when few people could help.",
        )


def _watched(name: str, spec: DeploymentSpec) -> Iterator[NoteDraft]:
    service = spec.service(name)
    path = f"services.{name}"
    if service.kind == "web" and service.health_path is None:
        yield _note(
            "risk",
            f"{path}.health_path",
            f"No health path is known for {name}: only that its port accepts connections can be checked.",
        )
    if service.kind == "web" and service.metrics_path is None and set(spec.toolchain.monitors) & _SCRAPERS:
        yield _note(
            "risk",
            f"{path}.metrics_path",
            f"No metrics path is known for {name}: what reads metrics reads none of it, so no alert on an objective, an error "
            "rate or a latency can fire there. Say where its metrics are.",
        )
    if service.kind == "worker" and service.metrics_path is None:
        yield _note(
            "risk",
            f"{path}.metrics_path",
            f"{name} serves no requests and no metrics: whether it makes progress is seen only in its logs.",
        )
    if service.kind == "job" and service.schedule:
        yield _note(
            "advice",
            f"{path}.schedule",
            f"Watch for a run of {name} that does not happen, not only for one that fails.",
        )
    if service.secrets:
        yield _note(
            "reason",
            f"{path}.secrets",
            f"The secrets of {name} are references: their values must be in the secret store before the first release.",
        )
