"""Datadog's HTTP API: percentiles, objectives, monitors, the dashboard, synthetic tests, the catalogue.

Deployment gates are not sent: they are in preview, and have no stable way to be found again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from hug_agents.adapters.monitors.documents import Document, DocumentsTarget, parsed
from hug_agents.bundle import Bundle
from hug_agents.errors import UsageError
from hug_agents.http import Http, checked_address
from hug_agents.plans import Blueprint
from hug_agents.render.naming import DATADOG

_ORDER = ("metrics", "slos", "monitors", "dashboards", "synthetics", "catalogue")
"""A monitor refers to its objective, and the dashboard too."""
_OF_ALL = ("metrics", "dashboards", "catalogue")
"""What is the same in every environment; the others' files begin with the environment's name."""
_REFERENCE = re.compile(r"\$\{(slos/[^}]+\.json)\}")
_SITE = re.compile(r"(?:[a-z0-9-]+\.)*(?:datadoghq|ddog-gov)\.(?:com|eu)\Z|https?://[^/\s]+\Z")


class DatadogTarget(DocumentsTarget):
    """`datadog:SITE`, e.g. `datadog:datadoghq.eu`."""

    system = "datadog"

    def __init__(self, site: str, api_key: str, application_key: str) -> None:
        if not _SITE.match(site) or not api_key or not application_key:
            raise UsageError(
                "the target datadog needs a site and two keys",
                where="target",
                hint="datadog:datadoghq.eu, and HUG_AGENTS_DATADOG_API_KEY and HUG_AGENTS_DATADOG_APP_KEY",
            )
        url = checked_address(site if "://" in site else f"https://api.{site}", "datadog")
        self.name = f"datadog:{site}"
        keys = {"DD-API-KEY": api_key, "DD-APPLICATION-KEY": application_key}
        self._http = Http(url, headers=keys, secrets=(api_key, application_key))
        self._files: dict[str, str] = {}
        """By file, the name of an objective: what a reference is found by."""
        self._seen: dict[str, list[dict[str, Any]]] = {}
        """What Datadog listed since the documents were last gone through, or one of the kind was last sent."""

    def documents(self, bundle: Bundle, blueprint: Blueprint, environment: str) -> Iterable[Document]:
        self._seen.clear()
        for folder in _ORDER:
            for item in bundle.under(f"{DATADOG}/{folder}/{'' if folder in _OF_ALL else environment + '.'}"):
                body = parsed(bundle, item.path)
                name = _name(folder, body)
                if folder == "slos":
                    self._files[item.path.removeprefix(f"{DATADOG}/")] = name
                yield Document(folder, name, body, item.path)

    def resolved(self, document: Document) -> Document:
        """With the ids of objectives that are there; what is not there yet stays a reference."""
        text = json.dumps(document.body)
        if not _REFERENCE.search(text):
            return document

        def id_of(found: re.Match[str]) -> str:
            row = self._found("slos", self._files.get(found[1], ""))
            return str(row["id"]) if row else found[0]

        return Document(document.kind, document.name, json.loads(_REFERENCE.sub(id_of, text)), document.file)

    def there(self, document: Document) -> Any:
        if document.kind == "metrics":
            answer = self._http.get(f"/api/v2/metrics/{document.name}/tags", ok=(404,))
            return None if answer.status == 404 else answer.json()
        if document.kind == "catalogue":
            params = {"filter[ref]": f"service:{document.name}", "include": "schema"}
            included = self._http.get("/api/v2/catalog/entity", params=params).json().get("included") or ()
            return next((row["attributes"]["schema"] for row in included if row.get("type") == "schema"), None)
        row = self._found(document.kind, document.name)
        if row is None or document.kind != "dashboards":
            return row
        return self._http.get(f"/api/v1/dashboard/{row['id']}").json()

    def send(self, document: Document, *, new: bool) -> None:
        kind, body = document.kind, document.body
        self._seen.pop(kind, None)
        if kind == "metrics":
            path = f"/api/v2/metrics/{document.name}/tags"
            self._http.request("POST" if new else "PATCH", path, json=body if new else _of_a_change(body))
        elif kind == "catalogue":
            self._http.request("POST", "/api/v2/catalog/entity", json=body)
        else:
            base = _BASES[kind]
            row = None if new else self._found(kind, document.name)
            if row is None:
                self._http.request("POST", base, json=body)
            else:
                id = row["public_id"] if kind == "synthetics" else row["id"]
                self._http.request("PUT", f"{base}/{id}", json=body)
        self._seen.pop(kind, None)

    def _found(self, kind: str, name: str) -> dict[str, Any] | None:
        """The thing of ours with this name. Raises UsageError if there are several: which is meant, nobody can say."""
        if kind not in self._seen:
            self._seen[kind] = self._rows(kind)
        rows = [row for row in self._seen[kind] if row.get("title" if kind == "dashboards" else "name") == name]
        if len(rows) > 1:
            raise UsageError(f"Datadog has {len(rows)} {kind} by the name {name!r}", where=self.name, hint="remove one")
        return rows[0] if rows else None

    def _rows(self, kind: str) -> list[dict[str, Any]]:
        if kind == "slos":
            params = {"tags_query": "managed_by:hug-agents", "limit": "1000"}
            return list(self._http.get("/api/v1/slo", params=params).json()["data"])
        if kind == "monitors":
            return list(self._http.get("/api/v1/monitor", params={"monitor_tags": "managed_by:hug-agents"}).json())
        if kind == "dashboards":
            return list(self._http.get("/api/v1/dashboard").json()["dashboards"])
        found = self._http.get("/api/v1/synthetics/tests").json()["tests"]
        return [row for row in found if "managed_by:hug-agents" in (row.get("tags") or ())]


_BASES = {
    "slos": "/api/v1/slo",
    "monitors": "/api/v1/monitor",
    "dashboards": "/api/v1/dashboard",
    "synthetics": "/api/v1/synthetics/tests/api",
}


def _of_a_change(body: dict[str, Any]) -> dict[str, Any]:
    """What the tags of a metric can be changed in: the type of the metric stays."""
    attributes = {key: value for key, value in body["data"]["attributes"].items() if key != "metric_type"}
    return {**body, "data": {**body["data"], "attributes": attributes}}


def _name(folder: str, body: dict[str, Any]) -> str:
    if folder == "metrics":
        return str(body["data"]["id"])
    if folder == "dashboards":
        return str(body["title"])
    return str(body["metadata"]["name"] if folder == "catalogue" else body["name"])
