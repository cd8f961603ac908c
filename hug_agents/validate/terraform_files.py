"""Which files and folders Terraform would read, and what in them it must not be started for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath

from hug_agents.bundle import Bundle
from hug_agents.validate.hcl import Block, parse
from hug_agents.validate.located import Malformed

_RUNS_CODE = {("data", "external"), ("data", "http"), ("resource", "null_resource")}
_PROVIDER = re.compile(r"(registry\.(terraform\.io|opentofu\.org)/)?hashicorp/[a-z0-9-]+")


def terraform_files(bundle: Bundle) -> tuple[str, ...]:
    """Everything that Terraform reads as its language."""
    return tuple(
        item.path
        for item in bundle
        if item.path.endswith((".tf", ".tf.json", ".tftest.hcl", ".tftest.json", ".tfvars"))
    )


def roots(bundle: Bundle) -> tuple[str, ...]:
    """The folders that are applied: those with Terraform files that no other folder calls as a module."""
    folders = {_folder(path) for path in terraform_files(bundle) if path.endswith(".tf")}
    called = {normpath(f"{folder}/{source}") for folder in folders for _, source in module_calls(bundle, folder)}
    return tuple(sorted(folders - called))


def tested_roots(bundle: Bundle) -> dict[str, tuple[str, ...]]:
    """The folders that have tests, each with its test files."""
    found: dict[str, list[str]] = {}
    for path in terraform_files(bundle):
        if path.endswith(".tftest.hcl"):
            folder = PurePosixPath(path).parent
            found.setdefault(str(folder.parent if folder.name == "tests" else folder), []).append(path)
    return {folder: tuple(paths) for folder, paths in sorted(found.items())}


def blocks(bundle: Bundle, folder: str) -> Iterator[tuple[str, Block]]:
    """The Terraform files of one folder, read; one that cannot be read is left out (`dangers` says so)."""
    for path in terraform_files(bundle):
        if _folder(path) == folder and path.endswith(".tf"):
            try:
                yield path, parse(bundle[path].content)
            except Malformed:
                continue


def module_calls(bundle: Bundle, folder: str) -> tuple[tuple[str, str], ...]:
    """`(name, source)` of the local modules that a folder calls."""
    return tuple(
        (call.labels[0] if call.labels else "", source.literal)
        for _, block in blocks(bundle, folder)
        for call in block.of("module")
        if (source := call.attributes.get("source")) is not None and source.literal and source.literal.startswith(".")
    )


def dangers(bundle: Bundle) -> Iterator[tuple[str, int, str]]:
    """`(file, line, what)` for all that would fetch or run foreign code on the machine that validates.

    Terraform is not started while there is any: an `init` fetches modules and providers, and a test runs provisioners.
    """
    for path in terraform_files(bundle):
        if path.endswith(".json"):
            yield path, 1, "Terraform in JSON is not read here; write it in HCL"
            continue
        try:
            root = parse(bundle[path].content)
        except Malformed as error:
            yield path, error.line, f"this cannot be read: {error}"
            continue
        for block in root.walk():
            source = block.attributes.get("source")
            if block.type == "module" and (source is None or not (source.literal or "").startswith(("./", "../"))):
                said = source.text if source is not None else "no source"
                yield path, block.line, f"the module {' '.join(block.labels)} comes from outside the bundle: {said}"
            if block.type == "provisioner" or (block.type, *block.labels[:1]) in _RUNS_CODE:
                yield path, block.line, f"{block.type} {' '.join(block.labels)} runs programs or calls out"
            if block.type == "required_providers":
                for item in block.attributes.values():
                    named = re.search(r"source\s*=\s*\"([^\"]*)\"", item.text)
                    if named and not _PROVIDER.fullmatch(named.group(1)):
                        yield path, item.line, f"the provider {named.group(1)} is not one of HashiCorp's"


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)
