"""The state machine of a release, on LangGraph. The only importer of langgraph.

A gate node here is a pause, not a control: what may act asks a record outside the graph.
"""

from hug_agents.workflow.graph import build_graph
from hug_agents.workflow.state import Crew

__all__ = ["Crew", "build_graph"]
