"""Asking a person about something that only a person can settle, once, in any process, until it is settled."""

from __future__ import annotations

from hug_agents.approve.desk import Desk
from hug_agents.approve.ledger import Entry
from hug_agents.approve.resolution import Choice, Matter, MatterKind, Resolution
from hug_agents.errors import InDoubt, NeedsPerson
from hug_agents.execute.dossier import Dossier
from hug_agents.execute.events import Event, events, record_once
from hug_agents.execute.journal import Journal
from hug_agents.store import Store

_NEXT = "hug release settle {release} CHOICE --key NAME --reason TEXT"
_NEXT_OF_A_PAUSE = "hug release resume {release}, or hug release abort {release} --as ID"


class Matters:
    """The matters of a store's releases."""

    def __init__(self, store: Store, desk: Desk, journal: Journal) -> None:
        self._store = store
        self._desk = desk
        self._journal = journal

    def settle(self, kind: MatterKind, dossier: Dossier, environment: str, subject: str, evidence: str) -> Resolution:
        """The answer to this matter. Raises NeedsPerson while nobody has given one.

        Asked again about the same subject, it is the same matter, with the evidence of the first time; `close` ends it.
        """
        matter = self.open(kind, dossier, environment, subject, evidence)
        answer = self._desk.settled(matter, requester=self.excluded(dossier.requester))
        if answer is None:
            kind_of_error = InDoubt if kind == "in_doubt" else NeedsPerson
            raise kind_of_error(
                f"{_WHAT[kind]}: {matter.evidence}"[:1500],
                matter=self._store.put_model(matter),
                where=f"release {dossier.release}, {environment}",
                hint=(_NEXT_OF_A_PAUSE if kind == "paused" else _NEXT).format(release=dossier.release),
            )
        return answer

    def open(self, kind: MatterKind, dossier: Dossier, environment: str, subject: str, evidence: str) -> Matter:
        """The matter that waits, made now if there is none."""
        place = f"{dossier.release}/{environment}/{subject}"
        if known := self._journal.marked(place, kind):
            return self._store.get_model(Matter, known)
        answered = [item for item in self._desk.entries(dossier.release) if item.kind == "resolution"]
        matter = Matter(
            kind=kind,
            release=dossier.release,
            environment=environment,
            bundle=dossier.bundle,
            subject=subject,
            number=len(answered),
            evidence=evidence[:4000],
        )
        name = self._store.put_model(matter)
        event = Event(
            name="attention",
            release=dossier.release,
            environment=environment,
            bundle=dossier.bundle,
            outcome=kind,
            detail=f"matter {name}",
        )
        record_once(self._desk, event)
        self._journal.mark(place, kind, name)
        return matter

    def close(self, kind: MatterKind, dossier: Dossier, environment: str, subject: str, *also: tuple[str, str]) -> None:
        """What the answer said was done: asked about again, it is a new matter. `also`: marks that go with it, in the
        same moment, where a word that is used up twice or lost in between would be wrong."""
        self._journal.unmark((f"{dossier.release}/{environment}/{subject}", kind), *also)

    def last(self, release: str) -> Matter | None:
        """The matter that this release was last asked about, answered or not; none that was closed."""
        return self._last(release, self._desk.entries(release))

    def waiting(self, release: str) -> Matter | None:
        """The matter that this release was last asked about, if nobody has signed an answer to it."""
        entries = self._desk.entries(release)
        matter = self._last(release, entries)
        answered = {item.envelope.document.matter for item in entries if item.kind == "resolution"}
        return None if matter is None or matter.digest() in answered else matter

    def _last(self, release: str, entries: tuple[Entry, ...]) -> Matter | None:
        asked = [item.detail.split()[-1] for item in events(entries) if item.name == "attention"]
        if not asked:
            return None
        matter = self._store.get_model(Matter, asked[-1])
        place = f"{release}/{matter.environment}/{matter.subject}"
        return matter if self._journal.marked(place, matter.kind) == asked[-1] else None

    def answer(self, matter: Matter, envelope: bytes, requester: str) -> Choice:
        """Take a signed answer. Raises DecisionRefused."""
        entry = self._desk.settle(envelope, matter=matter, requester=self.excluded(requester))
        document: Resolution = entry.envelope.document
        return document.choice

    def excluded(self, requester: str) -> str:
        """The requester, where the policy keeps the requester from signing."""
        return "" if self._desk.policy().solo else requester


_WHAT: dict[MatterKind, str] = {
    "in_doubt": "an effect was begun, and it cannot be told whether it happened",
    "inconclusive": "there is too little to judge the new version by",
    "paused": "the rollout is paused",
    "rollback_failed": "the way back was not completed",
    "rollback": "a promoted version is to be taken back",
    "deletion": "what no release names is to be deleted",
}
