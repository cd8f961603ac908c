"""Recording and alerting rules: the share of bad requests over each window, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from hug_agents import slo as objectives
from hug_agents.render.naming import DURATION_METRIC, REQUESTS_METRIC, namespace
from hug_agents.slo import Slo, number
from hug_agents.spec import DeploymentSpec, Service, Trigger

BAD_RATIO = "service:bad_requests:ratio_rate"
"""The recorded share of bad requests, by `service`, `environment` and `sli`; the window is its ending."""
RUNBOOK = "docs/runbook.md"
TRIGGER_WINDOW = "2m"
LATE_SECONDS = 900
"""How late a scheduled job may start before someone is told."""
_BY = "service, environment"
_WHERE = "{{ $labels.service }} in {{ $labels.environment }}"


def duration(minutes: int) -> str:
    """Minutes as Prometheus writes them: 5m, 6h, 3d."""
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def literal(text: str) -> str:
    """Text inside an annotation, which Prometheus reads as a Go template: no brace of it opens an action."""
    return text.replace("{", '{{"{"}}')


def sli(slo: Slo) -> str:
    """The indicator that an objective is judged by: the value of the label `sli`."""
    return "errors" if slo.threshold_ms is None else f"latency_{slo.threshold_ms}ms"


def one_of(names: Iterable[str]) -> str:
    """A matcher's value for a closed list of plain names."""
    return "|".join(names)


def matching(label: str, names: Iterable[str]) -> str:
    """A matcher for one name or several."""
    listed = tuple(names)
    return f'{label}="{listed[0]}"' if len(listed) == 1 else f'{label}=~"{one_of(listed)}"'


def bad_ratio(selector: str, threshold_ms: int | None, window: str) -> str:
    """The share of bad requests over a window. No failure at all counts as 0; no traffic as no value."""
    if threshold_ms is None:
        total = f"sum by ({_BY}) (rate({REQUESTS_METRIC}{{{selector}}}[{window}]))"
        failed = f'sum by ({_BY}) (rate({REQUESTS_METRIC}{{{selector}, code=~"5.."}}[{window}]))'
        return f"(\n  {failed}\n  or\n  0 * {total}\n)\n/\n{total}"
    fast = f"sum by ({_BY}) (rate({DURATION_METRIC}_bucket{{{selector}, {bucket(threshold_ms)}}}[{window}]))"
    total = f"sum by ({_BY}) (rate({DURATION_METRIC}_count{{{selector}}}[{window}]))"
    return f"1 - (\n  {fast}\n  /\n  {total}\n)"


def bucket(threshold_ms: int) -> str:
    """The matcher of the bucket that ends at the threshold; client libraries write 1 second as `1` or as `1.0`."""
    seconds = number(Decimal(threshold_ms) / 1000)
    return f'le="{seconds}"' if "." in seconds else f'le=~"{seconds}([.]0)?"'


def recording_groups(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """One group an indicator; one rule a window that an alert asks for."""
    indicators: dict[str, tuple[int | None, set[str], set[int]]] = {}
    for slo in objectives.slos(spec):
        _, services, windows = indicators.setdefault(sli(slo), (slo.threshold_ms, set(), set()))
        services.update(slo.services)
        windows.update(minutes for burn in slo.burns() for minutes in (burn.long_minutes, burn.short_minutes))
        windows.add(5)  # what the no-data alert and the dashboards look at
    return [
        {
            "name": f"{spec.application}-{name.replace('_', '-')}",
            "rules": [
                {
                    "record": f"{BAD_RATIO}{duration(window)}",
                    "expr": bad_ratio(matching("service", sorted(services)), threshold, duration(window)),
                    "labels": {"sli": name},
                }
                for window in sorted(windows)
            ],
        }
        for name, (threshold, services, windows) in indicators.items()
    ]


def alert(
    named: tuple[str, str],
    severity: str,
    expr: str,
    *,
    detail: str,
    owner: str | None,
    where: str = _WHERE,
    lasting: str = "",
    labels: dict[str, str] | None = None,
) -> dict[str, Any]:
    """One alerting rule. `where` and `detail` are Go templates of ours; every other text is data."""
    name, says = named
    return {
        "alert": name,
        "expr": expr,
        **({"for": lasting} if lasting else {}),
        "labels": {"severity": severity, **(labels or {})},
        "annotations": {
            "summary": f"{where}: {literal(says)}" if where else literal(says),
            "description": detail,
            "runbook_url": f"{RUNBOOK}#{name.lower()}",
            **({"owner": literal(owner)} if owner else {}),
        },
    }


def burn_expr(spec: DeploymentSpec, slo: Slo, long: str, short: str, ratio: Decimal) -> str:
    """Above the ratio over the long window and over the short one."""
    places = matching("environment", (item.name for item in objectives.promised_environments(spec)))
    selector = f'sli="{sli(slo)}", {matching("service", slo.services)}, {places}'
    return "\nand\n".join(f"{BAD_RATIO}{window}{{{selector}}} > {number(ratio)}" for window in (long, short))


def burn_rules(spec: DeploymentSpec, slo: Slo) -> list[dict[str, Any]]:
    """The alerts of one objective, the fastest first."""
    rules = []
    for burn in slo.burns():
        long, short = duration(burn.long_minutes), duration(burn.short_minutes)
        detail = (
            f"{{{{ $value | humanizePercentage }}}} of the requests of the last {long} were bad, and more than "
            f"{number(burn.ratio * 100)} % of those of the last {short}. "
            f"{slo.outlook(burn)}"
        )
        rules.append(
            alert(
                objectives.burn_alert(slo, burn),
                burn.severity,
                burn_expr(spec, slo, long, short, burn.ratio),
                detail=detail,
                owner=spec.owner,
                labels={"slo": slo.id},
            )
        )
    return rules


def no_data_rules(spec: DeploymentSpec, slo: Slo) -> list[dict[str, Any]]:
    """One rule a service and place: `absent` has labels only where the matchers are exact."""
    wanted = (
        "a histogram bucket that ends at exactly that time"
        if slo.threshold_ms
        else f"the counter {REQUESTS_METRIC} with the labels service, environment and code"
    )
    return [
        alert(
            objectives.NO_DATA,
            "ticket",
            f'absent({BAD_RATIO}5m{{sli="{sli(slo)}", service="{name}", environment="{place.name}"}})',
            detail=f"«{literal(slo.sentence)}» cannot be judged: it needs {wanted}, and the service to be scraped.",
            owner=spec.owner,
            lasting="15m",
            labels={"slo": slo.id, "service": name, "environment": place.name},
        )
        for name in slo.services
        for place in objectives.promised_environments(spec)
    ]


def trigger_expr(spec: DeploymentSpec, trigger: Trigger) -> str:
    """What a rollback trigger looks at, in every environment."""
    selector = matching("service", (service.name for service in spec.web_services))
    selector += ", " + matching("environment", (item.name for item in spec.environments))
    if trigger.metric == "error_rate":
        percent = Decimal(str(trigger.threshold))
        return f"{bad_ratio(selector, None, TRIGGER_WINDOW)}\n> {number(percent / 100)}"
    if trigger.metric == "latency":
        seconds = number(Decimal(str(trigger.threshold)) / 1000)
        buckets = f"sum by (le, {_BY}) (rate({DURATION_METRIC}_bucket{{{selector}}}[{TRIGGER_WINDOW}]))"
        return f"histogram_quantile(0.99, {buckets})\n> {seconds}"
    return f"min by ({_BY}) (up{{{selector}}}) == 0"


def trigger_rules(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """The rollback triggers that metrics can show."""
    values = {
        "error_rate": f"{{{{ $value | humanizePercentage }}}} of the requests of the last {TRIGGER_WINDOW} failed.",
        "latency": f"99 % of the requests of the last {TRIGGER_WINDOW} took up to {{{{ $value | humanizeDuration }}}}.",
        "health": "At least one instance cannot be reached.",
    }
    return [
        alert(
            objectives.trigger_alert(trigger),
            objectives.trigger_severity(trigger),
            trigger_expr(spec, trigger),
            detail=f"{values[trigger.metric]} If a release is under way, it is to be rolled back.",
            owner=spec.owner,
            lasting=f"{trigger.for_seconds}s" if trigger.for_seconds else "",
            labels={"action": "rollback", "trigger": objectives.trigger_id(trigger)},
        )
        for trigger in objectives.watched_triggers(spec)
    ]


def presence_rules(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """Whether what should run is there: instances, services, workers, jobs."""
    rules: list[dict[str, Any]] = []
    scraped = objectives.scraped(spec)
    places = objectives.promised_environments(spec)
    for service in scraped:
        for place in places:
            selector = f'service="{service.name}", environment="{place.name}"'
            rules.append(
                alert(
                    objectives.SERVICE_DOWN,
                    "page",
                    f"sum by ({_BY}) (up{{{selector}}}) == 0\nor\nabsent(up{{{selector}}})",
                    detail="No instance can be scraped, or none is found. Users may get no answer at all.",
                    owner=spec.owner,
                    lasting="3m",
                    labels={"service": service.name, "environment": place.name},
                )
            )
    if scraped:
        selector = matching("service", (item.name for item in scraped))
        selector += ", " + matching("environment", (item.name for item in places))
        rules.append(
            alert(
                objectives.INSTANCE_DOWN,
                "ticket",
                f"up{{{selector}}} == 0",
                detail="{{ $labels.instance }} cannot be scraped; the others may carry its load.",
                owner=spec.owner,
                lasting="10m",
            )
        )
    for place in places:
        space = namespace(spec, place)
        for service in objectives.cluster_watched(spec, "worker"):
            rules.append(_worker(spec, service, place.name, space))
        for service in objectives.cluster_watched(spec, "job"):
            rules += _job(spec, service, place.name, space)
    return rules


def _worker(spec: DeploymentSpec, service: Service, place: str, space: str) -> dict[str, Any]:
    metric = f'kube_deployment_status_replicas_available{{namespace="{space}", deployment="{service.name}"}}'
    return alert(
        objectives.WORKER_DOWN,
        "page",
        f"sum({metric}) == 0\nor\nabsent({metric})",
        detail="Its Deployment has no available replica, or is not there: its work waits.",
        owner=spec.owner,
        where=f"{service.name} in {place}",
        lasting="5m",
        labels={"service": service.name, "environment": place},
    )


def _job(spec: DeploymentSpec, service: Service, place: str, space: str) -> list[dict[str, Any]]:
    labels = {"service": service.name, "environment": place}
    where = f"{service.name} in {place}"
    jobs = f'namespace="{space}", job_name=~"{service.name}(-[0-9]+)?"'
    rules = [
        alert(
            objectives.JOB_FAILED,
            "ticket",
            f"max(kube_job_status_failed{{{jobs}}}) > 0",
            detail="A pod of the job ended with an error; its log says why.",
            owner=spec.owner,
            where=where,
            labels=labels,
        )
    ]
    if service.schedule:
        cron = f'namespace="{space}", cronjob="{service.name}"'
        rules.append(
            alert(
                objectives.JOB_MISSED,
                "ticket",
                f"max(time() - kube_cronjob_next_schedule_time{{{cron}}}) > {LATE_SECONDS}",
                detail="The next run is {{ $value | humanizeDuration }} overdue.",
                owner=spec.owner,
                where=where,
                labels=labels,
            )
        )
    return rules


def watchdog(spec: DeploymentSpec) -> dict[str, Any]:
    """The alert that always fires, so that silence means something."""
    return alert(
        objectives.WATCHDOG,
        "none",
        "vector(1)",
        detail="Connect it to a service that tells someone when it stops arriving.",
        owner=spec.owner,
        where="",
        labels={"application": spec.application},
    )


def budget_groups(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """The burn-rate alerts, one group an objective."""
    return [{"name": f"{spec.application}-{slo.id}", "rules": burn_rules(spec, slo)} for slo in objectives.slos(spec)]


def rollback_groups(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """The rollback triggers."""
    rules = trigger_rules(spec)
    return [{"name": f"{spec.application}-rollback", "rules": rules}] if rules else []


def presence_groups(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """Whether everything is there: data, instances, workers, jobs, and the alerting itself."""
    missing = [rule for slo in objectives.slos(spec) for rule in no_data_rules(spec, slo)]
    rules = [*missing, *presence_rules(spec), watchdog(spec)]
    return [{"name": f"{spec.application}-presence", "rules": rules}]
