"""Whole bundles: deterministic, data stays data, and every gate that this machine has passes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.spec import Toolchain
from hug_agents.validate import run_gates
from tests.conftest_terraform import modules_once  # noqa: F401 - a fixture
from tests.examples import ALL, minimal

NAMES = sorted(ALL)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_spec_gives_the_same_bytes(name: str) -> None:
    assert render(plan(ALL[name]())).digest() == render(plan(ALL[name]())).digest()


def test_the_same_bytes_in_any_process() -> None:
    code = (
        "import json; from hug_agents.planning import plan; from hug_agents.render import render; from tests.examples import ALL; "
        "print(json.dumps({name: render(plan(make())).digest() for name, make in ALL.items()}))"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "LANG": "C"},
        )
        assert json.loads(done.stdout) == {name: render(plan(make())).digest() for name, make in ALL.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("modules_once")
def test_every_gate_passes(name: str) -> None:
    blueprint = plan(ALL[name]())
    results = run_gates(render(blueprint), blueprint)
    failed = [
        f"{item.file}:{item.line} {item.rule} {item.message}"
        for result in results
        for item in result.findings
        if item.severity == "error"
    ]
    assert not failed, "\n".join(failed)
    broken = [f"{result.name}: {result.reason}" for result in results if result.status == "error"]
    assert not broken, "\n".join(broken)
    skipped = [result.reason for result in results if result.status == "skipped"]
    if skipped:
        pytest.skip("; ".join(skipped))


def test_every_text_file_ends_in_a_line_end_and_has_no_stray_white_space() -> None:
    for name in NAMES:
        for artifact in render(plan(ALL[name]())):
            assert artifact.content.endswith("\n"), (name, artifact.path)
            assert "\r" not in artifact.content, (name, artifact.path)
            if not name.startswith("hostile"):
                lines = [number for number, line in enumerate(artifact.content.split("\n"), 1) if line != line.rstrip()]
                assert not lines, (name, artifact.path, lines[:3])


@pytest.mark.parametrize(
    ("toolchain", "message"),
    [
        (Toolchain(iac="pulumi", runtime="kubernetes"), "with Pulumi the services run on ECS"),
        (Toolchain(ci="terraform"), "not a system for ci"),
        (Toolchain(runtime="mainframe"), "not a system for runtime"),
        (Toolchain(monitors=("prometheus", "terraform")), "not a system for monitors"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(toolchain: Toolchain, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        render(plan(minimal().model_copy(update={"toolchain": toolchain})))
