"""One file of infrastructure as code, written from words alone: what published tasks ask for. Tools judge it, never the model."""

from __future__ import annotations

from typing import Annotated, Literal

from langchain_core.language_models import BaseChatModel
from pydantic import Field, StringConstraints

from hug_agents.agents.asking import ask
from hug_agents.agents.budget import Budget, Usage
from hug_agents.agents.drafts import WrittenFile
from hug_agents.prompting import load
from hug_agents.spec import Model

Language = Literal["terraform", "cloudformation"]
_FENCE = "```"
_FILES = {"terraform": "one Terraform file, main.tf, for AWS", "cloudformation": "one CloudFormation template in YAML"}


class Draft(Model):
    """A file as it was written, and what that cost."""

    content: Annotated[str, StringConstraints(max_length=200_000)]
    usage: Usage = Field(Usage(), description="of this one question")


def write(
    task: str,
    language: Language,
    model: BaseChatModel,
    budget: Budget,
    *,
    before: str = "",
    findings: tuple[str, ...] = (),
) -> Draft:
    """The whole file; after findings, written anew with them in view. Empty: the model writes none. Raises ModelError."""
    filled = load("deployment/write_infrastructure").fill(
        form=_FILES[language], task=task, before=before, findings=list(findings)
    )
    answer = ask(model, filled, WrittenFile, budget)
    return Draft(content=_unfenced(answer.value.content), usage=answer.usage)


def _unfenced(text: str) -> str:
    """Without the Markdown fence that models like to put around a file."""
    lines = text.strip().split("\n")
    if len(lines) > 2 and lines[0].startswith(_FENCE) and lines[-1].strip() == _FENCE:
        lines = lines[1:-1]
    return "\n".join(lines) + "\n" if any(lines) else ""
