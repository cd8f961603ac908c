"""Nexus and Artifactory as far as `apply.sh` goes: documents are kept by path, what they refer to must be there, and every call
and answer is held against the vendor's description. How they refuse is written from their sources and clients."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from tests.listening import Listening
from tests.repositories import artifactory_description, nexus_description

USER, WORD, TOKEN = "admin", 'p"ä ss\\', "t0k"


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server(Listening):
    """`documents` is what it holds, by path below its API."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []

    def handle(self, method: str, target: str, sent: bytes, headers: Any) -> tuple[int, bytes]:
        status, said = self._answered(method, target, sent, headers)
        return status, b"" if said is None else (said if isinstance(said, str) else json.dumps(said)).encode()

    def _answered(self, method: str, target: str, data: bytes, headers: Any) -> tuple[int, Any]:
        parts = urlsplit(target)
        path, query = unquote(parts.path), dict(pair.split("=", 1) for pair in parts.query.split("&") if pair)
        self.calls.append((method, path))
        if headers.get("authorization") != self.account:
            return 401, self.refusal(401, "Unauthorized")
        kind = headers.get("content-type", "")
        sent = None if not data else yaml.safe_load(data) if kind == "application/yaml" else json.loads(data)
        if data and (kind == "application/yaml") != path.endswith("/system/configuration"):
            self.violations.append(f"{method} {path}: {kind}")
        try:
            status, said = self.act(method, path, sent)
        except Refused as error:
            status, said = error.status, self.refusal(error.status, str(error))
        self.violations += self.judged(method, path, query, sent, status, said)
        return status, said

    account = ""

    def act(self, method: str, path: str, sent: Any) -> tuple[int, Any]:
        raise NotImplementedError

    def judged(self, method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
        raise NotImplementedError

    def refusal(self, status: int, message: str) -> Any:
        raise NotImplementedError

    def has(self, folder: str, name: str) -> bool:
        return any(path.startswith(folder) and path.rpartition("/")[2] == name for path in self.documents)


class Nexus(Server):
    """`cleanup` False: an edition without the API of cleanup policies."""

    def __init__(self, *, cleanup: bool = True) -> None:
        self.cleanup = cleanup
        self.account = "Basic " + base64.b64encode(f"{USER}:{WORD}".encode()).decode()
        super().__init__()

    judged = staticmethod(nexus_description.judged)  # type: ignore[assignment]

    def refusal(self, status: int, message: str) -> Any:
        return message if status == 401 else [{"id": "*", "message": message}]

    def act(self, method: str, path: str, sent: Any) -> tuple[int, Any]:
        path = path.removeprefix(f"{nexus_description.BASE}/")
        if path.startswith("cleanup-policies") and not self.cleanup:
            raise Refused(404, "HTTP 404 Not Found")
        if method == "POST":
            own = f"{path}/{sent.get('id') or sent['name']}"
            if own in self.documents:
                raise Refused(400, "Name is already used, must be unique (ignoring case)")
            self._refers(path, sent)
            self.documents[own] = sent
            return (200, {**sent, "readOnly": False, "source": "default"}) if path == "security/roles" else (201, None)
        if path not in self.documents:
            raise Refused(404, "not found")
        self._refers(path, sent)
        self.documents[path] = {"name": path.rpartition("/")[2], **sent}
        return 204, None

    def _refers(self, path: str, sent: dict[str, Any]) -> None:
        if "/privileges/" in path:
            if not self.has("repositories/", sent["repository"]):
                raise Refused(400, f"Invalid repository '{sent['repository']}' supplied.")
            if "contentSelector" in sent and not self.has("security/content-selectors/", sent["contentSelector"]):
                raise Refused(400, f"Invalid selector '{sent['contentSelector']}' supplied.")
        for name in sent.get("privileges", ()):
            if not self.has("security/privileges/", name):
                raise Refused(400, f"Privilege '{name}' contained in role could not be found")


class Artifactory(Server):
    """Repositories answer 400 when they are not there, everything else 404."""

    def __init__(self) -> None:
        self.account = f"Bearer {TOKEN}"
        self.configuration: dict[str, Any] = {}
        super().__init__()

    judged = staticmethod(artifactory_description.judged)  # type: ignore[assignment]

    def refusal(self, status: int, message: str) -> Any:
        return {"errors": [{"status": status, "message": message}]}

    def act(self, method: str, path: str, sent: Any) -> tuple[int, Any]:
        path = path.removeprefix(f"{artifactory_description.BASE}/")
        if path == "api/system/configuration":
            self.configuration |= sent
            return 200, "2 changes to config merged successfully"
        if path.endswith("/enablement"):
            self.documents[path.removesuffix("/enablement")]["enabled"] = sent["enabled"]
            return 200, None
        there = self.documents.get(path)
        collection = path.rpartition("/")[0]
        repository, group, policy = (
            collection == name for name in ("api/repositories", "api/security/groups", "api/cleanup/packages/policies")
        )
        create = "PUT" if repository or group else "POST"
        if there is None and method != create:
            raise Refused(400 if repository else 404, "Bad Request" if repository else "not found")
        if method == "GET":
            return 200, there
        if there is not None and method == create and not group:
            raise Refused(400 if repository else 409, "it exists")
        if policy and sent.get("enabled", False) != (there or {}).get("enabled", False):
            raise Refused(400, "a policy is made inactive, and switched on and off by enablement alone")
        self._refers(sent)
        self.documents[path] = sent
        if repository:
            return 200, f"Successfully {'created' if there is None else 'updated'} repository '{sent['key']}'"
        return (201 if there is None else 200), None

    def _refers(self, sent: dict[str, Any]) -> None:
        section = sent.get("repo", {})
        for name in section.get("repositories", ()):
            if not self.has("api/repositories/", name):
                raise Refused(400, f"no repository {name}")
        for name in section.get("actions", {}).get("groups", ()):
            if not self.has("api/security/groups/", name):
                raise Refused(400, f"no group {name}")
