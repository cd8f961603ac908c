"""The DevOps agent: answers for pipelines, monitoring and operation. These are written by rule; it adds notes."""

from __future__ import annotations

from collections.abc import Iterable

from langchain_core.language_models import BaseChatModel

from hug_agents.agents.budget import Budget, OnEvent
from hug_agents.agents.outcome import NotesResult, RepairResult
from hug_agents.agents.work import choose_fixes, write_notes
from hug_agents.spec import DeploymentSpec
from hug_agents.validate.gate import Finding


def design(spec: DeploymentSpec, model: BaseChatModel, budget: Budget, on_event: OnEvent | None = None) -> NotesResult:
    """What the people on call should know about what is watched and what is not. Raises ModelError."""
    return write_notes("devops", "devops/operations_notes", spec, model, budget, on_event)


def repair(
    findings: Iterable[Finding],
    spec: DeploymentSpec,
    model: BaseChatModel,
    budget: Budget,
    on_event: OnEvent | None = None,
) -> RepairResult:
    """Fixes for the findings on its files. Raises ModelError."""
    return choose_fixes("devops", [item for item in findings if item.owner == "devops"], spec, model, budget, on_event)
