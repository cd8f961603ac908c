"""Every PromQL expression of a bundle, whichever system it stands in: rules, dashboards, analyses of a rollout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hug_agents.validate.coherence.fact import Fact
from hug_agents.validate.coherence.promql import labels, metrics
from hug_agents.validate.located import Malformed, documents
from hug_agents.validate.policy.facts import Facts

_ENDS = (".yml", ".yaml", ".json", ".rules")
_OTHERS = (
    "up", "vector", "ALERTS", "ALERTS_FOR_STATE", "scrape_", "kube_", "container_", "node_", "prometheus_", "alertmanager_",
    "argo_", "rollout_", "nginx_", "traefik_", "istio_", "aws_", "process_", "go_", "python_", "nomad_", "probe_", "registry_",
)  # fmt: skip
"""Metrics that Prometheus itself or a well-known exporter reports, by how they begin."""


def facts(files: Facts) -> Iterator[Fact]:
    """Metrics that are recorded and asked for, and the services and environments that are asked about."""
    for artifact in files.bundle:
        if not artifact.path.endswith(_ENDS) or "/tests/" in artifact.path or artifact.path == "spec.json":
            continue
        if "expr" not in artifact.content and "prometheus" not in artifact.content:
            continue
        try:
            found = documents(artifact.content)
        except Malformed:
            continue
        for document in found:
            for path, key, value in _strings(document.data, ()):
                line = document.line(*path)
                if key == "record":
                    yield Fact("metric", value, "defines", artifact.path, line)
                elif key == "expr" or (key == "query" and "prometheus" in path):
                    yield from _asked(value, artifact.path, line)


def _asked(text: str, file: str, line: int) -> Iterator[Fact]:
    for name in metrics(text):
        if not name.startswith(_OTHERS):
            yield Fact("metric", name, "refers", file, line)
    for label, value in labels(text):
        yield Fact("service" if label == "service" else "environment", value, "refers", file, line)


def _strings(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                yield (*path, str(key)), str(key), item
            else:
                yield from _strings(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, (*path, index))
