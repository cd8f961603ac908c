"""Takes what we send to Elasticsearch and what it answers out of Elastic's own types, as npm's @elastic/elasticsearch carries them.

    python -m tests.elastic.extract             write description.json again
    python -m tests.elastic.extract --version V another version of the package

Those types are generated from Elastic's specification of the API. `ts-json-schema-generator` makes a closed JSON Schema of each
type that is named here; what stays is every definition that these lead to, without prose. Queries, scripts and analysers are
left open: the documents of a bundle have none. Needs npm and a registry.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DESCRIPTION = HERE / "description.json"
PACKAGE = "@elastic/elasticsearch"
VERSION = "9.5.1"
GENERATOR = "ts-json-schema-generator@2.10.0"
OPERATIONS = (
    ("PUT", "/_ilm/policy/{name}", "IlmPutLifecycleRequest", "IlmPutLifecycleResponse"),
    ("GET", "/_ilm/policy/{name}", "", "IlmGetLifecycleResponse"),
    ("PUT", "/_component_template/{name}", "ClusterPutComponentTemplateRequest", "ClusterPutComponentTemplateResponse"),
    ("GET", "/_component_template/{name}", "", "ClusterGetComponentTemplateResponse"),
    ("PUT", "/_index_template/{name}", "IndicesPutIndexTemplateRequest", "IndicesPutIndexTemplateResponse"),
    ("GET", "/_index_template/{name}", "", "IndicesGetIndexTemplateResponse"),
    ("PUT", "/_security/role/{name}", "SecurityPutRoleRequest", "SecurityPutRoleResponse"),
    ("GET", "/_security/role/{name}", "", "SecurityGetRoleResponse"),
)
"""Method, path, the type of the request (none: no body) and of the answer."""
REFUSAL = "ErrorResponseBase"
NOT_IN_THE_BODY = frozenset(
    "name master_timeout timeout create cause refresh error_trace filter_path human pretty body querystring".split()
)
"""Of a request: what stands in the path or the query, and the client's own."""
OPEN = (
    "IndicesIndexSettingsAnalysis",
    "IndicesSettingsSimilarity",
    "MappingRuntimeField",
    "QueryDslQueryContainer",
    "Script",
    "ScriptSource",
    "SecurityRoleTemplateInlineQuery",
    "SecurityRoleTemplateScript",
)
DURATION = {"anyOf": [{"type": "string"}, {"enum": [-1, 0]}]}
"""`string | -1 | 0`: the generator loses the string."""


def extract(schemas: dict[str, dict[str, Any]], version: str = VERSION) -> dict[str, Any]:
    """Our operations alone, of the schemas of their types."""
    every: dict[str, Any] = {}
    for name, schema in schemas.items():
        every |= {urllib.parse.unquote(key): value for key, value in schema.get("definitions", {}).items()}
        every[name] = {key: value for key, value in schema.items() if key not in ("definitions", "$schema")}
    every = _bare(every, names=True) | {name: {} for name in OPEN} | {"Duration": DURATION}
    for _, _, request, _ in OPERATIONS:
        if request:
            body = every[request]
            body["properties"] = {k: v for k, v in body["properties"].items() if k not in NOT_IN_THE_BODY}
            body["required"] = [name for name in body.get("required", ()) if name not in NOT_IN_THE_BODY]
    named = [REFUSAL, *(name for operation in OPERATIONS for name in operation[2:] if name)]
    kept: dict[str, Any] = {}
    wanted = list(named)
    while wanted:
        name = wanted.pop()
        if name not in kept:
            kept[name] = every[name]
            wanted += _references(every[name])
    return {
        "x-source": {
            "package": PACKAGE,
            "version": version,
            "file": "lib/api/types.d.ts",
            "licence": "Apache-2.0, Copyright Elasticsearch B.V. and contributors",
            "changes": "as JSON Schema, without prose; queries, scripts and analysers left open",
            "made_by": "python -m tests.elastic.extract",
        },
        "definitions": kept,
    }


def _bare(node: Any, *, names: bool = False) -> Any:
    """Without prose, and with references by their plain names; where the keys are somebody's, all of them stay."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {
        key: _bare(value, names=key == "properties" and not names)
        for key, value in node.items()
        if names or key not in ("description", "deprecated", "$comment")
    }
    if not names and isinstance(found.get("$ref"), str):
        found["$ref"] = urllib.parse.unquote(found["$ref"])
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix("#/definitions/")
        for value in node.values():
            yield from _references(value)


def fetch(version: str) -> dict[str, dict[str, Any]]:
    """The schema of each of our types, made of the package's."""
    names = sorted({REFUSAL, *(name for operation in OPERATIONS for name in operation[2:] if name)})
    with tempfile.TemporaryDirectory() as folder:
        for package in (f"{PACKAGE}@{version}", GENERATOR):
            _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", package], folder)
        types = f"node_modules/{PACKAGE}/lib/api/types.d.ts"
        program = [f"{folder}/node_modules/.bin/ts-json-schema-generator", "--path", types, "--no-type-check"]
        found: dict[str, dict[str, Any]] = {}
        for name in names:
            found[name] = json.loads(_run([*program, "--expose", "all", "--no-top-ref", "--type", name], folder))
        return found


def _run(command: list[str], folder: str) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300).stdout


def text(description: dict[str, Any]) -> str:
    """As it is committed: one line a definition, so that a newer version shows as a readable diff."""
    rows = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(description["definitions"].items()))
    source = json.dumps(description["x-source"])
    return f'{{\n "x-source": {source},\n "definitions": {{\n' + ",\n".join(rows) + "\n }\n}\n"


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", default=VERSION)
    version = parser.parse_args().version
    DESCRIPTION.write_text(text(extract(fetch(version), version)), encoding="utf-8")
    print(f"{DESCRIPTION}: {DESCRIPTION.stat().st_size} bytes")


if __name__ == "__main__":
    main()
