"""The next moves, as a pure function: bounds hold in every batch, traffic moves only to what is complete."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from hug_agents.adapters.local.converge import Standing, moves_of
from hug_agents.adapters.local.state import Desired, Fault, Program, Rolling, Share, Version

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def version(bundle: str, replicas: int, kind: str = "web") -> Version:
    program = Program.model_validate(
        {
            "service": "web",
            "kind": kind,
            "argv": ("run",),
            "replicas": replicas,
            "memory_mib": 64,
            "cpu_millicores": 100,
        }
    )
    return Version(bundle=bundle, label="1", source="sha256:" + "c" * 64, programs=(program,))


def desired(*versions: Version, shares: dict[str, int], rolling: Rolling | None = None, fault: str = "") -> Desired:
    return Desired(
        application="shop",
        environment="staging",
        admin_port=20_000,
        versions=versions,
        shares=tuple(Share(bundle=bundle, percent=percent) for bundle, percent in shares.items()),
        rolling=rolling,
        fault=Fault(kind="crash", bundle=fault) if fault else None,
    )


def standing(bundle: str, count: int, *, first: int = 0, healthy: bool = True) -> list[Standing]:
    return [Standing(first + number, "web", bundle, healthy) for number in range(count)]


@given(
    before=st.integers(0, 8),
    wanted=st.integers(1, 8),
    surge=st.integers(0, 100),
    unavailable=st.integers(0, 100),
    seed=st.integers(0, 1_000),
)
def test_rolling_stays_within_its_bounds_and_ends(
    before: int, wanted: int, surge: int, unavailable: int, seed: int
) -> None:
    goal = desired(
        version(NEW, wanted),
        shares={NEW: 100},
        rolling=Rolling(surge_percent=surge, unavailable_percent=unavailable),
    )
    there = standing(OLD, before)
    weights = {OLD: before} if before else {}
    most = max(before, wanted + math.ceil(wanted * surge / 100))
    least = min(before, wanted - max(math.floor(wanted * unavailable / 100), 1 if surge == 0 else 0))
    number = 100
    coin = Random(seed).random
    for _ in range(400):
        moves = moves_of(goal, "web", there, weights)
        if moves.settled:
            break
        there = [replace(item, leaving=item.leaving or item.id in moves.leave) for item in there]
        for bundle, _service in moves.start:
            number += 1
            there.append(Standing(number, "web", bundle, healthy=False))
        weights = moves.weights if moves.weights is not None else weights
        assert len(there) <= most, "surge"
        assert sum(item.healthy and not item.leaving for item in there) >= least, "unavailable"
        there = [
            replace(item, healthy=item.healthy or coin() < 0.5) for item in there if not item.leaving or coin() < 0.5
        ]
    assert moves.settled
    assert [item.bundle for item in there] == [NEW] * wanted
    assert weights == {NEW: wanted}


def test_a_rolling_update_without_room_makes_some() -> None:
    goal = desired(version(NEW, 2), shares={NEW: 100}, rolling=Rolling(surge_percent=0, unavailable_percent=25))
    moves = moves_of(goal, "web", standing(OLD, 2), {OLD: 2})
    assert (len(moves.leave), moves.start) == (1, ())


def test_traffic_waits_until_the_version_is_complete() -> None:
    goal = desired(version(OLD, 2), version(NEW, 2), shares={OLD: 80, NEW: 20})
    half = standing(OLD, 2) + standing(NEW, 1, first=10) + standing(NEW, 1, first=11, healthy=False)
    assert moves_of(goal, "web", half, {OLD: 100}).weights is None
    whole = standing(OLD, 2) + standing(NEW, 2, first=10)
    assert moves_of(goal, "web", whole, {OLD: 100}).weights == {OLD: 80, NEW: 20}
    assert moves_of(goal, "web", whole, {OLD: 80, NEW: 20}).settled


def test_what_is_not_wanted_leaves_only_once_the_other_is_complete() -> None:
    goal = desired(version(OLD, 2), shares={OLD: 100})
    ailing = standing(OLD, 1) + standing(NEW, 2, first=10)
    moves = moves_of(goal, "web", ailing, {NEW: 100})
    assert (moves.start, moves.leave, moves.weights) == (((OLD, "web"),), (), None)
    back = moves_of(goal, "web", standing(OLD, 2) + standing(NEW, 2, first=10), {NEW: 100})
    assert (set(back.leave), back.weights, back.settled) == ({10, 11}, {OLD: 100}, False)


def test_the_way_back_waits_for_half_of_what_is_there() -> None:
    goal = desired(version(OLD, 3), shares={OLD: 100})
    new = standing(NEW, 3, first=10)
    half = standing(OLD, 2) + standing(OLD, 1, first=2, healthy=False) + new
    moves = moves_of(goal, "web", half, {OLD: 50, NEW: 50})
    assert (moves.weights, moves.leave, moves.settled) == ({OLD: 100}, (), False)
    less = standing(OLD, 1) + standing(OLD, 2, first=1, healthy=False) + new
    assert moves_of(goal, "web", less, {OLD: 50, NEW: 50}).weights is None


def test_an_old_version_that_ails_holds_up_nothing() -> None:
    goal = desired(version(OLD, 2), version(NEW, 2), shares={NEW: 100})
    there = standing(OLD, 2, healthy=False) + standing(NEW, 2, first=10)
    assert moves_of(goal, "web", there, {OLD: 100}).weights == {NEW: 100}


def test_after_a_failure_only_starts_happen() -> None:
    goal = desired(version(NEW, 2), shares={NEW: 100}, rolling=Rolling(surge_percent=100, unavailable_percent=0))
    there = standing(OLD, 2) + standing(NEW, 2, first=10)
    assert moves_of(goal, "web", there, {OLD: 2}, frozen=True).leave == ()
    assert moves_of(goal, "web", there, {OLD: 2}, frozen=True).weights is None


def test_a_worker_runs_in_one_version_alone() -> None:
    old, new = version(OLD, 1, "worker"), version(NEW, 1, "worker")
    for share, expected in ((0, OLD), (50, OLD), (100, NEW)):
        goal = desired(old, new, shares={OLD: 100 - share, NEW: share})
        assert {bundle for bundle, _ in moves_of(goal, "web", [], {}).start} == {expected}


def test_a_drill_moves_traffic_to_what_it_has_spoiled() -> None:
    goal = desired(version(OLD, 1), version(NEW, 1), shares={OLD: 50, NEW: 50}, fault=NEW)
    there = standing(OLD, 1) + standing(NEW, 1, first=10, healthy=False)
    assert moves_of(goal, "web", there, {OLD: 100}).weights == {OLD: 50, NEW: 50}
