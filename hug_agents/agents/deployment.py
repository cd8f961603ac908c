"""The deployment agent: answers for infrastructure, runtime and plans. The plans are made by rule; it adds notes."""

from __future__ import annotations

from collections.abc import Iterable

from langchain_core.language_models import BaseChatModel

from hug_agents.agents.budget import Budget, OnEvent
from hug_agents.agents.outcome import NotesResult, RepairResult
from hug_agents.agents.work import choose_fixes, write_notes
from hug_agents.spec import DeploymentSpec
from hug_agents.validate.gate import Finding


def design(spec: DeploymentSpec, model: BaseChatModel, budget: Budget, on_event: OnEvent | None = None) -> NotesResult:
    """What the approvers should know about the rollout and the way back. Raises ModelError."""
    return write_notes("deployment", "deployment/plan_notes", spec, model, budget, on_event)


def repair(
    findings: Iterable[Finding],
    spec: DeploymentSpec,
    model: BaseChatModel,
    budget: Budget,
    on_event: OnEvent | None = None,
) -> RepairResult:
    """Fixes for the findings on its files and on the spec itself. Raises ModelError."""
    return choose_fixes(
        "deployment", [item for item in findings if item.owner != "devops"], spec, model, budget, on_event
    )
