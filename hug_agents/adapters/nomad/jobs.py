"""A bundle's job files as the jobs that the cluster is asked to run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hug_agents.adapters.nomad.api import Api
from hug_agents.bundle import Bundle
from hug_agents.errors import UnsupportedError
from hug_agents.plans import Blueprint
from hug_agents.render.naming import NOMAD
from hug_agents.render.orchestration.nomad_jobs import migration_job
from hug_agents.spec import DeploymentSpec


@dataclass(frozen=True)
class Group:
    """The jobs of an application by what a release does with them."""

    before: tuple[str, ...]
    """Run once, to their end: migrations, then jobs without a schedule."""
    web: tuple[str, ...]
    beside: tuple[str, ...]
    """Workers and scheduled jobs: they follow once the new version has the traffic."""

    @property
    def lasting(self) -> tuple[str, ...]:
        """What is there between releases."""
        return self.web + self.beside


def group_of(spec: DeploymentSpec) -> Group:
    """Names as the renderer gives them."""
    migrations = tuple(migration_job(item) for item in spec.services if item.migrate_command)
    once = tuple(item.name for item in spec.services if item.kind == "job" and not item.schedule)
    workers = tuple(item.name for item in spec.services if item.kind == "worker")
    return Group(
        before=migrations + once,
        web=tuple(item.name for item in spec.web_services),
        beside=workers + tuple(item.name for item in spec.services if item.schedule),
    )


def read_jobs(
    api: Api, bundle: Bundle, blueprint: Blueprint, environment: str, images: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every job with this environment's variables, as the server reads it. Raises UnsupportedError, HttpError."""
    spec = blueprint.spec
    image_of = {migration_job(item): item.name for item in spec.services}
    group = group_of(spec)
    for name in (*group.before, *group.lasting):
        source, values = f"{NOMAD}/jobs/{name}.nomad.hcl", f"{NOMAD}/environments/{environment}/{name}.vars.hcl"
        if source not in bundle or values not in bundle:
            raise UnsupportedError(
                f"the bundle has no {source} with variables for {environment}",
                where="target",
                hint="this target runs the jobs of toolchain nomad, as they are rendered",
            )
        image = json.dumps(images[image_of.get(name, name)])
        job = api.parse(bundle[source].content, f"{bundle[values].content}\nimage = {image}\n")
        yield name, _as_large(api.job(name), job)


def _as_large(now: dict[str, Any] | None, job: dict[str, Any]) -> dict[str, Any]:
    """The autoscaler owns the number: a job that it made larger stays as large, and so does a full set of canaries."""
    wanted = job["TaskGroups"][0]
    count = now["TaskGroups"][0]["Count"] if now else 0
    if not wanted.get("Scaling") or count <= wanted["Count"]:
        return job
    update = wanted.get("Update") or {}
    if update.get("Canary") == wanted["Count"]:
        update = {**update, "Canary": count}
    return {**job, "TaskGroups": [{**wanted, "Count": count, "Update": update}]}
