"""kubernetes-validate: manifests against the API's own schema, unknown fields refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from posixpath import normpath

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.located import Located, Malformed, documents, steps
from hug_agents.validate.program import ProgramGate, checked

KUSTOMIZATION = ("kustomization.yaml", "kustomization.yml", "Kustomization")
ARGO_API = "argoproj.io/"
ARGO_KINDS = ("Rollout", "AnalysisTemplate")
"""Judged by a gate of their own: `argo rollouts`."""
_BAD = re.compile(
    r"ERROR +(?P<file>\S+) did not validate for resource (?P<kind>[^/ ]+)/(?P<name>\S+) against version \S+: "
    r"(?:(?P<path>[^\s:]+): )?(?P<message>.*)"
)
_UNKNOWN = re.compile(
    r"WARN +(?P<file>\S+) Couldn't find schema for kind (?P<kind>\S+) with api version (?P<version>\S+)"
)


class KubernetesValidate(ProgramGate):
    """Whole manifests; patches are seen in what `kustomize build` makes of them. One finding a document: its first."""

    name = "kubernetes-validate"
    tool = "kubernetes-validate"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        patches = _patches(bundle)
        return tuple(
            path for path in manifest_files(bundle) if path not in patches and _has_resources(bundle[path].content)
        )

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        return tuple(
            self.finding(rule, message, severity="error" if bad else "warning", file=file, line=line)
            for bad, rule, message, file, line in judge(workspace, files, workspace.bundle)
        )


def judge(workspace: Workspace, names: Iterable[str], bundle: Bundle) -> Iterable[tuple[bool, str, str, str, int]]:
    """`(bad, rule, message, file, line)` for each document of these files that the schema refuses or does not know.

    A file of the bundle is given by its path there; any other by its absolute path, and then line is 0.
    """
    done = checked(workspace.run(["kubernetes-validate", "--strict", *names]), (0, 1))
    rows = 0
    for line in done.output.splitlines():
        if found := _BAD.match(line):
            rows += 1
            path = found["path"] or ""
            place = find_resource(bundle, found["file"], found["kind"], found["name"], path)
            what = f"{found['kind']}/{found['name']}"
            message = f"{what}: {path + ': ' if path else ''}{found['message']}"
            yield True, "schema", message, found["file"], place
        elif found := _UNKNOWN.match(line):
            if found["version"].startswith(ARGO_API) and found["kind"] in ARGO_KINDS:
                continue
            message = f"no schema is known for {found['version']} {found['kind']}: only its YAML was checked"
            yield False, "unknown-kind", message, found["file"], 1
        elif line.startswith("ERROR"):
            rows += 1
            file = next((word for word in line.split() if word in bundle), "")
            yield True, "unreadable", line.removeprefix("ERROR").strip(), file, 1 if file else 0
    if done.code and not rows:
        yield True, "unreadable", done.output, next(iter(names), ""), 1


def find_resource(bundle: Bundle, file: str, kind: str, name: str, path: str) -> int:
    """The line, in a file of the bundle, of a field of the resource with this kind and name; 0 if it is not there."""
    if file not in bundle:
        return 0
    for document in resources(bundle[file].content):
        meta = document.data.get("metadata")
        if (
            str(document.data.get("kind", "")).lower() == kind.lower()
            and isinstance(meta, dict)
            and meta.get("name") == name
        ):
            return document.line(*steps(path))
    return 1


def resources(text: str) -> tuple[Located, ...]:
    """The documents of a text that say which API they belong to; none where it cannot be parsed."""
    try:
        found = documents(text)
    except Malformed:
        return ()
    return tuple(item for item in found if isinstance(item.data, dict) and "apiVersion" in item.data)


def manifest_files(bundle: Bundle) -> tuple[str, ...]:
    """The YAML files written for Kubernetes, kustomizations left out."""
    return tuple(
        item.path
        for item in bundle
        if (item.system == "kubernetes" or item.path.startswith("kubernetes/"))
        and item.path.endswith((".yaml", ".yml"))
        and PurePosixPath(item.path).name not in KUSTOMIZATION
    )


def _has_resources(text: str) -> bool:
    try:
        documents(text)
    except Malformed:
        return True  # the program says what is wrong with it
    return any(not str(item.data["apiVersion"]).startswith("kustomize.config.k8s.io") for item in resources(text))


def _patches(bundle: Bundle) -> set[str]:
    """The files that a kustomization applies as patches: pieces, not resources."""
    found: set[str] = set()
    for item in bundle:
        folder, name = PurePosixPath(item.path).parent, PurePosixPath(item.path).name
        if name not in KUSTOMIZATION:
            continue
        try:
            read = documents(item.content)
        except Malformed:
            continue
        for document in read:
            if not isinstance(document.data, dict):
                continue
            for row in document.data.get("patches") or ():
                if isinstance(row, dict) and isinstance(row.get("path"), str):
                    found.add(normpath(str(folder / row["path"])))
            for row in document.data.get("patchesStrategicMerge") or ():
                found.add(normpath(str(folder / str(row))))
    return found
