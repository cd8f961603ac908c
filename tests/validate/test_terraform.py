"""Where providers come from, and what happens where they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from hug_agents.plans import Blueprint
from hug_agents.process import find
from hug_agents.validate import run_gates
from hug_agents.validate.terraform_setup import environment
from tests.validate.conftest import bundle_of

MIRROR, CONFIG = "HUG_AGENTS_TERRAFORM_MIRROR", "TF_CLI_CONFIG_FILE"
AWS = """terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
"""


def test_a_mirror_comes_first_and_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror, common = tmp_path / 'mir"ror', tmp_path / "common"
    (mirror / "registry.terraform.io/hashicorp/aws").mkdir(parents=True)
    common.mkdir()
    monkeypatch.setenv(MIRROR, str(mirror))
    config = Path(environment(common)[CONFIG]).read_text()
    assert 'include = ["registry.terraform.io/hashicorp/aws"]' in config
    assert 'exclude = ["registry.terraform.io/hashicorp/aws"]' in config
    assert 'mir\\"ror' in config


def test_then_the_configuration_file_if_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRROR, raising=False)
    monkeypatch.setenv("HUG_AGENTS_HOME", str(tmp_path / "home"))
    config = tmp_path / "terraform.rc"
    config.write_text("")
    monkeypatch.setenv(CONFIG, str(config))
    assert environment(tmp_path)[CONFIG] == str(config)
    monkeypatch.setenv(CONFIG, str(tmp_path / "gone.rc"))
    values = environment(tmp_path)
    assert values[CONFIG] == ""
    assert values["TF_PLUGIN_CACHE_DIR"].startswith(str(tmp_path / "home"))


def test_without_providers_the_gate_is_skipped_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blueprint: Blueprint
) -> None:
    if find("terraform") is None:
        pytest.skip("terraform is not installed: install with https://developer.hashicorp.com/terraform/install")
    config = tmp_path / "empty.rc"
    (tmp_path / "mirror").mkdir()
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path}/mirror"\n  }}\n}}\n')
    monkeypatch.delenv(MIRROR, raising=False)
    monkeypatch.setenv(CONFIG, str(config))
    answers = run_gates(
        bundle_of({"infra/main.tf": AWS, "infra/tests/a.tftest.hcl": 'run "a" {}\n'}),
        blueprint,
        only=["terraform validate", "terraform test"],
    )
    assert [(item.name, item.status) for item in answers] == [
        ("terraform test", "skipped"),
        ("terraform validate", "skipped"),
    ]
    for answer in answers:
        assert "hashicorp/aws" in answer.reason
        assert MIRROR in answer.reason
