"""One session that is recorded once and replayed: a good release, a bad one, and the way back.

Its bundle is a small one, so that no change of a renderer changes the recording. What its workflows take and show is what
the rendered ones do: tests/adapters/github_actions/test_cassette.py compares them.
"""

from __future__ import annotations

from pathlib import Path

from hug_agents.adapters.forge import Pace
from hug_agents.adapters.github_actions.place import Place
from hug_agents.adapters.github_actions.target import GithubActionsTarget
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Artifact, Bundle
from hug_agents.execute.target import Action, Drift, Observation, Order, Outcome, SavedPlan, Work
from hug_agents.planning import plan
from hug_agents.spec import Model
from hug_agents.store import Store
from tests.examples import ALL

SPEC = ALL["kubernetes_rolling"]()
STAGING = next(item for item in SPEC.environments if item.role == "staging")
WORKFLOW = """name: {name}
run-name: ${{{{ inputs.correlation && format('{name} {{0}} {{1}} {{2}}', inputs.environment, inputs.correlation, inputs.packet) || '' }}}}
on:
  workflow_dispatch:
    inputs:
      environment:
        type: choice
        options: [staging, production]
      correlation:
        type: string
        default: ""
      packet:
        type: string
        default: ""
permissions: {{}}
jobs:
  go:
    name: {job}
    runs-on: ubuntu-24.04
    environment:
      name: staging
    steps:
      - name: {step}
        id: rollout
        run: {command}
      - name: Roll back
        if: failure() && steps.rollout.outcome != 'skipped'
        run: echo back on the version before
"""  # noqa: E501 - a run-name is one line


class Told(Model):
    """What a session came to."""

    first: Outcome
    unchanged: Drift
    second: Outcome
    back: Outcome
    seen: Observation
    log: str
    told: tuple[str, ...]


def small(command: str) -> Bundle:
    """A bundle of two workflows and a script."""
    files = {
        ".github/workflows/deploy.yml": WORKFLOW.format(
            name="Deploy", job="Deploy to staging", step="Roll out", command=command
        ),
        ".github/workflows/rollback.yml": WORKFLOW.format(
            name="Roll back", job="Roll back staging", step="Go back", command="echo back"
        ),
        "deploy/notes.md": f"{command}\n",
    }
    rows = [Artifact(path=path, content=text, system="github_actions") for path, text in files.items()]
    return Bundle("sha256:" + "5" * 64, rows)


# The pause: act drops what a command prints just before it fails.
GOOD, BAD = small("echo 200"), small("echo the new version answers 500; sleep 1; exit 1")


def session(api: str, store_folder: Path, token: str, pace: Pace) -> Told:
    """The session."""
    store = Store(store_folder)
    for item in (GOOD, BAD):
        store.put_bundle(item)
    told: list[str] = []
    target = GithubActionsTarget(Place.parse(f"acme/ledger?api={api}"), store, token, pace=pace, tell=told.append)
    # The address of the emulator is another one each time; what is recorded says the same each time.
    target.name = "github_actions:acme/ledger"
    blueprint = plan(SPEC)

    def work(saved: SavedPlan, release: str, action: Action, bundle: Bundle, previous: Bundle | None) -> Work:
        order = Order(
            release=release,
            environment=EnvironmentIdentity.of(STAGING),
            action=action,
            step=1,
            bundle=bundle.digest(),
            plan=saved.digest(),
        )
        packet = "sha256:" + "1" * 64
        return Work(order, saved, blueprint, bundle, previous, packet=packet, approved_by=("ana", "ben"))

    saved = target.plan(GOOD, blueprint, STAGING, None)
    first = target.apply(work(saved, "r1", "deploy", GOOD, None))
    unchanged = target.drift(GOOD, blueprint, STAGING)
    saved = target.plan(BAD, blueprint, STAGING, GOOD)
    bad = work(saved, "r2", "deploy", BAD, GOOD)
    second = target.apply(bad)
    back = work(saved, "r2", "rollback", BAD, GOOD)
    return Told(
        first=first,
        unchanged=unchanged,
        second=second,
        log=target.logs(bad),
        back=target.rollback(back),
        seen=target.observe(back),
        told=tuple(told),
    )
