"""Python routes as a client sees them: prefixes of routers followed through the files that include them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice

from hug_agents.scan.folder import Folder
from hug_agents.scan.python_module import Include, Module, Route, argument, dotted, text
from hug_agents.scan.report import Confidence
from hug_agents.scan.routes import join, purpose

_DEEP = 6
_MOST_URLS = 5_000
Place = tuple[str, str]
"""A module's name and a variable in it."""


def read(folder: Folder, modules: list[Module]) -> None:
    """Note frameworks, applications, routes, metrics and the ports whose value stands in another file."""
    project = _Project(modules)
    for module in modules:
        _frameworks(folder, module)
        for name, app in module.apps.items():
            if app.top_level:
                folder.add("app", f"{module.name}:{name}", module.source, app.line, around=name)
        for path, line in module.metrics:
            folder.add_route(join(path), module.source, line)
        for expression, line in module.unknown_ports:
            port, confidence = project.number(module, expression)
            if port:
                module.ports.append((port, line, confidence))
    if any(module.apps or module.routers for module in modules):
        for module in modules:
            for route in module.routes:
                _route(folder, project, module, route)
    _django(folder, project, modules)


def _frameworks(folder: Folder, module: Module) -> None:
    """The framework that the code makes an application of; a mere requirement may be unused."""
    for app in module.apps.values():
        if "FastAPI" in module.imports.get("FastAPI", "") or "fastapi" in module.imports.values():
            folder.add("framework", "fastapi", module.source, app.line, around="FastAPI")
        elif app.kind == "flask":
            folder.add("framework", "flask", module.source, app.line, around="Flask")


def _route(folder: Folder, project: _Project, module: Module, route: Route) -> None:
    path = project.string(module, route.path)
    if path is None or purpose(join(path)) is None and path.strip("/"):
        return
    place = project.resolve(module, route.owner)
    if place is None:
        if path.strip("/"):
            folder.add_route(join(path), module.source, route.line, "likely")
        return
    prefixes = project.prefixes(place, _DEEP)
    if not prefixes:
        own = project.own_prefix(place)
        prefixes = [(own, "likely")] if own is not None else []
    for prefix, confidence in prefixes:
        if prefix is None:
            folder.tree.unread(
                f"{module.source.path}:{route.line}", "a health or metrics route whose prefix is not constant"
            )
        else:
            folder.add_route(
                join(prefix, path) if path else join(prefix), module.source, route.line, confidence, around=path
            )


class _Project:
    """All modules of a component, and what a name means across them."""

    def __init__(self, modules: list[Module]) -> None:
        self.modules = {module.name: module for module in modules}
        self._suffixes: dict[str, list[Module]] = {}
        for module in modules:
            self._suffixes.setdefault(module.name.rsplit(".", 1)[-1], []).append(module)
        self._settings: dict[str, list[tuple[Module, ast.expr]]] = {}
        for module in modules:
            for name, value in module.settings.items():
                self._settings.setdefault(name, []).append((module, value))
        self.visits = 0
        self._prefixes: dict[Place, list[tuple[str | None, Confidence]]] = {}
        self._parents: dict[Place, list[tuple[Module, Include]]] = {}
        for module in modules:
            for include in module.includes:
                child = self.resolve(module, include.child)
                if child is not None:
                    self._parents.setdefault(child, []).append((module, include))

    def module(self, name: str) -> Module | None:
        """A module by its dotted name, or by the end of it where that is unambiguous."""
        if name in self.modules:
            return self.modules[name]
        near = [
            m
            for m in self._suffixes.get(name.rsplit(".", 1)[-1], [])
            if name.endswith(f".{m.name}") or m.name.endswith(f".{name}")
        ]
        return near[0] if len(near) == 1 else None

    def resolve(self, module: Module, name: str, deep: int = _DEEP) -> Place | None:
        """Where the object of a dotted name is made; None if it is made in no file of ours."""
        head, _, rest = name.partition(".")
        if not rest and (head in module.apps or head in module.routers):
            return module.name, head
        target = module.imports.get(head)
        if not head or target is None or deep == 0:
            return None
        full = f"{target}.{rest}" if rest else target
        owner, _, variable = full.rpartition(".")
        found = self.module(owner)
        return self.resolve(found, variable, deep - 1) if found is not None and found is not module else None

    def own_prefix(self, place: Place) -> str | None:
        """The prefix that a router was made with."""
        module = self.modules[place[0]]
        prefix = module.routers.get(place[1])
        return "" if prefix is None else self.string(module, prefix)

    def prefixes(self, place: Place, deep: int) -> list[tuple[str | None, Confidence]]:
        """Every prefix under which an application or router answers; None for one that is not constant."""
        if place not in self._prefixes:
            self._prefixes[place] = []  # cuts a circle of inclusions
            self._prefixes[place] = list(islice(self._find_prefixes(place, deep), 16))
        return self._prefixes[place]

    def _find_prefixes(self, place: Place, deep: int) -> Iterator[tuple[str | None, Confidence]]:
        module = self.modules[place[0]]
        parents = self._parents.get(place, [])
        if place[1] in module.apps and not parents:
            yield "", "certain"
            return
        if deep == 0:
            return
        own = "" if place[1] in module.apps else self.own_prefix(place)
        for parent, include in parents[:16]:
            added = "" if include.prefix is None else self.string(parent, include.prefix)
            if added is None or own is None:
                yield None, "likely"
                continue
            below = added if include.replaces else _below(added, own)
            owner = self.resolve(parent, include.owner)
            above: list[tuple[str | None, Confidence]] = [("", "likely")]
            if owner is not None:
                above = self.prefixes(owner, deep - 1)
            for prefix, confidence in above:
                yield (None if prefix is None else _below(prefix, below)), confidence

    def string(self, module: Module, node: ast.expr | None, deep: int = _DEEP) -> str | None:
        """A text, through constants, settings' defaults and f-strings of them."""
        constant = text(node)
        if constant is not None or deep == 0:
            return constant
        if isinstance(node, ast.JoinedStr):
            parts = [
                self.string(module, p.value if isinstance(p, ast.FormattedValue) else p, deep - 1)
                for p in node.values[:16]
            ]
            return None if None in parts else "".join(part or "" for part in parts)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.string(module, node.left, deep - 1), self.string(module, node.right, deep - 1)
            return None if left is None or right is None else left + right
        found = self._named(module, node)
        return self.string(*found, deep - 1) if found else None

    def number(self, module: Module, node: ast.expr | None, deep: int = _DEEP) -> tuple[int, Confidence]:
        """A port, through constants, settings' defaults, `int(...)` and reads of the environment; 0 if unknown."""
        if node is None or deep == 0:
            return 0, "likely"
        if isinstance(node, ast.Constant):
            digits = str(node.value) if isinstance(node.value, (int, str)) and not isinstance(node.value, bool) else ""
            return (
                (int(digits), "certain")
                if digits.isascii() and digits.isdigit() and len(digits) <= 5
                else (0, "likely")
            )
        if isinstance(node, ast.BoolOp):
            return self.number(module, node.values[-1], deep - 1)[0], "likely"
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name == "int" and node.args:
                return self.number(module, node.args[0], deep - 1)
            if name.rsplit(".", 1)[-1] in ("get", "getenv", "int", "config", "env"):
                return self.number(module, argument(node, "default", 1), deep - 1)[0], "likely"
        found = self._named(module, node)
        if found is None:
            return 0, "likely"
        value, confidence = self.number(*found, deep - 1)
        return value, "likely" if isinstance(node, ast.Attribute) else confidence

    def _named(self, module: Module, node: ast.expr | None) -> tuple[Module, ast.expr] | None:
        if isinstance(node, ast.Name):
            if node.id in module.constants:
                return module, module.constants[node.id]
            owner, _, name = module.imports.get(node.id, "").rpartition(".")
            found = self.module(owner) if owner else None
            return (found, found.constants[name]) if found is not None and name in found.constants else None
        if isinstance(node, ast.Attribute):
            defaults = self._settings.get(node.attr, [])
            return defaults[0] if len(defaults) == 1 else None
        return None


def _below(prefix: str, path: str) -> str:
    return join(prefix, path) if prefix or path else ""


# ---- Django


def _django(folder: Folder, project: _Project, modules: list[Module]) -> None:
    roots = [
        (module, name)
        for module in modules
        if (name := text(module.constants.get("ROOT_URLCONF"))) and "test" not in module.name
    ]
    for module, _ in roots[:1]:
        folder.add("framework", "django", module.source, module.constants["ROOT_URLCONF"].lineno, around="ROOT_URLCONF")
    for root in sorted({name for _, name in roots}):
        found = project.module(root)
        if found is not None:
            _urls(folder, project, found, "", _DEEP)


def _urls(folder: Folder, project: _Project, module: Module, prefix: str, deep: int) -> None:
    for pattern in module.patterns[:500]:
        route = project.string(module, pattern.prefix)
        project.visits += 1
        if route is None or deep == 0 or project.visits > _MOST_URLS:
            continue
        if pattern.owner != "path":
            route = route.removeprefix("^").removesuffix("$").removesuffix("/?")
        path = join(prefix, route) if prefix or route else "/"
        if not pattern.child:
            folder.add_route(path, module.source, pattern.line, around=route)
            continue
        below = project.module(pattern.child)
        if below is not None and below is not module:
            _urls(folder, project, below, path, deep - 1)
        elif pattern.child.startswith("django_prometheus"):
            folder.add_route(join(path, "metrics"), module.source, pattern.line, around="django_prometheus")
        elif pattern.child.startswith("health_check"):
            folder.add_route(path, module.source, pattern.line, around=route)
