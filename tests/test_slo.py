"""The arithmetic of objectives, against figures worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hug_agents import slo
from hug_agents.slo import Slo
from hug_agents.spec import Objective, Trigger
from tests.examples import ALL, ecs_canary, kubernetes_canary_eks, shop_ecs_blue_green


def objective(kind: str = "availability", target: str = "99.9", days: int = 30, threshold: int | None = None) -> Slo:
    return Slo.model_validate(
        {
            "kind": kind,
            "services": ("api",),
            "target_percent": Decimal(target),
            "threshold_ms": threshold,
            "window_days": days,
        }
    )


@pytest.mark.parametrize(
    ("target", "days", "expected"),
    [
        # The Workbook's own table: 14.4, 6 and 1 times 0.1 %.
        ("99.9", 30, [("1h 5m", "14.4", "0.0144"), ("6h 30m", "6", "0.006"), ("72h 360m", "1", "0.001")]),
        # 2 % of 28 days in one hour is 13.44 times; a ticket never waits for less than 1.
        ("99.9", 28, [("1h 5m", "13.44", "0.01344"), ("6h 30m", "5.6", "0.0056"), ("72h 360m", "1", "0.001")]),
        # A week: a ticket must not look back over almost half of it.
        ("99", 7, [("1h 5m", "3.36", "0.0336"), ("6h 30m", "2", "0.02"), ("24h 120m", "1", "0.01")]),
        # A quarter: not 43 times, which a 40 % outage would not reach with this budget.
        ("99", 90, [("1h 5m", "14.4", "0.144"), ("6h 30m", "6", "0.06"), ("72h 360m", "1", "0.01")]),
        ("99.999", 30, [("1h 5m", "14.4", "0.000144"), ("6h 30m", "6", "0.00006"), ("72h 360m", "1", "0.00001")]),
        # 14.4 x 10 % is more than all requests: a total outage must still page.
        ("90", 30, [("1h 5m", "14.4", "0.9"), ("6h 30m", "6", "0.6"), ("72h 360m", "1", "0.1")]),
    ],
)
def test_burn_rates(target: str, days: int, expected: list[tuple[str, str, str]]) -> None:
    found = [
        (f"{burn.long_minutes // 60}h {burn.short_minutes}m", slo.number(burn.rate), slo.number(burn.ratio))
        for burn in objective(target=target, days=days).burns()
    ]
    assert found == expected


def test_an_error_rate_is_a_budget_of_its_own() -> None:
    assert objective("error_rate", "1").budget == objective("availability", "99").budget == Decimal("0.01")


@given(
    kind=st.sampled_from(["availability", "error_rate", "latency"]),
    target=st.decimals("0.001", "99.999", places=3),
    days=st.integers(1, 365),
)
def test_every_alert_can_fire_and_comes_before_the_budget_is_gone(kind: str, target: Decimal, days: int) -> None:
    found = objective(kind, str(target), days, 250 if kind == "latency" else None)
    burns = found.burns()
    assert burns[-1].severity == "ticket"
    assert burns[0].severity == "page"
    for burn in burns:
        assert 0 < burn.ratio < 1, "a total outage fires every alert"
        assert burn.rate >= 1
        assert burn.long_minutes > burn.short_minutes
        # At just that rate, at least half of the budget is left when the long window is full.
        assert burn.rate * burn.long_minutes <= Decimal("0.5") * days * 24 * 60
    assert [burn.ratio for burn in burns] == sorted((burn.ratio for burn in burns), reverse=True)
    assert [burn.long_minutes for burn in burns] == sorted(burn.long_minutes for burn in burns)


def test_a_service_s_own_objective_replaces_the_general_one_of_its_kind() -> None:
    spec = shop_ecs_blue_green().model_copy(
        update={
            "objectives": (
                Objective(kind="availability", target_percent=99.9),
                Objective(kind="latency", target_percent=99, threshold_ms=300),
                Objective(kind="availability", target_percent=99.99, service="api"),
                Objective(kind="availability", target_percent=99.99, service="api"),
                Objective(kind="availability", target_percent=99, service="mailer"),
            )
        }
    )
    assert [(item.id, item.services) for item in slo.slos(spec)] == [
        ("availability-99.9-30d", ("web",)),
        ("latency-300ms-99-30d", ("web", "api")),
        ("availability-99.99-30d", ("api",)),
    ]
    assert slo.unmeasured(spec) == (
        "availability of mailer: it is not a web service and answers no requests",
        "rollback trigger health: no service says where its metrics are; the deployment reads the health checks itself",
        "rollback trigger smoke: the deployment runs the smoke tests itself, at each step",
    )


def test_a_trigger_that_could_never_act_is_said_and_not_written() -> None:
    spec = ecs_canary().model_copy(update={"triggers": (Trigger(metric="error_rate", threshold=100),)})
    assert slo.watched_triggers(spec) == ()
    assert slo.unmeasured(spec) == ("rollback trigger error rate: more than 100 % cannot fail, so it would never act",)


def test_alerts_of_workers_and_jobs_only_where_something_tells_of_them() -> None:
    names = {alert.name for alert in slo.alerts(kubernetes_canary_eks())}
    assert "WorkerDown" in names
    on_ecs = {alert.name for alert in slo.alerts(shop_ecs_blue_green())}
    assert not on_ecs & {"WorkerDown", "JobFailed", "JobMissed"}


def test_no_alert_without_prometheus() -> None:
    spec = ecs_canary()
    spec = spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"monitors": ()})})
    assert slo.alerts(spec) == ()


@pytest.mark.parametrize("name", sorted(ALL))
def test_alert_names_and_services_are_unique(name: str) -> None:
    found = slo.alerts(ALL[name]())
    assert len({(item.name, item.service) for item in found}) == len(found) > 0
    assert all(item.anchor.isalpha() and item.anchor.islower() for item in found)


@pytest.mark.parametrize(
    ("value", "written"), [(1e-05, "0.00001"), (100, "100"), (99.90, "99.9"), (Decimal("1E+2"), "100"), (0.5, "0.5")]
)
def test_numbers_have_no_exponent(value: float | Decimal, written: str) -> None:
    assert slo.number(value) == written
