"""The four human checkpoints and the question node: one `interrupt()` each, and nothing with an effect before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from langgraph.types import interrupt
from pydantic import Field, model_validator

from hug_agents.approve.checkpoints import CHECKPOINTS, Checkpoint
from hug_agents.request import Answer, Request
from hug_agents.spec import Line, Model, Text
from hug_agents.workflow.state import Crew, ReleaseState

__all__ = ["CHECKPOINTS", "CheckpointAnswer", "Clarification", "checkpoint_node", "clarify_node"]


class CheckpointAnswer(Model):
    """A person's answer. Also accepts LangChain's `{"decisions": [one]}`, whose `respond` asks for changes."""

    type: Literal["approve", "reject", "request_changes"]
    comment: Text = ""
    digest: Line = Field(
        "", description="the manifest digest that was reviewed; another one than the pending is refused"
    )

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, value: Any) -> Any:
        if isinstance(value, dict) and "decisions" in value:
            decisions = value["decisions"]
            if not isinstance(decisions, list) or len(decisions) != 1:
                raise ValueError("exactly one decision answers one checkpoint")
            value = decisions[0]
        if isinstance(value, dict) and "message" in value:
            value = {**value, "comment": value["message"]}
            del value["message"]
        if isinstance(value, dict) and value.get("type") == "respond":
            value = {**value, "type": "request_changes"}
        return value


class Clarification(Model):
    """Answers to the questions of the Prompt Refiner, by question id."""

    answers: dict[str, Text]


def checkpoint_node(crew: Crew, checkpoint: Checkpoint) -> Callable[[ReleaseState], dict[str, Any]]:
    """The node of one checkpoint."""

    def node(state: ReleaseState) -> dict[str, Any]:
        answer = CheckpointAnswer.model_validate(
            interrupt(_payload(checkpoint, state), response_schema=CheckpointAnswer)
        )
        if answer.digest and answer.digest != state["bundle"]:
            return {"decision": "stale"}
        update: dict[str, Any] = {"answers": [crew.store.put_model(answer)], "decision": answer.type}
        if answer.type == "reject":
            update["outcome"] = "rejected"
        elif answer.type == "request_changes":
            request = crew.store.get_model(Request, state["request"])
            update["request"] = crew.store.put_model(
                request.model_copy(update={"text": f"{request.text}\n\n{answer.comment}"})
            )
        return update

    return node


def clarify_node(crew: Crew) -> Callable[[ReleaseState], dict[str, Any]]:
    """The node that asks every open question at once."""

    def node(state: ReleaseState) -> dict[str, Any]:
        from hug_agents.reading.assemble import Refinement

        refinement = crew.store.get_model(Refinement, state["refinement"])
        payload = {
            "type": "hug.questions",
            "schema": 1,
            "questions": [question.model_dump(mode="json") for question in refinement.questions],
        }
        given = Clarification.model_validate(interrupt(payload, response_schema=Clarification)).answers
        request = crew.store.get_model(Request, state["request"])
        answers = {item.id: item for item in request.answers}
        answers.update({key: Answer(id=key, value=value) for key, value in given.items()})
        return {"request": crew.store.put_model(request.model_copy(update={"answers": tuple(answers.values())}))}

    return node


def _payload(checkpoint: Checkpoint, state: ReleaseState) -> dict[str, Any]:
    """LangChain's HITLRequest with one action, and what a reviewer's client needs to find the bundle."""
    digests = {key: state.get(key, "") for key in ("bundle", "spec", "gates")}
    return {
        "type": "hug.gate",
        "schema": 1,
        "checkpoint": checkpoint.id,
        "roles": list(checkpoint.roles),
        **digests,
        "action_requests": [
            {
                "name": checkpoint.id,
                "args": digests,
                "description": f"**{checkpoint.name}** ({', '.join(checkpoint.roles)})\n\n{checkpoint.purpose}\n\n"
                f"Automated gates: {state.get('verdict', 'not run')}.\n\n"
                + "\n".join(f"- [ ] {line}" for line in checkpoint.checklist),
            }
        ],
        "review_configs": [
            {"action_name": checkpoint.id, "allowed_decisions": ["approve", "reject", "respond"]},
        ],
    }
