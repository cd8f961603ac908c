"""PromQL in dashboards and Grafana's rules: each query parses, and asks only for series and labels that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from hug_agents import slo as objectives
from hug_agents.bundle import Bundle
from hug_agents.render.naming import DURATION_METRIC, REQUESTS_METRIC
from hug_agents.spec import DeploymentSpec
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.located import Located, Malformed, documents
from hug_agents.validate.program import ProgramGate
from hug_agents.validate.promtool import prometheus_files

_MACROS = re.compile(r"\$(?:__rate_interval|__interval|__range)\b|\$\{__(?:rate_interval|interval|range)\}")
_REQUEST_LABELS = frozenset(("service", "environment", "code", "instance", "job", "track", "method"))
_CLUSTER = frozenset(("namespace", "deployment", "job_name", "cronjob", "pod", "container", "job", "instance"))
_ALERT = frozenset(("alertname", "alertstate", "severity", "service", "environment", "slo", "trigger", "action"))


class Query(NamedTuple):
    """One expression and where it stands."""

    expr: str
    file: str
    line: int


def queries(bundle: Bundle) -> Iterator[Query]:
    """Every PromQL expression that Grafana would send."""
    for item in bundle:
        if not grafana_file(item.path):
            continue
        try:
            read = documents(item.content)
        except Malformed:
            continue  # the gate `grafana` says so
        for document in read:
            for path, expr in _exprs(document.data, ()):
                yield Query(expr, item.path, document.line(*path))


def grafana_file(path: str) -> bool:
    """A dashboard, or what provisions them."""
    return "/grafana/" in f"/{path}" and path.endswith((".json", ".yaml", ".yml"))


def _exprs(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, dict):
        kind = value.get("datasource")
        if isinstance(kind, dict) and kind.get("type") == "prometheus" and isinstance(value.get("expr"), str):
            yield (*path, "expr"), value["expr"]
        for key, inner in value.items():
            yield from _exprs(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _exprs(inner, (*path, index))


class Matcher(NamedTuple):
    """`label="value"`, or another comparison."""

    label: str
    value: str
    equal: bool


class Selector(NamedTuple):
    """One selector of an expression: the metric (empty: it names none) and what its labels must match."""

    metric: str
    matchers: tuple[Matcher, ...]


def selectors(expr: str) -> tuple[Selector, ...]:
    """Every selector of an expression, each once, as promql-parser reads it. Raises ValueError where it is not PromQL."""
    import promql_parser

    found: list[Selector] = []

    def visit(node: Any) -> None:
        node = getattr(node, "vector_selector", node)  # of a range
        if not isinstance(node, promql_parser.VectorSelector):
            return
        rows = [Matcher(row.name, row.value, row.op == promql_parser.MatchOp.Equal) for row in node.matchers.matchers]
        named = [row.value for row in rows if row.label == "__name__" and row.equal]
        matchers = tuple(row for row in rows if row.label != "__name__")
        found.append(Selector(node.name or next(iter(named), ""), matchers))

    promql_parser.walk(promql_parser.parse(expr), visit)
    return tuple(dict.fromkeys(found))


class PromQL(ProgramGate):
    """Parsed by promql-parser, which also tells the selectors. What nothing in the bundle exports is a finding."""

    name = "promql"
    tool = "promql-parser"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(dict.fromkeys(query.file for query in queries(bundle)))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        known = exported(workspace.blueprint.spec, workspace.bundle)
        return tuple(finding for query in queries(workspace.bundle) for finding in self._judge(query, known))

    def _judge(self, query: Query, known: dict[str, frozenset[str]]) -> Iterator[Finding]:
        try:
            asked = selectors(_MACROS.sub("5m", query.expr))
        except ValueError as error:
            said = " ".join(str(error).split())
            yield self.finding("parse", f"{query.expr[:200]!r}: {said}", file=query.file, line=query.line)
            return
        for name, matchers in asked:
            labels = {item.label for item in matchers}
            if name not in known:
                yield self.finding(
                    "unknown-metric",
                    f"nothing in this bundle exports {name or 'a series without a name'}",
                    file=query.file,
                    line=query.line,
                    remedy=f"one of: {', '.join(sorted(known))}",
                )
            elif strange := sorted(labels - known[name]):
                yield self.finding(
                    "unknown-label",
                    f"{name} has no label {', '.join(strange)}",
                    file=query.file,
                    line=query.line,
                    remedy=f"it has: {', '.join(sorted(known[name]))}",
                )


def exported(spec: DeploymentSpec, bundle: Bundle) -> dict[str, frozenset[str]]:
    """The series that the files of a bundle make, each with the labels that it may have."""
    histogram = {f"{DURATION_METRIC}_{end}": _REQUEST_LABELS for end in ("count", "sum")}
    found = {
        REQUESTS_METRIC: _REQUEST_LABELS,
        **histogram,
        f"{DURATION_METRIC}_bucket": _REQUEST_LABELS | {"le"},
        "up": _REQUEST_LABELS - {"code", "method"},
    }
    if objectives.cluster_watched(spec, "worker") or objectives.cluster_watched(spec, "job"):
        for name in (
            "kube_deployment_status_replicas_available",
            "kube_job_status_failed",
            "kube_cronjob_next_schedule_time",
        ):
            found[name] = _CLUSTER
    for path in prometheus_files(bundle, "groups"):
        found["ALERTS"] = _ALERT
        for name, labels in _recorded(bundle[path].content):
            found[name] = found.get(name, frozenset()) | labels
    return found


def _recorded(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    try:
        read: tuple[Located, ...] = documents(text)
    except Malformed:
        return
    for document in read:
        for group in document.data.get("groups") or () if isinstance(document.data, dict) else ():
            for rule in group.get("rules") or ():
                if isinstance(rule.get("record"), str):
                    yield rule["record"], frozenset(("service", "environment", *(rule.get("labels") or {})))
