"""The tests beside scipy's."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hug_agents.rollout.statistics import binomial, evidence, fisher, mann_whitney, spent

COUNTS = st.integers(0, 400)


@given(bad=COUNTS, good=COUNTS, other_bad=COUNTS, other_good=COUNTS)
def test_fisher(bad: int, good: int, other_bad: int, other_good: int) -> None:
    table = [[bad, good], [other_bad, other_good]]
    ours = fisher(bad, bad + good, other_bad, other_bad + other_good)
    assert ours == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("bad", "total", "other_bad", "other_total"),
    [(10, 20, 0, 180), (900, 100_000, 8_000, 900_000), (60, 10_000, 300, 90_000), (5_000, 10_000, 90, 90_000)],
)
def test_fisher_far_out_and_at_size(bad: int, total: int, other_bad: int, other_total: int) -> None:
    table = [[bad, total - bad], [other_bad, other_total - other_bad]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert fisher(bad, total, other_bad, other_total) == pytest.approx(expected, rel=1e-4, abs=1e-300)


@given(total=st.integers(1, 5_000), share=st.floats(0.0001, 0.9999), part=st.floats(0, 1))
def test_binomial(total: int, share: float, part: float) -> None:
    bad = round(total * part)
    expected = stats.binomtest(bad, total, share, alternative="greater").pvalue
    assert binomial(bad, total, share) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(
    bins=st.lists(st.integers(0, 30), min_size=6, max_size=6).filter(sum),
    other=st.lists(st.integers(0, 30), min_size=6, max_size=6).filter(sum),
)
def test_mann_whitney(bins: list[int], other: list[int]) -> None:
    first = [value for value, count in enumerate(bins) for _ in range(count)]
    second = [value for value, count in enumerate(other) for _ in range(count)]
    ours = mann_whitney(bins, other)
    theirs = stats.mannwhitneyu(first, second, alternative="greater", method="asymptotic")
    assert ours.superiority == pytest.approx(theirs.statistic / (len(first) * len(second)))
    if len({*first, *second}) > 1:
        assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    else:
        assert ours.p_value == 1.0


@given(bad=COUNTS, good=COUNTS, other_bad=COUNTS, other_good=COUNTS, odds=st.sampled_from((2.0, 50.0, 1000.0)))
def test_evidence(bad: int, good: int, other_bad: int, other_good: int, odds: float) -> None:
    everything, failed, total = bad + good + other_bad + other_good, bad + other_bad, bad + good
    alike = stats.hypergeom.logpmf(bad, everything, failed, total)
    worse = stats.nchypergeom_fisher.logpmf(bad, everything, failed, total, odds)
    ours = evidence(bad, total, other_bad, other_bad + other_good, odds)
    if not everything or not total or total == everything:
        assert ours == 0.0
    elif worse > -600:  # further out scipy has no digits left
        assert ours == pytest.approx(worse - alike, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("odds", [2.0, 1000.0])
def test_evidence_has_the_mean_one_where_the_groups_are_alike(odds: float) -> None:
    """So that reading it often risks nothing (Ville)."""
    chances = stats.hypergeom(1_000, 30, 100)
    mean = sum(chances.pmf(k) * math.exp(evidence(k, 100, 30 - k, 900, odds)) for k in range(31))
    assert mean == pytest.approx(1.0)


def test_evidence_at_size() -> None:
    ours = evidence(2_000, 1_000_000, 9_000, 9_000_000, 2.0)
    alike = stats.hypergeom.logpmf(2_000, 10_000_000, 11_000, 1_000_000)
    assert ours == pytest.approx(stats.nchypergeom_fisher.logpmf(2_000, 10**7, 11_000, 10**6, 2.0) - alike, rel=1e-4)


def test_what_all_looks_spend_is_alpha() -> None:
    for looks in (1, 3, 30):
        parts = [spent(0.01, look, looks) for look in range(1, looks + 1)]
        assert sum(parts) == pytest.approx(0.01)
        assert all(part > 0 for part in parts)
        assert spent(0.01, looks + 1, looks) == 0.0


def test_alike_groups_are_rarely_called_different() -> None:
    random = Random(7)
    alarms = 0
    for _ in range(2_000):
        bad, other = (sum(random.random() < 0.05 for _ in range(200)) for _ in range(2))
        alarms += fisher(bad, 200, other, 200) < 0.05
    assert alarms / 2_000 <= 0.05
