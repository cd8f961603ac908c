"""One Python file by its syntax tree: applications, routers, routes, ports, variables. Nothing is run."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field

from hug_agents.scan.report import Confidence
from hug_agents.scan.source import Source

_VERBS = frozenset({"get", "head", "route", "api_route", "websocket_route"})
_ENV = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{1,127}$")
_READERS = frozenset({"getenv", "env", "config"})
Port = tuple[int, int, Confidence]


@dataclass
class App:
    """An application object: FastAPI(...) or Flask(...)."""

    kind: str
    line: int
    top_level: bool


@dataclass
class Route:
    """A route as it is registered on `owner`; `path` may need evaluating elsewhere."""

    owner: str
    path: ast.expr
    line: int


@dataclass
class Include:
    """`owner` takes in `child` (a dotted expression) below `prefix`; None: none given."""

    owner: str
    child: str
    prefix: ast.expr | None
    line: int
    replaces: bool = False


@dataclass
class Module:
    """What one file says."""

    source: Source
    name: str
    imports: dict[str, str] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    settings: dict[str, ast.expr] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    routers: dict[str, ast.expr | None] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    patterns: list[Include] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    binds: list[Port] = field(default_factory=list)
    unknown_ports: list[tuple[ast.expr, int]] = field(default_factory=list)
    env: list[tuple[str, int]] = field(default_factory=list)
    metrics: list[tuple[str, int]] = field(default_factory=list)
    serves: int = 0
    """The line where the module starts a server; 0 if it does not."""


def parse(source: Source) -> ast.Module | None:
    """The syntax tree; None for what is no Python or is built to exhaust the parser."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def read_module(source: Source, name: str) -> Module | None:
    """What one file says; None if it cannot be parsed."""
    tree = parse(source)
    if tree is None:
        return None
    module = Module(source, name)
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                module.constants[target.id] = node.value
    top = {id(node) for node in tree.body}
    for item in _live(tree):
        if isinstance(item, (ast.Import, ast.ImportFrom)):
            _import(module, item)
        elif isinstance(item, (ast.Assign, ast.AnnAssign)) and item.value is not None:
            _assigned(module, item, id(item) in top)
        elif isinstance(item, ast.ClassDef):
            _settings(module, item)
        elif isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
            _decorated(module, item)
        elif isinstance(item, ast.Call):
            _called(module, item)
        elif isinstance(item, ast.Subscript) and dotted(item.value) in ("os.environ", "environ"):
            _variable(module, item.slice, item.lineno)
    _bind(module)
    return module


def _live(tree: ast.Module) -> list[ast.AST]:
    """Every node but those below `if False:` and `if TYPE_CHECKING:`, in no deeper recursion than a list."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Constant) and not node.test.value:
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))
    return sorted(found, key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` of names and attributes; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < 16:
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def text(node: ast.AST | None) -> str | None:
    """A constant text."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """An argument of a call, by name or by position."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[position] if position is not None and position < len(call.args) else None


def _import(module: Module, node: ast.Import | ast.ImportFrom) -> None:
    if isinstance(node, ast.Import):
        for name in node.names:
            module.imports[name.asname or name.name.split(".")[0]] = (
                name.name if name.asname else name.name.split(".")[0]
            )
        return
    base = node.module or ""
    if node.level:
        parts = module.name.split(".")
        keep = len(parts) - node.level + (module.source.name == "__init__.py")
        base = ".".join([*parts[: max(keep, 0)], *([base] if base else [])])
    for name in node.names:
        module.imports[name.asname or name.name] = f"{base}.{name.name}" if base else name.name


def _assigned(module: Module, node: ast.Assign | ast.AnnAssign, top_level: bool) -> None:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    if "urlpatterns" in names and isinstance(node.value, (ast.List, ast.Tuple, ast.BinOp)):
        _urls(module, node.value)
    if not isinstance(node.value, ast.Call) or not names:
        return
    kind = dotted(node.value.func).rsplit(".", 1)[-1]
    for name in names:
        if kind in ("FastAPI", "Flask", "Starlette"):
            kind_name = "flask" if kind == "Flask" else "fastapi"
            module.apps[name] = App(kind_name, node.lineno, top_level)
        elif kind in ("APIRouter", "Blueprint"):
            module.routers[name] = argument(node.value, "prefix" if kind == "APIRouter" else "url_prefix")


def _settings(module: Module, node: ast.ClassDef) -> None:
    if not any(dotted(base).rsplit(".", 1)[-1] in ("BaseSettings", "BaseAppSettings") for base in node.bases):
        return
    prefix = ""
    fields = []
    for item in node.body:
        if (
            isinstance(item, ast.Assign)
            and isinstance(item.value, ast.Call)
            and dotted(item.targets[0]) == "model_config"
        ):
            prefix = text(argument(item.value, "env_prefix")) or ""
        elif isinstance(item, ast.ClassDef) and item.name == "Config":
            for inner in item.body:
                if isinstance(inner, ast.Assign) and dotted(inner.targets[0]) == "env_prefix":
                    prefix = text(inner.value) or ""
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            fields.append(item)
    for item in fields:
        name = item.target.id if isinstance(item.target, ast.Name) else ""
        if item.value is not None:
            default = item.value
            if isinstance(default, ast.Call) and dotted(default.func).endswith("Field"):
                default = argument(default, "default", 0) or default
            module.settings[name] = default
        if _ENV.match(prefix + name) and not name.startswith("_") and name != "model_config":
            module.env.append(((prefix + name).upper(), item.lineno))


def _decorated(module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    for decorator in node.decorator_list:
        if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
            continue
        path = argument(decorator, "path", 0) or argument(decorator, "rule")
        if decorator.func.attr in _VERBS and path is not None:
            module.routes.append(Route(dotted(decorator.func.value), path, decorator.lineno))


def _called(module: Module, call: ast.Call) -> None:
    owner, _, last = dotted(call.func).rpartition(".")
    if last in ("get", "getenv") and owner in ("os.environ", "environ", "os") or (not owner and last == "getenv"):
        _variable(module, argument(call, "key", 0), call.lineno)
    elif (last in _READERS and not owner) or owner == "env":
        name = argument(call, "var", 0)
        if (text(name) or "").isupper():
            _variable(module, name, call.lineno)
    elif last in ("include_router", "register_blueprint", "mount"):
        _included(module, call, owner, last)
    elif last in ("add_url_rule", "add_api_route", "add_route") and (
        path := argument(call, "path", 0) or argument(call, "rule")
    ):
        module.routes.append(Route(owner, path, call.lineno))
    elif last == "Route" and module.imports.get("Route", "").startswith("starlette") and call.args:
        module.routes.append(Route("", call.args[0], call.lineno))
    elif last in ("run", "run_app", "serve") and _is_server(module, owner, last):
        module.serves = call.lineno
        port = argument(call, "port", 1 if owner in module.apps and module.apps[owner].kind == "flask" else None)
        if port is not None:
            module.unknown_ports.append((port, call.lineno))
    elif last == "expose" and "prometheus_fastapi_instrumentator" in module.source.text:
        module.metrics.append((text(argument(call, "endpoint")) or "/metrics", call.lineno))
    elif module.imports.get(last, "").startswith("prometheus_flask_exporter."):
        module.metrics.append((text(argument(call, "path")) or "/metrics", call.lineno))


def _is_server(module: Module, owner: str, last: str) -> bool:
    target = module.imports.get(owner, owner) if owner else module.imports.get(last, "").rpartition(".")[0]
    if target in ("uvicorn", "waitress", "hypercorn", "granian", "aiohttp.web", "bjoern"):
        return True
    flask = owner in module.apps and module.apps[owner].kind == "flask"
    return last == "run" and (flask or _imported_app(module, owner))


def _imported_app(module: Module, owner: str) -> bool:
    """`from shop import app; app.run(port=...)`, and `app = create_app()`."""
    made = module.constants.get(owner)
    if isinstance(made, ast.Call) and dotted(made.func).rsplit(".", 1)[-1] in ("create_app", "make_app"):
        return True
    return owner in ("app", "application") and owner in module.imports


def _included(module: Module, call: ast.Call, owner: str, last: str) -> None:
    if last == "mount":
        path = argument(call, "path", 0)
        child = argument(call, "app", 1)
        if isinstance(child, ast.Name) and isinstance(module.constants.get(child.id), ast.Call):
            made = module.constants[child.id]
            child = made if isinstance(made, ast.Call) and "make_asgi_app" in dotted(made.func) else child
        if isinstance(child, ast.Call) and dotted(child.func).endswith("make_asgi_app"):
            if metrics := text(path):
                module.metrics.append((metrics, call.lineno))
        elif path is not None and (name := dotted(child)):
            module.includes.append(Include(owner, name, path, call.lineno))
        return
    child = argument(call, "router", 0) or argument(call, "blueprint", 0)
    name = dotted(child)
    if name:
        flask = last == "register_blueprint"
        prefix = argument(call, "url_prefix" if flask else "prefix")
        module.includes.append(Include(owner, name, prefix, call.lineno, replaces=flask and prefix is not None))


def _urls(module: Module, node: ast.expr) -> None:
    """The entries of Django's `urlpatterns`; an include is a child, a view has none."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or dotted(call.func).rsplit(".", 1)[-1] not in ("path", "re_path", "url"):
            continue
        view = argument(call, "view", 1)
        child = ""
        if isinstance(view, ast.Call) and dotted(view.func).endswith("include") and view.args:
            child = text(view.args[0]) or dotted(view.args[0]) or "?"
        route = argument(call, "route", 0) or argument(call, "regex", 0)
        if route is not None:
            module.patterns.append(Include(dotted(call.func).rsplit(".", 1)[-1], child, route, call.lineno))


def _variable(module: Module, node: ast.AST | None, line: int) -> None:
    name = text(node)
    if name and _ENV.match(name) and name not in ("PATH", "HOME", "PWD", "USER", "DJANGO_SETTINGS_MODULE"):
        module.env.append((name, line))


def _bind(module: Module) -> None:
    """gunicorn's configuration file: `bind = "0.0.0.0:8000"`."""
    bound = text(module.constants.get("bind"))
    if bound and not bound.startswith("unix:"):
        port = bound.rpartition(":")[2]
        if port.isascii() and port.isdigit() and len(port) <= 5:
            module.binds.append((int(port), module.constants["bind"].lineno, "certain"))
