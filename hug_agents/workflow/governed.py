"""The nodes between the checkpoints: ask people, go to staging, rehearse the way back, go to production, close.

Each may be entered again after a crash, a goto or a replay. None decides: the desk says what stands, the executor acts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

from langgraph.types import interrupt
from pydantic import Field

from hug_agents.approve.checkpoints import CHECKPOINTS, Checkpoint
from hug_agents.approve.clock import moment
from hug_agents.approve.packet import DrillRecord, Evidence, Packet, Prior
from hug_agents.approve.resolution import Matter
from hug_agents.approve.windows import closed
from hug_agents.bundle import Manifest
from hug_agents.canonical import canonical_json
from hug_agents.errors import DecisionRefused, EnvironmentBusy, NeedsPerson, NotApproved
from hug_agents.execute.dossier import Dossier, environment_of, place_of, places
from hug_agents.execute.events import Event, record_once
from hug_agents.execute.target import PlanStale, SavedPlan
from hug_agents.measure.gates import measured
from hug_agents.planning import blueprint_of
from hug_agents.rollout.deployment import Deployment, deploy, note_ended
from hug_agents.rollout.drill import DrillReport, drill
from hug_agents.spec import DeploymentSpec, Model
from hug_agents.validate.gate import GateReport
from hug_agents.workflow.checkpoints import edited, edits_of, shape_of
from hug_agents.workflow.diagnosing import Diagnoser, shown
from hug_agents.workflow.state import Crew, ReleaseState

Update = dict[str, Any]


class AttentionAnswer(Model):
    """The word to go on: with the signed answer to the matter, or to look at the ledger for it."""

    type: Literal["settle", "look"] = "look"
    envelope: dict[str, Any] | None = Field(None, description="DSSE envelope of the signed answer")


Node = Callable[[ReleaseState], Update]


class Governed:
    """The governed part of the graph, for one crew."""

    def __init__(self, crew: Crew, diagnoser: Diagnoser) -> None:
        self.crew = crew
        self.store = crew.store
        self.diagnoser = diagnoser

    def ask(self, checkpoint: Checkpoint) -> Node:
        """The node that puts a packet before people. Asking twice about the same packet is asking once."""

        def node(state: ReleaseState) -> Update:
            self.crew.tell("ask", checkpoint.name)
            executor = self.crew.doors
            try:
                dossier, plans = self._dossier(checkpoint, state)
                packet = executor.packet(dossier)
                taken = executor.desk.present(packet)
                if taken.standing.state in ("rejected", "changes"):
                    dossier = dossier.model_copy(update={"round": dossier.round + 1})
                    packet = executor.packet(dossier)
                    taken = executor.desk.present(packet)
            except (DecisionRefused, EnvironmentBusy) as error:
                if getattr(error, "reason", "") == "earlier_checkpoint":
                    return {"decision": "restart", "earlier": [], "notice": str(error)[:2000]}
                blocked = {
                    "type": "hug.blocked",
                    "schema": 1,
                    "checkpoint": checkpoint.id,
                    "reason": str(error),
                    **shown(self.store, state),
                }
                if (edits := edits_of(interrupt(blocked))) is not None:
                    made = edited(self.crew, state, edits)
                    return made if made["decision"] == "edit" else made | {"decision": "blocked"}
                unrun = any(item.status in ("skipped", "error") for item in self._report(state).results)
                gates = getattr(error, "reason", "") == "gates_not_green"
                return {"decision": "regate" if gates and unrun else "blocked", "notice": str(error)[:2000]}
            undrilled = any(item.kind == "drill" for item in taken.standing.missing)
            if undrilled and dossier.drill and executor.target(state["target"]).abilities.rehearses:
                return {
                    "decision": "redrill",
                    "earlier": state["earlier"][:2],
                    "notice": "the rollback drill is out of date",
                }
            if taken.notice:
                self.crew.tell("notice", taken.notice)
            seen_to = state.get("decision") in ("blocked", "regate")
            return {
                "decision": "asked",
                "notice": "" if seen_to else state.get("notice", ""),
                "in_production": packet.environment.role == "production",
                "dossier": self.store.put_model(dossier),
                "packet": packet.digest(),
                "round": dossier.round,
                "plans": plans,
            }

        return node

    def passed(self, checkpoint: Checkpoint) -> Node:
        """The node after a checkpoint that opens nothing by itself: note that it was passed."""

        def node(state: ReleaseState) -> Update:
            return {"earlier": _earlier(state, checkpoint)}

        return node

    def stage(self, state: ReleaseState) -> Update:
        """Carry the bundle into staging."""
        update = self._deploy(state)
        if update["decision"] == "done":
            update["earlier"] = _earlier(state, CHECKPOINTS[0])
        return {**update, "at": "stage"}

    def drill(self, state: ReleaseState) -> Update:
        """Rehearse the rollback in staging."""
        executor = self.crew.doors
        dossier = self.store.get_model(Dossier, state["dossier"])
        number = state.get("drills", 0) + 1
        target = executor.target(state["target"])
        able = target.abilities
        first = self.store.get_model(SavedPlan, dossier.plan).previous is None
        if not able.rehearses or (first and not able.removes):
            notice = f"the target {target.name} cannot rehearse " + (
                "a rollback" if not able.rehearses else "the rollback of a first version: there is nothing to return to"
            )
            return {"decision": "done", "notice": notice, "earlier": _earlier(state, CHECKPOINTS[2])}
        record = self._drilled(state)
        if record and record.outcome == "passed" and not self._too_old(record):
            return {"decision": "done", "earlier": _earlier(state, CHECKPOINTS[2])}
        try:
            record = drill(executor, dossier, number, fault=self.crew.fault, tell=self.crew.tell)
        except NeedsPerson as error:
            return self._attention(state, error, "drill")
        except (NotApproved, EnvironmentBusy, PlanStale) as error:
            return self._refused(state, error)
        report = self.store.get_model(DrillReport, record.evidence)
        update: Update = {"drill": self.store.put_model(record), "notice": report.said[:2000]}
        update |= self.diagnoser.drill(state, report)
        if state.get("scope") == "drill":
            drilled = "drilled" if record.outcome == "passed" else "failed"
            return update | {"decision": "closed", "outcome": drilled}
        return update | {
            "decision": "done" if record.outcome == "passed" else "failed",
            "drills": number,
            "earlier": _earlier(state, CHECKPOINTS[2]),
        }

    def roll_out(self, state: ReleaseState) -> Update:
        """Carry the bundle into one production environment."""
        update = self._deploy(state)
        if update["decision"] == "done":
            number = state.get("production", 0) + 1
            update["production"] = number
            if number >= len(places(self._spec(state))[1]):
                update["outcome"] = "released"
        return {**update, "at": "roll_out"}

    def tear_down(self, state: ReleaseState) -> Update:
        """Remove an environment, by exactly the plan that was signed."""
        executor = self.crew.doors
        dossier = self.store.get_model(Dossier, state["dossier"])
        try:
            outcome = executor.carry_out(dossier, "destroy", weight=0)
        except NeedsPerson as error:
            return self._attention(state, error, "tear_down")
        except (NotApproved, EnvironmentBusy, PlanStale) as error:
            return self._refused(state, error)
        if outcome.status == "done":
            executor.register.gone(self._spec(state).application, state["place"])
        update: Update = {"decision": "closed", "notice": f"{state['place']}: {outcome.detail}"[:2000]}
        if outcome.status == "done":
            return update | {"outcome": "destroyed"}
        return update | {"outcome": "failed"} | self.diagnoser.destruction(state, dossier, outcome)

    def close(self, state: ReleaseState) -> Update:
        """Note how it ended, and let go of the environments."""
        executor, outcome = self.crew.doors, state.get("outcome", "failed")
        spec = self._spec(state)
        record_once(
            executor.desk,
            Event(name="release_ended", release=state["release"], application=spec.application, outcome=outcome),
        )
        executor.register.end(state["release"], outcome)
        return {}

    def _deploy(self, state: ReleaseState) -> Update:
        executor = self.crew.doors
        dossier = self.store.get_model(Dossier, state["dossier"])
        try:
            went = deploy(executor, dossier, tell=self.crew.tell)
        except NeedsPerson as error:
            return self._attention(state, error, "")
        except (NotApproved, EnvironmentBusy, PlanStale) as error:
            return self._refused(state, error)
        note_ended(executor, dossier, went)
        update: Update = {"decision": went.outcome.status, "staged": self.store.put_model(went)}
        if went.outcome.status == "failed":
            update |= {"outcome": went.how, "notice": f"{went.environment}: {went.outcome.detail}"[:2000]}
            update |= self.diagnoser.deployment(state, dossier, went)
        elif state.get("diagnosis"):
            update["diagnosis"] = ""  # of gates that were waived since, or of a drill: it went well
        return update

    def attention(self, state: ReleaseState) -> Update:
        """Wait for a person to settle what only a person can. Where it goes on asks the ledger for the answer."""
        matter = self.store.get_model(Matter, state["matter"])
        payload = {
            "type": "hug.attention",
            "schema": 1,
            "matter": state["matter"],
            "choices": list(matter.choices),
            **shown(self.store, state),
            **matter.model_dump(mode="json", exclude={"number"}),
        }
        answer = AttentionAnswer.model_validate(interrupt(payload, response_schema=shape_of(AttentionAnswer)))
        update: Update = {"decision": "waiting", "notice": ""}
        if answer.envelope is not None:
            try:
                self.crew.doors.matters.answer(matter, canonical_json(answer.envelope), state["requester"])
            except (DecisionRefused, ValueError) as error:  # canonical JSON has no form for some numbers: ValueError
                update["notice"] = f"refused: {error}"[:2000]
        return update

    def _attention(self, state: ReleaseState, error: NeedsPerson, at: str) -> Update:
        update: Update = {"decision": "attention", "matter": error.matter, "at": at, "notice": str(error)[:2000]}
        return update | self.diagnoser.matter(state, self.store.get_model(Matter, error.matter))

    def _refused(self, state: ReleaseState, error: Exception) -> Update:
        """Nothing was done: people are asked again, about a new plan where the old one is stale."""
        update: Update = {"decision": "waiting", "notice": str(error)[:2000]}
        if isinstance(error, PlanStale):
            dossier = self.store.get_model(Dossier, state["dossier"])
            gone = self.store.get_model(Packet, state["packet"]).environment.name
            update["plans"] = {name: item for name, item in state.get("plans", {}).items() if name != gone}
            update["notice"] = f"the plan {dossier.plan} went stale: {error}"[:2000]
        return update

    def _dossier(self, checkpoint: Checkpoint, state: ReleaseState) -> tuple[Dossier, dict[str, str]]:
        """What the packet of a checkpoint is made from, and the plans with the one that it needed."""
        executor, spec = self.crew.doors, self._spec(state)
        destroy = state.get("scope") == "destroy"
        environment = (
            environment_of(spec, state["place"])
            if destroy
            else place_of(spec, checkpoint.id, state.get("production", 0))
        )
        application, release = spec.application, state["release"]
        staging, productions = places(spec)
        executor.register.lock(release, application, staging.name, *(item.name for item in productions))
        plans = dict(state.get("plans", {}))
        if environment.name not in plans:
            bundle = self.store.get_bundle(state["bundle"])
            previous = self._before(state, application, environment.name)
            plans[environment.name] = executor.plan(
                state["target"], bundle, blueprint_of(spec), environment, previous, destroy=destroy
            )
        open_now = not closed(
            executor.desk.policy(),
            environment.role,
            executor.desk.now(),
            spec_windows=spec.windows if environment.role == "production" else (),
        )
        record = self._drilled(state)
        opens_production = checkpoint.opens == "production"
        dossier = Dossier(
            release=release,
            round=state.get("round", 1),
            checkpoint=checkpoint.id,
            requester=state["requester"],
            bundle=state["bundle"],
            gates=state["gates"],
            plan=plans[environment.name],
            history=executor.register.history(application, environment.name, without=release),
            window_open=self._window(state, checkpoint, open_now=open_now),
            drill=record if record and opens_production else None,
            evidence=self._evidence(state, None if opens_production else record),
            metrics=measured(executor.desk, checkpoint.id, application, self._asked_before(state, checkpoint)),
            earlier=tuple(
                Prior.model_validate({"checkpoint": name, "packet": packet})
                for name, packet in state.get("earlier", [])
            ),
        )
        return dossier, plans

    def _before(self, state: ReleaseState, application: str, environment: str) -> str | None:
        """The bundle that a rollback returns to: what was put there last; for a bundle that is there already, what its
        plan returned to."""
        there = self.crew.doors.register.runs(application, environment)
        if there is None or there.bundle != state["bundle"] or not there.plan:
            return there.bundle if there else None
        return self.store.get_model(SavedPlan, there.plan).previous

    def _drilled(self, state: ReleaseState) -> DrillRecord | None:
        """The last drill of this bundle."""
        record = self.store.get_model(DrillRecord, state["drill"]) if state.get("drill") else None
        return record if record and record.bundle == state["bundle"] else None

    def _too_old(self, record: DrillRecord) -> bool:
        desk = self.crew.doors.desk
        hours = desk.policy().checkpoints["production_go_no_go"].drill_max_age_hours
        return desk.now() - moment(record.finished) > timedelta(hours=hours)

    def _window(self, state: ReleaseState, checkpoint: Checkpoint, *, open_now: bool) -> bool:
        """As it was when people were first asked, while they are asked about the same bundle."""
        before = self._asked_before(state, checkpoint)
        return before.window_open if before else open_now

    def _asked_before(self, state: ReleaseState, checkpoint: Checkpoint) -> Dossier | None:
        """The dossier that people were asked by, while they are asked about the same bundle."""
        if not state.get("dossier"):
            return None
        before = self.store.get_model(Dossier, state["dossier"])
        now = (checkpoint.id, state["bundle"], state.get("round", 1))
        return before if (before.checkpoint, before.bundle, before.round) == now else None

    def _evidence(self, state: ReleaseState, drilled: DrillRecord | None) -> tuple[Evidence, ...]:
        """What reviewers judge beside the packet's own parts; an earlier drill is a reason to look before the next."""
        found = []
        if drilled:
            found.append(Evidence(name="an earlier drill", outcome=drilled.outcome, digest=drilled.evidence))
        if state.get("staged"):
            went = self.store.get_model(Deployment, state["staged"])
            if went.bundle == state["bundle"]:
                what = f"deployment to {went.environment}"
                said = " ".join(f"{went.outcome.status} {went.outcome.detail}".split())[:500]
                found.append(Evidence(name=what, outcome=said, digest=state["staged"]))
                if went.smoke:
                    said = f"{went.smoke.outcome} {went.smoke.reason}".strip()[:500]
                    found.append(Evidence(name="smoke tests", outcome=said, digest=state["staged"]))
        if state.get("edits"):
            found.append(Evidence(name="edited by hand", outcome="see the diff", digest=state["edits"]))
        return tuple(found)

    def _report(self, state: ReleaseState) -> GateReport:
        return self.store.get_model(GateReport, state["gates"])

    def _spec(self, state: ReleaseState) -> DeploymentSpec:
        return self.store.get_model(DeploymentSpec, self.store.get_model(Manifest, state["bundle"]).spec)


def _earlier(state: ReleaseState, checkpoint: Checkpoint) -> list[list[str]]:
    kept = [item for item in state.get("earlier", []) if item[0] != checkpoint.id]
    return [*kept, [checkpoint.id, state["packet"]]]
