"""Which way leads back, for every order of runs that a pipeline with one step of memory may have seen."""

from __future__ import annotations

import pytest

from hug_agents.adapters.way_back import Past, way_back

D, X = Past("deploy", "success", True, "ours"), Past("deploy", "success", False, "other")
B = Past("rollback", "success", False, "back")
UNDONE, MINE = Past("deploy", "undone", False, "undone"), Past("deploy", "undone", True, "mine")
UNTOUCHED, HALF = Past("deploy", "untouched", False, "untouched"), Past("deploy", "failed", False, "half")
TRIED = Past("rollback", "failed", False, "tried")


@pytest.mark.parametrize(
    ("past", "there", "way"),
    [
        ([], False, "back"),
        ([D, X], True, "roll_back"),
        ([UNTOUCHED, D, X], True, "roll_back"),
        ([TRIED, D, X], True, "roll_back"),
        ([B, D, X], False, "back"),
        ([B, D, X], True, "back"),
        ([UNDONE, B, D, X], True, "back"),
        ([UNDONE, D, X], True, "deploy_before"),
        ([B, UNDONE, D, X], True, "deploy_before"),
        ([B, X, D], True, "deploy_before"),
        ([MINE, X], False, "back"),
        ([X, D], False, "back"),
        ([HALF, D, X], True, "look"),
        ([Past("deploy", "cut off", True, "cut"), X], False, "roll_back"),
        ([Past("deploy", "cut off", False, "cut"), D, X], True, "look"),
    ],
)
def test_way_back(past: list[Past], there: bool, way: str) -> None:
    """The newest first; `there`: the bundle is what was left there last."""
    assert way_back(past, there=there)[0] == way
