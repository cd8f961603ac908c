"""Killing a process at each boundary of the story, and seeing how the next one goes on.

Every process is forked from this one, which has imported what any of them did. One plays a turn and is ended by SIGKILL at a
boundary; another, which knows nothing of it, takes turns until everything that lasts (the world, the ledger, the journal,
the register, the graph) is as it was at the end of some turn of the story that nobody interrupted. What it is never
alike with is followed to its end and judged there.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hug_agents.rollout import smoke
from hug_agents.rollout import watch as watching
from hug_agents.spec import DeploymentSpec, SmokeTest
from tests.crash.boundaries import Watch
from tests.crash.story import CHAPTERS, Chapter, Stage, World, as_text

PATIENCE = 300.0
"""Seconds for one process: then it is stuck."""
TURNS = 40
"""So many turns must do after a crash."""


@dataclass(frozen=True)
class Turn:
    """One turn of the story as it goes when nobody interrupts it."""

    chapter: Chapter
    name: str
    before: Path
    """The site as it was before it."""
    boundaries: tuple[str, ...]
    after: str
    """Everything that lasts, as it was then."""


@dataclass(frozen=True)
class Result:
    """What came of one kill. `outcome`: alike, twice, lost, stuck, different; missed: there were fewer boundaries."""

    chapter: str
    turn: str
    boundary: str
    outcome: str
    detail: str = ""

    @property
    def kind(self) -> str:
        return self.boundary.partition(":")[0]

    @property
    def wrong(self) -> bool:
        """Whether the kill changed something."""
        return self.outcome not in ("alike", "missed")


class Theatre:
    """The story of one world in one folder. The site always lies in the same place: targets know theirs by its path."""

    def __init__(self, root: Path, world: World) -> None:
        self.root = root
        self.world = world
        self.site = root / "site"
        self.log = root / "log"
        root.mkdir(parents=True, exist_ok=True)

    def rehearse(self, chapters: tuple[str, ...] = ()) -> list[Turn]:
        """Play it through, and keep the site before each turn. `chapters`: only these, and those that they begin after."""
        turns: list[Turn] = []
        ends: dict[str, Path] = {}
        needed = {CHAPTERS[name].after for name in chapters} | set(chapters or self.world.chapters)
        for name in filter(needed.__contains__, self.world.chapters):
            chapter = CHAPTERS[name]
            self._put(ends.get(chapter.after))
            begun = not chapter.since
            for number in range(TURNS):
                before = self.root / "kept" / f"{name}-{number:02}".replace(" ", "-")
                self._keep(before)
                told = self._child(lambda chapter=chapter: self._counted(chapter))
                if told["fault"]:
                    raise AssertionError(f"{name}: {told['fault']}")
                _import(told["imported"])
                if not told["turn"]:
                    ends[name] = before
                    break
                begun = begun or told["turn"] == chapter.since
                if begun and (not chapters or name in chapters):
                    turns.append(Turn(chapter, told["turn"], before, tuple(told["seen"]), told["picture"]))
            else:
                raise AssertionError(f"{name} does not end")
        return turns

    def kill(self, turns: list[Turn], which: Turn, at: int) -> Result:
        """End the process that plays this turn at its boundary `at` (from one), and let others go on."""
        self._put(which.before)
        killed = self.root / "killed"
        killed.unlink(missing_ok=True)
        code = self._fork(lambda: self._play(which.chapter, Watch(killed, at)))
        # Threads and real processes do not pass the same number of boundaries each time: the last may not come.
        reached = killed.exists()
        boundary = killed.read_text() if reached else which.boundaries[at - 1]
        if code != (-signal.SIGKILL if reached else 0):
            said = f"it was not killed but ended with {code}: {self._tail()}"
            return Result(which.chapter.name, which.name, boundary, "different", said)
        wanted = [turn.after for turn in turns if turn.chapter == which.chapter]
        told = self._child(lambda: self._recovered(which.chapter, wanted))
        outcome = "stuck" if told["fault"] else "alike" if told["alike"] else _judged(wanted[-1], told["picture"])
        detail = ""
        if outcome != "alike":
            detail = told["fault"] or f"{_difference(wanted[-1], told['picture'])} {self._tail()}".strip()
        if not reached:
            outcome, detail = "missed" if outcome == "alike" else outcome, f"it was not killed; {detail}"
        return Result(which.chapter.name, which.name, boundary, outcome, detail)

    def _play(self, chapter: Chapter, watch: Watch) -> str:
        stage = Stage(self.site, self.world, chapter)
        watch.install(stage.target)
        return stage.turn()

    def _counted(self, chapter: Chapter) -> dict[str, Any]:
        watch = Watch(self.root / "killed")
        turn = self._play(chapter, watch)
        seen = list(watch.seen)
        stage = Stage(self.site, self.world, chapter)
        picture, faults = stage.picture(), stage.faults()
        ended = [row for row in picture["releases"] if row.startswith(f"('{stage.release}'")]
        if not turn and f"'{chapter.outcome}'" not in str(ended):
            faults.append(f"it should have been {chapter.outcome}: {ended}")
        return {
            "turn": turn,
            "seen": seen,
            "picture": as_text(picture),
            "fault": "; ".join(faults),
            "imported": sorted(sys.modules),
        }

    def _recovered(self, chapter: Chapter, wanted: list[str]) -> dict[str, Any]:
        """Turns until it is alike, or until there are no more."""
        for _ in range(TURNS):
            turn = Stage(self.site, self.world, chapter).turn()
            picture = as_text(Stage(self.site, self.world, chapter).picture())
            if picture in wanted:
                return {"alike": True, "picture": picture, "fault": ""}
            if not turn:
                return {"alike": False, "picture": picture, "fault": ""}
        return {"alike": False, "picture": picture, "fault": f"it has not ended after {TURNS} turns"}

    def _child(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What a process of its own says; a `fault` where it fails."""
        report = self.root / "report.json"
        report.unlink(missing_ok=True)
        code = self._fork(lambda: report.write_text(json.dumps(work())))
        if code or not report.exists():
            return {"fault": f"the process ended with {code}: {self._tail()}", "picture": "{}", "alike": False}
        return json.loads(report.read_text())  # type: ignore[no-any-return]

    def _fork(self, work: Callable[[], object]) -> int:
        """Run it in a child; its exit code, or minus the signal that ended it."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(handle, 1)
                os.dup2(handle, 2)
                watching._TICK = 10.0  # nobody really waits, and each tick is a look into the register
                smoke.smoke_tests = _patient
                work()
                code = 0
            except BaseException:  # noqa: BLE001 - the child must not go on as its parent, whatever happened
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.003)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return 124

    def _keep(self, to: Path) -> None:
        if self.site.exists():
            shutil.copytree(self.site, to, symlinks=True, ignore=shutil.ignore_patterns(".new-*"))

    def _put(self, kept: Path | None) -> None:
        self.world.put(self.site, kept if kept and kept.exists() else None)

    def close(self) -> None:
        """End what runs for the site."""
        self.world.end(self.site)

    def _tail(self) -> str:
        return (
            " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-6:])[-1500:]
            if self.log.exists()
            else ""
        )


def _import(names: list[str]) -> None:
    """What one process imported as it went along, those that are forked from now on have from the beginning."""
    for name in names:
        if name not in sys.modules:
            with suppress(ImportError):
                import_module(name)


_stated = smoke.smoke_tests


def _patient(spec: DeploymentSpec) -> tuple[SmokeTest, ...]:
    """The smoke tests, with time enough on a machine that does a hundred things at once."""
    return tuple(test.model_copy(update={"max_ms": 60_000}) for test in _stated(spec))


def kills(theatre: Theatre, turns: list[Turn], *, stride: int = 1, first: int = 0) -> Iterator[Result]:
    """Kill at every `stride`-th boundary of these turns, counted through all of them."""
    every = [(turn, at) for turn in turns for at in range(1, len(turn.boundaries) + 1)]
    for turn, at in every[first::stride]:
        yield theatre.kill(turns, turn, at)


def spread(turns: list[Turn]) -> list[tuple[Turn, int]]:
    """Every boundary of these turns once, in an order of which each beginning lies evenly over all of them."""
    every = [(turn, at) for turn in turns for at in range(1, len(turn.boundaries) + 1)]
    return [every[number] for number in sorted(range(len(every)), key=lambda number: number * _GOLDEN % 1)]


def gathered(kills: list[tuple[Turn, int]], turns: list[Turn]) -> Iterator[tuple[Turn, int]]:
    """The same, a few dozen at a time in the order of the story: of one turn to the next, little has to be put back."""
    for first in range(0, len(kills), _GATHERED):
        yield from sorted(kills[first : first + _GATHERED], key=lambda kill: (turns.index(kill[0]), kill[1]))


_GATHERED = 36
_GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, without their whole part, keep the largest distances: no stride keeps step with the story."""

HEADER = (
    "| boundary | target | tried of | done twice | lost | stuck | otherwise different |",
    "|---|---|---:|---:|---:|---:|---:|",
)


def row(kind: str, world: str, results: list[Result], there: int) -> str:
    """One row of Markdown: a kind of boundary, of which there are so many."""
    mine = Counter(item.outcome for item in results if item.kind == kind and item.outcome != "missed")
    counts = " | ".join(str(mine[name]) for name in ("twice", "lost", "stuck", "different"))
    return f"| {kind} | {world} | {mine.total()} of {there} | {counts} |"


def _judged(wanted: str, got: str) -> str:
    expected, found = Counter(json.loads(wanted)["effects"]), Counter(json.loads(got).get("effects", []))
    if found - expected and any(count > 1 for count in found.values()):
        return "twice"
    return "lost" if expected - found else "different"


def _difference(wanted: str, got: str) -> str:
    expected, found = json.loads(wanted), json.loads(got)
    said = []
    for name, value in expected.items():
        other = found.get(name, [])
        if value != other:
            missing = list((Counter(map(str, value)) - Counter(map(str, other))).elements())
            more = list((Counter(map(str, other)) - Counter(map(str, value))).elements())
            said.append(
                f"{name}: missing {missing[:3]}, more {more[:3]}" if missing or more else f"{name}: in another order"
            )
    return "; ".join(said)[:3000]
