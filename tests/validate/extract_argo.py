"""Writes Argo Rollouts' schema again, out of npm's @kubernetes-models/argo-rollouts, which is made from Argo's own Go types.

    npm pack @kubernetes-models/argo-rollouts@2.0.0 && tar xzf kubernetes-models-argo-rollouts-2.0.0.tgz
    python -m tests.validate.extract_argo package

Kubernetes' own types are not copied: they stay references to the definitions that kubernetes-validate carries.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).parents[2] / "hug_agents" / "validate" / "schemas" / "argo_rollouts.json"
ROOTS = ("Rollout", "AnalysisTemplate")
_OURS = "IComGithubArgoprojArgoRolloutsPkgApisRolloutsV1alpha1"
_KUBERNETES = "https://kubernetes.io/api/_definitions.json#/$defs/io.k8s."
_THEIRS = {
    "IIoK8sApiCoreV1PodTemplateSpec": "api.core.v1.PodTemplateSpec",
    "IIoK8sApiBatchV1JobSpec": "api.batch.v1.JobSpec",
    "IIoK8sApimachineryPkgApisMetaV1ObjectMeta": "apimachinery.pkg.apis.meta.v1.ObjectMeta",
    "IIoK8sApimachineryPkgApisMetaV1LabelSelector": "apimachinery.pkg.apis.meta.v1.LabelSelector",
    "IIoK8sApimachineryPkgApisMetaV1Time": "apimachinery.pkg.apis.meta.v1.Time",
    "IIoK8sApimachineryPkgUtilIntstrIntOrString": "apimachinery.pkg.util.intstr.IntOrString",
}
_FIELD = re.compile(r'^    "([A-Za-z0-9]+)"(\??): (.*);$', re.M)
_PLAIN = {"string": "string", "number": "integer", "boolean": "boolean"}
_LEFT_OUT = {"status"}
"""What controllers write, not people."""


def main(package: Path) -> None:
    folder = package / "argoproj.io" / "v1alpha1"
    definitions: dict[str, Any] = {}
    wanted = list(ROOTS)
    while wanted:
        name = wanted.pop()
        if name not in definitions:
            definitions[name] = _definition((folder / f"{name}.d.ts").read_text(encoding="utf-8"), wanted)
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    document = {
        "$comment": f"Argo Rollouts v1alpha1 (argoproj/argo-rollouts, Apache-2.0), from its Go types as npm's "
        f"@kubernetes-models/argo-rollouts {version} (MIT, (c) 2018 Tommy Chen) carries them; written by "
        f"tests/validate/extract_argo.py. Unknown keys are refused. Kubernetes' own types are kubernetes-validate's.",
        "definitions": dict(sorted(definitions.items())),
    }
    OUT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{len(definitions)} types, {OUT.stat().st_size} bytes")


def _definition(text: str, wanted: list[str]) -> dict[str, Any]:
    if alias := re.search(r"^export type I\w+ = (.*);$", text, re.M):
        return _type(alias[1], wanted)
    body = re.search(r"^export declare class \w+ [^{]*\{\n(.*?)^\}", text, re.M | re.S)
    if body is None:
        raise SystemExit(f"cannot be read: {text[:200]}")
    lines = re.sub(r"\{\s*\[\w+: string\]: (.*);\s*\};", r"Map<\1>;", re.sub(r"/\*\*.*?\*/", "", body[1], flags=re.S))
    fields = [(name, mark, kind) for name, mark, kind in _FIELD.findall(lines) if name not in _LEFT_OUT]
    if len(_FIELD.findall(lines)) != lines.count('": ') + lines.count('"?: '):
        raise SystemExit(f"cannot be read: {lines}")
    required = [name for name, mark, _ in fields if not mark]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _type(kind, wanted) for name, _, kind in fields},
        **({"required": required} if required else {}),
    }


def _type(kind: str, wanted: list[str]) -> dict[str, Any]:
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if kind in _THEIRS:
        return {"$ref": _KUBERNETES + _THEIRS[kind]}
    if kind.startswith(_OURS):
        name = kind.removeprefix(_OURS)
        wanted.append(name)
        return {"$ref": f"#/definitions/{name}"}
    if match := re.fullmatch(r"Array<(.*)>", kind):
        return {"type": "array", "items": _type(match[1], wanted)}
    if match := re.fullmatch(r"Map<(.*)>", kind):
        return {"type": "object", "additionalProperties": _type(match[1], wanted)}
    if re.fullmatch(r'"[^"]*"( \| "[^"]*")*', kind):
        return {"enum": re.findall(r'"([^"]*)"', kind)}
    if kind == "{}":
        return {}
    raise SystemExit(f"an unknown type: {kind}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
