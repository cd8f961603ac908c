"""What the three targets share: documents in an order, what is there, what differs, and sending what does."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.canonical import digest
from hug_agents.errors import UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, PlanStale, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment

_MARK = 8
"""Hexadecimal digits that stand for the state of one document in a plan."""


@dataclass(frozen=True)
class Document:
    """One thing on the server."""

    kind: str
    """What sort of thing it is: the server's client knows how to find and send it."""
    name: str
    """What it is found by again."""
    body: Any
    file: str


class DocumentsTarget:
    """Sends what differs. What a newer bundle brought stays after a rollback: nothing is deleted."""

    name: str
    system: str
    abilities = Abilities(strategies=frozenset(("rolling", "blue_green", "canary")), hands_over=True, removes=False)

    @abstractmethod
    def documents(self, bundle: Bundle, blueprint: Blueprint, environment: str) -> Iterable[Document]:
        """The documents of an environment, in the order in which they are sent."""

    @abstractmethod
    def there(self, document: Document) -> Any:
        """What the server has of it, in the form in which it is sent; None if it has nothing. Raises HttpError."""

    @abstractmethod
    def send(self, document: Document, *, new: bool) -> None:
        """Create or change it; twice is as once. Raises HttpError."""

    def resolved(self, document: Document) -> Document:
        """The document with references to others filled in, as far as those are there."""
        return document

    def deployed(self, work: Work) -> None:
        """Told once everything is there: a place to note the deployment. Twice is as once."""

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Which documents would be created and changed."""
        if not bundle.of(self.system):
            raise UsageError(
                f"the bundle has nothing for {self.system}", where="target", hint=f"--monitor {self.system}"
            )
        found = [(item, self.there(item)) for item in self._listed(bundle, blueprint, environment.name)]
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base=digest([_mark(there) for _, there in found]),
            settings={"state": "".join(_mark(there) for _, there in found)},
            creates=sum(there is None for _, there in found),
            updates=sum(there is not None and not covers(there, item.body) for item, there in found),
        )

    def apply(self, work: Work) -> Outcome:
        """Send what differs. Raises PlanStale where somebody else has changed a document since the plan."""
        if work.order.action != "deploy":
            return Outcome(
                status="failed", untouched=True, detail=f"a monitor cannot {work.order.action}: it only watches"
            )
        self._own(work)
        before = work.plan.settings["state"]
        listed = self._listed(work.bundle, work.blueprint, work.order.environment.name)
        for number, item in enumerate(listed):
            there = self.there(item)
            if there is not None and covers(there, item.body):
                continue
            if _mark(there) != before[number * _MARK : (number + 1) * _MARK]:
                raise PlanStale(f"{item.file} is not on the server as it was when the plan was made")
        sent = self._sent(work.bundle, work)
        self.deployed(work)
        return Outcome(status="done", detail=f"{sent} documents sent, the others were there")

    def rollback(self, work: Work) -> Outcome:
        """The documents as they were in the bundle before; those that only the newer one has stay."""
        self._own(work)
        if work.previous is None:
            return Outcome(status="done", detail="the documents of the first release stay: nothing is deleted")
        sent = self._sent(work.previous, work)
        before = {(item.kind, item.name) for item in self._listed(work.previous, work.blueprint, self._place(work))}
        newer = [
            item.file
            for item in self._listed(work.bundle, work.blueprint, self._place(work))
            if (item.kind, item.name) not in before
        ]
        stay = f"; these stay, remove them by hand: {', '.join(newer)}"[:5000] if newer else ""
        return Outcome(status="done", detail=f"{sent} documents sent{stay}")

    def observe(self, work: Work) -> Observation:
        """Whether the server has what the order asks for."""
        bundle = work.previous if work.order.action == "rollback" else work.bundle
        if bundle is None:
            return Observation(state="done", evidence="nothing is deleted")
        differing = self._differing(bundle, work.blueprint, self._place(work))
        if not differing:
            return Observation(state="done", evidence="every document is there")
        return Observation(state="partial", evidence=f"differing: {', '.join(differing)}"[:9000])

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Documents of the bundle that are missing or were edited."""
        lines = self._differing(bundle, blueprint, environment.name) if bundle else []
        return Drift(status="drifted" if lines else "none", changes=tuple(lines), evidence=self.name)

    def _differing(self, bundle: Bundle, blueprint: Blueprint, place: str) -> list[str]:
        lines = []
        for item in self._listed(bundle, blueprint, place):
            there = self.there(item)
            if there is None:
                lines.append(f"missing: {item.file}")
            elif not covers(there, item.body):
                lines.append(f"edited: {item.file}")
        return lines

    def _sent(self, bundle: Bundle, work: Work) -> int:
        sent = 0
        for raw in self.documents(bundle, work.blueprint, self._place(work)):
            item = self.resolved(raw)  # what it refers to was sent before it
            there = self.there(item)
            if there is None or not covers(there, item.body):
                self.send(item, new=there is None)
                sent += 1
        return sent

    def _listed(self, bundle: Bundle, blueprint: Blueprint, place: str) -> list[Document]:
        return [self.resolved(item) for item in self.documents(bundle, blueprint, place)]

    def _place(self, work: Work) -> str:
        return work.order.environment.name

    def _own(self, work: Work) -> None:
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)


def covers(there: Any, wanted: Any) -> bool:
    """Whether what is there says all that is wanted; a server adds defaults, and some write numbers as text."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(
            covers(there.get(key), value) for key, value in wanted.items() if value is not None
        )
    if isinstance(wanted, list):
        return isinstance(there, list) and len(there) == len(wanted) and all(map(covers, there, wanted))
    return there == wanted or _text(there) == _text(wanted)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _mark(there: Any) -> str:
    if there is None:
        return "-" * _MARK
    return digest(json.loads(json.dumps(there))).removeprefix("sha256:")[:_MARK]


def parsed(bundle: Bundle, path: str) -> Any:
    """The JSON of one file."""
    return json.loads(bundle[path].content)
