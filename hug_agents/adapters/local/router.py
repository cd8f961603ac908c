"""The router, Traefik: its two files, what it says about itself, and what it has counted.

One service of Traefik stands for one version of one service, so that its own figures tell versions apart; a weighted one
before it holds the shares. Connections to replicas are not kept open: an open one is a request under way.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hug_agents.adapters.local.state import World, short
from hug_agents.approve.identity import Digest
from hug_agents.errors import HttpError, MissingExtra
from hug_agents.execute.target import Counters
from hug_agents.http import Http
from hug_agents.spec import Model, Name, Port

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0)
"""Upper bounds of latency in seconds."""
ACCESS_LOG: dict[str, Any] = {
    "format": "json",
    "bufferingSize": 4096,
    "fields": {
        "defaultMode": "drop",
        "names": dict.fromkeys(("ServiceName", "OriginStatus", "DownstreamStatus", "Duration"), "keep"),
        "headers": {"defaultMode": "drop"},
    },
}
"""On its standard output, and nothing of a request but how it ended."""
_GIVEN_UP = "499"
"""Who asked left before there was an answer."""
_MARK = "X-Hug-Routes"
"""Whoever sends this header to an entry is told, in the same header, by which routes it works."""
_FRESH = "fresh-"


class Route(Model):
    """The traffic of one web service."""

    service: Name
    weights: dict[Digest, int]
    servers: dict[Digest, tuple[Port, ...]]
    newest: Digest | None = None


def program() -> str:
    """The router's program. Raises MissingExtra."""
    from hug_agents.process import find

    found = find("traefik")
    if found is None:
        raise MissingExtra("the target local", "local")
    return found


def write_static(world: World, ports: Mapping[str, tuple[int, int]], admin: int) -> Path:
    """The part that holds while it runs, as JSON, which is YAML. Everything listens on this machine alone."""
    entries = {"admin": {"address": f"127.0.0.1:{admin}"}}
    for service, (own, fresh) in ports.items():
        entries[f"web-{service}"] = {"address": f"127.0.0.1:{own}"}
        entries[f"{_FRESH}{service}"] = {"address": f"127.0.0.1:{fresh}"}
    static = {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "WARN", "noColor": True},
        "accessLog": ACCESS_LOG,
        "entryPoints": entries,
        "providers": {
            "providersThrottleDuration": "20ms",
            "file": {"filename": str(world.routes), "watch": True},
        },
        "api": {"dashboard": False},
        "ping": {"manualRouting": True},
        "metrics": {
            "prometheus": {
                "entryPoint": "admin",
                "buckets": list(BUCKETS),
                "addEntryPointsLabels": False,
                "addRoutersLabels": False,
                "addServicesLabels": True,
            }
        },
    }
    path = world.root / "router" / "traefik.yml"
    path.write_text(json.dumps(static, indent=1), encoding="utf-8")
    return path


def routes(of: Iterable[Route], mark: int) -> bytes:
    """The part that changes. `mark` is what every entry then says it works by: they do not change over at one moment."""
    routers: dict[str, Any] = {
        "admin": {"rule": "PathPrefix(`/api`)", "entryPoints": ["admin"], "service": "api@internal"}
    }
    services: dict[str, Any] = {}
    for item in of:
        entries = [f"web-{item.service}", f"{_FRESH}{item.service}"]
        routers[f"mark-{item.service}"] = {
            "rule": f"HeaderRegexp(`{_MARK}`, `.`)",
            "entryPoints": entries,
            "service": "ping@internal",
            "middlewares": ["mark"],
        }
        for bundle, ports in item.servers.items():
            servers = {
                "loadBalancer": {
                    "serversTransport": "direct",
                    "servers": [{"url": f"http://127.0.0.1:{port}"} for port in ports],
                }
            }
            services[name_of(item.service, bundle)] = servers
            if bundle == item.newest:
                # Under a name of its own: what is asked here is no user's request, and is not counted as one.
                services[f"{_FRESH}{item.service}"] = servers
        weights = {bundle: weight for bundle, weight in item.weights.items() if weight and bundle in item.servers}
        if weights:
            shares = [{"name": name_of(item.service, bundle), "weight": weight} for bundle, weight in weights.items()]
            services[f"web-{item.service}"] = {"weighted": {"services": shares}}
            routers[f"web-{item.service}"] = _router(f"web-{item.service}")
        if item.newest in item.servers:
            routers[f"{_FRESH}{item.service}"] = _router(f"{_FRESH}{item.service}")
    document = {
        "http": {
            "routers": routers,
            "services": services,
            "middlewares": {"mark": {"headers": {"customResponseHeaders": {_MARK: str(mark)}}}},
            "serversTransports": {
                "direct": {"maxIdleConnsPerHost": -1, "forwardingTimeouts": {"dialTimeout": "2s"}},
            },
        }
    }
    if not services:
        del document["http"]["services"]
    return json.dumps(document, indent=1).encode()


def name_of(service: str, bundle: Digest) -> str:
    """What the router calls one version of one service."""
    return f"{service}.{short(bundle)}"


class Entry:
    """One entry of a running router."""

    def __init__(self, port: int) -> None:
        self._http = Http(f"http://127.0.0.1:{port}", attempts=1, timeout=5)

    def works_by(self, mark: int) -> bool:
        """Whether it works by the routes with this mark."""
        try:
            answer = self._http.get("/", headers={_MARK: "?"}, ok=(404,))  # it has no routes at all yet
        except HttpError:
            return False
        return answer.headers.get(_MARK) == str(mark)


class Admin:
    """What a running router says."""

    def __init__(self, port: int, *, attempts: int = 1) -> None:
        self._http = Http(f"http://127.0.0.1:{port}", attempts=attempts, timeout=5)

    def differences(self, written: bytes) -> tuple[str, ...]:
        """How what it has loaded differs from a file of routes: shares and addresses. Raises HttpError."""
        said = self._http.get("/api/rawdata").json()
        file = json.loads(written)["http"]
        found = []
        for kind in ("routers", "services"):
            wanted = file.get(kind, {})
            there = {
                name.removesuffix("@file"): value
                for name, value in (said.get(kind) or {}).items()
                if name.endswith("@file")
            }
            found += [f"the router lacks {name}" for name in sorted(wanted.keys() - there.keys())]
            found += [f"the router has a foreign {name}" for name in sorted(there.keys() - wanted.keys())]
            found += [
                f"the router's {name} is not as it was written"
                for name in sorted(wanted.keys() & there.keys())
                if _essence(wanted[name]) != _essence(there[name])
            ]
        return tuple(found)

    def counters(self, versions: Mapping[str, tuple[str, Digest]]) -> tuple[Counters, ...]:
        """What it has counted; `versions` tells service and bundle of each name. Raises HttpError."""
        return counted(self._http.get("/metrics").text, versions)

    def close(self) -> None:
        self._http.close()


def counted(text: str, versions: Mapping[str, tuple[str, Digest]]) -> tuple[Counters, ...]:
    """The router's figures by version. Whatever it answered with 5xx itself is an error of the version it stood for."""
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError as error:
        raise MissingExtra("the target local", "local") from error
    requests: dict[str, float] = {}
    errors: dict[str, float] = {}
    unfinished: dict[str, float] = {}
    buckets: dict[str, dict[float, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.labels.get("service", "").removesuffix("@file")
            if name not in versions:
                continue
            if sample.name == "traefik_service_requests_total":
                requests[name] = requests.get(name, 0) + sample.value
                code = sample.labels.get("code", "")
                if code.startswith("5"):
                    errors[name] = errors.get(name, 0) + sample.value
                elif code == _GIVEN_UP:
                    unfinished[name] = unfinished.get(name, 0) + sample.value
            elif sample.name == "traefik_service_request_duration_seconds_bucket":
                bound = float(sample.labels["le"])
                if math.isinf(bound):
                    continue  # the same as `requests`
                own = buckets.setdefault(name, {})
                own[bound] = own.get(bound, 0) + sample.value
    return tuple(
        Counters(
            service=service,
            version=bundle,
            requests=int(requests.get(name, 0)),
            errors=int(errors.get(name, 0)),
            unfinished=int(unfinished.get(name, 0)),
            latency=tuple((bound, int(count)) for bound, count in sorted(buckets.get(name, {}).items())),
        )
        for name, (service, bundle) in sorted(versions.items())
    )


def _router(name: str) -> dict[str, Any]:
    return {"rule": "PathPrefix(`/`)", "entryPoints": [name], "service": name}


def _essence(value: dict[str, Any]) -> object:
    if "weighted" in value:
        return sorted((item["name"].removesuffix("@file"), item["weight"]) for item in value["weighted"]["services"])
    if "loadBalancer" in value:
        return sorted(item["url"] for item in value["loadBalancer"].get("servers") or ())
    return value.get("rule"), tuple(value.get("entryPoints") or ()), str(value.get("service")).removesuffix("@file")
