"""What a release shows: where it stands, and what a reviewer looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from hug_agents.approve.checkpoints import CheckpointId
from hug_agents.approve.identity import ReleaseId
from hug_agents.approve.packet import Packet
from hug_agents.approve.quorum import Missing, Signature, Standing
from hug_agents.approve.resolution import Matter
from hug_agents.approve.review import FileChange, markdown, visible
from hug_agents.bundle import Bundle
from hug_agents.execute.journal import Effect
from hug_agents.plans import Requirement
from hug_agents.spec import Line, Model, Text

Stage = Literal["questions", "checkpoint", "blocked", "attention", "moving", "interrupted", "ended"]
"""`moving`: another process drives it right now; `interrupted`: none does, and something was begun."""
NEXT: dict[str, str] = {
    "questions": "hug release resume {id} --answer ID=VALUE",
    "checkpoint": "hug decide {id} approve --key NAME",
    "closed": "hug release resume {id} once that holds, or sign that it passes: hug decide {id} --override --comment WHY",
    "blocked": "when that is mended (hug doctor, hug release waive {id}, hug release edit {id}): hug release resume {id}",
    "attention": "hug release settle {id} CHOICE --key NAME --reason TEXT",
    "paused": "hug release resume {id}, or hug release abort {id} --as ID",
    "interrupted": "hug release resume {id}",
    "back": "hug rollback {id} --key NAME --reason TEXT",
}

_LATEST = 8
"""How many effects a notebook shows."""


class Explained(Model):
    """What the DevOps agent makes of failed gates, a failed run or a rollout that went wrong. Nothing acts on it."""

    occasion: Line = Field("step", description="gate, run or step")
    what: Line = Field("", description="which gates, or which effect where")
    cause: Line
    evidence: tuple[Line, ...] = Field((), description="lines that stand in what was read")
    recommendation: Line
    reason: Line
    by: Line = Field("", description="the model that was asked; offline: rules, and no language model")


class Status(Model):
    """Where a release stands, what it waits for, who may decide, what has been decided, and what is next."""

    id: ReleaseId
    application: Line
    requester: Line
    target: Line
    begun: Line
    stage: Stage
    outcome: Line = ""
    checkpoint: CheckpointId | None = None
    environment: Line = ""
    packet: Line = ""
    bundle: Line = ""
    waits_for: tuple[Missing, ...] = ()
    signatures: tuple[Signature, ...] = ()
    questions: tuple[dict[str, Any], ...] = ()
    matter: Matter | None = Field(None, description="what only a person can settle, while it stands still for that")
    settled: Line = Field("", description="the answer to it that somebody has signed and `resume` has not seen yet")
    passed: tuple[CheckpointId, ...] = ()
    effects: tuple[Effect, ...] = ()
    notice: Text = ""
    diagnosis: Explained | None = None
    next: Line = ""
    solo: bool = False

    def _repr_html_(self) -> str:
        from hug_agents.notebook import facts_html

        waits = [f"{item.text} ({' or '.join(item.who)})" if item.who else item.text for item in self.waits_for]
        done = [
            f"{item.order.action} in {item.order.environment.name}: {item.state}" for item in self.effects[-_LATEST:]
        ]
        rows = (
            ("stands", self.outcome or self.checkpoint or self.stage),
            ("for", f"{self.application}, {self.environment}" if self.environment else self.application),
            ("asked for by", f"{self.requester}, on {self.target}"),
            *(("waits for", text) for text in waits),
            *((item.verdict, f"{item.reviewer} as {item.role}: {item.comment}") for item in self.signatures),
            ("passed", ", ".join(self.passed)),
            *(("done", text) for text in done),
            ("notice", self.notice),
            ("likely cause", self.diagnosis.cause if self.diagnosis else ""),
            ("recommended", self.diagnosis.recommendation.replace("_", " ") if self.diagnosis else ""),
            ("next", self.next),
        )
        return facts_html(f"release {self.id}", ((name, visible(text)) for name, text in rows))


@dataclass(frozen=True)
class Review:
    """What a reviewer looks at: the packet, where it stands, and how its files differ from what runs now."""

    packet: Packet
    standing: Standing
    files: tuple[FileChange, ...]
    bundle: Bundle
    unmet: tuple[Requirement, ...] = ()
    """What the request says and the bundle does not do: the checklist asks whether that is acceptable."""

    def markdown(self, links: str = "") -> str:
        """The whole of it as Markdown; `links`: the folder that file names point into."""
        return markdown(self.packet, files=self.files, standing=self.standing, links=links, unmet=self.unmet)

    def _repr_markdown_(self) -> str:
        return self.markdown()
