"""The figures of docs/analysis.md, on fewer rollouts and with looser bounds."""

from __future__ import annotations

import pytest

from benchmarks.analysis import FAULTS, NONE, STEPS, Fault, Run, cell, rollout, spec_of

WEIGHTS = STEPS["10 · 50 · 100 %"]


def share(runs: list[Run], ending: str) -> float:
    return sum(run.ending == ending for run in runs) / len(runs)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [2, 20, 200])
def test_false_alarms(rate: int) -> None:
    runs = cell(NONE, rate, WEIGHTS, 100)
    assert share(runs, "rolled back") <= 0.02
    assert share(runs, "asked") <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("rate", [20, 200])
@pytest.mark.parametrize(
    "fault", [item for item in FAULTS if item.errors >= 0.05 or item.slower >= 1.5], ids=lambda item: item.name
)
def test_faults_are_caught(fault: Fault, rate: int) -> None:
    runs = cell(fault, rate, WEIGHTS, 40)
    assert share(runs, "rolled back") >= 0.95
    if fault.errors >= 0.1 or fault.slower >= 2:
        early = [run for run in runs if run.looks <= 3]
        assert len(early) >= 0.95 * len(runs)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [item for item in FAULTS if item.errors >= 0.05], ids=lambda item: item.name)
def test_with_little_traffic_a_fault_does_not_pass(fault: Fault) -> None:
    runs = cell(fault, 2, WEIGHTS, 40)
    assert share(runs, "passed") == 0
    assert share(runs, "rolled back") >= 0.8


def test_the_same_seed_gives_the_same_rollout() -> None:
    spec = spec_of(WEIGHTS)
    fault = Fault("two percent", errors=0.02)
    assert rollout(fault, 20, spec, [1, 2, 3]) == rollout(fault, 20, spec, [1, 2, 3])
