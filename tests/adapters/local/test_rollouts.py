"""Every strategy, step by step, with real processes behind the real router, under load: nobody notices."""

from __future__ import annotations

import pytest

from tests.adapters.local.place import Place, get, load_on, processes_of, until, words


@pytest.mark.parametrize("kind", ["rolling", "blue_green", "canary"])
def test_a_new_version_and_back_without_a_failed_request(place: Place, kind: str) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    url = first.url()
    assert get(url).split()[:3] == ["1.0.0", "1.0.0", "staging"]
    second = place.release("2.0.0", kind, first)
    with load_on(url) as load:
        second.roll_out()
        assert words(url) == {"2.0.0": 40}
        assert place.target.drift(second.bundle, second.blueprint, second.environment).changes == ()
        back = second.do("rollback")
        assert back.status == "done", back.detail
        assert words(url) == {"1.0.0": 40}
    assert load.failures == []
    assert min(load.answers["1.0.0"], load.answers["2.0.0"]) > 20
    assert place.target.drift(first.bundle, first.blueprint, first.environment).changes == ()


def test_traffic_moves_by_weight_and_the_router_counts_each_version(place: Place) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    url = first.url()
    second = place.release("2.0.0", "canary", first)
    assert second.do("deploy", 0).status == "done"
    assert words(url) == {"1.0.0": 40}, "started beside, without traffic"
    assert get(second.url()).startswith("2.0.0"), "it answers at an address of its own"
    assert second.url() != url
    counted = {item.version: item for item in place.target.counters(second.blueprint, second.environment)}
    assert counted[second.saved.bundle].requests == 0, "neither health checks nor that address count"
    assert second.do("shift", 20).status == "done"
    assert second.url() == url
    before = {item.version: item for item in place.target.counters(second.blueprint, second.environment)}
    split = words(url, 100)
    assert 15 <= split["2.0.0"] <= 25
    after = {item.version: item for item in place.target.counters(second.blueprint, second.environment)}
    gained = {key: after[key].requests - before[key].requests for key in after}
    assert gained == {first.saved.bundle: split["1.0.0"], second.saved.bundle: split["2.0.0"]}
    row = after[second.saved.bundle]
    assert (row.service, row.errors, row.latency[-1]) == ("web", 0, (10.0, row.requests))


def test_a_version_that_does_not_start_takes_no_traffic(place: Place) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    url = first.url()
    for number, kind in enumerate(("rolling", "canary")):
        broken = place.release(f"2.{number}.0", kind, first, broken="start")
        with load_on(url) as load:
            failed = broken.do("deploy", 100 if kind == "rolling" else 0)
            assert failed.status == "failed"
            assert "cannot find my database" in failed.detail, "its last words"
            assert broken.do("rollback").status == "done"
        assert load.failures == []
        assert set(load.answers) == {"1.0.0"}
        assert place.target.drift(first.bundle, first.blueprint, first.environment).changes == ()


def test_back_to_nothing(place: Place) -> None:
    first = place.release("1.0.0", "blue_green")
    first.roll_out()
    assert first.do("rollback").status == "done"
    until(lambda: processes_of(place.world()) == [], 20)  # the guard ends a moment after whom it guarded
    assert place.target.drift(None, first.blueprint, first.environment).changes == ()
    first.roll_out()
    assert get(first.url()).startswith("1.0.0")


def test_two_environments_beside_each_other(place: Place) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    live = place.release("1.0.0", where="production")
    live.roll_out()
    assert first.url() != live.url()
    assert (get(first.url()).split()[2], get(live.url()).split()[2]) == ("staging", "production")
    assert live.do("destroy").status == "done"
    assert get(first.url()).startswith("1.0.0")


def test_a_request_under_way_is_answered(place: Place) -> None:
    from concurrent.futures import ThreadPoolExecutor

    first = place.release("1.0.0")
    first.roll_out()
    url = first.url()
    second = place.release("2.0.0", "blue_green", first)
    second.do("deploy", 0)
    second.do("shift", 100)
    first_of_all = place.release("3.0.0", "blue_green", second)
    first_of_all.do("deploy", 0)
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(get, f"{url}/slow") for _ in range(4)]
        first_of_all.do("shift", 100)
        first_of_all.do("retire")
        assert {item.result().split()[0] for item in slow} <= {"2.0.0", "3.0.0"}
