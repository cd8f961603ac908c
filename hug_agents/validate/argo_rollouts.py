"""Argo Rollouts: Rollouts and AnalysisTemplates against the schema of their own types, and against each other.

The schema stands in `schemas/argo_rollouts.json`, which says where it comes from; pods and jobs in it are judged by the definitions
that kubernetes-validate carries. What the controller itself would refuse (two actions in a step, an argument that nothing gives) is
checked here too, in the files and in what `kubectl kustomize` makes of each overlay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.resources import files as resource_files
from pathlib import PurePosixPath
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.errors import ProcessError
from hug_agents.validate import tools
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.kubernetes_validate import ARGO_API, ARGO_KINDS, KUSTOMIZATION, manifest_files, resources
from hug_agents.validate.kustomize import outermost
from hug_agents.validate.located import Located, Malformed

_ARGUMENT = re.compile(r"\{\{\s*args\.([\w-]+)\s*\}\}")
_DURATION = re.compile(r"\d+(\.\d+)?(ns|us|ms|s|m|h)(\d+(\.\d+)?(ns|us|ms|s|m|h))*\Z")
Path = tuple[str | int, ...]
Fault = tuple[str, Path, str]
"""The rule, where in the document, and what is wrong."""


class ArgoRollouts(Gate):
    """Unknown keys are refused, as `kubectl apply` would drop them or the controller ignore them."""

    name = "argo rollouts"
    tool = "kubernetes-validate"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(path for path in manifest_files(bundle) if any(_ours(bundle[path].content)))

    def version(self) -> str:
        return tools.version_of(self.tool)

    def missing(self) -> str:
        return tools.missing(self.tool) or tools.missing("kubectl")

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        bundle = workspace.bundle
        everything = [item for path in manifest_files(bundle) for item in resources(bundle[path].content)]
        known = _Known(item.data for item in everything)
        found: dict[tuple[str, ...], Finding] = {}
        for path in files:
            for document in _ours(bundle[path].content):
                for rule, where, message in faults(document.data, known):
                    said = f"{_name(document.data)}: {message}"
                    finding = self.finding(rule, said, file=path, line=document.line(*where))
                    found.setdefault((rule, said, *(str(step) for step in where)), finding)
        for overlay, document in self._built(workspace):
            for rule, where, message in faults(document.data, known):
                said = f"{_name(document.data)}: {message}"
                if (rule, said, *(str(step) for step in where)) not in found:
                    line = _near(bundle[overlay].content, where)
                    found[rule, said, overlay] = self.finding(rule, f"as built, {said}", file=overlay, line=line)
        return tuple(found.values())

    def _built(self, workspace: Workspace) -> Iterator[tuple[str, Located]]:
        """Each Rollout and template as an overlay makes it. One that cannot be built is another gate's finding."""
        bundle = workspace.bundle
        paths = tuple(item.path for item in bundle if PurePosixPath(item.path).name in KUSTOMIZATION)
        try:
            top = outermost(paths, bundle)
        except Malformed:
            return
        for path in top:
            done = workspace.run(["kubectl", "kustomize", str(PurePosixPath(path).parent)])
            for document in () if done.code else _ours(done.stdout):
                yield path, document


class _Known:
    """What the bundle's manifests define."""

    def __init__(self, items: Iterable[dict[str, Any]]) -> None:
        self.services: set[str] = set()
        self.ingresses: set[str] = set()
        self.templates: dict[str, dict[str, Any]] = {}
        for item in items:
            name = str((item.get("metadata") or {}).get("name", ""))
            if item.get("kind") == "Service":
                self.services.add(name)
            elif item.get("kind") == "Ingress":
                self.ingresses.add(name)
            elif item.get("kind") == "AnalysisTemplate" and isinstance(item.get("spec"), dict):
                self.templates[name] = item["spec"]


def faults(data: dict[str, Any], known: _Known) -> Iterator[Fault]:
    """What is wrong with one Rollout or AnalysisTemplate; past the schema only where the schema holds."""
    broken = False
    for error in sorted(
        _validator(str(data.get("kind"))).iter_errors(data), key=lambda item: list(map(str, item.path))
    ):
        broken = True
        yield "schema", tuple(error.absolute_path), _said(error)
    if broken:
        return
    spec = data.get("spec") or {}
    yield from _rollout(spec, known) if data["kind"] == "Rollout" else _template(spec)


def _rollout(spec: dict[str, Any], known: _Known) -> Iterator[Fault]:
    strategy = spec.get("strategy") or {}
    if len(strategy) != 1:
        yield "strategy", ("spec", "strategy"), "exactly one of canary and blueGreen is a strategy"
        return
    ((kind, body),) = strategy.items()
    at: Path = ("spec", "strategy", kind)
    for key in ("canaryService", "stableService", "activeService", "previewService"):
        if body.get(key) and body[key] not in known.services:
            yield "reference", (*at, key), f"there is no Service {body[key]}"
    routing = body.get("trafficRouting") or {}
    for key, name in (("nginx", "stableIngress"), ("alb", "ingress")):
        named = (routing.get(key) or {}).get(name)
        if named and named not in known.ingresses:
            yield "reference", (*at, "trafficRouting", key, name), f"there is no Ingress {named}"
    if routing and not (body.get("canaryService") and body.get("stableService")):
        yield (
            "strategy",
            (*at, "trafficRouting"),
            "traffic is routed between canaryService and stableService, and one is missing",
        )
    for key in ("analysis", "prePromotionAnalysis", "postPromotionAnalysis"):
        if body.get(key):
            yield from _analysis(body[key], (*at, key), known)
    yield from _steps(body, at, known)
    if body.get("maxSurge") in (0, "0", "0%") and body.get("maxUnavailable") in (0, "0", "0%"):
        yield "strategy", (*at, "maxSurge"), "with neither maxSurge nor maxUnavailable no pod could be replaced"


def _steps(body: dict[str, Any], at: Path, known: _Known) -> Iterator[Fault]:
    before = 0
    for number, step in enumerate(body.get("steps") or ()):
        where: Path = (*at, "steps", number)
        if len(step) != 1:
            yield "step", where, f"a step is one action, and this has {', '.join(sorted(step)) or 'none'}"
        if (weight := step.get("setWeight")) is not None:
            if not before <= weight <= 100:
                yield (
                    "step",
                    (*where, "setWeight"),
                    f"the weight {weight} is not between {before}, the one before, and 100",
                )
            before = max(before, weight)
        if "setCanaryScale" in step and not body.get("trafficRouting"):
            yield "step", where, "setCanaryScale needs trafficRouting"
        duration = (step.get("pause") or {}).get("duration")
        if isinstance(duration, str) and not _DURATION.match(duration):
            yield "duration", (*where, "pause", "duration"), f"{duration} is no duration"
        if step.get("analysis"):
            yield from _analysis(step["analysis"], (*where, "analysis"), known)


def _analysis(body: dict[str, Any], at: Path, known: _Known) -> Iterator[Fault]:
    given = {item["name"] for item in body.get("args") or ()}
    declared: set[str] = set()
    for number, row in enumerate(body.get("templates") or ()):
        name = row.get("templateName", "")
        where: Path = (*at, "templates", number, "templateName")
        if row.get("clusterScope"):
            continue
        if name not in known.templates:
            yield "reference", where, f"there is no AnalysisTemplate {name}"
            return
        for item in known.templates[name].get("args") or ():
            declared.add(item["name"])
            if "value" not in item and "valueFrom" not in item and item["name"] not in given:
                yield "argument", where, f"{name} wants the argument {item['name']}, and nothing gives it"
    if not body.get("templates"):
        yield "reference", at, "an analysis without a template"
    for number, item in enumerate(body.get("args") or ()):
        if item["name"] not in declared:
            yield (
                "argument",
                (*at, "args", number, "name"),
                f"no template of this analysis has the argument {item['name']}",
            )


def _template(spec: dict[str, Any]) -> Iterator[Fault]:
    declared = {item["name"] for item in spec.get("args") or ()}
    names: set[str] = set()
    for number, metric in enumerate(spec.get("metrics") or ()):
        where: Path = ("spec", "metrics", number)
        if metric["name"] in names:
            yield "metric", (*where, "name"), f"two metrics are called {metric['name']}"
        names.add(metric["name"])
        if len(metric["provider"]) != 1:
            yield "metric", (*where, "provider"), "a metric has exactly one provider"
        count = str(metric.get("count", ""))
        if count.isdigit() and int(count) > 1 and not metric.get("interval"):
            yield "metric", (*where, "count"), "a count above 1 needs an interval"
        for key in ("interval", "initialDelay"):
            value = metric.get(key)
            if value and not _ARGUMENT.search(value) and not _DURATION.match(value):
                yield "duration", (*where, key), f"{value} is no duration"
        for name in _ARGUMENT.findall(json.dumps(metric)):
            if name not in declared:
                yield "argument", where, f"{{{{args.{name}}}}} is not among the template's args"
    if not spec.get("metrics"):
        yield "metric", ("spec",), "a template without a metric judges nothing"


def _ours(text: str) -> Iterator[Located]:
    for document in resources(text):
        if str(document.data["apiVersion"]).startswith(ARGO_API) and document.data.get("kind") in ARGO_KINDS:
            yield document


def _name(data: dict[str, Any]) -> str:
    return f"{data.get('kind')}/{(data.get('metadata') or {}).get('name', '')}"


def _near(text: str, where: Path) -> int:
    """The line of a kustomization that holds the last name of a path which stands in it."""
    rows = text.splitlines()
    for step in reversed(where):
        for number, row in enumerate(rows, 1):
            if isinstance(step, str) and re.search(rf'(?<![\w-])"?{re.escape(step)}"?:', row):
                return number
    return 1


def _said(error: Any) -> str:
    """The most telling of what a schema says, in a line."""
    best = min(error.context, key=lambda item: -len(item.absolute_path)) if error.context else error
    return " ".join(str(best.message).split())[:500]


@cache
def _validator(kind: str) -> Any:
    """The validator of a kind. Raises ProcessError where the definitions are not where kubernetes-validate had them."""
    try:
        jsonschema = import_module("jsonschema")
        referencing = import_module("referencing")
        version = import_module("kubernetes_validate").latest_version()
        folder = f"kubernetes-json-schema/v{version}-local-strict"
        held = resource_files("kubernetes_validate").joinpath(folder, "_definitions.json").read_text(encoding="utf-8")
    except (ImportError, OSError) as error:
        raise ProcessError(f"the definitions of kubernetes-validate cannot be read: {error}") from error
    ours = json.loads(resource_files("hug_agents.validate").joinpath("schemas/argo_rollouts.json").read_text("utf-8"))
    draft = import_module("referencing.jsonschema").DRAFT202012
    registry = referencing.Registry().with_resources(
        [
            ("https://kubernetes.io/api/_definitions.json", referencing.Resource.from_contents(json.loads(held))),
            ("urn:argo", draft.create_resource(ours)),
        ]
    )
    schema = {"$ref": f"urn:argo#/definitions/{kind}"}
    return jsonschema.Draft202012Validator(schema, registry=registry)
