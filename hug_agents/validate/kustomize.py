"""kustomize build: each overlay is built, and what it makes is held against the API's schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath

from hug_agents.bundle import Bundle
from hug_agents.validate import tools
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.kubernetes_validate import KUSTOMIZATION, find_resource, judge, manifest_files, resources
from hug_agents.validate.located import Malformed, documents, steps
from hug_agents.validate.program import ProgramGate

_REMOTE = re.compile(r"://|^git@|^github\.com/|\?ref=|//")


def outermost(files: tuple[str, ...], bundle: Bundle) -> tuple[str, ...]:
    """The kustomizations that no other one builds: a base is seen in its overlays."""
    built = set()
    for path in files:
        for document in documents(bundle[path].content):
            for key in ("resources", "components", "bases"):
                rows = document.data.get(key) if isinstance(document.data, dict) else None
                for row in rows if isinstance(rows, list) else ():
                    built.add(normpath(str(PurePosixPath(path).parent / str(row))))
    return tuple(path for path in files if str(PurePosixPath(path).parent) not in built)


class Kustomize(ProgramGate):
    """Only what lies in the bundle is built: a remote base would be fetched, and could change under an approval."""

    name = "kustomize build"
    tool = "kubectl"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle if PurePosixPath(item.path).name in KUSTOMIZATION)

    def missing(self) -> str:
        return super().missing() or tools.missing("kubernetes-validate")

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        remote = tuple(finding for path in files for finding in self._remote(path, workspace.bundle[path].content))
        if remote:
            return remote
        findings: list[Finding] = []
        built: dict[str, str] = {}
        for number, path in enumerate(outermost(files, workspace.bundle)):
            folder = PurePosixPath(path).parent
            done = workspace.run([self.tool, "kustomize", str(folder)])
            if done.code:
                findings.append(self._failed(path, done.output, workspace))
                continue
            output = workspace.scratch / f"{number}.yaml"
            output.write_text(done.stdout, encoding="utf-8")
            built[str(output)] = path
        if built:
            findings += self._judge(workspace, built)
        return tuple(dict.fromkeys(findings))

    def _remote(self, path: str, text: str) -> Iterator[Finding]:
        try:
            read = documents(text)
        except Malformed as error:
            yield self.finding("malformed", f"this is not YAML: {error}", file=path, line=error.line)
            return
        for document in read:
            for key in ("resources", "components", "bases", "crds", "generators", "transformers"):
                rows = document.data.get(key) if isinstance(document.data, dict) else None
                for index, row in enumerate(rows if isinstance(rows, list) else ()):
                    if isinstance(row, str) and _REMOTE.search(row):
                        yield self.finding(
                            "remote",
                            f"{row} lies outside the bundle",
                            file=path,
                            line=document.line(key, index),
                            remedy="copy it into the bundle",
                        )
            if isinstance(document.data, dict) and document.data.get("helmCharts"):
                yield self.finding(
                    "remote", "a Helm chart is fetched from outside", file=path, line=document.line("helmCharts")
                )

    def _failed(self, path: str, output: str, workspace: Workspace) -> Finding:
        said = output.replace(f"{workspace.root}/", "").removeprefix("error: ")
        line, text = 1, workspace.bundle[path].content
        for word in re.findall(r"[\w./-]+\.ya?ml|unknown field \"[^\"]+\"", said):
            name = word.removeprefix("unknown field ").strip('"').rsplit("/", 1)[-1]
            line = next((number for number, row in enumerate(text.splitlines(), 1) if name in row), line)
        return self.finding("build", said, file=path, line=line)

    def _judge(self, workspace: Workspace, built: dict[str, str]) -> Iterator[Finding]:
        for bad, rule, message, file, _ in judge(workspace, built, workspace.bundle):
            overlay = built.get(file, "")
            place, line = self._origin(workspace.bundle, overlay, message) if bad else (overlay, 1)
            yield self.finding(
                rule,
                f"built by {PurePosixPath(overlay).parent}: {message}",
                severity="error" if bad else "info",
                file=place,
                line=line,
            )

    def _origin(self, bundle: Bundle, overlay: str, message: str) -> tuple[str, int]:
        """Where a built resource's field was written: the overlay's own files first, then the others."""
        kind, _, rest = message.partition("/")
        name, _, rest = rest.partition(": ")
        path = steps(rest.partition(": ")[0])
        near = f"{PurePosixPath(overlay).parent}/"
        best: tuple[int, str] | None = None
        for file in sorted(manifest_files(bundle), key=lambda item: (not item.startswith(near), item)):
            if not file.startswith(near) and "/overlays/" in file:
                continue
            for document in resources(bundle[file].content):
                meta = document.data.get("metadata")
                if str(document.data.get("kind")).lower() != kind.lower() or not isinstance(meta, dict):
                    continue
                if meta.get("name") == name:
                    depth = max((n for n in range(len(path) + 1) if document.has(*path[:n])), default=0)
                    if best is None or depth > best[0]:
                        best = (depth, file)
        if best is None:
            return overlay, 1
        return best[1], find_resource(bundle, best[1], kind, name, ".".join(str(step) for step in path)) or 1
