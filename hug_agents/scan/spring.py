"""Spring Boot: application.properties and application.yml, the actuator, and controllers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from hug_agents.scan.documents import Node
from hug_agents.scan.folder import Folder
from hug_agents.scan.report import Confidence
from hug_agents.scan.routes import join
from hug_agents.scan.source import Source
from hug_agents.scan.tokens import Tokens

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_.-]{1,128})(?::([^${}]{0,512}))?\}")
_ENV = re.compile(r"^[A-Z_][A-Z0-9_]{0,127}$")
_NOT_DEPLOYED = ("dev", "development", "local", "test", "it", "ci", "e2e", "debug")
_MAPPINGS = ("@GetMapping", "@RequestMapping")
Places = dict[str, tuple[Source, int]]


class Setting(NamedTuple):
    """One property, where it is set, and the profile that it belongs to (empty: all)."""

    value: str
    source: Source
    line: int
    profile: str


def read(folder: Folder, libraries: Places) -> None:
    """Note ports, health and metrics as the configuration sets them, and the routes of controllers."""
    settings: dict[str, list[Setting]] = {}
    for key, setting in _settings(folder):
        settings.setdefault(_relaxed(key), []).append(setting)
        for match in _PLACEHOLDER.finditer(setting.value[:2_000]):
            if _ENV.match(match[1]):
                folder.add("env", match[1], setting.source, setting.line)
    _ports(folder, settings, libraries)
    _actuator(folder, settings, libraries)
    context = _first(settings, "server.servlet.context-path") or _first(settings, "spring.webflux.base-path")
    for source in folder.code(".java", ".kt"):
        if "Mapping(" in source.text:
            _controllers(folder, source, context or "")


# ---- configuration


def _settings(folder: Folder) -> Iterator[tuple[str, Setting]]:
    for path in folder.files:
        name = path.rsplit("/", 1)[-1]
        stem, _, suffix = name.rpartition(".")
        if not (path.startswith(("src/main/resources/", "config/")) or "/" not in path):
            continue
        if stem != "application" and not stem.startswith("application-"):
            continue
        profile = stem.removeprefix("application").removeprefix("-")
        if profile in _NOT_DEPLOYED:
            continue
        if suffix == "properties":
            source = folder.read(path)
            for number, line in enumerate(source.lines if source else [], start=1):
                bare = line[:2_000].strip()
                key, found, value = bare.partition("=") if "=" in bare else bare.partition(":")
                if source and found and not bare.startswith(("#", "!")):
                    yield key.strip(), Setting(value.strip(), source, number, profile)
        elif suffix in ("yml", "yaml"):
            yield from _yaml(folder, path, profile)


def _yaml(folder: Folder, path: str, profile: str) -> Iterator[tuple[str, Setting]]:
    found = folder.documents(path)
    for document in found[1] if found else []:
        only = document.text("spring", "config", "activate", "on-profile") or document.text("spring", "profiles")
        if found and only not in _NOT_DEPLOYED:
            for key, node in _flat(document):
                yield key, Setting(str(node.value), found[0], node.line, profile or only)


def _flat(document: Node) -> Iterator[tuple[str, Node]]:
    """`a.b.c` and its scalar. Mappings reached again through an alias are bounded by the count."""
    waiting: list[tuple[str, Node]] = [("", document)]
    for _ in range(5_000):
        if not waiting:
            return
        path, node = waiting.pop()
        if isinstance(node.value, str):
            yield path, node
        elif len(path) < 300:
            waiting.extend((f"{path}.{key}" if path else key, inner) for key, inner in reversed(node.items()))


def _relaxed(key: str) -> str:
    """Spring's relaxed binding: contextPath, context_path and context-path are one."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"-\1", key[:300]).replace("_", "-").lower()


def _first(settings: dict[str, list[Setting]], key: str) -> str | None:
    found = settings.get(key)
    return _default(found[0].value)[0] if found else None


def _default(value: str) -> tuple[str, Confidence]:
    match = _PLACEHOLDER.fullmatch(value.strip())
    return (match[2] or "", "likely") if match else (value.strip(), "certain")


def _ports(folder: Folder, settings: dict[str, list[Setting]], libraries: Places) -> None:
    for key, path in (("server.port", "port"), ("management.server.port", "health_port")):
        for setting in settings.get(key, []):
            text, confidence = _default(setting.value)
            if text.isascii() and text.isdigit() and 0 < len(text) <= 5 and 0 < int(text) <= 65_535:
                folder.add(path, int(text), setting.source, setting.line, "likely" if setting.profile else confidence)
    if not folder.has("port") and "server.port" not in settings:
        for name in ("spring-boot-starter-web", "spring-boot-starter-webflux", "spring-boot-starter-webmvc"):
            place = libraries.get(f"org.springframework.boot:{name}")
            if place is not None:
                # 8080 is what Spring Boot documents for a web application that sets no server.port.
                folder.add_port(8080, *place, "likely")


def _actuator(folder: Folder, settings: dict[str, list[Setting]], libraries: Places) -> None:
    place = libraries.get("org.springframework.boot:spring-boot-starter-actuator")
    if place is None:
        return
    said = settings.get("management.endpoints.web.base-path", [])
    base = _default(said[0].value)[0] if said else "/actuator"
    context = "" if "management.server.port" in settings else _first(settings, "server.servlet.context-path") or ""
    source, line = (said[0].source, said[0].line) if said else place
    health = _first(settings, "management.endpoints.web.path-mapping.health") or "health"
    folder.add("health_path", join(context, base, health), source, line, around=base)
    exposed = settings.get("management.endpoints.web.exposure.include", [])
    registry = libraries.get("io.micrometer:micrometer-registry-prometheus")
    if registry is not None and exposed and re.search(r"prometheus|\*", exposed[0].value):
        mapped = _first(settings, "management.endpoints.web.path-mapping.prometheus") or "prometheus"
        folder.add("metrics_path", join(context, base, mapped), exposed[0].source, exposed[0].line, around="prometheus")


# ---- controllers


def _controllers(folder: Folder, source: Source, context: str) -> None:
    tokens = Tokens(source, "java")
    prefix = ""
    for index in tokens.at(*_MAPPINGS):
        if tokens.value(index + 1) != "(":
            continue
        path = _path(tokens, index + 1)
        if _is_on_class(tokens, tokens.closing(index + 1, 200) + 1):
            prefix = path or ""
        elif path is not None:
            folder.add_route(join(context, prefix, path), source, tokens.line(index), around=path)


def _path(tokens: Tokens, index: int) -> str | None:
    end = tokens.closing(index, 200)
    for at in range(index + 1, end):
        text = tokens.text(at)
        if text is not None and (at == index + 1 or tokens.value(at - 1) in ("=", "{", "[")):
            before = tokens.value(at - 2) if tokens.value(at - 1) == "=" else "value"
            if before in ("value", "path", "=", "("):
                return text
    return None


def _is_on_class(tokens: Tokens, index: int) -> bool:
    """Whether the next declaration after an annotation is a class."""
    for at in range(index, min(index + 40, len(tokens.all))):
        value = tokens.value(at)
        if value in ("class", "interface"):
            return True
        if value in ("{", ";", "fun") or (value == "(" and not tokens.value(at - 1).startswith("@")):
            return False
    return False
