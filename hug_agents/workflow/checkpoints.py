"""The four human checkpoints and the question node: one `interrupt()` each, and nothing with an effect before it.

A checkpoint node is a pause. What it resumes with decides nothing by itself: a signed decision inside is given to the
desk, and where the graph goes next is read from the ledger. That nothing happens without signatures is the executor's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal

from langgraph.types import interrupt
from pydantic import Field, ValidationError, WithJsonSchema, model_validator

from hug_agents.approve.checkpoints import CHECKPOINTS, Checkpoint
from hug_agents.approve.packet import Packet
from hug_agents.approve.quorum import Standing
from hug_agents.approve.review import summary
from hug_agents.canonical import canonical_json
from hug_agents.errors import DecisionRefused, UsageError
from hug_agents.execute.events import Event, record_once
from hug_agents.reading.quoted import closed
from hug_agents.reading.redact import clean_request
from hug_agents.request import Answer, Request
from hug_agents.spec import DeploymentSpec, Line, Model, Text
from hug_agents.store import Store
from hug_agents.workflow.diagnosing import shown
from hug_agents.workflow.edits import Edits, edit_bundle, edit_spec, merged
from hug_agents.workflow.state import Crew, ReleaseState

__all__ = ["CHECKPOINTS", "CheckpointAnswer", "Clarification", "checkpoint_node", "clarify_node", "shape_of"]


class CheckpointAnswer(Model):
    """An answer: a signed decision, an edit, or only the word to look at the ledger again.

    Also accepts LangChain's `{"decisions": [one]}`, whose `respond` asks for changes and whose `edit` edits. Without an
    envelope nothing is decided, whatever `type` says.
    """

    type: Literal["approve", "reject", "request_changes", "edit", "look"]
    comment: Text = ""
    digest: Line = Field("", description="of the packet that was reviewed; another one than the pending is refused")
    envelope: dict[str, Any] | None = Field(
        None, description="DSSE envelope of the signed decision: `hug decide --print`"
    )
    edits: Edits | None = None

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
        if isinstance(value, dict) and isinstance(value.get("edited_action"), dict):
            value = {**value, "edits": value["edited_action"].get("args")}
            del value["edited_action"]
        return value

    @model_validator(mode="after")
    def _edits(self) -> CheckpointAnswer:
        if (self.type == "edit") != (self.edits is not None):
            raise ValueError("an edit says what is edited, and nothing else does")
        return self


class Clarification(Model):
    """Answers to the questions of the Prompt Refiner, by question id."""

    answers: dict[str, Text]


@lru_cache
def shape_of(kind: type[Model]) -> Any:
    """A kind of answer for `interrupt`, which makes its JSON Schema each time that a run waits: here it is made once."""
    schema = kind.model_json_schema()
    named = schema.pop("$defs", {})

    def whole(part: Any) -> Any:
        """A part of the schema with what it only names."""
        if isinstance(part, list):
            return [whole(item) for item in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return whole(named[part["$ref"].removeprefix("#/$defs/")])
        return {key: whole(value) for key, value in part.items()}

    return Annotated[kind, WithJsonSchema(whole(schema))]


def checkpoint_node(crew: Crew, checkpoint: Checkpoint) -> Callable[[ReleaseState], dict[str, Any]]:
    """The node of one checkpoint."""

    def node(state: ReleaseState) -> dict[str, Any]:
        packet = crew.store.get_model(Packet, state["packet"])
        answer = CheckpointAnswer.model_validate(
            interrupt(
                _payload(checkpoint, packet, state) | shown(crew.store, state),
                response_schema=shape_of(CheckpointAnswer),
            )
        )
        update: dict[str, Any] = {"notice": "", "answers": [crew.store.put_model(answer)]}
        if packet.checkpoint != checkpoint.id:
            return update | {"decision": "waiting", "notice": f"the packet was of {packet.checkpoint}"}
        if answer.digest and answer.digest != state["packet"]:
            return update | {
                "decision": "waiting",
                "notice": "the answer spoke of another packet than the one that waits",
            }
        if answer.edits is not None:
            return update | edited(crew, state, answer.edits)
        desk = crew.doors.desk
        if answer.envelope is not None:
            try:
                desk.decide(
                    canonical_json(answer.envelope),
                    release=state["release"],
                    checkpoint=checkpoint.id,
                    packet=state["packet"],
                )
            except (DecisionRefused, ValueError) as error:  # canonical JSON has no form for some numbers: ValueError
                update["notice"] = f"refused: {error}"[:2000]
        elif answer.type != "look":
            update["notice"] = "an answer without a signature decides nothing: hug decide signs one"
        return update | after_standing(crew.store, state, desk.standing(packet))

    return node


def after_standing(store: Store, state: ReleaseState, standing: Standing) -> dict[str, Any]:
    """Where a release goes from where its packet stands; a wanted change becomes input of the Prompt Refiner."""
    match standing.state:
        case "approved":
            return {"decision": "approve"}
        case "rejected":
            word = next((item for item in standing.signatures if item.verdict == "reject"), None)
            said = f"rejected by {word.reviewer}: {word.comment}" if word else "rejected"
            return {"decision": "reject", "outcome": "rejected", "notice": said[:2000]}
        case "changes":
            if not state.get("refinement"):
                notice = "changes were asked for, and this release was started from a finished bundle: build another"
                return {"decision": "reject", "outcome": "rejected", "notice": notice}
            comments = [item.comment for item in standing.signatures if item.verdict == "request_changes"]
            request = store.get_model(Request, state["request"])
            text = "\n\n".join([closed(request.text), *filter(str.strip, comments)])
            return {
                "decision": "request_changes",
                "request": store.put_model(clean_request(request.model_copy(update={"text": text[:10_000]}))),
                "round": state.get("round", 1) + 1,
                "earlier": [],
            }
        case _:
            return {"decision": "waiting"}


def edited(crew: Crew, state: ReleaseState, edits: Edits) -> dict[str, Any]:
    """Take an edit, if it can be made. Nothing that was signed covers what comes of it; the ledger says whose it is."""
    store = crew.store
    before = store.get_model(Edits, state["edits"]) if state.get("edits") else None
    try:
        spec = edit_spec(store.get_model(DeploymentSpec, state["spec"]), edits)
        edit_bundle(store.get_bundle(state["bundle"]), edits)
    except UsageError as error:
        return {"decision": "waiting", "notice": f"the edit cannot be made: {error}"[:2000]}
    name = store.put_model(merged(before, edits))
    said = f"by {edits.by}, {name}: {edits.comment}".rstrip(": ")
    event = Event(
        name="bundle_edited",
        release=state["release"],
        application=spec.application,
        bundle=state["bundle"],
        packet=state.get("packet", ""),
        detail=" ".join(said.split())[:500],
    )
    record_once(crew.doors.desk, event)
    return {
        "decision": "edit",
        "notice": "",
        "edits": name,
        "spec": store.put_model(spec),
        "round": state.get("round", 1) + 1,
        "earlier": [],
    }


def edits_of(answer: Any) -> Edits | None:
    """The edit in an answer to a release that is blocked; any other answer there is the word to look again."""
    try:
        return CheckpointAnswer.model_validate(answer).edits
    except ValidationError:
        return None


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
        given = Clarification.model_validate(interrupt(payload, response_schema=shape_of(Clarification))).answers
        request = crew.store.get_model(Request, state["request"])
        answers = {item.id: item for item in request.answers}
        answers.update({key: Answer(id=key, value=value) for key, value in given.items()})
        return {
            "request": crew.store.put_model(
                clean_request(request.model_copy(update={"answers": tuple(answers.values())}))
            )
        }

    return node


def _payload(checkpoint: Checkpoint, packet: Packet, state: ReleaseState) -> dict[str, Any]:
    """LangChain's HITLRequest with one action, and the packet with its digest: what a decision has to sign."""
    address = {"release": packet.release, "checkpoint": checkpoint.id, "environment": packet.environment.name}
    about = {**address, "packet": state["packet"], "bundle": packet.bundle}
    lines = "\n".join(f"- {line.strip()}" for line in summary(packet)[1:])
    checklist = "\n".join(f"- [ ] {line}" for line in checkpoint.checklist)
    return {
        "type": "hug.gate",
        "schema": 2,
        **about,
        "roles": list(checkpoint.roles),
        "review": packet.model_dump(mode="json"),
        "notice": state.get("notice", ""),
        "action_requests": [
            {
                "name": checkpoint.id,
                "args": about,
                "description": f"**{checkpoint.name}** for {packet.environment.name}\n\n{lines}\n\n{checklist}",
            }
        ],
        "review_configs": [
            {"action_name": checkpoint.id, "allowed_decisions": ["approve", "edit", "reject", "respond"]},
        ],
    }
