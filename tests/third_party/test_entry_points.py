"""A third party's package, installed as its users would: a system, a gate, facts and a target; none of ours is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parent / "uptime"
REQUEST = (
    "Deploy hello from ghcr.io/acme/hello:1.2.0 on port 8080 to the Kubernetes cluster main, rolling, health check on /healthz, "
    "domain hello.example.com"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`pip install`, into a folder of the test's own."""
    source = tmp_path_factory.mktemp("source") / "uptime"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "--target", folder, source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def run(installed: Path, folder: Path, *words: str) -> Any:
    env = {**os.environ, "PYTHONPATH": str(installed), "HUG_AGENTS_HOME": str(folder / "store")}
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


def hug(installed: Path, folder: Path, *words: str) -> Any:
    return run(installed, folder, "-c", "from hug_agents.cli import main; main()", *words)


def test_it_stands_in_the_table_with_what_it_needs(installed: Path, tmp_path: Path) -> None:
    rows = {row["id"]: row for row in json.loads(hug(installed, tmp_path, "systems", "--json").stdout)["systems"]}
    assert rows["uptime"]["level"] == "operated" and rows["uptime"]["against"] == "a folder"
    assert rows["uptime"]["needs"][0]["reason"].startswith("Uptime asks load balancers")
    assert len(rows) == 20


def test_its_files_are_written_and_judged_by_its_gate(installed: Path, tmp_path: Path) -> None:
    choose = ("--monitor", "prometheus", "--monitor", "uptime")
    gates = ("--gate", "uptime checks", "--gate", "coherence", "--gate", "well-formed")
    done = hug(installed, tmp_path, "generate", REQUEST, *choose, *gates, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads(done.stdout)
    assert {item["name"]: item["status"] for item in made["gates"]} == {
        "uptime checks": "passed",
        "coherence": "passed",
        "well-formed": "passed",
    }
    written = json.loads((tmp_path / "hug-release" / "monitoring" / "uptime" / "checks.json").read_text())
    assert written["checks"][0]["url"].endswith("hello.example.com/healthz")
    assert next(item for item in made["files"] if "uptime" in item["path"])["system"] == "uptime"


def test_what_does_not_go_with_it_is_refused_in_its_words(installed: Path, tmp_path: Path) -> None:
    code = (
        "from hug_agents import combinations\n"
        "clash = next(iter(combinations.clashes({'monitors': ('uptime',), 'runtime': ('nomad',)})))\n"
        "print(clash.error())"
    )
    said = run(installed, tmp_path, "-c", code).stdout
    assert "Uptime asks load balancers" in said and "next: the runtime kubernetes" in said


def test_a_system_that_nobody_knows_is_refused_by_name(tmp_path: Path) -> None:
    done = hug(tmp_path, tmp_path, "generate", REQUEST, "--monitor", "uptime", "--json")
    assert done.returncode == 2
    assert "uptime is not a system for monitors" in done.stdout + done.stderr
    assert "prometheus" in done.stdout + done.stderr


def test_its_facts_and_its_target_are_asked(installed: Path, tmp_path: Path) -> None:
    code = """
from pathlib import Path
from hug_agents.adapters.registry import load_target
from hug_agents.bundle import Bundle
from hug_agents.execute.target import Order, Target, Work
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.store import Store
from hug_agents.validate import run_gates
from tests.examples import kubernetes_blue_green

base = kubernetes_blue_green()
spec = base.model_copy(update={"toolchain": base.toolchain.model_copy(update={"monitors": ("prometheus", "uptime")})})
blueprint = plan(spec)
bundle = render(blueprint)
path = "monitoring/uptime/checks.json"
changed = [item.model_copy(update={"content": item.content.replace('"staging"', '"stage"').replace("https", "http")})
           if item.path == path else item for item in bundle]
results = run_gates(Bundle("x", changed), blueprint, only=["coherence", "uptime checks"])
print([(item.gate, item.rule, item.line) for result in results for item in result.findings if item.file == path])
Path("watched").mkdir()
target = load_target("uptime:watched", Store(Path("store")))
assert isinstance(target, Target)
environment = spec.environments[0]
saved = target.plan(bundle, blueprint, environment, None)
order = Order(release="r1", environment=saved.environment, action="deploy", bundle=saved.bundle, plan=saved.digest())
work = Work(order, saved, blueprint, bundle, None)
print(target.observe(work).state, target.apply(work).status, target.observe(work).state)
print(target.drift(bundle, blueprint, environment).status)
"""
    env_root = str(Path(__file__).parents[2])
    done = run(installed, tmp_path, "-c", f"import sys; sys.path.append({env_root!r})\n{code}")
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert "('coherence', 'environment', 6)" in first and "('uptime checks', 'https', " in first
    assert second == "not_done done done" and third == "none"
