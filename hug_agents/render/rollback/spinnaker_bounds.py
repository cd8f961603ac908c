"""A new version that takes all the traffic has none beside it: Prometheus is asked whether it keeps to its own bounds."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from hug_agents.render.rollback.bounds import Series, bounds
from hug_agents.slo import number
from hug_agents.spec import DeploymentSpec, Environment, Service

PARAMETER = "prometheus"
ADDRESS = "http://prometheus.monitoring.svc:9090"
BROKEN, KEPT = "1", "0"


def questions(spec: DeploymentSpec, service: Service, place: Environment, track: str) -> Iterator[tuple[str, str]]:
    """What is asked, by name: `1` where a bound is broken, `0` where it is kept or no traffic tells."""
    series = Series(environment=place.name, track=track, version=None)  # a pipeline knows no version's digest
    for bound in bounds(spec, service, series):
        if bound.at_most is not None:
            yield bound.name, f"max(({bound.query}) > bool {number(bound.at_most)}) or vector({KEPT})"
        if bound.at_least is not None:
            suffix = "-least" if bound.at_most is not None else ""
            yield f"{bound.name}{suffix}", f"max(({bound.query}) < bool {number(bound.at_least)}) or vector({KEPT})"


def address(query: str) -> str:
    """Where Prometheus answers it; the server is a parameter of the pipeline."""
    return f"${{ parameters['{PARAMETER}'] }}/api/v1/query?query={quote(query, safe='')}"
