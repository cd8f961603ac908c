"""Driving a run: start it, answer it, resume it in another process. Checkpoints lie in the store's SQLite file."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from pydantic import Field

from hug_agents.errors import UsageError
from hug_agents.spec import Model
from hug_agents.workflow.graph import build_graph
from hug_agents.workflow.state import Crew, ReleaseInput, ReleaseState

Status = Literal["ended", "questions", "checkpoint", "interrupted"]


class Position(Model):
    """Where a run stands."""

    thread: str
    status: Status
    state: dict[str, Any]
    pending: dict[str, Any] = Field(default_factory=dict)
    """The payload of the interrupt that waits, if one does."""
    interrupt: str = ""
    """Its id: what an answer must name."""

    def digest(self, channel: str) -> str:
        """The digest that a channel holds; empty if it holds none."""
        return str(self.state.get(channel) or "")


@contextmanager
def _compiled(crew: Crew) -> Iterator[Any]:
    connection = sqlite3.connect(crew.store.checkpoints, check_same_thread=False, timeout=30)
    try:
        # Only plain values are in the state, so nothing but plain values is ever read back from the file.
        saver = SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        yield build_graph(crew).compile(checkpointer=saver)
    finally:
        connection.close()


def new_thread() -> str:
    """An id for a new run."""
    return f"run-{uuid.uuid4().hex[:12]}"


def as_input(values: dict[str, Any]) -> ReleaseInput:
    """Plain values as the graph's input."""
    return cast(ReleaseInput, values)


def start(crew: Crew, run: ReleaseInput, *, thread: str) -> Position:
    """Start a run and go on until it ends or waits for a person."""
    with _compiled(crew) as graph:
        if graph.get_state(_config(thread)).values:
            raise UsageError(f"the run {thread} exists already", hint="resume it, or name another")
        return _drive(graph, thread, run)


def resume(crew: Crew, thread: str, answer: Any = None) -> Position:
    """Go on with a run: answer what it waits for, or, without an answer, take up one that stopped in between."""
    with _compiled(crew) as graph:
        position = _position(graph, thread)
        if position.interrupt and answer is not None:
            return _drive(graph, thread, Command(resume={position.interrupt: answer}))
        if position.status == "interrupted":
            return _drive(graph, thread, None)
        return position


def look(crew: Crew, thread: str) -> Position:
    """Where a run stands, without moving it. Raises UsageError if there is none of that name."""
    with _compiled(crew) as graph:
        return _position(graph, thread)


def _drive(graph: Any, thread: str, what: Any) -> Position:
    graph.invoke(what, _config(thread), durability="sync")
    return _position(graph, thread)


def _position(graph: Any, thread: str) -> Position:
    snapshot = graph.get_state(_config(thread))
    if not snapshot.values and not snapshot.next:
        raise UsageError(f"there is no run {thread!r} in this store", hint="the id is printed when a run starts")
    state = cast(ReleaseState, snapshot.values)
    if snapshot.interrupts:
        pending = snapshot.interrupts[0]
        kind: Status = "questions" if pending.value.get("type") == "hug.questions" else "checkpoint"
        return Position(thread=thread, status=kind, state=dict(state), pending=pending.value, interrupt=pending.id)
    return Position(thread=thread, status="interrupted" if snapshot.next else "ended", state=dict(state))


def _config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}
