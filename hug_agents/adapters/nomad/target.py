"""The `nomad` target: jobs are registered only as they were planned, promoted step by step, and reverted to what ran.

Nomad holds the desired state and every earlier version of a job, so the way back needs no files.
"""

from __future__ import annotations

import json
from typing import Any

from hug_agents.adapters.images import pinned_images
from hug_agents.adapters.nomad.api import Api, Pace, same
from hug_agents.adapters.nomad.jobs import Group, group_of, read_jobs
from hug_agents.adapters.nomad.place import Place
from hug_agents.adapters.nomad.rollout import Bad, Rollout, canaries_healthy, ended, reached
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.canonical import digest
from hug_agents.errors import UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, PlanStale, SavedPlan, Work
from hug_agents.http import Http
from hug_agents.plans import Blueprint
from hug_agents.render.naming import namespace
from hug_agents.spec import Environment
from hug_agents.store import Store

Jobs = dict[str, dict[str, Any]]


class NomadTarget:
    """Runs the jobs of bundles on one cluster."""

    # A plan is of the versions that ran when it was made; after a rollback there are others.
    abilities = Abilities(strategies=frozenset(("rolling", "blue_green", "canary")), repeats=False)

    def __init__(self, place: Place, store: Store, token: str, *, pace: Pace | None = None) -> None:
        self.name = f"nomad:{place.text}"
        self._place = place
        self._pace = pace or Pace()
        headers = {"X-Nomad-Token": token} if token else {}
        self._http = Http(place.address, headers=headers, secrets=(token,), timeout=30.0)

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Ask Nomad what each job would change, and whether there is room. Raises UsageError, HttpError."""
        spec = blueprint.spec
        api = self._api(blueprint, environment.name)
        images = pinned_images(spec, self._place.built())
        jobs = dict(read_jobs(api, bundle, blueprint, environment.name, images))
        answers = {name: api.plan(job) for name, job in jobs.items()}
        if full := sorted(name for name, answer in answers.items() if answer.get("FailedTGAllocs")):
            raise UsageError(
                f"the cluster has no room for {', '.join(full)}, or no node that meets the constraints",
                where=self.name,
                hint="nomad job plan says which resource or constraint it is",
            )
        kinds = {name: answer["Diff"]["Type"] for name, answer in answers.items()}
        known = {name: api.job(name) for name in group_of(spec).lasting}
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base=digest({name: answer["JobModifyIndex"] for name, answer in answers.items()}),
            settings={
                "namespace": namespace(spec, environment),
                "images": json.dumps(images, sort_keys=True),
                "jobs": digest(jobs),
                "indexes": json.dumps({name: answer["JobModifyIndex"] for name, answer in answers.items()}),
                "before": json.dumps({name: job["Version"] if job else None for name, job in known.items()}),
            },
            creates=sum(kind == "Added" for kind in kinds.values()),
            updates=sum(kind == "Edited" for kind in kinds.values()),
        )

    def apply(self, work: Work) -> Outcome:
        """One step: register and start, promote or replace so many, or let the rest follow. Raises PlanStale, HttpError."""
        if work.order.action not in ("deploy", "shift", "promote", "retire"):
            return Outcome(status="failed", detail=f"Nomad cannot {work.order.action}", untouched=True)
        api, jobs = self._api(work.blueprint, work.order.environment.name), {}
        if work.order.action != "retire":
            jobs = self._jobs(api, work)
        try:
            return self._step(api, work, jobs, group_of(work.blueprint.spec))
        except Bad as error:
            return Outcome(status="failed", detail=str(error)[:9_000])

    def rollback(self, work: Work) -> Outcome:
        """Each job back to the version that ran before: what takes traffic first. A first version is taken away."""
        api, group = self._api(work.blueprint, work.order.environment.name), group_of(work.blueprint.spec)
        before = self._before(work)
        rollout = Rollout(api, self._pace)
        try:
            for names in (group.web, group.beside):
                for name in names:
                    rollout.restore(name, before[name])
                rollout.settle(name for name in names if before[name] is not None)
        except Bad as error:
            return Outcome(status="failed", detail=str(error)[:9_000])
        said = ", ".join(
            f"{name} {'gone' if number is None else f'as in version {number}'}" for name, number in before.items()
        )
        return Outcome(status="done", detail=said[:9_000])

    def observe(self, work: Work) -> Observation:
        """What Nomad says of an order that was begun. Raises HttpError where it cannot be asked."""
        api, group = self._api(work.blueprint, work.order.environment.name), group_of(work.blueprint.spec)
        if work.order.action == "rollback":
            return self._seen_back(api, work)
        if work.order.action == "retire":
            return Observation(state="done", evidence="Nomad stopped the old ones when the new ones were promoted")
        jobs = self._jobs(api, work, fresh=False)
        names = self._touched(work, group)
        indexes = json.loads(work.plan.settings["indexes"])
        there = {name: api.plan(jobs[name]) for name in names}
        made = [name for name, answer in there.items() if answer["Diff"]["Type"] == "None"]
        moved = [name for name in names if name not in made and there[name]["JobModifyIndex"] != indexes[name]]
        said = "; ".join(f"{name}: {self._said(api, name)}" for name in names)[:5_000]
        if moved:
            return Observation(
                state="unknown", evidence=f"{', '.join(moved)}: neither as before nor as ordered. {said}"
            )
        if not made and names:
            return Observation(state="not_done", evidence=said)
        done = len(made) == len(names) and all(self._there(api, work, name) for name in names)
        return Observation(state="done" if done else "partial", evidence=said)

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """What Nomad's own plan would change to have the bundle's jobs; without a bundle, the jobs that are there."""
        api, group = self._api(blueprint, environment.name), group_of(blueprint.spec)
        if bundle is None:
            left = tuple(f"{name}: still there" for name in group.lasting if api.job(name))
            return Drift(status="drifted" if left else "none", changes=left)
        images = pinned_images(blueprint.spec, self._place.built())
        lines = []
        for name, job in read_jobs(api, bundle, blueprint, environment.name, images):
            diff = api.plan(job)["Diff"]
            if diff["Type"] != "None":
                lines.append(f"{name}: {'missing' if diff['Type'] == 'Added' else _changed(diff)}"[:2_000])
            elif name in group.web and (running := api.running(name)) < job["TaskGroups"][0]["Count"]:
                lines.append(f"{name}: {running} of {job['TaskGroups'][0]['Count']} run")
        return Drift(status="drifted" if lines else "none", changes=tuple(lines), evidence=self._place.address)

    def address(self, work: Work, service: str) -> str:
        """An instance of the ordered version: a canary while there is one that nobody promoted."""
        rows = self._api(work.blueprint, work.order.environment.name).addresses(service)
        canaries = [row for row in rows if "track=canary" in (row.get("Tags") or ())]
        for row in canaries or rows:
            return f"http://{row['Address']}:{row['Port']}"
        raise UsageError(f"no instance of {service} is registered", where=self.name)

    def _step(self, api: Api, work: Work, jobs: Jobs, group: Group) -> Outcome:
        rollout, order = Rollout(api, self._pace), work.order
        indexes = json.loads(work.plan.settings["indexes"])
        rolling = work.blueprint.rollout.strategy == "rolling"
        if order.action == "deploy":
            for name in group.before:
                rollout.run_once(jobs[name], indexes[name], f"{order.key}-{name}", order.release)
            for name in group.lasting if rolling else group.web:
                rollout.register(jobs[name], indexes[name])
            if rolling:
                rollout.settle(group.lasting)
            else:
                rollout.await_canaries(group.web)
        elif order.action == "shift" and not (rolling or self._first(work)):
            rollout.promote(group.web)
            rollout.replace(group.web, order.weight)
        elif order.action == "promote":
            for name in group.beside:
                rollout.register(jobs[name], indexes[name])
            rollout.settle(group.lasting)
        said = "; ".join(f"{name}: {self._said(api, name)}" for name in self._touched(work, group))
        return Outcome(status="done", detail=said[:9_000])

    def _first(self, work: Work) -> bool:
        """The first weight of a canary is met by the canaries themselves: nobody promotes anything yet."""
        shifts = [step for step in work.blueprint.rollout.steps if step.action == "shift"]
        return (
            work.blueprint.rollout.strategy == "canary"
            and work.order.step == shifts[0].order
            and work.order.weight < 100
        )

    def _there(self, api: Api, work: Work, name: str) -> bool:
        job, found, order = api.job(name), api.deployment(name), work.order
        if job is None or job.get("Type") == "batch":
            return job is not None
        if found is None or found["JobVersion"] != job["Version"]:
            return bool(api.running(name) >= job["TaskGroups"][0]["Count"])
        if order.action == "deploy" and work.blueprint.rollout.strategy != "rolling":
            return canaries_healthy(job, found)
        if order.action == "shift":
            return canaries_healthy(job, found) if self._first(work) else reached(job, found, order.weight)
        return ended(job, found)

    def _touched(self, work: Work, group: Group) -> tuple[str, ...]:
        if work.order.action == "promote":
            return group.lasting
        rolling = work.blueprint.rollout.strategy == "rolling" and work.order.action == "deploy"
        return group.lasting if rolling else group.web

    def _seen_back(self, api: Api, work: Work) -> Observation:
        before, left = self._before(work), []
        for name, number in before.items():
            versions = api.versions(name)
            target = next((item for item in versions if item["Version"] == number), None)
            job, found = api.job(name), api.deployment(name)
            if number is None:
                good = job is None
            else:
                good = bool(job and target and same(versions[0], target))
                good = good and (
                    found is None or found["JobVersion"] != versions[0]["Version"] or found["Status"] == "successful"
                )
            if not good:
                left.append(f"{name}: {self._said(api, name)}")
        return Observation(state="partial" if left else "done", evidence="; ".join(left)[:5_000] or "as before")

    def _jobs(self, api: Api, work: Work, *, fresh: bool = True) -> Jobs:
        """The jobs exactly as they were planned. Raises PlanStale where the server reads them differently now."""
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)
        images = json.loads(work.plan.settings["images"])
        jobs = dict(read_jobs(api, work.bundle, work.blueprint, work.order.environment.name, images))
        if not fresh or work.order.action != "deploy":
            return jobs
        if digest(jobs) != work.plan.settings["jobs"]:
            raise PlanStale("the cluster reads the jobs otherwise than when the plan was made")
        indexes = json.loads(work.plan.settings["indexes"])
        answers = {name: api.plan(job) for name, job in jobs.items()}
        stale = sorted(
            name
            for name, answer in answers.items()
            if answer["Diff"]["Type"] != "None" and answer["JobModifyIndex"] != indexes[name]
        )
        if stale:
            raise PlanStale(f"{', '.join(stale)} changed since the plan was made")
        return jobs

    def _before(self, work: Work) -> dict[str, int | None]:
        found = json.loads(work.plan.settings["before"])
        return {str(name): number for name, number in found.items()}

    def _said(self, api: Api, name: str) -> str:
        job, found = api.job(name), api.deployment(name)
        if job is None:
            return "not there"
        deployment = f", deployment {found['Status']}: {found['StatusDescription']}" if found else ""
        return f"version {job['Version']}, {api.running(name)} run{deployment}"

    def _api(self, blueprint: Blueprint, environment: str) -> Api:
        place = next(item for item in blueprint.spec.environments if item.name == environment)
        return Api(self._http, self._place.region, namespace(blueprint.spec, place))


def _changed(diff: dict[str, Any]) -> str:
    """Which fields differ, to the depth that Nomad says."""
    rows = [str(item["Name"]) for item in diff.get("Fields") or () if item["Type"] != "None"]
    for part in (*(diff.get("Objects") or ()), *(diff.get("TaskGroups") or ()), *(diff.get("Tasks") or ())):
        if part["Type"] != "None":
            rows.append(f"{part['Name']}({_changed(part)})")
    return ", ".join(rows) or "changed"
