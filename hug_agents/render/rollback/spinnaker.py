"""Spinnaker: for each environment a pipeline that carries the strategy out on Kubernetes, and one that goes back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.errors import UnsupportedError
from hug_agents.plans import Blueprint
from hug_agents.render.naming import DEPLOY_SCRIPT, KUBERNETES, SPINNAKER, namespace, public_host
from hug_agents.render.orchestration.kubernetes_workloads import deployment_name, placeholder, tracks
from hug_agents.render.orchestration.smoke import tests
from hug_agents.render.rollback.bounds import bounds
from hug_agents.render.rollback.spinnaker_bounds import ADDRESS, BROKEN, KEPT, PARAMETER, address, questions
from hug_agents.render.rollback.spinnaker_canary import canary_config, config_id, judged_services
from hug_agents.render.rollback.spinnaker_stages import BUNDLE, Flow, skipped, succeeded
from hug_agents.render.templating import Safe, fill, json_document
from hug_agents.spec import DeploymentSpec, Environment, Service

SYSTEM = "spinnaker"
Judgment = tuple[str, tuple[str, ...], str]
"""A checkpoint's name, who answers it by the default policy, and what is asked."""
BEFORE: dict[str, Judgment] = {
    "staging": (
        "Pre-Deployment Approval",
        ("Operations Engineer", "Security Engineer"),
        "Is the deployment plan signed off, and is the environment ready?",
    ),
    "production": (
        "Production Go/No-Go",
        ("Operations Engineer", "Site Reliability Engineer"),
        "Do metrics, risks and the error budget allow it now, and is someone watching?",
    ),
}
AFTER_STAGING: Judgment = (
    "Staging Validation",
    ("Site Reliability Engineer",),
    "Did every smoke test pass, and were the main paths tried by hand?",
)
SCORES = {"pass": 90, "marginal": 75}
STEP_SECONDS = 30
BESIDE, STAYS, REPLACED = (
    "Workers and schedules",
    "The new version on the track that stays",
    "Replace the replicas",
)
"""The stages after whose beginning a Deployment that stays has the new version as its own."""


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """Everything below `spinnaker/`, and deploy.sh, which starts the pipelines. Raises UnsupportedError."""
    spec = blueprint.spec
    _refuse(spec)
    for place in spec.environments:
        for name, pipeline in (("deploy", _deploy(blueprint, place)), ("rollback", _rollback(spec, place))):
            yield _file(f"{SPINNAKER}/pipelines/{name}-{place.name}.json", json_document(pipeline))
    for service in judged_services(spec):
        yield _file(f"{SPINNAKER}/canary/{service.name}.json", json_document(canary_config(spec, service)))
    yield _file(
        f"{SPINNAKER}/README.md",
        fill(
            "rollback",
            "templates/spinnaker.md.j2",
            spec=spec,
            places=[(place, account(place), namespace(spec, place)) for place in spec.environments],
            judged=judged_services(spec),
            bounded=[item for item in spec.web_services if bounds(spec, item)],
            unjudged=[
                item for item in spec.web_services if item not in judged_services(spec) and not bounds(spec, item)
            ],
            address=ADDRESS,
            scores=SCORES,
        ),
    )
    yield Artifact(
        path=DEPLOY_SCRIPT,
        content=fill(
            "rollback",
            "templates/spinnaker_deploy.sh.j2",
            application=spec.application,
            environments=[place.name for place in spec.environments],
            domains=[place.name for place in spec.environments if place.domain],
            folder=Safe(SPINNAKER),
            undone=json.dumps({"undo": [STAYS, REPLACED], "undo_workers": [BESIDE]}),
            repository=f"https://github.com/{spec.repository}" if spec.repository else "",
            names=json.dumps({item.name: placeholder(spec, item) for item in spec.services if item.image is None}),
            given=json.dumps({item.name: item.image for item in spec.services if item.image}),
        ),
        system=SYSTEM,
        owner="devops",
        executable=True,
    )


def account(place: Environment) -> str:
    """The name of an environment's Kubernetes account in Spinnaker: its cluster's, else its own."""
    name = (place.cluster or "").rstrip("/").split("/")[-1].split(":")[-1].split("@")[-1]
    return name or place.name


def _refuse(spec: DeploymentSpec) -> None:
    if spec.toolchain.runtime != "kubernetes":
        why = {
            "ecs": "on ECS the services belong to the infrastructure as code, and Spinnaker would make others beside them",
            "nomad": "Spinnaker has no Nomad",
        }
        raise UnsupportedError(
            why.get(spec.toolchain.runtime, f"Spinnaker is written for kubernetes, not {spec.toolchain.runtime}"),
            where="toolchain.rollout",
            hint="choose kubernetes with spinnaker; or leave rollout out, and deploy/deploy.sh carries the strategy out",
        )


def _pipeline(spec: DeploymentSpec, name: str, flow: Flow, *, artifacts: bool) -> dict[str, Any]:
    expected = [
        {
            "id": f"image-{item.name}",
            "displayName": f"image of {item.name}",
            # Found by the name that stands in the manifests; its reference, with the digest, takes that name's place.
            "matchArtifact": {"type": "docker/image", "name": placeholder(spec, item)},
            "useDefaultArtifact": False,
            "usePriorArtifact": False,
        }
        for item in spec.services
        if item.image is None
    ]
    expected.append(
        {
            "id": BUNDLE,
            "displayName": "the repository with the manifests, at a commit",
            "matchArtifact": {"type": "git/repo", "name": spec.application},
            "useDefaultArtifact": False,
            "usePriorArtifact": False,
        }
    )
    return {
        "schema": "1",
        "name": name,
        "application": spec.application,
        "description": f"Written for {spec.application}; changes are made in {SPINNAKER}/ and saved by deploy/deploy.sh.",
        "spelEvaluator": "v4",
        "limitConcurrent": True,
        "maxConcurrentExecutions": 1,
        "keepWaitingPipelines": True,
        "locked": {"ui": True, "allowUnlockUi": True, "description": "saved from the repository"},
        # It is started by name, with a correlation id: a trigger of its own would start what nobody has approved.
        "triggers": [],
        "parameterConfig": [
            _parameter("correlation", "Of a governed release"),
            _parameter("packet", "The digest of what was approved"),
            *([_parameter(PARAMETER, "Where Prometheus answers Spinnaker", ADDRESS)] if flow.asks else []),
        ],
        "expectedArtifacts": expected if artifacts else [],
        "notifications": [
            {
                "type": "slack",
                "address": f"{spec.application}-releases",
                "level": "pipeline",
                "when": ["pipeline.starting", "pipeline.complete", "pipeline.failed"],
            }
        ],
        "stages": flow.stages,
    }


def _parameter(name: str, said: str, default: str = "") -> dict[str, Any]:
    return {
        "name": name, "label": said, "description": said, "default": default, "required": False, "hasOptions": False
    }  # fmt: skip


def _deploy(blueprint: Blueprint, place: Environment) -> dict[str, Any]:
    spec = blueprint.spec
    flow = Flow(account(place), namespace(spec, place), spec.application)
    images = [f"image-{item.name}" for item in spec.services if item.image is None]
    if place.role != "development":
        flow.judge(*BEFORE[place.role])
    flow.bake(f"{KUBERNETES}/overlays/{place.name}")
    flow.deploy("Namespace", images, release_stage="namespace")
    flow.deploy("Set up", images, release_stage="setup")
    for stage, jobs in (("migrate", [item for item in spec.services if item.migrate_command]), ("before", _once(spec))):
        if jobs:
            flow.clear(f"Clear {stage}", "release-stage", stage)
            flow.deploy(f"Run {stage}", images, release_stage=stage)
    first = len(flow.guarded)
    if spec.strategy.kind == "rolling":
        _rolling(blueprint, place, flow, images)
    else:
        _beside(blueprint, place, flow, images)
    last, began = flow.guarded[-1], flow.guarded[first]
    # A first stage that was left out means that nothing has changed that could be taken back.
    bad = f"!({succeeded(last)}) && !({skipped(began)})"
    _take_back(spec, place, flow, only=bad)
    flow.check(
        "Is the release good", succeeded(last), "the release was not good; what takes traffic is the version before"
    )
    if place.role == "staging":
        flow.judge(*AFTER_STAGING)
    return _pipeline(spec, f"Deploy {place.name}", flow, artifacts=True)


def _once(spec: DeploymentSpec) -> list[Service]:
    return [item for item in spec.services if item.kind == "job" and not item.schedule]


def _rolling(blueprint: Blueprint, place: Environment, flow: Flow, images: list[str]) -> None:
    """Kubernetes replaces the pods; Spinnaker waits until they are stable, and holds."""
    flow.deploy(REPLACED, images, release_stage="workload")
    flow.deploy(BESIDE, images, release_stage="after")
    flow.deploy("Autoscaling", images, release_stage="scale")
    flow.wait("Hold", max((step.hold_seconds for step in blueprint.rollout.steps), default=0))
    for service in blueprint.spec.web_services:
        _judge(blueprint.spec, service, place, flow, "")
    _smoke(blueprint.spec, place, flow)


def _beside(blueprint: Blueprint, place: Environment, flow: Flow, images: list[str]) -> None:
    """The new version on the second track, judged at each weight; then on the first, which serves between releases."""
    spec = blueprint.spec
    web = [spec.in_environment(item, place) for item in spec.web_services]
    tracked = [(item, names[0], names[1]) for item in web if (names := tracks(spec, item))]
    new = tracked[0][2] if tracked else ""
    flow.deploy("Start the new version", images, release_stage="workload", track=new)
    for step in blueprint.rollout.steps:
        if step.action == "shift":
            for service, _, fresh in tracked:
                flow.scale(
                    f"{service.name} for {step.weight} %", deployment_name(service, fresh), _share(service, step.weight)
                )
            for service, _, fresh in tracked:
                flow.route(f"{service.name} takes {step.weight} %", service.name, fresh if step.weight == 100 else None)
            _hold(spec, place, flow, step.weight, step.hold_seconds)
            if step.weight == 100:
                for service, _, fresh in tracked:
                    _judge(spec, service, place, flow, fresh)
                _smoke(spec, place, flow)
        elif step.action == "promote":
            flow.deploy(BESIDE, images, release_stage="after")
            flow.wait("Keep the old version ready", step.hold_seconds)
    kept = tracked[0][1] if tracked else ""
    flow.deploy(STAYS, images, release_stage="workload", track=kept)
    for service, stays, fresh in tracked:
        flow.route(f"{service.name} stays on {stays}", service.name, stays)
        flow.scale(f"{service.name}: {fresh} rests", deployment_name(service, fresh), 0)
    flow.deploy("Autoscaling", images, release_stage="scale")


def _share(service: Service, weight: int) -> int:
    """So many replicas beside those that run that their share is nearest the weight; all of them at 100."""
    return service.replicas if weight == 100 else max(1, round(service.replicas * weight / (100 - weight)))


def _hold(spec: DeploymentSpec, place: Environment, flow: Flow, weight: int, seconds: int) -> None:
    judged = judged_services(spec) if weight < 100 else ()
    if not judged or seconds < 60:
        if seconds:
            flow.wait(f"Hold at {weight} %", seconds)
        return
    for service in judged:
        # Services are judged one after the other, so each has its part of the hold.
        minutes = max(5, round(seconds / 60 / len(judged)))
        flow.add(
            f"Judge {service.name} at {weight} %",
            "kayentaCanary",
            analysisType="realTime",
            canaryConfig={
                "canaryConfigId": config_id(spec, service),
                "metricsAccountName": "prometheus",
                "storageAccountName": "canary",
                "beginCanaryAnalysisAfterMins": "1",
                "canaryAnalysisIntervalMins": str(minutes),
                "lifetimeDuration": f"PT{minutes}M",
                "scopes": [
                    {
                        "scopeName": "default",
                        "controlScope": "stable",
                        "controlLocation": place.name,
                        "experimentScope": "canary",
                        "experimentLocation": place.name,
                        "step": STEP_SECONDS,
                        "extendedScopeParams": {},
                    }
                ],
                "scoreThresholds": {key: str(value) for key, value in SCORES.items()},
            },
        )


def _judge(spec: DeploymentSpec, service: Service, place: Environment, flow: Flow, track: str) -> None:
    for name, query in questions(spec, service, place, track):
        flow.ask(f"Judge {service.name} at 100 %: {name}", address(query), good=KEPT, bad=BROKEN)


def _smoke(spec: DeploymentSpec, place: Environment, flow: Flow) -> None:
    for number, test in enumerate(tests(spec), start=1):
        host = public_host(spec, place, spec.service(test.service))
        if host and 200 <= test.status < 300:
            flow.request(f"Smoke test {number}", test.method, f"https://{host}{test.path}", test.send)


def _take_back(spec: DeploymentSpec, place: Environment, flow: Flow, *, only: str) -> None:
    """What takes traffic goes back first. Where the old version was kept apart, it still runs there."""
    for item in spec.web_services:
        names = tracks(spec, item)
        if len(names) == 1:
            flow.undo(f"Roll back {item.name}", deployment_name(item, names[0]), guarded=False, only=only)
            continue
        # Once the first track was given the new version too, its own revision before is the old one.
        late = f"{only} && !({skipped(STAYS)})"
        flow.undo(f"Roll back {item.name} on {names[0]}", deployment_name(item, names[0]), guarded=False, only=late)
        flow.route(f"{item.name} back to {names[0]}", item.name, names[0], guarded=False, only=only)
        flow.scale(f"{item.name}: {names[1]} away", deployment_name(item, names[1]), 0, guarded=False, only=only)
    for item in spec.services:
        if item.kind == "worker":
            beside = f"{only} && !({skipped(BESIDE)})"
            flow.undo(f"Roll back {item.name}", deployment_name(item, ""), guarded=False, only=beside)


def _rollback(spec: DeploymentSpec, place: Environment) -> dict[str, Any]:
    """From a release that was finished to the one before. Nobody is asked: a rollback is never held up."""
    flow = Flow(account(place), namespace(spec, place), spec.application)
    for item in sorted(spec.services, key=lambda service: service.kind != "web"):
        if item.kind == "job":
            continue
        names = tracks(spec, item)
        asked = "undo" if item.kind == "web" else "undo_workers"
        only = f"parameters['{asked}'] == 'true'"
        flow.undo(f"Roll back {item.name}", deployment_name(item, names[0]), guarded=False, only=only)
        if len(names) > 1:
            flow.route(f"{item.name} to {names[0]}", item.name, names[0], guarded=False)
            flow.scale(f"{item.name}: {names[1]} away", deployment_name(item, names[1]), 0, guarded=False)
    pipeline = _pipeline(spec, f"Roll back {place.name}", flow, artifacts=False)
    # A release that was cut off has not given every Deployment the new version: who starts this knows which.
    pipeline["parameterConfig"] += [
        _parameter("undo", "Web services have the new version as their own", "true"),
        _parameter("undo_workers", "Workers have the new version", "true"),
    ]
    return pipeline


def _file(path: str, content: str) -> Artifact:
    return Artifact(path=path, content=content, system=SYSTEM, owner="devops")
