"""Datadog's API as its own client describes it: paths, parameters, bodies and answers, of every operation of six of its parts.

Source: `datadog-api-client` (Apache-2.0), which is generated from Datadog's OpenAPI descriptions; nothing of it is copied here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from hug_agents.validate.datadog import read_problems

_PARTS = (
    "v1.api.service_level_objectives_api:ServiceLevelObjectivesApi",
    "v1.api.monitors_api:MonitorsApi",
    "v1.api.dashboards_api:DashboardsApi",
    "v1.api.synthetics_api:SyntheticsApi",
    "v2.api.metrics_api:MetricsApi",
    "v2.api.software_catalog_api:SoftwareCatalogApi",
)


@cache
def _endpoints() -> tuple[tuple[str, re.Pattern[str], Any], ...]:
    """Method, path and the client's endpoint; the path with the fewest names in it first."""
    from datadog_api_client import ApiClient, Configuration

    found: list[tuple[str, str, Any]] = []
    client = ApiClient(Configuration())
    for part in _PARTS:
        module, _, name = part.partition(":")
        api = getattr(import_module(f"datadog_api_client.{module}"), name)(client)
        for item in vars(api).values():
            if hasattr(item, "settings"):
                found.append((item.settings["http_method"], item.settings["endpoint_path"], item))
    found.sort(key=lambda row: row[1].count("{"))
    return tuple((method, re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), item) for method, path, item in found)


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What Datadog's client has against a call and its answer; any refusal says `errors`."""
    endpoint = next((item for verb, form, item in _endpoints() if verb == method and form.fullmatch(path)), None)
    if endpoint is None:
        return [f"there is no {method} {path}"]
    return [f"{method} {path}: {said}" for said in _problems(endpoint, query, sent, status, said)]


def _problems(endpoint: Any, query: dict[str, str], sent: Any, status: int, said: Any) -> Iterator[str]:
    parameters = endpoint.params_map.values()
    known = {item.get("attribute") for item in parameters if item["location"] == "query"}
    yield from (f"unknown query {key}" for key in sorted(query.keys() - known))
    body = next((item for item in parameters if item["location"] == "body"), None)
    if body is not None:
        yield from (f"{where}: {why}" for _, why, where in read_problems(body["openapi_types"], sent))
    elif sent is not None:
        yield f"a body: {sent}"
    if status < 400:
        yield from (
            f"answer {where}: {why}" for _, why, where in read_problems(endpoint.settings["response_type"], said)
        )
    elif not (isinstance(said, dict) and set(said) == {"errors"} and isinstance(said["errors"], list)):
        yield f"{status} says {said}"
