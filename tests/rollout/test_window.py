"""Windows: differences of counters, whatever became of the counters."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hug_agents.execute.target import Counters
from hug_agents.rollout.window import Window, window_of
from tests.rollout.traffic import NEW, OLD, counted


def counters(requests: int, errors: int, *latency: tuple[float, int]) -> Counters:
    return Counters(service="api", version=NEW, requests=requests, errors=errors, latency=latency)


def test_a_difference() -> None:
    window = Window.between(counters(100, 2, (0.1, 60), (1.0, 95)), counters(300, 5, (0.1, 200), (1.0, 290)))
    assert (window.requests, window.errors, window.latency) == (200, 3, ((0.1, 140), (1.0, 195)))
    assert window.bins() == (140, 55, 5)
    assert window.error_rate == pytest.approx(0.015)


@pytest.mark.parametrize(
    "now",
    [
        counters(40, 1, (0.1, 30), (1.0, 40)),
        counters(140, 1, (0.1, 30), (1.0, 140)),
        counters(140, 0, (0.1, 100), (1.0, 140)),
        counters(140, 2, (0.2, 100), (1.0, 140)),
        counters(140, 2),
    ],
    ids=["requests", "a bucket", "errors", "other bounds", "no bounds"],
)
def test_a_counter_that_went_down_began_anew(now: Counters) -> None:
    assert Window.between(counters(100, 2, (0.1, 60), (1.0, 95)), now) == Window.between(None, now)


def test_a_reading_that_contradicts_itself() -> None:
    window = Window.between(None, counters(5, 9, (1.0, 3), (0.1, 4), (math.inf, 8), (-1.0, 2)))
    assert (window.requests, window.errors, window.latency) == (5, 5, ((0.1, 4), (1.0, 4)))


ROWS = st.builds(
    counters,
    st.integers(0, 50),
    st.integers(0, 50),
    st.tuples(st.sampled_from((0.1, 0.2)), st.integers(0, 50)),
    st.tuples(st.sampled_from((0.5, math.inf)), st.integers(0, 50)),
)


@given(earlier=st.none() | ROWS, now=ROWS)
def test_nothing_is_ever_negative(earlier: Counters | None, now: Counters) -> None:
    window = Window.between(earlier, now)
    assert 0 <= window.errors <= window.requests
    assert all(count >= 0 for count in window.bins())
    assert sum(window.bins()) == window.measured
    assert window.slower(0.15)[0] >= 0
    assert -1e-9 <= window.slower(0.15)[1] <= window.measured


def test_quantiles_are_interpolated() -> None:
    window = Window.between(None, counters(100, 0, (0.1, 50), (0.2, 90)))
    assert window.quantile(0.25) == pytest.approx(0.05)
    assert window.quantile(0.7) == pytest.approx(0.15)
    assert window.quantile(0.99) is None
    assert Window(service="api", version=NEW).quantile(0.5) is None


def test_slower_is_counted_at_the_next_bound() -> None:
    window = Window.between(None, counters(100, 0, (0.1, 50), (0.2, 90)))
    assert window.slower(0.1) == (50, 50.0)
    assert window.slower(0.15) == (10, pytest.approx(30.0))
    assert window.slower(5.0) == (0, 10.0)


def test_together() -> None:
    one, two = (Window.between(None, counters(n, 1, (0.1, n - 2), (bound, n))) for n, bound in ((10, 1.0), (20, 2.0)))
    both = one.plus(two)
    assert (both.requests, both.errors, both.latency, both.measured) == (30, 2, ((0.1, 26),), 30)
    silent = Window.between(None, counters(7, 0))
    assert silent.plus(one) == one.plus(silent)
    assert sum(silent.plus(one).bins()) == 10


def test_a_version_that_is_not_there_did_nothing() -> None:
    rows = (counted(OLD, 10), counted(NEW, 5, service="web"))
    assert window_of("api", NEW, rows, rows) == Window(service="api", version=NEW)
    assert window_of("api", OLD, (), rows).requests == 10


def test_unfinished_answers_are_among_the_requests_and_never_more_than_are_left() -> None:
    def row(requests: int, errors: int, unfinished: int) -> Counters:
        return Counters(service="api", version=NEW, requests=requests, errors=errors, unfinished=unfinished)

    window = Window.between(row(10, 1, 2), row(30, 4, 7))
    assert (window.requests, window.errors, window.unfinished, window.failed) == (20, 3, 5, 8)
    assert window.error_rate == 0.4
    assert window.plus(window).unfinished == 10
    assert Window.between(None, row(10, 8, 9)).unfinished == 2
    assert Window.between(row(10, 1, 5), row(30, 4, 1)).requests == 30, "it began anew"
