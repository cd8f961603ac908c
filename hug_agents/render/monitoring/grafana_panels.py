"""The parts of a Grafana dashboard: panels, queries, thresholds, and where each stands. Dashboard schema version 41."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from hug_agents.render.naming import short
from hug_agents.spec import DeploymentSpec

SCHEMA = 41
WIDTH = 24
_HEIGHT = 8


class Row(NamedTuple):
    """A heading and the panels below it, as many side by side as fit."""

    title: str
    panels: tuple[dict[str, Any], ...]


def uid(spec: DeploymentSpec, name: str) -> str:
    """A stable uid, unique among applications that share a Grafana: at most 40 characters."""
    return short(spec.application, name, limit=40)


def prometheus(spec: DeploymentSpec) -> dict[str, str]:
    """The reference to the provisioned Prometheus."""
    return {"type": "prometheus", "uid": uid(spec, "prometheus")}


def cloudwatch(spec: DeploymentSpec) -> dict[str, str]:
    """The reference to the provisioned CloudWatch."""
    return {"type": "cloudwatch", "uid": uid(spec, "cloudwatch")}


def elasticsearch(spec: DeploymentSpec) -> dict[str, str]:
    """The reference to the provisioned Elasticsearch."""
    return {"type": "elasticsearch", "uid": uid(spec, "elasticsearch")}


def query(source: dict[str, str], expr: str, legend: str, *, instant: bool = False) -> dict[str, Any]:
    """A PromQL target; the panel gives it its letter."""
    return {
        "datasource": source,
        "editorMode": "code",
        "expr": expr,
        "legendFormat": legend,
        "instant": instant,
        "range": not instant,
    }


def thresholds(*limits: float) -> dict[str, Any]:
    """Green below the first limit, orange, then red from the last."""
    colours = {0: (), 1: ("red",), 2: ("orange", "red")}[len(limits)]
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [{"color": colour, "value": limit} for colour, limit in zip(colours, limits, strict=True)]
    return {"mode": "absolute", "steps": steps}


def series(
    title: str,
    about: str,
    targets: Iterable[dict[str, Any]],
    *,
    unit: str,
    limits: tuple[float, ...] = (),
    maximum: float | None = None,
    width: int = 8,
) -> dict[str, Any]:
    """Lines over time; limits are drawn."""
    return _panel(
        "timeseries",
        title,
        about,
        targets,
        width=width,
        defaults={
            "unit": unit,
            "min": 0,
            **({"max": maximum} if maximum is not None else {}),
            "color": {"mode": "palette-classic"},
            "thresholds": thresholds(*limits),
            "custom": {
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": 10,
                "showPoints": "never",
                "spanNulls": False,
                "thresholdsStyle": {"mode": "dashed" if limits else "off"},
            },
        },
        options={
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )


def stat(
    title: str, about: str, targets: Iterable[dict[str, Any]], *, unit: str, steps: dict[str, Any], width: int = 8
) -> dict[str, Any]:
    """One number a series, coloured by its thresholds."""
    return _panel(
        "stat",
        title,
        about,
        targets,
        width=width,
        defaults={"unit": unit, "decimals": 2, "color": {"mode": "thresholds"}, "thresholds": steps},
        options={
            "colorMode": "background",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "value_and_name",
            "wideLayout": True,
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    )


def timeline(title: str, about: str, targets: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """States over time, e.g. which alerts fired when."""
    return _panel(
        "state-timeline",
        title,
        about,
        targets,
        width=WIDTH,
        defaults={
            "color": {"mode": "fixed", "fixedColor": "red"},
            "custom": {"fillOpacity": 70, "lineWidth": 0},
            "thresholds": thresholds(),
        },
        options={
            "mergeValues": True,
            "showValue": "never",
            "alignValue": "left",
            "rowHeight": 0.9,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


def logs(title: str, about: str, targets: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Log lines, the newest first."""
    return _panel(
        "logs",
        title,
        about,
        targets,
        width=WIDTH,
        defaults={},
        options={
            "showTime": True,
            "showLabels": False,
            "showCommonLabels": False,
            "wrapLogMessage": True,
            "prettifyLogMessage": False,
            "enableLogDetails": True,
            "dedupStrategy": "none",
            "sortOrder": "Descending",
        },
    )


def _panel(
    kind: str,
    title: str,
    about: str,
    targets: Iterable[dict[str, Any]],
    *,
    width: int,
    defaults: dict[str, Any],
    options: dict[str, Any],
) -> dict[str, Any]:
    listed = [{"refId": _letter(number), **target} for number, target in enumerate(targets)]
    sources = {target["datasource"]["uid"] for target in listed}
    return {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": listed[0]["datasource"] if len(sources) == 1 else {"type": "datasource", "uid": "-- Mixed --"},
        "gridPos": {"x": 0, "y": 0, "w": width, "h": _HEIGHT},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": listed,
    }


def _letter(number: int) -> str:
    """A, B, ... Z, then A1, B1: Grafana's limit is the panel's, not the alphabet's."""
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")


def laid_out(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The panels in their places, each with an id of its own."""
    return list(_laid_out(row for row in rows if row.panels))


def _laid_out(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for row in rows:
        yield {
            "type": "row",
            "id": number,
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1},
            "panels": [],
        }
        number, top, left = number + 1, top + 1, 0
        for panel in row.panels:
            width = panel["gridPos"]["w"]
            if left + width > WIDTH:
                left, top = 0, top + _HEIGHT
            yield {"id": number, **panel, "gridPos": {"x": left, "y": top, "w": width, "h": _HEIGHT}}
            number, left = number + 1, left + width
        top += _HEIGHT


def dashboard(
    spec: DeploymentSpec, name: str, title: str, about: str, rows: Iterable[Row], *, annotations: list[dict[str, Any]]
) -> dict[str, Any]:
    """A whole dashboard, with a choice of environment and service at its top."""
    production = (spec.production or spec.environments)[0].name
    places = [item.name for item in spec.environments]
    services = [item.name for item in spec.web_services]
    variables = [_choice("environment", "Environment", places, production)]
    if services:
        variables.append(_choice("service", "Service", services, "$__all", several=True))
    return {
        "uid": uid(spec, name),
        "title": title,
        "description": about,
        "tags": ["hug-agents", spec.application],
        "schemaVersion": SCHEMA,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": variables},
        "annotations": {"list": annotations},
        "links": [_others(spec), *_runbook(spec)],
        "panels": laid_out(rows),
    }


def _choice(name: str, label: str, values: list[str], chosen: str, *, several: bool = False) -> dict[str, Any]:
    every = [("All", "$__all")] if several else []
    return {
        "type": "custom",
        "name": name,
        "label": label,
        "query": ",".join(values),
        "multi": several,
        "includeAll": several,
        "current": {
            "text": ["All"] if several else chosen,
            "value": [chosen] if several else chosen,
        },
        "options": [
            {"text": text, "value": value, "selected": value == chosen}
            for text, value in [*every, *((item, item) for item in values)]
        ],
    }


def _others(spec: DeploymentSpec) -> dict[str, Any]:
    return {
        "title": "Dashboards of this application",
        "type": "dashboards",
        "tags": [spec.application],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "dashboard",
        "tooltip": "",
    }


def _runbook(spec: DeploymentSpec) -> Iterator[dict[str, Any]]:
    host = {"github_actions": "https://github.com/{}/blob/{}", "gitlab_ci": "https://gitlab.com/{}/-/blob/{}"}
    where = host.get(spec.toolchain.ci or "")
    if spec.repository and where:
        yield {
            "title": "Runbook",
            "type": "link",
            "url": f"{where.format(spec.repository, spec.default_branch)}/docs/runbook.md",
            "icon": "doc",
            "tooltip": "What each alert means, and what to do",
            "tags": [],
            "asDropdown": False,
            "includeVars": False,
            "keepTime": False,
            "targetBlank": True,
        }
