"""SIGKILL at the boundaries of whole releases, on each target: a table of what was done twice, lost or stuck.

`python -m benchmarks crash` takes every boundary, which are hours on two cores. From Python, `figures(stride=53)` takes a sample.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from benchmarks.measure import Figure
from hug_agents.validate import GateResult
from hug_agents.workflow import nodes
from tests.crash.killing import HEADER, Result, Theatre, kills, table
from tests.crash.worlds import WORLDS

STRIDE = int(os.environ.get("CRASH_STRIDE", "1"))


def figures(stride: int = STRIDE) -> Iterator[Figure]:
    """One figure a target: how many kills did not end as without one. The table goes to standard output before it."""
    gates = nodes.run_gates  # type: ignore[attr-defined]
    nodes.run_gates = lambda *_, **__: (GateResult(name="left out", tool="", status="passed"),)  # type: ignore[attr-defined]
    workers = os.cpu_count() or 1
    try:
        print("\n".join(HEADER), flush=True)
        for world in WORLDS.values():
            parts = [
                (world.name, chapter, worker, workers, stride)
                for chapter in world.chapters
                for worker in range(workers)
            ]
            with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
                results = [item for part in pool.map(_part, parts) for item in part]
            print("\n".join(table(world.name, results)), flush=True)
            wrong = [item for item in results if item.outcome != "alike"]
            for item in wrong:
                print(json.dumps(asdict(item)), flush=True)
            yield Figure(
                f"kills that changed something: {world.name}", len(wrong), 0, f"{len(results)} kills, stride {stride}"
            )
    finally:
        nodes.run_gates = gates  # type: ignore[attr-defined]


def _part(about: tuple[str, str, int, int, int]) -> list[Result]:
    """One worker's share of a chapter: it plays the chapter for itself, for a site must lie where it lay."""
    world, chapter, worker, workers, stride = about
    with tempfile.TemporaryDirectory(prefix="crash-") as root:
        theatre = Theatre(Path(root) / "theatre", WORLDS[world])
        turns = theatre.rehearse((chapter,))
        return list(kills(theatre, turns, stride=stride * workers, first=worker * stride))
