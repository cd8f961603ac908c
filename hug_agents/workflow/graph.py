"""The graph of a release, in one screen.

    receive → refine ⇄ clarify → deployment ∥ devops → bundle → gates ⇄ repair
            → pre_deployment → staging_validation → rollback_drill → production_go_no_go → approved

A change asked for at a checkpoint goes back to `refine`: the new bundle has a new digest.
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from hug_agents.workflow.checkpoints import CHECKPOINTS, checkpoint_node, clarify_node
from hug_agents.workflow.nodes import Nodes
from hug_agents.workflow.state import Crew, ReleaseInput, ReleaseState

Graph = StateGraph[ReleaseState, None, ReleaseInput, ReleaseState]


def build_graph(crew: Crew) -> Graph:
    """The uncompiled graph: compile it with a checkpointer of your choice, or let an Agent Server bring its own."""
    nodes = Nodes(crew)
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
        *((checkpoint.id, checkpoint_node(crew, checkpoint)) for checkpoint in CHECKPOINTS),
        ("approved", nodes.approved),
    )
    for name, action in actions:
        graph.add_node(name, action)

    graph.add_edge(START, "receive")
    graph.add_edge("receive", "refine")
    graph.add_conditional_edges("refine", _after_refine, ["clarify", "deployment_agent", "devops_agent"])
    graph.add_edge("clarify", "refine")
    graph.add_edge(["deployment_agent", "devops_agent"], "write_bundle")
    graph.add_edge("write_bundle", "run_gates")

    def after_gates(state: ReleaseState) -> str:
        if nodes.can_repair(state):
            return "repair"
        if state["verdict"] == "passed" and state["scope"] == "release":
            return CHECKPOINTS[0].id
        return END

    graph.add_conditional_edges("run_gates", after_gates, ["repair", CHECKPOINTS[0].id, END])
    graph.add_edge("repair", "write_bundle")
    followers = [checkpoint.id for checkpoint in CHECKPOINTS[1:]] + ["approved"]
    for checkpoint, follower in zip(CHECKPOINTS, followers, strict=True):
        graph.add_conditional_edges(
            checkpoint.id,
            _after_decision,
            {"approve": follower, "reject": END, "request_changes": "refine", "stale": checkpoint.id},
        )
    graph.add_edge("approved", END)
    return graph


def _after_refine(state: ReleaseState) -> list[str]:
    return ["deployment_agent", "devops_agent"] if state.get("spec") else ["clarify"]


def _after_decision(state: ReleaseState) -> Literal["approve", "reject", "request_changes", "stale"]:
    return state["decision"]


def draw(crew: Crew) -> str:
    """The graph as a Mermaid diagram."""
    compiled: Any = build_graph(crew).compile()
    return str(compiled.get_graph().draw_mermaid())
