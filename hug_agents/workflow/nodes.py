"""What each node does: read documents by digest, call one agent or one pure function, keep the result, return its digest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from langgraph.config import get_config
from pydantic import ValidationError

from hug_agents.agents import deployment, devops, prompt_refiner
from hug_agents.agents.occasion import unanswered
from hug_agents.amending.documents import Amendments
from hug_agents.amending.lay import lay, met
from hug_agents.approve.identity import PersonId, ReleaseId
from hug_agents.bundle import Bundle
from hug_agents.errors import UsageError
from hug_agents.execute.events import Event, record_once
from hug_agents.planning import plan
from hug_agents.plans import Blueprint, Note
from hug_agents.reading.assemble import Refinement
from hug_agents.reading.redact import clean_request
from hug_agents.render import render
from hug_agents.repair import applicable, apply_fixes
from hug_agents.request import Request
from hug_agents.scan import RepositoryFacts
from hug_agents.spec import DeploymentSpec, Model
from hug_agents.tracing import trace
from hug_agents.validate import GateReport, GateResult, run_gates, verdict
from hug_agents.workflow.edits import Edits, edit_bundle, edit_spec
from hug_agents.workflow.state import STATE_VERSION, Crew, ReleaseState

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from hug_agents.agents.budget import Budget, OnEvent
    from hug_agents.agents.choice import Agent

Update = dict[str, Any]
Node = Callable[[ReleaseState], Update]


class Notes(Model):
    """What an agent remarked, as one document."""

    notes: tuple[Note, ...] = ()


class Requested(Model):
    """Which release, asked for by whom."""

    release: ReleaseId
    requester: PersonId


class Nodes:
    """The nodes of one crew. Each takes the state and returns what changes of it."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.store = crew.store

    def receive(self, state: ReleaseState) -> Update:
        """File the request of a client that has no store, and note who asks for which release."""
        scope = state.get("scope", "release")
        update: Update = {"version": STATE_VERSION, "scope": scope}
        if not state.get("request") and not state.get("bundle"):
            if not state.get("text", "").strip():
                raise UsageError("the request is empty", where="text", hint="say what to deploy and where, in words")
            update |= {"request": self.store.put_model(clean_request(Request(text=state["text"]))), "text": ""}
        return update if scope == "bundle" else update | self._begin(state)

    def _begin(self, state: ReleaseState) -> Update:
        """The identity of a release: its thread, and who asks. An Agent Server's authenticated user wins over the input."""
        executor = self.crew.doors
        configurable = get_config().get("configurable", {})
        release = str(configurable.get("thread_id", "")).lower()
        requester = str(configurable.get("langgraph_auth_user_id") or state.get("requester", ""))
        try:
            Requested(release=release, requester=requester)
        except ValidationError as error:
            field = str(error.errors()[0]["loc"][0])
            raise UsageError(
                f"{field} {(release if field == 'release' else requester)[:60]!r} cannot be used",
                where=field,
                hint="the requester's id in the policy, e.g. ana"
                if field == "requester"
                else "lower-case letters, digits, -",
            ) from error
        target = executor.target(state.get("target") or self.crew.target).name
        executor.register.begin(release, requester, target, state.get("text", "") or self._title(state))
        record_once(executor.desk, Event(name="release_began", release=release, target=target))
        return {"release": release, "requester": requester, "target": target, "round": 1, "production": 0}

    def _title(self, state: ReleaseState) -> str:
        text = self.store.get_model(Request, state["request"]).text if state.get("request") else ""
        kinds = {"drill": "Rehearse the rollback of: ", "destroy": f"Remove {state.get('place', '')} of: "}
        return kinds.get(state.get("scope", ""), "") + text

    def refine(self, state: ReleaseState) -> Update:
        """Prompt Refiner: the request and the repository's facts become a spec with evidence, or questions."""
        self.crew.tell("refine")
        request = self.store.get_model(Request, state["request"])
        facts = self.store.get_model(RepositoryFacts, state["facts"]) if state.get("facts") else None
        result = prompt_refiner.refine(request, facts, *self._asking("prompt_refiner"))
        return {
            "refinement": self.store.put_model(result.refinement),
            "refiner": self.store.put_model(result.report()),
            "usage": [self.store.put_model(result.usage)],
            "prompts": list(result.prompts),
            "repairs": 0,
            "amendments": "",
            "spec": self.store.put_model(self._edited(state, result.refinement.spec)) if result.refinement.spec else "",
        }

    def _edited(self, state: ReleaseState, spec: DeploymentSpec) -> DeploymentSpec:
        """With what a reviewer set by hand in an earlier round."""
        return edit_spec(spec, self.store.get_model(Edits, state["edits"])) if state.get("edits") else spec

    def deployment(self, state: ReleaseState) -> Update:
        """Deployment agent: remarks on rollout, rollback and infrastructure."""
        return self._notes("deployment", deployment.design, state)

    def devops(self, state: ReleaseState) -> Update:
        """DevOps agent: remarks on pipelines, monitoring and operation."""
        return self._notes("devops", devops.design, state)

    def _asking(self, agent: Agent) -> tuple[BaseChatModel, Budget, OnEvent | None]:
        """What an agent asks with."""
        return self.crew.chat_models[agent], self.crew.budget, self.crew.on_event

    def _notes(self, agent: Agent, design: Callable[..., Any], state: ReleaseState) -> Update:
        self.crew.tell(agent)
        result = design(self.store.get_model(DeploymentSpec, state["spec"]), *self._asking(agent))
        return {
            agent: self.store.put_model(Notes(notes=result.notes)),
            "usage": [self.store.put_model(result.usage)],
            "prompts": list(result.prompts),
        }

    def bundle(self, state: ReleaseState) -> Update:
        """Write every file from the blueprint, and lay in what stands of the amendments. Pure; no model takes part."""
        self.crew.tell("bundle")
        spec = self.store.get_model(DeploymentSpec, state["spec"])
        refined = self.store.get_model(Refinement, state["refinement"]) if state.get("refinement") else Refinement()
        notes = [
            *refined.remarks(),
            *(note for agent in ("deployment", "devops") for note in self._read_notes(state, agent)),
        ]
        blueprint = plan(spec, requirements=refined.requirements, notes=notes)
        blueprint = blueprint.model_copy(update={"requirements": trace(blueprint.requirements, render(blueprint))})
        bundle = rendered = render(blueprint)
        if state.get("amendments"):
            amendments = self.store.get_model(Amendments, state["amendments"])
            bundle = lay(rendered, amendments)
            table = tuple(met(blueprint.requirements, amendments))
            blueprint = blueprint.model_copy(update={"requirements": table})
        names = {"rendered": self.store.put_bundle(rendered), "amended": bundle.digest()}
        if state.get("edits"):
            bundle = edit_bundle(bundle, self.store.get_model(Edits, state["edits"]))
        names |= {"blueprint": self.store.put_model(blueprint), "bundle": self.store.put_bundle(bundle)}
        return {**names, "plans": {}}

    def _read_notes(self, state: ReleaseState, agent: str) -> tuple[Note, ...]:
        name = state.get(agent, "")
        return self.store.get_model(Notes, str(name)).notes if name else ()

    def gates(self, state: ReleaseState) -> Update:
        """Run the automated gates side by side."""
        self.crew.tell("gates")
        blueprint = self.store.get_model(Blueprint, state["blueprint"])
        bundle = self.store.get_bundle(state["bundle"])
        wanted = self.crew.gates
        results: tuple[GateResult, ...] = ()
        if wanted is None or wanted:
            results = run_gates(
                bundle, blueprint, only=wanted or (), progress=lambda result: self.crew.tell("gate", result)
            )
        judged = verdict(results)
        if wanted is not None and judged == "passed":
            judged = "incomplete"  # gates were left out on request: what they would have said is unknown
        report = GateReport(bundle=state["bundle"], results=results)
        outcome = {"passed": "built", "failed": "gates_failed", "incomplete": "gates_incomplete"}[judged]
        update: Update = {"gates": self.store.put_model(report), "verdict": judged, "outcome": outcome}
        return update | {"diagnosis": ""} if state.get("diagnosis") and not unanswered(results) else update

    def try_gate(self, bundle: Bundle, blueprint: Blueprint, name: str) -> tuple[GateResult, ...]:
        """One gate over a bundle that is only tried. Raises UsageError for a gate that does not exist."""
        return run_gates(bundle, blueprint, only=(name,))

    def repair(self, state: ReleaseState) -> Update:
        """Let the owning agents choose among the fixes that the findings offer, and apply them to the spec."""
        self.crew.tell("repair", state.get("repairs", 0) + 1)
        spec = self.store.get_model(DeploymentSpec, state["spec"])
        report = self.store.get_model(GateReport, state["gates"])
        findings = [finding for result in report.results for finding in result.findings]
        usage, prompts = [], []
        repairs: tuple[tuple[Agent, Any], ...] = (("deployment", deployment.repair), ("devops", devops.repair))
        for agent, mend in repairs:
            result = mend(findings, spec, *self._asking(agent))
            spec = apply_fixes(spec, result.fixes)
            usage.append(self.store.put_model(result.usage))
            prompts.extend(result.prompts)
        return {
            "spec": self.store.put_model(spec),
            "repairs": state.get("repairs", 0) + 1,
            "usage": usage,
            "prompts": prompts,
        }

    def can_repair(self, state: ReleaseState) -> bool:
        """Whether the gates failed, a finding offers a fix, and a round is left."""
        if state["verdict"] != "failed" or state.get("repairs", 0) >= self.crew.repair_rounds:
            return False
        spec = self.store.get_model(DeploymentSpec, state["spec"])
        report = self.store.get_model(GateReport, state["gates"])
        return bool(applicable(spec, [finding for result in report.results for finding in result.findings]))
