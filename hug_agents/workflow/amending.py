"""The node of amendments: hand what no renderer met to its agent, judge what it wrote by the gates, send it back or take it out."""

from __future__ import annotations

from typing import Any

from hug_agents.agents.amending import amend
from hug_agents.agents.lookups import Lookups
from hug_agents.agents.offline import OfflineChatModel
from hug_agents.agents.work import one_line
from hug_agents.amending.documents import Agent, Amendment, Amendments
from hug_agents.amending.judge import given_up, judged
from hug_agents.amending.lay import lay, met
from hug_agents.amending.wishes import wished
from hug_agents.bundle import Bundle
from hug_agents.plans import Blueprint, Requirement
from hug_agents.reading.assemble import Refinement
from hug_agents.tracing import trace
from hug_agents.validate import GateReport
from hug_agents.validate.registry import gates
from hug_agents.workflow.state import Crew, ReleaseState

_AGENTS: tuple[Agent, ...] = ("deployment", "devops")


class Amender:
    """Amendments of one crew."""

    def __init__(self, crew: Crew, nodes: Any) -> None:
        self.crew = crew
        self.store = crew.store
        self.nodes = nodes

    def needed(self, state: ReleaseState) -> bool:
        """Whether there is something to propose, or something that stands is yet to be judged.

        Only a bundle that the gates let through is amended, only by a language model, and only where every gate runs:
        what nobody judges is not written.
        """
        given = not state.get("usage") or not state.get("rendered")  # not written by this run: released as it is
        if given or self.crew.gates is not None or not self.crew.amend_rounds:
            return False
        if state.get("amendments"):
            ledger = self.store.get_model(Amendments, state["amendments"])
            if any(item.state in ("open", "proposed") for item in ledger.items):
                return True
            # A reviewer's edit may break what stands; then people see the finding, and decide.
            return state["verdict"] == "failed" and bool(ledger.standing) and not state.get("edits")
        if state["verdict"] == "failed":
            return False
        return any(self._writes(item.agent) for item in self._wishes(state))

    def _writes(self, agent: Agent) -> bool:
        """Whether a language model works for this agent."""
        return self.crew.models[agent] != "offline" and not isinstance(self.crew.chat_models[agent], OfflineChatModel)

    def amend(self, state: ReleaseState) -> dict[str, Any]:
        """Judge what stands, ask the agents for what is open, and say whether the bundle is another now."""
        blueprint = self.store.get_model(Blueprint, state["blueprint"])
        rendered = self.store.get_bundle(state["rendered"])
        report = self.store.get_model(GateReport, state["gates"])
        ledger = self._ledger(state, report, rendered)
        usage: list[str] = []
        prompts: list[str] = []
        for agent in _AGENTS:
            items = tuple(item for item in ledger.items if item.agent == agent and item.state == "open")
            if not items:
                continue
            self.crew.tell("amend", f"{agent} agent writes: {'; '.join(_asked(item) for item in items)}")
            lookups = Lookups(rendered, blueprint, self.nodes.try_gate, self.store.root / "cache" / "schemas")
            result = amend(agent, items, lookups, self.crew.chat_models[agent], self.crew.budget, self.crew.on_event)
            usage.append(self.store.put_model(result.usage))
            prompts += result.prompts
            proposals = {item.requirement: item for item in result.proposals}
            ledger = ledger.model_copy(
                update={
                    "items": tuple(
                        self._answered(item, proposals.get(item.requirement), result.cannot.get(item.requirement, ""))
                        if item in items
                        else item
                        for item in ledger.items
                    )
                }
            )
        changed = lay(rendered, ledger).digest() != state["amended"]
        table = tuple(met(trace(self._requirements(state), rendered), ledger))
        return {
            "blueprint": self.store.put_model(blueprint.model_copy(update={"requirements": table})),
            "amendments": self.store.put_model(ledger),
            "usage": usage,
            "prompts": prompts,
            "decision": "edit" if changed else "done",
        }

    def _ledger(self, state: ReleaseState, report: GateReport, rendered: Bundle) -> Amendments:
        if not state.get("amendments"):
            return Amendments(
                model=", ".join(dict.fromkeys(_author(self.crew.models[name]) for name in _AGENTS)),
                limit=self.crew.amend_rounds,
                baseline=state["gates"],
                items=self._wishes(state),
            )
        ledger = self.store.get_model(Amendments, state["amendments"])
        before = self.store.get_model(GateReport, ledger.baseline)
        laid = self.store.get_bundle(state["bundle"])
        after = judged(ledger, before, report, rendered, laid, gates())
        for old, new in zip(ledger.items, after.items, strict=True):
            if old.state == "proposed" and new.state in ("kept", "unmet"):
                what = "is kept" if new.state == "kept" else f"stays unmet: {new.reason}"
                self.crew.tell("amended", f"{new.requirement} {what}")
        return after

    def _answered(self, item: Amendment, proposal: Any, cannot: str) -> Amendment:
        if proposal is not None:
            return item.model_copy(update={"state": "proposed", "proposal": proposal})
        return given_up(item) if item.rounds and not cannot else given_up(item, _last(item, cannot))

    def _requirements(self, state: ReleaseState) -> tuple[Requirement, ...]:
        """The table as the refiner left it."""
        if not state.get("refinement"):
            return ()
        return self.store.get_model(Refinement, state["refinement"]).requirements

    def _wishes(self, state: ReleaseState) -> tuple[Amendment, ...]:
        return tuple(wished(self._requirements(state)))


def _author(model: Any) -> str:
    """A model as files name it: `openai:gpt-4.1`, or the class with the name that it was given."""
    if isinstance(model, str):
        return one_line(model)
    name = getattr(model, "model_name", "") or getattr(model, "model", "")
    return one_line(f"{type(model).__name__}:{name}" if isinstance(name, str) and name else type(model).__name__)


def _asked(item: Amendment) -> str:
    """One requirement for who watches, with what was found in the last proposal."""
    if not item.rounds:
        return item.requirement
    found = item.rounds[-1].findings[0]
    return f"{item.requirement} again, refused by {found.gate}: {' '.join(found.message.split())[:120]}"


def _last(item: Amendment, cannot: str) -> str:
    """Why nothing more is proposed, with what was said against the last proposal."""
    said = cannot or "nothing was proposed"
    if not item.rounds:
        return said
    return f"{said}; {given_up(item).reason}"
