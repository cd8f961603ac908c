"""The rules of the house: who may import what, who may run programs, and what an import costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hug_agents

PACKAGE = Path(hug_agents.__file__).parent
MODULES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if "demo" not in path.relative_to(PACKAGE).parts[:1] and not {"__pycache__", "templates"} & {*path.parts}
)
FLOORS = (
    ("errors", "canonical", "connections", "notebook", "yamls"),
    ("settings", "spec", "http"),
    ("request",),
    ("plans", "bundle", "amendment"),
    (
        "store",
        "database",
        "output",
        "launcher",
        "process",
        "prompting",
        "facts",
        "systems",
        "combinations",
        "scan",
        "slo",
    ),
    ("checkout",),
    ("runbook", "planning", "tracing"),
    ("render",),
    ("validate",),
    ("reading", "repair", "approve", "proposal", "amending"),
    ("agents",),
    ("execute",),
    ("rollout",),
    ("adapters", "measure"),
    ("workflow", "office", "status"),
    ("generation", "evaluate"),
    ("underway",),
    ("release",),
    ("demonstration", "widget"),
    ("cli",),
    ("__init__",),
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def place(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module of a file, and whether the import is only for type checking."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in typing_only
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) in typing_only


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    assert place(path) in FLOOR, f"{path} has no floor in the house"
    for module, typing_only in imports(path):
        head, *rest = module.split(".")
        if head == "hug_agents" and rest and not typing_only and rest[0] != place(path):
            assert FLOOR[rest[0]] <= FLOOR[place(path)], f"{place(path)} imports {module}, which lies above it"
        if head.startswith("langgraph"):
            assert place(path) == "workflow", "only workflow/ imports langgraph"
        if head.startswith(("langchain", "openai")) and not typing_only:
            assert place(path) == "agents", "only agents/ imports langchain"
        if head == "subprocess":
            assert place(path) == "process", "process.py is the one way to run a program"
        assert head not in ("prompts", "graphs"), "prompts and graphs are data and entry points"


RENDER = [path for path in MODULES if place(path) == "render"]


@pytest.mark.parametrize("path", RENDER, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_render_is_pure(path: Path) -> None:
    impure = {
        "time",
        "datetime",
        "random",
        "secrets",
        "socket",
        "urllib.request",
        "http",
        "os",
        "subprocess",
        "hug_agents.process",
    }
    assert impure.isdisjoint(module for module, _ in imports(path))


def reads_the_environment(path: Path) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


def test_only_settings_reads_the_environment() -> None:
    assert [place(path) for path in MODULES if reads_the_environment(path)] == ["settings"]


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_is_cheap() -> None:
    heavy = {"langgraph", "langchain_core", "langchain_openai", "openai", "pydantic", "rich", "yaml", "jinja2"}
    assert heavy.isdisjoint(loaded_by("import hug_agents"))


@pytest.mark.parametrize("module", ["spec", "render", "validate", "reading.rules", "scan", "planning", "cli"])
def test_the_domain_never_loads_langchain(module: str) -> None:
    loaded = loaded_by(f"import hug_agents.{module}")
    assert not [
        name for name in loaded if name.split(".")[0] in ("langgraph", "langchain_core", "langchain_openai", "openai")
    ]


def test_the_public_door() -> None:
    assert list(hug_agents.__all__) == sorted(hug_agents.__all__)
    for name in hug_agents.__all__:
        assert getattr(hug_agents, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hug_agents.nothing  # noqa: B018 - the attribute access is what is tested
