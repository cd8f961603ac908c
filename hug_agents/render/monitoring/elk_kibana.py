"""Kibana: a data view, searches and a dashboard as saved objects, and rules by ES|QL, each with an entry in the runbook."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hug_agents import slo as objectives
from hug_agents.render.monitoring.prometheus_rules import RUNBOOK, duration
from hug_agents.render.monitoring.streams import dead_dataset, pattern, space, stream
from hug_agents.slo import Slo, number
from hug_agents.spec import DeploymentSpec, Environment, Trigger

PAGE, TICKET = "page", "ticket"
"""The ids of the connectors, which kibana.yml sets up before any rule: their keys are in Kibana's keystore."""
_TRIGGER_MINUTES = 2
_SILENT_MINUTES = 15


def identity(*parts: str) -> str:
    """A UUID that is always the same: Kibana takes no other id for a rule, as rules hold encrypted attributes."""
    return str(uuid.UUID(bytes=hashlib.sha256("\0".join(parts).encode()).digest()[:16], version=4))


# --- Saved objects --------------------------------------------------------------------------------------------------


def saved_objects(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """POST api/saved_objects/_import, one object a line."""
    view = identity(spec.application, "view")
    searches = [
        ("errors", "Errors", 'log.level:("error" or "critical" or "fatal")', ["service.name", "log.level", "message"]),
        (
            "failed",
            "Failed requests",
            "http.response.status_code >= 500",
            ["service.name", "http.request.method", "url.path", "http.response.status_code", "event.duration"],
        ),
        ("redacted", "Lines with a secret taken out", 'message:"redacted"', ["service.name", "message"]),
    ]
    found: list[dict[str, Any]] = [_view(spec, view)]
    found += [_search(spec, view, *row) for row in searches]
    found.append(_dashboard(spec, view, [row[0] for row in searches]))
    return found


def _view(spec: DeploymentSpec, view: str) -> dict[str, Any]:
    return {
        "type": "index-pattern",
        "id": view,
        "attributes": {"title": pattern(spec), "name": f"{spec.application} logs", "timeFieldName": "@timestamp"},
        "references": [],
    }


def _search(spec: DeploymentSpec, view: str, name: str, title: str, kuery: str, columns: list[str]) -> dict[str, Any]:
    source = {
        "query": {"query": kuery, "language": "kuery"},
        "filter": [],
        "indexRefName": "kibanaSavedObjectMeta.searchSourceJSON.index",
    }
    return {
        "type": "search",
        "id": identity(spec.application, "search", name),
        "attributes": {
            "title": f"{spec.application}: {title}",
            "description": "",
            "columns": columns,
            "sort": [["@timestamp", "desc"]],
            "kibanaSavedObjectMeta": {"searchSourceJSON": _json(source)},
        },
        "references": [{"type": "index-pattern", "id": view, "name": "kibanaSavedObjectMeta.searchSourceJSON.index"}],
    }


def _dashboard(spec: DeploymentSpec, view: str, searches: list[str]) -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    references: list[dict[str, str]] = []
    for number_, (title, field, operation) in enumerate(
        (
            ("Lines by service", "service.name", "count"),
            ("Answers by status", "http.response.status_code", "count"),
        )
    ):
        key = f"lens-{number_}"
        attributes, inner = _lens(title, field, operation, view)
        panels.append(_panel(key, "lens", title, 24 * number_, 0, 24, {"attributes": attributes}))
        references += [{**item, "name": f"{key}:{item['name']}"} for item in inner]
    for row, name in enumerate(searches):
        key = f"search-{name}"
        panels.append(_panel(key, "search", "", 0, 12 + 15 * row, 48, {}) | {"panelRefName": f"panel_{key}"})
        references.append(
            {"type": "search", "id": identity(spec.application, "search", name), "name": f"{key}:panel_{key}"}
        )
    return {
        "type": "dashboard",
        "id": identity(spec.application, "dashboard"),
        "attributes": {
            "title": f"{spec.application}: logs",
            "description": "Lines and answers by service, errors, failed requests.",
            "timeRestore": True,
            "timeFrom": "now-3h",
            "timeTo": "now",
            "optionsJSON": _json({"useMargins": True, "hidePanelTitles": False, "syncCursor": True}),
            "panelsJSON": _json(panels),
            "kibanaSavedObjectMeta": {
                "searchSourceJSON": _json({"query": {"query": "", "language": "kuery"}, "filter": []})
            },
        },
        "references": references,
    }


def _panel(key: str, kind: str, title: str, x: int, y: int, width: int, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "panelIndex": key,
        "gridData": {"x": x, "y": y, "w": width, "h": 12 if kind == "lens" else 15, "i": key},
        "embeddableConfig": {"enhancements": {}, **more},
        **({"title": title} if title else {}),
    }


def _lens(title: str, field: str, operation: str, view: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """A bar a time bucket, divided by a field."""
    layer = {
        "columnOrder": ["split", "time", "value"],
        "columns": {
            "split": {
                "label": field,
                "dataType": "string" if field == "service.name" else "number",
                "operationType": "terms",
                "sourceField": field,
                "isBucketed": True,
                "scale": "ordinal",
                "params": {
                    "size": 10,
                    "orderBy": {"type": "column", "columnId": "value"},
                    "orderDirection": "desc",
                    "otherBucket": True,
                    "missingBucket": False,
                },
            },
            "time": {
                "label": "@timestamp",
                "dataType": "date",
                "operationType": "date_histogram",
                "sourceField": "@timestamp",
                "isBucketed": True,
                "scale": "interval",
                "params": {"interval": "auto", "includeEmptyRows": True},
            },
            "value": {
                "label": "Lines",
                "dataType": "number",
                "operationType": operation,
                "sourceField": "___records___",
                "isBucketed": False,
                "scale": "ratio",
                "params": {"emptyAsNull": True},
            },
        },
        "incompleteColumns": {},
    }
    references = [{"type": "index-pattern", "id": view, "name": "indexpattern-datasource-layer-main"}]
    attributes = {
        "title": title,
        "visualizationType": "lnsXY",
        "type": "lens",
        "references": references,
        "state": {
            "query": {"query": "", "language": "kuery"},
            "filters": [],
            "datasourceStates": {"formBased": {"layers": {"main": layer}}},
            "visualization": {
                "preferredSeriesType": "bar_stacked",
                "legend": {"isVisible": True, "position": "right"},
                "valueLabels": "hide",
                "layers": [
                    {
                        "layerId": "main",
                        "layerType": "data",
                        "seriesType": "bar_stacked",
                        "xAccessor": "time",
                        "splitAccessor": "split",
                        "accessors": ["value"],
                    }
                ],
            },
        },
    }
    return attributes, references


# --- Rules ----------------------------------------------------------------------------------------------------------


def rules(spec: DeploymentSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """File name and body of POST api/alerting/rule/ID, one a condition. The id is `identity(APPLICATION, FILE NAME)`."""
    for place in objectives.promised_environments(spec):
        for slo in objectives.slos(spec):
            for burn in slo.burns():
                long, short = burn.long_minutes, burn.short_minutes
                yield _rule(
                    spec,
                    place,
                    objectives.burn_alert(slo, burn),
                    burn.severity,
                    _burning(spec, place, slo, long, short, burn.ratio),
                    minutes=long,
                    detail=f"More than {number(burn.ratio * 100)} % of the requests of the last {duration(long)} and of "
                    f"the last {duration(short)} were bad. {slo.outlook(burn)}",
                    more=slo.id,
                )
            for name in slo.services:
                yield _rule(
                    spec,
                    place,
                    objectives.NO_DATA,
                    "ticket",
                    f"{_from(spec, place, 15, name)} AND http.response.status_code IS NOT NULL"
                    "\n| STATS lines = COUNT(*)\n| WHERE lines == 0",
                    minutes=15,
                    detail=f"«{slo.sentence}» cannot be judged: {name} logs no answers with a status.",
                    more=f"{slo.id}.{name}",
                )
        for service in spec.services:
            if service.kind != "job":
                yield _rule(
                    spec,
                    place,
                    objectives.LOGS_MISSING,
                    "ticket",
                    f"{_from(spec, place, _SILENT_MINUTES, service.name)}\n| STATS lines = COUNT(*)\n| WHERE lines == 0",
                    minutes=_SILENT_MINUTES,
                    detail=f"{service.name} has logged nothing for {_SILENT_MINUTES} minutes.",
                    more=service.name,
                )
        dead = f"logs-{dead_dataset(spec)}-{space(place)}"
        yield _rule(
            spec,
            place,
            objectives.DEAD_LETTERS,
            "ticket",
            # Named beside the stream that there always is: a query for a stream that does not exist yet is an error.
            f"FROM {stream(spec, place)}, {dead}*\n"
            f'| WHERE @timestamp > NOW() - 15 minutes AND data_stream.dataset == "{dead_dataset(spec)}"\n'
            "| STATS lines = COUNT(*)\n| WHERE lines > 0",
            minutes=15,
            detail="Elasticsearch has refused lines; each is kept with the reason.",
        )
    for place in spec.environments:
        for trigger in objectives.watched_triggers(spec):
            if trigger.metric != "health":
                yield _trigger(spec, place, trigger)


def _from(spec: DeploymentSpec, place: Environment, minutes: int, *services: str) -> str:
    named = ", ".join(json.dumps(name) for name in services)
    return f"FROM {stream(spec, place)}\n| WHERE @timestamp > NOW() - {minutes} minutes AND service.name IN ({named})"


def _bad(threshold_ms: int | None) -> str:
    if threshold_ms is None:
        return "http.response.status_code >= 500"
    return f"event.duration > {threshold_ms * 1_000_000}"


def _burning(spec: DeploymentSpec, place: Environment, slo: Slo, long: int, short: int, ratio: Decimal) -> str:
    """Both windows in one query, so that an alert means both."""
    return (
        f"{_from(spec, place, long, *slo.services)} AND http.response.status_code IS NOT NULL\n"
        f"| EVAL bad = CASE({_bad(slo.threshold_ms)}, 1.0, 0.0), late = CASE(@timestamp > NOW() - {short} minutes, 1.0, 0.0)\n"
        "| STATS long_share = AVG(bad), late_bad = SUM(bad * late), late_all = SUM(late) BY service.name\n"
        f"| WHERE late_all > 0 AND long_share > {number(ratio)} AND late_bad / late_all > {number(ratio)}"
    )


def _trigger(spec: DeploymentSpec, place: Environment, trigger: Trigger) -> tuple[str, dict[str, Any]]:
    minutes = max(_TRIGGER_MINUTES, -(-trigger.for_seconds // 60))
    names = [service.name for service in spec.web_services]
    start = f"{_from(spec, place, minutes, *names)} AND http.response.status_code IS NOT NULL\n"
    if trigger.metric == "error_rate":
        limit = number(Decimal(str(trigger.threshold or 0)) / 100)
        query = (
            f"{start}| EVAL bad = CASE({_bad(None)}, 1.0, 0.0)\n| STATS share = AVG(bad) BY service.name\n"
            f"| WHERE share > {limit}"
        )
    else:
        limit = number(Decimal(str(trigger.threshold or 0)) * 1_000_000)
        query = f"{start}| STATS slow = PERCENTILE(event.duration, 99) BY service.name\n| WHERE slow > {limit}"
    return _rule(
        spec,
        place,
        objectives.trigger_alert(trigger),
        objectives.trigger_severity(trigger),
        query,
        minutes=minutes,
        detail="If a release is under way, it is to be rolled back.",
        more=objectives.trigger_id(trigger),
    )


def _rule(
    spec: DeploymentSpec,
    place: Environment,
    alert: tuple[str, str],
    severity: objectives.Severity,
    esql: str,
    *,
    minutes: int,
    detail: str,
    more: str = "",
) -> tuple[str, dict[str, Any]]:
    name, says = alert
    woken = severity == "page" and place in objectives.promised_environments(spec)
    file = ".".join(part for part in (place.name, name.lower(), more) if part)
    runbook = f"{RUNBOOK}#{name.lower()}"
    text = f"{spec.application} in {place.name}: {says}. {detail} Runbook: {runbook}"
    return file, {
        "name": " ".join(part for part in (name, spec.application, place.name, more) if part),
        "rule_type_id": ".es-query",
        "consumer": "stackAlerts",
        "enabled": True,
        "tags": ["hug-agents", spec.application, place.name, name.lower()],
        "schedule": {"interval": "1m" if minutes <= 60 else "5m"},
        "params": {
            "searchType": "esqlQuery",
            "esqlQuery": {"esql": esql},
            "timeField": "@timestamp",
            "timeWindowSize": minutes,
            "timeWindowUnit": "m",
            "size": 0,
            "threshold": [0],
            "thresholdComparator": ">",
            "groupBy": "all",
            "aggType": "count",
            "excludeHitsFromPreviousRun": False,
        },
        "actions": list(_actions(name, text, woken)),
    }


def _actions(name: str, text: str, woken: bool) -> Iterator[dict[str, Any]]:
    """Told when it begins and when it is over; a page again every hour."""
    often = {"summary": False, "notify_when": "onThrottleInterval", "throttle": "1h" if woken else "12h"}
    over = {"summary": False, "notify_when": "onActionGroupChange", "throttle": None}
    if woken:
        key = "{{rule.id}}:{{alert.id}}"
        yield {
            "id": PAGE,
            "group": "query matched",
            "frequency": often,
            "params": {
                "eventAction": "trigger",
                "dedupKey": key,
                "severity": "critical",
                "summary": f"{name}: {text}"[:1000],
            },
        }
        yield {
            "id": PAGE,
            "group": "recovered",
            "frequency": over,
            "params": {"eventAction": "resolve", "dedupKey": key},
        }
        return
    for group, frequency in (("query matched", often), ("recovered", over)):
        state = "" if group == "query matched" else "over: "
        yield {"id": TICKET, "group": group, "frequency": frequency, "params": {"message": f"{state}{name}: {text}"}}


def connectors() -> dict[str, Any]:
    """kibana.yml: the connectors by fixed ids. Their secrets are in Kibana's keystore, under the same setting's name."""
    return {
        "xpack.actions.preconfigured": {
            PAGE: {
                "name": "Pages",
                "actionTypeId": ".pagerduty",
                "config": {"apiUrl": "https://events.pagerduty.com/v2/enqueue"},
            },
            TICKET: {"name": "Tickets", "actionTypeId": ".slack"},
        }
    }


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
