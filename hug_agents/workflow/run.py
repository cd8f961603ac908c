"""Driving a run: start it, answer it, resume it in another process. Checkpoints lie in the store's SQLite file."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, cast

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.errors import InvalidUpdateError
from langgraph.types import Command
from pydantic import Field

from hug_agents.connections import lent
from hug_agents.errors import UsageError
from hug_agents.spec import Model
from hug_agents.workflow.graph import GOVERNED, PRE, ask
from hug_agents.workflow.state import STATE_VERSION, Crew, ReleaseInput, ReleaseState
from hug_agents.workflow.versions import check_version

Status = Literal["ended", "questions", "checkpoint", "blocked", "attention", "interrupted"]
_KINDS: dict[str, Status] = {
    "hug.questions": "questions",
    "hug.gate": "checkpoint",
    "hug.blocked": "blocked",
    "hug.attention": "attention",
}


class Position(Model):
    """Where a run stands."""

    thread: str
    status: Status
    state: dict[str, Any]
    pending: dict[str, Any] = Field(default_factory=dict)
    """The payload of the interrupt that waits, if one does."""
    interrupt: str = ""
    """Its id: what an answer must name."""
    straight: bool = True
    """Whether the graph stands as it can by itself; not, where somebody moved it from outside."""

    def digest(self, channel: str) -> str:
        """The digest that a channel holds; empty if it holds none."""
        return str(self.state.get(channel) or "")


class _Checkpoints(sqlite3.Connection):
    """A connection to the checkpoints' file, with the graph that was last run on it: its saver is set up once."""

    _graph: Any = None
    _ran: Any = None

    def run(self, graph: Any) -> Any:
        """The graph with this file as its checkpointer."""
        if self._graph is not graph:
            # Only plain values are in the state, so nothing but plain values is ever read back from the file.
            saver = SqliteSaver(self, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
            self._graph, self._ran = graph, graph.copy(update={"checkpointer": saver})
        return self._ran


@contextmanager
def _compiled(crew: Crew) -> Iterator[Any]:
    path = crew.store.checkpoints
    with lent(
        path, lambda: sqlite3.connect(path, check_same_thread=False, timeout=30, factory=_Checkpoints)
    ) as connection:
        yield cast(_Checkpoints, connection).run(crew.graph)


def new_thread() -> str:
    """An id for a new run."""
    return f"run-{uuid.uuid4().hex[:12]}"


def as_input(values: dict[str, Any]) -> ReleaseInput:
    """Plain values as the graph's input."""
    return cast(ReleaseInput, values)


def start(crew: Crew, run: ReleaseInput, *, thread: str) -> Position:
    """Start a run and go on until it ends or waits for a person."""
    with _compiled(crew) as graph:
        run = cast(ReleaseInput, {**run, "version": STATE_VERSION})
        there = graph.get_state(_config(thread)).values
        if there and _unregistered(there, run):
            return _drive(graph, thread, None)
        if there:  # new input would abandon what waits there
            raise UsageError(f"the run {thread} exists already", hint="resume it, or name another")
        return _drive(graph, thread, run)


def _unregistered(there: Mapping[str, Any], run: ReleaseInput) -> bool:
    """Whether a release was begun with the very same input, and ended by a crash before anybody could find it; perhaps
    before the input was taken in."""
    return (
        run.get("scope", "release") != "bundle"
        and not there.get("release")
        and all(there.get(name, value) == value for name, value in run.items())
    )


def resume(crew: Crew, thread: str, answer: Any = None, *, seen: Position | None = None) -> Position:
    """Go on with a run: answer what it waits for, or, without an answer, take up one that stopped in between.

    `seen`: where it stands, from whoever has looked and keeps all others from moving it.
    """
    with _compiled(crew) as graph:
        position = seen if seen and seen.straight else _position(graph, thread, _straighten(graph, thread))
        answered = position.interrupt and answer is not None
        if not answered and position.status != "interrupted":
            return position
        try:
            return _drive(graph, thread, Command(resume={position.interrupt: answer}) if answered else None)
        except InvalidUpdateError:
            if not position.digest("packet"):
                raise
            _straighten(graph, thread, force=True)  # a goto from outside lay beside it
            return _drive(graph, thread, None)


def look(crew: Crew, thread: str, *, any_version: bool = False) -> Position:
    """Where a run stands, without moving it. Raises UsageError if there is none of that name.

    `any_version`: also one that this version does not go on with, to take documents from it.
    """
    with _compiled(crew) as graph:
        return _position(graph, thread, any_version=any_version)


def _snapshot(graph: Any, thread: str) -> tuple[Any, bool]:
    """What the last checkpoint says, and whether what was written beside it contradicts itself."""
    try:
        return graph.get_state(_config(thread)), False
    except InvalidUpdateError:
        # By its own id a checkpoint is read without what other nodes have written beside it.
        saved = graph.checkpointer.get_tuple(_config(thread))
        return graph.get_state(saved.config), True


def _straighten(graph: Any, thread: str, *, force: bool = False) -> tuple[Any, bool] | None:
    """Back to the first checkpoint where somebody made several governed nodes pending at once, by a goto or an update.

    Returns what was found where nothing had to be done.

    Nothing is lost: what was signed lies in the ledger and holds for the same bytes, what was done lies in the journal.
    """
    snapshot, broken = _snapshot(graph, thread)
    if not force and not broken and _straight(snapshot):
        return snapshot, broken
    notice = f"the graph was moved from outside ({', '.join(sorted(snapshot.next))}); asked anew"[:500]
    graph.update_state(snapshot.config, {"decision": "restart", "earlier": [], "notice": notice}, as_node=ask(PRE))
    return None


def _straight(snapshot: Any) -> bool:
    return not (len(snapshot.next) > 1 and GOVERNED & set(snapshot.next))


def _drive(graph: Any, thread: str, what: Any) -> Position:
    graph.invoke(what, _config(thread), durability="sync")
    return _position(graph, thread)


def _position(graph: Any, thread: str, taken: tuple[Any, bool] | None = None, *, any_version: bool = False) -> Position:
    snapshot, broken = taken or _snapshot(graph, thread)
    if not snapshot.values and not snapshot.next:
        raise UsageError(f"there is no run {thread!r} in this store", hint="the id is printed when a run starts")
    state = cast(ReleaseState, snapshot.values)
    if not any_version:
        check_version(thread, state)
    found: dict[str, Any] = {"thread": thread, "state": dict(state), "straight": not broken and _straight(snapshot)}
    if broken:
        return Position(status="interrupted", **found)
    if snapshot.interrupts:
        pending = snapshot.interrupts[0]
        return Position(status=_KINDS[pending.value["type"]], pending=pending.value, interrupt=pending.id, **found)
    # Not `next`: it leaves out a node whose writes are kept and that only the checkpoint after it is missing of.
    return Position(status="interrupted" if snapshot.tasks else "ended", **found)


def _config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}
