"""The wheel, installed into an empty environment, works from any folder, prompts included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUEST = (
    "Deploy hello from ghcr.io/acme/hello:1.2.0 on port 8080 to ECS in eu-west-1, rolling, health check on /healthz"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], check=True, capture_output=True
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"hug_agents", next(top for top in tops if top.endswith(".dist-info"))}
    assert any(name.startswith("hug_agents/_prompts/prompt_refiner/") for name in names)
    assert "hug_agents/facts.toml" in names
    assert "hug_agents/py.typed" in names  # without it, type checkers of users read none of our types
    assert any(name.endswith(".j2") for name in names)
    assert any(name.startswith("hug_agents/demo/payments-api/") for name in names)
    assert any("LICENSE" in name for name in names)


@pytest.mark.slow
def test_installed_from_the_wheel_it_works_in_any_folder(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home)
    pip = [sys.executable, "-m", "pip", "--python", home / "bin" / "python"]
    subprocess.run([*pip, "install", "--quiet", "--no-compile", wheel], check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    done = subprocess.run(
        [home / "bin" / "hug", "generate", REQUEST, "--gate", "none", "--json"],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads(done.stdout)
    assert made["spec"]["application"] == "hello"
    assert (elsewhere / "hug-release" / "docs" / "runbook.md").is_file()
    for prompt in made["prompts"]:
        assert "sha256:" in prompt
