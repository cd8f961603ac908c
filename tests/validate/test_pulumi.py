"""Pulumi programs that are wrong are refused, with the file and the line; one that is not ours is not even started."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hug_agents.bundle import Bundle
from hug_agents.planning import plan
from hug_agents.process import run
from hug_agents.render.infrastructure.pulumi import render
from hug_agents.render.naming import PULUMI
from hug_agents.validate.gate import lay_out
from hug_agents.validate.pulumi import harness, read
from tests.examples import minimal, pulumi
from tests.validate.conftest import run_one

pytestmark = pytest.mark.skipif(
    find_spec("pulumi_aws") is None, reason="pulumi, install with pip install 'hug-agents[pulumi]'"
)
SPEC = pulumi(minimal()).model_copy(update={"environments": minimal().environments[:1]})
BUNDLE = Bundle(SPEC.digest(), render(plan(SPEC)))


def judge(folder: Path, changes: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """What is found in the program after these replacements, which a gate would refuse to run."""
    lay_out(BUNDLE, folder / "bundle")
    for name, (old, new) in changes.items():
        path = folder / "bundle" / PULUMI / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    argv, answer = harness(folder / "bundle" / PULUMI, SPEC, folder)
    (stack,) = read(run(argv, cwd=folder, timeout=120), answer)
    return stack["findings"]


def test_what_is_misspelt_of_a_wrong_type_or_there_twice_is_found_where_it_stands(tmp_path: Path) -> None:
    found = judge(
        tmp_path,
        {
            "components/task.py": ("cpu=str(args.cpu)", "cpu=args.cpu"),
            "components/cluster.py": (
                'aws.ecs.ClusterSettingArgs(name="containerInsights", value="enabled")',
                '{"nam": "containerInsights", "value": "enabled"}',
            ),
            "components/network.py": ('f"{self._name}-{kind}-{index}"', 'f"{self._name}-{kind}"'),
        },
    )
    told = {(item["file"], item["message"].partition(": ")[2]) for item in found}
    assert ("components/task.py", "cpu must be str, not 256.0") in told
    assert ("components/cluster.py", "settings[0].name is missing") in told
    assert ("components/cluster.py", "settings[0].nam is not an argument of ClusterSettingArgs") in told
    twice = [item for item in found if item["rule"] == "twice"]
    assert {item["file"] for item in twice} == {"components/network.py"}
    for item in found:
        line = (tmp_path / "bundle" / PULUMI / item["file"]).read_text().splitlines()[item["line"] - 1]
        assert "aws." in line, (item, line)


def test_an_argument_that_there_is_not_is_found_where_it_is_given(tmp_path: Path) -> None:
    (found,) = judge(tmp_path, {"components/cluster.py": ("name=cluster_name,", "nmae=cluster_name,")})
    assert found["rule"] == "TypeError"
    assert "nmae" in found["message"]
    assert (found["file"], found["line"]) == ("components/cluster.py", 18)


def test_a_value_that_the_stack_file_lacks_is_named(tmp_path: Path) -> None:
    (found,) = judge(tmp_path, {"Pulumi.staging.yaml": ("hello:vpcCidr", "hello:cidr")})
    assert "hello:vpcCidr" in found["message"]
    assert found["file"] == "settings.py"


def test_a_program_that_is_checked_reaches_no_network(tmp_path: Path) -> None:
    call = "import socket\n\nsocket.create_connection(('127.0.0.1', 9))\n"
    (found,) = judge(tmp_path, {"__main__.py": ("import pulumi\n", call)})
    assert found["rule"] == "PermissionError"
    assert found["file"] == "__main__.py"


@pytest.mark.parametrize("gate", ["pulumi mocks", "pulumi test"])
def test_code_that_is_not_ours_is_not_run(gate: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    foreign = f"open({str(mark)!r}, 'w')\n"
    items = [
        item.model_copy(update={"content": item.content + foreign}) if item.path.endswith("__main__.py") else item
        for item in BUNDLE
    ]
    result = run_one(gate, Bundle(SPEC.digest(), items), plan(SPEC))
    assert result.status == "failed"
    (finding,) = result.findings
    assert (finding.rule, finding.file) == ("foreign-code", f"{PULUMI}/__main__.py")
    assert BUNDLE[f"{PULUMI}/__main__.py"].content.count("\n") in (finding.line, finding.line - 1)
    assert not mark.exists()
