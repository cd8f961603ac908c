"""Terraform for tests: a configuration that finds the AWS provider without a network, where there is a mirror."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

PROVIDER = "registry.terraform.io/hashicorp/aws"


@cache
def mirror() -> Path | None:
    """The folder of a filesystem mirror that holds the provider: HUG_AGENTS_TERRAFORM_MIRROR, which conftest.py looks for."""
    named = os.environ.get("HUG_AGENTS_TERRAFORM_MIRROR")
    return Path(named) if named and (Path(named) / PROVIDER).is_dir() else None


@pytest.fixture(scope="session")
def terraform_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables to run terraform with. Skips where there is no terraform; without a mirror it may use the network."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed: install from https://developer.hashicorp.com/terraform/install")
    home = tmp_path_factory.mktemp("terraform")
    configuration = home / "cli.tfrc"
    folder = mirror()
    configuration.write_text(
        "disable_checkpoint = true\n"
        + (f'provider_installation {{\n  filesystem_mirror {{\n    path = "{folder}"\n  }}\n}}\n' if folder else "")
    )
    cache_folder = home / "plugins"
    cache_folder.mkdir()
    environment = {"TF_CLI_CONFIG_FILE": str(configuration), "TF_IN_AUTOMATION": "1"}
    # A mirror is linked to, which is quicker than any cache.
    return environment if folder else {**environment, "TF_PLUGIN_CACHE_DIR": str(cache_folder)}
