"""What a resource of Terraform takes, in the words of the provider's own schema. Asked once a version, then kept."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.errors import ProcessError
from hug_agents.process import run
from hug_agents.validate import tools
from hug_agents.validate.hcl import parse
from hug_agents.validate.located import Malformed
from hug_agents.validate.terraform_setup import environment

_LIMIT = 64 * 1024 * 1024
_SOURCE = re.compile(r"registry\.terraform\.io/hashicorp/([a-z0-9-]+)")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_DESCRIPTION = 120


def resource_schema(bundle: Bundle, type: str, cache: Path) -> str:
    """One resource's attributes and blocks as compact JSON; a sentence where it cannot be had. Nothing of it is ours.

    `data.TYPE` asks for a data source. Only the providers that the bundle locks are asked, at their locked version.
    """
    kind, name = ("data_source_schemas", type[5:]) if type.startswith("data.") else ("resource_schemas", type)
    locked = dict(_locked(bundle))
    provider = name.partition("_")[0]
    if provider not in locked:
        return f"there is no provider {provider[:40]!r} in this bundle; it has {', '.join(sorted(locked)) or 'none'}"
    try:
        schemas = _schemas(provider, locked[provider], cache)
    except (ProcessError, OSError) as error:
        return f"the schema cannot be had here: {' '.join(str(error).split())[:300]}"
    found = schemas.get(kind, {}).get(name)
    if found is None:
        near = [other for other in schemas.get(kind, {}) if name.split("_")[1:2] == other.split("_")[1:2]][:12]
        return f"the provider has no {type[:80]!r}; near it: {', '.join(near) or 'nothing'}"
    return json.dumps(_compact(found.get("block", {})), ensure_ascii=False, separators=(",", ":"))


def _locked(bundle: Bundle) -> Iterator[tuple[str, str]]:
    for item in bundle:
        if item.path.endswith("/.terraform.lock.hcl") and not item.author:
            try:
                root = parse(item.content)
            except Malformed:
                continue
            for block in root.of("provider"):
                source = _SOURCE.fullmatch(block.labels[0] if block.labels else "")
                version = block.attributes.get("version")
                if source and version and version.literal and _VERSION.fullmatch(version.literal):
                    yield source[1], version.literal


def _schemas(provider: str, version: str, cache: Path) -> dict[str, Any]:
    path = cache / f"{provider}-{version}.json"
    if not path.is_file():
        data = _asked(provider, version)
        cache.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(data), encoding="utf-8")
        fresh.replace(path)
        return data
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _asked(provider: str, version: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="hug-schema-") as folder:
        root = Path(folder).resolve() / "root"
        root.mkdir()
        (root / "versions.tf").write_text(
            "terraform {\n  required_providers {\n"
            f'    {provider} = {{\n      source = "hashicorp/{provider}"\n      version = "{version}"\n    }}\n'
            "  }\n}\n",
            encoding="utf-8",
        )
        env = environment(root.parent)
        program = tools.program_of("terraform")
        done = run([program, "init", "-backend=false", "-input=false", "-no-color"], cwd=root, timeout=300, env=env)
        if not done.code:
            done = run([program, "providers", "schema", "-json"], cwd=root, timeout=120, env=env, limit=_LIMIT)
        if done.code:
            raise ProcessError(done.output[-400:])
        said = json.loads(done.stdout)["provider_schemas"]
    schemas = next(iter(said.values()))
    return {kind: schemas.get(kind, {}) for kind in ("resource_schemas", "data_source_schemas")}


def _compact(block: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, row in sorted(block.get("attributes", {}).items()):
        how = "required" if row.get("required") else "optional" if row.get("optional") else "read-only"
        said = " ".join(str(row.get("description", "")).split())[:_DESCRIPTION]
        shown[name] = f"{json.dumps(row.get('type', 'object'))} {how}{f': {said}' if said else ''}"
    for name, row in sorted(block.get("block_types", {}).items()):
        bounds = f"{row.get('min_items', 0)}..{row.get('max_items') or 'n'}"
        shown[f"{name} {{}} {bounds}"] = _compact(row.get("block", {}))
    return shown
