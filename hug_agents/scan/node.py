"""Node: what package.json and its neighbours say (npm, pnpm, yarn), and Next.js' routes by file."""

from __future__ import annotations

import re

from hug_agents.scan import commands, node_routes
from hug_agents.scan.documents import Node
from hug_agents.scan.drivers import version
from hug_agents.scan.folder import Folder
from hug_agents.scan.routes import join
from hug_agents.scan.source import Source
from hug_agents.scan.tokens import Tokens

_FRAMEWORKS = (("next", "next"), ("@nestjs/core", "nest"), ("express", "express"))
_LOCKS = (
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
)
_START = ("start:prod", "start:production", "serve:prod", "start")
_MIGRATE = ("migrate:deploy", "db:migrate:deploy", "migrate:prod", "migration:run", "db:migrate", "migrate")
_CODENAMES = {
    "argon": "4",
    "boron": "6",
    "carbon": "8",
    "dubnium": "10",
    "erbium": "12",
    "fermium": "14",
    "gallium": "16",
    "hydrogen": "18",
    "iron": "20",
    "jod": "22",
    "krypton": "24",
}
_ENTRY = re.compile(r"^[\w./-]{1,200}\.(?:js|mjs|cjs)$")


def read(folder: Folder, above: Folder | None = None) -> None:
    """Note everything that a Node component says about itself; `above` is the workspace that it belongs to."""
    found = folder.document("package.json")
    if found is None:
        return
    source, node = found
    if not isinstance(node.value, dict):
        folder.tree.unread(source.path, "not a package: its top level is no object")
        return
    folder.add("language", "node", source, node.line)
    _identity(folder, source, node)
    manager = _manager(folder, source, node, above)
    runtime = dict(node.items("dependencies"))
    for library, framework in _FRAMEWORKS:
        if library in runtime:
            folder.add("framework", framework, source, runtime[library].line, around=library)
            break  # Next and Nest bring express along; the outermost is the one that serves
    for library, item in runtime.items():
        folder.add_library(library, source, item.line)
    _scripts(folder, source, node, manager)
    if "next" in runtime:
        _next(folder)
    node_routes.read(folder)
    if not folder.has("start_command") and folder.has("port", "framework", "health_path"):
        _entry(folder, source, node)


def _identity(folder: Folder, source: Source, node: Node) -> None:
    for key in ("name", "version"):
        item = node.get(key)
        if item is not None and isinstance(item.value, str) and item.value:
            folder.add(key, item.value, source, item.line)
    engines = node.get("engines", "node")
    if engines is not None and isinstance(engines.value, str):
        number = version(engines.value.split("||")[-1].split("<")[0].lstrip("=~^> "))
        if number:
            exact = engines.value[:1].isdigit()
            folder.add(
                "language_version", number, source, engines.line, "certain" if exact else "likely", around=engines.value
            )
    pinned = node.get("volta", "node")
    if pinned is not None and (number := version(str(pinned.value))):
        folder.add("language_version", number, source, pinned.line)
    for path in (".nvmrc", ".node-version"):
        file = folder.read(path)
        said = file.lines[0].strip().lower() if file else ""
        number = _CODENAMES.get(said.removeprefix("lts/"), version(said))
        if file and number:
            folder.add("language_version", number, file, 1, around=said)


def _manager(folder: Folder, source: Source, node: Node, above: Folder | None) -> str:
    item = node.get("packageManager")
    if item is not None and isinstance(item.value, str) and item.value.split("@")[0] in ("npm", "pnpm", "yarn"):
        folder.add("package_manager", item.value.split("@")[0], source, item.line, around=item.value)
    for name, manager in _LOCKS:
        lock = folder.read(name) or _lock(folder, name)
        if lock is not None:
            folder.add("package_manager", manager, lock, 1)
            folder.add("lock_file", name, lock, 1)
    if above is not None and not folder.has("package_manager"):
        package = above.document("package.json")
        if package is not None:
            _manager_above(folder, above, *package)
    for name in ("bun.lockb", "bun.lock", "deno.json"):
        if name in folder:
            folder.tree.unread(folder.root_path(name), "this package manager is not supported: npm, pnpm and yarn are")
    managers = folder.values("package_manager")
    return str(next(iter(managers))) if len(managers) == 1 else "npm"


def _lock(folder: Folder, name: str) -> Source | None:
    """A lock file that is too large to read is still there."""
    return Source(folder.root_path(name), "") if name in folder else None


def _manager_above(folder: Folder, above: Folder, source: Source, node: Node) -> None:
    item = node.get("packageManager")
    if item is not None and isinstance(item.value, str) and item.value.split("@")[0] in ("npm", "pnpm", "yarn"):
        folder.add("package_manager", item.value.split("@")[0], source, item.line, around=item.value)
    for name, manager in _LOCKS:
        if name in above and (lock := above.read(name) or _lock(above, name)):
            folder.add("package_manager", manager, lock, 1)
            folder.add("workspace_root", above.context, lock, 1)


def _scripts(folder: Folder, source: Source, node: Node, manager: str) -> None:
    scripts = {name: item for name, item in node.items("scripts") if isinstance(item.value, str)}
    run = f"{manager} run" if manager == "npm" else manager
    if "build" in scripts:
        folder.add("build_script", True, source, scripts["build"].line, around='"build"')
    for name in _START:
        if name in scripts and not commands.is_development(str(scripts[name].value)):
            command = f"{manager} start" if name == "start" else f"{run} {name}"
            folder.add_command("start_command", command, source, scripts[name].line)
            said = str(scripts[name].value)
            ports = list(commands.ports(commands.split(said)))
            if not ports and said.strip() == "next start":
                ports = [(3000, "likely")]  # what Next documents for a start without a port
            for port, confidence in ports:
                folder.add_port(port, source, scripts[name].line, confidence)
            break
    test = scripts.get("test")
    if test is not None and "no test specified" not in str(test.value):
        folder.add("test_command", f"{manager} test", source, test.line, around='"test"')
    migrate = next((name for name in _MIGRATE if name in scripts), None)
    if migrate is not None:
        folder.add_command("migrate_command", f"{run} {migrate}", source, scripts[migrate].line, "likely")
    elif "prisma/schema.prisma" in folder and any(path.startswith("prisma/migrations/") for path in folder.files):
        schema = folder.read("prisma/schema.prisma")
        if schema is not None:
            folder.add_command("migrate_command", ["npx", "prisma", "migrate", "deploy"], schema, 1, "likely")


def _entry(folder: Folder, source: Source, node: Node) -> None:
    main = node.get("main")
    if (
        main is not None
        and isinstance(main.value, str)
        and _ENTRY.match(main.value)
        and main.value.removeprefix("./") in folder
    ):
        folder.add_command("start_command", ["node", main.value], source, main.line, "likely")
    elif (server := folder.read("server.js")) is not None:
        # What `npm start` runs where package.json names no script.
        folder.add_command("start_command", ["node", "server.js"], server, 1, "likely")


def _next(folder: Folder) -> None:
    base = ""
    for name in ("next.config.js", "next.config.mjs", "next.config.ts"):
        config = folder.read(name)
        if config is not None:
            tokens = Tokens(config, "javascript")
            for index in tokens.at("basePath"):
                if tokens.matches(index, "basePath", ":"):
                    base = tokens.text(index + 2) or "\0"
    for path in folder.files:
        route = _next_route(path)
        source = folder.read(path) if route and base != "\0" else None
        if route and source is not None:
            folder.add_route(join(base, route), source, 1)


def _next_route(path: str) -> str | None:
    """The route of a file: `app/api/health/route.ts` and `pages/api/health.ts` answer for /api/health."""
    stem, _, suffix = path.removeprefix("src/").rpartition(".")
    if suffix not in ("ts", "js", "tsx", "jsx", "mjs"):
        return None
    parts = stem.split("/")
    if parts[0] == "app" and parts[-1] == "route":
        kept = [part for part in parts[1:-1] if not part.startswith(("(", "@"))]
    elif parts[:2] == ["pages", "api"]:
        kept = parts[1:-1] if parts[-1] == "index" else parts[1:]
    else:
        return None
    return (
        None if any(part.startswith(("[", "_")) and part not in ("_health",) for part in kept) else "/" + "/".join(kept)
    )
