"""The target: `deploy` is a commit on the branch and one run of the deployment; `rollback` one run back, then the files.

The pipeline carries the strategy out. A run is known by the correlation among its parameters, which is the order's key:
whoever asks again, after whatever, finds it and follows it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hug_agents.adapters.forge import Pace, correlation, if_known, last, not_alone, quoted, trailers
from hug_agents.adapters.pins import Pins
from hug_agents.adapters.pipelines.branch import Branch
from hug_agents.adapters.pipelines.place import Place
from hug_agents.adapters.pipelines.records import Kind, Record, Records, now
from hug_agents.adapters.pipelines.runner import ABILITIES, Run, Runner, SeveralRuns
from hug_agents.adapters.tree import Head, apart, known
from hug_agents.adapters.way_back import AGAIN, How, Past, ordered_back
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError, UnsupportedError, UsageError
from hug_agents.execute.target import Drift, Observation, Outcome, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment
from hug_agents.store import Store


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
        self._store = store
        self._pins = Pins(store, self.name)
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
            run = self._ensure("deploy", name, work, work.bundle, commit)
        done, commit = self._followed(work, "deploy", name, run)
        if done.status == "done":
            self._pins.put(work.order.environment.name, commit)
        return done

    def rollback(self, work: Work) -> Outcome:
        """Back to the version before: the traffic by a run of the rollback, then the files on the branch.

        Where the pipeline has forgotten that version, its files come first, and a deployment brings it.
        """
        self._mine(work)
        found, done = self._of(work), None
        environment = work.order.environment.name
        if found is None:
            head, there = self._branch.head(), self._there(environment)
            way = ordered_back(work, self._where, head, there, self._past(work))
            if isinstance(way, Outcome):
                done = way
            else:
                found = self._begun_back(work, head, again=way == "deploy_before")
        if found is not None:
            done, _ = self._followed(work, *found)
        if done is None or done.status == "failed":
            return done or Outcome(status="failed", detail=f"{self._where} has no pipeline to roll back with")
        commit = self._put(work, self._branch.head(), work.previous, f"Roll back {work.blueprint.spec.application}")
        self._pins.put(environment, commit)
        return done.model_copy(update={"outputs": {**done.outputs, "commit": commit}})

    def observe(self, work: Work) -> Observation:
        """What the CI system says of an order that was begun. Raises HttpError where it cannot be asked."""
        self._mine(work)
        back, name = work.order.action == "rollback", correlation(work.order)
        try:
            found = self._of(work)
        except SeveralRuns as error:
            return Observation(state="unknown", evidence=str(error)[:9000])
        wanted = work.previous if back else work.bundle
        if found is None:
            said = f"no run of the {work.order.action} shows {name}"
            settled = self._branch.settled(self._branch.head(), wanted)
            if settled and (back or self._records.get(name) is not None):
                return Observation(state="partial", evidence=f"the files are on the branch; {said}")
            return Observation(state="not_done", evidence=said)
        run = found[2]
        evidence = f"{run.url} is {run.state} {run.result}".strip()
        if run.result != "success":
            return Observation(state="partial", evidence=evidence)
        there = self._there(work.order.environment.name)
        if there is None or not there.settled(wanted):
            return Observation(state="partial", evidence=f"{evidence}; its files are not noted as what is there yet")
        return Observation(state="done", evidence=evidence)

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Another bundle in the environment, and files edited on the branch: see `apart`."""
        head = self._branch.head()
        others = (item.name for item in blueprint.spec.environments if item.name != environment.name)
        lines = apart(head, self._there(environment.name), bundle, (self._there(name) for name in others))
        return Drift(
            status="drifted" if lines else "none", changes=tuple(lines), evidence=f"{self._where} at {head.commit}"
        )

    def cancel(self, work: Work) -> Outcome:
        """Stop the run of an order and see it end."""
        found = self._of(work)
        if found is None:
            return Outcome(status="failed", detail="there is no run of this order")
        self._runner.cancel(found[2])
        ended = self._follow(*found)
        return Outcome(status="done", detail=f"{ended.url} ended: {ended.result}")

    def logs(self, work: Work, lines: int = 200) -> str:
        """The last lines that the order's run printed. Data, whoever wrote it."""
        found = self._of(work)
        return "\n".join(last(self._runner.log(found[2]), lines)) if found is not None else ""

    def _of(self, work: Work) -> tuple[Kind, str, Run] | None:
        """The run of an order, of which pipeline, and its correlation. Raises SeveralRuns."""
        name = correlation(work.order)
        ways: tuple[tuple[Kind, str], ...] = (("deploy", name),)
        if work.order.action == "rollback":
            ways = (("rollback", name), ("deploy", name + AGAIN))
        found = ((kind, own, self._found(kind, own)) for kind, own in ways)
        return next(((kind, own, run) for kind, own, run in found if run is not None), None)

    def _followed(self, work: Work, kind: Kind, name: str, run: Run) -> tuple[Outcome, str]:
        """How a run ended, and the commit that it was of."""
        files = work.previous if work.order.action == "rollback" else work.bundle
        if kind == "deploy" and files is not None and run.commit and not self._branch.at(run.commit).holds(files):
            self._runner.cancel(run)
            ended = self._follow(kind, name, run)
            detail = f"the branch moved: {ended.url} ran other files, and was cancelled"
            return Outcome(status="failed", detail=detail), ended.commit
        self._tell(f"run {run.url}")
        ended = self._follow(kind, name, run)
        record = self._records.get(name)
        commit = ended.commit or (record.commit if record is not None else "")
        outputs = {key: value for key, value in (("run", ended.url), ("commit", ended.commit)) if value}
        if ended.result == "success":
            return Outcome(status="done", detail=f"{ended.url} succeeded", outputs=outputs), commit
        why = if_known(lambda: self._why(ended))
        detail = f"{ended.url} ended: {ended.result}\n{why}".rstrip()[:9000]
        return Outcome(status="failed", detail=detail, outputs=outputs), commit

    def _why(self, run: Run) -> str:
        """The parts that failed, and the last lines that the run printed."""
        failed = [f"{part.name}: {part.state}" for part in self._runner.parts(run) if part.failed]
        return "\n".join((*failed, *quoted(lambda: self._runner.log(run))))

    def _past(self, work: Work) -> Iterator[Past]:
        """What ran in the environment, the newest first. A deployment of this bundle that is under way is stopped."""
        environment = work.order.environment.name
        for record in self._records.latest(environment):
            how: How = "success" if record.result == "success" else "failed"
            ours = record.bundle == work.bundle.digest() and not record.name.endswith(AGAIN)
            url = record.run or record.name
            if record.kind == "deploy" and how != "success":
                run = self._found("deploy", record.name)
                if run is None:
                    continue  # it was never started
                if ours and not run.ended:
                    self._runner.cancel(run)
                    run = self._follow("deploy", record.name, run)
                url = run.url
                if run.ended:
                    how = "success" if run.result == "success" else self._runner.undone(run, environment)
            yield Past(record.kind, how, ours and record.kind == "deploy", url)

    def _begun_back(self, work: Work, head: Head, *, again: bool) -> tuple[Kind, str, Run] | None:
        """The run that leads back: of the rollback, or `again` of a deployment of the files before. None: none is there."""
        name = correlation(work.order) + (AGAIN if again else "")
        if again and work.previous is not None:
            commit = self._put(work, head, work.previous, f"Roll back {work.blueprint.spec.application}")
            return "deploy", name, self._ensure("deploy", name, work, work.previous, commit)
        held = next(
            (item for item in (work.bundle, work.previous, known(head, self._store)) if item and head.holds(item)), None
        )
        if held is None or self._runner.lacks(held):
            return None
        return "rollback", name, self._ensure("rollback", name, work, work.bundle, head.commit)

    def _there(self, environment: str) -> Head | None:
        """The commit that an environment was left with."""
        commit = self._pins.get(environment)
        return self._branch.at(commit) if commit else None

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

    def _ensure(self, kind: Kind, name: str, work: Work, bundle: Bundle, commit: str) -> Run:
        """The run of this correlation: found, or started. A request is never sent again as such, whatever becomes of its answer."""
        environment = work.order.environment.name
        found = self._found(kind, name)
        if found is not None:
            return found
        images = self._images(work, bundle) if kind == "deploy" else {}
        record = Record(
            name=name,
            kind=kind,
            environment=environment,
            release=work.order.release,
            bundle=bundle.digest(),
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

    def _images(self, work: Work, bundle: Bundle) -> dict[str, str]:
        """Built once a release: production gets the very images that staging had, and the way back those of then."""
        if not self._runner.takes_images(bundle):
            return {}
        wanted = bundle.digest()
        places = (item.name for item in work.blueprint.spec.environments)
        own = self._records.of_release(work.order.release)
        every = own if bundle is work.bundle else (item for place in places for item in self._records.latest(place))
        first = next((item for item in every if item.bundle == wanted and item.images), None)
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
