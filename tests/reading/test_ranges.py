"""A version that a repository only bounds from below: the next of which there is a base image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hug_agents import generate
from hug_agents.errors import UnsupportedError
from hug_agents.spec import DeploymentSpec

REQUEST = "Deploy tide to ECS in eu-west-1, port 8080"


def spec(folder: Path, **files: str) -> DeploymentSpec:
    repo = folder / "repo"
    repo.mkdir()
    for name, text in files.items():
        (repo / name.replace("__", ".")).write_text(text)
    return generate(REQUEST, repo=repo, gates=(), store=folder / "store").spec


def node(said: str) -> dict[str, str]:
    return {
        "package__json": json.dumps(
            {"name": "tide", "engines": {"node": said}, "dependencies": {"express": "4"}}, indent=1
        ),
        "server__js": 'require("express")().listen(8080)\n',
    }


def one_line(said: str, npm: str) -> dict[str, str]:
    engines = f'"engines": {{ "npm": "{npm}", "node": "{said}" }}'
    return node(said) | {"package__json": f'{{\n"name": "tide", {engines},\n"dependencies": {{"express": "4"}}\n}}\n'}


def python(said: str) -> dict[str, str]:
    return {"pyproject__toml": f'[project]\nname = "tide"\nrequires-python = "{said}"\ndependencies = ["fastapi"]\n'}


@pytest.mark.parametrize(
    ("files", "version"),
    [
        (node(">=18"), "20"),
        (node(">= 16.0.0"), "20"),
        (node("^18.18.0 || ^20.9.0 || >=21.1.0"), "22"),
        (node("18 || 20 || 22"), "22"),
        (node(">=22.3"), "22.3"),
        (node(">=18 <21"), "20"),
        (one_line(">=18", ">=9"), "20"),
        (python(">=3.8"), "3.11"),
        (python(">=3.9,<4.0"), "3.11"),
        (python(">=3.9, <=3.11"), "3.11"),
        (python(">=3"), "3"),
        (python(">=3.12"), "3.12"),
    ],
)
def test_the_next_that_fits(files: dict[str, str], version: str, tmp_path: Path) -> None:
    made = spec(tmp_path, **files)
    assert made.services[0].build and made.services[0].build.stack
    assert made.services[0].build.stack.version == version


@pytest.mark.parametrize("said", ["18.x", "^18", ">=18 <20", ">=18 <=19", ">=99"])
def test_another_than_it_says_is_not_chosen(said: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="no pinned base image"):
        spec(tmp_path, **node(said))


def test_it_is_told(tmp_path: Path) -> None:
    rows = [row for row in spec(tmp_path, **node(">=18")).evidence if row.path.endswith("stack.version")]
    assert [(row.kind, row.reason) for row in rows] == [("default", "package.json:4 takes any from 18 on")]
