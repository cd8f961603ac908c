"""Kills of which nobody sees the end at once: wherever they are stopped, they lie evenly, and they go on from there."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import crash
from tests.crash.killing import Turn, gathered, spread
from tests.crash.story import CHAPTERS


def test_each_beginning_of_the_order_lies_evenly() -> None:
    turns = [Turn(CHAPTERS["first"], str(size), Path(), ("ledger: x",) * size, "") for size in (300, 2, 98)]
    order = [(0, 300, 302)[turns.index(turn)] + at - 1 for turn, at in spread(turns)]
    assert sorted(order) == list(range(400))
    for part in (20, 100, 333):
        begun = sorted(order[:part])
        assert max(b - a for a, b in pairwise(begun)) <= 2 * 400 / part
        assert 0.4 < sum(place % 2 for place in begun) / part < 0.6, "as many after something as before it"


def test_what_is_gathered_is_tried_once_each_and_still_lies_evenly() -> None:
    turns = [Turn(CHAPTERS["first"], str(size), Path(), ("ledger: x",) * size, "") for size in (300, 2, 98)]
    every = spread(turns)
    mine = every[1::2]
    order = list(gathered(mine, turns))
    assert sorted((turns.index(turn), at) for turn, at in order) == sorted((turns.index(turn), at) for turn, at in mine)
    assert {(turn.name, at) for turn, at in order[:72]} == {(turn.name, at) for turn, at in mine[:72]}
    places = [turns.index(turn) for turn, _ in order[:36]]
    assert places == sorted(places)


def test_what_a_kill_depends_on_is_digested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = "import sys, tests.crash.worlds, tests.crash.killing; print(*(m.__file__ for m in sys.modules.values() "
    loaded += "if m.__name__.startswith(('tests.', 'hug_agents')) and getattr(m, '__file__', None)), sep='\\n')"
    said = subprocess.run([sys.executable, "-c", loaded], cwd=crash.ROOT, check=True, capture_output=True, text=True)
    files = [Path(line).relative_to(crash.ROOT) for line in said.stdout.splitlines()]
    assert len(files) > 100
    named = [Path(name) for name in crash.KILLED]
    left = [
        str(path)
        for path in files
        if path.name != "__init__.py" and not any(path == name or name in path.parents for name in named)
    ]
    assert left == []
    for name in crash.KILLED:
        assert (crash.ROOT / name).exists()
    (tmp_path / "hug_agents").mkdir()
    monkeypatch.setattr(crash, "ROOT", tmp_path)
    monkeypatch.setattr(crash, "KILLED", ("hug_agents",))
    (tmp_path / "hug_agents" / "a.py").write_text("1")
    first = crash.killed.__wrapped__()
    (tmp_path / "docs.md").write_text("more")
    assert crash.killed.__wrapped__() == first
    (tmp_path / "hug_agents" / "a.py").write_text("2")
    assert crash.killed.__wrapped__() != first


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "kills.jsonl"
    seen = []
    for one_in in (400, 150, 150):
        crash.kill(("write",), out, one_in=one_in, workers=1)
        seen.append([(line["number"], line["at"]) for line in crash._lines(out, "write") if "at" in line])
    assert seen[0] == seen[1][: len(seen[0])]
    assert len(seen[1]) == len(set(seen[1])) > len(seen[0])
    assert seen[2] == seen[1], "nothing was left to do"
    assert sum(int(row.split("|")[3].split()[0]) for row in crash.table(out)[2:]) == len(seen[1])
    monkeypatch.setattr(crash, "commit", lambda: "another")
    assert len(crash.table(out)) > 2, "a commit that changes nothing of it voids nothing"
    monkeypatch.setattr(crash, "killed", lambda: "another")
    assert crash.table(out)[2:] == [], "what was tried with other code does not count"
