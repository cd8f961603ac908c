"""Takes the operations that we use out of GitHub's own OpenAPI description, as npm's @octokit/openapi carries it.

    python -m tests.github.extract             write description.json again
    python -m tests.github.extract --version V another version of the package

The whole description has 13 MB; what stays is each operation as it is, and every schema, parameter and answer that it
leads to, without prose and examples. Needs npm and a registry.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DESCRIPTION = HERE / "description.json"
PACKAGE = "@octokit/openapi"
VERSION = "23.0.2"
OPERATIONS = (
    "repos/get",
    "git/get-ref",
    "git/create-ref",
    "git/update-ref",
    "git/delete-ref",
    "git/get-commit",
    "git/create-commit",
    "git/get-tree",
    "git/create-tree",
    "git/get-blob",
    "git/create-tag",
    "git/get-tag",
    "pulls/list",
    "pulls/create",
    "pulls/get",
    "pulls/update",
    "pulls/merge",
    "repos/get-environment",
    "repos/create-or-update-environment",
    "repos/list-deployment-branch-policies",
    "repos/create-deployment-branch-policy",
    "users/get-by-username",
    "teams/get-by-name",
    "actions/create-workflow-dispatch",
    "actions/list-workflow-runs",
    "actions/get-workflow-run",
    "actions/list-jobs-for-workflow-run",
    "actions/download-job-logs-for-workflow-run",
    "actions/cancel-workflow-run",
    "actions/get-reviews-for-run",
    "actions/get-pending-deployments-for-run",
    "repos/list-deployments",
    "repos/list-deployment-statuses",
)
_PROSE = frozenset(
    ("description", "summary", "examples", "example", "externalDocs", "tags", "x-github", "x-octokit", "title")
)


def extract(whole: dict[str, Any], version: str = VERSION) -> dict[str, Any]:
    """The description of our operations alone."""
    paths: dict[str, Any] = {}
    for path, item in whole["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and operation.get("operationId") in OPERATIONS:
                paths.setdefault(path, {})[method] = _bare(operation)
    found = {operation["operationId"] for item in paths.values() for operation in item.values()}
    if missing := set(OPERATIONS) - found:
        raise SystemExit(f"{PACKAGE} {version} has no {', '.join(sorted(missing))}")
    components: dict[str, dict[str, Any]] = {}
    wanted = list(_references(paths))
    while wanted:
        kind, name = wanted.pop()
        if name not in components.setdefault(kind, {}):
            components[kind][name] = _bare(whole["components"][kind][name])
            wanted += _references(components[kind][name])
    return {
        "x-source": {
            "package": PACKAGE,
            "version": version,
            "file": "generated/api.github.com.json",
            "licence": "MIT, Copyright (c) Octokit contributors; the description itself: MIT, Copyright (c) GitHub",
            "made_by": "python -m tests.github.extract",
        },
        "openapi": whole["openapi"],
        "info": {"title": whole["info"]["title"], "version": whole["info"]["version"]},
        "paths": paths,
        "components": components,
    }


def _bare(node: Any, *, names: bool = False) -> Any:
    """Without prose; where the keys are names of somebody's (properties), all of them stay."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _bare(value, names=key in ("properties", "patternProperties"))
        for key, value in node.items()
        if names or not (key in _PROSE or key.startswith("x-"))
    }


def _references(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            _, _, kind, name = node["$ref"].split("/")
            yield kind, name
        for value in node.values():
            yield from _references(value)


def fetch(version: str) -> dict[str, Any]:
    """The whole description, from npm."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"{PACKAGE}@{version}"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=300,
        )
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            member = archive.extractfile("package/generated/api.github.com.json")
            assert member is not None
            whole: dict[str, Any] = json.load(member)
            return whole


def text(description: dict[str, Any]) -> str:
    """As it is committed: one line an operation and a component, so that a newer version shows as a readable diff."""
    lines = ["{"]
    for key in ("x-source", "openapi", "info"):
        lines.append(f" {json.dumps(key)}: {json.dumps(description[key])},")
    lines.append(' "paths": {')
    lines.append(",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(description["paths"].items())))
    lines.append(' },\n "components": {')
    kinds = []
    for kind, members in sorted(description["components"].items()):
        rows = ",\n".join(f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(members.items()))
        kinds.append(f"  {json.dumps(kind)}: {{\n{rows}\n  }}")
    return "\n".join(lines) + "\n" + ",\n".join(kinds) + "\n }\n}\n"


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", default=VERSION)
    version = parser.parse_args().version
    DESCRIPTION.write_text(text(extract(fetch(version), version)), encoding="utf-8")
    print(f"{DESCRIPTION}: {DESCRIPTION.stat().st_size} bytes")


if __name__ == "__main__":
    main()
