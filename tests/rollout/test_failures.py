"""Failures as they come: seen between the looks, never for what both versions share, however often one reads."""

from __future__ import annotations

from random import Random

import pytest

from hug_agents.execute.target import Counters
from hug_agents.rollout.failures import Failures
from hug_agents.spec import Objective
from tests.rollout.test_judge import AVAILABLE, spec
from tests.rollout.traffic import NEW, OLD, counted

START = (counted(NEW, 40), counted(OLD, 4_000, 3))


def failures(*stated: Objective) -> Failures:
    return Failures(spec(*stated), NEW, OLD, START)


def since(new: tuple[int, int], old: tuple[int, int]) -> tuple[Counters, Counters]:
    """What the router has counted when there were so many requests and failures since the start."""
    return counted(NEW, 40 + new[0], new[1]), counted(OLD, 4_000 + old[0], 3 + old[1])


def test_a_few_failures_at_a_tenth_of_the_traffic_are_enough_where_the_old_version_has_none() -> None:
    seen = failures()
    assert seen.read(since((12, 1), (108, 0))) == ()
    assert seen.read(since((24, 2), (216, 0))) == ()
    (check,) = seen.read(since((36, 4), (324, 0)))
    assert (check.outcome, check.name, check.requests) == ("bad", "failures of api", 36)
    assert "11 % of 36 requests failed, 0 % of 324 of the old version beside it" in check.reason


def test_what_is_given_up_or_broken_off_counts_beside_the_old_version() -> None:
    seen = failures()
    new, old = since((36, 0), (324, 0))
    (check,) = seen.read((new.model_copy(update={"unfinished": 5}), old))
    assert "(5 of them broken off or given up)" in check.reason


def test_a_bad_minute_of_both_is_nobodys() -> None:
    seen = failures(AVAILABLE)
    assert seen.read(since((100, 0), (900, 0))) == ()
    assert seen.read(since((200, 50), (1_800, 450))) == ()
    assert seen.read(since((300, 51), (2_700, 450))) == ()


def test_a_difference_too_small_to_matter_is_not_bad() -> None:
    seen = failures()
    assert seen.read(since((10_000_000, 15_000), (10_000_000, 0))) == ()
    assert seen.read(since((10_000_100, 15_000), (10_000_900, 0))) == ()


def test_nothing_to_compare_with_says_nothing() -> None:
    seen = failures()
    assert seen.read(()) == (), "a router that tells nothing"
    assert seen.read(since((100, 100), (0, 0))) == (), "what was before the step is still known"


@pytest.mark.parametrize("weight", [0.01, 0.1, 0.5])
def test_versions_that_are_alike_are_not_bad_however_often_one_reads(weight: float) -> None:
    """200 steps of 200 readings, each version failing by one request in twenty: the level is about one step in 750."""
    random = Random(weight)
    alarms = 0
    for _ in range(200):
        seen, new, old = failures(), [0, 0], [0, 0]
        for _ in range(200):
            for _ in range(20):
                mine = new if random.random() < weight else old
                mine[0] += 1
                mine[1] += random.random() < 0.05
            if seen.read(since((new[0], new[1]), (old[0], old[1]))):
                alarms += 1
                break
    assert alarms <= 1
