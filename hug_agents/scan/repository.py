"""`scan`: a folder in, facts out. It finds the components and lets each language read its own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from hug_agents.scan import compose, dockerfile, git, go, java, node, procfile, python
from hug_agents.scan.compose import ComposeService
from hug_agents.scan.documents import Refused, read_json
from hug_agents.scan.existing import existing
from hug_agents.scan.folder import Folder
from hug_agents.scan.places import MANIFESTS
from hug_agents.scan.quoting import clean
from hug_agents.scan.report import Component, Limits, RepositoryFacts
from hug_agents.scan.tree import Tree

_RUNS = ("start_command", "port", "dockerfile", "health_path", "framework", "app")
"""A fact on one of these makes a component something that can be deployed."""
_OTHERS = {
    "Cargo.toml": "Rust", "Gemfile": "Ruby", "composer.json": "PHP", "mix.exs": "Elixir", "Package.swift": "Swift",
    "build.sbt": "Scala", "deps.edn": "Clojure", "project.clj": "Clojure", "CMakeLists.txt": "C++", "deno.json": "Deno",
}  # fmt: skip
_MOST_COMPONENTS = 50


def scan(root: Path, *, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> RepositoryFacts:
    """Read what a repository's files say about how it is built, run and checked.

    Nothing in it is run, no link in it is followed, and what the limits leave out is named in `unread`. Two scans of
    the same bytes answer the same, unless the time ran out. Raises UsageError if `root` is not a folder.
    """
    tree = Tree(root, limits or Limits(), clock)
    every = compose.services(tree)
    components = _components(tree, every)
    found = existing(tree)
    about = git.read(tree)
    unread, skipped = tree.report()
    return RepositoryFacts(
        root=clean(tree.root.name)[:200] or "repository",
        facts=about,
        components=components,
        existing=found,
        unread=unread,
        skipped=skipped,
    )


# ---- components


def _components(tree: Tree, every: list[ComposeService]) -> tuple[Component, ...]:
    contexts = _contexts(tree, every)
    files: dict[str, list[str]] = {context: [] for context in contexts}
    for path in tree.files:
        owner = _owner(path, files)
        if owner is not None:
            files[owner].append(path)
    folders = {context: Folder(tree, context, paths) for context, paths in files.items()}
    read: list[tuple[str, Folder]] = []
    for context, folder in folders.items():
        above = folders.get(_above(context, folders))
        programs = _programs(folder)
        several = len(programs) > 1
        for program in programs:
            part = Folder(tree, context, files[context])
            _read(part, program, above, every)
            read.append((program.package if program and several else "", part))
    runnable = [(package, part) for package, part in read if part.has(*_RUNS) or part.values("module")]
    kept = runnable or read[:1]
    for _, part in read:
        if part not in [folder for _, folder in kept]:
            tree.unread(part.context, "a library or a workspace: nothing in it says how it is run")
    return _named(tree, kept[:_MOST_COMPONENTS])


def _contexts(tree: Tree, every: list[ComposeService]) -> list[str]:
    """The folders that may be components: those with a manifest, a Dockerfile, or that compose builds."""
    found: dict[str, None] = {}
    for path in tree.files:
        folder, _, name = path.rpartition("/")
        if name in _OTHERS:
            tree.unread(path, f"{_OTHERS[name]} is not a language that the scan reads")
        if name in MANIFESTS or name in ("Dockerfile", "Containerfile", "Procfile"):
            found.setdefault(folder or ".")
    if not found and any(path.endswith(".py") for path in tree.files):
        found["."] = None  # a program without a manifest
    built = {service.context for service in every if service.context}
    folders = {path.rpartition("/")[0] or "." for path in tree.files}
    found.update(dict.fromkeys(sorted(built & folders)))
    manifests = {path for path in tree.files if path.rpartition("/")[2] in MANIFESTS}
    kept = [context for context in found if context in built or _stands_alone(context, found, manifests)]
    if len(kept) > _MOST_COMPONENTS:
        tree.unread("the rest of the components", f"more than {_MOST_COMPONENTS} of them")
    return sorted(kept)[:_MOST_COMPONENTS]


def _stands_alone(context: str, found: Iterable[str], manifests: set[str]) -> bool:
    """A folder with a manifest does; one with only a Dockerfile or Procfile belongs to the component around it."""
    if context == "." or any(f"{context}/{name}" in manifests for name in MANIFESTS):
        return True
    around = {other for other in found if other == "." or context.startswith(f"{other}/")}
    return not any((f"{other}/{name}" if other != "." else name) in manifests for other in around for name in MANIFESTS)


def _owner(path: str, contexts: Iterable[str]) -> str | None:
    folder = path.rpartition("/")[0]
    while folder:
        if folder in contexts:
            return folder
        folder = folder.rpartition("/")[0]
    return "." if "." in contexts else None


def _above(context: str, folders: Iterable[str]) -> str:
    """The component around one, for workspaces that share a lock file at their root."""
    if context == ".":
        return ""
    folder = context.rpartition("/")[0]
    while folder and folder not in folders:
        folder = folder.rpartition("/")[0]
    return folder or "."


def _programs(folder: Folder) -> list[go.Program | None]:
    found: list[go.Program | None] = list(go.programs(folder)) if "go.mod" in folder else []
    return found or [None]


def _read(folder: Folder, program: go.Program | None, above: Folder | None, every: list[ComposeService]) -> None:
    """One component: its languages, then its container, its processes and its neighbours."""
    languages = _languages(folder)
    if "go" in languages:
        go.read(folder, program)
    if "java" in languages and not java.is_aggregator(folder):
        java.read(folder)
    docker = dockerfile.files(folder)
    if docker:
        dockerfile_for = [
            path for path in docker if program and program.package and program.package.rsplit("/", 1)[-1] in path
        ]
        chosen = dockerfile_for or [path for path in docker if path == "Dockerfile"] or docker
    if "node" in languages:
        node.read(folder, above)
    for path in chosen if docker else []:
        dockerfile.read(folder, path)
    procfile.read(folder)
    mine = [service for service in every if service.context == folder.context]
    serving = any(service.node.get("ports") for service in mine)
    for service in mine if program is None or not program.package else []:
        compose.read(folder, service, beside=serving and service.node.get("ports") is None)
    if "python" in languages:
        python.read(folder)
    if mine or (folder.context == "." and not any(service.context for service in every)):
        compose.backing(folder, every)
    _example_environment(folder)


def _languages(folder: Folder) -> set[str]:
    found = set()
    if any(name in folder for name in python.MANIFESTS) or not any(name in folder for name in MANIFESTS):
        found.add("python")
    if "go.mod" in folder:
        found.add("go")
    if any(name in folder for name in ("pom.xml", "build.gradle", "build.gradle.kts")):
        found.add("java")
    if "package.json" in folder and (not found or _serves(folder)):
        found.add("node")
    elif "package.json" in folder:
        folder.tree.unread(
            folder.root_path("package.json"), "taken for tooling beside another language: nothing in it serves"
        )
    return found


def _serves(folder: Folder) -> bool:
    """Whether a package.json beside another manifest is an application of its own."""
    source = folder.tree.parsed(folder.root_path("package.json"))
    try:
        tree = read_json(source) if source else None
    except Refused:
        return False
    if source is not None and tree is not None and not isinstance(tree.value, dict):
        folder.tree.unread(source.path, "not a package: its top level is no object")
    libraries = {name for name, _ in tree.items("dependencies")} if tree else set()
    return bool(libraries & {"next", "express", "@nestjs/core", "fastify", "koa", "hono"})


def _example_environment(folder: Folder) -> None:
    """The names in `.env.example`. A real `.env` is never opened."""
    for path in (".env.example", ".env.sample", ".env.template", "env.example"):
        source = folder.read(path)
        for number, line in enumerate(source.lines if source else [], start=1):
            name = line[:300].strip().removeprefix("export ").partition("=")[0].strip()
            if source and "=" in line and re.match(r"^[A-Za-z_]\w{0,127}\Z", name):
                folder.add("env", name, source, number)


# ---- names


def _named(tree: Tree, parts: list[tuple[str, Folder]]) -> tuple[Component, ...]:
    names: list[str] = []
    for package, part in parts:
        said = sorted(str(value) for value in part.values("name"))
        folder = part.context.rsplit("/", 1)[-1]
        program = package.rsplit("/", 1)[-1]
        wanted = (
            program
            or (said[0].rsplit("/", 1)[-1] if said else "")
            or ("" if folder == "." else folder)
            or tree.root.name
        )
        name = label(wanted)
        number = 2
        while name in names:
            name = label(f"{wanted[:34]}-{folder if folder != '.' and number == 2 else number}")
            number += 1
        names.append(name)
    return tuple(
        Component(name=name, context=part.context, facts=part.facts())
        for name, (_, part) in zip(names, parts, strict=True)
    )


def label(text: str) -> str:
    """A DNS label of at most 40 characters from any text."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    plain = plain.lstrip("0123456789-")[:40].strip("-")
    return plain or "app"
