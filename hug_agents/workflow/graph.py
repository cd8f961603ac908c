"""The graph of a release, in one screen.

    receive → refine ⇄ clarify → deployment ∥ devops → bundle → gates ⇄ repair, amend (→ diagnose, where they failed)
            → ask → ① pre_deployment → stage → ask → ② staging_validation
            → ask → ④ rollback_drill → drill → ask → ③ production_go_no_go → roll_out → close

`ask` puts a packet before people; the checkpoint waits. A change asked for at a checkpoint goes back to `refine`, an
edit to `write_bundle`: the new bundle has a new digest. Edges allow nothing: `stage`, `drill` and `roll_out` go through
the executor, which asks the ledger, and come back to `ask` when it says no.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from langgraph.graph import END, START, StateGraph

from hug_agents.workflow.amending import Amender
from hug_agents.workflow.checkpoints import CHECKPOINTS, checkpoint_node, clarify_node
from hug_agents.workflow.diagnosing import Diagnoser
from hug_agents.workflow.governed import Governed
from hug_agents.workflow.nodes import Nodes
from hug_agents.workflow.state import Crew, ReleaseInput, ReleaseState

Graph = StateGraph[ReleaseState, None, ReleaseInput, ReleaseState]
PRE, STAGING, DRILL, PRODUCTION = (checkpoint.id for checkpoint in CHECKPOINTS)
OPENS = {PRE: "stage", STAGING: "validated", DRILL: "drill", PRODUCTION: "roll_out"}
"""What each checkpoint lets happen."""

GOVERNED = frozenset(
    (*OPENS, *OPENS.values(), *(f"ask_{name}" for name in OPENS), "agreed", "tear_down", "attention", "close")
)
"""The nodes of which one at a time is pending."""


def build_graph(crew: Crew) -> Graph:
    """The uncompiled graph: compile it with a checkpointer of your choice, or let an Agent Server bring its own."""
    nodes, diagnoser = Nodes(crew), Diagnoser(crew)
    governed = Governed(crew, diagnoser)
    amender = Amender(crew, nodes)
    graph: Graph = StateGraph(ReleaseState, input_schema=ReleaseInput)
    actions: tuple[tuple[str, Any], ...] = (
        ("receive", nodes.receive),
        ("refine", nodes.refine),
        ("clarify", clarify_node(crew)),
        ("deployment_agent", nodes.deployment),
        ("devops_agent", nodes.devops),
        ("write_bundle", nodes.bundle),
        ("run_gates", nodes.gates),
        ("repair", nodes.repair),
        ("amend", amender.amend),
        ("diagnose", diagnoser.gates),
        *((ask(checkpoint.id), governed.ask(checkpoint)) for checkpoint in CHECKPOINTS),
        *((checkpoint.id, checkpoint_node(crew, checkpoint)) for checkpoint in CHECKPOINTS),
        ("stage", governed.stage),
        ("validated", governed.passed(CHECKPOINTS[1])),
        ("drill", governed.drill),
        ("roll_out", governed.roll_out),
        ("agreed", governed.passed(CHECKPOINTS[0])),
        ("tear_down", governed.tear_down),
        ("attention", governed.attention),
        ("close", governed.close),
    )

    def branch(name: str, path: Any, ends: Any) -> None:
        graph.add_conditional_edges(name, partial(path), ends)  # of a plain function the type hints are evaluated

    for name, action in actions:
        # Of a plain function the byte code is searched for subgraphs, each time; there are none.
        graph.add_node(name, partial(action), input_schema=ReleaseState)

    graph.add_edge(START, "receive")
    branch("receive", _after_receive, ["refine", "run_gates"])
    branch("refine", _after_refine, ["clarify", "deployment_agent", "devops_agent"])
    graph.add_edge("clarify", "refine")
    graph.add_edge(["deployment_agent", "devops_agent"], "write_bundle")
    graph.add_edge("write_bundle", "run_gates")

    def after_gates(state: ReleaseState) -> str:
        if amender.needed(state):  # first: what a model wrote may not change the spec by a repair
            return "amend"
        return "repair" if nodes.can_repair(state) else judged(state)

    def judged(state: ReleaseState) -> str:
        if state["scope"] == "bundle":
            return END
        return "diagnose" if diagnoser.needed(state) else ask(PRE)

    def after_amend(state: ReleaseState) -> str:
        return "write_bundle" if state["decision"] == "edit" else judged(state)

    branch("run_gates", after_gates, ["repair", "amend", "diagnose", ask(PRE), END])
    graph.add_edge("repair", "write_bundle")
    branch("amend", after_amend, ["write_bundle", "diagnose", ask(PRE), END])
    graph.add_edge("diagnose", ask(PRE))
    for checkpoint in CHECKPOINTS:
        name = checkpoint.id
        branch(
            ask(name),
            _decision,
            {
                "asked": name,
                "blocked": ask(name),
                "edit": "write_bundle",
                "regate": "run_gates",
                "restart": ask(PRE),
                "redrill": ask(DRILL),
            },
        )
        branch(
            name,
            _after_checkpoint(name),
            {
                "approve": OPENS[name],
                "agreed": "agreed",
                "tear_down": "tear_down",
                "waiting": ask(name),
                "request_changes": "refine",
                "edit": "write_bundle",
                "reject": "close",
            },
        )
    away: dict[Any, str] = {"attention": "attention", "failed": "close"}
    branch("stage", _decision, {"done": ask(STAGING), "waiting": ask(PRE), **away})
    graph.add_edge("validated", ask(DRILL))
    branch(
        "drill",
        _decision,
        {
            "done": ask(PRODUCTION),
            "waiting": ask(DRILL),
            "failed": ask(DRILL),
            "attention": "attention",
            "closed": "close",
        },
    )
    branch("roll_out", _after_roll_out, ["close", "attention", ask(PRODUCTION)])
    graph.add_edge("agreed", ask(PRODUCTION))
    branch("tear_down", _decision, {"closed": "close", "waiting": ask(PRE), "attention": "attention"})
    branch("attention", _back, ["stage", "drill", "roll_out", "tear_down"])
    graph.add_edge("close", END)
    return graph


def ask(checkpoint: str) -> str:
    """The node that puts a checkpoint's packet before people."""
    return f"ask_{checkpoint}"


def _after_receive(state: ReleaseState) -> str:
    return "run_gates" if state.get("bundle") else "refine"


def _after_refine(state: ReleaseState) -> list[str]:
    return ["deployment_agent", "devops_agent"] if state.get("spec") else ["clarify"]


def _after_checkpoint(name: str) -> Any:
    """An approval opens what the checkpoint is for; of a destruction, the last one that its environment needs."""

    def edge(state: ReleaseState) -> str:
        decision = state["decision"]
        if decision != "approve" or state["scope"] != "destroy":
            return decision
        return "agreed" if name == PRE and state.get("in_production") else "tear_down"

    return edge


def _after_roll_out(state: ReleaseState) -> str:
    if state["decision"] == "attention":
        return "attention"
    return "close" if state.get("outcome") in ("released", "rolled_back", "failed") else ask(PRODUCTION)


def _back(state: ReleaseState) -> str:
    return state["at"]


def _decision(state: ReleaseState) -> str:
    return state["decision"]


def draw(crew: Crew) -> str:
    """The graph as a Mermaid diagram."""
    compiled: Any = build_graph(crew).compile()
    return str(compiled.get_graph().draw_mermaid())
