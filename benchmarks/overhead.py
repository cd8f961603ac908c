"""What the machine costs: a governed release beside a bare LangGraph graph of as many steps on the same saver.

Of the release all that is ours counts: the graph, the desk, the ledger, the journal, the register, documents by digest.
What a target, the gates, the agents and the renderers take is theirs: the release starts from a finished bundle, its
gates are left out, and its target only remembers what it was told.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from benchmarks.measure import Figure, paired
from hug_agents.generation import generate
from hug_agents.rollout import watch
from hug_agents.validate import GateResult
from hug_agents.workflow import nodes
from tests.approve.office import KEYS
from tests.governed import REQUEST, SIGNERS, Recorder, Site

ROUNDS = 7


class Words(TypedDict, total=False):
    """A state of as many small words as a release has."""

    words: dict[str, str]
    place: int


def figures(rounds: int = ROUNDS) -> Iterator[Figure]:
    """One ratio: a whole release with four checkpoints, ten effects and a drill."""
    gates, tick = nodes.run_gates, watch._TICK  # type: ignore[attr-defined]
    watch._TICK = 300.0  # the waiting is the rollout's, whoever waits
    nodes.run_gates = lambda *_, **__: (GateResult(name="left out", tool="", status="passed"),)  # type: ignore[attr-defined]
    try:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            steps = _steps(_release(root / "counted")[0])
            names = iter(range(1_000))
            ratio, ours, theirs = paired(
                lambda: _release(root / f"ours-{next(names)}")[1],
                lambda: _bare(root / f"theirs-{next(names)}.sqlite", steps),
                rounds,
            )
    finally:
        nodes.run_gates = gates  # type: ignore[attr-defined]
        watch._TICK = tick
    detail = f"{ours * 1e3:.0f} ms / {theirs * 1e3:.0f} ms, {steps} steps, 6 signatures, 10 effects"
    yield Figure("a whole release / a bare graph of as many steps", ratio, 2.0, detail)


class Timed(Recorder):
    """Knows how long it was at work."""

    seconds = 0.0

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("plan", "apply", "rollback", "observe", "drift"):
            return found

        def timed(*arguments: Any) -> Any:
            started = time.perf_counter()
            try:
                return found(*arguments)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


def _release(root: Path) -> tuple[Path, float]:
    """The store, and the seconds that a whole release took without its target."""
    site = Site(root, target=Timed())
    bundle = generate(REQUEST, store=site.store).bundle
    started = time.perf_counter()
    release = site.start(bundle)
    for people in SIGNERS.values():
        for who in people:
            release.decide("approve", reviewer=who, key=KEYS[who])
        status = release.resume()
    seconds = time.perf_counter() - started
    assert status.outcome == "released", status
    return site.store, seconds - site.target.seconds  # type: ignore[attr-defined]


def _steps(store: Path) -> int:
    with closing(sqlite3.connect(store / "checkpoints.sqlite")) as connection:
        return int(connection.execute("SELECT count(*) FROM checkpoints").fetchone()[0]) - 1  # the input is no step


def _bare(path: Path, steps: int) -> float:
    """The seconds of a graph that does nothing in so many steps, and waits in four of them."""
    waits = {round(steps * share) for share in (0.2, 0.4, 0.6, 0.8)}

    def node(state: Words) -> Words:
        return {"place": state["place"] + 1, "words": {**state["words"], "last": str(state["place"])}}

    def waiting(state: Words) -> Words:
        interrupt({"place": state["place"]})
        return node(state)

    started = time.perf_counter()  # building the graph counts, as it does in a release
    graph = StateGraph(Words)
    for number in range(steps):
        graph.add_node(str(number), waiting if number in waits else node)
        graph.add_edge(START if number == 0 else str(number - 1), str(number))
    graph.add_edge(str(steps - 1), END)
    compiled = graph.compile()
    config: Any = {"configurable": {"thread_id": "one"}}
    what: Any = {"place": 0, "words": {f"word {number}": "sha256:" + "3f" * 32 for number in range(30)}}
    for _ in range(len(waits) + 1):
        with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
            made: Any = compiled.copy(update={"checkpointer": SqliteSaver(connection)})
            made.invoke(what, config, durability="sync")
            what = Command(resume={item.id: "go on" for item in made.get_state(config).interrupts})
    return time.perf_counter() - started
