"""Unit tests of the rules, for `promtool test rules`: every alert fires when it should, and not just before.

All numbers are computed from the objective, not read from the rules: a wrong threshold or window fails here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from hug_agents import slo as objectives
from hug_agents.render.monitoring.prometheus_rules import BAD_RATIO, RUNBOOK, duration, sli
from hug_agents.render.naming import DURATION_METRIC, REQUESTS_METRIC
from hug_agents.slo import Burn, Slo, number
from hug_agents.spec import DeploymentSpec, Trigger

REQUESTS = 1_000_000
"""Requests in one step of a series."""
_STEP_SECONDS = 30
"""One step in the tests of rollback triggers."""

Phase = tuple[int, Decimal]
"""So many steps with this share of bad requests."""


def counter(phases: Iterable[tuple[int, Decimal]]) -> str:
    """A counter that grows by a fixed amount a step, phase after phase, in promtool's notation."""
    written, last = ["0"], Decimal(0)
    for steps, growth in phases:
        written.append(f"{number(last + growth)}+{number(growth)}x{steps - 1}")
        last += growth * steps
    return " ".join(written)


def traffic(service: str, place: str, threshold_ms: int | None, phases: Sequence[Phase]) -> list[dict[str, str]]:
    """What one service reports while that share of its requests is bad. What is the client's fault (4xx) is good."""
    labels = f'service="{service}", environment="{place}"'
    bad = [(steps, REQUESTS * share) for steps, share in phases]
    good = [(steps, REQUESTS * (1 - share)) for steps, share in phases]
    rows: dict[str, list[tuple[int, Decimal]]]
    if threshold_ms is None:
        metric = REQUESTS_METRIC
        rows = {f'{labels}, code="200"': [(steps, amount / 2) for steps, amount in good]}
        rows[f'{labels}, code="404"'] = rows[f'{labels}, code="200"']
        if any(amount for _, amount in bad):
            rows[f'{labels}, code="503"'] = bad
        return [{"series": f"{metric}{{{row}}}", "values": counter(values)} for row, values in rows.items()]
    everything = [(steps, Decimal(REQUESTS)) for steps, _ in phases]
    seconds = Decimal(threshold_ms) / 1000
    below, above = number(seconds / 2), number(seconds * 2)
    rows = {
        f'_bucket{{{labels}, le="{below}"}}': [(steps, amount / 2) for steps, amount in good],
        f'_bucket{{{labels}, le="{number(seconds)}"}}': good,
        f'_bucket{{{labels}, le="{above}"}}': everything,
        f'_bucket{{{labels}, le="+Inf"}}': everything,
        f"_count{{{labels}}}": everything,
    }
    return [{"series": f"{DURATION_METRIC}{row}", "values": counter(values)} for row, values in rows.items()]


def firing(when: str, **labels: str) -> dict[str, Any]:
    """The alerts with these labels that fire at a time, to be compared with `exp_samples`."""
    matchers = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return {"expr": f'count(ALERTS{{alertstate="firing", {matchers}}})', "eval_time": when}


def silent(when: str, **labels: str) -> dict[str, Any]:
    """No alert with these labels fires at that time."""
    return {**firing(when, **labels), "exp_samples": []}


def expected(spec: DeploymentSpec, summary: str, detail: str, name: str, labels: dict[str, str]) -> dict[str, Any]:
    """One alert as it arrives, every text as people will read it."""
    return {
        "exp_labels": labels,
        "exp_annotations": {
            "summary": summary,
            "description": detail,
            "runbook_url": f"{RUNBOOK}#{name.lower()}",
            **({"owner": spec.owner} if spec.owner else {}),
        },
    }


def _three_digits(value: Decimal) -> Decimal:
    return Decimal(f"{value:.3g}")


def _burn_expected(spec: DeploymentSpec, slo: Slo, burn: Burn, share: Decimal) -> dict[str, Any]:
    service, place = _subject(spec, slo)
    name, says = objectives.burn_alert(slo, burn)
    detail = (
        f"{number(share * 100)}% of the requests of the last {duration(burn.long_minutes)} were bad, and more than "
        f"{number(burn.ratio * 100)} % of those of the last {duration(burn.short_minutes)}. "
        f"{slo.outlook(burn)}"
    )
    labels = {"severity": burn.severity, "slo": slo.id, "sli": sli(slo), "service": service, "environment": place}
    return expected(spec, f"{service} in {place}: {says}", detail, name, labels)


def _subject(spec: DeploymentSpec, slo: Slo) -> tuple[str, str]:
    """The service and place that the tests of an objective are about."""
    return slo.services[-1], objectives.promised_environments(spec)[-1].name


def _burn_tests(spec: DeploymentSpec, slo: Slo, burn: Burn) -> list[dict[str, Any]]:
    service, place = _subject(spec, slo)
    # Fine enough to see the short window, coarse enough to be quick.
    step = max(1, burn.short_minutes // 3)
    long, short = burn.long_minutes // step, burn.short_minutes // step
    name = objectives.burn_alert(slo, burn)[0]
    me = {"alertname": name, "slo": slo.id, "service": service, "environment": place}
    above = _three_digits(min(burn.ratio * Decimal("1.05"), (1 + burn.ratio) / 2))
    below = burn.ratio * Decimal("0.95")
    burst = min(burn.ratio * 6, Decimal(1))
    # A steady share is the same over every window, so it need not last as long as the long one.
    steady = 2 * short
    # After this outage the long window alone would still fire when the short one has recovered.
    outage = short if burn.ratio < Decimal("0.4") else long

    def case(title: str, phases: Sequence[Phase], **checks: Any) -> dict[str, Any]:
        series = traffic(service, place, slo.threshold_ms, phases)
        others = [item.name for item in spec.environments if item not in objectives.promised_environments(spec)]
        for other in others[:1]:  # promises hold in production: an outage elsewhere pages nobody
            series += traffic(service, other, slo.threshold_ms, [(sum(steps for steps, _ in phases), Decimal(1))])
        return {"name": f"{name}: {title}", "interval": f"{step}m", "input_series": series, **checks}

    def at(steps: int) -> str:
        return f"{steps * step}m"

    alike = [
        (other, twin)
        for other in objectives.slos(spec)
        if (other.title, sli(other), _subject(spec, other)) == (slo.title, sli(slo), _subject(spec, slo))
        for twin in other.burns()
        if twin.speed == burn.speed and twin.ratio < above
    ]
    return [
        case(
            f"fires at {number(above * 100)} % bad requests",
            [(steady, above)],
            alert_rule_test=[
                {
                    "eval_time": at(steady),
                    "alertname": name,
                    "exp_alerts": [_burn_expected(spec, *pair, above) for pair in alike],
                }
            ],
        ),
        case(f"is silent at {number(below * 100)} %", [(steady, below)], promql_expr_test=[silent(at(steady), **me)]),
        case(
            f"is silent in a burst as long as the short window ({duration(burn.short_minutes)})",
            [(long, Decimal(0)), (short, burst)],
            promql_expr_test=[silent(at(long + count), **me) for count in (1, short)],
        ),
        case(
            f"stops {duration(burn.short_minutes)} after the last bad request",
            [(outage, Decimal(1)), (short + 1, Decimal(0))],
            promql_expr_test=[
                {**firing(at(outage), **me), "exp_samples": [{"labels": "{}", "value": 1}]},
                silent(at(outage + short + 1), **me),
            ],
        ),
    ]


def no_data_tests(spec: DeploymentSpec, slo: Slo) -> list[dict[str, Any]]:
    """The tests of what is said when an objective is not measured, evaluated every minute."""
    places = [item.name for item in objectives.promised_environments(spec)]
    pairs = [(service, place) for service in slo.services for place in places]
    name = objectives.NO_DATA[0]
    return [
        {
            "name": f"{name}: silent while requests are measured, also when none has ever failed",
            "interval": "1m",
            "input_series": [row for pair in pairs for row in traffic(*pair, slo.threshold_ms, [(30, Decimal(0))])],
            "promql_expr_test": [
                silent("30m", slo=slo.id),
                {
                    "expr": f'count({BAD_RATIO}5m{{sli="{sli(slo)}", {_services(slo)}}} == 0)',
                    "eval_time": "30m",
                    "exp_samples": [{"labels": "{}", "value": len(pairs)}],
                },
            ],
        },
        {
            "name": f"{name}: fires for each service that reports nothing",
            "interval": "1m",
            "input_series": [],
            "promql_expr_test": [
                silent("10m", alertname=name, slo=slo.id),
                {
                    **firing("20m", alertname=name, slo=slo.id),
                    "exp_samples": [{"labels": "{}", "value": len(pairs)}],
                },
            ],
        },
    ]


def _services(slo: Slo) -> str:
    return f'service=~"{"|".join(slo.services)}"'


def budget_tests(spec: DeploymentSpec, slo: Slo) -> dict[str, list[dict[str, Any]]]:
    """The tests of one objective's alerts, by how finely the rules are to be evaluated."""
    found: dict[str, list[dict[str, Any]]] = {}
    for burn in slo.burns():
        found.setdefault(f"{max(1, burn.short_minutes // 3)}m", []).extend(_burn_tests(spec, slo, burn))
    return found


def trigger_tests(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """The tests of the rollback triggers, evaluated every 30 seconds."""
    return [test for item in objectives.watched_triggers(spec) for test in _trigger(spec, item)]


def _trigger(spec: DeploymentSpec, trigger: Trigger) -> list[dict[str, Any]]:
    service = (objectives.scraped(spec) if trigger.metric == "health" else spec.web_services)[-1].name
    place = spec.environments[0].name
    name = objectives.trigger_alert(trigger)[0]
    me = {
        "alertname": name,
        "trigger": objectives.trigger_id(trigger),
        "severity": objectives.trigger_severity(trigger),
        "action": "rollback",
        "service": service,
        "environment": place,
    }
    # The first value of a rate needs two samples; from then on the alert waits its time.
    steps = -(-trigger.for_seconds // _STEP_SECONDS) + 8
    late, early = f"{steps * _STEP_SECONDS}s", f"{(steps - 9) * _STEP_SECONDS}s"
    fires = {**firing(late, **me), "exp_samples": [{"labels": "{}", "value": 1}]}
    waits = [silent(early, **me)] if trigger.for_seconds >= _STEP_SECONDS else []
    bad, good = _trigger_series(trigger, service, place, steps)
    return [
        {
            "name": f"{name}: fires",
            "interval": f"{_STEP_SECONDS}s",
            "input_series": bad,
            "promql_expr_test": [*waits, fires],
        },
        {
            "name": f"{name}: silent just below",
            "interval": f"{_STEP_SECONDS}s",
            "input_series": good,
            "promql_expr_test": [silent(late, **me)],
        },
    ]


def _trigger_series(
    trigger: Trigger, service: str, place: str, steps: int
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """What a service reports when the trigger must act, and when it must not yet."""
    if trigger.metric == "error_rate":
        share = Decimal(str(trigger.threshold)) / 100
        over = min(share * Decimal("1.05"), (1 + share) / 2)
        return (
            traffic(service, place, None, [(steps, over)]),
            traffic(service, place, None, [(steps, share * Decimal("0.95"))]),
        )
    labels = f'service="{service}", environment="{place}"'
    if trigger.metric == "latency":
        seconds = Decimal(str(trigger.threshold)) / 1000
        edges = [number(seconds * Decimal(factor)) for factor in ("0.9", "1", "1.1")]

        def histogram(all_below: str) -> list[dict[str, str]]:
            everything, nothing = counter([(steps, Decimal(REQUESTS))]), counter([(steps, Decimal(0))])
            reached = False
            rows = []
            for edge in (*edges, "+Inf"):
                reached = reached or edge == all_below
                row = f'{DURATION_METRIC}_bucket{{{labels}, le="{edge}"}}'
                rows.append({"series": row, "values": everything if reached else nothing})
            return rows

        return histogram(edges[2]), histogram(edges[1])
    up = [{"series": f'up{{{labels}, instance="{name}"}}', "values": f"1x{steps}"} for name in ("a", "b")]
    return [up[0], {**up[1], "values": f"0x{steps}"}], up
