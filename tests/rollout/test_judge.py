"""Verdicts: what is bad, what is not, and what nobody can tell."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hug_agents.execute.target import Counters
from hug_agents.rollout.judge import judge
from hug_agents.rollout.limits import limits_of
from hug_agents.rollout.looks import ALPHA, analysis_of, level, looks_of
from hug_agents.rollout.verdict import Check, Verdict
from hug_agents.rollout.window import Window
from hug_agents.spec import Analysis, DeploymentSpec, Objective, Strategy, Trigger
from tests import examples
from tests.rollout.traffic import NEW, OLD, Version, counted


def spec(*stated: Objective | Trigger, **more: object) -> DeploymentSpec:
    """One web service, `api`, in three canary steps."""
    base = examples.minimal()
    return base.model_copy(
        update={
            "services": (base.services[0].model_copy(update={"name": "api"}),),
            "strategy": examples.CANARY,
            "objectives": tuple(item for item in stated if isinstance(item, Objective)),
            "triggers": tuple(item for item in stated if isinstance(item, Trigger)),
            **more,
        }
    )


def look(
    now: tuple[Counters, ...],
    spec: DeploymentSpec,
    *,
    baseline: str | None = OLD,
    start: tuple[Counters, ...] = (),
    reference: tuple[Window, ...] = (),
    number: int = 1,
    final: bool = False,
    queries: tuple[Check, ...] = (),
    proven: bool = False,
) -> Verdict:
    return judge(
        spec=spec,
        candidate=NEW,
        baseline=baseline,
        start=start,
        now=now,
        reference=reference,
        look=number,
        looks=30,
        final=final,
        queries=queries,
        proven=proven,
    )


def check(verdict: Verdict, name: str) -> Check:
    return next(item for item in verdict.checks if item.name == name)


def before(requests: int, errors: int = 0, each: float = 0.06) -> Window:
    return Window.between(None, counted(OLD, requests, errors, each=each))


TRIGGER = Trigger(metric="error_rate", threshold=1.0)
SLOW = Trigger(metric="latency", threshold=300)
AVAILABLE = Objective(kind="availability", target_percent=99.5)
QUICK = Objective(kind="latency", target_percent=99.0, threshold_ms=300)


@pytest.mark.parametrize(
    ("new", "old"), [((10, 6), (90, 0)), ((20, 10), (180, 1)), ((400, 40), (3600, 4)), ((5, 5), (95, 0))]
)
@pytest.mark.parametrize("stated", [(), (TRIGGER, AVAILABLE)], ids=["nothing stated", "stated"])
def test_a_gross_fault_is_bad_at_the_first_look(new: tuple[int, int], old: tuple[int, int], stated: tuple) -> None:
    verdict = look((counted(NEW, *new), counted(OLD, *old)), spec(*stated))
    assert verdict.outcome == "bad"
    found = check(verdict, "error rate of api")
    assert found.outcome == "bad"
    assert found.candidate == new[1] / new[0]
    assert f"of {new[0]} requests failed" in verdict.reason


def test_a_gross_fault_is_bad_without_anything_to_compare_with() -> None:
    assert look((counted(NEW, 10, 5),), spec(), baseline=None).outcome == "bad"
    assert look((counted(NEW, 10, 5),), spec(TRIGGER)).outcome == "bad"


def test_versions_that_are_alike_are_good() -> None:
    random = Random(5)
    new, old = Version(NEW).serve(random, 500), Version(OLD).serve(random, 4_500)
    for stated in ((), (TRIGGER, AVAILABLE, QUICK.model_copy(update={"threshold_ms": 2_500}))):
        verdict = look((new.counters, old.counters), spec(*stated), number=10, final=True)
        assert verdict.outcome == "good", verdict.reason


@pytest.mark.parametrize("slower", [1.5, 2.0, 5.0])
def test_a_slower_version_is_bad(slower: float) -> None:
    random = Random(5)
    new, old = Version(NEW, slower=slower).serve(random, 500), Version(OLD).serve(random, 4_500)
    verdict = look((new.counters, old.counters), spec(), number=10)
    assert check(verdict, "latency of api").outcome == "bad"
    assert "median" in verdict.reason


def test_a_few_stuck_requests_are_seen_in_the_tail_alone() -> None:
    random = Random(5)
    new, old = Version(NEW, stuck=0.05).serve(random, 2_000), Version(OLD).serve(random, 6_000)
    verdict = look((new.counters, old.counters), spec())
    assert check(verdict, "slowest answers of api").outcome == "bad"
    assert check(verdict, "latency of api").outcome == "good"


def test_a_shift_that_does_not_matter_is_good_however_certain() -> None:
    random = Random(5)
    new, old = Version(NEW, slower=1.08).serve(random, 30_000), Version(OLD).serve(random, 30_000)
    found = check(look((new.counters, old.counters), spec(), final=True), "latency of api")
    assert found.outcome == "good" and found.p_value is not None and found.p_value < 1e-6
    assert "too small to matter" in found.reason


def test_a_difference_within_a_wide_budget_is_good_and_one_beyond_a_point_is_not() -> None:
    wide = spec(Objective(kind="availability", target_percent=95.0))
    assert look((counted(NEW, 5_000, 40), counted(OLD, 5_000, 5)), wide, number=10).outcome == "good"
    assert look((counted(NEW, 5_000, 100), counted(OLD, 5_000, 5)), wide, number=10).outcome == "bad"


def test_a_version_that_was_bad_already_can_become_worse() -> None:
    assert look((counted(NEW, 1_000, 850), counted(OLD, 9_000, 5_400)), spec()).outcome == "bad"
    assert look((counted(NEW, 1_000, 220), counted(OLD, 9_000, 1_800)), spec()).outcome == "good"


def test_faster_and_fewer_errors_are_good() -> None:
    random = Random(5)
    new, old = Version(NEW, errors=0, slower=0.5).serve(random, 500), Version(OLD, errors=0.2).serve(random, 500)
    assert look((new.counters, old.counters), spec()).outcome == "good"


@pytest.mark.parametrize("stated", [TRIGGER, AVAILABLE, Objective(kind="error_rate", target_percent=1.0)])
def test_the_old_version_that_is_as_bad_excuses_the_new_one(stated: Objective | Trigger) -> None:
    verdict = look((counted(NEW, 1_000, 50), counted(OLD, 9_000, 450)), spec(stated), number=10, final=True)
    assert verdict.outcome == "inconclusive"
    assert "the new version is not the cause" in verdict.reason
    worse = look((counted(NEW, 1_000, 200), counted(OLD, 9_000, 450)), spec(stated))
    assert worse.outcome == "bad"
    alone = look((counted(NEW, 1_000, 50),), spec(stated))
    assert alone.outcome == "bad"


def test_unfinished_answers_are_compared_and_held_against_no_promise() -> None:
    def left(row: Counters, unfinished: int) -> Counters:
        return row.model_copy(update={"unfinished": unfinished})

    new, old = left(counted(NEW, 1_000), 200), counted(OLD, 9_000)
    verdict = look((new, old), spec(TRIGGER, AVAILABLE))
    assert [item.name for item in verdict.checks if item.outcome == "bad"] == ["error rate of api"]
    assert "20 % of 1000 requests failed (200 of them broken off or given up)" in verdict.reason
    assert look((new, left(old, 1_800)), spec(TRIGGER, AVAILABLE), final=True).outcome == "good", "people leave"
    assert look((new,), spec(TRIGGER, AVAILABLE), final=True).outcome == "good", "nothing tells who left"
    assert look((new,), spec(), baseline=None).outcome == "bad", "our own default"


@pytest.mark.parametrize("stated", [SLOW, QUICK])
def test_latency_against_a_promise(stated: Objective | Trigger) -> None:
    slow, quick = counted(NEW, 200, each=0.5), counted(NEW, 200, each=0.2)
    assert look((slow,), spec(stated), baseline=None).outcome == "bad"
    assert look((quick,), spec(stated), baseline=None).outcome == "good"
    excused = look((slow, counted(OLD, 800, each=0.5)), spec(stated))
    assert excused.outcome == "inconclusive" and "not the cause" in excused.reason
    mute = look((slow.model_copy(update={"latency": ()}),), spec(stated), baseline=None)
    assert mute.outcome == "inconclusive" and "tells no latencies" in mute.reason


def test_a_threshold_between_two_bounds_is_never_bad_by_interpolation() -> None:
    between = counted(NEW, 200, each=0.31)
    verdict = look((between,), spec(Trigger(metric="latency", threshold=350)), baseline=None, final=True)
    assert verdict.outcome == "inconclusive"


def test_a_service_has_its_own_objectives() -> None:
    own = Objective(kind="availability", target_percent=90.0, service="api")
    assert [limit.share for limit in limits_of(spec(AVAILABLE, own), "api")] == [pytest.approx(0.1)]
    assert {limit.threshold_ms for limit in limits_of(spec(QUICK, SLOW, TRIGGER), "api")} == {300.0, None}


def test_too_few_requests_are_not_good() -> None:
    verdict = look((counted(NEW, 49), counted(OLD, 451)), spec(), final=True)
    assert verdict.outcome == "inconclusive"
    assert "49 requests in the whole hold, 50 are needed" in verdict.reason
    few = spec(analysis=Analysis(min_requests=10))
    assert look((counted(NEW, 49), counted(OLD, 451)), few).outcome == "good"


def test_no_traffic_at_all_is_inconclusive_with_the_reason() -> None:
    for now in ((), (counted(NEW, 0), counted(OLD, 0))):
        verdict = look(now, spec(), final=True)
        assert verdict.outcome == "inconclusive"
        assert verdict.reason == "api: no request reached it in the whole hold"
    missed = look((counted(NEW, 0), counted(OLD, 700)), spec(), final=True)
    assert missed.outcome == "inconclusive"
    assert "no request reached the new version" in missed.reason and "700 reached the old one" in missed.reason


def test_traffic_before_the_step_does_not_count() -> None:
    start = (counted(NEW, 1_000, 900), counted(OLD, 9_000, 3))
    now = (counted(NEW, 1_100, 900), counted(OLD, 9_900, 3))
    assert look(now, spec(), start=start).outcome == "good"
    assert look(start, spec(), start=start, final=True).outcome == "inconclusive"


def test_a_router_that_began_anew() -> None:
    start = (counted(NEW, 1_000, 900), counted(OLD, 9_000, 3))
    assert look((counted(NEW, 100, 0), counted(OLD, 900, 1)), spec(), start=start).outcome == "good"
    assert look((counted(NEW, 100, 50), counted(OLD, 900, 1)), spec(), start=start).outcome == "bad"


def test_one_look_says_perhaps_and_more_traffic_settles_it() -> None:
    perhaps = look((counted(NEW, 100, 2), counted(OLD, 900, 1)), spec(), final=True)
    assert perhaps.outcome == "inconclusive" and "perhaps worse" in perhaps.reason
    assert look((counted(NEW, 1_000, 20), counted(OLD, 9_000, 10)), spec()).outcome == "bad"
    assert look((counted(NEW, 1_000, 2), counted(OLD, 9_000, 10)), spec(), final=True).outcome == "good"


def test_without_the_old_version_beside_it_its_windows_before_are_the_measure() -> None:
    now = (counted(NEW, 1_000, 40),)
    calm = (before(1_000, 1), before(1_200, 2))
    verdict = look(now, spec(), reference=calm)
    assert verdict.outcome == "bad" and "the old version before" in verdict.reason
    rough = (before(1_000, 1), before(1_200, 50))
    assert look(now, spec(), reference=rough).outcome == "good"
    straggling = (counted(NEW, 1_000, 40), counted(OLD, 5, 5))
    assert "the old version before" in look(straggling, spec(), reference=calm).reason


def test_latency_before_the_rollout_must_be_beaten_in_every_window() -> None:
    now = (counted(NEW, 1_000, each=0.09),)
    assert look(now, spec(), reference=(before(1_000, each=0.04), before(1_000, each=0.04))).outcome == "bad"
    assert look(now, spec(), reference=(before(1_000, each=0.04), before(1_000, each=0.09))).outcome == "good"


def test_once_it_was_as_fast_beside_the_old_version_a_slower_hour_is_the_load_while_the_promise_is_kept() -> None:
    now = (counted(NEW, 1_000, each=0.09),)
    calm = (before(1_000, each=0.04),)
    assert look(now, spec(QUICK), reference=calm).outcome == "bad"
    assert look(now, spec(QUICK), reference=calm, proven=True).outcome == "good"
    assert look(now, spec(), reference=calm, proven=True).outcome == "bad", "nothing was promised to hold it against"
    late = (counted(NEW, 1_000, each=0.45),)
    assert look(late, spec(QUICK), reference=calm, proven=True).outcome == "bad"
    failing = (counted(NEW, 1_000, 40, each=0.04),)
    assert look(failing, spec(QUICK), reference=calm, proven=True).outcome == "bad"
    beside = (*now, counted(OLD, 1_000, each=0.04))
    assert look(beside, spec(QUICK), proven=True).outcome == "bad", "beside it the old version has the same load"


def test_each_service_is_judged_and_one_without_traffic_is_named() -> None:
    two = spec()
    web = two.services[0].model_copy(update={"name": "web"})
    two = two.model_copy(update={"services": (*two.services, web)})
    rows = (counted(NEW, 200), counted(OLD, 1_800))
    verdict = look(rows, two, final=True)
    assert verdict.outcome == "good"
    assert "not judged" in check(verdict, "traffic of web").reason
    bad = look((*rows, counted(NEW, 50, 25, service="web"), counted(OLD, 450, service="web")), two)
    assert bad.outcome == "bad" and bad.reason.startswith("web: 50 % of 50 requests failed")


def test_without_a_web_service_the_counters_say_nothing() -> None:
    worker = examples.shop_ecs_blue_green()
    only = worker.model_copy(update={"services": tuple(item for item in worker.services if item.kind == "worker")})
    verdict = look((), only, final=True)
    assert verdict.outcome == "good" and "no service answers requests" in verdict.reason


@pytest.mark.parametrize("outcome", ["bad", "inconclusive"])
def test_what_a_query_says_counts(outcome: str) -> None:
    said = Check.model_validate({"name": "query queue", "outcome": outcome, "reason": "queue: 9000 is above 100"})
    verdict = look((counted(NEW, 200), counted(OLD, 1_800)), spec(), queries=(said,))
    assert (verdict.outcome, verdict.reason) == (outcome, "queue: 9000 is above 100")


SIZES = st.sampled_from((0, 1, 7, 49, 50, 51, 2_000, 10**9)) | st.integers(0, 5_000)


@st.composite
def rows(draw: st.DrawFn, version: str) -> Counters:
    """Whatever a router may say, also what cannot be."""
    bounds = draw(st.lists(st.sampled_from((0.0, 0.05, 0.1, 0.3, 1.0, math.inf)), unique=True, max_size=6))
    latency = tuple((bound, draw(SIZES)) for bound in bounds)
    return Counters(service="api", version=version, requests=draw(SIZES), errors=draw(SIZES), latency=latency)


@settings(max_examples=80, deadline=None)
@given(
    new=rows(NEW),
    old=rows(OLD),
    start=st.lists(rows(NEW) | rows(OLD), max_size=2),
    earlier=st.lists(rows(OLD), max_size=3),
)
def test_any_counters_give_a_verdict(
    new: Counters, old: Counters, start: list[Counters], earlier: list[Counters]
) -> None:
    reference = tuple(Window.between(None, row) for row in earlier)
    for stated in ((), (TRIGGER, SLOW, AVAILABLE, QUICK)):
        verdict = look((new, old), spec(*stated), start=tuple(start), reference=reference, final=True)
        outcomes = {item.outcome for item in verdict.checks}
        assert verdict.checks and verdict.reason
        assert verdict.outcome == ("bad" if "bad" in outcomes else "good" if outcomes == {"good"} else "inconclusive")
        assert all(item.p_value is None or 0 <= item.p_value <= 1 for item in verdict.checks)
        Verdict.model_validate_json(verdict.model_dump_json())


@settings(max_examples=80, deadline=None)
@given(old=rows(OLD), part=st.sampled_from((1, 2, 9)))
def test_a_version_that_did_as_the_old_one_is_never_bad(old: Counters, part: int) -> None:
    def scaled(times: int, version: str) -> Counters:
        latency = tuple((bound, count * times) for bound, count in old.latency)
        update = {
            "version": version,
            "requests": old.requests * times,
            "errors": old.errors * times,
            "latency": latency,
        }
        return old.model_copy(update=update)

    for stated in ((), (TRIGGER, SLOW, AVAILABLE, QUICK)):
        verdict = look((scaled(1, NEW), scaled(part, OLD)), spec(*stated), final=True)
        assert not [item for item in verdict.checks if item.outcome == "bad"], verdict.reason


def test_the_same_rows_give_the_same_verdict() -> None:
    rows = (counted(NEW, 100, 2), counted(OLD, 900, 1))
    assert look(rows, spec(TRIGGER, QUICK)) == look(rows[::-1], spec(TRIGGER, QUICK))


def test_how_often_one_looks() -> None:
    usual = analysis_of(spec(), 300)
    assert (usual.interval_seconds, looks_of(usual, 300).each, looks_of(usual, 300).most) == (30, 10, 30)
    assert looks_of(analysis_of(spec(), 20), 20).each == 10
    assert looks_of(analysis_of(spec(), 3_600), 3_600).each == 120
    assert looks_of(analysis_of(spec(), 0), 0).each == 1
    stated = spec(analysis=Analysis(interval_seconds=60, extensions=0))
    assert looks_of(analysis_of(stated, 90), 90).most == 2
    assert analysis_of(stated, 10).interval_seconds == 10


@pytest.mark.parametrize("strategy", [examples.CANARY, Strategy(), Strategy(kind="blue_green")])
def test_all_steps_looks_and_checks_together_risk_alpha(strategy: Strategy) -> None:
    one = spec(strategy=strategy)
    held = {"canary": 4, "rolling": 1, "blue_green": 2}[strategy.kind]
    assert sum(level(one, 5, number, 30) * 5 * held for number in range(1, 31)) == pytest.approx(ALPHA)
