"""The journal of effects: written before and after each, so that a process that was killed is never guessed about."""

from __future__ import annotations

from typing import Literal

from hug_agents.approve.clock import Clock, Instant, instant
from hug_agents.approve.identity import Digest, ReleaseId
from hug_agents.database import Database
from hug_agents.execute.target import Order, Outcome
from hug_agents.spec import Line, Model

EffectState = Literal["intended", "started", "done", "failed"]


class Effect(Model):
    """One order and how far it came. `intended`: nothing was done yet; `started`: it may or may not have happened."""

    key: Digest
    release: ReleaseId
    target: Line
    order: Order
    state: EffectState
    outcome: Outcome | None
    changed: Instant


class Journal:
    """The effects of a store, by key."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def find(self, key: Digest) -> Effect | None:
        """What is known of an effect."""
        with self._database.reading() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM effects WHERE key = ?", (key,)).fetchone()  # noqa: S608 - our own constant
        return _effect(row) if row else None

    def intend(self, order: Order, target: str) -> None:
        """Written once it is allowed, or once a person has said that it did not happen; nothing is done yet."""
        self._note(order, target, "intended")

    def start(self, order: Order, target: str) -> None:
        """Written and on disk before anything is done."""
        self._note(order, target, "started")

    def _note(self, order: Order, target: str, state: EffectState) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO effects (key, release, target, work, state, changed) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET state = excluded.state, changed = excluded.changed",
                (order.key, order.release, target, order.model_dump_json(), state, instant(self._clock())),
            )

    def end(self, order: Order, outcome: Outcome) -> None:
        """Written once the target has said how it went."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE effects SET state = ?, outcome = ?, changed = ? WHERE key = ?",
                (outcome.status, outcome.model_dump_json(), instant(self._clock()), order.key),
            )

    def forget(self, order: Order) -> None:
        """A target said that it changed nothing, and that the plan has to be made anew."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM effects WHERE key = ? AND outcome = ''", (order.key,))

    def mark(self, subject: str, name: str, document: Digest) -> None:
        """Remember a document under a name; what is remembered there already stays."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO marks VALUES (?, ?, ?)", (subject, name, document))

    def marked(self, subject: str, name: str) -> Digest | None:
        """The document that is remembered."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT document FROM marks WHERE subject = ? AND name = ?", (subject, name)
            ).fetchone()
        return row[0] if row else None

    def every(self, name: str) -> tuple[tuple[str, Digest], ...]:
        """Each subject with something under this name, and what it is; the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT subject, document FROM marks WHERE name = ? ORDER BY rowid", (name,))
            return tuple((row[0], row[1]) for row in rows.fetchall())

    def unmark(self, *marks: tuple[str, str]) -> None:
        """Forget what is remembered under each subject and name, all in one moment."""
        there = [mark for mark in marks if self.marked(*mark)]
        if not there:
            return
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM marks WHERE subject = ? AND name = ?", there)

    def of(self, release: ReleaseId) -> tuple[Effect, ...]:
        """The effects of a release, in the order of their last change."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM effects WHERE release = ? ORDER BY changed, rowid",  # noqa: S608 - our own constant
                (release,),
            ).fetchall()
        return tuple(_effect(row) for row in rows)


_COLUMNS = "key, release, target, work, state, outcome, changed"


def _effect(row: tuple[str, ...]) -> Effect:
    key, release, target, work, state, outcome, changed = row
    values = {"key": key, "release": release, "target": target, "state": state, "changed": changed}
    order = Order.model_validate_json(work)
    return Effect.model_validate(
        {**values, "order": order, "outcome": Outcome.model_validate_json(outcome) if outcome else None}
    )
