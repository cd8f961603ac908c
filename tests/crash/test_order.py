"""Kills of which nobody sees the end at once: wherever they are stopped, they lie evenly, and they go on from there."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import crash
from tests.crash.killing import Turn, spread
from tests.crash.story import CHAPTERS


def test_each_beginning_of_the_order_lies_evenly() -> None:
    turns = [Turn(CHAPTERS["first"], str(size), Path(), ("ledger: x",) * size, "") for size in (300, 2, 98)]
    order = [(0, 300, 302)[turns.index(turn)] + at - 1 for turn, at in spread(turns)]
    assert sorted(order) == list(range(400))
    for part in (20, 100, 333):
        begun = sorted(order[:part])
        assert max(b - a for a, b in pairwise(begun)) <= 2 * 400 / part
        assert 0.4 < sum(place % 2 for place in begun) / part < 0.6, "as many after something as before it"


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
    assert crash.table(out)[2:] == [], "what was tried at another commit does not count"
