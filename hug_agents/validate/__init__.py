"""The automated gates: real tools over the files that a bundle holds, side by side. One file a tool."""

from hug_agents.validate.gate import Finding, Fix, Gate, GateReport, GateResult, Skip, Workspace
from hug_agents.validate.runner import Verdict, fixes, run_gates, verdict

__all__ = [
    "Finding",
    "Fix",
    "Gate",
    "GateReport",
    "GateResult",
    "Skip",
    "Verdict",
    "Workspace",
    "fixes",
    "run_gates",
    "verdict",
]
