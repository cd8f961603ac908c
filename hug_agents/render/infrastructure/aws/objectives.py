"""What takes a release back and what wakes a person, from the spec's triggers and objectives, for one web service."""

from __future__ import annotations

from hug_agents.spec import DeploymentSpec, Service

BURN_RATE = 14.4
"""An error budget of 30 days that burns this many times too fast is gone in two days (SRE workbook, chapter 5)."""


def objectives(spec: DeploymentSpec, service: Service) -> dict[str, float]:
    """Attributes of the service module's `objectives`: the strictest of each kind that speaks of the service."""
    mine = [item for item in spec.objectives if item.service in (None, service.name)]
    found: dict[str, float] = {}
    errors = [100 - item.target_percent for item in mine if item.kind == "availability"]
    errors += [item.target_percent for item in mine if item.kind == "error_rate"]
    if errors:
        found["error_percent"] = round(min(errors), 6)
    fastest = min(
        (item for item in mine if item.kind == "latency"), key=lambda item: item.threshold_ms or 0, default=None
    )
    if fastest is not None and fastest.threshold_ms is not None:
        found |= {"latency_ms": fastest.threshold_ms, "latency_percent": round(fastest.target_percent, 2)}
    return found


def triggers(spec: DeploymentSpec, service: Service) -> dict[str, float | bool]:
    """Attributes of the service module's `triggers`; without an error trigger, the objective's fast burn is one."""
    found: dict[str, float | bool] = {}
    for item in spec.triggers:
        minutes = max(1, -(-item.for_seconds // 60))
        if item.metric == "error_rate" and item.threshold is not None:
            if item.threshold < found.get("error_percent", 101):
                found |= {"error_percent": item.threshold, "error_minutes": minutes}
        elif item.metric == "latency" and item.threshold is not None:
            if item.threshold < found.get("latency_ms", float("inf")):
                found |= {"latency_ms": item.threshold, "latency_minutes": minutes}
        elif item.metric == "health":
            found |= {"health": True, "health_minutes": minutes}
    allowed = objectives(spec, service).get("error_percent")
    if "error_percent" not in found and allowed is not None:
        found |= {"error_percent": round(min(BURN_RATE * allowed, 50), 6), "error_minutes": 5}
    return found
