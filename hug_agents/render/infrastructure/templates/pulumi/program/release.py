"""Which version runs and how much traffic it has.

`deploy/deploy.sh` writes it, one step at a time, and reads it back from the state: the record of this release and of the one
before lives where the lock is, and outlives the machine that wrote it. There is no default on purpose: a preview by hand
without it would stop every service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PINNED = re.compile(r"@sha256:[0-9a-f]{64}\Z")
_SLOTS = ("blue", "green")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One version of the whole application."""

    images: Mapping[str, str]
    weight: int
    running: bool


@dataclass(frozen=True, kw_only=True)
class ServiceSlot:
    """One version of one service; an empty image: none was released yet."""

    image: str
    weight: int
    running: bool


@dataclass(frozen=True, kw_only=True)
class Release:
    """Two slots. `live` serves, `next` is coming or came last, `previous` (or nothing) is what a rollback returns to."""

    document: Mapping[str, Any]
    live: str
    next: str
    slots: Mapping[str, Slot]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Release:
        """The release that a document says. Raises ValueError for one that makes no sense."""
        slots = {
            name: Slot(images=dict(slot["images"]), weight=int(slot["weight"]), running=bool(slot["running"]))
            for name, slot in document["slots"].items()
        }
        if tuple(sorted(slots)) != _SLOTS:
            raise ValueError("release: there are two slots, blue and green")
        if sum(slot.weight for slot in slots.values()) != 100:
            raise ValueError("release: the slots' weights must sum to 100")
        if any(slot.weight and slot.images and not slot.running for slot in slots.values()):
            raise ValueError("release: a slot that does not run cannot be given traffic")
        for slot in slots.values():
            for service, image in slot.images.items():
                if not _PINNED.search(image):
                    raise ValueError(f"release: {service} must be named by its digest (...@sha256:...): {image}")
        if document["status"] not in ("none", "moving", "done"):
            raise ValueError("release: the status is none, moving or done")
        if document["live"] not in _SLOTS or document["next"] not in _SLOTS:
            raise ValueError("release: live and next are slots")
        if document["previous"] not in ("", *_SLOTS):
            raise ValueError("release: previous is a slot, or nothing")
        return cls(document=document, live=document["live"], next=document["next"], slots=slots)

    def side_by_side(self, service: str) -> dict[str, ServiceSlot]:
        """Both versions of a service that shares its traffic out."""
        return {
            name: ServiceSlot(image=slot.images.get(service, ""), weight=slot.weight, running=slot.running)
            for name, slot in sorted(self.slots.items())
        }

    def alone(self, service: str) -> dict[str, ServiceSlot]:
        """The live version only, in the slot `main`."""
        return {"main": ServiceSlot(image=self.live_image(service), weight=100, running=True)}

    def live_image(self, service: str) -> str:
        """The live version's image."""
        return self.slots[self.live].images.get(service, "")

    def next_image(self, service: str) -> str:
        """The coming version's image: its migration runs before that version has any traffic."""
        return self.slots[self.next].images.get(service, "")
