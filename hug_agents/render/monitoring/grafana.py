"""Grafana: dashboards, and what they are read from. It never stands alone: alerts are raised by the Prometheus beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from hug_agents import slo as objectives
from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.monitoring.grafana_dashboards import dashboards, uses_cloudwatch
from hug_agents.render.monitoring.grafana_panels import cloudwatch, elasticsearch, prometheus, uid
from hug_agents.render.monitoring.streams import pattern
from hug_agents.render.naming import GRAFANA
from hug_agents.render.templating import fill, json_document, yaml_documents
from hug_agents.spec import DeploymentSpec

_SOURCES = "Where the dashboards read. Addresses come from the environment of the Grafana process, keys from files."
_SECRETS = "/etc/grafana/secrets"
"""Where the key for Elasticsearch lies."""


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """Write `monitoring/grafana/`."""
    spec = blueprint.spec
    for name, board in dashboards(spec).items():
        yield _text(f"dashboards/{name}.json", json_document(board))
    yield _file("provisioning/datasources/datasources.yaml", datasources(spec), _SOURCES)
    yield _file("provisioning/dashboards/dashboards.yaml", _provider(spec), "Where the dashboards lie.")
    yield _text(
        "README.md",
        fill(
            "monitoring",
            "templates/grafana_readme.md.j2",
            spec=spec,
            environments=", ".join(item.name for item in spec.environments),
            objectives=bool(objectives.slos(spec)),
            variables=tuple(_variables(spec)),
            elasticsearch="elk" in spec.toolchain.monitors,
            secrets=_SECRETS,
        ),
    )


def _variables(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    yield "PROMETHEUS_URL", "of the Prometheus that has the series"
    yield "ALERTMANAGER_URL", "of the Alertmanager"
    if "elk" in spec.toolchain.monitors:
        yield "ELASTICSEARCH_URL", "of Elasticsearch"


def datasources(spec: DeploymentSpec) -> dict[str, Any]:
    """provisioning/datasources/datasources.yaml."""
    return {"apiVersion": 1, "datasources": [{"orgId": 1, **source} for source in _sources(spec)]}


def _sources(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    yield {
        "name": f"{spec.application} Prometheus",
        **prometheus(spec),
        "access": "proxy",
        "url": "$__env{PROMETHEUS_URL}",
        "editable": False,
        "jsonData": {
            "httpMethod": "POST",
            "prometheusType": "Prometheus",
            "timeInterval": "30s",
            "manageAlerts": False,
        },
    }
    yield {
        "name": f"{spec.application} Alertmanager",
        "type": "alertmanager",
        "uid": uid(spec, "alertmanager"),
        "access": "proxy",
        "url": "$__env{ALERTMANAGER_URL}",
        "editable": False,
        "jsonData": {"implementation": "prometheus", "handleGrafanaManagedAlerts": False},
    }
    if uses_cloudwatch(spec):
        region = next((item.region for item in spec.environments if item.cloud == "aws" and item.region), "us-east-1")
        yield {
            "name": f"{spec.application} CloudWatch",
            **cloudwatch(spec),
            "access": "proxy",
            "editable": False,
            # The role of the machine or pod that Grafana runs on; no key is kept.
            "jsonData": {"authType": "default", "defaultRegion": region},
        }
    if "elk" in spec.toolchain.monitors:
        yield {
            "name": f"{spec.application} logs",
            **elasticsearch(spec),
            "access": "proxy",
            "url": "$__env{ELASTICSEARCH_URL}",
            "editable": False,
            "jsonData": {
                "index": pattern(spec),
                "timeField": "@timestamp",
                "logMessageField": "message",
                "logLevelField": "log.level",
                "httpHeaderName1": "Authorization",
            },
            "secureJsonData": {"httpHeaderValue1": f"ApiKey $__file{{{_SECRETS}/elasticsearch-api-key}}"},
        }


def _provider(spec: DeploymentSpec) -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": spec.application,
                "orgId": 1,
                "folder": spec.application,
                "folderUid": uid(spec, "folder"),
                "type": "file",
                "disableDeletion": True,
                "allowUiUpdates": False,
                "updateIntervalSeconds": 30,
                "options": {"path": f"/etc/grafana/dashboards/{spec.application}", "foldersFromFilesStructure": False},
            }
        ],
    }


def _file(path: str, document: Any, header: str) -> Artifact:
    return _text(path, yaml_documents(document, header=header))


def _text(path: str, content: str) -> Artifact:
    return Artifact(path=f"{GRAFANA}/{path}", content=content, system="grafana", owner="devops")
