"""What an analysis of Argo Rollouts asks Prometheus for, against what this bundle makes Prometheus know.

A misspelt metric gives no data, and no data is neither good nor bad: a rollout would wait or pass unjudged, and nobody would
know why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.render.naming import DURATION_METRIC, REQUESTS_METRIC
from hug_agents.spec import DeploymentSpec
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.kubernetes_validate import ARGO_API, manifest_files, resources
from hug_agents.validate.located import Located, Malformed, documents
from hug_agents.validate.program import ProgramGate
from hug_agents.validate.promql import Selector, selectors

_OF_SERVICES = {
    REQUESTS_METRIC: {"code", "method"},
    f"{DURATION_METRIC}_bucket": {"code", "method", "le"},
    f"{DURATION_METRIC}_count": {"code", "method"},
    f"{DURATION_METRIC}_sum": {"code", "method"},
    "up": set[str](),
}
"""What each scraped service reports, as monitoring/prometheus/README.md asks of it; beside the labels of its scrape job."""
_ARGUMENT = re.compile(r"\{\{\s*args\.([\w-]+)\s*\}\}")
_ANY = "ANYTHING"
"""Stands where an argument is known to Argo alone."""


@dataclass
class Known:
    """What Prometheus will know."""

    jobs: list[dict[str, str | None]] = field(default_factory=list)
    """The labels of each scrape job: their values, None where each target has its own."""
    recorded: set[str] = field(default_factory=set)


class AnalysisMetrics(ProgramGate):
    """Metric names, label names, and the values of labels that a scrape job sets."""

    name = "analysis metrics"
    tool = "promql-parser"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(path for path in manifest_files(bundle) if any(_templates(bundle[path].content)))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        known = known_series(workspace.bundle)
        stated = _stated(workspace.blueprint.spec)
        findings: list[Finding] = []
        for path in files:
            for document in _templates(workspace.bundle[path].content):
                spec = document.data.get("spec") or {}
                for number, metric in enumerate(spec.get("metrics") or ()):
                    where = ("spec", "metrics", number, "provider", "prometheus", "query")
                    query = ((metric.get("provider") or {}).get("prometheus") or {}).get("query")
                    if not isinstance(query, str):
                        continue
                    for metric_name, message in unknown(_filled(query), known):
                        own = metric_name in stated
                        findings.append(
                            self.finding(
                                "unknown-series",
                                f"{document.data['metadata']['name']}, {metric.get('name')}: {message}"
                                + ("; the request names it, and nothing here says that it exists" if own else ""),
                                severity="warning" if own else "error",
                                file=path,
                                line=document.line(*where),
                            )
                        )
        return tuple(dict.fromkeys(findings))


def unknown(query: str, known: Known) -> Iterator[tuple[str, str]]:
    """The metric and the reason, for every part of a query that no series will ever meet."""
    try:
        asked = selectors(query)
    except ValueError as error:
        yield "", f"this is not PromQL: {error}"
        return
    for item in asked:
        if item.metric in known.recorded:
            continue
        if item.metric not in _OF_SERVICES:
            yield item.metric, f"nothing in this bundle exports or records {item.metric or 'a series without a name'}"
        else:
            yield from ((item.metric, said) for said in _unmet(item, known))


def _unmet(item: Selector, known: Known) -> Iterator[str]:
    if not known.jobs:
        yield f"{item.metric} is asked for, and this bundle scrapes no service"
        return
    own = _OF_SERVICES[item.metric]
    labels = own | {label for job in known.jobs for label in job} | {"instance", "job"}
    for matcher in item.matchers:
        if matcher.label not in labels:
            yield f"{item.metric} has no label {matcher.label}; it has {', '.join(sorted(labels))}"
    wanted = {one.label: one.value for one in item.matchers if one.equal and _ANY not in one.value}
    if not any(all(job.get(key) in (None, value) for key, value in wanted.items() if key in job) for job in known.jobs):
        said = ", ".join(f"{key}={value}" for key, value in wanted.items())
        yield f"no scrape job has series of {item.metric} with {said}"


def known_series(bundle: Bundle) -> Known:
    """What the Prometheus configuration of a bundle scrapes and records."""
    known = Known()
    for item in bundle:
        if item.system != "prometheus" and "prometheus" not in item.path:
            continue
        if not item.path.endswith((".yml", ".yaml")):
            continue
        try:
            read = documents(item.content)
        except Malformed:
            continue
        for document in read:
            data = document.data
            jobs = data if isinstance(data, list) else data.get("scrape_configs") if isinstance(data, dict) else ()
            known.jobs += [_labels(job) for job in jobs or () if isinstance(job, dict) and _of_service(job)]
            for group in (data.get("groups") or ()) if isinstance(data, dict) else ():
                rules = group.get("rules") if isinstance(group, dict) else None
                known.recorded |= {
                    rule["record"] for rule in rules or () if isinstance(rule, dict) and "record" in rule
                }
    return known


def _of_service(job: dict[str, Any]) -> bool:
    return "service" in _labels(job)


def _labels(job: dict[str, Any]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for row in job.get("relabel_configs") or ():
        label = row.get("target_label") if isinstance(row, dict) else None
        if isinstance(label, str) and not label.startswith("__"):
            fixed = row.get("replacement") if "source_labels" not in row else None
            found[label] = fixed if isinstance(fixed, str) else None
    return found


def _templates(text: str) -> Iterator[Located]:
    for document in resources(text):
        api, kind = str(document.data["apiVersion"]), document.data.get("kind")
        if api.startswith(ARGO_API) and kind in ("AnalysisTemplate", "ClusterAnalysisTemplate"):
            yield document


def _filled(query: str) -> str:
    """The query with a word for each argument; a range takes a duration."""
    ranged = re.sub(r"\[\s*\{\{\s*args\.[\w-]+\s*\}\}\s*\]", "[5m]", query)
    return _ARGUMENT.sub(_ANY, ranged)


def _stated(spec: DeploymentSpec) -> set[str]:
    """The metrics that the request itself names in its queries."""
    found: set[str] = set()
    for query in spec.analysis.queries if spec.analysis else ():
        try:
            found |= {item.metric for item in selectors(query.promql.replace("{{version}}", _ANY))}
        except ValueError:
            found.add("")
    return found
