"""How Kayenta judges a canary: the metrics that the services really report, canary beside stable."""

from __future__ import annotations

import uuid
from typing import Any

from hug_agents import slo as objectives
from hug_agents.render.naming import DURATION_METRIC, REQUESTS_METRIC
from hug_agents.spec import DeploymentSpec, Service

_IDS = uuid.UUID("6f5d1d2e-3f0b-5a53-9d5c-0a6a6d6f2b11")
RANGE = "2m"
GROUPS = {"errors": 60, "latency": 40}
"""What each group counts for in the score."""


def judged_services(spec: DeploymentSpec) -> tuple[Service, ...]:
    """The services whose canaries can be told apart: scraped, with Prometheus, in a canary strategy."""
    if spec.strategy.kind != "canary" or "prometheus" not in spec.toolchain.monitors:
        return ()
    return objectives.scraped(spec)


def config_id(spec: DeploymentSpec, service: Service) -> str:
    """The id that a configuration is stored under: the same for the same names."""
    return str(uuid.uuid5(_IDS, f"{spec.application}/{service.name}"))


def canary_config(spec: DeploymentSpec, service: Service) -> dict[str, Any]:
    """A configuration for POST /v2/canaryConfig. `${scope}` is the track, `${location}` the environment: Kayenta's own."""
    labels = f'service="{service.name}",environment="${{location}}",track="${{scope}}"'
    failed = f'sum(rate({REQUESTS_METRIC}{{{labels},code=~"5.."}}[{RANGE}])) or vector(0)'
    rate = f"({failed}) / sum(rate({REQUESTS_METRIC}{{{labels}}}[{RANGE}]))"
    buckets = f"sum by (le) (rate({DURATION_METRIC}_bucket{{{labels}}}[{RANGE}]))"
    return {
        "id": config_id(spec, service),
        "name": f"{spec.application}-{service.name}",
        "description": f"{service.name}: the new version beside the old one",
        "configVersion": "1",
        "applications": [spec.application],
        "judge": {"name": "NetflixACAJudge-v1.0", "judgeConfigurations": {}},
        "metrics": [
            _metric("share of failed requests", "errors", rate, critical=True),
            _metric("99th percentile of latency", "latency", f"histogram_quantile(0.99, {buckets})"),
        ],
        "templates": {},
        "classifier": {"groupWeights": GROUPS},
    }


def _metric(name: str, group: str, promql: str, *, critical: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "groups": [group],
        "scopeName": "default",
        "query": {
            "type": "prometheus",
            "serviceType": "prometheus",
            "customInlineTemplate": f"PromQL:{promql}",
            "labelBindings": [],
        },
        "analysisConfigurations": {
            "canary": {
                "direction": "increase",
                "nanStrategy": "remove",
                "critical": critical,
                "mustHaveData": critical,
                "effectSize": {"measure": "meanRatio", "allowedIncrease": 1.25},
            }
        },
    }
