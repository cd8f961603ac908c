"""Terraform for tests: a configuration that finds the AWS provider without a network, where there is a mirror."""

from __future__ import annotations

import os
import re
import shutil
from functools import cache
from pathlib import Path

import pytest

PROVIDER = "registry.terraform.io/hashicorp/aws"


@cache
def mirror() -> Path | None:
    """The folder of a filesystem mirror that holds the provider.

    TF_PLUGIN_MIRROR or a CLI configuration names it, or it is a folder `tf-plugins` near the root of the file system.
    """
    named = [os.environ.get("TF_PLUGIN_MIRROR", "")]
    configuration = Path(os.environ.get("TF_CLI_CONFIG_FILE", ""))
    if configuration.is_file():
        named += re.findall(r'path\s*=\s*"([^"]+)"', configuration.read_text())
    found = [*Path("/").glob("tf-plugins"), *Path("/").glob("[!ps]*/tf-plugins"), *Path("/srv").glob("tf-plugins")]
    for folder in (*(Path(item) for item in named if item), *found):
        if (folder / PROVIDER).is_dir():
            return folder
    return None


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
