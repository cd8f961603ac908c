"""Python: what the manifests say (pip, uv, poetry), and what follows from them together with the code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.scan import python_routes
from hug_agents.scan.documents import Node
from hug_agents.scan.drivers import version
from hug_agents.scan.folder import Folder
from hug_agents.scan.python_module import Module, read_module
from hug_agents.scan.source import Source

MANIFESTS = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "manage.py", "Pipfile")
_REQUIREMENT = re.compile(r"^([A-Za-z0-9](?:[A-Za-z0-9._-]{0,100}[A-Za-z0-9])?)\s{0,8}(?:\[[^\]]{0,200}\])?")
_SMALL = 16_000
_FRAMEWORKS = ("fastapi", "django", "flask")
_HINTS = (
    "FastAPI", "Flask", "Router", "Blueprint", "uvicorn", "environ", "getenv", "BaseSettings", "urlpatterns", "Route(",
    "route(", '.get("/', ".get('/", "ROOT_URLCONF", "config(", "start_http_server", "DJANGO_SETTINGS_MODULE", "run_app",
)  # fmt: skip


def read(folder: Folder) -> None:
    """Note everything that a Python component says about itself."""
    requirements = dict(_requirements(folder))
    _language(folder, requirements)
    for name, (source, line) in _requirements(folder, development=False):
        if name in _FRAMEWORKS:
            folder.add("framework", name, source, line)
        folder.add_library(name, source, line)
    modules = [module for source in folder.code(".py") if (module := _module(folder, source))]
    python_routes.read(folder, modules)
    for module in modules:
        if not folder.has("language") and module.apps:
            folder.add("language", "python", module.source, next(iter(module.apps.values())).line, "likely")
    for module in modules:
        for name, line in module.env:
            folder.add("env", name, module.source, line)
        if "gunicorn" not in module.source.name:
            for port, line, confidence in module.ports:
                folder.add_port(port, module.source, line, confidence)
    _gunicorn(folder)
    _derived_start(folder, modules, requirements)
    _tests(folder, requirements)
    _migrations(folder, requirements)


def _module(folder: Folder, source: Source) -> Module | None:
    # A small file may hold a constant, or pass on a name that another file makes.
    if len(source.text) > _SMALL and not any(hint in source.text for hint in _HINTS):
        return None
    name = folder.relative(source).removesuffix(".py").removeprefix("src/").replace("/", ".").removesuffix(".__init__")
    module = read_module(source, name)
    if module is None:
        folder.tree.unread(source.path, "not Python that this version can parse")
    return module


# ---- manifests


def _requirements(folder: Folder, development: bool = True) -> Iterator[tuple[str, tuple[Source, int]]]:
    """Each direct requirement by its normalised name, with its place; the first place wins."""
    seen: set[str] = set()
    for text, source, line, needed in _requirement_lines(folder):
        if not needed and not development:
            continue
        match = _REQUIREMENT.match(text.strip())
        name = re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""
        if name and name not in seen:
            seen.add(name)
            yield name, (source, line)


def _requirement_lines(folder: Folder) -> Iterator[tuple[str, Source, int, bool]]:
    """Each requirement as it is written, its place, and whether the application itself needs it."""
    found = folder.document("pyproject.toml")
    if found is not None:
        source, node = found
        for item in node.elements("project", "dependencies"):
            yield str(item.value), source, item.line, True
        for _, group in [*node.items("project", "optional-dependencies"), *node.items("dependency-groups")]:
            for item in group.elements():
                yield str(item.value), source, item.line, False
        for name, item in node.items("tool", "poetry", "dependencies"):
            yield name, source, item.line, True
        for _, group in node.items("tool", "poetry", "group"):
            for name, item in group.items("dependencies"):
                yield name, source, item.line, False
    for path, needed in _requirements_files(folder):
        text = folder.read(path)
        for number, line in enumerate(text.lines if text else [], start=1):
            bare = line[:300].split("#", 1)[0].strip()
            if text and bare and not bare.startswith("-"):
                yield bare, text, number, needed


_DEVELOPMENT = ("dev", "test", "lint", "doc", "ci", "local", "build", "typing", "mypy")


def _requirements_files(folder: Folder) -> Iterator[tuple[str, bool]]:
    for path in folder.files:
        name = path.rsplit("/", 1)[-1]
        if (
            path.endswith((".txt", ".in"))
            and path.count("/") <= 1
            and path.startswith(("requirements", "requirements/"))
        ):
            yield path, not any(word in name for word in _DEVELOPMENT)


def _language(folder: Folder, requirements: dict[str, tuple[Source, int]]) -> None:
    for name in MANIFESTS:
        source = folder.read(name)
        if source is not None:
            if name not in ("pyproject.toml", "setup.cfg") or requirements or _is_project(source):
                folder.add("language", "python", source, source.find("[project]") if name == "pyproject.toml" else 1)
            break
    _version_files(folder)
    found = folder.document("pyproject.toml")
    if found is not None:
        _pyproject(folder, *found)
    lock = folder.read("uv.lock"), folder.read("poetry.lock")
    for source, manager in zip(lock, ("uv", "poetry"), strict=True):
        if source is not None:
            folder.add("package_manager", manager, source, 1)
            folder.add("lock_file", source.name, source, 1)
    for path in (
        "requirements.txt",
        *(
            path
            for path in ("requirements/production.txt", "requirements/prod.txt", "requirements/base.txt")
            if "requirements.txt" not in folder
        ),
    ):
        source = folder.read(path)
        if source is not None:
            folder.add("requirements_file", path, source, 1)
            if not folder.has("package_manager"):
                folder.add("package_manager", "pip", source, 1)
            break
    for path in ("Pipfile", "pdm.lock", "environment.yml", "pixi.toml"):
        if path in folder:
            folder.tree.unread(folder.root_path(path), "this package manager is not supported: pip, uv and poetry are")


def _is_project(source: Source) -> bool:
    return any(line.startswith(("[project]", "[tool.poetry", "[metadata]")) for line in source.lines)


def _pyproject(folder: Folder, source: Source, node: Node) -> None:
    for keys in (("project",), ("tool", "poetry")):
        table = node.get(*keys)
        if table is None:
            continue
        for path, key in (("name", "name"), ("version", "version")):
            item = table.get(key)
            if item is not None and isinstance(item.value, str):
                folder.add(path, item.value, source, item.line)
    required = node.get("project", "requires-python") or node.get("tool", "poetry", "dependencies", "python")
    if required is not None and isinstance(required.value, str):
        _required_version(folder, required.value, source, required.line)
    poetry = node.get("tool", "poetry")
    backend = node.get("build-system", "build-backend")
    if "uv.lock" not in folder and "poetry.lock" not in folder:
        if poetry is not None and (poetry.get("dependencies") or (backend and "poetry" in str(backend.value))):
            folder.add("package_manager", "poetry", source, poetry.line)
        elif (uv := node.get("tool", "uv")) is not None:
            folder.add("package_manager", "uv", source, uv.line, "likely")
        elif node.get("project") is not None and "requirements.txt" not in folder:
            folder.add("package_manager", "pip", source, node.get("project").line, "likely")  # type: ignore[union-attr]


def _required_version(folder: Folder, text: str, source: Source, line: int) -> None:
    first = text.split(",", 1)[0].strip()
    exact = first.startswith(("==", "~3")) or bool(re.match(r"^3\.\d{1,2}(\.\*)?$", first))
    number = version(first.lstrip("=~^>! "))
    if number and not first.startswith(("<", "!")):
        folder.add("language_version", number, source, line, "certain" if exact else "likely", around=text)


def _version_files(folder: Folder) -> None:
    for path in (".python-version", "runtime.txt"):
        source = folder.read(path)
        number = version(source.lines[0].strip().removeprefix("python-")) if source else ""
        if source and number.startswith("3"):
            folder.add("language_version", number, source, 1)


# ---- what follows


def _derived_start(folder: Folder, modules: list[Module], requirements: dict[str, tuple[Source, int]]) -> None:
    if folder.has("start_command"):
        return
    runnable = [module for module in modules if module.serves and module.name.endswith("__main__")]
    if len(runnable) == 1:
        module = runnable[0]
        package = module.name.removesuffix(".__main__")
        if package != module.name:
            folder.add_derived("start_command", ["python", "-m", package], module.source, module.serves)
            return
    if "manage.py" in folder:
        _wsgi(folder, requirements)
        return
    apps = [(module, name) for module in modules for name, app in module.apps.items() if app.top_level]
    ports = folder.values("port")
    if len(apps) != 1 or len(ports) > 1:
        return
    module, name = apps[0]
    app = module.apps[name]
    port = next(iter(ports), None)
    if app.kind == "fastapi" and ("uvicorn" in requirements or "fastapi" in requirements):
        listen = ["--host", "0.0.0.0", *(["--port", str(port)] if port else [])]  # noqa: S104
        command = ["uvicorn", f"{module.name}:{name}", *listen]
        folder.add_derived("start_command", command, module.source, app.line)
    elif app.kind == "flask" and "gunicorn" in requirements:
        command = ["gunicorn", *(["--bind", f"0.0.0.0:{port}"] if port else []), f"{module.name}:{name}"]
        folder.add_derived("start_command", command, module.source, app.line)


def _wsgi(folder: Folder, requirements: dict[str, tuple[Source, int]]) -> None:
    """Django's own `wsgi.py` or `asgi.py`, under the server that is among the requirements."""
    for server, suffix, extra in (
        ("gunicorn", "wsgi.py", []),
        ("uvicorn", "asgi.py", ["--host", "0.0.0.0"]),  # noqa: S104
        ("daphne", "asgi.py", ["-b", "0.0.0.0"]),  # noqa: S104
    ):
        files = [path for path in folder.files if path.endswith(f"/{suffix}")]
        source = folder.read(files[0]) if len(files) == 1 else None
        if server in requirements and source is not None:
            name = files[0].removeprefix("src/").removesuffix(".py").replace("/", ".")
            line = source.find("application =")
            folder.add("app", f"{name}:application", source, line, around="application")
            folder.add_derived("start_command", [server, *extra, f"{name}:application"], source, line)
            return


def _gunicorn(folder: Folder) -> None:
    for path in ("gunicorn.conf.py", "gunicorn_conf.py"):
        source = folder.read(path)
        module = read_module(source, "gunicorn") if source else None
        if module is not None and source is not None:
            for port, line, confidence in module.binds:
                folder.add_port(port, source, line, confidence)


def _tests(folder: Folder, requirements: dict[str, tuple[Source, int]]) -> None:
    managers = folder.values("package_manager")
    runner = "uv run " if managers == {"uv"} else "poetry run " if managers == {"poetry"} else ""
    place = requirements.get("pytest")
    for path, mark in (("pyproject.toml", "[tool.pytest"), ("pytest.ini", "[pytest]"), ("setup.cfg", "[tool:pytest]")):
        source = folder.read(path)
        if source is not None and mark in source.text:
            place = (source, source.find(mark))
            break
    if place is not None:
        folder.add("test_command", f"{runner}pytest", *place, around="pytest")
        return
    manage = folder.read("manage.py")
    if manage is not None:
        folder.add("test_command", f"{runner}python manage.py test", manage, 1, "likely")


def _migrations(folder: Folder, requirements: dict[str, tuple[Source, int]]) -> None:
    alembic = folder.read("alembic.ini")
    if alembic is not None:
        folder.add_command(
            "migrate_command", ["alembic", "upgrade", "head"], alembic, alembic.find("[alembic]"), "likely"
        )
    manage = folder.read("manage.py")
    if manage is not None and "django" in requirements:
        line = manage.find("DJANGO_SETTINGS_MODULE")
        folder.add_command("migrate_command", ["python", "manage.py", "migrate", "--noinput"], manage, line, "likely")
