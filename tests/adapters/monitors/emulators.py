"""Servers that answer as the vendors' descriptions say, and refuse what those would refuse. None is the real thing.

Every call and every answer is judged by the vendor's own API description, and what it does not allow is a violation: Grafana's
and Kibana's written over by hand (grafana_description.py, kibana_description.py), Elasticsearch's cut out of Elastic's types
(tests/elastic), Datadog's as its own client has it (datadog_description.py).
"""

from __future__ import annotations

import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
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
from tests.adapters.monitors import datadog_description, grafana_description, kibana_description
from tests.elastic import judge as elastic_description

NOW = "2026-01-01T00:00:00Z"


class Refused(Exception):
    def __init__(self, status: int, said: Any) -> None:
        super().__init__(str(said))
        self.status = status
        self.said = said


class Server:
    """What all have: a state, and every request that changed something."""

    token: tuple[str, str]

    def __init__(self) -> None:
        self.things: dict[str, Any] = {}
        self.changes: list[tuple[str, str]] = []
        self.violations: list[str] = []

    def judge(self, path: str) -> Callable[..., list[str]]:
        """The description that has a path."""
        raise NotImplementedError

    def refusal(self, path: str, refused: Refused) -> Any:
        """What the server says when it refuses."""
        return {"message": str(refused)}

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
                body = json.loads(raw) if raw and "json" in kind else raw.decode() or None
                status, said = 200, server.answer(self.command, url.path, query, body, self.headers)
            except Refused as refused:
                status, said = refused.status, server.refusal(url.path, refused)
            if status != 401:
                server.violations += server.judge(url.path)(self.command, url.path, query, body, status, said)
            if self.command != "GET" and status < 400 and not url.path.endswith("_export"):
                server.changes.append((self.command, url.path))
            text = (said if isinstance(said, str) else json.dumps(said)).encode()
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


class Grafana(Server):
    token = ("Authorization", "Bearer grafana-secret")

    def judge(self, path: str) -> Callable[..., list[str]]:
        return grafana_description.judged

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, headers: Any) -> Any:
        if path == "/api/annotations":
            notes = self.things.setdefault("notes", [])
            if method == "GET":
                return [item for item in notes if query["tags"] in item["tags"]]
            notes.append({"id": len(notes) + 1, "time": 1767225600000, **body})
            return {"message": "Annotation added", "id": len(notes)}
        if path == "/api/folders" and method == "POST":
            self.things[f"/api/folders/{body['uid']}"] = {**body, "id": 1, "version": 1}
            return self.things[f"/api/folders/{body['uid']}"]
        if path.startswith("/api/folders/") and method == "PUT" and path in self.things:
            if not body.get("overwrite") and body.get("version") != self.things[path]["version"]:
                raise Refused(412, "the folder has been changed by someone else")
            self.things[path] |= {"title": body["title"], "version": self.things[path]["version"] + 1}
            return self.things[path]
        if method == "POST" and path == "/api/dashboards/db":
            board = body["dashboard"]
            if f"/api/folders/{body['folderUid']}" not in self.things:
                raise Refused(412, "folder not found")
            self.things[f"/api/dashboards/uid/{board['uid']}"] = {
                "dashboard": {**board, "id": 7, "version": 1},
                "meta": {"folderUid": body["folderUid"]},
            }
            saved = {"id": 7, "uid": board["uid"], "url": f"/d/{board['uid']}", "version": 1}
            return {**saved, "title": "a-slug", "status": "success"}
        if method == "PUT" and (
            found := re.fullmatch(r"/api/v1/provisioning/folder/([^/]+)/rule-groups/([^/]+)", path)
        ):
            if f"/api/folders/{found[1]}" not in self.things:
                raise Refused(400, "folder does not exist")
            self.things[path] = {**body, "rules": [{**rule, "provenance": "api"} for rule in body["rules"]]}
            return self.things[path]
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

    def judge(self, path: str) -> Callable[..., list[str]]:
        return kibana_description.judged if path.startswith("/api/") else elastic_description.judged

    def refusal(self, path: str, refused: Refused) -> Any:
        if path.startswith("/api/"):
            return {"statusCode": refused.status, "error": "refused", "message": str(refused), **_attributes(refused)}
        if path.startswith("/_security/role/") and refused.status == 404:
            return {}
        cause = {"type": "refused", "reason": str(refused)}
        return {"status": refused.status, "error": {**cause, "root_cause": [cause]}}

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
            new = prefix + name not in self.things
            self.things[prefix + name] = body
            return {"role": {"created": new}} if prefix == "/_security/role/" else {"acknowledged": True}
        if prefix + name not in self.things:
            raise Refused(404, "not found")
        held = self.things[prefix + name]
        if prefix == "/_ilm/policy/":
            return {name: {"version": 1, "modified_date": NOW, **held}}
        if prefix == "/_security/role/":
            return {name: {"applications": [], "run_as": [], **held}}
        if settings := held.get("template", {}).get("settings"):  # these come back as texts
            told = json.loads(json.dumps(settings), parse_int=str)
            held = {**held, "template": {**held["template"], "settings": told}}
        key = prefix.strip("/_")
        return {f"{key}s": [{"name": name, key: held}]}

    def _kibana(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        if path == "/api/saved_objects/_export":
            asked = [f"object {item['type']}/{item['id']}" for item in body["objects"]]
            if missing := [name for name in asked if name not in self.things]:
                gone = [{"id": name.rpartition("/")[2], "error": {"statusCode": 404}} for name in missing]
                raise Refused(400, {"message": "Error fetching objects to export", "attributes": {"objects": gone}})
            return "\n".join(json.dumps(self.things[name]) for name in asked)
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
                self.things[path] = _rule({**body, "id": found[1], "revision": 0})
                return self.things[path]
            if method == "PUT" and path in self.things:
                self.things[path] = _rule({**self.things[path], **body})
                return self.things[path]
        raise Refused(404, "not found")

    def _valid(self, model: Any, body: Any) -> None:
        try:
            model.model_validate(body)
        except ValidationError as error:
            raise Refused(400, str(error)) from error


def _attributes(refused: Refused) -> dict[str, Any]:
    return refused.said if isinstance(refused.said, dict) else {}


def _rule(body: dict[str, Any]) -> dict[str, Any]:
    """A rule as Kibana tells of it."""
    seen = {
        "created_at": NOW,
        "created_by": "elastic",
        "updated_at": NOW,
        "updated_by": "elastic",
        "api_key_owner": "elastic",
    }
    running = {"execution_status": {"status": "pending"}, "mute_all": False, "muted_alert_ids": [], "throttle": None}
    actions = [{"connector_type_id": ".pagerduty", **item} for item in body["actions"]]
    return {**seen, **running, **body, "actions": actions}


class Datadog(Server):
    token = ("DD-API-KEY", "datadog-secret")
    kinds: ClassVar[dict[str, str]] = {
        "/api/v1/slo": "slos",
        "/api/v1/monitor": "monitors",
        "/api/v1/dashboard": "dashboards",
        "/api/v1/synthetics/tests/api": "synthetics",
    }

    def judge(self, path: str) -> Callable[..., list[str]]:
        return datadog_description.judged

    def refusal(self, path: str, refused: Refused) -> Any:
        return {"errors": [str(refused)]}

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
            if method == "PATCH":
                held = self.things[path]["data"]
                body = {"data": {**body["data"], "attributes": {**held["attributes"], **body["data"]["attributes"]}}}
            self._valid("metrics", body)
            self.things[path] = body
            return body
        base, _, id = path.rpartition("/")
        if method == "GET":
            return self._listed(path, base, id)
        if method == "POST" and path in self.kinds:
            self._valid(self.kinds[path], body)
            id = str(len(self.things) + 1) if path == "/api/v1/monitor" else f"id-{len(self.things)}"
            self.things[f"{path}/{id}"] = {**body, **self._named(path, id)}
            return self._told(path, self.things[f"{path}/{id}"])
        if method == "PUT" and path in self.things:
            self._valid(self.kinds[base], body)
            self.things[path] = {**body, **self._named(base, id)}
            return self._told(base, self.things[path])
        raise Refused(404, f"no route {method} {path}")

    def _named(self, base: str, id: str) -> dict[str, Any]:
        if "synthetics" in base:
            return {"public_id": id}
        return {"id": int(id) if base == "/api/v1/monitor" else id}

    def _told(self, base: str, item: Any) -> Any:
        """An objective that was made or changed comes back in a list."""
        return {"data": [item], "errors": []} if base == "/api/v1/slo" else item

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
