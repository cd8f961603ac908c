"""Datadog: one file a document of its API, and what the Agent is told by the workloads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents import slo as objectives
from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.monitoring.datadog_agent import component
from hug_agents.render.monitoring.datadog_dashboard import catalogue, dashboard, gates, percentiles, synthetics
from hug_agents.render.monitoring.datadog_monitors import monitors, slos
from hug_agents.render.monitoring.datadog_queries import DURATION, REQUESTS, timeframe
from hug_agents.render.naming import DATADOG, KUBERNETES
from hug_agents.render.orchestration.kubernetes_overlays import workloads
from hug_agents.render.templating import fill, json_document, yaml_documents
from hug_agents.spec import DeploymentSpec


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """Write `monitoring/datadog/`, and a component of the manifests on Kubernetes."""
    spec = blueprint.spec
    documents: list[tuple[str, dict[str, Any]]] = [
        *slos(spec),
        *monitors(spec),
        ("dashboards/overview.json", dashboard(spec)),
        *synthetics(spec),
        *catalogue(spec),
        *gates(spec),
    ]
    if spec.web_services:
        documents.append(("metrics/duration.json", percentiles()))
    for path, body in documents:
        yield _text(f"{DATADOG}/{path}", json_document(body))
    yield from _workloads(spec)
    yield _text(
        f"{DATADOG}/README.md",
        fill(
            "monitoring",
            "templates/datadog_readme.md.j2",
            spec=spec,
            kubernetes=spec.toolchain.runtime == "kubernetes",
            ecs=spec.toolchain.runtime == "ecs",
            requests=REQUESTS,
            duration=DURATION,
            rounded=[
                (slo.sentence, timeframe(slo))
                for slo in objectives.slos(spec)
                if timeframe(slo) != f"{slo.window_days}d"
            ],
            unmeasured=objectives.unmeasured(spec),
            unscraped=", ".join(item.name for item in spec.web_services if item not in objectives.scraped(spec)),
        ),
    )


def _workloads(spec: DeploymentSpec) -> Iterable[Artifact]:
    if spec.toolchain.runtime == "kubernetes":
        found = {service.name: list(workloads(spec, service)) for service in spec.services}
        for place in spec.environments:
            for name, value in component(spec, place, found):
                content = _component(value) if name == "kustomization.yaml" else yaml_documents(*value)
                yield _text(f"{KUBERNETES}/components/datadog/{place.name}/{name}", content)


def _component(value: dict[str, Any]) -> str:
    patches = [{"patch": yaml_documents(item["patch"])} for item in value["patches"]]
    return yaml_documents({**value, "patches": patches}, header="What the Datadog Agent reads of each workload.")


def _text(path: str, content: str) -> Artifact:
    return Artifact(path=path, content=content, system="datadog", owner="devops")
