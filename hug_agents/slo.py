"""Objectives as arithmetic: error budgets, burn rates, and the alerts that follow. No file format is known here.

The method is the Google SRE Workbook's, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts": an alert fires while the
share of bad requests exceeds `rate x budget` both over a long window (it matters) and over a short one (it goes on).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from hug_agents.spec import DeploymentSpec, Environment, Line, Model, Name, Objective, Service, Trigger

Severity = Literal["page", "ticket", "none"]
Kind = Literal["availability", "latency", "error_rate"]
Speed = Literal["Fast", "Steady", "Slow"]

_TITLES: dict[Kind, str] = {"availability": "Availability", "latency": "Latency", "error_rate": "ErrorRate"}
_HOUR = 60
_DAY = 24 * _HOUR

# Speed, severity, the Workbook's rate, the share of the budget it stands for, long and short window in minutes.
_WORKBOOK: tuple[tuple[Speed, Severity, str, str, int, int], ...] = (
    ("Fast", "page", "14.4", "0.02", _HOUR, 5),
    ("Steady", "page", "6", "0.05", 6 * _HOUR, 30),
    ("Slow", "ticket", "1", "0.10", 3 * _DAY, 6 * _HOUR),
)
# Windows to fall back on where the period of the objective is too short for the Workbook's.
_WINDOWS = ((3 * _DAY, 6 * _HOUR), (_DAY, 2 * _HOUR), (6 * _HOUR, 30), (_HOUR, 5))
# A page means that half the period is enough to use up the budget; a ticket, that the period is.
_LOWEST_RATE: dict[Severity, Decimal] = {"page": Decimal(2), "ticket": Decimal(1)}


MIN_RANGE_SECONDS = 120
"""The shortest range of a rate: a scrape every 30 seconds leaves enough samples in it."""


class Burn(Model):
    """One pair of windows over which a budget must not burn faster than `rate`."""

    speed: Speed
    severity: Severity
    rate: Decimal
    """Times the speed that would use up the budget exactly at the end of the period."""
    long_minutes: int
    short_minutes: int
    ratio: Decimal
    """The share of bad requests above which it fires."""


class Slo(Model):
    """One objective and the services that it holds for."""

    kind: Kind
    services: tuple[Name, ...]
    target_percent: Decimal
    threshold_ms: int | None
    window_days: int

    @property
    def budget(self) -> Decimal:
        """The share of requests that may be bad."""
        percent = self.target_percent if self.kind == "error_rate" else 100 - self.target_percent
        return percent / 100

    @property
    def id(self) -> str:
        """Unique in a spec: `availability-99.9-30d`, `latency-300ms-99-30d`."""
        middle = f"{self.threshold_ms}ms-" if self.threshold_ms else ""
        return f"{self.kind.replace('_', '-')}-{middle}{number(self.target_percent)}-{self.window_days}d"

    @property
    def title(self) -> str:
        """How the names of its alerts begin."""
        return _TITLES[self.kind]

    @property
    def sentence(self) -> str:
        """The objective as a person says it."""
        share = number(self.target_percent)
        return {
            "availability": f"{share} % of requests succeed",
            "error_rate": f"at most {share} % of requests fail",
            "latency": f"{share} % of requests are answered within {self.threshold_ms} ms",
        }[self.kind] + f" over {days(self.window_days)}"

    def burns(self) -> tuple[Burn, ...]:
        """Its alerts, the fastest first.

        The rate is `share x period / long window`, which for 30 days gives the Workbook's 14.4, 6 and 1. It is never
        above those (over a longer period they fire at a smaller share, so an outage is noticed no later), and never so
        low that the budget would last. A long window is at most a seventh of the period.
        """
        period = self.window_days * _DAY
        found: list[Burn] = []
        for speed, severity, workbook, share, longest, _ in _WORKBOOK:
            long, short = next(
                ((long, short) for long, short in _WINDOWS if long <= longest and long * 7 <= period), _WINDOWS[-1]
            )
            rate = max(_LOWEST_RATE[severity], min(Decimal(workbook), Decimal(share) * period / long))
            burn = Burn(
                speed=speed,
                severity=severity,
                rate=rate,
                long_minutes=long,
                short_minutes=short,
                ratio=self._reachable(rate * self.budget),
            )
            if not any((burn.ratio, long) == (other.ratio, other.long_minutes) for other in found):
                found.append(burn)
        return tuple(found)

    def outlook(self, burn: Burn) -> str:
        """What becomes of the budget at that rate, as a sentence."""
        if burn.rate <= 1:
            return f"The error budget of {days(self.window_days)} is used up before they are over."
        hours = self.window_days * 24 / burn.rate
        lasts = f"{round(hours)} hours" if hours < 72 else days(round(hours / 24))
        return f"At that rate the error budget of {days(self.window_days)} is gone in {lasts}."

    def _reachable(self, ratio: Decimal) -> Decimal:
        # With a wide budget, rate x budget reaches 1 and a total outage would never page.
        return min(ratio, max(Decimal("0.9"), (1 + self.budget) / 2))


class AlertInfo(Model):
    """One alert as people on call meet it. Several services may share a name; the runbook has one entry a name."""

    name: Line
    severity: Severity
    service: Line
    """Empty: it is about the monitoring itself."""
    summary: Line

    @property
    def anchor(self) -> str:
        """The anchor of its entry in `docs/runbook.md`, whose heading is the name."""
        return self.name.lower()


def number(value: Decimal | float | int) -> str:
    """The shortest decimal notation: no exponent, no trailing zeros."""
    text = format(value if isinstance(value, Decimal) else Decimal(str(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def days(count: int) -> str:
    """`1 day`, `30 days`."""
    return f"{count} day{'' if count == 1 else 's'}"


def promised_environments(spec: DeploymentSpec) -> tuple[Environment, ...]:
    """Where objectives hold: production; every environment if there is none."""
    return spec.production or spec.environments


def slos(spec: DeploymentSpec) -> tuple[Slo, ...]:
    """The objectives that can be measured, each once, with its services.

    A service's own objectives of a kind replace those of the same kind that are for every web service.
    """
    held: dict[tuple[Kind, Decimal, int | None, int], list[str]] = {}
    for service in spec.web_services:
        for objective in _held_by(spec, service):
            key = (
                objective.kind,
                Decimal(str(objective.target_percent)),
                objective.threshold_ms,
                objective.window_days,
            )
            names = held.setdefault(key, [])
            if service.name not in names:
                names.append(service.name)
    return tuple(
        Slo(kind=kind, services=tuple(names), target_percent=target, threshold_ms=threshold, window_days=window)
        for (kind, target, threshold, window), names in held.items()
    )


def _held_by(spec: DeploymentSpec, service: Service) -> tuple[Objective, ...]:
    own = [item for item in spec.objectives if item.service == service.name]
    kinds = {item.kind for item in own}
    return tuple(item for item in spec.objectives if item in own or (item.service is None and item.kind not in kinds))


def watched_triggers(spec: DeploymentSpec) -> tuple[Trigger, ...]:
    """The rollback triggers that metrics can show, each once."""
    return tuple(dict.fromkeys(item for item in spec.triggers if not _unseen(spec, item)))


def _unseen(spec: DeploymentSpec, trigger: Trigger) -> str:
    if not spec.web_services:
        return "there is no web service"
    if trigger.metric == "smoke":
        return "the deployment runs the smoke tests itself, at each step"
    if trigger.metric == "health" and not scraped(spec):
        return "no service says where its metrics are; the deployment reads the health checks itself"
    if trigger.metric == "error_rate" and (trigger.threshold or 0) >= 100:
        return "more than 100 % cannot fail, so it would never act"
    return ""


def unmeasured(spec: DeploymentSpec) -> tuple[str, ...]:
    """What was asked for and cannot be seen in metrics, as sentences."""
    web = {service.name for service in spec.web_services}
    said = [
        f"{item.kind.replace('_', ' ')} of {item.service}: it is not a web service and answers no requests"
        for item in spec.objectives
        if item.service and item.service not in web
    ]
    if not web:
        said += ["objectives of every web service: there is none" for item in spec.objectives if not item.service]
    said += [
        f"rollback trigger {item.metric.replace('_', ' ')}: {why}"
        for item in spec.triggers
        if (why := _unseen(spec, item))
    ]
    return tuple(dict.fromkeys(said))


def trigger_id(trigger: Trigger) -> str:
    """Unique among the triggers of a spec: `error-rate-1-60s`."""
    threshold = f"-{number(trigger.threshold)}" if trigger.threshold is not None else ""
    return f"{trigger.metric.replace('_', '-')}{threshold}-{trigger.for_seconds}s"


def trigger_alert(trigger: Trigger) -> tuple[str, str]:
    """The name of a trigger's alert, and what it says of a service."""
    lasting = f" for {trigger.for_seconds} s" if trigger.for_seconds else ""
    if trigger.metric == "error_rate":
        return "RollbackErrorRate", f"more than {number(trigger.threshold or 0)} % of requests fail{lasting}: roll back"
    if trigger.metric == "latency":
        return (
            "RollbackLatency",
            f"the 99th percentile of latency is above {number(trigger.threshold or 0)} ms{lasting}: roll back",
        )
    return "RollbackHealth", f"an instance does not answer{lasting}: roll back"


def trigger_severity(trigger: Trigger) -> Severity:
    """Users notice errors and slowness; one instance that fails a check matters to a release, and wakes nobody."""
    return "ticket" if trigger.metric == "health" else "page"


def burn_alert(slo: Slo, burn: Burn) -> tuple[str, str]:
    """The name of a burn-rate alert, and what it says of a service."""
    return (
        f"{slo.title}BudgetBurn{burn.speed}",
        f"the error budget of «{slo.sentence}» burns {number(round(burn.rate, 2))} times too fast"
        if burn.rate > 1
        else f"the error budget of «{slo.sentence}» will not last",
    )


SERVICE_DOWN = ("ServiceDown", "no instance answers")
INSTANCE_DOWN = ("InstanceDown", "an instance does not answer")
NO_DATA = ("ObjectiveWithoutData", "an objective is not being measured")
WORKER_DOWN = ("WorkerDown", "no replica is available")
JOB_FAILED = ("JobFailed", "a run of the job failed")
JOB_MISSED = ("JobMissed", "a scheduled run did not start")
WATCHDOG = ("Watchdog", "always fires: if it stops arriving, alerts do not arrive")
LOGS_MISSING = ("LogsMissing", "no log line has arrived")
DEAD_LETTERS = ("DeadLetters", "log lines could not be stored, and wait in the dead letter queue")


def scraped(spec: DeploymentSpec) -> tuple[Service, ...]:
    """The services that say where their metrics are."""
    return tuple(service for service in spec.web_services if service.metrics_path is not None)


def cluster_watched(spec: DeploymentSpec, kind: Literal["worker", "job"]) -> tuple[Service, ...]:
    """The workers or jobs that the cluster itself tells about (kube-state-metrics)."""
    if spec.toolchain.runtime != "kubernetes":
        return ()
    return tuple(service for service in spec.services if service.kind == kind)


Found = list[tuple[tuple[str, str], Severity, str]]
"""Alerts as they are collected: name and words, severity, the service that they are about."""


def alerts(spec: DeploymentSpec) -> tuple[AlertInfo, ...]:
    """Every alert that the files of the chosen monitors hold, once per name and service, whoever of them raises it."""
    chosen = spec.toolchain.monitors
    unique: dict[tuple[str, str], AlertInfo] = {}
    for monitor, found in (
        ("prometheus", _by_metrics(spec, watchdog=True)),
        ("datadog", _by_metrics(spec, watchdog=False)),
        ("elk", _by_logs(spec)),
    ):
        for (name, says), severity, about in found if monitor in chosen else ():
            summary = f"{about}: {says}" if about else says
            unique.setdefault((name, about), AlertInfo(name=name, severity=severity, service=about, summary=summary))
    return tuple(unique.values())


def _burns(spec: DeploymentSpec) -> Found:
    found: Found = []
    for slo in slos(spec):
        found += [(burn_alert(slo, burn), burn.severity, name) for burn in slo.burns() for name in slo.services]
    return found + [(NO_DATA, "ticket", name) for slo in slos(spec) for name in slo.services]


def _by_metrics(spec: DeploymentSpec, *, watchdog: bool) -> Found:
    found = _burns(spec)
    for trigger in watched_triggers(spec):
        services = scraped(spec) if trigger.metric == "health" else spec.web_services
        found += [(trigger_alert(trigger), trigger_severity(trigger), service.name) for service in services]
    for service in scraped(spec):
        found += [(SERVICE_DOWN, "page", service.name), (INSTANCE_DOWN, "ticket", service.name)]
    found += [(WORKER_DOWN, "page", service.name) for service in cluster_watched(spec, "worker")]
    for service in cluster_watched(spec, "job"):
        found.append((JOB_FAILED, "ticket", service.name))
        if service.schedule:
            found.append((JOB_MISSED, "ticket", service.name))
    return [*found, (WATCHDOG, "none", "")] if watchdog else found


def _by_logs(spec: DeploymentSpec) -> Found:
    found = _burns(spec)
    for trigger in watched_triggers(spec):
        if trigger.metric != "health":
            found += [(trigger_alert(trigger), trigger_severity(trigger), item.name) for item in spec.web_services]
    found += [(LOGS_MISSING, "ticket", service.name) for service in spec.services if service.kind != "job"]
    return [*found, (DEAD_LETTERS, "ticket", "")]
