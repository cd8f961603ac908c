"""Taking back what was promoted, after its release has ended."""

from __future__ import annotations

from hug_agents.errors import NeedsPerson, UsageError
from hug_agents.execute.dossier import Dossier
from hug_agents.execute.executor import RELEASE, Executor
from hug_agents.execute.register import Registered
from hug_agents.rollout.back import take_back
from hug_agents.rollout.deployment import Deployment, note_ended
from hug_agents.rollout.run import Run, Tell
from hug_agents.spec import DeploymentSpec


def where_it_runs(executor: Executor, release: Registered, spec: DeploymentSpec, environment: str | None) -> str:
    """The environment whose bundle of this release is to be taken back; default: the last one of production.

    Raises UsageError when something else runs there now.
    """
    there = {item.environment: item.release for item in executor.register.everything(release.application)}
    mine = [item.name for item in spec.environments if there.get(item.name) == release.id]
    if environment is None:
        production = {item.name for item in spec.production}
        mine = [name for name in mine if name in production]
    elif environment in mine:
        return environment
    if environment is not None or not mine:
        listed = ", ".join(f"{name}: {item}" for name, item in there.items()) or "nothing"
        raise UsageError(
            f"what this release put into {environment or 'production'} does not run there now",
            where=release.id,
            hint=f"what runs where: {listed}"[:500],
        )
    return mine[-1]


def take_back_promoted(
    executor: Executor, dossier: Dossier, reason: str, *, tell: Tell = lambda *_: None
) -> Deployment:
    """Roll back what a release put into the environment of this dossier, and note what runs there now.

    Raises NotApproved without a signed word of today; EnvironmentBusy; NeedsPerson, and the environment stays held.
    """
    run = Run(executor, dossier, RELEASE, tell)
    register, application = executor.register, run.contents.spec.application
    register.lock(dossier.release, application, run.environment, ended_too=True)
    try:
        back = take_back(run, reason)
    except NeedsPerson:
        raise
    except BaseException:  # whatever it was: where nothing is under way, others may use it
        if not any(item.state == "started" for item in executor.journal.of(dossier.release)):
            register.unlock(dossier.release)
        raise
    went = Deployment(
        environment=run.environment,
        bundle=dossier.bundle,
        plan=dossier.plan,
        steps=(),
        outcome=back,
        how="rolled_back" if back.status == "done" else "failed",
    )
    note_ended(executor, dossier, went, let_go=True)
    return went
