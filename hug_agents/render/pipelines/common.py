"""What every pipeline is filled with, whichever system carries it out: the same roles, places, images and limits."""

from __future__ import annotations

from typing import Any

from hug_agents.facts import tool
from hug_agents.plans import Blueprint
from hug_agents.render.naming import DEPLOY_SCRIPT, SMOKE_SCRIPT
from hug_agents.render.pipelines.builds import builds, given_images, registry
from hug_agents.render.pipelines.places import drill_place, in_aws, places, timing
from hug_agents.render.pipelines.roles import roles
from hug_agents.render.pipelines.schedule import DRIFT_CRON, drill_cron, windows
from hug_agents.render.pipelines.suites import suites
from hug_agents.render.pipelines.syntax import command, made, words
from hug_agents.render.templating import Safe

EVERY_PLACE = "every environment"
"""What the input `environment` of a deployment says by itself; the name of an environment has no space."""
BY_ORDER = "Hug-Order:"
"""A commit whose message says this was put there for an order: the push starts nothing, the order starts a run."""


_BUCKETS = {"terraform": "TF_STATE_BUCKET", "pulumi": "PULUMI_STATE_BUCKET", "cloudformation": "TEMPLATE_BUCKET"}
"""The variable that may name another bucket than the deploy script does."""


def common(blueprint: Blueprint, longest_job: int) -> dict[str, Any]:
    """The values of a pipeline's templates, where no job may take more than `longest_job` minutes."""
    spec = blueprint.spec
    found = places(blueprint)
    chosen = spec.toolchain
    aws = any(in_aws(spec, item) for item in spec.environments)
    return {
        "application": spec.application,
        "branch": spec.default_branch,
        "made": made,
        "words": words,
        "command": command,
        "every_place": Safe(EVERY_PLACE),
        "by_order": Safe(BY_ORDER),
        "repository_known": spec.repository is not None,
        "terraform_version": tool("terraform"),
        "script": Safe(DEPLOY_SCRIPT),
        "smoke": Safe(SMOKE_SCRIPT),
        "places": found,
        "timing": timing(blueprint, longest_job),
        "windows": "\n".join(windows(spec)),
        "windows_said": windows(spec),
        "registry": registry(spec),
        "builds": builds(spec),
        "given": given_images(spec),
        "suites": suites(spec),
        "kubernetes": spec.toolchain.runtime == "kubernetes",
        "terraform": chosen.iac == "terraform" and aws,
        "cloudformation": chosen.iac == "cloudformation" and aws,
        "cfn_lint_version": tool("cfn-lint"),
        "pulumi": spec.toolchain.iac == "pulumi",
        "pulumi_version": tool("pulumi"),
        "mypy_version": tool("mypy"),
        "spinnaker": spec.toolchain.rollout == "spinnaker",
        "nomad": spec.toolchain.runtime == "nomad",
        "nomad_version": tool("nomad"),
        "argo": chosen.rollout == "argo_rollouts",
        "argo_version": tool("kubectl-argo-rollouts"),
        # Its deploy script rolls back only if given images are what runs, so nobody has to ask before.
        "by_images": chosen.runtime in ("kubernetes", "nomad"),
        "measured": chosen.runtime in ("kubernetes", "nomad") and chosen.rollout is None,
        "bucket": Safe(_BUCKETS.get(chosen.iac or "", "") if chosen.runtime == "ecs" else ""),
        "prometheus": "prometheus" in spec.toolchain.monitors,
        "drill": drill_place(found),
        "cron": drill_cron(spec.drill_every_days),
        "drift_cron": DRIFT_CRON,
        "drill_every_days": spec.drill_every_days,
        **roles(spec),
        "strategy": spec.strategy.kind,
        # What the drill carries out: the steps that have a command. The others are people's.
        "expected_seconds": sum(step.expected_seconds for step in blueprint.rollback.steps if step.command),
    }
