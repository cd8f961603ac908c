"""The pipeline's credentials step and the role that it assumes: one changed, and both places are named."""

from __future__ import annotations

from functools import cache

import pytest

from hug_agents.bundle import Bundle
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.render import render
from hug_agents.validate import run_gates
from tests.examples import ALL
from tests.validate.coherence.test_coherence import changed

TF, CFN, PU = "terraform", "cloudformation", "pulumi"
STAGING = "infrastructure/terraform/environments/staging/pipeline.tf"
PRODUCTION = "infrastructure/cloudformation/environments/production/template.yaml"
IDENTITIES = "infrastructure/pulumi/identities.py"


@cache
def made(ci: str, iac: str) -> tuple[Bundle, Blueprint]:
    spec = ALL["ecs_canary"]()
    blueprint = plan(spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"iac": iac, "ci": ci})}))
    return render(blueprint), blueprint


@pytest.mark.parametrize("iac", [TF, CFN, PU])
@pytest.mark.parametrize("ci", ["github_actions", "gitlab_ci", "circleci", "jenkins"])
def test_what_is_rendered_agrees(ci: str, iac: str) -> None:
    bundle, blueprint = made(ci, iac)
    (result,) = run_gates(bundle, blueprint, only=["coherence"])
    assert result.status == "passed", result.findings


@pytest.mark.parametrize(
    ("ci", "iac", "path", "old", "new", "rule", "message"),
    [
        # the role trusts what no job presents
        ("github_actions", TF, STAGING, ":environment:staging", ":environment:stage", "subject", "deploy.yml:"),
        ("gitlab_ci", TF, STAGING, '"https://${var.gitlab_host}"', '"sts.amazonaws.com"', "audience", "deploy.yml:"),
        ("gitlab_ci", CFN, PRODUCTION, "branch:ref:main", "branch:ref:release", "subject", "deploy.yml:"),
        ("gitlab_ci", PU, IDENTITIES, "ref_type:branch:ref:main", "ref_type:tag:ref:main", "subject", "deploy.yml:"),
        ("circleci", CFN, PRODUCTION, "????-????????????/vcs", "????-*/vcs", "subject", "config.yml:"),
        ("circleci", PU, IDENTITIES, "audience=circleci_organization_id", "audience=repository", "audience", "config.yml:"),
        ("circleci", TF, STAGING, "/vcs-ref/refs/heads/main", "/vcs-ref/*", "subject", "config.yml:"),
        ("jenkins", TF, STAGING, "payments-api-staging-aws", "payments-api-production-aws", "audience", "Jenkinsfile:"),
        ("jenkins", CFN, PRODUCTION, "/job/drift/", "/job/*/", "subject", "Jenkinsfile:"),
        ("jenkins", PU, IDENTITIES, "/job/rollback/", "/job/anything/", "subject", "Jenkinsfile:"),
        # the job presents what no role trusts
        ("github_actions", CFN, ".github/workflows/deploy.yml", "role-to-assume: ${{ vars.AWS_ROLE_ARN }}",
         "audience: other\n          role-to-assume: ${{ vars.AWS_ROLE_ARN }}", "audience", "'staging: other'"),
        ("gitlab_ci", PU, ".gitlab/ci/rollback.yml", "aud: $CI_SERVER_URL", "aud: sts.amazonaws.com", "audience", "aws.com'"),
        ("circleci", TF, ".circleci/config.yml", "${CIRCLE_OIDC_TOKEN_V2:?the job has no context}\" --d",
         "${CIRCLE_OIDC_TOKEN:?the job has no context}\" --d", "subject", "????????????'"),
        ("jenkins", CFN, "jenkins/rollback.Jenkinsfile", "credentialsId: 'payments-api-staging-aws'",
         "credentialsId: 'payments-api-aws'", "audience", "'staging: payments-api-aws'"),
        # the page sends people to an output that there is not
        ("jenkins", CFN, "jenkins/DEPLOYMENT.md", "output `DeployRoleArn`", "output `RoleArn`", "output", "says 'BuildRoleArn'"),
        ("gitlab_ci", TF, ".gitlab/DEPLOYMENT.md", "output `build_role_arn`", "output `push_role_arn`", "output", "build_role_arn"),
    ],
)  # fmt: skip
def test_either_side_changed_is_found(
    ci: str, iac: str, path: str, old: str, new: str, rule: str, message: str
) -> None:
    bundle, blueprint = made(ci, iac)
    content = bundle[path].content
    assert old in content
    at = content.index(old)
    tampered = changed(bundle, path, content[:at] + new + content[at + len(old) :])
    (result,) = run_gates(tampered, blueprint, only=["coherence"])
    found = [item for item in result.findings if item.rule == rule]
    assert result.status == "failed" and found, result.findings
    line = content.count("\n", 0, at) + 1
    here = [item for item in found if item.file == path and abs(item.line - line) <= 3]
    there = [item for item in found if f"{path}:" in item.message]
    assert here or there, found
    assert any(message in item.message for item in found), found


def test_another_folder_of_jenkins_is_found() -> None:
    bundle, blueprint = made("jenkins", TF)
    content = bundle["jenkins/jobs.groovy"].content.replace("def folder = 'payments-api'", "def folder = 'payments'")
    (result,) = run_gates(changed(bundle, "jenkins/jobs.groovy", content), blueprint, only=["coherence"])
    found = [item for item in result.findings if item.file == STAGING]
    assert found and all("/job/payments/job/" in item.message and "enkinsfile:" in item.message for item in found)


def test_roles_of_ones_own_are_nobodys_business() -> None:
    spec = ALL["kubernetes_rolling"]()
    blueprint = plan(spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"ci": "circleci"})}))
    (result,) = run_gates(render(blueprint), blueprint, only=["coherence"])
    assert result.status == "passed", result.findings
