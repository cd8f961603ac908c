"""Asking the DevOps agent why something failed. It recommends, and people read it; where the graph goes it never says."""

from __future__ import annotations

from typing import Any

from hug_agents.agents.budget import spent_by
from hug_agents.agents.diagnosis import Diagnosis, explain, question
from hug_agents.agents.occasion import Occasion, changes_of, findings_of, unanswered
from hug_agents.approve.resolution import Matter
from hug_agents.errors import ModelError, UsageError
from hug_agents.execute.dossier import Dossier
from hug_agents.execute.target import Outcome, SavedPlan
from hug_agents.rollout.deployment import Deployment
from hug_agents.rollout.drill import DrillReport
from hug_agents.rollout.verdict import Check, Verdict
from hug_agents.spec import DeploymentSpec
from hug_agents.store import Store
from hug_agents.validate.gate import GateReport
from hug_agents.workflow.state import Crew, ReleaseState

Update = dict[str, Any]
_SHOWN = frozenset(("occasion", "what", "cause", "recommendation", "reason", "evidence"))
_NAMED = 6
"""Gates that are named in what failed; the findings name the rest."""


def shown(store: Store, state: ReleaseState) -> Update:
    """What a client that shows a question to people is given beside it."""
    name = state.get("diagnosis")
    return {"diagnosis": store.get_model(Diagnosis, name).model_dump(mode="json", include=set(_SHOWN))} if name else {}


class Diagnoser:
    """The failures of one crew's releases. Each answer is what changes of the state."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.store = crew.store

    def needed(self, state: ReleaseState) -> bool:
        """Whether gates keep this bundle back by what they found, or broke."""
        return bool(unanswered(self._report(state).results))

    def gates(self, state: ReleaseState) -> Update:
        """The node of a bundle that failed gates keep back, after repair."""
        failed = unanswered(self._report(state).results)
        spec, register = self._spec(state["bundle"]), self.crew.doors.register
        runs = (register.runs(spec.application, item.name) for item in (*reversed(spec.production), *spec.environments))
        there = next((item for item in runs if item), None)
        names = ", ".join(item.name for item in failed[:_NAMED])
        return self._explained(
            state,
            Occasion(
                kind="gate",
                what=f"gates: {names}",
                findings=findings_of(failed),
                changes=self._changes(state["bundle"], there.bundle if there else None),
                repeats=all(item.status == "error" for item in failed),
                returns=False,
            ),
        )

    def deployment(self, state: ReleaseState, dossier: Dossier, went: Deployment) -> Update:
        """A deployment that came back, or that a target did not carry out."""
        trouble = went.trouble
        if trouble is None or (trouble.untouched and not trouble.effect):
            return {"diagnosis": ""}
        plan = self.store.get_model(SavedPlan, dossier.plan)
        changes = self._changes(went.bundle, plan.previous)
        if trouble.effect and trouble.verdict is None:
            handed = self.crew.doors.target(plan.target).abilities.hands_over
            return self._explained(
                state,
                Occasion(
                    kind="run",
                    what=f"{trouble.effect} in {went.environment} by {plan.target}",
                    output=f"{trouble.logs}\n{trouble.reason}" if handed else trouble.reason,
                    logs="" if handed else trouble.logs,
                    changes=changes,
                    returns=not trouble.untouched,
                ),
            )
        verdict = trouble.verdict or Verdict(
            outcome="bad",
            candidate=went.bundle,
            baseline=None,
            checks=(Check(name="rollout", outcome="bad", reason=" ".join(trouble.reason.split())[:2000]),),
        )
        what = f"step {trouble.step} of the rollout in {went.environment}"
        return self._explained(
            state, Occasion(kind="step", what=what, verdict=verdict, logs=trouble.logs, changes=changes)
        )

    def drill(self, state: ReleaseState, report: DrillReport) -> Update:
        """A rollback drill: its phases are runs."""
        failed = next((item for item in report.phases if not item.passed), None)
        if failed is None:
            return {"diagnosis": ""}
        return self._explained(
            state,
            Occasion(
                kind="run",
                what=f"rollback drill by {report.target}, at {failed.name}",
                output=f"{failed.outcome}: {failed.detail}",
                changes=self._changes(report.bundle, report.previous),
                returns=False,
            ),
        )

    def destruction(self, state: ReleaseState, dossier: Dossier, outcome: Outcome) -> Update:
        """An environment that could not be removed as a whole."""
        plan = self.store.get_model(SavedPlan, dossier.plan)
        what = f"destroy {plan.environment.name} by {plan.target}"
        return self._explained(state, Occasion(kind="run", what=what, output=outcome.detail, returns=False))

    def matter(self, state: ReleaseState, matter: Matter) -> Update:
        """What stands still for a person: a way back that a target did not complete is a run that failed."""
        if matter.kind != "rollback_failed":
            return {}
        what = f"rollback in {matter.environment} by {state['target']}"
        return self._explained(state, Occasion(kind="run", what=what, output=matter.evidence, returns=False))

    def _explained(self, state: ReleaseState, occasion: Occasion) -> Update:
        """Ask, tell and keep; the same is not asked twice. A model that fails changes nothing, and that is said."""
        crew, name = self.crew, state.get("diagnosis")
        try:
            filled = question(occasion)  # a person's own prompts may lack what this one takes
            if name and self.store.get_model(Diagnosis, name).about == filled.digest():
                return {}
            found = explain(occasion, crew.chat_models["devops"], crew.budget, crew.on_event, filled)
        except (ModelError, UsageError) as error:
            crew.tell("notice", f"not explained: {error.what}")
            return {"diagnosis": "", "usage": [self.store.put_model(item) for item in spent_by(error)]}
        crew.tell("diagnosis", found)
        usage = [self.store.put_model(found.usage)]
        return {"diagnosis": self.store.put_model(found), "usage": usage, "prompts": list(found.prompts)}

    def _changes(self, bundle: str, previous: str | None) -> str:
        before = self.store.get_bundle(previous) if previous else None
        then = self._spec(previous) if previous else None
        return changes_of(self.store.get_bundle(bundle), self._spec(bundle), before, then)

    def _report(self, state: ReleaseState) -> GateReport:
        return self.store.get_model(GateReport, state["gates"])

    def _spec(self, bundle: str) -> DeploymentSpec:
        return self.store.get_model(DeploymentSpec, self.store.get_bundle(bundle).manifest.spec)
