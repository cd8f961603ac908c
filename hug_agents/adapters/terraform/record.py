"""The release record of the ECS roots that we render: `variable "release"`, the same document that deploy/deploy.sh goes by.

Two slots, each a version of the whole application. A rolling release puts the new images into the slot that is not live and
makes it the live one; ECS then replaces the tasks and takes them back itself where they do not become healthy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from hug_agents.canonical import canonical_json
from hug_agents.errors import UsageError
from hug_agents.spec import Model

Slot = Literal["blue", "green"]


class Version(Model):
    """One slot."""

    images: dict[str, str] = Field(default_factory=dict)
    weight: int = 0
    running: bool = False


def _empty() -> dict[Slot, Version]:
    return {"blue": Version(weight=100), "green": Version()}


class Record(Model):
    """What is released, and what was before."""

    id: str = ""
    status: Literal["none", "moving", "done"] = "none"
    live: Slot = "blue"
    next: Slot = "blue"
    previous: Literal["", "blue", "green"] = ""
    slots: dict[Slot, Version] = Field(default_factory=_empty)

    @property
    def images(self) -> dict[str, str]:
        """What is live."""
        return self.slots[self.live].images

    def text(self) -> str:
        """As a plan's settings hold it: the same record is the same text."""
        return canonical_json(self.model_dump(mode="json")).decode()

    def released(self, images: Mapping[str, str], name: str) -> Record:
        """The record once these images are live; itself where they are already."""
        live = self.slots[self.live]
        if live.images == dict(images) and live.running:
            return self
        new: Slot = "green" if self.live == "blue" else "blue"
        return Record(
            id=name,
            status="done",
            live=new,
            next=new,
            previous=self.live if live.images else "",
            slots={
                new: Version(images=dict(images), weight=100, running=True),
                self.live: live.model_copy(update={"weight": 0, "running": False}),
            },
        )


def read_record(outputs: Mapping[str, Any]) -> Record:
    """The record in a state's outputs; where there is none, nothing was released yet. Raises UsageError."""
    value = outputs.get("release")
    if value is None:
        return Record()
    try:
        return Record.model_validate(value)
    except ValueError as error:
        raise UsageError("the state's release record cannot be read", where="output release") from error
