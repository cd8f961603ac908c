"""Registry documents: configuration and REST documents of Docker Registry, Nexus and Artifactory against their schemas, and what
they say to each other.

The vendors' servers ignore a misspelt key; here it is refused. A document lies in the folder that is its path in the API, which is
how it finds its schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.located import Located, Malformed, documents

_SCHEMAS = Path(__file__).parent / "schemas"
_DOCUMENT = re.compile(r"registry/(nexus|artifactory)/((?:.+/)?[^/]+)\.json")
_DOCKER = "registry/docker/config.yml"
_SYSTEM = "registry/artifactory/system.yaml"
_RETENTION = "registry/retention.json"
_FOLDERS = ("registry/nexus/", "registry/artifactory/")


@cache
def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _schema_of(path: str) -> dict[str, Any] | None:
    """The schema of a document by its path; None for one that its API does not have."""
    if path == _DOCKER:
        return _schema("docker_registry")
    if path == _RETENTION:
        return _schema("retention")
    if path == _SYSTEM:
        return _schema("artifactory")["$defs"]["system.yaml"]  # type: ignore[no-any-return]
    match = _DOCUMENT.fullmatch(path)
    kind = match[2].rpartition("/")[0] if match else ""
    return _schema(match[1])["$defs"].get(kind) if match else None


class RegistryDocuments(Gate):
    """Two kinds of finding: what a schema refuses, and what one document says that another contradicts."""

    name = "registry documents"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        single = (_DOCKER, _SYSTEM, _RETENTION)
        return tuple(item.path for item in bundle if item.path in single or _DOCUMENT.fullmatch(item.path))

    def missing(self) -> str:
        return "" if find_spec("jsonschema") else "jsonschema, install with pip install 'hug-agents[gates]'"

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        read: dict[str, Located] = {}
        findings: list[Finding] = []
        for path in files:
            try:
                read[path] = next(iter(documents(workspace.bundle[path].content)))
            except (Malformed, StopIteration) as error:
                line = error.line if isinstance(error, Malformed) else 1
                findings.append(self.finding("malformed", "there is no document in it", file=path, line=line))
        for path, document in read.items():
            findings += self._against_schema(path, document)
        if not findings:
            findings += self._nexus(read)
            findings += self._artifactory(read)
            findings += self._docker(read)
        return tuple(findings)

    def _against_schema(self, path: str, document: Located) -> Iterator[Finding]:
        from jsonschema import Draft202012Validator

        schema = _schema_of(path)
        if schema is None:
            said = "the API has no such path, or none that is written here"
            yield self.finding("path", said, file=path, line=1)
            return
        for error in Draft202012Validator(schema).iter_errors(document.data):
            deepest = min(error.context, key=lambda item: -len(item.absolute_path)) if error.context else error
            where = tuple(deepest.absolute_path)
            message = deepest.message if len(deepest.message) < 300 else f"{deepest.message[:300]}…"
            if deepest.validator == "not":
                message = f"{where[-1] if where else 'this'} would hold a secret, or belongs somewhere else"
            place = (*where, *_extra(deepest))
            said = f"{'.'.join(map(str, where)) or 'document'}: {message}"
            yield self.finding("schema", said, file=path, line=document.line(*place) or 1)

    def _nexus(self, read: dict[str, Located]) -> Iterator[Finding]:
        rows = {path.removeprefix(_FOLDERS[0]): item for path, item in read.items() if path.startswith(_FOLDERS[0])}
        named = {
            folder: {item.data.get("name") for path, item in rows.items() if path.startswith(folder)}
            for folder in ("repositories/", "cleanup-policies/", "security/content-selectors/", "security/privileges/")
        }
        for path, item in rows.items():
            full = _FOLDERS[0] + path
            if path.startswith("security/privileges/"):
                yield from self._known(full, item, ("repository",), named["repositories/"], "repository")
                if "contentSelector" in item.data:
                    selectors = named["security/content-selectors/"]
                    yield from self._known(full, item, ("contentSelector",), selectors, "content selector")
            if path.startswith("security/roles/"):
                yield from self._known(full, item, ("privileges",), named["security/privileges/"], "privilege")
            if path.startswith("repositories/"):
                chosen = ("cleanup", "policyNames")
                yield from self._known(full, item, chosen, named["cleanup-policies/"], "cleanup policy")
                if "/hosted/" in path and item.data.get("cleanup", {}).get("policyNames"):
                    yield self._by_age(full, item.line("cleanup", "policyNames"))

    def _artifactory(self, read: dict[str, Located]) -> Iterator[Finding]:
        rows = {path.removeprefix(_FOLDERS[1]): item for path, item in read.items() if path.startswith(_FOLDERS[1])}
        repositories = {
            item.data.get("key"): item for path, item in rows.items() if path.startswith("api/repositories/")
        }
        local = {key for key, item in repositories.items() if item.data.get("rclass") == "local"}
        caches = {f"{key}-cache" for key in repositories}
        groups = {item.data.get("name") for path, item in rows.items() if path.startswith("api/security/groups/")}
        for path, item in rows.items():
            full = _FOLDERS[1] + path
            if path.startswith("api/v2/security/permissions/"):
                yield from self._known(full, item, ("repo", "repositories"), set(repositories), "repository")
                yield from self._known(full, item, ("repo", "actions", "groups"), groups, "group")
            if path.startswith("api/cleanup/"):
                chosen = ("searchCriteria", "repos")
                yield from self._known(full, item, chosen, set(repositories) | caches, "repository")
                if any(_covers(text, local) for text in item.data["searchCriteria"]["repos"]):
                    yield self._by_age(full, item.line(*chosen))
            if path.startswith("api/repositories/") and item.data.get("maxUniqueTags"):
                yield self._by_age(full, item.line("maxUniqueTags"))

    def _docker(self, read: dict[str, Located]) -> Iterator[Finding]:
        item = read.get(_DOCKER)
        if item is None:
            return
        for place, why in (
            (("auth",), "whoever reaches it may push"),
            (("http", "tls"), "passwords and images go over the network in the clear"),
            (("health", "storagedriver"), "it answers as healthy when its storage is gone"),
        ):
            if not item.has(*place):
                line = item.line(*place[:1]) or 1
                yield self.finding("missing", f"without {'.'.join(place)}, {why}", file=_DOCKER, line=line)
        if not item.data["storage"].get("delete", {}).get("enabled"):
            line = item.line("storage", "delete")
            yield self.finding("missing", "without storage.delete, retention cannot delete", file=_DOCKER, line=line)
        if item.has("proxy"):
            said = "a registry with a proxy takes no pushes"
            yield self.finding("proxy", said, file=_DOCKER, line=item.line("proxy"))

    def _known(
        self, path: str, item: Located, place: tuple[str, ...], known: Iterable[object], what: str
    ) -> Iterator[Finding]:
        value: Any = item.data
        for step in place:
            value = value.get(step) if isinstance(value, dict) else None
        names = value if isinstance(value, list | dict) else [value] if value is not None else []
        for name in names:
            if name not in known:
                line = item.line(*place)
                yield self.finding("unknown", f"no document makes the {what} {name!r}", file=path, line=line)

    def _by_age(self, path: str, line: int) -> Finding:
        return self.finding(
            "deletes-releases",
            "the server would delete by age or number what production may run or return to",
            file=path,
            line=line,
            remedy="leave it to `hug registry retain`, which knows what is released",
        )


def _covers(pattern: str, names: set[Any]) -> bool:
    found = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
    return any(re.fullmatch(found, str(name)) for name in names)


def _extra(error: Any) -> tuple[str, ...]:
    """The unknown key that an error is about, so that the finding stands on its line."""
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        return tuple(key for key in error.instance if key not in known)[:1]
    return ()
