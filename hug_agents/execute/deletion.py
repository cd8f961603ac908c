"""Deleting what no release names any more: an effect of no release, which waits for a person's word on exactly its list."""

from __future__ import annotations

from pydantic import ValidationError

from hug_agents.approve.desk import Desk
from hug_agents.approve.identity import Digest, PersonId
from hug_agents.approve.resolution import Matter, Resolution
from hug_agents.canonical import digest, sha256
from hug_agents.errors import UsageError
from hug_agents.execute.events import Event, record
from hug_agents.execute.journal import Journal
from hug_agents.spec import Line, Model
from hug_agents.store import Store

_MARK = "deletion"
_BEGUN = "deletion begun"


class Deletion(Model):
    """What goes, from where, and who asks for it."""

    place: Line
    """E.g. `registry:HOST`."""
    names: tuple[Line, ...]
    requester: PersonId

    @property
    def listed(self) -> Digest:
        """The list alone, whoever asks for it."""
        return list_of(self.place, self.names)


def list_of(place: str, names: tuple[str, ...]) -> Digest:
    """The name of a list of what goes from a place."""
    return digest({"place": place, "names": sorted(names)})


def is_deletion(text: str) -> bool:
    """Whether a document of the store is one of these lists."""
    try:
        Deletion.model_validate_json(text)
    except ValidationError:
        return False
    return True


class Deletions:
    """The deletions that people were asked about."""

    def __init__(self, store: Store, desk: Desk, journal: Journal) -> None:
        self._store = store
        self._desk = desk
        self._journal = journal

    def ask(self, asked: Deletion) -> Matter:
        """Ask people about a list; asked again before it was carried out, it is the same matter, and its first requester's."""
        if known := self._journal.marked(asked.listed, _MARK):
            return self._store.get_model(Matter, known)
        release = f"deletion-{sha256(asked.place.encode()).removeprefix('sha256:')[:12]}"
        matter = Matter(
            kind="deletion",
            release=release,
            environment="shared",
            bundle=self._store.put_model(asked),
            subject=asked.place,
            number=sum(item.kind == "resolution" for item in self._desk.entries(release)),
            evidence=f"{asked.requester} asks to delete {len(asked.names)} of {asked.place}, list {asked.listed}",
        )
        name = self._store.put_model(matter)
        self.note("attention", matter, matter.kind, f"matter {name}")
        self._journal.mark(asked.listed, _MARK, name)
        return matter

    def find(self, listed: Digest) -> tuple[Matter, Deletion]:
        """What was asked about a list, with the list. Raises UsageError if nobody was asked, or it is carried out."""
        known = self._journal.marked(listed, _MARK)
        if known is None:
            raise UsageError(
                f"nobody was asked about {listed[:80]}",
                where="deletion",
                hint="hug registry retain --as ID asks about what it lists",
            )
        matter = self._store.get_model(Matter, known)
        return matter, self._store.get_model(Deletion, matter.bundle)

    def waiting(self) -> tuple[tuple[Matter, Deletion], ...]:
        """What nobody has signed yet, or whose signature has run out; the oldest first."""
        found = (self.find(listed) for listed, _ in self._journal.every(_MARK))
        return tuple((matter, asked) for matter, asked in found if self.signed(matter, asked) is None)

    def may_sign(self, person: str, asked: Deletion) -> bool:
        """Whether this person's yes to a list counts: who asked for it signs nothing, unless the policy is of one person."""
        rules = self._desk.policy()
        return any(person in rules.holders(role, without=self._excluded(asked)) for role in rules.override_roles)

    def begin(self, listed: Digest) -> None:
        """Written before anything of a list is deleted: cut off in the middle, it may be gone on with."""
        if known := self._journal.marked(listed, _MARK):
            self._journal.mark(listed, _BEGUN, known)

    def begun(self, listed: Digest) -> bool:
        """A list was begun, and has not come to its end."""
        return self._journal.marked(listed, _BEGUN) is not None

    def sign(self, matter: Matter, asked: Deletion, envelope: bytes) -> None:
        """Take a signed yes to a list. Raises DecisionRefused."""
        self._desk.settle(envelope, matter=matter, requester=self._excluded(asked))

    def signed(self, matter: Matter, asked: Deletion) -> Resolution | None:
        """The yes to a list, verified again; None while nobody gave one, or once it has run out."""
        return self._desk.settled(matter, requester=self._excluded(asked))

    def close(self, listed: Digest) -> None:
        """The list was carried out: its yes is used up."""
        self._journal.unmark((listed, _MARK), (listed, _BEGUN))

    def note(self, name: str, matter: Matter, outcome: str, detail: str) -> None:
        """Into the ledger."""
        event = Event.model_validate(
            {
                "name": name,
                "release": matter.release,
                "environment": matter.environment,
                "target": matter.subject,
                "packet": matter.digest(),
                "outcome": outcome,
                "detail": detail,
            }
        )
        record(self._desk, event, still_open=False)

    def _excluded(self, asked: Deletion) -> str:
        return "" if self._desk.policy().solo else asked.requester
