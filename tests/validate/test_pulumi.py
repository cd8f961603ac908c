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
from hug_agents.validate.pulumi_rules import hits
from tests.examples import ecs_canary, minimal, pulumi
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


FAULTS = {
    "components/database.py": {
        "publicly_accessible=False": ("publicly_accessible=True", "HUG-S1", "publicly accessible"),
        "storage_encrypted=True": ("storage_encrypted=False", "HUG-S3", "StorageEncrypted"),
    },
    "components/network.py": {
        "map_public_ip_on_launch=False": ("map_public_ip_on_launch=True", "HUG-S1", "gives public addresses"),
    },
    "components/service.py": {
        "assign_public_ip=False": ("assign_public_ip=True", "HUG-S1", "gives its tasks public addresses"),
    },
    "components/private_bucket.py": {
        "block_public_acls=True": ("block_public_acls=False", "HUG-S1", "does not say BlockPublicAcls"),
    },
    "components/load_balancer.py": {
        "cidr_ipv4=args.clients_cidr": ('cidr_ipv4="0.0.0.0/0"', "HUG-S1", "admits everybody to 22"),
        "from_port=port,\n                to_port=port": ("from_port=22, to_port=22", "", ""),
    },
    "components/cache.py": {
        "at_rest_encryption_enabled=True": ("at_rest_encryption_enabled=False", "HUG-S3", "AtRestEncryptionEnabled"),
    },
    "components/task.py": {
        '"Resource": readable}': ('"Resource": "*"}', "HUG-S2", "secretsmanager:GetSecretValue on every resource"),
        '"essential": True,': ('"essential": True, "privileged": True,', "HUG-S5", "is privileged"),
    },
}


def test_the_rules_for_templates_judge_what_a_program_declares(tmp_path: Path) -> None:
    spec = pulumi(ecs_canary())
    blueprint = plan(spec)
    bundle = Bundle(spec.digest(), render(blueprint))

    def judged(folder: Path) -> set[tuple[str, str, str]]:
        argv, answer = harness(folder / PULUMI, spec, folder)
        found = read(run(argv, cwd=folder, timeout=120), answer)
        assert not [item for stack in found for item in stack["findings"]]
        rows = [item for stack in found for item in hits(bundle, blueprint, stack)]
        for _, hit in rows:
            assert "aws." in (folder / hit.file).read_text().splitlines()[hit.line - 1], hit
        return {(rule.id, hit.message, hit.file.removeprefix(f"{PULUMI}/")) for rule, hit in rows}

    lay_out(bundle, tmp_path / "good")
    assert judged(tmp_path / "good") == set()
    lay_out(bundle, tmp_path / "bad")
    for name, faults in FAULTS.items():
        path = tmp_path / "bad" / PULUMI / name
        text = path.read_text()
        for old, (new, _, _) in faults.items():
            assert old in text, (name, old)
            text = text.replace(old, new)
        path.write_text(text)
    seen = judged(tmp_path / "bad")
    for name, faults in FAULTS.items():
        for _, rule, said in faults.values():
            assert not rule or any((rule, name) == (row[0], row[2]) and said in row[1] for row in seen), (
                name,
                rule,
                said,
            )
    assert {row[0] for row in seen} == {"HUG-S1", "HUG-S2", "HUG-S3", "HUG-S5"}


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
