"""Java and Kotlin: Maven's and Gradle's manifests, and what Spring Boot makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.scan import spring
from hug_agents.scan.documents import Refused
from hug_agents.scan.drivers import version
from hug_agents.scan.folder import Folder
from hug_agents.scan.pom import Element, read_pom
from hug_agents.scan.source import Source
from hug_agents.scan.tokens import Tokens

_VERSION_PROPERTIES = (
    "java.version",
    "maven.compiler.release",
    "maven.compiler.target",
    "maven.compiler.source",
    "kotlin.jvmTarget",
)
_CONFIGURATIONS = frozenset(
    {"implementation", "api", "compile", "runtimeOnly", "compileOnly", "developmentOnly", "runtime"}
)
_GROUP_ARTIFACT = re.compile(r"^[\w.-]{1,200}:[\w.-]{1,200}(?::[\w.${}-]{1,100})?$")
Library = tuple[str, Source, int]
"""group:artifact and where it is asked for."""


def read(folder: Folder) -> None:
    """Note everything that a Java component says about itself."""
    libraries = [*_maven(folder), *_gradle(folder)]
    for name, source, line in libraries:
        folder.add_library(name, source, line)
        if name.startswith("org.springframework.boot:spring-boot-starter"):
            folder.add("framework", "spring", source, line, around=name.split(":")[1])
    if folder.has("framework"):
        spring.read(folder, {name: (source, line) for name, source, line in reversed(libraries)})


# ---- Maven


def is_aggregator(folder: Folder) -> bool:
    """A pom.xml or build.gradle that only gathers modules."""
    source = folder.tree.parsed(folder.root_path("pom.xml")) if "pom.xml" in folder else None
    if source is not None:
        try:
            return any(item.path == "project/packaging" and item.text == "pom" for item in read_pom(source))
        except Refused:
            return False
    return False


def _maven(folder: Folder) -> Iterator[Library]:
    source = folder.tree.parsed(folder.root_path("pom.xml")) if "pom.xml" in folder else None
    if source is None:
        return
    try:
        elements = read_pom(source)
    except Refused as error:
        folder.tree.unread(source.path, str(error))
        return
    line = next((item.line for item in elements if item.path == "project/modelVersion"), 1)
    folder.add("language", "java", source, line, around="project")
    folder.add("package_manager", "maven", source, line, around="project")
    wrapper = "./mvnw" if "mvnw" in folder else "mvn"
    folder.add("test_command", f"{wrapper} -B test", source, line, "likely", around="project")
    properties = {}
    for item in elements:
        if item.path.startswith("project/properties/"):
            properties[item.path.removeprefix("project/properties/")] = item
        elif item.path == "project/artifactId":
            folder.add("name", item.text, source, item.line)
        elif item.path == "project/version" and "$" not in item.text:
            folder.add("version", item.text, source, item.line)
    for name in _VERSION_PROPERTIES:
        if name in properties and (said := version(properties[name].text.removeprefix("1.") or properties[name].text)):
            folder.add("language_version", said, source, properties[name].line)
            break
    yield from _maven_libraries(source, elements)


def _maven_libraries(source: Source, elements: list[Element]) -> Iterator[Library]:
    group = ""
    pending: Library | None = None
    for item in elements:
        if item.path == "project/dependencies/dependency/groupId":
            if pending is not None:
                yield pending
            group, pending = item.text, None
        elif item.path == "project/dependencies/dependency/artifactId":
            pending = (f"{group}:{item.text}", source, item.line)
        elif item.path == "project/dependencies/dependency/scope" and item.text == "test":
            pending = None
    if pending is not None:
        yield pending


# ---- Gradle


def _gradle(folder: Folder) -> Iterator[Library]:
    for path in ("build.gradle.kts", "build.gradle"):
        source = folder.tree.parsed(folder.root_path(path)) if path in folder else None
        if source is None:
            continue
        folder.add("language", "java", source, 1)
        folder.add("package_manager", "gradle", source, 1)
        wrapper = "./gradlew" if "gradlew" in folder else "gradle"
        folder.add("test_command", f"{wrapper} test", source, 1, "likely")
        tokens = Tokens(source, "groovy")
        _gradle_settings(folder, source, tokens)
        catalog = _catalog(folder)
        for index in tokens.at(*_CONFIGURATIONS):
            name = _gradle_library(tokens, index + 1, catalog)
            if name:
                yield name, source, tokens.line(index)
        break
    settings = next((folder.read(name) for name in ("settings.gradle", "settings.gradle.kts") if name in folder), None)
    if settings is not None:
        tokens = Tokens(settings, "groovy")
        for index in tokens.at("rootProject"):
            if tokens.matches(index, "rootProject", ".", "name", "=") and (own := tokens.text(index + 4)):
                folder.add("name", own, settings, tokens.line(index))


def _gradle_library(tokens: Tokens, index: int, catalog: dict[str, str]) -> str:
    if tokens.value(index) == "(":
        index += 1
    named = tokens.text(index)
    if named is not None:
        return ":".join(named.split(":")[:2]) if _GROUP_ARTIFACT.match(named) else ""
    if tokens.value(index) == "libs":
        parts: list[str] = []
        while tokens.value(index + 1) == "." and len(parts) < 12:
            parts.append(tokens.value(index + 2))
            index += 2
        return catalog.get(".".join(parts), "")
    return ""


def _catalog(folder: Folder) -> dict[str, str]:
    """gradle/libs.versions.toml: what `libs.spring.boot.starter.web` stands for."""
    found = folder.document("gradle/libs.versions.toml")
    libraries: dict[str, str] = {}
    for name, item in found[1].items("libraries") if found else []:
        module = item.text("module") or (item.value if isinstance(item.value, str) else "")
        if not module and item.text("group"):
            module = f"{item.text('group')}:{item.text('name')}"
        libraries[re.sub(r"[-_]", ".", name)] = ":".join(module.split(":")[:2])
    return libraries


def _gradle_settings(folder: Folder, source: Source, tokens: Tokens) -> None:
    for index in tokens.at("JavaLanguageVersion", "jvmToolchain", "sourceCompatibility", "version"):
        value = tokens.value(index)
        if tokens.matches(index, "JavaLanguageVersion", ".", "of", "("):
            said = tokens.value(index + 4)
        elif value == "jvmToolchain" and tokens.value(index + 1) == "(":
            said = tokens.value(index + 2)
        elif value == "sourceCompatibility" and tokens.value(index + 1) == "=":
            said = tokens.text(index + 2) or tokens.value(index + 2)
            if tokens.matches(index + 2, "JavaVersion", "."):
                said = tokens.value(index + 4)
        elif value == "version" and tokens.value(index + 1) == "=" and (own := tokens.text(index + 2)):
            folder.add("version", own, source, tokens.line(index))
            continue
        else:
            continue
        number = version(said.removeprefix("VERSION_").removeprefix("1_").removeprefix("1."))
        if number:
            folder.add("language_version", number, source, tokens.line(index))
