"""What Prometheus scrapes and to whom Alertmanager speaks: the two configurations, as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents import slo as objectives
from hug_agents.render.monitoring.prometheus_rules import matching
from hug_agents.render.naming import labels, metrics_port, namespace
from hug_agents.render.orchestration.nomad_jobs import metrics_service
from hug_agents.spec import DeploymentSpec, Environment, Service

SECRETS = "/etc/alertmanager/secrets"
NOMAD_AGENT = "http://127.0.0.1:4646"
INTERVAL = "30s"
TARGETS = "targets/*.json"
"""ECS: one file an environment, kept up to date by ecs-targets.sh."""


def prometheus_config(spec: DeploymentSpec) -> dict[str, Any]:
    """prometheus.yml. What is found by asking a cluster is in `kubernetes_scrape`."""
    jobs: list[dict[str, Any]] = [
        {"job_name": "prometheus", "static_configs": [{"targets": ["localhost:9090"]}]},
        *(_files(spec) if spec.toolchain.runtime == "ecs" else ()),
        *(_nomad(spec) if spec.toolchain.runtime == "nomad" else ()),
    ]
    return {
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": ["rules/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]},
        "scrape_configs": jobs,
    }


def kubernetes_scrape(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """scrape-kubernetes.yml: a list, as the operator's `additionalScrapeConfigs` and the chart's values take it."""
    return list(_kubernetes(spec)) if spec.toolchain.runtime == "kubernetes" else []


def _files(spec: DeploymentSpec) -> Iterable[dict[str, Any]]:
    if objectives.scraped(spec):
        yield {"job_name": spec.application, "file_sd_configs": [{"files": [TARGETS], "refresh_interval": INTERVAL}]}


def _nomad(spec: DeploymentSpec) -> Iterable[dict[str, Any]]:
    """What Nomad's own service discovery lists. The agent beside Prometheus is asked; README.md says what it needs."""
    for place in spec.environments:
        for service in objectives.scraped(spec):
            yield {
                "job_name": f"{spec.application}/{place.name}/{service.name}",
                "metrics_path": service.metrics_path,
                "nomad_sd_configs": [
                    {"server": NOMAD_AGENT, "namespace": namespace(spec, place), "refresh_interval": INTERVAL}
                ],
                "relabel_configs": [
                    {
                        "source_labels": ["__meta_nomad_service"],
                        "regex": metrics_service(service),
                        "action": "keep",
                    },
                    {"target_label": "service", "replacement": service.name},
                    {"target_label": "environment", "replacement": place.name},
                    {"source_labels": ["__meta_nomad_service_alloc_id"], "target_label": "instance"},
                    {
                        "source_labels": ["__meta_nomad_tags"],
                        "regex": ".*,track=([a-z]+),.*",
                        "target_label": "track",
                    },
                ],
            }


def _kubernetes(spec: DeploymentSpec) -> Iterable[dict[str, Any]]:
    for place in spec.environments:
        for service in objectives.scraped(spec):
            yield _pods(spec, place, service)
    if objectives.cluster_watched(spec, "worker") or objectives.cluster_watched(spec, "job"):
        yield {
            "job_name": "kube-state-metrics",
            "honor_labels": True,  # its namespace and deployment labels speak of what it watches
            "kubernetes_sd_configs": [{"role": "endpoints"}],
            "relabel_configs": [
                {
                    "source_labels": [
                        "__meta_kubernetes_service_label_app_kubernetes_io_name",
                        "__meta_kubernetes_endpoint_port_name",
                    ],
                    "regex": "kube-state-metrics;http",
                    "action": "keep",
                }
            ],
        }


def _pods(spec: DeploymentSpec, place: Environment, service: Service) -> dict[str, Any]:
    selector = ",".join(f"{key}={value}" for key, value in labels(spec, service).items())
    return {
        "job_name": f"{spec.application}/{place.name}/{service.name}",
        "metrics_path": service.metrics_path,
        "kubernetes_sd_configs": [
            {
                "role": "pod",
                "namespaces": {"names": [namespace(spec, place)]},
                "selectors": [{"role": "pod", "label": selector}],
            }
        ],
        "relabel_configs": [
            {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Running", "action": "keep"},
            {
                "source_labels": ["__meta_kubernetes_pod_ip"],
                "target_label": "__address__",
                "replacement": f"$1:{metrics_port(service)}",
            },
            {"target_label": "service", "replacement": service.name},
            {"target_label": "environment", "replacement": place.name},
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "instance"},
            {"source_labels": ["__meta_kubernetes_pod_label_track"], "target_label": "track"},
        ],
    }


def alertmanager_config(spec: DeploymentSpec) -> dict[str, Any]:
    """alertmanager.yml: pages of production wake someone, everything else waits. Addresses and keys come from files."""
    places = matching("environment", (item.name for item in objectives.promised_environments(spec)))
    quiet = ["alertname", "service", "environment"]
    return {
        "route": {
            "receiver": "ticket",
            "group_by": quiet,
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [
                {
                    "receiver": "heartbeat",
                    "matchers": [f'alertname="{objectives.WATCHDOG[0]}"'],
                    "group_wait": "0s",
                    "repeat_interval": "5m",
                },
                {"receiver": "page", "matchers": ['severity="page"', places], "repeat_interval": "1h"},
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": [f'alertname="{objectives.SERVICE_DOWN[0]}"'],
                "target_matchers": [f'alertname=~"{objectives.INSTANCE_DOWN[0]}|{objectives.NO_DATA[0]}"'],
                "equal": ["service", "environment"],
            },
            {
                "source_matchers": ['severity="page"'],
                "target_matchers": ['severity="ticket"'],
                # An alert without an objective has no such label, and is not silenced by another one's page.
                "equal": ["service", "environment", "slo"],
            },
        ],
        "receivers": [
            {
                "name": "page",
                "pagerduty_configs": [{"routing_key_file": f"{SECRETS}/pagerduty-routing-key", "send_resolved": True}],
            },
            {
                "name": "ticket",
                "slack_configs": [
                    {
                        "api_url_file": f"{SECRETS}/slack-webhook-url",
                        "send_resolved": True,
                        "title": "{{ .CommonAnnotations.summary }}",
                        "text": "{{ range .Alerts }}{{ .Annotations.description }} {{ .Annotations.runbook_url }}\n{{ end }}",
                    }
                ],
            },
            {"name": "heartbeat"},
        ],
    }
