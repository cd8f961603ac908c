"""The target: `deploy` is a merged pull request and one run of Deploy; `rollback` one run of Roll back, then the files.

The pipeline carries the strategy out. A run is known by the correlation in its name, which is the order's key: whoever
asks again, after whatever, finds it and follows it on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import yaml

from hug_agents.adapters.forge import Pace, correlation, not_alone, of_release, printed
from hug_agents.adapters.github_actions.client import Client
from hug_agents.adapters.github_actions.environments import Protection
from hug_agents.adapters.github_actions.files import read_branch, read_commit
from hug_agents.adapters.github_actions.place import Place
from hug_agents.adapters.github_actions.pull_request import PullRequest
from hug_agents.adapters.github_actions.runs import Job, Run, Runs, SeveralRuns
from hug_agents.adapters.tree import changes
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.errors import UnsupportedError, UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment
from hug_agents.store import Store

DEPLOY, ROLLBACK = "deploy.yml", "rollback.yml"
_FOLDER = ".github/workflows"
_NEEDED = frozenset(("environment", "correlation", "packet"))
_LOG_LINES = 40


class GithubActionsTarget:
    """Deploys from a repository on GitHub by the workflows that the bundle has."""

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
                "the target github_actions needs a token",
                where="target",
                hint="set HUG_AGENTS_GITHUB_TOKEN (or GITHUB_TOKEN); docs/github_actions.md says what it must be allowed",
            )
        self.name = f"github_actions:{place.text}"
        self._place = place
        self._store = store
        self._client = Client(place.api, token, pace)
        self._tell = tell

    @cached_property
    def _branch(self) -> str:
        return self._place.branch or str(self._client.get(self._place.path).json()["default_branch"])

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Which files the pull request would add, change and delete. Raises OutputConflict for files that are not ours."""
        branch = self._branch
        for workflow in (DEPLOY, ROLLBACK):
            missing = _NEEDED - _inputs(bundle, workflow)
            if missing:
                raise UnsupportedError(
                    f"{_FOLDER}/{workflow} of the bundle does not take {', '.join(sorted(missing))}",
                    where=self.name,
                    hint="this target dispatches the workflows of toolchain github_actions, as they are rendered",
                )
        if branch != blueprint.spec.default_branch:
            raise UsageError(
                f"the workflows deploy from {blueprint.spec.default_branch}, and this target from {branch}",
                where=self.name,
                hint=f"?branch={blueprint.spec.default_branch}, or name {branch} as the default branch in the request",
            )
        head = read_branch(self._client, self._place, branch)
        wanted = changes(head, bundle, self._store, f"{self._place.owner}/{self._place.name}")
        protection = self._protection(branch, environment).missing()
        creates, updates, deletes = head.counts(wanted)
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base=head.matters(bundle),
            settings={
                "repository": f"{self._place.owner}/{self._place.name}",
                "branch": branch,
                "workflow": DEPLOY,
                "rollback": ROLLBACK,
                "protection": "\n".join(protection)[:9000] or "as it is",
            },
            creates=creates,
            updates=updates + bool(protection),
            deletes=deletes,
        )

    def apply(self, work: Work) -> Outcome:
        """Put the files on the branch, dispatch Deploy for the environment, follow it. Raises PlanStale; HttpError."""
        if work.order.action != "deploy":
            return not_alone(work.order)
        runs, name = self._runs(work, DEPLOY), correlation(work.order)
        run = runs.find(name)
        if run is None:
            head = read_branch(self._client, self._place, work.plan.settings["branch"])
            head.check_fresh(work, self._where(work))
            self._protection(work.plan.settings["branch"], work.order.environment).ensure()
            merged = self._pull_request(work, work.bundle, f"Deploy {work.blueprint.spec.application}").merge()
            run = runs.ensure(name, merged.commit, self._values(work, runs))
        if not read_commit(self._client, self._place, run.commit).holds(work.bundle):
            runs.cancel(run)
            runs.follow(name, run, self._tell)
            return Outcome(status="failed", detail=f"the branch moved: {run.url} ran other files, and was cancelled")
        return self._followed(work, runs, run)

    def rollback(self, work: Work) -> Outcome:
        """Back to the version before: the traffic by a run of Roll back, then the files on the branch."""
        runs, name = self._runs(work, ROLLBACK), correlation(work.order)
        run, done = runs.find(name), None
        if run is None:
            head = read_branch(self._client, self._place, work.plan.settings["branch"])
            if not any(self._pull_request(work, item).settled(head) for item in (work.bundle, work.previous)):
                return Outcome(
                    status="failed", detail=f"{self._where(work)} holds another bundle than would be rolled back"
                )
            done = self._needs_no_run(work)
            if done is None:
                if not head.holds(work.bundle):
                    return Outcome(status="failed", detail=f"{self._where(work)} has no workflow to roll back with")
                run = runs.ensure(name, head.commit, self._values(work, runs))
        if run is not None:
            done = self._followed(work, runs, run)
        if done is None or done.status == "failed":
            return done or Outcome(status="failed")
        merged = self._pull_request(work, work.previous, f"Roll back {work.blueprint.spec.application}").merge()
        more = {"commit": merged.commit} | ({"pull-request": merged.url} if merged.url else {})
        return done.model_copy(update={"outputs": {**done.outputs, **more}})

    def observe(self, work: Work) -> Observation:
        """What GitHub says of an order that was begun. Raises HttpError where GitHub cannot be asked."""
        workflow = ROLLBACK if work.order.action == "rollback" else DEPLOY
        runs, name = self._runs(work, workflow), correlation(work.order)
        try:
            run = runs.sought(name)
        except SeveralRuns as error:
            return Observation(state="unknown", evidence=str(error)[:9000])
        head = read_branch(self._client, self._place, work.plan.settings["branch"])
        if run is None:
            path = f"{self._place.path}/git/ref/heads/{_head_branch(work)}"
            if self._client.get(path, ok=(404,)).status == 200:
                return Observation(
                    state="partial", evidence=f"its pull request is being made; no run of {workflow} yet"
                )
            if work.order.action == "rollback" and self._pull_request(work, work.previous).settled(head):
                return Observation(state="partial", evidence="the files before are on the branch; no run of Roll back")
            return Observation(state="not_done", evidence=f"no run of {workflow} shows {name}")
        evidence = f"{run.url} is {run.status} {run.conclusion}".strip()
        if not run.ended or run.conclusion != "success":
            return Observation(state="partial", evidence=evidence)
        if work.order.action == "rollback" and not self._pull_request(work, work.previous).settled(head):
            return Observation(state="partial", evidence=f"{evidence}; the files before are not on the branch yet")
        return Observation(state="done", evidence=evidence)

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Files of the bundle that are missing or edited on the branch, and protection that was taken off."""
        branch = self._branch
        head = read_branch(self._client, self._place, branch)
        lines = head.differs(bundle)
        if bundle is not None:
            lines += self._protection(branch, environment).missing()
        evidence = f"{self._place.owner}/{self._place.name}, {branch} at {head.commit}"
        return Drift(status="drifted" if lines else "none", changes=tuple(lines), evidence=evidence)

    def cancel(self, work: Work) -> Outcome:
        """Stop the run of an order and see it end; the rendered Deploy then rolls back by itself."""
        runs = self._runs(work, ROLLBACK if work.order.action == "rollback" else DEPLOY)
        run = runs.find(correlation(work.order))
        if run is None:
            return Outcome(status="failed", detail="there is no run of this order")
        runs.cancel(run)
        ended = runs.follow(correlation(work.order), run, self._tell)
        return Outcome(status="done", detail=f"{ended.url} ended: {ended.conclusion}")

    def logs(self, work: Work, lines: int = 200) -> str:
        """The last lines of every job of the order's run, each with its job. Data, whoever wrote it."""
        runs = self._runs(work, ROLLBACK if work.order.action == "rollback" else DEPLOY)
        run = runs.find(correlation(work.order))
        if run is None:
            return ""
        rows = [f"{job.name}: {line}" for job in runs.jobs(run) for line in printed(runs.log(job))]
        return "\n".join(rows[-lines:])

    def _followed(self, work: Work, runs: Runs, run: Run) -> Outcome:
        self._tell(f"run {run.url}")
        ended = runs.follow(correlation(work.order), run, self._tell)
        environment = work.order.environment.name
        outputs = {
            "run": ended.url,
            "commit": ended.commit,
            "deployment": runs.deployment(ended, environment),
            "github-reviews": "; ".join(runs.reviews(ended))[:2000],
        }
        outputs = {key: value for key, value in outputs.items() if value}
        if ended.conclusion == "success":
            return Outcome(status="done", detail=f"{ended.url} succeeded", outputs=outputs)
        return Outcome(
            status="failed", detail=f"{ended.url} ended: {ended.conclusion}{self._why(runs, ended)}", outputs=outputs
        )

    def _why(self, runs: Runs, run: Run) -> str:
        """The steps that failed, and the last lines of what their jobs printed."""
        parts = []
        for job in runs.jobs(run):
            if job.conclusion in ("failure", "timed_out", "cancelled"):
                steps = [step.name for step in job.steps if step.conclusion == job.conclusion]
                parts.append(f"\n{job.name}: {', '.join(steps) or job.conclusion}")
                parts += [f"  {line}"[:500] for line in printed(runs.log(job))[-_LOG_LINES:]]
        return "\n".join(parts)[:8000]

    def _needs_no_run(self, work: Work) -> Outcome | None:
        """None: roll back. Else nothing of this bundle is left to roll back, or the pipeline failed at that itself.

        Rolling back once more would go one version too far.
        """
        environment = work.order.environment.name
        deploys = self._runs(work, DEPLOY)
        run = next((item for item in deploys.listed() if item.title.startswith(f"Deploy {environment} ")), None)
        if run is None or not read_commit(self._client, self._place, run.commit).holds(work.bundle):
            return Outcome(status="done", detail=f"this bundle was never deployed to {environment} by an order")
        title = f"Roll back {environment} "
        backs = (item for item in self._runs(work, ROLLBACK).listed() if item.title.startswith(title))
        if last := next((item for item in backs if item.conclusion == "success" and item.id > run.id), None):
            return Outcome(status="done", detail=f"it was rolled back already: {last.url}")
        if not run.ended:
            deploys.cancel(run)
            run = deploys.follow(run.title.split()[2], run, self._tell)
        if run.conclusion == "success":
            if work.previous is None:
                return Outcome(
                    status="failed",
                    detail=f"this is the first release in {environment}: its pipeline has no version to go back to; take it away "
                    "by hand, as docs/rollback-plan.md of the bundle says, or roll forward",
                )
            return None
        job = next((item for item in deploys.jobs(run) if item.name == f"Deploy to {environment}"), None)
        how = _step(job, "Roll back")
        if how == "success" or _step(job, "Roll out") in ("", "skipped"):
            return Outcome(status="done", detail=f"the pipeline had rolled back itself, or changed nothing: {run.url}")
        return Outcome(
            status="failed",
            detail=f"{run.url} did not end well, and its own rollback is {how or 'missing'}: look at {environment} before "
            "anything else is done there",
        )

    def _values(self, work: Work, runs: Runs) -> dict[str, str]:
        """The inputs of a dispatch."""
        values = {
            "environment": work.order.environment.name,
            "correlation": correlation(work.order),
            "packet": work.packet,
        }
        if "images_of" in _inputs(work.bundle, runs.file):
            # Built once a release: production gets the very images that staging had.
            own = [
                item
                for item in runs.listed()
                if item.conclusion == "success" and of_release(item.title, work.order.release)
            ]
            values["images_of"] = str(own[-1].id) if own else ""
        return values

    def _where(self, work: Work) -> str:
        return f"{work.plan.settings['branch']} of {work.plan.settings['repository']}"

    def _runs(self, work: Work, workflow: str) -> Runs:
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)
        return Runs(self._client, self._place, workflow, work.plan.settings["branch"])

    def _protection(self, branch: str, environment: Environment | EnvironmentIdentity) -> Protection:
        return Protection(self._client, self._place, branch, environment)

    def _pull_request(self, work: Work, bundle: Bundle | None, title: str = "") -> PullRequest:
        return PullRequest(
            client=self._client,
            place=self._place,
            store=self._store,
            base=work.plan.settings["branch"],
            work=work,
            bundle=bundle,
            title=title,
            branch=_head_branch(work),
            tell=self._tell,
        )


def _head_branch(work: Work) -> str:
    return f"hug/{correlation(work.order)}"


def _step(job: Job | None, name: str) -> str:
    """How a step ended, by the beginning of its name; empty if there is none."""
    found = [step.conclusion or step.status for step in job.steps if step.name.startswith(name)] if job else []
    return found[0] if found else ""


def _inputs(bundle: Bundle, workflow: str) -> frozenset[str]:
    """What a workflow of the bundle takes when it is dispatched."""
    path = f"{_FOLDER}/{workflow}"
    if path not in bundle:
        return frozenset()
    found: Any = yaml.safe_load(bundle[path].content)
    events = found.get("on", found.get(True)) if isinstance(found, dict) else None  # YAML 1.1 reads `on` as true
    dispatch = events.get("workflow_dispatch") if isinstance(events, dict) else None
    return frozenset(dispatch.get("inputs") or ()) if isinstance(dispatch, dict) else frozenset()
