"""SIGKILL at the boundaries of whole releases, on each target: a table of what was done twice, lost or stuck.

    python -m benchmarks.crash --out kills.jsonl               # every boundary, which are hours; once more, and it goes on
    python -m benchmarks.crash recorder write --one-in 53      # a sample of two targets
    python -m benchmarks.crash --out kills.jsonl --table       # what is known so far

Each kill is a line of the file as soon as its end is known. Their order is such that wherever it is stopped, what was tried
lies evenly over the story. What was tried with other code or packages does not count; a commit that changes neither is no matter.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from importlib.metadata import distributions
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, commit
from hug_agents.validate import GateResult
from hug_agents.workflow import nodes
from tests.crash.boundaries import KINDS
from tests.crash.killing import HEADER, Result, Theatre, gathered, row, spread
from tests.crash.worlds import WORLDS

WORKERS = os.cpu_count() or 1
ROOT = Path(__file__).parent.parent
KILLED = ("hug_agents", "prompts", *(f"tests/{name}" for name in (
    "crash", "github", "approve/office.py", "governed.py", "adapters/local/place.py"
)))  # fmt: skip
"""What a kill depends on, besides the installed packages."""


def figures() -> Iterator[Figure]:
    """One figure a target: how many kills did not end as without one. CRASH_STRIDE=53: a sample."""
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        out = Path(folder) / "kills.jsonl"
        one_in = int(os.environ.get("CRASH_STRIDE", "1"))
        kill(tuple(WORLDS), out, one_in=one_in)
        print("\n".join(table(out)), flush=True)
        for world in WORLDS:
            results = _of(out, world)[0]
            wrong = sum(item.wrong for item in results)
            yield Figure(f"kills that changed something: {world}", wrong, 0, f"{len(results)} kills, one in {one_in}")


def kill(worlds: Iterable[str], out: Path, *, one_in: int = 1, workers: int = WORKERS) -> None:
    """Append what came of each kill to `out`, but for those that are in it."""
    gates = nodes.run_gates  # type: ignore[attr-defined]
    nodes.run_gates = lambda *_, **__: (GateResult(name="left out", tool="", status="passed"),)  # type: ignore[attr-defined]
    try:
        for world in worlds:
            with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
                list(pool.map(_share, ((world, out, one_in, worker, workers) for worker in range(workers))))
    finally:
        nodes.run_gates = gates  # type: ignore[attr-defined]


def table(out: Path) -> list[str]:
    """Markdown: for each kind of boundary and target, how many were tried of how many, and what came of them."""
    rows = list(HEADER)
    for world in WORLDS:
        results, there = _of(out, world)
        rows += [row(kind, world, results, there[kind]) for kind in KINDS if kind in there]
    return rows


def _share(about: tuple[str, Path, int, int, int]) -> None:
    """One worker's share: it rehearses the story for itself, for a site must lie where it lay."""
    world, out, one_in, worker, workers = about
    with tempfile.TemporaryDirectory(prefix="crash-") as root, closing(_theatre(root, world)) as theatre:
        turns = theatre.rehearse()
        every = spread(turns)
        if worker == 0:
            there = Counter(turn.boundaries[at - 1].partition(":")[0] for turn, at in every)
            _write(out, target=world, there=there)
        known = {
            (line["number"], line["at"]) for line in _lines(out, world) if line.get("outcome", "missed") != "missed"
        }
        # By the place itself, as another worker may have counted a boundary more: each is tried by one of them.
        places = [(turns.index(turn), at) for turn, at in every[: -(-len(every) // one_in)]]
        mine = [(turns[number], at) for number, at in places if (number + at) % workers == worker]
        for turn, at in gathered(mine, turns):
            number = turns.index(turn)
            if (number, at) not in known:
                _write(out, target=world, number=number, at=at, **asdict(theatre.kill(turns, turn, at)))


def _theatre(root: str, world: str) -> Theatre:
    return Theatre(Path(root) / "theatre", WORLDS[world])


def _write(out: Path, **line: Any) -> None:
    """One line, in one write: several processes share the file."""
    handle = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (json.dumps({"killed": killed(), "commit": commit(), **line}) + "\n").encode())
    os.close(handle)


def _lines(out: Path, world: str) -> list[dict[str, Any]]:
    """What the file says of a target as it is now."""
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    return [line for line in lines if line["target"] == world and line.get("killed") == killed()]


@cache
def killed() -> str:
    """A digest of all that a kill depends on: files, packages, and this Python."""
    told = sorted({f"{item.name} {item.version}" for item in distributions()})
    made = sha256("\n".join((sys.version, *told)).encode())
    for name in KILLED:
        for path in sorted((ROOT / name).rglob("*") if (ROOT / name).is_dir() else (ROOT / name,)):
            if path.is_file() and path.suffix != ".pyc":
                made.update(f"{path.relative_to(ROOT)} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    return made.hexdigest()[:16]


def _of(out: Path, world: str) -> tuple[list[Result], dict[str, int]]:
    """What came of the kills, and how many boundaries of each kind there are."""
    lines = _lines(out, world)
    names = Result.__dataclass_fields__
    results = [Result(**{name: line[name] for name in names}) for line in lines if "at" in line]
    return results, ([line["there"] for line in lines if "there" in line] or [{}])[-1]


def main() -> int:
    """From the command line. 1 where a kill changed something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", nargs="*", help=f"of {', '.join(WORLDS)}; all, unless one is named")
    parser.add_argument("--out", type=Path, default=Path("kills.jsonl"), help="where each kill is a line")
    parser.add_argument("--one-in", type=int, default=1, metavar="N", help="only every Nth boundary")
    parser.add_argument("--workers", type=int, default=WORKERS, help="processes that kill, each its own site")
    parser.add_argument("--table", action="store_true", help="kill nothing; say what is known")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.target if name not in WORLDS]:
        parser.error(f"there is no target {unknown[0]}")
    if not chosen.table:
        kill(chosen.target or tuple(WORLDS), chosen.out, one_in=chosen.one_in, workers=chosen.workers)
    print("\n".join(table(chosen.out)))
    wrong = [item for world in WORLDS for item in _of(chosen.out, world)[0] if item.wrong]
    for item in wrong:
        print(json.dumps(asdict(item)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
