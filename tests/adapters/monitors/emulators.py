"""Servers that answer as the vendors' descriptions say, and refuse what those would refuse. None is the real thing.

Datadog's requests and answers are read by the typed models of its own client. Grafana's and Elastic's are written from their
documentation: unknown paths, unknown keys and wrong types get 4xx.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from pydantic import ValidationError

from hug_agents.validate.datadog import problems
from hug_agents.validate.elastic_files import (
    ComponentTemplate,
    IndexTemplate,
    Lifecycle,
    Role,
    Rule,
    SavedObject,
)


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """What all have: a state, and every request that changed something."""

    token: tuple[str, str]

    def __init__(self) -> None:
        self.things: dict[str, Any] = {}
        self.changes: list[tuple[str, str]] = []

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, headers: Any) -> Any:
        raise NotImplementedError


@contextmanager
def serve(server: Server) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = self.headers.get("Content-Type", "")
            query = dict(urllib.parse.parse_qsl(url.query))
            try:
                name, value = server.token
                if self.headers.get(name) != value:
                    raise Refused(401, "who are you?")
                body = json.loads(raw) if raw and "json" in kind else raw.decode()
                status, said = 200, server.answer(self.command, url.path, query, body, self.headers)
            except Refused as refused:
                status, said = refused.status, {"message": str(refused)}
            if self.command != "GET" and status < 400 and not url.path.endswith("_bulk_get"):
                server.changes.append((self.command, url.path))
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()


def keys(body: Any, needed: set[str], allowed: set[str]) -> None:
    if not isinstance(body, dict) or needed - body.keys() or body.keys() - needed - allowed:
        raise Refused(400, f"bad request data: {sorted(body) if isinstance(body, dict) else body!r:.80}")


class Grafana(Server):
    token = ("Authorization", "Bearer grafana-secret")

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, headers: Any) -> Any:
        if path == "/api/annotations":
            if method == "GET":
                return [item for item in self.things.get("notes", []) if query["tags"] in item["tags"]]
            keys(body, {"text", "tags"}, {"time", "timeEnd", "dashboardUID", "panelId"})
            self.things.setdefault("notes", []).append(body)
            return {"message": "Annotation added", "id": 1}
        if method == "POST" and path == "/api/folders":
            keys(body, {"title"}, {"uid", "parentUid", "description"})
            self.things[f"/api/folders/{body['uid']}"] = {**body, "id": 1, "version": 1}
            return body
        if method == "POST" and path == "/api/dashboards/db":
            keys(body, {"dashboard"}, {"folderUid", "message", "overwrite"})
            board = body["dashboard"]
            if f"/api/folders/{body['folderUid']}" not in self.things:
                raise Refused(412, "folder not found")
            self.things[f"/api/dashboards/uid/{board['uid']}"] = {
                "dashboard": {**board, "id": 7, "version": 1},
                "meta": {"folderUid": body["folderUid"]},
            }
            return {"uid": board["uid"], "status": "success"}
        if method == "PUT" and (
            found := re.fullmatch(r"/api/v1/provisioning/folder/([^/]+)/rule-groups/([^/]+)", path)
        ):
            keys(body, {"title", "folderUid", "interval", "rules"}, set())
            for rule in body["rules"]:
                needed = {
                    "orgID",
                    "folderUID",
                    "ruleGroup",
                    "title",
                    "condition",
                    "data",
                    "noDataState",
                    "execErrState",
                    "for",
                }
                keys(rule, needed, {"uid", "annotations", "labels", "isPaused"})
                assert isinstance(body["interval"], int) and rule["folderUID"] == found[1]
            self.things[path] = {**body, "rules": [{**rule, "provenance": "api"} for rule in body["rules"]]}
            return body
        if method == "GET" and path in self.things:
            return self.things[path]
        raise Refused(404, "not found")


class Elastic(Server):
    """Elasticsearch and Kibana behind one address; the paths do not meet."""

    token = ("Authorization", "ApiKey elastic-secret")
    models: ClassVar[dict[str, Any]] = {
        "/_ilm/policy/": Lifecycle,
        "/_component_template/": ComponentTemplate,
        "/_index_template/": IndexTemplate,
        "/_security/role/": Role,
    }

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, headers: Any) -> Any:
        if path.startswith("/api/"):
            if method != "GET" and not headers.get("kbn-xsrf"):
                raise Refused(400, "Request must contain a kbn-xsrf header.")
            return self._kibana(method, path, query, body)
        prefix = next((item for item in self.models if path.startswith(item)), None)
        if prefix is None:
            raise Refused(400, "no handler found")
        name = urllib.parse.unquote(path.removeprefix(prefix))
        if method == "PUT":
            self._valid(self.models[prefix], body)
            for needed in body.get("composed_of", ()):
                if f"/_component_template/{needed}" not in self.things:
                    raise Refused(400, f"index template refers to missing component templates [{needed}]")
            self.things[prefix + name] = body
            return {"acknowledged": True}
        if prefix + name not in self.things:
            raise Refused(404, "not found")
        held = self.things[prefix + name]
        if prefix == "/_ilm/policy/":
            return {name: {"version": 1, "modified_date": "2026-01-01T00:00:00Z", **held}}
        if prefix == "/_security/role/":
            return {name: held}
        held = json.loads(json.dumps(held), parse_int=str)  # settings come back as texts
        key = prefix.strip("/_")
        return {f"{key}s": [{"name": name, key: held}]}

    def _kibana(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        if path == "/api/saved_objects/_bulk_get":
            found = [self.things.get(f"object {item['type']}/{item['id']}") for item in body]
            return {"saved_objects": [item or {"error": {"statusCode": 404}} for item in found]}
        if path == "/api/saved_objects/_import":
            line = body.split("\r\n\r\n", 1)[1].split("\r\n--", 1)[0]
            item = json.loads(line)
            self._valid(SavedObject, item)
            missing = [one for one in item["references"] if f"object {one['type']}/{one['id']}" not in self.things]
            if missing:
                return {"success": False, "errors": [{"error": {"type": "missing_references"}}]}
            self.things[f"object {item['type']}/{item['id']}"] = {**item, "version": "WzEsMV0="}
            return {"success": True, "successCount": 1}
        if found := re.fullmatch(
            r"/api/alerting/rule/([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})", path
        ):
            if method == "GET" and path in self.things:
                return self.things[path]
            if method == "POST" and path not in self.things:
                self._valid(Rule, body)
                self.things[path] = {**body, "id": found[1], "revision": 0}
                return self.things[path]
            if method == "PUT" and path in self.things:
                keys(body, {"name", "schedule", "params"}, {"tags", "actions", "alert_delay"})
                self.things[path] |= body
                return self.things[path]
        raise Refused(404, "not found")

    def _valid(self, model: Any, body: Any) -> None:
        try:
            model.model_validate(body)
        except ValidationError as error:
            raise Refused(400, str(error)) from error


class Datadog(Server):
    token = ("DD-API-KEY", "datadog-secret")
    kinds: ClassVar[dict[str, str]] = {
        "/api/v1/slo": "slos",
        "/api/v1/monitor": "monitors",
        "/api/v1/dashboard": "dashboards",
        "/api/v1/synthetics/tests/api": "synthetics",
    }

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, headers: Any) -> Any:
        if headers.get("DD-APPLICATION-KEY") != "application-secret":
            raise Refused(403, "Forbidden")
        if path == "/api/v2/catalog/entity":
            return self._catalogue(method, query, body)
        if path.startswith("/api/v2/metrics/"):
            if method == "GET":
                if path not in self.things:
                    raise Refused(404, "not found")
                return self.things[path]
            self._valid("metrics", body)
            self.things[path] = body
            return body
        base, _, id = path.rpartition("/")
        if method == "GET":
            return self._listed(path, base, id)
        if method == "POST" and path in self.kinds:
            self._valid(self.kinds[path], body)
            id = f"id-{len(self.things)}"
            self.things[f"{path}/{id}"] = {**body, ("public_id" if "synthetics" in path else "id"): id}
            return self.things[f"{path}/{id}"]
        if method == "PUT" and path in self.things:
            self._valid(self.kinds[base], body)
            self.things[path] = {**body, ("public_id" if "synthetics" in path else "id"): id}
            return self.things[path]
        raise Refused(404, f"no route {method} {path}")

    def _listed(self, path: str, base: str, id: str) -> Any:
        if path in self.things:
            return self.things[path]
        rows = {
            kind: [item for key, item in self.things.items() if key.startswith(f"{at}/")]
            for at, kind in self.kinds.items()
        }
        if path == "/api/v1/slo":
            return {"data": rows["slos"]}
        if path == "/api/v1/monitor":
            return rows["monitors"]
        if path == "/api/v1/dashboard":
            return {"dashboards": [{"id": item["id"], "title": item["title"]} for item in rows["dashboards"]]}
        if path == "/api/v1/synthetics/tests":
            return {"tests": rows["synthetics"]}
        raise Refused(404, "not found")

    def _catalogue(self, method: str, query: dict[str, str], body: Any) -> Any:
        if method == "POST":
            self._valid("catalogue", body)
            self.things[f"service:{body['metadata']['name']}"] = body
            return {}
        held = self.things.get(query["filter[ref]"])
        return {"included": [{"type": "schema", "attributes": {"schema": held}}] if held else []}

    def _valid(self, folder: str, body: Any) -> None:
        if found := list(problems(folder, body)):
            raise Refused(400, str(found))
        if folder == "monitors" and "${" in body["query"]:
            raise Refused(400, "there is no such SLO")
