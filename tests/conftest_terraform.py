"""Terraform for tests: a configuration that finds the AWS provider without a network, where there is a mirror."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

from hug_agents.process import Completed
from hug_agents.validate import Workspace, tools
from hug_agents.validate.terraform_setup import Prepared

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


@pytest.fixture
def modules_once(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that stands in many bundles, byte for byte, passes once a session; what calls others is always run.

    Each run costs six seconds of a core. Only a pass is kept, by the version of Terraform and every byte of the module.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "terraform-modules"
    folder.mkdir(exist_ok=True)
    really = Prepared.run

    def run(self: Prepared, workspace: Workspace, root: str, *arguments: str, timeout: float) -> Completed:
        files = workspace.bundle.under(f"{root}/")
        if any("../" in item.content for item in files):
            return really(self, workspace, root, *arguments, timeout=timeout)
        known = [tools.version_of("terraform"), arguments, [(item.path, item.sha256) for item in files]]
        kept = folder / hashlib.sha256(json.dumps(known).encode()).hexdigest()
        with FileLock(f"{kept}.lock"):
            if kept.exists():
                return Completed.model_validate_json(kept.read_text())
            done = really(self, workspace, root, *arguments, timeout=timeout)
            if not done.code:
                kept.write_text(done.model_dump_json())
            return done

    monkeypatch.setattr(Prepared, "run", run)
