"""Prometheus: rules from the objectives, their unit tests, what is scraped, and where alerts go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from hug_agents import slo as objectives
from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.monitoring.prometheus_config import (
    NOMAD_AGENT,
    SECRETS,
    alertmanager_config,
    kubernetes_scrape,
    prometheus_config,
)
from hug_agents.render.monitoring.prometheus_presence_tests import presence_tests
from hug_agents.render.monitoring.prometheus_rules import (
    budget_groups,
    duration,
    presence_groups,
    recording_groups,
    rollback_groups,
)
from hug_agents.render.monitoring.prometheus_tests import budget_tests, no_data_tests, trigger_tests
from hug_agents.render.naming import DURATION_METRIC, PROMETHEUS, REQUESTS_METRIC, metrics_port, stack_name
from hug_agents.render.templating import fill, yaml_documents
from hug_agents.slo import Slo, number
from hug_agents.spec import DeploymentSpec

_RULES: tuple[tuple[str, str, Callable[[DeploymentSpec], list[dict[str, Any]]]], ...] = (
    ("recording", "The share of bad requests, over each window that an alert asks for.", recording_groups),
    ("budgets", "Alerts on error budgets that burn too fast. Each has an entry in docs/runbook.md.", budget_groups),
    ("rollback", "Alerts on what rolls a release back. Each has an entry in docs/runbook.md.", rollback_groups),
    ("presence", "Alerts on what is not there. Each has an entry in docs/runbook.md.", presence_groups),
)
_HEADER = "The rules, and what is scraped. See README.md for what the services must report."
_KUBERNETES_HEADER = "The rules. What is scraped is in scrape-kubernetes.yml: its items go below scrape_configs."
_SCRAPE_HEADER = (
    "How Prometheus finds the pods: it asks the cluster that it runs in. Put these items below `scrape_configs`, or\n"
    "give them to the Prometheus that the cluster has: `additionalScrapeConfigs` of the operator, for one."
)


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """Write `monitoring/prometheus/`."""
    spec = blueprint.spec
    groups = {name: write(spec) for name, _, write in _RULES}
    for name, header, _ in _RULES:
        if groups[name]:
            yield _file(f"rules/{name}.yml", {"groups": groups[name]}, header)
    for name, interval, needs, tests in _tests(spec):
        needed = [need for need in needs if groups[need]]
        yield _file(
            f"tests/{name}.yml",
            {
                "rule_files": [f"../rules/{need}.yml" for need in needed],
                "evaluation_interval": interval,
                # promtool takes groups in no order of its own, and an alert must see what was just recorded.
                "group_eval_order": [group["name"] for need in needed for group in groups[need]],
                "tests": tests,
            },
            f"promtool test rules {PROMETHEUS}/tests/{name}.yml",
        )
    scrape = kubernetes_scrape(spec)
    yield _file("prometheus.yml", prometheus_config(spec), _KUBERNETES_HEADER if scrape else _HEADER)
    if scrape:
        yield _file("scrape-kubernetes.yml", scrape, _SCRAPE_HEADER)
    yield _file("alertmanager.yml", alertmanager_config(spec), f"Keys and addresses are read from files in {SECRETS}.")
    if _needs_targets(spec):
        yield _text("ecs-targets.sh", _ecs_targets(spec), executable=True)
    yield _text("README.md", _readme(spec))


def _tests(spec: DeploymentSpec) -> Iterable[tuple[str, str, tuple[str, ...], list[dict[str, Any]]]]:
    """Name, how often the rules are evaluated, the rule files that are looked at, the tests."""
    for slo in objectives.slos(spec):
        for interval, tests in budget_tests(spec, slo).items():
            yield f"{slo.id}.{interval}", interval, ("recording", "budgets"), tests
    if tests := trigger_tests(spec):
        yield "rollback", "30s", ("rollback",), tests
    missing = [test for slo in objectives.slos(spec) for test in no_data_tests(spec, slo)]
    yield "presence", "1m", ("recording", "presence"), [*missing, *presence_tests(spec)]


def _readme(spec: DeploymentSpec) -> str:
    found = objectives.slos(spec)
    scraped = objectives.scraped(spec)
    return fill(
        "monitoring",
        "templates/prometheus_readme.md.j2",
        application=spec.application,
        recording=bool(found),
        secrets=SECRETS,
        targets=_needs_targets(spec),
        kubernetes=bool(kubernetes_scrape(spec)),
        nomad=NOMAD_AGENT
        if any("nomad_sd_configs" in item for item in prometheus_config(spec)["scrape_configs"])
        else "",
        state_metrics=bool(objectives.cluster_watched(spec, "worker") or objectives.cluster_watched(spec, "job")),
        slos=[{"sentence": slo.sentence, "services": ", ".join(slo.services), "needs": _needs(slo)} for slo in found],
        latency=any(slo.threshold_ms for slo in found),
        unscraped=", ".join(service.name for service in spec.web_services if service not in scraped),
        burns=[
            {
                "sentence": slo.sentence,
                "speed": burn.speed,
                "severity": burn.severity,
                "windows": f"{duration(burn.long_minutes)} and {duration(burn.short_minutes)}",
                "rate": f"{number(round(burn.rate, 2))} x",
                "above": f"{number(burn.ratio * 100)} %",
            }
            for slo in found
            for burn in slo.burns()
        ],
        places=", ".join(item.name for item in objectives.promised_environments(spec)),
        unmeasured=objectives.unmeasured(spec),
    )


def _needs(slo: Slo) -> str:
    if slo.threshold_ms is None:
        return f"{REQUESTS_METRIC}{{service, environment, code}}"
    return f'{DURATION_METRIC}_bucket{{service, environment, le="{number(Decimal(slo.threshold_ms) / 1000)}"}}'


def _needs_targets(spec: DeploymentSpec) -> bool:
    return spec.toolchain.runtime == "ecs" and bool(objectives.scraped(spec))


def _ecs_targets(spec: DeploymentSpec) -> str:
    return fill(
        "monitoring",
        "templates/ecs_targets.sh.j2",
        environments=[{"name": item.name, "cluster": stack_name(spec, item)} for item in spec.environments],
        services=json.dumps(
            [
                {"service": service.name, "port": metrics_port(service), "path": service.metrics_path}
                for service in objectives.scraped(spec)
            ]
        ),
    )


def _file(path: str, document: Any, header: str) -> Artifact:
    return _text(path, yaml_documents(document, header=header))


def _text(path: str, content: str, *, executable: bool = False) -> Artifact:
    return Artifact(
        path=f"{PROMETHEUS}/{path}", content=content, system="prometheus", owner="devops", executable=executable
    )
