"""The target: `deploy` is a merged merge request and one pipeline of deploy; `rollback` one of rollback, then the files.

The pipeline carries the strategy out. It is known by the correlation in its name, which is the order's key: whoever asks
again, after whatever, finds it and follows it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import islice
from typing import Any

from hug_agents.adapters.forge import Pace, correlation, if_known, last, not_alone, of_release, printed, quoted
from hug_agents.adapters.gitlab_ci.client import Client
from hug_agents.adapters.gitlab_ci.files import read_branch, read_commit
from hug_agents.adapters.gitlab_ci.merge_request import Merged, MergeRequest
from hug_agents.adapters.gitlab_ci.pipelines import Job, Pipeline, Pipelines, SeveralPipelines
from hug_agents.adapters.gitlab_ci.place import Place
from hug_agents.adapters.pins import Pins
from hug_agents.adapters.tree import Head, apart, changes, known
from hug_agents.adapters.way_back import AGAIN, How, Past, ordered_back
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.errors import UnsupportedError, UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.render.pipelines.gitlab_ci import ROOT, UNDONE
from hug_agents.spec import Environment
from hug_agents.store import Store
from hug_agents.validate.located import Malformed, documents

_NEEDED = frozenset(("action", "environment", "correlation", "packet"))


class GitlabCiTarget:
    """Deploys from a project on GitLab by the pipeline that the bundle has."""

    abilities = Abilities(strategies=frozenset(("rolling", "blue_green", "canary")), hands_over=True, removes=False)

    def __init__(
        self,
        place: Place,
        store: Store,
        token: str,
        *,
        pace: Pace | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        if not token:
            raise UsageError(
                "the target gitlab_ci needs a token",
                where="target",
                hint="set HUG_AGENTS_GITLAB_TOKEN (or GITLAB_TOKEN); docs/gitlab_ci.md says what it must be allowed",
            )
        self.name = f"gitlab_ci:{place.text}"
        self._place = place
        self._store = store
        self._pins = Pins(store, self.name)
        self._client = Client(place.api, token, pace)
        self._tell = tell

    @cached_property
    def _branch(self) -> str:
        return self._place.branch or str(self._client.get(self._place.path).json()["default_branch"])

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Which files the merge request would add, change and delete. Raises OutputConflict for files that are not ours."""
        branch = self._branch
        if missing := _NEEDED - _inputs(bundle):
            raise UnsupportedError(
                f"{ROOT} of the bundle does not take {', '.join(sorted(missing))}",
                where=self.name,
                hint="this target starts the pipelines of toolchain gitlab_ci, as they are rendered",
            )
        if branch != blueprint.spec.default_branch:
            raise UsageError(
                f"the pipelines deploy from {blueprint.spec.default_branch}, and this target from {branch}",
                where=self.name,
                hint=f"?branch={blueprint.spec.default_branch}, or name {branch} as the default branch in the request",
            )
        head = read_branch(self._client, self._place, branch)
        wanted = changes(head, bundle, self._store, self._place.project)
        creates, updates, deletes = head.counts(wanted)
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base=head.matters(bundle),
            settings={"project": self._place.project, "branch": branch},
            creates=creates,
            updates=updates,
            deletes=deletes,
        )

    def apply(self, work: Work) -> Outcome:
        """Put the files on the branch, start deploy for the environment, follow it. Raises PlanStale; HttpError."""
        if work.order.action != "deploy":
            return not_alone(work.order)
        pipelines, name = self._pipelines(work), correlation(work.order)
        pipeline = pipelines.sought(name)
        if pipeline is None:
            head = read_branch(self._client, self._place, work.plan.settings["branch"])
            head.check_fresh(work, self._where(work))
            merged = self._put(work, work.bundle, "Deploy")
            pipeline = pipelines.ensure(name, merged.commit, self._values(work, "deploy", work.bundle, name))
        done = self._followed(work, pipeline)
        if done.status == "done":
            self._pins.put(work.order.environment.name, pipeline.commit)
        return done

    def rollback(self, work: Work) -> Outcome:
        """Back to the version before: the traffic by a pipeline of rollback, then the files on the branch.

        Where the pipeline has forgotten that version, its files come first, and deploy brings it.
        """
        found, done = self._found(work), None
        environment = work.order.environment.name
        if found is None:
            head = read_branch(self._client, self._place, work.plan.settings["branch"])
            there = self._there(environment)
            way = ordered_back(work, self._where(work), head, there, self._past(work))
            if isinstance(way, Outcome):
                done = way
            else:
                found = self._begun_back(work, head, again=way == "deploy_before")
        if found is not None:
            done = self._followed(work, found)
        if done is None or done.status == "failed":
            return done or Outcome(status="failed", detail=f"{self._where(work)} has no pipeline to roll back with")
        merged = self._put(work, work.previous, "Roll back")
        self._pins.put(environment, merged.commit)
        more = {"commit": merged.commit} | ({"merge-request": merged.url} if merged.url else {})
        return done.model_copy(update={"outputs": {**done.outputs, **more}})

    def observe(self, work: Work) -> Observation:
        """What GitLab says of an order that was begun. Raises HttpError where GitLab cannot be asked."""
        back = work.order.action == "rollback"
        try:
            pipeline = self._found(work)
        except SeveralPipelines as error:
            return Observation(state="unknown", evidence=str(error)[:9000])
        head = read_branch(self._client, self._place, work.plan.settings["branch"])
        request = self._merge_request(work, work.previous if back else work.bundle)
        if pipeline is None:
            if request.begun():
                return Observation(state="partial", evidence="its merge request is being made; no pipeline yet")
            if back and request.settled(head):
                return Observation(state="partial", evidence="the files before are on the branch; no pipeline")
            return Observation(state="not_done", evidence=f"no pipeline shows {correlation(work.order)}")
        evidence = f"{pipeline.url} is {pipeline.status}"
        if pipeline.status != "success":
            return Observation(state="partial", evidence=evidence)
        there = self._there(work.order.environment.name)
        if there is None or not request.settled(there):
            return Observation(state="partial", evidence=f"{evidence}; its files are not noted as what is there yet")
        return Observation(state="done", evidence=evidence)

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Another bundle in the environment, and files edited on the branch: see `apart`."""
        head = read_branch(self._client, self._place, self._branch)
        others = (item.name for item in blueprint.spec.environments if item.name != environment.name)
        lines = apart(head, self._there(environment.name), bundle, (self._there(name) for name in others))
        evidence = f"{self._place.project}, {self._branch} at {head.commit}"
        return Drift(status="drifted" if lines else "none", changes=tuple(lines), evidence=evidence)

    def cancel(self, work: Work) -> Outcome:
        """Stop the pipeline of an order and see it end; the rendered deployment then rolls back by itself."""
        pipelines, pipeline = self._pipelines(work), self._found(work)
        if pipeline is None:
            return Outcome(status="failed", detail="there is no pipeline of this order")
        pipelines.cancel(pipeline)
        ended = pipelines.follow(_name(pipeline), pipeline, self._tell)
        return Outcome(status="done", detail=f"{ended.url} ended: {ended.status}")

    def retry(self, work: Work) -> Outcome:
        """Run what failed again, where that was before the rollout; half a rollout is never begun again."""
        pipelines, name = self._pipelines(work), correlation(work.order)
        pipeline = pipelines.find(name)
        if pipeline is None:
            return Outcome(status="failed", detail="there is no pipeline of this order")
        place = f"deploy-{work.order.environment.name}"
        begun = next((job for job in pipelines.jobs(pipeline) if job.name == place), None)
        if begun is not None and begun.status not in ("created", "skipped", "manual"):
            return Outcome(status="failed", detail=f"{place} of {pipeline.url} was begun: release anew instead")
        pipelines.retry(pipeline)
        return self._followed(work, pipeline)

    def logs(self, work: Work, lines: int = 200) -> str:
        """The last lines of every job of the order's pipeline, each with its job. Data, whoever wrote it."""
        pipelines, pipeline = self._pipelines(work), self._found(work)
        if pipeline is None:
            return ""
        rows = [f"{job.name}: {line}" for job in pipelines.jobs(pipeline) for line in last(pipelines.log(job), lines)]
        return "\n".join(rows[-lines:])

    def _found(self, work: Work) -> Pipeline | None:
        """The pipeline of an order. Raises SeveralPipelines."""
        pipelines, name = self._pipelines(work), correlation(work.order)
        back = work.order.action == "rollback"
        return pipelines.sought(name) or (pipelines.sought(name + AGAIN) if back else None)

    def _followed(self, work: Work, pipeline: Pipeline) -> Outcome:
        self._tell(f"pipeline {pipeline.url}")
        pipelines, name = self._pipelines(work), _name(pipeline)
        deploys = pipeline.name.startswith("deploy ")
        files = work.previous if work.order.action == "rollback" else work.bundle
        if deploys and files is not None and not self._ran(pipeline, files):
            pipelines.cancel(pipeline)
            pipelines.follow(name, pipeline, self._tell)
            return Outcome(
                status="failed", detail=f"the branch moved: {pipeline.url} ran other files, and was cancelled"
            )
        ended = pipelines.follow(name, pipeline, self._tell, f"deploy-{work.order.environment.name}" if deploys else "")
        outputs = {"pipeline": ended.url, "commit": ended.commit}
        if ended.status == "success":
            return Outcome(status="done", detail=f"{ended.url} succeeded", outputs=outputs)
        return Outcome(
            status="failed",
            detail=f"{ended.url} ended: {ended.status}\n{if_known(lambda: self._why(pipelines, ended))}".rstrip(),
            outputs=outputs,
        )

    def _why(self, pipelines: Pipelines, pipeline: Pipeline) -> str:
        """The jobs that failed, why, and the last lines of what they printed."""
        parts = []
        for job in pipelines.jobs(pipeline):
            if job.status in ("failed", "canceled"):
                parts.append(f"{job.name}: {job.reason or job.status}")
                parts += quoted(partial(pipelines.log, job))
        return "\n".join(parts)[:8000]

    def _past(self, work: Work) -> Iterator[Past]:
        """What ran in the environment, the newest first. A deployment of this bundle that is under way is stopped."""
        environment, pipelines = work.order.environment.name, self._pipelines(work)
        for pipeline in pipelines.listed():
            action, _, rest = pipeline.name.partition(" ")
            if action not in ("deploy", "rollback") or not rest.startswith(f"{environment} "):
                continue
            if action == "rollback":
                how: How = "success" if pipeline.status == "success" else "failed"
                yield Past("rollback", how, ours=False, url=pipeline.url)
                continue
            ours = not _name(pipeline).endswith(AGAIN) and self._ran(pipeline, work.bundle)
            if ours and not pipeline.ended:
                pipelines.cancel(pipeline)
                pipeline = pipelines.follow(_name(pipeline), pipeline, self._tell)  # noqa: PLW2901 - the same, at its end
            yield Past("deploy", self._left(pipelines, pipeline, environment), ours, pipeline.url)

    def _left(self, pipelines: Pipelines, pipeline: Pipeline, environment: str) -> How:
        """What a pipeline of deploy left behind; one that has not come to its end leaves nobody knows what."""
        if pipeline.status == "success" or not pipeline.ended:
            return "success" if pipeline.ended else "failed"
        jobs = {job.name: job for job in pipelines.jobs(pipeline)}
        deploy, undo = jobs.get(f"deploy-{environment}"), jobs.get(f"undo-{environment}")
        if deploy is None or deploy.status in ("created", "manual", "skipped"):
            return "untouched"
        undone = (undo is not None and undo.status == "success") or self._undone(pipelines, deploy)
        return "undone" if undone else "failed"

    def _begun_back(self, work: Work, head: Head, *, again: bool) -> Pipeline | None:
        """The pipeline that leads back: of rollback, or `again` of deploy with the files before. None: none is there."""
        if again:
            head = read_commit(self._client, self._place, self._put(work, work.previous, "Roll back").commit)
        held = next(
            (item for item in (work.bundle, work.previous, known(head, self._store)) if item and head.holds(item)), None
        )
        if held is None or _NEEDED - _inputs(held):
            return None
        name = correlation(work.order) + (AGAIN if again else "")
        values = self._values(work, "deploy" if again else "rollback", held, name)
        return self._pipelines(work).ensure(name, head.commit, values)

    def _there(self, environment: str) -> Head | None:
        """The commit that an environment was left with."""
        commit = self._pins.get(environment)
        return read_commit(self._client, self._place, commit) if commit else None

    def _ran(self, pipeline: Pipeline, bundle: Bundle) -> bool:
        return read_commit(self._client, self._place, pipeline.commit).holds(bundle)

    def _put(self, work: Work, bundle: Bundle | None, what: str) -> Merged:
        return self._merge_request(work, bundle, f"{what} {work.blueprint.spec.application}").merge()

    def _undone(self, pipelines: Pipelines, job: Job) -> bool:
        """A job that was cancelled says at its very end that it rolled back."""
        return job.status == "canceled" and UNDONE in printed(pipelines.log(job))

    def _values(self, work: Work, action: str, bundle: Bundle, name: str) -> dict[str, Any]:
        """The inputs of a pipeline."""
        values = {
            "action": action,
            "environment": work.order.environment.name,
            "correlation": name,
            "packet": work.packet,
        }
        if action == "deploy" and "images_of" in _inputs(bundle):
            # Built once a release: production gets the very images that staging had, and the way back those of then.
            pipelines = self._pipelines(work)
            good = (item for item in pipelines.listed() if item.status == "success" and item.name.startswith("deploy "))
            if bundle is work.bundle:
                own = [item for item in good if of_release(item.name, work.order.release)][-1:]
            else:
                own = list(islice((item for item in good if self._ran(item, bundle)), 1))
            found = [job.id for job in pipelines.jobs(own[0]) if job.name == "images"] if own else []
            if found:
                values["images_of"] = str(found[0])
        return values

    def _where(self, work: Work) -> str:
        return f"{work.plan.settings['branch']} of {work.plan.settings['project']}"

    def _pipelines(self, work: Work) -> Pipelines:
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)
        return Pipelines(self._client, self._place, work.plan.settings["branch"])

    def _merge_request(self, work: Work, bundle: Bundle | None, title: str = "") -> MergeRequest:
        return MergeRequest(
            client=self._client,
            place=self._place,
            store=self._store,
            base=work.plan.settings["branch"],
            work=work,
            bundle=bundle,
            title=title,
            branch=f"hug/{correlation(work.order)}",
            tell=self._tell,
        )


def _name(pipeline: Pipeline) -> str:
    """The correlation that a pipeline shows."""
    return pipeline.name.split()[2]


def _inputs(bundle: Bundle) -> frozenset[str]:
    """What a pipeline of the bundle takes when it is made."""
    if ROOT not in bundle:
        return frozenset()
    try:
        header = next(iter(documents(bundle[ROOT].content)), None)
    except Malformed:
        return frozenset()
    spec = header.data.get("spec") if header is not None and isinstance(header.data, dict) else None
    return frozenset((spec.get("inputs") or {}) if isinstance(spec, dict) else ())
