"""A process is killed at a boundary of a release, another goes on: as if nothing had happened.

Here at every STRIDE-th boundary, for each target and nearly each chapter; `pytest -m nightly tests/crash` and `python -m benchmarks
crash` take every one. See docs/crash.md.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.killing import Result, Theatre, kills
from tests.crash.worlds import WORLDS

STRIDE, LONG = 53, 211
"""Primes, so that they do not keep step with what comes before and after each commit. `LONG`: where processes have to start."""
TOLD = [(world.name, chapter) for world in WORLDS.values() for chapter in world.chapters]


def interrupted(root: Path, world: str, chapter: str, stride: int, first: int) -> list[Result]:
    with closing(Theatre(root, WORLDS[world])) as theatre:
        return list(kills(theatre, theatre.rehearse((chapter,)), stride=stride, first=first))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "chapter"), [item for item in TOLD if item[0] != "mute recorder" and item != ("local", "taken back")]
)
def test_a_killed_release_ends_as_if_nothing_had_happened(
    tmp_path: Path, green: object, world: str, chapter: str
) -> None:
    stride = LONG if world == "local" else STRIDE
    results = interrupted(tmp_path, world, chapter, stride, len(chapter))
    assert [item for item in results if item.outcome != "missed"]
    assert [item for item in results if item.wrong] == []


@pytest.mark.nightly
@pytest.mark.parametrize(("world", "chapter"), TOLD)
def test_at_every_boundary(tmp_path: Path, green: object, world: str, chapter: str) -> None:
    assert [item for item in interrupted(tmp_path, world, chapter, 1, 0) if item.wrong] == []
