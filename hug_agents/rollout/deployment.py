"""One deployment: a bundle goes into one environment, step by step, is watched, and comes back by itself when it is bad."""

from __future__ import annotations

from typing import TypeVar

from pydantic import Field

from hug_agents.approve.identity import Digest
from hug_agents.bundle import Manifest
from hug_agents.execute.dossier import Dossier
from hug_agents.execute.executor import RELEASE, Executor
from hug_agents.execute.register import DeploymentOutcome, Running
from hug_agents.execute.target import Outcome, SavedPlan
from hug_agents.plans import RollbackPlan
from hug_agents.rollout.back import take_back
from hug_agents.rollout.run import Run, Stopped, Tell
from hug_agents.rollout.smoke import SmokeReport
from hug_agents.rollout.steps import Step, steps_of
from hug_agents.rollout.verdict import Verdict
from hug_agents.rollout.watch import begin, note_reference, readings, watch
from hug_agents.spec import DeploymentSpec, Line, Model, Name, Text

Found = TypeVar("Found", SmokeReport, Verdict)


class Trouble(Model):
    """Why a rollout must not go on. Written down before anything is taken back."""

    reason: Text
    step: int
    verdict: Verdict | None = None
    untouched: bool = False
    effect: Line = Field(
        "", description="what the target was to do and did not; empty: it was watched, or people said so"
    )
    logs: Text = ""


class Deployment(Model):
    """How a deployment went, as one document: evidence of the next checkpoint's packet."""

    environment: Name
    bundle: Digest
    plan: Digest
    steps: tuple[Step, ...]
    outcome: Outcome
    how: DeploymentOutcome = "deployed"
    trouble: Trouble | None = None
    verdicts: tuple[Verdict, ...] = ()
    smoke: SmokeReport | None = None


def deploy(executor: Executor, dossier: Dossier, *, series: str = RELEASE, tell: Tell = lambda *_: None) -> Deployment:
    """Carry out every step, watching each. What fails, is bad or is aborted is taken back; a drill's is left.

    Called again, it goes on where it stopped. Raises what `Executor.carry_out` raises, and NeedsPerson.
    """
    run = Run(executor, dossier, series, tell)
    contents = run.contents
    production = contents.environment.role == "production"
    first, able = contents.previous is None, run.target.abilities
    steps = tuple(steps_of(contents.blueprint.rollout, able, production=production, first=first))
    known = run.marked("trouble")
    trouble = executor.store.get_model(Trouble, known) if known else None
    if series == RELEASE and trouble is None:
        executor.authorise(dossier, contents)
        run.record("deployment_began")
    outcome = Outcome(status="done")
    if trouble is None:
        for item in steps:
            try:
                if item is steps[0]:
                    note_reference(run, steps)
                outcome = _step(run, item)
                trouble = _failed(item, outcome)
            except Stopped as stop:
                said = run.marked(f"verdict {item.step}")
                trouble = Trouble(
                    reason=str(stop),
                    step=item.step,
                    verdict=executor.store.get_model(Verdict, said) if said else None,
                    untouched=not _begun(run),
                )
            if trouble:
                trouble = trouble.model_copy(update={"logs": "" if trouble.untouched else run.logs(item)[-8_000:]})
                run.mark("trouble", executor.store.put_model(trouble))
                break
    how: DeploymentOutcome = "deployed"
    if trouble:
        how, outcome = "failed", Outcome(status="failed", detail=trouble.reason, untouched=trouble.untouched)
        if series == RELEASE and not trouble.untouched:
            tell("trouble", trouble)
            back = take_back(run, trouble.reason)
            how = "rolled_back" if back.status == "done" else "failed"
            outcome = Outcome(status="failed", detail=_said(trouble.reason, back, contents.blueprint.rollback))
    run.record("deployment_ended", how, trouble.reason if trouble else "")
    return Deployment(
        environment=contents.environment.name,
        bundle=dossier.bundle,
        plan=dossier.plan,
        steps=steps,
        outcome=outcome,
        how=how,
        trouble=trouble,
        verdicts=_found(run, "verdict", steps, Verdict),
        smoke=next(reversed(_found(run, "smoke", steps, SmokeReport)), None),
    )


def note_ended(executor: Executor, dossier: Dossier, went: Deployment, *, let_go: bool = False) -> None:
    """Tell the register how a deployment ended and what runs there now. `let_go`: the release holds nothing afterwards."""
    register, store = executor.register, executor.store
    saved = store.get_model(SavedPlan, dossier.plan)
    application = store.get_model(DeploymentSpec, store.get_model(Manifest, dossier.bundle).spec).application
    release, bundle, plan = dossier.release, dossier.bundle, dossier.plan
    runs: Running | None = None
    if went.how == "rolled_back" and saved.previous:
        bundle, plan = saved.previous, ""
        release = register.who_put(application, went.environment, bundle) or release
    if went.how == "deployed" or bundle != dossier.bundle:
        runs = Running(
            application=application,
            environment=went.environment,
            release=release,
            bundle=bundle,
            plan=plan,
            target=saved.target,
        )
    register.deployed(
        dossier.release, application, went.environment, dossier.bundle, went.how, runs=runs, let_go=let_go
    )


def _step(run: Run, item: Step) -> Outcome:
    """One order, its smoke tests and its watch. Raises Stopped when the new version must not stay."""
    begun = run.executor.begun(
        run.dossier, run.contents, item.action, step=item.step, weight=item.weight, series=run.series
    )
    if not begun:
        run.poll(item)
    run.tell("effect", f"{run.environment}: {item.action} {item.weight} %")
    counted = readings(run) if item.watched and item.action == "shift" else None
    outcome = run.executor.carry_out(run.dossier, item.action, step=item.step, weight=item.weight, series=run.series)
    if outcome.status == "failed":
        return outcome
    if item.watched and item.action == "shift":
        begin(run, item, counted)
    report = run.smoke() if item.smoked and not run.marked(f"smoke {item.step}") else None
    if report is not None:
        run.tell("smoke", (run.environment, item, report))
        if report.outcome == "failed":
            raise Stopped(f"smoke tests after {item.action} {item.weight} %: {report.reason}")
        run.mark(f"smoke {item.step}", run.executor.store.put_model(report))
    if item.watched and (verdict := watch(run, item)) and verdict.outcome == "bad":
        raise Stopped(f"{verdict.reason} (at {item.weight} % of the traffic)")
    return outcome


def _found(run: Run, name: str, steps: tuple[Step, ...], kind: type[Found]) -> tuple[Found, ...]:
    """What was written down at each step, by this process or by one before it."""
    marks = (run.marked(f"{name} {item.step}") for item in steps)
    return tuple(run.executor.store.get_model(kind, mark) for mark in marks if mark)


def _begun(run: Run) -> bool:
    """Whether anything of this rollout was done, or may have been."""
    return any(
        effect.state != "intended" and (effect.order.series, effect.order.plan) == (run.series, run.dossier.plan)
        for effect in run.executor.journal.of(run.dossier.release)
    )


def _failed(item: Step, outcome: Outcome) -> Trouble | None:
    if outcome.status == "done":
        return None
    untouched = outcome.untouched and item.step <= 1
    return Trouble(
        reason=outcome.detail or f"{item.action} failed", step=item.step, untouched=untouched, effect=item.action
    )


def _said(reason: str, back: Outcome, plan: RollbackPlan) -> str:
    how = "rolled back" if back.status == "done" else f"not rolled back ({back.detail})"
    left = "".join(f"; not undone: {item.what}: {item.forward_fix}" for item in plan.irreversible)
    return f"{reason[:1000]}; {how}{left}"[:2000]
