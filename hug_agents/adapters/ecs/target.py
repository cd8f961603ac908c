"""The `ecs` target: each service gets a revision of its task definition that differs in the image alone, by digest.

The services exist; whoever made them made their roles, networks and load balancers. ECS replaces the tasks, and takes them back by
itself where they do not become healthy: that is seen, and is a failure. A rollback goes back to the revision that ran before.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hug_agents.adapters.ecs.client import Ecs, Running
from hug_agents.adapters.images import built_images, pinned_images
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.canonical import canonical_json, digest
from hug_agents.errors import HttpError, UnsupportedError, UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, PlanStale, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.render.infrastructure.aws.programs import resource_name
from hug_agents.render.naming import stack_name
from hug_agents.spec import DeploymentSpec, Environment, Line, Model

STEADY_SECONDS = 1_800
"""How long a service may take to come to rest."""
POLL_SECONDS = 15.0


class Change(Model):
    """What happens to one service."""

    service: Line
    before: Line
    """The revision that ran when the plan was made; a rollback returns to it."""
    image: Line
    definition: Line
    """The digest of what is registered."""


class EcsTarget:
    """Works in the account of the credentials that boto3 finds. `folder`: where images.json of what a pipeline built lies."""

    def __init__(
        self,
        folder: Path | None,
        *,
        poll_seconds: float = POLL_SECONDS,
        steady_seconds: float = STEADY_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder.resolve() if folder else None
        self.name = f"ecs:{self._folder}" if self._folder else "ecs"
        self.abilities = Abilities(strategies=frozenset(("rolling",)), hands_over=True)
        self._clients: dict[str | None, Ecs] = {}
        self._poll, self._longest, self._sleep = poll_seconds, steady_seconds, sleep

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Which services get another revision. Raises UnsupportedError, UsageError for one that is not there."""
        spec = blueprint.spec
        refuse(spec)
        ecs = self._open(environment)
        cluster = _cluster(spec, environment)
        images = pinned_images(spec, self._images(spec.application))
        there = self._services(ecs, spec, environment)
        changes = [
            Change(
                service=item.name,
                before=item.definition,
                image=images[name],
                definition=digest(with_image(ecs.definition(item.definition), name, images[name])),
            )
            for name, item in there.items()
        ]
        differing = sum(change.definition != digest(ecs.definition(change.before)) for change in changes)
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base=digest({change.service: change.before for change in changes}),
            settings={
                "account": ecs.account(),
                "region": ecs.region,
                "cluster": cluster,
                "services": canonical_json(
                    {name: item.model_dump() for name, item in zip(there, changes, strict=True)}
                ).decode(),
            },
            creates=differing,
            updates=differing,
        )

    def apply(self, work: Work) -> Outcome:
        """Register the revisions, update the services, wait until all are at rest. Raises PlanStale."""
        if work.order.action != "deploy":
            return Outcome(
                status="failed",
                detail=f"ECS cannot {work.order.action}: one deployment is all of a release",
                untouched=True,
            )
        ecs, cluster, changes = self._begin(work)
        wanted: dict[str, str] = {}
        there = ecs.services(cluster, [change.service for change in changes.values()])
        definitions = {}
        for name, change in changes.items():
            if change.service not in there:
                raise PlanStale(f"the service {change.service} is not there any more")
            definition = with_image(ecs.definition(change.before), name, change.image)
            if digest(definition) != change.definition:
                raise PlanStale(f"{change.before} says something else now than when the plan was made")
            now = there[change.service].definition
            if now != change.before and digest(ecs.definition(now)) != change.definition:
                raise PlanStale(
                    f"{change.service} runs {_short(now)} now; the plan was made on {_short(change.before)}"
                )
            definitions[name] = definition
        for name, change in changes.items():
            same = digest(ecs.definition(change.before)) == change.definition
            wanted[change.service] = change.before if same else ecs.register(definitions[name])
        return self._put(ecs, cluster, wanted)

    def observe(self, work: Work) -> Observation:
        """Ask ECS what each service runs."""
        try:
            ecs, cluster, changes = self._begin(work)
            there = ecs.services(cluster, [change.service for change in changes.values()])
            back = work.order.action == "rollback"
            reached, begun = [], []
            for change in changes.values():
                item = there.get(change.service)
                if item is None:
                    return Observation(state="unknown", evidence=f"there is no service {change.service}")
                arrived = item.definition == change.before
                if not back:
                    arrived = digest(ecs.definition(item.definition)) == change.definition
                reached.append(arrived and item.primary == item.definition and item.steady)
                begun.append(arrived)
            evidence = "; ".join(_said(item) for item in there.values())[:5_000]
        except HttpError as error:
            return Observation(state="unknown", evidence=str(error)[:5_000])
        if all(reached):
            return Observation(state="done", evidence=evidence)
        return Observation(state="partial" if any(begun) else "not_done", evidence=evidence)

    def rollback(self, work: Work) -> Outcome:
        """Every service back to the revision that ran when the plan was made."""
        ecs, cluster, changes = self._begin(work)
        return self._put(ecs, cluster, {change.service: change.before for change in changes.values()})

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """The running revision against the images that are to run, and the tasks that run against those wanted."""
        spec = blueprint.spec
        if bundle is None:
            return Drift(status="none", evidence="the services were there before the first release, and stay")
        try:
            ecs = self._open(environment)
            images = pinned_images(spec, self._images(spec.application))
            lines = []
            there = self._services(ecs, spec, environment)
            for name, item in there.items():
                runs = {one["name"]: one["image"] for one in ecs.definition(item.definition)["containerDefinitions"]}
                if runs.get(name) != images[name]:
                    lines.append(f"{item.name} runs {runs.get(name)}, and is to run {images[name]}")
                if item.primary != item.definition or item.state == "FAILED":
                    lines.append(f"{item.name}: ECS did not deploy {_short(item.definition)}: {item.reason}")
                if item.running != item.desired:
                    lines.append(f"{item.name}: {item.running} of {item.desired} tasks run")
        except (HttpError, UsageError) as error:
            return Drift(status="unknown", evidence=str(error)[:5_000])
        found = tuple(line[:2_000] for line in lines)
        return Drift(
            status="drifted" if found else "none", changes=found, evidence="; ".join(map(_said, there.values()))
        )

    def _put(self, ecs: Ecs, cluster: str, wanted: dict[str, str]) -> Outcome:
        """Every service to its revision, and until it is at rest there."""
        changed = [name for name, item in ecs.services(cluster, wanted).items() if item.definition != wanted[name]]
        for name in changed:
            ecs.update(cluster, name, wanted[name])
        until = time.monotonic() + self._longest
        while True:
            there = ecs.services(cluster, wanted)
            told = "; ".join(_said(item) for item in there.values())[:8_000]
            if missing := sorted(wanted.keys() - there.keys()):
                return Outcome(status="failed", detail=f"the services {', '.join(missing)} are gone; {told}")
            if bad := [item for name, item in there.items() if _bad(item, wanted[name])]:
                why = "; ".join(f"ECS took {_short(wanted[item.name])} back, or gave up: {item.reason}" for item in bad)
                return Outcome(status="failed", detail=f"{why} ({told})"[:9_000])
            if all(item.primary == wanted[name] and item.steady for name, item in there.items()):
                outputs = {f"revision-{number}": arn for number, arn in enumerate(sorted(wanted.values()), 1)}
                return Outcome(status="done", detail=told, outputs=outputs)
            if time.monotonic() >= until:
                return Outcome(status="failed", detail=f"not at rest after {self._longest:g} s: {told}")
            self._sleep(self._poll)

    def _begin(self, work: Work) -> tuple[Ecs, str, dict[str, Change]]:
        """The place and the changes that were approved. Raises UsageError for a plan of another target."""
        plan = work.plan
        if plan.target != self.name:
            raise UsageError(f"the approved plan is for {plan.target}", where=self.name)
        ecs = self._client(plan.settings["region"])
        if ecs.account() != plan.settings["account"]:
            raise PlanStale(f"the plan is for the account {plan.settings['account']}, and these credentials are not")
        changes = {name: Change.model_validate(item) for name, item in json.loads(plan.settings["services"]).items()}
        return ecs, plan.settings["cluster"], changes

    def _client(self, region: str | None) -> Ecs:
        if region not in self._clients:
            self._clients[region] = Ecs(region)
        return self._clients[region]

    def _open(self, environment: Environment) -> Ecs:
        ecs = self._client(environment.region)
        account = ecs.account()
        if environment.account and account != environment.account:
            raise UsageError(
                f"the credentials belong to the account {account}, not to {environment.account}",
                where=f"environments.{environment.name}.account",
                hint="choose another AWS_PROFILE",
            )
        return ecs

    def _services(self, ecs: Ecs, spec: DeploymentSpec, environment: Environment) -> dict[str, Running]:
        """By the service's own name. Raises UsageError where one is missing."""
        names = {item.name: resource_name(spec, environment, item) for item in spec.services}
        cluster = _cluster(spec, environment)
        there = ecs.services(cluster, names.values())
        if missing := sorted(set(names.values()) - there.keys()):
            raise UsageError(
                f"there is no service {', '.join(missing)} in the cluster {cluster}",
                where=f"environments.{environment.name}",
                hint="the infrastructure comes first: deploy/deploy.sh infrastructure and rollout",
            )
        for item in there.values():
            if not item.primary:
                raise UnsupportedError(
                    f"{item.name} is not deployed by ECS itself (its deployment controller is CodeDeploy or another)",
                    where=f"environments.{environment.name}",
                    hint="let its own controller carry the release out",
                )
        return {name: there[resource] for name, resource in names.items()}

    def _images(self, application: str) -> dict[str, str]:
        return built_images(self._folder / application / "images.json" if self._folder else None, optional=True)


def refuse(spec: DeploymentSpec) -> None:
    """Raises UnsupportedError for what another revision of a service is not all of."""
    if spec.toolchain.runtime != "ecs":
        raise UnsupportedError(
            f"the target ecs carries the runtime ecs, not {spec.toolchain.runtime}", where="toolchain.runtime"
        )
    if spec.strategy.kind != "rolling":
        raise UnsupportedError(
            f"a {spec.strategy.kind} release moves traffic between two services, and this target moves none",
            where="strategy",
            hint="choose rolling, or let deploy/deploy.sh carry it out: write:PATH and its pipeline",
        )
    for service in spec.services:
        if service.kind == "job" or service.migrate_command:
            raise UnsupportedError(
                f"{service.name} has a program that ends, and this target only updates services",
                where=f"services.{service.name}",
                hint="deploy/deploy.sh runs migrations and jobs: write:PATH and its pipeline",
            )


def with_image(definition: dict[str, Any], container: str, image: str) -> dict[str, Any]:
    """The definition with another image in one container. Raises UsageError where there is no such container."""
    containers = definition["containerDefinitions"]
    if container not in [item["name"] for item in containers]:
        raise UsageError(f"the task definition {definition['family']} has no container {container}")
    return {
        **definition,
        "containerDefinitions": [_renewed(item, image) if item["name"] == container else item for item in containers],
    }


def _renewed(container: dict[str, Any], image: str) -> dict[str, Any]:
    """The container with another image; a label or a variable that told the old one's digest tells the new one's."""
    old, new = (text.partition("@sha256:")[2] for text in (str(container.get("image", "")), image))
    found = {**container, "image": image}
    if old and new and "dockerLabels" in container:
        found["dockerLabels"] = {
            key: new if value == old else value for key, value in container["dockerLabels"].items()
        }
    if old and new and "environment" in container:
        found["environment"] = [
            {**row, "value": new} if row.get("value") == old else row for row in container["environment"]
        ]
    return found


def _cluster(spec: DeploymentSpec, environment: Environment) -> str:
    return environment.cluster or stack_name(spec, environment)


def _bad(item: Running, wanted: str) -> bool:
    """ECS gave up on the revision, or has gone back to another one by itself."""
    return item.definition != wanted or item.primary != wanted or item.state == "FAILED"


def _said(item: Running) -> str:
    return f"{item.name} {_short(item.primary)} {item.state} {item.running}/{item.desired}"


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]
