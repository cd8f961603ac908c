"""A small Kubernetes API over real HTTP, for the real kubectl: discovery, get, list, delete, and server-side apply.

Every body is held against the schema of its kind that kubernetes-validate carries, unknown fields refused, as
`fieldValidation=Strict` is on a real server. Applying merges as a real server does for what our manifests hold: lists of named
things by name, selectors as one value, and a field that its manager no longer names goes. Controllers are one step: a
Deployment is up at once, a Job ends at once.
"""

from __future__ import annotations

import copy
import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate
import yaml

GROUPS: dict[str, dict[str, tuple[str, bool]]] = {
    "v1": {
        "namespaces": ("Namespace", False),
        "configmaps": ("ConfigMap", True),
        "secrets": ("Secret", True),
        "services": ("Service", True),
        "serviceaccounts": ("ServiceAccount", True),
    },
    "apps/v1": {"deployments": ("Deployment", True)},
    "batch/v1": {"jobs": ("Job", True), "cronjobs": ("CronJob", True)},
    "autoscaling/v2": {"horizontalpodautoscalers": ("HorizontalPodAutoscaler", True)},
    "policy/v1": {"poddisruptionbudgets": ("PodDisruptionBudget", True)},
    "networking.k8s.io/v1": {"ingresses": ("Ingress", True), "networkpolicies": ("NetworkPolicy", True)},
}
Item = dict[str, Any]
Key = tuple[str, str, str, str]
"""API version, plural, namespace, name."""


class Problem(Exception):
    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
        }


class Api:
    """The objects, and the server that speaks of them."""

    def __init__(self) -> None:
        self.objects: dict[Key, Item] = {}
        self.applied: dict[tuple[Key, str], Item] = {}
        self.log: list[str] = []
        self.bad = ""
        """Part of an image whose pods never get ready."""
        self.failing_jobs = ""
        self.down = False
        self._version = 0
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                text = self.rfile.read(length).decode()
                with lock:
                    try:
                        code, body = outer.call(self.command, self.path, text, self.headers.get("Content-Type", ""))
                    except Problem as error:
                        code, body = error.body["code"], error.body
                data = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PATCH = do_DELETE = do_POST = answer

            def log_message(self, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, path: Path) -> Path:
        """A configuration that names this server, as the context `test`."""
        named = {"name": "test"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{**named, "cluster": {"server": self.url}}],
            "users": [{**named, "user": {"token": "t0ken"}}],
            "contexts": [{**named, "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def find(self, kind: str, name: str, namespace: str = "") -> Item | None:
        return next(
            (
                item
                for key, item in self.objects.items()
                if item["kind"] == kind and key[3] == name and (not namespace or key[2] == namespace)
            ),
            None,
        )

    def call(self, method: str, target: str, text: str, kind: str) -> tuple[int, Item]:
        if self.down:
            raise Problem(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        parts = [part for part in url.path.split("/") if part]
        if found := self._discovery(parts):
            return 200, found
        group, rest = (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name = rest[0], rest[1] if len(rest) > 1 else ""
        if plural not in GROUPS.get(group, {}):
            raise Problem(404, "NotFound", "the server could not find the requested resource")
        key = (group, plural, namespace, name)
        if method != "GET":
            self.log.append(f"{method} {plural}/{name}" + (" dry" if "dryRun" in query else ""))
        if method == "GET":
            return 200, self._get(key) if name else self._list(group, plural, namespace, query)
        if method == "DELETE":
            item = self._get(key)
            self.objects.pop(key)
            self.applied = {place: value for place, value in self.applied.items() if place[0] != key}
            return 200, item
        if method == "PATCH" and kind.startswith("application/apply-patch"):
            return 200, self._apply(key, yaml.safe_load(text), query)
        raise Problem(405, "MethodNotAllowed", f"{method} {kind}")

    def _get(self, key: Key) -> Item:
        if key not in self.objects:
            raise Problem(404, "NotFound", f'{key[1]} "{key[3]}" not found')
        return self.objects[key]

    def _list(self, group: str, plural: str, namespace: str, query: dict[str, str]) -> Item:
        wanted = dict(term.split("=", 1) for term in query.get("labelSelector", "").split(",") if term)
        found = [
            item
            for key, item in sorted(self.objects.items())
            if key[:3] == (group, plural, namespace)
            and wanted.items() <= (item["metadata"].get("labels") or {}).items()
        ]
        kind = GROUPS[group][plural][0]
        return {
            "kind": f"{kind}List",
            "apiVersion": group,
            "metadata": {"resourceVersion": str(self._version)},
            "items": found,
        }

    def _apply(self, key: Key, body: Item, query: dict[str, str]) -> Item:
        if key[2] and ("v1", "namespaces", "", key[2]) not in self.objects:
            raise Problem(404, "NotFound", f'namespaces "{key[2]}" not found')
        try:
            kubernetes_validate.validate(body, "1.31", strict=True)
        except kubernetes_validate.ValidationError as error:
            raise Problem(422, "Invalid", f"{body['kind']} {key[3]} is invalid: {error.message}") from error
        manager = query["fieldManager"]
        before = self.objects.get(key)
        item = merge(copy.deepcopy(before or {}), self.applied.get((key, manager), {}), body)
        item["metadata"].setdefault("uid", str(uuid.uuid4()))
        if key[2]:
            item["metadata"]["namespace"] = key[2]
        changed = before is None or {k: v for k, v in before.items() if k not in ("status", "metadata")} != {
            k: v for k, v in item.items() if k not in ("status", "metadata")
        }
        generation = item["metadata"].get("generation", 0)
        item["metadata"]["generation"] = generation + 1 if changed else generation
        self._controllers(item)
        if changed or before is None or before["metadata"] != item["metadata"]:
            item["metadata"]["resourceVersion"] = str(self._version + 1)
        if "dryRun" in query:
            return item
        self._version += 1
        self.objects[key] = item
        self.applied[key, manager] = body
        return item

    def _controllers(self, item: Item) -> None:
        if item["kind"] == "Deployment":
            count = item["spec"].setdefault("replicas", 1)
            bad = self.bad and self.bad in str(item["spec"]["template"])
            item["status"] = {
                "observedGeneration": item["metadata"]["generation"],
                "replicas": count,
                "updatedReplicas": count,
                "availableReplicas": 0 if bad else count,
                "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
                if bad
                else [],
            }
        elif item["kind"] == "Job":
            failed = self.failing_jobs and self.failing_jobs in str(item["spec"])
            item["status"] = {"conditions": [{"type": "Failed" if failed else "Complete", "status": "True"}]}

    def _discovery(self, parts: list[str]) -> Item | None:
        if parts == ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        if parts == ["apis"]:
            rows = [group.split("/") for group in GROUPS if "/" in group]
            groups = []
            for name, version in rows:
                one = {"groupVersion": f"{name}/{version}", "version": version}
                groups.append({"name": name, "versions": [one], "preferredVersion": one})
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        if parts == ["version"]:
            return {"major": "1", "minor": "31", "gitVersion": "v1.31.0"}
        group = parts[-1] if parts[:1] == ["api"] else "/".join(parts[1:])
        if parts[:1] in (["api"], ["apis"]) and group in GROUPS and len(parts) == (2 if parts[0] == "api" else 3):
            verbs = ["get", "list", "patch", "delete", "create"]
            rows = [
                {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": inside, "verbs": verbs}
                for plural, (kind, inside) in GROUPS[group].items()
            ]
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": rows}
        if parts[:2] == ["openapi", "v3"]:
            return self._openapi("/".join(parts[2:]))
        return None

    def _openapi(self, which: str) -> Item:
        if not which:
            paths = {(f"api/{group}" if group == "v1" else f"apis/{group}"): group for group in GROUPS}
            return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in paths}}
        group = which.partition("/")[2]
        name, _, version = group.rpartition("/")
        paths = {}
        for plural, (kind, inside) in GROUPS[group].items():
            place = f"/{which}/namespaces/{{namespace}}/{plural}/{{name}}" if inside else f"/{which}/{plural}/{{name}}"
            gvk = {"group": name, "version": version or group, "kind": kind}
            parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
            paths[place] = {
                "patch": {"parameters": [parameter], "x-kubernetes-group-version-kind": gvk, "responses": {}}
            }
        return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.31.0"}, "paths": paths}


def merge(live: Any, last: Any, new: Any, name: str = "") -> Any:
    """What server-side apply makes of what is there, what this manager named before, and what it names now."""
    if isinstance(new, dict) and isinstance(live, dict) and name != "selector":
        gone = (last.keys() if isinstance(last, dict) else set()) - new.keys()
        kept = {key: value for key, value in live.items() if key not in gone}
        past = last if isinstance(last, dict) else {}
        return {**kept, **{key: merge(live.get(key), past.get(key), value, key) for key, value in new.items()}}
    named = isinstance(new, list) and new and all(isinstance(row, dict) and "name" in row for row in new)
    if named and isinstance(live, list):
        old = {row["name"]: row for row in live}
        before = {row["name"]: row for row in last or ()}
        wanted = [merge(old.get(row["name"], {}), before.get(row["name"]), row) for row in new]
        return wanted + [
            row for row in live if row["name"] not in before and row["name"] not in {r["name"] for r in new}
        ]
    return copy.deepcopy(new)
