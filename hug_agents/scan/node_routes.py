"""Routes, ports and variables of JavaScript and TypeScript, from tokens: never from comments or texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import dirname, normpath

from hug_agents.scan.folder import Folder
from hug_agents.scan.report import Confidence
from hug_agents.scan.routes import join, purpose
from hug_agents.scan.source import Source
from hug_agents.scan.tokens import Tokens

SUFFIXES = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_HINTS = ("listen(", "process.env", ".get(", ".use(", ".all(", "Controller(", "setGlobalPrefix", "Router(", "register(")
_ENV = re.compile(r"^[A-Z][A-Z0-9_]{1,127}$")
_NOT_OURS = frozenset({"NODE_ENV", "PATH", "HOME", "PWD", "USER"})


@dataclass
class Script:
    """What one file says. `routes` are (owner, path, line); `uses` are (prefix, what is mounted, line)."""

    source: Source
    path: str
    imports: dict[str, str] = field(default_factory=dict)
    apps: set[str] = field(default_factory=set)
    routers: set[str] = field(default_factory=set)
    routes: list[tuple[str, str, int]] = field(default_factory=list)
    uses: list[tuple[str, str, int]] = field(default_factory=list)


def read(folder: Folder) -> None:
    """Note the routes, ports and variables of a component."""
    scripts: dict[str, Script] = {}
    for source in [*folder.code(*SUFFIXES), *_shebangs(folder)]:
        if not any(hint in source.text for hint in _HINTS):
            continue
        tokens = Tokens(source, "javascript")
        if not tokens.all and source.text.strip():
            folder.tree.unread(source.path, "generated code: its lines are too long")
            continue
        script = scripts[folder.relative(source)] = _script(folder, source, tokens)
        _environment(folder, source, tokens)
        _ports(folder, source, tokens)
        _nest(folder, script, tokens)
    mounts = _mounts(scripts)
    for path, script in scripts.items():
        for owner, route, line in script.routes:
            for prefix, confidence in _prefixes(script, owner, path, mounts):
                folder.add_route(join(prefix, route), script.source, line, confidence, around=route)


def _shebangs(folder: Folder) -> Iterator[Source]:
    """`bin/www`, where Express' generator puts the server."""
    source = folder.read("bin/www")
    if source is not None:
        yield source


def _script(folder: Folder, source: Source, tokens: Tokens) -> Script:
    script = Script(source, folder.relative(source))
    for index in tokens.at("const", "let", "var", "import"):
        _declared(script, tokens, index)
    for index in tokens.at("get", "all", "head", "use"):
        if tokens.value(index - 1) == "." and tokens.value(index + 1) == "(":
            _called(script, tokens, index - 1)
    return script


def _declared(script: Script, tokens: Tokens, index: int) -> None:
    name = tokens.value(index + 1)
    if tokens.value(index) == "import":
        for at in range(index + 1, min(index + 12, len(tokens.all))):
            if tokens.value(at) == "from" and (target := tokens.text(at + 1)):
                names = [tokens.value(inner) for inner in range(index + 1, at) if tokens.all[inner].kind == "name"]
                script.imports.update({inner: target for inner in names if inner not in ("as", "type")})
        return
    at = index + 2
    while at < index + 12 and tokens.value(at) not in ("=", ";", ""):
        at += 1
    if tokens.value(at) != "=":
        return
    made = [tokens.value(at + offset) for offset in range(1, 6)]
    if made[:2] == ["require", "("] and (target := tokens.text(at + 3)):
        script.imports[name] = target
    elif made[:2] == ["express", "("]:
        script.apps.add(name)
    elif made[:2] == ["Router", "("] or made[:4] == ["express", ".", "Router", "("] or made[:2] == ["new", "Router"]:
        script.routers.add(name)


def _called(script: Script, tokens: Tokens, index: int) -> None:
    owner, method = tokens.value(index - 1), tokens.value(index + 1)
    first = tokens.text(index + 3)
    if method in ("get", "all", "head") and first is not None and first.startswith("/"):
        # A route takes a handler: `cache.get('/health')` does not.
        if tokens.value(index + 4) == "," and owner not in (
            "axios",
            "http",
            "https",
            "request",
            "fetch",
            "client",
            "api",
        ):
            script.routes.append((owner, first, tokens.line(index + 3)))
    elif method == "use":
        end = tokens.closing(index + 2, 200)
        prefix = first if first is not None and first.startswith("/") else ""
        start = index + 4 if first is not None else index + 3
        if prefix and purpose(prefix) and tokens.value(index + 4) == ",":
            script.routes.append((owner, prefix, tokens.line(index + 3)))
        for at in range(start, end):
            if tokens.all[at].kind == "name":
                target = tokens.text(at + 2) if tokens.matches(at, "require", "(") else None
                script.uses.append((prefix, target or tokens.value(at), tokens.line(index)))


def _mounts(scripts: dict[str, Script]) -> dict[str, list[tuple[str, str]]]:
    """For each file, the prefixes at which others mount it, with the file that does."""
    mounts: dict[str, list[tuple[str, str]]] = {}
    for path, script in scripts.items():
        for prefix, what, _ in script.uses[:500]:
            target = script.imports.get(what, what)
            if target.startswith("."):
                found = _file(path, target, scripts)
                if found is not None and found != path:
                    mounts.setdefault(found, []).append((prefix, path))
            elif what in script.routers:
                mounts.setdefault(f"{path}#{what}", []).append((prefix, path))
    return mounts


def _file(path: str, target: str, scripts: dict[str, Script]) -> str | None:
    base = normpath(f"{dirname(path) or '.'}/{target}").removeprefix("./")
    stem = re.sub(r"\.(?:js|mjs|cjs)$", "", base)
    for candidate in (
        base,
        *(f"{stem}{suffix}" for suffix in SUFFIXES),
        *(f"{stem}/index{suffix}" for suffix in SUFFIXES),
    ):
        if candidate in scripts:
            return candidate
    return None


def _prefixes(
    script: Script, owner: str, path: str, mounts: dict[str, list[tuple[str, str]]], deep: int = 4
) -> list[tuple[str, Confidence]]:
    if owner in script.apps:
        return [("", "certain")]
    found: dict[tuple[str, Confidence], None] = {}
    for prefix, parent in [*mounts.get(f"{path}#{owner}", []), *mounts.get(path, [])][:8]:
        above = mounts.get(parent, []) if deep and parent != path else []
        if above:
            for outer, _ in above[:8]:
                found[join(outer, prefix) if outer or prefix else "", "certain"] = None
        else:
            found[prefix, "certain"] = None
    return list(found) or [("", "likely")]


# ---- ports and variables


def _environment(folder: Folder, source: Source, tokens: Tokens) -> None:
    for index in tokens.at("process"):
        if not tokens.matches(index, "process", ".", "env"):
            continue
        name = tokens.text(index + 4) if tokens.value(index + 3) == "[" else tokens.value(index + 4)
        if tokens.value(index + 3) in (".", "[") and name and _ENV.match(name) and name not in _NOT_OURS:
            folder.add("env", name, source, tokens.line(index + 4))


def _ports(folder: Folder, source: Source, tokens: Tokens) -> None:
    named: dict[str, tuple[int, int, Confidence]] = {}
    for index in tokens.at("process", "const", "let", "var", "get"):
        if tokens.matches(index, "process", ".", "env", ".", "PORT"):
            _fallback(folder, source, tokens, index + 5)
        elif tokens.value(index) in ("const", "let", "var"):
            if (
                tokens.value(index + 2) == "="
                and (port := _number(tokens, index + 3))
                and (tokens.value(index + 4) in (";", "") or tokens.line(index + 4) > tokens.line(index + 3))
            ):
                named[tokens.value(index + 1)] = (port, tokens.line(index + 3), "certain")
            elif tokens.value(index + 1) == "{":
                _destructured(folder, source, tokens, index + 1)
        elif tokens.matches(index - 1, ".", "get", "(", '"PORT', ",") and (port := _number(tokens, index + 4)):
            # Nest's ConfigService: config.get('PORT', 3000)
            folder.add_port(port, source, tokens.line(index + 4), "likely")
    for index in tokens.at("PORT"):
        if tokens.value(index + 1) == ":" and tokens.value(index + 2) in ("z", "Joi", "num", "port", "envalid"):
            _schema_default(folder, source, tokens, index)
    _listens(folder, source, tokens, named)


def _listens(folder: Folder, source: Source, tokens: Tokens, named: dict[str, tuple[int, int, Confidence]]) -> None:
    """`app.listen(3000)`, `listen({ port: 3000 })`, `listen(port)` with a constant of the same file."""
    for index in tokens.at("listen"):
        if not tokens.matches(index - 1, ".", "listen", "("):
            continue
        at = index + 5 if tokens.matches(index + 2, "{", "port", ":") else index + 2
        if port := _number(tokens, at):
            folder.add_port(port, source, tokens.line(at))
        elif tokens.value(at) in named:
            value, line, confidence = named[tokens.value(at)]
            folder.add_port(value, source, line, confidence)


def _fallback(folder: Folder, source: Source, tokens: Tokens, index: int) -> None:
    """`process.env.PORT || 3000`, also through Number(...), parseInt(..., 10) and `?? '3000'`."""
    for at in range(index, index + 6):
        value = tokens.value(at)
        if value in ("||", "??"):
            if port := _number(tokens, at + 1):
                folder.add_port(port, source, tokens.line(at + 1), "likely")
            return
        if value == "?" and tokens.value(at + 1) != ".":
            for inner in range(at + 1, at + 14):
                if tokens.value(inner) == ":" and (port := _number(tokens, inner + 1)):
                    folder.add_port(port, source, tokens.line(inner + 1), "likely")
                    return
            return
        if value not in (")", ",", "!") and not value.isdigit():
            return


def _schema_default(folder: Folder, source: Source, tokens: Tokens, index: int) -> None:
    """`PORT: z.coerce.number().default(4000)`, in the schema of an environment."""
    for at in range(index + 3, index + 20):
        if tokens.value(at) in ("default", "prefault") and tokens.value(at + 1) == "(":
            if port := _number(tokens, at + 2):
                folder.add_port(port, source, tokens.line(at + 2), "likely")
            return
        if tokens.value(at) in (",", ";", "}"):
            return


def _destructured(folder: Folder, source: Source, tokens: Tokens, index: int) -> None:
    """`const { PORT = 3000 } = process.env`."""
    end = tokens.closing(index, 60)
    if not tokens.matches(end + 1, "=", "process", ".", "env"):
        return
    for at in range(index + 1, end):
        name = tokens.value(at)
        if tokens.all[at].kind == "name" and _ENV.match(name) and tokens.value(at - 1) in ("{", ","):
            if name not in _NOT_OURS:
                folder.add("env", name, source, tokens.line(at))
            if name == "PORT" and tokens.value(at + 1) == "=" and (port := _number(tokens, at + 2)):
                folder.add_port(port, source, tokens.line(at + 2), "likely")


def _number(tokens: Tokens, index: int) -> int:
    text = tokens.text(index) or tokens.value(index)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0


# ---- Nest


def _nest(folder: Folder, script: Script, tokens: Tokens) -> None:
    """`@Controller('health')` with `@Get()` in its class: registered as routes of the one application."""
    if "Controller(" not in script.source.text or "@nestjs/" not in script.source.text:
        return
    prefix: str | None = None
    for index in tokens.at("@Controller", "@Get"):
        if tokens.matches(index, "@Controller", "("):
            prefix = _controller(tokens, index + 1)
            if prefix is None:
                folder.tree.unread(
                    f"{script.source.path}:{tokens.line(index)}",
                    "a controller whose path is not constant, or versioned",
                )
        elif tokens.matches(index, "@Get", "(") and prefix is not None:
            inner = tokens.text(index + 2) or ("" if tokens.value(index + 2) == ")" else None)
            path = join(prefix, inner) if inner is not None else None
            if path is not None and purpose(path):
                _nest_route(folder, script, path, tokens.line(index), inner or prefix)


def _controller(tokens: Tokens, index: int) -> str | None:
    if tokens.value(index + 1) == ")":
        return ""
    if (path := tokens.text(index + 1)) is not None:
        return path
    end = tokens.closing(index, 40)
    inside = range(index, end)
    if any(tokens.value(at) == "version" for at in inside):
        return None
    return next((tokens.text(at + 2) for at in inside if tokens.matches(at, "path", ":")), None)


def _nest_route(folder: Folder, script: Script, path: str, line: int, around: str) -> None:
    prefixes = _global_prefixes(folder)
    if prefixes is None:
        folder.tree.unread(
            f"{script.source.path}:{line}", "a health or metrics route below a global prefix that is not constant"
        )
        return
    prefix, excluded = prefixes
    whole = path if path.strip("/") in excluded else join(prefix, path) if prefix else path
    folder.add_route(whole, script.source, line, around=around)


def _global_prefixes(folder: Folder) -> tuple[str, frozenset[str]] | None:
    """What `setGlobalPrefix` in main.ts puts before every route, and the routes it leaves out."""
    for path in ("src/main.ts", "main.ts", "src/main.js", "src/bootstrap.ts", "src/app.ts"):
        source = folder.read(path)
        if source is None or "setGlobalPrefix" not in source.text:
            continue
        tokens = Tokens(source, "javascript")
        for index in tokens.at("setGlobalPrefix"):
            if tokens.matches(index, "setGlobalPrefix", "("):
                prefix = tokens.text(index + 2)
                end = tokens.closing(index + 1, 400)
                excluded = frozenset(text.strip("/") for at in range(index + 3, end) if (text := tokens.text(at)))
                return (prefix, excluded) if prefix is not None else None
    return "", frozenset()
