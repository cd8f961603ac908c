"""Go: the module file, and from each package main the code that it reaches, read as tokens."""

from __future__ import annotations

import re
from posixpath import dirname

from hug_agents.scan.drivers import version
from hug_agents.scan.folder import Folder
from hug_agents.scan.report import Confidence
from hug_agents.scan.routes import join
from hug_agents.scan.source import Source
from hug_agents.scan.tokens import Tokens

_REQUIRE = re.compile(r"^(?:require\s)?\s{0,8}([\w.~/-]{3,300})\s(v[\w.+-]{1,100})")
_FRAMEWORKS = (
    ("github.com/gin-gonic/gin", "gin"),
    ("github.com/labstack/echo", "echo"),
    ("github.com/go-chi/chi", "chi"),
)
_ENV = re.compile(r"^[A-Z_][A-Z0-9_]{0,127}$")
_TAG = re.compile(r"(?:env|envconfig|default|envDefault|env-default):\"([^\"]{0,200})\"")
_ADDRESS = re.compile(r"^(?:0\.0\.0\.0|\[::\])?:(\d{1,5})$")
_DEEPEST_ROUTE = 12
_PORTS = frozenset({"PORT", "HTTP_PORT", "SERVER_PORT", "APP_PORT", "ADDR", "HTTP_ADDR", "LISTEN_ADDR", "SERVER_ADDR"})
_GETTERS = frozenset({"GET", "Get", "HEAD", "Any", "HandleFunc", "Handle", "Mount"})
_STARTERS = frozenset({"ListenAndServe", "ListenAndServeTLS", "Run", "Start", "Listen", "Serve"})


class Program:
    """One package main, and the packages of its module that it imports."""

    def __init__(self, package: str, sources: list[Source]) -> None:
        self.package = package
        self.sources = sources

    @property
    def module(self) -> str:
        """How `go build` names it: `.` or `./cmd/api`."""
        return f"./{self.package}" if self.package else "."


def programs(folder: Folder) -> list[Program]:
    """Every package main of a module, with the sources that it reaches."""
    packages: dict[str, list[Source]] = {}
    for source in folder.code(".go"):
        packages.setdefault(dirname(folder.relative(source)), []).append(source)
    mod = folder.read("go.mod")
    path = next((line[7:].strip() for line in (mod.lines if mod else []) if line.startswith("module ")), "")
    imports = {name: _imports(sources, path) for name, sources in packages.items()}
    mains = [name for name, sources in packages.items() if any(_is_main(source) for source in sources)]
    found = []
    for main in sorted(mains):
        reached, waiting = {main}, [main]
        while waiting:
            for package in imports.get(waiting.pop(), ()):
                if package in packages and package not in reached:
                    reached.add(package)
                    waiting.append(package)
        found.append(Program(main, [source for name in sorted(reached) for source in packages[name]]))
    return found


def _is_main(source: Source) -> bool:
    tokens = Tokens(source, "go")
    values = [token.value for token in tokens.all[:2]]
    return values == ["package", "main"] and any(tokens.matches(at, "func", "main", "(") for at in tokens.at("func"))


def _imports(sources: list[Source], module: str) -> set[str]:
    found = set()
    for source in sources:
        for line in source.lines[:400]:
            if module and f'"{module}' in line[:500]:
                inner = line[:500].split('"')[1]
                if inner == module or inner.startswith(f"{module}/"):
                    found.add(inner[len(module) :].strip("/"))
    return found


def read(folder: Folder, program: Program | None) -> None:
    """Note what a module says about itself and, where there is one, about its program."""
    mod = folder.read("go.mod")
    if mod is None:
        return
    _module_file(folder, mod)
    if program is None:
        return
    main = next(
        (
            source
            for source in program.sources
            if dirname(folder.relative(source)) == program.package and _is_main(source)
        ),
        None,
    )
    if main is not None:
        folder.add("module", program.module, main, main.find("func main("), around="main")
    for source in program.sources:
        tokens = Tokens(source, "go")
        _code(folder, source, tokens)


def _module_file(folder: Folder, mod: Source) -> None:
    folder.add("language", "go", mod, mod.find("module "))
    folder.add("package_manager", "go", mod, mod.find("module "), around="module")
    folder.add("test_command", "go test ./...", mod, mod.find("module "), "likely", around="module")
    for number, line in enumerate(mod.lines, start=1):
        bare = line[:400].split("//", 1)[0].strip()
        if bare.startswith("module "):
            folder.add("name", _base(bare[7:].strip()), mod, number)
        elif bare.startswith("go ") and (said := version(bare[3:])):
            folder.add("language_version", said, mod, number)
        elif (match := _REQUIRE.match(bare)) and "// indirect" not in line:
            folder.add_library(match[1], mod, number)
            for path, framework in _FRAMEWORKS:
                if match[1].startswith(path):
                    folder.add("framework", framework, mod, number, around=path)
    if (lock := folder.read("go.sum")) is not None:
        folder.add("lock_file", "go.sum", lock, 1)


def _code(folder: Folder, source: Source, tokens: Tokens) -> None:
    groups: dict[str, str] = {}
    blocks: list[tuple[int, str]] = []
    depth = 0
    for index, value in enumerate(tokens.values):
        if value == "{":
            depth += 1
        elif value == "}":
            depth -= 1
            while blocks and depth < blocks[-1][0]:
                blocks.pop()
        elif value == "." and tokens.value(index + 2) == "(":
            outer = join(*(prefix for _, prefix in blocks)) if blocks else ""
            block = _called(folder, source, tokens, index, groups, outer)
            if block is not None and len(blocks) < _DEEPEST_ROUTE:
                blocks.append((depth + 1, block))
        elif value in ("Addr", "addr", "listenAddr") and tokens.value(index + 1) in (":", "=", ":="):
            _address(folder, source, tokens, index + 2, "certain")
        elif value == "(":
            _default(folder, source, tokens, index)
        elif value.startswith('"') and "env" in value:
            _tags(folder, source, tokens, index)


def _called(
    folder: Folder, source: Source, tokens: Tokens, index: int, groups: dict[str, str], outer: str
) -> str | None:
    """A method call; the prefix of a chi block, `r.Route("/api", func(r chi.Router) {`, if it opens one."""
    owner, method = tokens.value(index - 1), tokens.value(index + 1)
    first = tokens.text(index + 3)
    if owner == "os" and method in ("Getenv", "LookupEnv") and first and _ENV.match(first):
        folder.add("env", first, source, tokens.line(index + 3))
        if first == "PORT":
            _assigned_later(folder, source, tokens, index)
    elif method == "Group" and first is not None:
        name = tokens.value(index - 3) if tokens.value(index - 2) in (":=", "=") else ""
        groups[name] = join(groups.get(owner, ""), first)
    elif method == "Route" and first is not None and tokens.value(index + 5) == "func":
        return first
    elif method in _GETTERS and first is not None and tokens.value(index + 4) == ",":
        path = first.split(" ", 1)[1].strip() if first.startswith(("GET ", "HEAD ")) else first
        if path.startswith("/"):
            prefix = groups.get(owner, "")
            whole = join(outer, prefix, path) if outer or prefix else path
            folder.add_route(whole, source, tokens.line(index + 3), around=path)
    elif method in _STARTERS and owner != "exec":
        _address(folder, source, tokens, index + 3, "certain")
    elif owner == "flag" and method in ("String", "Int", "StringVar", "IntVar"):
        _flag(folder, source, tokens, index)
    return None


def _address(folder: Folder, source: Source, tokens: Tokens, index: int, confidence: Confidence) -> None:
    match = _ADDRESS.match(tokens.text(index) or "")
    if match:
        folder.add_port(int(match[1]), source, tokens.line(index), confidence)
    elif tokens.all[index : index + 1] and tokens.all[index].kind == "name" and tokens.value(index + 1) in (",", ")"):
        _constant(folder, source, tokens, tokens.value(index))


def _constant(folder: Folder, source: Source, tokens: Tokens, name: str) -> None:
    """`addr := ":8080"` or `const addr = ":8080"` in the same file."""
    for at in tokens.at(name)[:50]:
        if tokens.value(at + 1) in (":=", "=") and (match := _ADDRESS.match(tokens.text(at + 2) or "")):
            folder.add_port(int(match[1]), source, tokens.line(at + 2), "likely")


def _assigned_later(folder: Folder, source: Source, tokens: Tokens, index: int) -> None:
    """`port := os.Getenv("PORT"); if port == "" { port = "8080" }`."""
    at = index - 2
    if tokens.value(at) not in (":=", "="):
        return
    name = tokens.value(at - 1)
    for inner in range(index, min(index + 60, len(tokens.all))):
        if tokens.matches(inner, name, "="):
            digits = (tokens.text(inner + 2) or "").lstrip(":")
            if digits.isascii() and digits.isdigit() and len(digits) <= 5:
                folder.add_port(int(digits), source, tokens.line(inner + 2), "likely")
                return


def _default(folder: Folder, source: Source, tokens: Tokens, index: int) -> None:
    """`getEnv("PORT", "8080")`, whatever the helper is called."""
    name = tokens.text(index + 1)
    if name is None or tokens.value(index + 2) != "," or not _ENV.match(name):
        return
    if tokens.value(index - 1).lower() not in (
        "getenv",
        "getenvordefault",
        "env",
        "envor",
        "getenvor",
        "lookupenvor",
        "getenvdefault",
        "getstring",
        "getenvint",
        "getenvasint",
        "setdefault",
    ):
        return
    folder.add("env", name, source, tokens.line(index + 1))
    digits = (tokens.text(index + 3) or tokens.value(index + 3)).lstrip(":")
    if name in _PORTS and digits.isascii() and digits.isdigit() and len(digits) <= 5:
        folder.add_port(int(digits), source, tokens.line(index + 3), "likely")


def _flag(folder: Folder, source: Source, tokens: Tokens, index: int) -> None:
    texts = range(index + 3, min(index + 9, len(tokens.all)))
    named = [
        at
        for at in texts
        if tokens.text(at)
        in ("port", "addr", "listen", "http", "listen-addr", "http-addr", "address", "listen-address")
    ]
    if not named or tokens.value(named[0] + 1) != ",":
        return
    at = named[0] + 2
    match = _ADDRESS.match(tokens.text(at) or "")
    digits = (
        match[1] if match else tokens.value(at) if tokens.all[at : at + 1] and tokens.all[at].kind == "number" else ""
    )
    if digits.isascii() and digits.isdigit() and len(digits) <= 5:
        folder.add_port(int(digits), source, tokens.line(at), "likely")


def _tags(folder: Folder, source: Source, tokens: Tokens, index: int) -> None:
    """Struct tags: `env:"PORT" envDefault:"8080"`."""
    values = [match[1] for match in _TAG.finditer(tokens.value(index)[:1_000])]
    name = next((value.split(",")[0] for value in values if _ENV.match(value.split(",")[0])), "")
    if not name:
        return
    folder.add("env", name, source, tokens.line(index))
    digits = next(
        (value.lstrip(":") for value in values if value.lstrip(":").isascii() and value.lstrip(":").isdigit()), ""
    )
    if name in _PORTS and digits and len(digits) <= 5:
        folder.add_port(int(digits), source, tokens.line(index), "likely")


def _base(module: str) -> str:
    """The last part of a module's path that is not its major version: orders, of example.com/acme/orders/v2."""
    parts = module.split("/")
    return parts[-2] if len(parts) > 1 and re.fullmatch(r"v\d{1,4}", parts[-1]) else parts[-1]
