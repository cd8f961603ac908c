"""The `terraform` target: exactly the approved plan file is applied, once, to the state that it was made on.

Terraform holds the desired state, so one apply is all of a release: what it configures replaces the running version (an ECS
service its tasks, in batches). Steps of traffic need a plan each, which nobody would have approved: they are refused.
"""

from __future__ import annotations

import json
from pathlib import Path

from hug_agents.adapters.images import pinned_images
from hug_agents.adapters.terraform import engine as messages
from hug_agents.adapters.terraform import saved as kept
from hug_agents.adapters.terraform.begun import begun, read_begun, seen
from hug_agents.adapters.terraform.commands import State, Terraform
from hug_agents.adapters.terraform.drift import compare
from hug_agents.adapters.terraform.left import LEFT, different, read_left
from hug_agents.adapters.terraform.plan import changes, shown, some
from hug_agents.adapters.terraform.record import Record, read_record
from hug_agents.adapters.terraform.site import Site
from hug_agents.adapters.terraform.workspace import Workspace, declares, has_record, root_of
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.canonical import digest
from hug_agents.errors import EnvironmentBusy, ProcessError, UnsupportedError, UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, PlanStale, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.process import Completed
from hug_agents.render.naming import KUBERNETES
from hug_agents.spec import Environment
from hug_agents.store import Store

_DESTROY = "destroy"


class TerraformTarget:
    """Works in the folder `folder`; logs go to the store's folder."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._site = Site(folder.resolve(), store)
        self.name = f"terraform:{self._site.base}"
        self.abilities = Abilities(strategies=frozenset(self._site.file.carries), hands_over=True, repeats=False)

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Make a plan file and say what it would do. Raises UnsupportedError, EnvironmentBusy, ProcessError."""
        return self._plan(bundle, blueprint, environment, previous, mode="apply")

    def plan_destroy(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None = None
    ) -> SavedPlan:
        """A plan that removes all that the state holds; only an order `destroy` carries it out."""
        return self._plan(bundle, blueprint, environment, previous, mode=_DESTROY)

    def apply(self, work: Work) -> Outcome:
        """Apply the approved plan file. Raises PlanStale, EnvironmentBusy, both with nothing changed."""
        order, settings = work.order, self._settings(work)
        if order.action not in ("deploy", "destroy"):
            return _refused(f"Terraform cannot {order.action}: one apply is all of a release")
        if (order.action == "destroy") != (settings["mode"] == _DESTROY):
            return _refused(f"the approved plan is to {settings['mode']}, not to {order.action}")
        if str(self._site.engine) != settings["engine"]:
            raise PlanStale(f"the plan was made by {settings['engine']}, and here is {self._site.engine}")
        if settings["place"] != self._site.file.about(order.environment.name):
            raise PlanStale("target.toml says something else now than when the plan was made")
        with self._site.open(work.bundle, work.blueprint, order.environment.name, self._site.log(work)) as terraform:
            path = kept.approved(terraform.workspace.folder.plans, work.plan)
            given = terraform.workspace.given
            if digest(given) != settings.get("variables", digest(given)):
                names = different(kept.variables(terraform.workspace.folder.plans, work.plan), given)
                raise PlanStale(f"the plan was made with other values than are given now for {some(names)}")
            if terraform.init() != settings["providers"]:
                raise PlanStale("the plan was made with other providers than the lock file now names")
            state = terraform.state()
            if state.base != work.plan.base:
                raise PlanStale(f"the state is {state.base}, and the plan was made on {work.plan.base}")
            terraform.show(path)
            return self._carried_out(terraform, work, path, self._arguments(terraform, work.plan))

    def rollback(self, work: Work) -> Outcome:
        """Plan and apply the previous bundle's root; without one, take away what this one made. Never what holds data."""
        settings = self._settings(work)
        bundle = work.previous or work.bundle
        with self._site.open(bundle, work.blueprint, work.order.environment.name, self._site.log(work)) as terraform:
            terraform.init()
            arguments = self._back(terraform, work, bundle)
            workspace = terraform.workspace
            if gone := [name for name in workspace.given_otherwise() if name not in workspace.given]:
                return _refused(f"the release was given {some(gone)}, and nothing gives it now: set TF_VAR_{gone[0]}")
            if "-destroy" in arguments:
                state, before = terraform.state(), settings["resources-before"]
                if before != "0":
                    return _refused(
                        f"{before} resources were there before this release, and would go with what it made"
                    )
                if not state.resources:
                    return Outcome(status="done", detail="nothing is there, as before")
            try:
                planned = terraform.plan(*arguments)
            except ProcessError as error:
                return _refused(str(error))
            if not planned.differs:
                return Outcome(status="done", detail="the state and the world are those of the previous bundle")
            found = changes(planned.document)
            if data := found.data(self._site.file.holds_data):
                return _refused(f"it would lose data with {some(data)}; ship a fix forward, or move the data first")
            if taken := [item for item in found.of("replaced", "destroyed") if item in work.plan.imports]:
                return _refused(
                    f"it would destroy {some(taken)}, which was there before this release and was only imported; ship a "
                    "release whose root keeps it, or lets it go by a block `removed`"
                )
            return self._carried_out(terraform, work, planned.path, arguments)

    def observe(self, work: Work) -> Observation:
        """Ask the state, a new plan, and what Terraform wrote when it was last started for this.

        Raises EnvironmentBusy while a Terraform is still at work: nobody has to guess, it is waited for.
        """
        self._settings(work)
        back = work.order.action == "rollback"
        bundle = (work.previous or work.bundle) if back else work.bundle
        try:
            with self._site.open(
                bundle, work.blueprint, work.order.environment.name, self._site.log(work)
            ) as terraform:
                terraform.init()
                state = terraform.state()
                began = read_begun(terraform.said(work.order))
                arguments = self._back(terraform, work, bundle) if back else self._arguments(terraform, work.plan)
                planned = terraform.plan(*arguments)
                emptied = "-destroy" in arguments and not state.resources
                found = seen(work, state, began, planned, emptied=emptied)
                planned.path.unlink(missing_ok=True)
                if found.state in ("partial", "not_done") and (names := terraform.workspace.given_otherwise()):
                    said = f"it was given other values for {some(names)} than are given now: give those, and resume"
                    found = Observation(state="unknown", evidence=f"{said}. {found.evidence}"[:9_000])
                return found.model_copy(update={"evidence": terraform.clean(found.evidence)})
        except ProcessError as error:
            return Observation(state="unknown", evidence=str(error)[:5_000])

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Compare world and state (refresh-only), then state and bundle (a plan). Both with Terraform's exit codes."""
        try:
            return compare(self._site, bundle, blueprint, environment)
        except (EnvironmentBusy, ProcessError) as error:
            return Drift(status="unknown", evidence=str(error)[:5_000])

    def logs(self, work: Work, lines: int = 200) -> str:
        """The end of what Terraform said about an order; secrets were masked when it was written."""
        try:
            text = self._site.log(work).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None, *, mode: str
    ) -> SavedPlan:
        spec = blueprint.spec
        refuse(bundle, blueprint, environment)
        log = self._site.logs / f"{spec.application}-{environment.name}-plan.log"
        with self._site.open(bundle, blueprint, environment.name, log) as terraform:
            workspace = terraform.workspace
            providers = terraform.init()
            terraform.validate()
            state = terraform.state()
            _not_another(workspace, state)
            settings = {
                "mode": mode,
                "root": workspace.below,
                "state": workspace.state_place,
                "engine": str(self._site.engine),
                "providers": providers,
                "place": self._site.file.about(environment.name),
                "variables": digest(workspace.given),
                "resources-before": str(len(state.resources)),
            }
            if has_record(bundle, environment.name):
                before = read_record(terraform.outputs())
                if before.status == "moving":
                    raise UsageError(
                        f"the release {before.id} of {environment.name} is not finished",
                        where="output release",
                        hint=f"first: deploy/deploy.sh rollback {environment.name}",
                    )
                after = before
                if mode != _DESTROY:
                    images = pinned_images(spec, self._site.images(spec.application))
                    after = before.released(images, bundle.digest().removeprefix("sha256:")[:16])
                settings |= {"release": after.text(), "release-before": before.text()}
            saved = SavedPlan(
                target=self.name,
                environment=EnvironmentIdentity.of(environment),
                bundle=bundle.digest(),
                previous=previous.digest() if previous else None,
                base=state.base,
                settings=settings,
                destroys=mode == _DESTROY,
            )
            planned = terraform.plan(*self._arguments(terraform, saved))
            found = changes(planned.document)
            saved = saved.model_copy(
                update={
                    "creates": len(found.of("created")),
                    "updates": len(found.of("changed", "imported", "moved")) + len(found.outputs),
                    "imports": found.imports,
                    "moves": found.moves,
                    "changes": shown(terraform.clean(line) for line in found.told()),
                    "replaces": found.of("replaced"),
                    "deletes": found.of("destroyed", "forgotten"),
                    "data": found.data(self._site.file.holds_data),
                }
            )
            for line in found.lines():
                terraform.log.say(line)
            return kept.keep(workspace.folder.plans, planned, saved, workspace.given)

    def _carried_out(self, terraform: Terraform, work: Work, path: Path, arguments: tuple[str, ...]) -> Outcome:
        """Apply a plan file, then see whether a new plan is empty."""
        folder = terraform.workspace.folder
        done = terraform.apply(path, terraform.said(work.order))
        if done.code or done.stopped:
            return self._failed(terraform, work, done)
        kept.forget(folder.plans)
        for said in folder.runs.glob("*.jsonl"):
            said.unlink(missing_ok=True)
        summary = next(
            (
                str(item.get("@message"))
                for item in messages.events(done.stdout)
                if item.get("type") == "change_summary"
            ),
            "applied",
        )
        after = terraform.plan(*arguments)
        state = terraform.state()
        terraform.workspace.leave(state.lineage, state.serial)
        emptied = "-destroy" in arguments and not state.resources
        left = some(changes(after.document).lines()) if after.differs and not emptied else ""
        after.path.unlink(missing_ok=True)
        if left:
            return Outcome(
                status="failed",
                detail=terraform.clean(f"{summary} But a new plan is not empty, so this never comes to rest: {left}")[
                    :9_000
                ],
            )
        checks = "".join(f" {item}." for item in messages.failed_checks(done.stdout))
        return Outcome(
            status="done",
            detail=terraform.clean(f"{summary} A new plan is empty.{checks} State: {state.base}")[:9_000],
            outputs={**_shown(terraform), "state": state.base},
        )

    def _failed(self, terraform: Terraform, work: Work, done: Completed) -> Outcome:
        if messages.is_stale(done.stdout):
            raise PlanStale("Terraform refused the plan: the state is not the one that it was made on")
        why = terraform.clean(messages.explain(done))
        found = begun(done.stdout)
        if messages.lock_held(done.stdout) and not found.started:
            raise messages.busy(why, work.order.environment.name)
        if done.stopped:
            why = f"stopped after {self._site.file.apply_seconds} s"
        kept.forget(terraform.workspace.folder.plans)
        state = terraform.state()
        terraform.workspace.leave(state.lineage, state.serial)
        same = not found.started and work.order.action != "rollback" and state.base == work.plan.base
        return Outcome(status="failed", detail=f"{why} ({found}). State: {state.base}"[:9_000], untouched=same)

    def _settings(self, work: Work) -> dict[str, str]:
        """What was approved with the plan. Raises UsageError for a plan of another target."""
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)
        return work.plan.settings

    def _arguments(self, terraform: Terraform, plan: SavedPlan) -> tuple[str, ...]:
        """The arguments that a plan was made with."""
        destroy = ("-destroy",) if plan.settings["mode"] == _DESTROY else ()
        record = plan.settings.get("release")
        return (*destroy, *(terraform.workspace.give("release", json.loads(record)) if record else ()))

    def _back(self, terraform: Terraform, work: Work, bundle: Bundle) -> tuple[str, ...]:
        """The arguments that return to what was there before: its record; without one, and without a bundle, nothing.

        A root that is told what is released keeps what stands still (networks, databases): only the release goes.
        """
        terraform.workspace.move_back(work.plan.moves)
        if has_record(bundle, work.order.environment.name):
            record = work.plan.settings.get("release-before") or Record().text()
            return terraform.workspace.give("release", json.loads(record))
        return () if work.previous else ("-destroy",)


def refuse(bundle: Bundle, blueprint: Blueprint, environment: Environment) -> None:
    """Raises UnsupportedError for a bundle of which Terraform would carry only a part."""
    root = root_of(bundle, environment.name)
    if bundle.under(f"{KUBERNETES}/"):
        raise UnsupportedError(
            "Terraform would build the cluster, and nobody would put the application there",
            where="target",
            hint="hand the manifests to what watches a branch: write:PATH",
        )
    if declares(bundle, root, "release") and blueprint.rollout.strategy != "rolling":
        raise UnsupportedError(
            f"a {blueprint.rollout.strategy} release on ECS is steps of traffic, each a plan that nobody has approved",
            where="strategy",
            hint="choose rolling, or let deploy/deploy.sh carry it out: write:PATH and its pipeline",
        )


def _not_another(workspace: Workspace, state: State) -> None:
    """Raises UsageError where the state is not the one that the last apply left, or an older copy of it."""
    left = read_left(workspace.folder.path)
    if left and left.lineage and (state.lineage != left.lineage or state.serial < left.serial):
        raise UsageError(
            f"the state is {state.base}, and the last apply left {left.lineage} serial {left.serial}: a plan would build "
            "again what is there already",
            where=workspace.state_place if not workspace.is_local else str(workspace.folder.state),
            hint="put it back (a local one has a .backup beside it, a bucket keeps versions); where another state is meant, "
            f"delete {workspace.folder.path / LEFT}",
        )


def _refused(why: str) -> Outcome:
    return Outcome(status="failed", detail=f"nothing was changed: {why}"[:9_000], untouched=True)


def _shown(terraform: Terraform) -> dict[str, str]:
    """Outputs as an outcome names them; what is not text, as JSON."""
    shown = {}
    for name, value in terraform.outputs().items():
        key = name.lower().replace("_", "-")[:40].strip("-")
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        if key[:1].isalpha() and name != "release":
            shown[key] = terraform.clean(text)[:2_000]
    return shown
