"""The target: `deploy` is a merged pull request and one run of Deploy; `rollback` one run of Roll back, then the files.

The pipeline carries the strategy out. A run is known by the correlation in its name, which is the order's key: whoever
asks again, after whatever, finds it and follows it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from heapq import merge
from itertools import islice
from typing import Any

import yaml

from hug_agents.adapters.forge import Pace, correlation, if_known, last, not_alone, of_release, quoted
from hug_agents.adapters.github_actions.client import Client
from hug_agents.adapters.github_actions.environments import Protection
from hug_agents.adapters.github_actions.files import put_pin, read_branch, read_commit, read_pin
from hug_agents.adapters.github_actions.place import Place
from hug_agents.adapters.github_actions.pull_request import Merged, PullRequest
from hug_agents.adapters.github_actions.runs import Job, Run, Runs, SeveralRuns
from hug_agents.adapters.tree import Head, apart, changes, known
from hug_agents.adapters.way_back import AGAIN, How, Past, ordered_back
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
            merged = self._put(work, work.bundle, "Deploy")
            run = runs.ensure(name, merged.commit, self._values(work, runs, work.bundle, name))
        done = self._followed(work, runs, run)
        if done.status == "done":
            put_pin(self._client, self._place, work.order.environment.name, run.commit)
        return done

    def rollback(self, work: Work) -> Outcome:
        """Back to the version before: the traffic by a run of Roll back, then the files on the branch.

        Where the pipeline has forgotten that version, its files come first, and Deploy brings it.
        """
        found, done = self._found(work), None
        if found is None:
            head = read_branch(self._client, self._place, work.plan.settings["branch"])
            there = read_pin(self._client, self._place, work.order.environment.name)
            way = ordered_back(work, self._where(work), head, there, self._past(work))
            if isinstance(way, Outcome):
                done = way
            else:
                found = self._begun_back(work, head, again=way == "deploy_before")
        if found is not None:
            done = self._followed(work, *found)
        if done is None or done.status == "failed":
            return done or Outcome(status="failed", detail=f"{self._where(work)} has no workflow to roll back with")
        merged = self._put(work, work.previous, "Roll back")
        put_pin(self._client, self._place, work.order.environment.name, merged.commit)
        more = {"commit": merged.commit} | ({"pull-request": merged.url} if merged.url else {})
        return done.model_copy(update={"outputs": {**done.outputs, **more}})

    def observe(self, work: Work) -> Observation:
        """What GitHub says of an order that was begun. Raises HttpError where GitHub cannot be asked."""
        back, name = work.order.action == "rollback", correlation(work.order)
        try:
            found = self._found(work)
        except SeveralRuns as error:
            return Observation(state="unknown", evidence=str(error)[:9000])
        head = read_branch(self._client, self._place, work.plan.settings["branch"])
        if found is None:
            path = f"{self._place.path}/git/ref/heads/{_head_branch(work)}"
            if self._client.get(path, ok=(404,)).status == 200:
                return Observation(state="partial", evidence="its pull request is being made; no run of it yet")
            if back and head.settled(work.previous):
                return Observation(state="partial", evidence="the files before are on the branch; no run of it")
            return Observation(state="not_done", evidence=f"no run shows {name}")
        run = found[1]
        evidence = f"{run.url} is {run.status} {run.conclusion}".strip()
        if not run.ended or run.conclusion != "success":
            return Observation(state="partial", evidence=evidence)
        there = read_pin(self._client, self._place, work.order.environment.name)
        if there is None or not there.settled(work.previous if back else work.bundle):
            return Observation(state="partial", evidence=f"{evidence}; its files are not noted as what is there yet")
        return Observation(state="done", evidence=evidence)

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Another bundle in the environment, files edited on the branch, and protection that was taken off.

        The branch may hold what another environment runs: a release on its way, or one that was taken back here.
        """
        branch = self._branch
        head = read_branch(self._client, self._place, branch)
        there = read_pin(self._client, self._place, environment.name)
        others = (item.name for item in blueprint.spec.environments if item.name != environment.name)
        lines = apart(head, there, bundle, (read_pin(self._client, self._place, name) for name in others))
        if bundle is not None:
            lines += self._protection(branch, environment).missing()
        evidence = f"{self._place.owner}/{self._place.name}, {branch} at {head.commit}, {environment.name} at " + (
            there.commit if there else "no commit that is noted"
        )
        return Drift(status="drifted" if lines else "none", changes=tuple(lines), evidence=evidence)

    def cancel(self, work: Work) -> Outcome:
        """Stop the run of an order and see it end; the rendered Deploy then rolls back by itself."""
        found = self._found(work)
        if found is None:
            return Outcome(status="failed", detail="there is no run of this order")
        runs, run = found
        runs.cancel(run)
        ended = runs.follow(_name(work, runs), run, self._tell)
        return Outcome(status="done", detail=f"{ended.url} ended: {ended.conclusion}")

    def logs(self, work: Work, lines: int = 200) -> str:
        """The last lines of every job of the order's run, each with its job. Data, whoever wrote it."""
        found = self._found(work)
        if found is None:
            return ""
        runs, run = found
        rows = [f"{job.name}: {line}" for job in runs.jobs(run) for line in last(runs.log(job), lines)]
        return "\n".join(rows[-lines:])

    def _followed(self, work: Work, runs: Runs, run: Run) -> Outcome:
        self._tell(f"run {run.url}")
        name, files = _name(work, runs), work.previous if work.order.action == "rollback" else work.bundle
        if runs.file == DEPLOY and files is not None and not self._ran(run, files):
            runs.cancel(run)
            runs.follow(name, run, self._tell)
            return Outcome(status="failed", detail=f"the branch moved: {run.url} ran other files, and was cancelled")
        ended = runs.follow(name, run, self._tell)
        environment = work.order.environment.name
        outputs = {
            "run": ended.url,
            "commit": ended.commit,
            "deployment": if_known(lambda: runs.deployment(ended, environment)),
            "github-reviews": if_known(lambda: "; ".join(runs.reviews(ended)))[:2000],
        }
        outputs = {key: value for key, value in outputs.items() if value}
        if ended.conclusion == "success":
            return Outcome(status="done", detail=f"{ended.url} succeeded", outputs=outputs)
        said = outputs.get("github-reviews", "")
        rows = [f"{ended.url} ended: {ended.conclusion}", said if "rejected by " in said else ""]
        rows.append(if_known(lambda: self._why(runs, ended)))
        return Outcome(status="failed", detail="\n".join(filter(None, rows)), outputs=outputs)

    def _why(self, runs: Runs, run: Run) -> str:
        """The steps that failed, and the last lines that their jobs printed until then."""
        parts = []
        for job in runs.jobs(run):
            if job.conclusion in ("failure", "timed_out", "cancelled"):
                steps = [step.name for step in job.steps if step.conclusion == job.conclusion]
                parts.append(f"{job.name}: {', '.join(steps) or job.conclusion}")
                parts += quoted(partial(_log_to_the_error, runs, job))
        return "\n".join(parts)[:8000]

    def _past(self, work: Work) -> Iterator[Past]:
        """What ran in the environment, the newest first. A deployment of this bundle that is under way is stopped."""
        environment = work.order.environment.name
        deploys, backs = self._runs(work, DEPLOY), self._runs(work, ROLLBACK)
        listed = (
            (run for run in deploys.listed() if run.title.startswith(f"Deploy {environment} ")),
            (run for run in backs.listed() if run.title.startswith(f"Roll back {environment} ")),
        )
        for run in merge(*listed, key=lambda item: item.id, reverse=True):
            if run.title.startswith("Roll back "):
                yield Past("rollback", "success" if run.conclusion == "success" else "failed", ours=False, url=run.url)
                continue
            name = run.title.split()[2]
            ours = not name.endswith(AGAIN) and self._ran(run, work.bundle)
            if ours and not run.ended:
                deploys.cancel(run)
                run = deploys.follow(name, run, self._tell)  # noqa: PLW2901 - the same run, at its end
            yield Past("deploy", self._left(deploys, run, environment), ours, run.url)

    def _left(self, runs: Runs, run: Run, environment: str) -> How:
        """What a run of Deploy left behind; one that has not come to its end leaves nobody knows what."""
        if run.conclusion == "success" or not run.ended:
            return "success" if run.ended else "failed"
        job = next((item for item in runs.jobs(run) if item.name == f"Deploy to {environment}"), None)
        if _step(job, "Roll out") in ("", "skipped"):
            return "untouched"
        return "undone" if _step(job, "Roll back") == "success" else "failed"

    def _begun_back(self, work: Work, head: Head, *, again: bool) -> tuple[Runs, Run] | None:
        """The run that leads back: of Roll back, or `again` of Deploy with the files before. None: no workflow is there."""
        if again:
            head = read_commit(self._client, self._place, self._put(work, work.previous, "Roll back").commit)
        held = next(
            (item for item in (work.bundle, work.previous, known(head, self._store)) if item and head.holds(item)), None
        )
        runs = self._runs(work, DEPLOY if again else ROLLBACK)
        if held is None or _NEEDED - _inputs(held, runs.file):
            return None
        name = _name(work, runs)
        return runs, runs.ensure(name, head.commit, self._values(work, runs, held, name))

    def _values(self, work: Work, runs: Runs, bundle: Bundle, name: str) -> dict[str, str]:
        """The inputs of a dispatch."""
        values = {"environment": work.order.environment.name, "correlation": name, "packet": work.packet}
        if "images_of" in _inputs(bundle, runs.file):
            # Built once a release: production gets the very images that staging had, and the way back those of then.
            good = (item for item in runs.listed() if item.conclusion == "success")
            if bundle is work.bundle:
                own = [item for item in good if of_release(item.title, work.order.release)][-1:]
            else:
                own = list(islice((item for item in good if self._ran(item, bundle)), 1))
            values["images_of"] = str(own[0].id) if own else ""
        return values

    def _ran(self, run: Run, bundle: Bundle) -> bool:
        return read_commit(self._client, self._place, run.commit).holds(bundle)

    def _found(self, work: Work) -> tuple[Runs, Run] | None:
        """The run of an order, and of which workflow. Raises SeveralRuns."""
        back = work.order.action == "rollback"
        for runs in (self._runs(work, ROLLBACK), self._runs(work, DEPLOY)) if back else (self._runs(work, DEPLOY),):
            if run := runs.sought(_name(work, runs)):
                return runs, run
        return None

    def _put(self, work: Work, bundle: Bundle | None, what: str) -> Merged:
        return self._pull_request(work, bundle, f"{what} {work.blueprint.spec.application}").merge()

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


def _log_to_the_error(runs: Runs, job: Job) -> str:
    """A job's log up to the first error that the runner marked: behind it other steps, and every action, clean up."""
    before, mark, after = runs.log(job).partition("##[error]")
    return before + mark + after.partition("\n")[0]


def _head_branch(work: Work) -> str:
    return f"hug/{correlation(work.order)}"


def _name(work: Work, runs: Runs) -> str:
    """The correlation of an order's run of this workflow."""
    return correlation(work.order) + (AGAIN if work.order.action == "rollback" and runs.file == DEPLOY else "")


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
