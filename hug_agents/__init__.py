"""Three agents turn a request into validated infrastructure, pipelines and rollback plans; people stay in charge.

    from hug_agents import generate
    made = generate("Put payments-api on ECS in eu-west-1, canary", repo=".", out="release")
    print(made.verdict, made.bundle.digest())

Importing this package is cheap: what a name needs is imported when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hug_agents.bundle import Artifact, Bundle, Manifest
    from hug_agents.errors import HugError, QuestionsPending
    from hug_agents.generation import Generation, aanswer, agenerate, answer, generate
    from hug_agents.measure.metrics import metrics
    from hug_agents.planning import plan
    from hug_agents.plans import Blueprint
    from hug_agents.release import Release, inbox, releases
    from hug_agents.request import Choices, Request
    from hug_agents.scan import RepositoryFacts
    from hug_agents.spec import DeploymentSpec
    from hug_agents.validate import Finding, GateResult, run_gates
    from hug_agents.workflow import Crew, build_graph

__version__ = "0.1.0"

_HOME = {
    "Artifact": "bundle",
    "Blueprint": "plans",
    "Bundle": "bundle",
    "Choices": "request",
    "Crew": "workflow",
    "DeploymentSpec": "spec",
    "Finding": "validate",
    "GateResult": "validate",
    "Generation": "generation",
    "HugError": "errors",
    "Manifest": "bundle",
    "QuestionsPending": "errors",
    "RepositoryFacts": "scan",
    "Release": "release",
    "Request": "request",
    "aanswer": "generation",
    "agenerate": "generation",
    "answer": "generation",
    "build_graph": "workflow",
    "generate": "generation",
    "inbox": "release",
    "metrics": "measure.metrics",
    "plan": "planning",
    "releases": "release",
    "run_gates": "validate",
}

__all__ = [
    "Artifact",
    "Blueprint",
    "Bundle",
    "Choices",
    "Crew",
    "DeploymentSpec",
    "Finding",
    "GateResult",
    "Generation",
    "HugError",
    "Manifest",
    "QuestionsPending",
    "Release",
    "RepositoryFacts",
    "Request",
    "aanswer",
    "agenerate",
    "answer",
    "build_graph",
    "generate",
    "inbox",
    "metrics",
    "plan",
    "releases",
    "run_gates",
]


def __getattr__(name: str) -> Any:
    try:
        module = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
