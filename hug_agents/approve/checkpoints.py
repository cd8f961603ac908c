"""The four human checkpoints of a release: what each is for, who signs by default, and what a reviewer goes through."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from hug_agents.plans import Role
from hug_agents.spec import Line, Model

CheckpointId = Literal["pre_deployment", "staging_validation", "rollback_drill", "production_go_no_go"]
CHECKPOINT_IDS: tuple[CheckpointId, ...] = get_args(CheckpointId)
"""In the order of a release: each needs the ones before it."""


class Checkpoint(Model):
    """One of the mission's four governance checkpoints."""

    id: CheckpointId
    name: Line
    purpose: Line
    roles: tuple[Role, ...] = Field(description="who signs, by the default policy")
    opens: Literal["staging", "production"] = Field(description="the role of the environments that it lets change")
    checklist: tuple[Line, ...] = Field(description="the questions that a reviewer answers before signing")

    @property
    def earlier(self) -> tuple[CheckpointId, ...]:
        """The checkpoints that must have been approved for the same bundle before this one."""
        return CHECKPOINT_IDS[: CHECKPOINT_IDS.index(self.id)]


CHECKPOINTS = (
    Checkpoint(
        id="pre_deployment",
        name="Pre-Deployment Approval",
        purpose="Sign off the deployment plan and the readiness of the environments.",
        roles=("Operations Engineer", "Security Engineer"),
        opens="staging",
        checklist=(
            "Does the plan do what the request asks for, and is every unmet requirement acceptable?",
            "Is everything that the plan deletes or replaces meant to go, and is its data safe?",
            "Do staging and production differ only where they are meant to?",
            "Are secrets only referred to, and is access as narrow as it can be?",
            "Is each waived finding understood, and is its reason still true?",
            "Do monitors and alerts cover the objectives, and does the rollback plan name who acts?",
            "Is the capacity enough for the load that is expected?",
        ),
    ),
    Checkpoint(
        id="staging_validation",
        name="Staging Validation",
        purpose="Judge the smoke tests in staging and check by hand what they cannot see.",
        roles=("Site Reliability Engineer",),
        opens="staging",
        checklist=(
            "Did every smoke test pass on exactly this version?",
            "Were the main paths tried by hand, also those that a smoke test does not see?",
            "Are logs, metrics and alerts of the new version arriving, and free of new errors?",
            "Is latency and memory in line with the version before?",
        ),
    ),
    Checkpoint(
        id="rollback_drill",
        name="Rollback Drill",
        purpose="Verify that the rollback of exactly this bundle works, and how long it takes.",
        roles=("Site Reliability Engineer",),
        opens="staging",
        checklist=(
            "Was the rollback of this very bundle run, and did traffic and desired state both go back?",
            "Is the measured time within what the rollback plan and the objectives allow?",
            "Is every step that cannot be undone known, with its forward fix?",
            "Do the people on call know the runbook, and was it followed as written?",
        ),
    ),
    Checkpoint(
        id="production_go_no_go",
        name="Production Go/No-Go",
        purpose="Review metrics and risks a last time before production.",
        roles=("Operations Engineer", "Site Reliability Engineer"),
        opens="production",
        checklist=(
            "Has nothing changed since staging but the environment?",
            "Do the metrics of staging and the error budget of production allow a change now?",
            "Is each risk of the assessment accepted, with its reason?",
            "Is someone watching during the rollout, and does that person know how to stop it?",
            "Are the window, freezes and other changes at this time clear?",
        ),
    ),
)


def checkpoint(name: CheckpointId) -> Checkpoint:
    """One checkpoint by its id."""
    return CHECKPOINTS[CHECKPOINT_IDS.index(name)]
