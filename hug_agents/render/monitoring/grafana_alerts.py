"""Rules that Grafana evaluates itself, where no Prometheus of the bundle does: the same alerts, by the same expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hug_agents import slo as objectives
from hug_agents.render.monitoring.grafana_panels import prometheus, uid
from hug_agents.render.monitoring.prometheus_rules import (
    BAD_RATIO,
    bad_ratio,
    budget_groups,
    presence_groups,
    rollback_groups,
    sli,
)
from hug_agents.render.naming import short
from hug_agents.spec import DeploymentSpec

PAGE, TICKET = "page", "ticket"
"""The contact points. What they hold comes from files: see `contact_points`."""
SECRETS = "/etc/grafana/secrets"
_RECORDED = re.compile(rf'{re.escape(BAD_RATIO)}(\d+[mhd])\{{sli="([^"]+)", ([^}}]*)\}}')
_LONGEST_TITLE = 190


def rule_groups(spec: DeploymentSpec) -> dict[str, Any]:
    """provisioning/alerting/rules.yaml."""
    groups = []
    for group in (*budget_groups(spec), *rollback_groups(spec), *presence_groups(spec)):
        seen: dict[str, int] = {}
        rules = []
        for rule in group["rules"]:
            seen[rule["alert"]] = seen.get(rule["alert"], 0) + 1
            rules.append(_rule(spec, group["name"], rule, seen[rule["alert"]]))
        groups.append({"orgId": 1, "name": group["name"], "folder": spec.application, "interval": "1m", "rules": rules})
    return {"apiVersion": 1, "groups": groups}


def _rule(spec: DeploymentSpec, group: str, rule: dict[str, Any], count: int) -> dict[str, Any]:
    labels = {key: str(value) for key, value in rule["labels"].items()}
    about = " ".join(labels[key] for key in ("service", "environment") if key in labels)
    title = " ".join(part for part in (rule["alert"], about, labels.get("slo", labels.get("trigger", ""))) if part)
    return {
        "uid": short(group.replace(".", "_"), rule["alert"].lower(), str(count), limit=40),
        "title": title[:_LONGEST_TITLE],
        "condition": "C",
        "for": rule.get("for", "0s"),
        # The expression answers only what is wrong; no answer is good, and absence has alerts of its own.
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": labels,
        "annotations": {key: _told(text) for key, text in rule["annotations"].items()},
        "isPaused": False,
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": {"from": 600, "to": 0},
                "datasourceUid": prometheus(spec)["uid"],
                "model": {
                    "refId": "A",
                    "datasource": prometheus(spec),
                    "editorMode": "code",
                    "expr": expanded(spec, rule["expr"]),
                    "instant": True,
                    "range": False,
                },
            },
            {
                "refId": "C",
                "relativeTimeRange": {"from": 0, "to": 0},
                "datasourceUid": "__expr__",
                # Whatever the value is, there being one is the alert; 0 would not fire.
                "model": {
                    "refId": "C",
                    "datasource": {"type": "__expr__", "uid": "__expr__"},
                    "type": "math",
                    "expression": "$A * 0 + 1",
                },
            },
        ],
    }


def _told(text: str) -> str:
    """An annotation of Prometheus as Grafana reads it: the value has a name, and no `$` of a text is a variable."""
    ours = text.replace("{{ $value |", "{{ $values.A.Value |")
    parts = re.split(r"(\{\{ \$(?:labels|values)\.[^{}]*\}\})", ours)
    return "".join(part if number % 2 else part.replace("$", '{{"$"}}') for number, part in enumerate(parts))


def expanded(spec: DeploymentSpec, expr: str) -> str:
    """The expression with what Prometheus would have recorded computed in place."""
    limits = {sli(slo): slo.threshold_ms for slo in objectives.slos(spec)}
    return _RECORDED.sub(lambda found: f"({bad_ratio(found[3], limits[found[2]], found[1])})", expr)


def contact_points(spec: DeploymentSpec) -> dict[str, Any]:
    """provisioning/alerting/contact-points.yaml: keys and addresses are read from files when Grafana starts."""
    receivers = (
        (PAGE, "pagerduty", {"integrationKey": f"$__file{{{SECRETS}/pagerduty-routing-key}}"}),
        (TICKET, "slack", {"url": f"$__file{{{SECRETS}/slack-webhook-url}}"}),
    )
    return {
        "apiVersion": 1,
        "contactPoints": [
            {
                "orgId": 1,
                "name": uid(spec, name),
                "receivers": [
                    {
                        "uid": uid(spec, f"{name}-1"),
                        "type": kind,
                        "settings": settings,
                        "disableResolveMessage": False,
                    }
                ],
            }
            for name, kind, settings in receivers
        ],
    }


def policies(spec: DeploymentSpec) -> dict[str, Any]:
    """provisioning/alerting/policies.yaml: the whole tree of the organisation, as Grafana keeps only one."""
    return {"apiVersion": 1, "policies": [{"orgId": 1, **tree(spec)}]}


def tree(spec: DeploymentSpec) -> dict[str, Any]:
    """The route: pages of production wake someone, everything else waits."""
    places = "|".join(item.name for item in objectives.promised_environments(spec))
    return {
        "receiver": uid(spec, TICKET),
        "group_by": ["alertname", "service", "environment"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "12h",
        "routes": list(_routes(spec, places)),
    }


def _routes(spec: DeploymentSpec, places: str) -> Iterator[dict[str, Any]]:
    yield {
        "receiver": uid(spec, PAGE),
        "object_matchers": [["severity", "=", "page"], ["environment", "=~", places]],
        "repeat_interval": "1h",
    }
