"""The `kubernetes` target: exactly the planned manifests are applied, server-side, stage by stage, and watched until they are up.

Kubernetes replaces the pods of a Deployment by itself, so one apply is all of a rolling release. Steps of traffic between two
Deployments are deploy/deploy.sh's, or Argo Rollouts': they are refused here. What was put there is recorded in the namespace.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

from hug_agents.adapters.images import built_images
from hug_agents.adapters.kubernetes.kubectl import Item, Kubectl
from hug_agents.adapters.kubernetes.manifests import (
    JOB_STAGES,
    RELEASE,
    Manifests,
    base_of,
    manifests,
    name_of,
    pinned,
    told,
)
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.errors import ProcessError, UnsupportedError, UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, PlanStale, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.render.naming import KUBERNETES, namespace
from hug_agents.render.orchestration.kubernetes_workloads import JOB_SECONDS, MIGRATION_SECONDS
from hug_agents.spec import DeploymentSpec, Environment

READY_SECONDS = 660
"""A little longer than the Deployments' own `progressDeadlineSeconds`, so that Kubernetes itself says why."""
LOOK_SECONDS = 2.0


class KubernetesTarget:
    """`kubernetes`, `kubernetes:CONTEXT`, `kubernetes:CONTEXT?images=FILE`."""

    abilities = Abilities(strategies=frozenset(("rolling",)), hands_over=True)

    def __init__(self, rest: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        context, _, options = rest.partition("?")
        pairs = parse_qsl(options, keep_blank_values=True)
        asked = dict(pairs)
        if unknown := sorted(asked.keys() - {"images"}):
            raise UsageError(
                f"the target kubernetes has no option {', '.join(unknown)}", where="target", hint="?images=FILE"
            )
        if len(pairs) != len(asked) or not all(asked.values()):
            raise UsageError("images is given no file, or two", where="target", hint="?images=FILE")
        self.name = f"kubernetes:{rest}" if rest else "kubernetes"
        self._images = Path(asked["images"]) if "images" in asked else None
        self._kubectl = Kubectl(context)
        self._sleep = sleep

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """What would change, by a dry run on the server. Raises UnsupportedError, UsageError, ProcessError."""
        spec, space = blueprint.spec, namespace(blueprint.spec, environment)
        _refuse(bundle, spec)
        self._kubectl.check_cluster(environment.cluster or "")
        record = self._record(spec, space)
        if record.get("state") == "started":
            raise UsageError(
                f"a release of {environment.name} was begun and is not finished",
                where=f"ConfigMap {_record_name(spec)}",
                hint="resume that release, or roll it back",
            )
        images = pinned(spec, built_images(self._images))
        with manifests(self._kubectl, bundle, spec, environment, images) as made:
            there = {name_of(item): item for item in self._kubectl.live(made.path, space)}
            creates = [item for item in made.objects if name_of(item) not in there]
            updates = self._changed(made, space, there) if not _new_space(made, there) else []
            return SavedPlan(
                target=self.name,
                environment=EnvironmentIdentity.of(environment),
                bundle=bundle.digest(),
                previous=previous.digest() if previous else None,
                base=base_of(list(there.values())),
                settings={
                    "namespace": space,
                    "images": json.dumps(images, sort_keys=True),
                    "images-before": record.get("images", "{}"),
                    "bundle-before": record.get("bundle", ""),
                },
                creates=len(creates),
                updates=len(updates),
            )

    def apply(self, work: Work) -> Outcome:
        """Apply the planned manifests, every job once. Raises PlanStale, with nothing changed."""
        settings = self._settings(work)
        if work.order.action != "deploy":
            return _untouched(f"Kubernetes cannot {work.order.action}: one apply is all of a rolling release")
        space, spec = settings["namespace"], work.blueprint.spec
        images = json.loads(settings["images"])
        with manifests(self._kubectl, work.bundle, spec, self._environment(work), images) as made:
            record = self._record(spec, space)
            if record.get("order") != work.order.key:
                found = base_of(self._kubectl.live(made.path, space))
                if found != work.plan.base:
                    raise PlanStale(f"what runs in {space} is not what the plan was made on")
            return self._carried_out(work, made, settings["images"], jobs=True)

    def rollback(self, work: Work) -> Outcome:
        """Apply the manifests and images of before; without any, take away what this release put there."""
        settings = self._settings(work)
        space, spec = settings["namespace"], work.blueprint.spec
        environment = self._environment(work)
        if work.previous is None:
            images = json.loads(settings["images"])
            with manifests(self._kubectl, work.bundle, spec, environment, images) as made:
                if settings["bundle-before"]:
                    return _untouched(
                        "something was there before this release, and this store does not have its bundle"
                    )
                gone = [name_of(item) for item in made.objects if item["kind"] != "Namespace"]
                self._kubectl.delete([*gone, f"ConfigMap/{_record_name(spec)}"], space)
            return Outcome(status="done", detail=f"nothing of the release is in {space}; the namespace stays")
        if settings["bundle-before"] != work.previous.digest():
            return _untouched("what ran before is not the bundle that would be returned to")
        before = settings["images-before"]
        with manifests(self._kubectl, work.previous, spec, environment, json.loads(before)) as made:
            done = self._carried_out(work, made, before, jobs=False, bundle=work.previous)
        if done.status == "done" and any(item.migrate_command for item in spec.services):
            return done.model_copy(update={"detail": f"{done.detail}; migrations are not undone"})
        return done

    def observe(self, work: Work) -> Observation:
        """What the record in the namespace says about the order."""
        settings = self._settings(work)
        try:
            record = self._record(work.blueprint.spec, settings["namespace"])
        except ProcessError as error:
            return Observation(state="unknown", evidence=str(error)[:5_000])
        if work.order.action == "rollback" and work.previous is None and not record:
            return Observation(state="done", evidence="no release is recorded, as before")
        if record.get("order") != work.order.key:
            return Observation(state="not_done", evidence=f"the record names the order {record.get('order', 'none')}")
        if record.get("state") == "done":
            return Observation(state="done", evidence=f"recorded as done: bundle {record.get('bundle')}")
        return Observation(state="partial", evidence="recorded as begun; applying again repeats nothing that ended")

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """What a dry run of the bundle's manifests would change; jobs are of their release, and pass."""
        spec, space = blueprint.spec, namespace(blueprint.spec, environment)
        try:
            record = self._record(spec, space)
            if bundle is None:
                found = [f"not of the bundle: {name}" for name in ([_record_name(spec)] if record else [])]
                return Drift(status="drifted" if found else "none", changes=tuple(found), evidence=space)
            images = json.loads(record.get("images", "{}"))
            wanted = {item.name for item in spec.services if item.image is None}
            if not wanted <= images.keys():
                return Drift(status="unknown", evidence=f"no record in {space} says which images were released")
            with manifests(self._kubectl, bundle, spec, environment, images) as made:
                there = {name_of(item): item for item in self._kubectl.live(made.path, space)}
                kept = [item for item in made.objects if item not in made.of(*JOB_STAGES)]
                changes = [f"missing: {name_of(item)}" for item in kept if name_of(item) not in there]
                if not _new_space(made, there):
                    changes += [f"edited: {name}" for name in self._changed(made, space, there)]
        except ProcessError as error:
            return Drift(status="unknown", evidence=str(error)[:5_000])
        return Drift(
            status="drifted" if changes else "none", changes=tuple(sorted(changes)), evidence=f"namespace {space}"
        )

    def _changed(self, made: Manifests, space: str, there: Mapping[str, Item]) -> list[str]:
        after = self._kubectl.dry_run(made.path, space)
        return [name_of(item) for item in after if name_of(item) in there and told(item) != told(there[name_of(item)])]

    def _carried_out(
        self, work: Work, made: Manifests, images: str, *, jobs: bool, bundle: Bundle | None = None
    ) -> Outcome:
        """Stage by stage; the record says what was begun before it begins, and that it ended when everything is up."""
        spec, space = work.blueprint.spec, work.plan.settings["namespace"]
        shown = (bundle or work.bundle).digest()
        if made.of("namespace"):
            self._kubectl.apply(made.path, space, stage="namespace")
        self._write(spec, space, order=work.order.key, state="started", bundle=shown, images=images)
        for stage in ("setup", *(JOB_STAGES if jobs else ()), "workload", "after", "scale"):
            if not made.of(stage):
                continue
            if stage in JOB_STAGES:
                if why := self._jobs(made, space, stage):
                    return Outcome(status="failed", detail=why)
                continue
            self._kubectl.apply(made.path, space, stage=stage)
            for item in made.of(stage):
                if item["kind"] == "Deployment" and (why := self._up(item["metadata"]["name"], space)):
                    return Outcome(status="failed", detail=why)
        self._write(spec, space, order=work.order.key, state="done", bundle=shown, images=images)
        return Outcome(
            status="done",
            detail=f"{len(made.objects)} objects in {space} are as planned and up",
            outputs={"namespace": space},
        )

    def _jobs(self, made: Manifests, space: str, stage: str) -> str:
        """Run the jobs of a stage that did not run for this bundle yet; why one failed."""
        waiting = []
        for item in made.of(stage):
            name, mark = item["metadata"]["name"], item["metadata"]["annotations"][RELEASE]
            found = self._kubectl.get("job", name, space)
            if found is None or (found["metadata"].get("annotations") or {}).get(RELEASE) != mark:
                waiting.append(name)
        self._kubectl.delete([f"job/{name}" for name in waiting], space)
        if waiting:
            self._kubectl.apply(made.path, space, stage=stage)
        for item in made.of(stage):
            name = item["metadata"]["name"]
            left = float(MIGRATION_SECONDS if stage == "migrate" else JOB_SECONDS)
            while left > 0:
                found = self._kubectl.get("job", name, space) or {}
                ended = {
                    row["type"] for row in found.get("status", {}).get("conditions") or () if row["status"] == "True"
                }
                if "Failed" in ended:
                    return f"the job {name} failed: kubectl --namespace {space} logs job/{name}"
                if "Complete" in ended:
                    break
                self._sleep(LOOK_SECONDS)
                left -= LOOK_SECONDS
            else:
                return f"the job {name} did not end in its time"
        return ""

    def _up(self, name: str, space: str) -> str:
        """Wait until a Deployment is up; why it is not."""
        left = float(READY_SECONDS)
        said = "it was not looked at yet"
        while left > 0:
            item = self._kubectl.get("deployment", name, space)
            if item is None:
                return f"the Deployment {name} is gone"
            status, wanted = item.get("status", {}), item["spec"].get("replicas", 1)
            up = min(status.get("updatedReplicas", 0), status.get("availableReplicas", 0))
            seen = status.get("observedGeneration", 0) >= item["metadata"]["generation"]
            if seen and up >= wanted and status.get("replicas", 0) == status.get("updatedReplicas", 0):
                return ""
            said = f"{up} of {wanted} replicas of {name} are new and available"
            if seen and any(row.get("reason") == "ProgressDeadlineExceeded" for row in status.get("conditions") or ()):
                return f"{said}; Kubernetes gave up waiting"
            self._sleep(LOOK_SECONDS)
            left -= LOOK_SECONDS
        return f"{said} after {READY_SECONDS} s"

    def _record(self, spec: DeploymentSpec, space: str) -> dict[str, str]:
        found = self._kubectl.get("configmap", _record_name(spec), space)
        return dict((found or {}).get("data") or {})

    def _write(self, spec: DeploymentSpec, space: str, **data: str) -> None:
        labels = {"app.kubernetes.io/part-of": spec.application}
        item = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": _record_name(spec), "labels": labels},
            "data": data,
        }
        self._kubectl.apply_object(item, space)

    def _settings(self, work: Work) -> dict[str, str]:
        """What was approved with the plan. Raises UsageError for a plan of another target."""
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)
        return work.plan.settings

    def _environment(self, work: Work) -> Environment:
        name = work.order.environment.name
        return next(item for item in work.blueprint.spec.environments if item.name == name)


def _record_name(spec: DeploymentSpec) -> str:
    return f"{spec.application}-target"


def _new_space(made: Manifests, there: Mapping[str, Item]) -> bool:
    """The namespace is not there yet, so a server cannot be asked what would become of what is in it."""
    return any(item["kind"] == "Namespace" and name_of(item) not in there for item in made.objects)


def _refuse(bundle: Bundle, spec: DeploymentSpec) -> None:
    if not bundle.under(f"{KUBERNETES}/"):
        raise UnsupportedError(
            "the bundle holds no Kubernetes manifests", where="target", hint="choose the runtime kubernetes"
        )
    if spec.toolchain.rollout == "argo_rollouts":
        raise UnsupportedError(
            "Argo Rollouts wants to be followed and promoted, which deploy/deploy.sh does",
            where="target",
            hint="hand the bundle to what runs deploy/deploy.sh: write:PATH and its pipeline",
        )


def _untouched(why: str) -> Outcome:
    return Outcome(status="failed", untouched=True, detail=why)
