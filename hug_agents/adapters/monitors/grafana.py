"""Grafana's HTTP API: the folder, the dashboards, the rules that Grafana evaluates, and a mark for each deployment.

Data sources and contact points are not sent: their keys come from files of the machine that Grafana runs on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import yaml

from hug_agents.adapters.monitors.documents import Document, DocumentsTarget, parsed
from hug_agents.bundle import Bundle
from hug_agents.errors import UsageError
from hug_agents.execute.target import Work
from hug_agents.http import Http, checked_address
from hug_agents.plans import Blueprint
from hug_agents.render.naming import GRAFANA, short

_SECONDS = {"s": 1, "m": 60, "h": 3600}


class GrafanaTarget(DocumentsTarget):
    """One Grafana. `token` is of a service account with the role Editor."""

    system = "grafana"

    def __init__(self, url: str, token: str) -> None:
        if not re.match(r"https?://[^/\s]+", url) or not token:
            raise UsageError(
                "the target grafana needs an address and a token",
                where="target",
                hint="grafana:https://HOST, and HUG_AGENTS_GRAFANA_TOKEN",
            )
        address = checked_address(url, "grafana")
        self.name = f"grafana:{address}"
        self._http = Http(address, headers={"Authorization": f"Bearer {token}"}, secrets=(token,))

    def documents(self, bundle: Bundle, blueprint: Blueprint, environment: str) -> Iterable[Document]:
        application = blueprint.spec.application
        folder = short(application, "folder", limit=40)
        yield Document("folder", folder, {"uid": folder, "title": application}, GRAFANA)
        for item in bundle.under(f"{GRAFANA}/dashboards/"):
            body = parsed(bundle, item.path)
            yield Document("dashboard", body["uid"], {"dashboard": body, "folderUid": folder}, item.path)
        rules = f"{GRAFANA}/provisioning/alerting/rules.yaml"
        for group in yaml.safe_load(bundle[rules].content)["groups"] if rules in bundle else ():
            yield Document("group", group["name"], _group(group, folder), rules)

    def there(self, document: Document) -> Any:
        answer = self._http.get(self._path(document), ok=(404,))
        if answer.status == 404:
            return None
        found = answer.json()
        if document.kind == "dashboard":
            return {"dashboard": found["dashboard"], "folderUid": found["meta"].get("folderUid")}
        return found

    def send(self, document: Document, *, new: bool) -> None:
        if document.kind == "folder":
            if new:
                self._http.request("POST", "/api/folders", json=document.body)
            else:
                changed = {"title": document.body["title"], "overwrite": True}
                self._http.request("PUT", self._path(document), json=changed)
        elif document.kind == "dashboard":
            body = {**document.body, "overwrite": True, "message": f"hug_agents: {PurePosixPath(document.file).name}"}
            self._http.request("POST", "/api/dashboards/db", json=body)
        else:
            self._http.request("PUT", self._path(document), json=document.body)

    def deployed(self, work: Work) -> None:
        """One annotation an order, known by the order's key."""
        mark = f"order:{work.order.key.removeprefix('sha256:')[:16]}"
        if self._http.get("/api/annotations", params={"tags": mark}).json():
            return
        spec = work.blueprint.spec
        text = f"{spec.application} {work.bundle.digest()[7:19]} in {work.order.environment.name}, release {work.order.release}"
        tags = ["deployment", spec.application, work.order.environment.name, mark]
        self._http.request("POST", "/api/annotations", json={"tags": tags, "text": text})

    def _path(self, document: Document) -> str:
        name = quote(document.name, safe="")
        if document.kind == "folder":
            return f"/api/folders/{name}"
        if document.kind == "dashboard":
            return f"/api/dashboards/uid/{name}"
        return f"/api/v1/provisioning/folder/{quote(document.body['folderUid'], safe='')}/rule-groups/{name}"


def _group(group: dict[str, Any], folder: str) -> dict[str, Any]:
    """A group of a provisioning file as the API takes it."""
    interval = int(group["interval"][:-1]) * _SECONDS[group["interval"][-1]]
    rules = [{**rule, "orgID": 1, "folderUID": folder, "ruleGroup": group["name"]} for rule in group["rules"]]
    return {"title": group["name"], "folderUid": folder, "interval": interval, "rules": rules}
