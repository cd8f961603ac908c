"""Terraform, made ready once for all its gates: where providers come from, and one `init` a kind of root."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.process import Completed
from hug_agents.settings import Settings
from hug_agents.validate import tools
from hug_agents.validate.gate import Skip, Workspace, clean, lay_out
from hug_agents.validate.program import checked
from hug_agents.validate.terraform_files import blocks, module_calls, tested_roots

_PARALLEL = 2
"""Terraform processes at a time: each starts a provider, which takes a core and a gigabyte."""
_GARBAGE = {"GOGC": "400"}
"""A provider's schema is read once and kept: looking for garbage in it as often as Go does by itself is work for nothing."""


def environment(common: Path) -> dict[str, str]:
    """The variables that Terraform is started with.

    Providers come from HUG_AGENTS_TERRAFORM_MIRROR, else from what TF_CLI_CONFIG_FILE says where that file exists, else
    from the places where Terraform looks by itself (its implied mirrors), else from the network.
    """
    settings = Settings.load()
    values = {
        **_GARBAGE,
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        "TF_CLI_CONFIG_FILE": settings.tool_environment.get("TF_CLI_CONFIG_FILE", ""),
    }
    mirror = settings.terraform_mirror
    if mirror is not None and mirror.is_dir():
        config = common / "terraform.rc"
        if not config.exists():
            config.write_text(_mirror_config(mirror.resolve()), encoding="utf-8")
        return {**values, "TF_CLI_CONFIG_FILE": str(config)}
    if values["TF_CLI_CONFIG_FILE"] and not Path(values["TF_CLI_CONFIG_FILE"]).is_file():
        values["TF_CLI_CONFIG_FILE"] = ""
    if not values["TF_CLI_CONFIG_FILE"] and "TF_PLUGIN_CACHE_DIR" not in settings.tool_environment:
        cache = settings.home.resolve() / "cache" / "terraform"
        cache.mkdir(parents=True, exist_ok=True)
        values["TF_PLUGIN_CACHE_DIR"] = str(cache)
    return {**values, "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1"}


def _mirror_config(mirror: Path) -> str:
    """Providers that the mirror has come from it alone: with both, Terraform would ask the registry for newer ones."""
    has = sorted("/".join(path.parts[-3:]) for path in mirror.glob("*/*/*") if path.is_dir())
    path, listed = json.dumps(str(mirror)), ", ".join(json.dumps(item) for item in has)
    return (
        f"provider_installation {{\n  filesystem_mirror {{\n    path    = {path}\n    include = [{listed}]\n  }}\n"
        f"  direct {{\n    exclude = [{listed}]\n  }}\n}}\n"
    )


class Prepared:
    """A copy of the bundle in which roots are initialised, each kind of root once; shared by the gates of one run."""

    def __init__(self, workspace: Workspace) -> None:
        self.folder = workspace.common / "terraform"
        lay_out(workspace.bundle, self.folder)
        self.program = tools.program_of("terraform")
        self.environment = environment(workspace.common)
        self._slots = threading.BoundedSemaphore(_PARALLEL)

    @classmethod
    def of(cls, workspace: Workspace) -> Prepared:
        """The one of this run."""
        return workspace.memo.once("terraform", lambda: cls(workspace))

    def run(self, workspace: Workspace, root: str, *arguments: str, timeout: float) -> Completed:
        """Initialise a root where that is not done, and run Terraform in it. Raises Skip without its providers."""
        key = self._key(workspace.bundle, root)
        data = workspace.common / f"terraform-{key}"
        lock = data / "lock.hcl"

        def init() -> Completed:
            done = self._start(workspace, root, data, ("init", "-backend=false", "-input=false", "-json"), 300)
            written = self.folder / root / ".terraform.lock.hcl"
            if not done.code and written.is_file():
                shutil.copy(written, lock)
            return done

        done = workspace.memo.once(f"terraform init {key}", init)
        if done.code:
            reason = _unavailable(done)
            if reason:
                raise Skip(reason)
            return done
        own = self.folder / root / ".terraform.lock.hcl"
        if lock.is_file() and not own.exists():
            shutil.copy(lock, own)
        return self._start(workspace, root, data, arguments, timeout)

    def _start(
        self, workspace: Workspace, root: str, data: Path, arguments: tuple[str, ...], timeout: float
    ) -> Completed:
        env = {**self.environment, "TF_DATA_DIR": str(data)}
        with self._slots:
            done = workspace.run([self.program, *arguments], cwd=self.folder / root, env=env, timeout=timeout)
        return checked(done, (0, 1))

    def _key(self, bundle: Bundle, root: str) -> str:
        """Roots with the same key need the same modules, from the same places, and the same providers."""
        needs = [str(PurePosixPath(root).parent), *(f"{name} {source}" for name, source in module_calls(bundle, root))]
        for _, file in blocks(bundle, root):
            for block in file.walk():
                if block.type == "required_providers":
                    needs += [item.text for item in block.attributes.values()]
                elif block.type in ("provider", "resource", "data"):
                    needs.append(f"{block.type} {block.labels[:1]}")
        for path in tested_roots(bundle).get(root, ()):  # a run block may call a module of its own
            needs += re.findall(r"^\s*source\s*=\s*\S+", bundle[path].content, re.MULTILINE)
        return hashlib.sha256("\n".join(sorted(set(needs))).encode()).hexdigest()[:16]


def diagnostics(done: Completed) -> Iterator[dict[str, Any]]:
    """The diagnostics that Terraform printed, as one JSON value or one a line."""
    try:
        whole = json.loads(done.stdout)
        rows = whole.get("diagnostics", []) if isinstance(whole, dict) else []
        yield from (row for row in rows if isinstance(row, dict))
        return
    except ValueError:
        pass
    for line in done.stdout.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("diagnostic"), dict):
            yield value["diagnostic"]


def _unavailable(done: Completed) -> str:
    """Why the providers cannot be had here; empty where the files are to blame."""
    for row in diagnostics(done):
        summary, detail = str(row.get("summary", "")), str(row.get("detail", ""))
        if not re.search(r"Failed to (query available|install) provider|Invalid provider registry host", summary):
            continue
        mirrored = Settings.load().terraform_mirror is not None
        if re.search(r"no available releases match|does not have a provider named", detail) and not mirrored:
            return ""
        why = clean(detail.partition("\n\n")[0].replace("\n", " "), 400)
        return f"its providers cannot be had here: {why}; allow the network, or name a HUG_AGENTS_TERRAFORM_MIRROR"
    return ""
