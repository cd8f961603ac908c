"""The roles of AWS as the pages of the pipelines tell of them: where each comes from, and what the infrastructure is told."""

from __future__ import annotations

from typing import Any

from hug_agents.render.infrastructure.aws.trust import Trust, trust
from hug_agents.render.infrastructure.pulumi_program import REGISTRY_STACK
from hug_agents.render.naming import TERRAFORM
from hug_agents.render.pipelines.places import Place, in_aws
from hug_agents.render.templating import Safe, code
from hug_agents.spec import DeploymentSpec

_OWN = "a role of yours"


def roles(spec: DeploymentSpec) -> dict[str, Any]:
    """Values for the pages."""
    iac = spec.toolchain.iac
    written = trust(spec) if iac and any(in_aws(spec, item) for item in spec.environments) else None
    build = {
        "terraform": f"output `build_role_arn` of `{TERRAFORM}/registry`",
        "cloudformation": "output `BuildRoleArn` of the registry's stack",
        "pulumi": f"output `build_role_arn` of the stack `{REGISTRY_STACK}`",
    }

    def deploy(place: Place) -> Safe:
        if not written:
            what = "describe the cluster and deploy to its namespace" if place.cluster else "deploy here"
            return Safe(f"{_OWN} that may {what}")
        outputs = {
            "terraform": f"output `deploy_role_arn` of {code(f'{TERRAFORM}/environments/{place.name}')}",
            "cloudformation": "output `DeployRoleArn` of its stack",
            "pulumi": f"output `deploy_role_arn` of the stack {code(place.name)}",
        }
        return Safe(outputs[iac or ""])

    return {
        "roles_written": written is not None,
        "build_role": Safe(build[iac or ""] if written else f"{_OWN} that may push to the registry"),
        "deploy_role": deploy,
        "settings_said": _settings(spec, written) if written else Safe(""),
    }


def _settings(spec: DeploymentSpec, pipeline: Trust) -> Safe:
    told = [item for item in pipeline.settings if item.name != "repository" or spec.toolchain.ci == "circleci"]
    names, where = {
        "cloudformation": ([item.pascal for item in told], "`Parameters` of each `stack.json`"),
        "pulumi": ([f"{spec.application}:{item.camel}" for item in told], "each `Pulumi.STACK.yaml`"),
    }.get(spec.toolchain.iac or "", ([item.name for item in told], "`terraform.tfvars` beside each root"))
    return Safe(f"{', '.join(code(name) for name in names)} in {where}")
