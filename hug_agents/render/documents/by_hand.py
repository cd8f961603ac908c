"""The way back by hand, for the night on which the deploy script cannot be run: commands that name what is really there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hug_agents.render.infrastructure.aws.programs import resource_name, split
from hug_agents.render.naming import namespace, stack_name
from hug_agents.render.orchestration.kubernetes_workloads import deployment_name, is_rollout, tracks
from hug_agents.spec import DeploymentSpec, Environment, Service


@dataclass(frozen=True)
class ByHand:
    """One thing that a person does, and the command for it. Words in capitals are theirs to fill in."""

    say: str
    command: str


def by_hand(spec: DeploymentSpec, environment: Environment) -> tuple[ByHand, ...]:
    """What brings back the version before, shown for the service that people notice first."""
    service = next(iter([*spec.web_services, *(item for item in spec.services if item.kind != "job"), *spec.services]))
    here = spec.in_environment(service, environment)
    runtime = {"kubernetes": _kubernetes, "nomad": _nomad, "ecs": _ecs}[spec.toolchain.runtime]
    return tuple(runtime(spec, here, environment))


def _kubernetes(spec: DeploymentSpec, service: Service, environment: Environment) -> Iterator[ByHand]:
    place = f"--namespace {namespace(spec, environment)}"
    name, beside = service.name, tracks(spec, service)
    columns = " --label-columns track" if len(beside) > 1 else ""
    selector = f"app.kubernetes.io/part-of={spec.application}"
    yield ByHand("See what runs", f"kubectl {place} get pods --selector {selector}{columns}")
    if service.kind == "job":
        if service.schedule:
            yield ByHand(
                f"Keep {name} from starting",
                f'kubectl {place} patch cronjob {name} --patch \'{{"spec": {{"suspend": true}}}}\'',
            )
    elif is_rollout(spec, service):
        yield ByHand(f"While {name} is rolled out", f"kubectl argo rollouts abort {name} {place}")
        yield ByHand("Once it was promoted", f"kubectl argo rollouts undo {name} {place}")
    elif len(beside) > 1:
        yield from _tracks(spec, service, place, beside[0])
    else:
        yield ByHand(f"Return {name} to the version before", f"kubectl {place} rollout undo deployment/{name}")
        yield ByHand("Wait for it", f"kubectl {place} rollout status deployment/{name}")


def _tracks(spec: DeploymentSpec, service: Service, place: str, track: str) -> Iterator[ByHand]:
    name, old = service.name, deployment_name(service, track)
    canary = spec.strategy.kind == "canary"
    yield ByHand(
        f"See which track has the traffic of {name} (nothing: both)",
        f"kubectl {place} get service {name} --output jsonpath='{{.spec.selector.track}}'",
    )
    which = "the version before, while both are there" if canary else f"the version before, here {track}"
    yield ByHand(
        f"Bring {which}, to its full size", f"kubectl {place} scale deployment/{old} --replicas={service.replicas}"
    )
    yield ByHand("Wait for it", f"kubectl {place} rollout status deployment/{old}")
    patch = f'{{"spec": {{"selector": {{"track": "{track}"}}}}}}'
    yield ByHand("Give it all the traffic", f"kubectl {place} patch service {name} --patch '{patch}'")
    if canary:
        yield ByHand("Once the new version was promoted", f"kubectl {place} rollout undo deployment/{old}")


def _nomad(spec: DeploymentSpec, service: Service, environment: Environment) -> Iterator[ByHand]:
    place = f"-namespace {namespace(spec, environment)}"
    yield ByHand("See what runs, and which deployment is under way", f"nomad job status {place} {service.name}")
    if service.kind != "job":
        yield ByHand("While one is under way", f"nomad deployment fail {place} DEPLOYMENT")
    yield ByHand("Once none is, look for the version before", f"nomad job history {place} {service.name}")
    yield ByHand("Return to it", f"nomad job revert {place} {service.name} VERSION")


def _ecs(spec: DeploymentSpec, service: Service, environment: Environment) -> Iterator[ByHand]:
    region = f" --region {environment.region}" if environment.region else ""
    cluster = f"--cluster {stack_name(spec, environment)}"
    family = resource_name(spec, environment, service)
    slots = [f"{family}-blue", f"{family}-green"] if split(spec) and service.kind == "web" else [family]
    if service.kind != "job":
        yield ByHand("See what runs", f"aws ecs describe-services{region} {cluster} --services {' '.join(slots)}")
    yield ByHand(
        "See the task definitions, newest first",
        f"aws ecs list-task-definitions{region} --family-prefix {family} --sort DESC --max-items 5",
    )
    if service.kind != "job":
        which = "Return the one with the new version to" if len(slots) > 1 else "Return to"
        yield ByHand(
            f"{which} the task definition before",
            f"aws ecs update-service{region} {cluster} --service {slots[0]} --task-definition {family}:REVISION",
        )
