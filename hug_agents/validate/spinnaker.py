"""Spinnaker: pipelines whose stages, references, artifacts and expressions hold together, and canary configurations.

Orca reads a pipeline as a map and says little about it before it runs; so what it would trip over is found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from hug_agents.bundle import Bundle
from hug_agents.render.naming import DURATION_METRIC, REQUESTS_METRIC, SPINNAKER
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.located import Malformed, documents, json_value
from hug_agents.validate.spinnaker_expressions import BadExpression, expressions

_STAGES: dict[str, frozenset[str]] = {
    "bakeManifest": frozenset(("templateRenderer", "outputName", "expectedArtifacts")),
    "checkPreconditions": frozenset(("preconditions",)),
    "deleteManifest": frozenset(("account", "cloudProvider", "location", "mode")),
    "deployManifest": frozenset(("account", "cloudProvider", "source", "moniker")),
    "kayentaCanary": frozenset(("analysisType", "canaryConfig")),
    "manualJudgment": frozenset(("instructions",)),
    "patchManifest": frozenset(("account", "cloudProvider", "location", "manifestName", "patchBody", "source")),
    "runJobManifest": frozenset(("account", "cloudProvider", "source")),
    "scaleManifest": frozenset(("account", "cloudProvider", "location", "manifestName", "replicas")),
    "undoRolloutManifest": frozenset(("account", "cloudProvider", "location", "manifestName", "numRevisionsBack")),
    "wait": frozenset(("waitTime",)),
    "webhook": frozenset(("url", "method")),
}
"""The stages that Spinnaker has for Kubernetes, each with what it cannot do without."""
_RENDERERS = ("HELM3", "KUSTOMIZE", "KUSTOMIZE4", "KUSTOMIZE5", "CF")
_MERGES = ("strategic", "json", "merge")
_MANIFEST = re.compile(r"[a-zA-Z]+ [a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_METRIC = re.compile(r"\b[a-z_]+(?=\{)")
_KNOWN_METRICS = {REQUESTS_METRIC, f"{DURATION_METRIC}_bucket", f"{DURATION_METRIC}_count", f"{DURATION_METRIC}_sum"}
_OF_PROMETHEUS = {"up"}
_QUERY = re.compile(r"\$\{ parameters\['(\w+)'\] \}/api/v1/query\?query=([A-Za-z0-9%._~-]+)")
"""The one address that may hold an expression: of a server that a parameter names."""
_SCOPE = ("scope", "location", "project", "resourceType")
Path = tuple[str | int, ...]


class SpinnakerPipelines(Gate):
    """One pipeline or one canary configuration a file."""

    name = "spinnaker-pipelines"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(
            item.path for item in bundle if item.path.startswith(f"{SPINNAKER}/") and item.path.endswith(".json")
        )

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        bundle = workspace.bundle
        found: list[Finding] = []
        ids = set()
        for path in files:
            try:
                value = json_value(bundle[path].content)
            except Malformed as error:
                found.append(self.finding("json", str(error), file=path, line=error.line))
                continue
            if not isinstance(value, dict):
                found.append(self.finding("json", "an object was expected", file=path, line=1))
                continue
            if "/canary/" in path:
                ids.add(value.get("id"))
        for path in files:
            if any(item.file == path for item in found):
                continue
            document = documents(bundle[path].content)[0]
            rows = _canary(document.data) if "/canary/" in path else _pipeline(document.data, ids, bundle)
            found += [self.finding(rule, said, file=path, line=document.line(*where)) for rule, said, where in rows]
        return tuple(found)


def _pipeline(pipeline: dict[str, Any], configs: set[Any], bundle: Bundle) -> Iterator[tuple[str, str, Path]]:
    for key in ("name", "application", "stages"):
        if not pipeline.get(key):
            yield "pipeline", f"a pipeline needs {key}", ()
    for key in pipeline.keys() - {"stages"}:
        yield from _no_expression(pipeline[key], (key,))
    stages = [item for item in pipeline.get("stages") or () if isinstance(item, dict)]
    refs = [str(item.get("refId")) for item in stages]
    names = [str(item.get("name")) for item in stages]
    needs: dict[str, list[str]] = {}
    for ref, item in zip(refs, stages, strict=True):
        needs.setdefault(ref, []).extend(str(other) for other in item.get("requisiteStageRefIds") or ())
    bad = list(_graph(refs, names, needs))
    yield from bad
    if any(rule == "requisiteStageRefIds" for rule, _, _ in bad):
        return
    parameters = {item.get("name") for item in pipeline.get("parameterConfig") or () if isinstance(item, dict)}
    artifacts = {item.get("id") for item in pipeline.get("expectedArtifacts") or () if isinstance(item, dict)}
    for number, stage in enumerate(stages):
        before = _upstream(refs[number], needs)
        earlier = [other for other in stages if str(other.get("refId")) in before]
        made = {item.get("id") for other in earlier for item in other.get("expectedArtifacts") or ()}
        upstream = {str(other.get("name")) for other in earlier}
        for rule, said, where in _stage(stage, artifacts | made, upstream, configs, bundle, parameters):
            yield rule, said, ("stages", number, *where)


def _graph(refs: list[str], names: list[str], needs: dict[str, list[str]]) -> Iterator[tuple[str, str, Path]]:
    """Each stage is one, is known by one name, waits for stages that exist, and never for itself."""
    for number, (ref, name) in enumerate(zip(refs, names, strict=True)):
        if refs.index(ref) != number:
            yield "refId", f"two stages have the refId {ref!r:.40}", ("stages", number, "refId")
        if names.index(name) != number:
            where: Path = ("stages", number, "name")
            yield "name", f"two stages are called {name!r:.60}, and an expression would find either", where
        for other in needs[ref]:
            if other not in refs:
                yield (
                    "requisiteStageRefIds",
                    f"there is no stage {other!r:.40}",
                    ("stages", number, "requisiteStageRefIds"),
                )
    if circle := next(([ref, *sorted(_upstream(ref, needs))] for ref in needs if ref in _upstream(ref, needs)), None):
        yield "requisiteStageRefIds", f"stages wait for each other: {' → '.join(circle)}", ("stages",)


def _stage(
    stage: dict[str, Any],
    artifacts: set[Any],
    upstream: set[str],
    configs: set[Any],
    bundle: Bundle,
    parameters: set[Any],
) -> Iterator[tuple[str, str, Path]]:
    kind = str(stage.get("type"))
    if kind not in _STAGES:
        yield "type", f"{kind!r:.60} is not a stage that is known here", ("type",)
        return
    for key in sorted(_STAGES[kind] - stage.keys()):
        yield "fields", f"{kind} needs {key}", ("type",)
    for key in ("manifestArtifactId",):
        if key in stage and stage[key] not in artifacts:
            yield "artifacts", f"nothing before it makes the artifact {stage[key]!r:.60}", (key,)
    for identity in stage.get("requiredArtifactIds") or ():
        if identity not in artifacts:
            yield "artifacts", f"nothing before it makes the artifact {identity!r:.60}", ("requiredArtifactIds",)
    source = stage.get("inputArtifact")
    if isinstance(source, dict) and source.get("id") not in artifacts:
        yield "artifacts", f"nothing before it makes the artifact {source.get('id')!r:.60}", ("inputArtifact",)
    if kind == "webhook" and (asked := _QUERY.fullmatch(str(stage.get("url")))):
        if asked[1] not in parameters:
            yield "expression", f"the pipeline has no parameter {asked[1]!r:.60}", ("url",)
        promql = unquote(asked[2])
        for name in sorted(set(_METRIC.findall(promql)) - _KNOWN_METRICS - _OF_PROMETHEUS):
            yield "promql", f"no service of the bundle reports {name}", ("url",)
        stage = {key: value for key, value in stage.items() if key != "url"}
    yield from _expressions(stage, upstream, ())
    yield from _values(kind, stage, configs, bundle)


def _values(kind: str, stage: dict[str, Any], configs: set[Any], bundle: Bundle) -> Iterator[tuple[str, str, Path]]:
    if stage.get("failPipeline") and stage.get("continuePipeline"):
        yield "failure", "a stage cannot both stop the pipeline and let it go on", ("failPipeline",)
    if "manifestName" in stage and not _MANIFEST.fullmatch(str(stage["manifestName"])):
        yield "manifestName", "a manifest is named by its kind and its name", ("manifestName",)
    if kind == "bakeManifest":
        if stage.get("templateRenderer") not in _RENDERERS:
            yield "templateRenderer", f"it is one of {', '.join(_RENDERERS)}", ("templateRenderer",)
        folder = str(stage.get("kustomizeFilePath", ""))
        if str(stage.get("templateRenderer", "")).startswith("KUSTOMIZE") and folder not in bundle:
            yield "kustomizeFilePath", f"the bundle has no {folder!r:.100}", ("kustomizeFilePath",)
    if kind == "patchManifest" and (stage.get("options") or {}).get("mergeStrategy") not in _MERGES:
        yield "mergeStrategy", f"it is one of {', '.join(_MERGES)}", ("options",)
    if (
        kind == "deployManifest"
        and stage.get("source") == "artifact"
        and stage.get("skipExpressionEvaluation") is not True
    ):
        yield "skipExpressionEvaluation", "what a manifest holds would be read as expressions", ("source",)
    if kind == "wait" and not (isinstance(stage.get("waitTime"), int) and stage["waitTime"] >= 0):
        yield "waitTime", "seconds, as a number", ("waitTime",)
    if kind == "kayentaCanary":
        config = stage.get("canaryConfig") or {}
        if config.get("canaryConfigId") not in configs:
            yield (
                "canaryConfigId",
                "no canary configuration of the bundle has this id",
                ("canaryConfig", "canaryConfigId"),
            )
        scores = config.get("scoreThresholds") or {}
        if not 0 <= float(scores.get("marginal", -1)) <= float(scores.get("pass", -1)) <= 100:
            yield "scoreThresholds", "0 ≤ marginal ≤ pass ≤ 100", ("canaryConfig", "scoreThresholds")
        if not config.get("scopes"):
            yield "scopes", "an analysis compares two scopes", ("canaryConfig",)


def _expressions(value: Any, upstream: set[str], path: Path) -> Iterator[tuple[str, str, Path]]:
    """In a stage: conditions speak of stages before it; anywhere else an expression may only hold a dollar."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _expressions(key, upstream, path)
            yield from _expressions(item, upstream, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _expressions(item, upstream, (*path, number))
    elif isinstance(value, str) and "${" in value:
        try:
            for found in expressions(value):
                if path[-1:] != ("expression",) and not found.constant:
                    yield "expression", f"an expression where text should be: {found.text[:100]}", path
                for name in found.stages:
                    if name not in upstream:
                        yield "expression", f"no stage before it is called {name!r:.60}", path
        except BadExpression as error:
            yield "expression", str(error), path


def _no_expression(value: Any, path: Path) -> Iterator[tuple[str, str, Path]]:
    """Outside the stages nothing is evaluated, and nothing that looks like it belongs there."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _no_expression(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _no_expression(item, (*path, number))
    elif isinstance(value, str) and "${" in value:
        yield "expression", "an expression where text should be", path


def _canary(config: dict[str, Any]) -> Iterator[tuple[str, str, Path]]:
    for key in ("id", "name", "applications", "judge", "metrics", "classifier"):
        if not config.get(key):
            yield "canary", f"a canary configuration needs {key}", ()
    weights = (config.get("classifier") or {}).get("groupWeights") or {}
    if sum(weights.values()) != 100:
        yield "groupWeights", "the weights of the groups make 100", ("classifier",)
    for number, metric in enumerate(config.get("metrics") or ()):
        for group in metric.get("groups") or ():
            if group not in weights:
                yield "groups", f"the group {group!r:.60} has no weight", ("metrics", number, "groups")
        query = metric.get("query") or {}
        promql = str(query.get("customInlineTemplate", ""))
        where: Path = ("metrics", number, "query", "customInlineTemplate")
        if query.get("type") == "prometheus" and not promql.startswith("PromQL:"):
            yield "promql", "a query of our own starts with PromQL:", where
        for name in _METRIC.findall(promql):
            if name not in _KNOWN_METRICS:
                yield "promql", f"no service of the bundle reports {name}", where
        for name in re.findall(r"\$\{([^}]*)\}", promql):
            if name not in _SCOPE:
                yield "promql", f"Kayenta has no {name!r:.60}", where
        if "${scope}" not in promql:
            yield "promql", "without ${scope} both sides are the same", where


def _upstream(ref: str, needs: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(needs.get(ref, ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += needs.get(one, ())
    return found
