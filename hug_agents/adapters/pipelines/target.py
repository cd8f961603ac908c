"""The target: `deploy` is a commit on the branch and one run of the deployment; `rollback` one run back, then the files.

The pipeline carries the strategy out. A run is known by the correlation among its parameters, which is the order's key:
whoever asks again, after whatever, finds it and follows it on.
"""

from __future__ import annotations

from collections.abc import Callable

from hug_agents.adapters.forge import Pace, correlation, not_alone, printed, trailers
from hug_agents.adapters.pipelines.branch import Branch
from hug_agents.adapters.pipelines.place import Place
from hug_agents.adapters.pipelines.records import Kind, Record, Records, now
from hug_agents.adapters.pipelines.runner import ABILITIES, Run, Runner, SeveralRuns
from hug_agents.adapters.tree import Head
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError, UnsupportedError, UsageError
from hug_agents.execute.target import Drift, Observation, Outcome, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment
from hug_agents.store import Store

_LOG_LINES = 40


class PipelineTarget:
    """Deploys from a git repository by the pipelines that the bundle has, on a CI system of its own."""

    abilities = ABILITIES

    def __init__(
        self,
        place: Place,
        runner: Runner,
        store: Store,
        *,
        pace: Pace | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.name = place.text
        self._place = place
        self._runner = runner
        self._branch = Branch(place.repository, place.branch, store)
        self._records = Records(store, self.name)
        self._pace = pace or Pace()
        self._tell = tell or (lambda _: None)

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Which files the commit would add, change and delete. Raises OutputConflict for files that are not ours."""
        if missing := self._runner.lacks(bundle):
            raise UnsupportedError(
                f"the bundle has not {', '.join(missing)}"[:300],
                where=self.name,
                hint=f"this target starts the pipelines of toolchain {self._place.kind}, as they are rendered",
            )
        if self._place.branch != blueprint.spec.default_branch:
            raise UsageError(
                f"the pipelines deploy from {blueprint.spec.default_branch}, and this target from {self._place.branch}",
                where=self.name,
                hint=f"?branch={blueprint.spec.default_branch}, or name {self._place.branch} as the default branch in the request",
            )
        head = self._branch.head()
        wanted = self._branch.changes(head, bundle)
        creates, updates, deletes = head.counts(wanted)
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base=head.matters(bundle),
            settings={
                "repository": self._place.repository,
                "branch": self._place.branch,
                "pipelines": self._place.where,
            },
            creates=creates,
            updates=updates,
            deletes=deletes,
        )

    def apply(self, work: Work) -> Outcome:
        """Put the files on the branch, start the deployment of the environment, follow it. Raises PlanStale; HttpError."""
        self._mine(work)
        if work.order.action != "deploy":
            return not_alone(work.order)
        name = correlation(work.order)
        run = self._found("deploy", name)
        if run is None:
            head = self._branch.head()
            head.check_fresh(work, self._where)
            commit = self._put(work, head, work.bundle, f"Deploy {work.blueprint.spec.application}")
            run = self._ensure("deploy", work, commit, self._images(work))
        if run.commit and not self._branch.at(run.commit).holds(work.bundle):
            self._runner.cancel(run)
            ended = self._follow("deploy", name, run)
            return Outcome(status="failed", detail=f"the branch moved: {ended.url} ran other files, and was cancelled")
        return self._followed("deploy", work, run)

    def rollback(self, work: Work) -> Outcome:
        """Back to the version before: the traffic by a run of the rollback, then the files on the branch."""
        self._mine(work)
        name = correlation(work.order)
        run, done = self._found("rollback", name), None
        if run is None:
            head = self._branch.head()
            if not any(self._branch.settled(head, item) for item in (work.bundle, work.previous)):
                return Outcome(status="failed", detail=f"{self._where} holds another bundle than would be rolled back")
            done = self._needs_no_run(work)
            if done is None:
                if not head.holds(work.bundle):
                    return Outcome(status="failed", detail=f"{self._where} has no pipeline to roll back with")
                run = self._ensure("rollback", work, head.commit, {})
        if run is not None:
            done = self._followed("rollback", work, run)
        if done is None or done.status == "failed":
            return done or Outcome(status="failed")
        commit = self._put(work, self._branch.head(), work.previous, f"Roll back {work.blueprint.spec.application}")
        return done.model_copy(update={"outputs": {**done.outputs, "commit": commit}})

    def observe(self, work: Work) -> Observation:
        """What the CI system says of an order that was begun. Raises HttpError where it cannot be asked."""
        self._mine(work)
        kind, name = self._kind(work), correlation(work.order)
        try:
            run = self._found(kind, name)
        except SeveralRuns as error:
            return Observation(state="unknown", evidence=str(error)[:9000])
        head = self._branch.head()
        back = work.order.action == "rollback"
        settled = self._branch.settled(head, work.previous if back else work.bundle)
        if run is None:
            said = f"no run of the {kind} shows {name}"
            if settled and (back or self._records.get(name) is not None):
                return Observation(state="partial", evidence=f"the files are on the branch; {said}")
            return Observation(state="not_done", evidence=said)
        evidence = f"{run.url} is {run.state} {run.result}".strip()
        if run.result != "success":
            return Observation(state="partial", evidence=evidence)
        if back and not settled:
            return Observation(state="partial", evidence=f"{evidence}; the files before are not on the branch yet")
        return Observation(state="done", evidence=evidence)

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Files of the bundle that are missing or edited on the branch."""
        head = self._branch.head()
        lines = head.differs(bundle)
        return Drift(
            status="drifted" if lines else "none", changes=tuple(lines), evidence=f"{self._where} at {head.commit}"
        )

    def cancel(self, work: Work) -> Outcome:
        """Stop the run of an order and see it end."""
        kind, name = self._kind(work), correlation(work.order)
        run = self._found(kind, name)
        if run is None:
            return Outcome(status="failed", detail="there is no run of this order")
        self._runner.cancel(run)
        ended = self._follow(kind, name, run)
        return Outcome(status="done", detail=f"{ended.url} ended: {ended.result}")

    def logs(self, work: Work, lines: int = 200) -> str:
        """The last lines that the order's run printed. Data, whoever wrote it."""
        run = self._found(self._kind(work), correlation(work.order))
        return "\n".join(printed(self._runner.log(run))[-lines:]) if run is not None else ""

    def _followed(self, kind: Kind, work: Work, run: Run) -> Outcome:
        self._tell(f"run {run.url}")
        ended = self._follow(kind, correlation(work.order), run)
        outputs = {key: value for key, value in (("run", ended.url), ("commit", ended.commit)) if value}
        if ended.result == "success":
            return Outcome(status="done", detail=f"{ended.url} succeeded", outputs=outputs)
        failed = [f"{part.name}: {part.state}" for part in self._runner.parts(ended) if part.failed]
        rows = [*failed, *(f"  {line}"[:500] for line in printed(self._runner.log(ended))[-_LOG_LINES:])]
        why = "\n".join(("", *rows))
        return Outcome(status="failed", detail=f"{ended.url} ended: {ended.result}{why}"[:9000], outputs=outputs)

    def _needs_no_run(self, work: Work) -> Outcome | None:
        """None: roll back. Else nothing of this bundle is left to roll back, or the pipeline failed at that itself.

        Rolling back once more would go one version too far.
        """
        environment = work.order.environment.name
        last = next(iter(self._records.latest(environment)), None)
        if last is not None and last.kind == "rollback" and last.result == "success":
            return Outcome(status="done", detail=f"it was rolled back already: {last.run}")
        record = next((item for item in self._records.latest(environment) if item.kind == "deploy"), None)
        run = self._found("deploy", record.name) if record is not None else None
        if record is None or run is None or record.bundle != work.bundle.digest():
            return Outcome(status="done", detail=f"this bundle was never deployed to {environment} by an order")
        if not run.ended:
            self._runner.cancel(run)
            run = self._follow("deploy", record.name, run)
        left = "" if run.result == "success" else self._runner.undone(run, environment)
        if left in ("untouched", "undone"):
            return Outcome(status="done", detail=f"the pipeline had rolled back itself, or changed nothing: {run.url}")
        if left == "failed":
            return Outcome(
                status="failed",
                detail=f"{run.url} did not end well, and its own rollback failed: look at {environment} before anything else is "
                "done there",
            )
        if work.previous is None:
            return Outcome(
                status="failed",
                detail=f"this is the first release in {environment}: its pipeline has no version to go back to; take it away "
                "by hand, as docs/rollback-plan.md of the bundle says, or roll forward",
            )
        return None

    def _found(self, kind: Kind, name: str) -> Run | None:
        """The order's run; where one may be on its way, until it must have appeared."""
        record = self._records.get(name)
        found = self._runner.find(kind, name, record)
        if found is not None or record is None:
            return found
        waited = (now() - record.claimed).total_seconds()
        run: Run | None = self._pace.until(
            max(0.0, self._pace.settle - waited), lambda: self._runner.find(kind, name, record)
        )
        return run

    def _ensure(self, kind: Kind, work: Work, commit: str, images: dict[str, str]) -> Run:
        """The order's run: found, or started. A request is never sent again as such, whatever becomes of its answer."""
        name, environment = correlation(work.order), work.order.environment.name
        found = self._found(kind, name)
        if found is not None:
            return found
        record = Record(
            name=name,
            kind=kind,
            environment=environment,
            release=work.order.release,
            bundle=work.bundle.digest(),
            commit=commit,
            claimed=now(),
        )
        self._records.put(record)
        run: Run | None
        lost: HttpError | None = None
        try:
            run = self._runner.start(kind, name, environment, work.packet, commit, images)
        except HttpError as error:
            if error.status is not None and error.status < 500:
                self._records.drop(name)
                raise
            lost = error
            run = self._pace.until(self._pace.settle, lambda: self._runner.find(kind, name, record))
        if run is None:
            raise lost or HttpError(f"no run shows the correlation {name}", where=self.name)
        self._records.put(record.model_copy(update={"run": run.id}))
        return run

    def _follow(self, kind: Kind, name: str, run: Run) -> Run:
        """Look at a run until it ends, telling each change. Raises HttpError if that takes too long."""
        told: dict[str, str] = {}

        def look() -> Run | None:
            seen = self._runner.get(kind, run)
            lines = {"run": f"{seen.state} {seen.result or seen.said}".strip()}
            lines |= {part.name: part.state for part in self._runner.parts(seen)}
            for what, how in lines.items():
                if told.get(what) != how:
                    self._tell(f"{what}: {how}")
            told.update(lines)
            return seen if seen.ended else None

        ended: Run | None = self._pace.until(self._pace.follow, look)
        if ended is None:
            raise HttpError(
                f"the run is not at its end after {self._pace.follow / 3600:.1f} h",
                where=run.url,
                hint="resume follows it on",
            )
        record = self._records.get(name)
        if record is not None and not record.result:
            images = self._runner.images(ended) if kind == "deploy" and ended.result == "success" else {}
            self._records.put(record.model_copy(update={"run": ended.id, "result": ended.result, "images": images}))
        return ended

    def _images(self, work: Work) -> dict[str, str]:
        """Built once a release: production gets the very images that staging had."""
        if not self._runner.takes_images(work.bundle):
            return {}
        bundle = work.bundle.digest()
        own = (item for item in self._records.of_release(work.order.release) if item.bundle == bundle and item.images)
        first = next(own, None)
        return first.images if first is not None else {}

    def _put(self, work: Work, head: Head, bundle: Bundle | None, title: str) -> str:
        """The commit at which the branch holds the bundle: as it is, or made."""
        if self._branch.settled(head, bundle):
            return head.commit
        commit = self._branch.put(head, bundle, f"{title}\n\n{trailers(work, bundle)}\n")
        self._tell(f"{self._where} is at {commit}")
        return commit

    def _mine(self, work: Work) -> None:
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)

    @property
    def _where(self) -> str:
        return f"{self._place.branch} of {self._place.repository}"

    @staticmethod
    def _kind(work: Work) -> Kind:
        return "rollback" if work.order.action == "rollback" else "deploy"
