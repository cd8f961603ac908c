"""Whose tokens a role trusts, held against tokens as each vendor documents them: the right job gets in, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hug_agents.bundle import Bundle
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.render import render
from hug_agents.render.infrastructure.aws.trust import BUILD, TRUSTS, spelled, trust
from hug_agents.spec import DeploymentSpec
from hug_agents.validate.coherence import identities
from hug_agents.validate.policy.facts import Facts
from tests.examples import ALL
from tests.render.infrastructure.test_pulumi import declare, of
from tests.render.orchestration.template_value import Made

CIRCLE, PROJECT, USER = (f"{number}a0e1b2c-3d4e-4f50-8a6b-7c8d9e0f1a2b" for number in (1, 2, 3))
GIVEN = {
    "repository": "acme/payments-api",
    "gitlab_host": "gitlab.com",
    "circleci_organization_id": CIRCLE,
    "circleci_project_id": PROJECT,
    "jenkins_host": "ci.example.com/jenkins",
}
_ORIGIN = "github.com/acme/payments-api"


def circle(branch: str = "main", project: str = PROJECT, origin: str = _ORIGIN, user: str = USER) -> str:
    return f"org/{CIRCLE}/project/{project}/user/{user}/vcs-origin/{origin}/vcs-ref/refs/heads/{branch}"


def job(name: str, folder: str = "payments-api") -> str:
    return f"https://ci.example.com/jenkins/job/{folder}/job/{name}/"


LAB = "project_path:acme/payments-api:ref_type"
ADMITTED: dict[str, list[tuple[str, str, dict[str, str]]]] = {
    "github_actions": [("sts.amazonaws.com", "repo:acme/payments-api:environment:production", {})],
    "gitlab_ci": [
        ("https://gitlab.com", f"{LAB}:branch:ref:main", {"ref_protected": "true"}),
        ("https://gitlab.com", f"{LAB}:branch:ref:main", {}),
    ],
    "circleci": [(CIRCLE, circle(), {})],
    "jenkins": [("payments-api-production-aws", job(name), {}) for name in ("deploy", "rollback", "drift")],
}
REFUSED: dict[str, list[tuple[str, str, dict[str, str]]]] = {
    "github_actions": [
        ("sts.amazonaws.com", "repo:acme/payments-api:environment:staging", {}),
        ("sts.amazonaws.com", "repo:acme/payments-api:ref:refs/heads/main", {}),
        ("https://github.com/acme", "repo:acme/payments-api:environment:production", {}),
    ],
    "gitlab_ci": [
        ("https://gitlab.com", f"{LAB}:branch:ref:main2", {}),
        ("https://gitlab.com", f"{LAB}:tag:ref:main", {}),
        ("https://gitlab.com", f"{LAB}:branch:ref:main", {"ref_protected": "false"}),
        ("https://gitlab.com", "project_path:acme/other:ref_type:branch:ref:main", {}),
        ("sts.amazonaws.com", f"{LAB}:branch:ref:main", {}),
    ],
    "circleci": [
        (CIRCLE, circle("feature"), {}),
        # a branch may be called so, and `user/*` would let it in
        (CIRCLE, circle(f"x/vcs-origin/{_ORIGIN}/vcs-ref/refs/heads/main"), {}),
        (CIRCLE, circle(user=f"{USER}/vcs-origin/x"), {}),
        (CIRCLE, circle(project=CIRCLE), {}),
        (CIRCLE, circle(origin="github.com/fork/payments-api"), {}),
        (CIRCLE, circle().partition("/vcs-origin")[0], {}),
        (PROJECT, circle(), {}),
    ],
    "jenkins": [
        ("payments-api-staging-aws", job("deploy"), {}),
        ("payments-api-production-aws", job("drill"), {}),
        ("payments-api-production-aws", job("verify/job/main"), {}),
        ("payments-api-production-aws", job("deploy", folder="other"), {}),
        ("payments-api-production-aws", job("deploy/x"), {}),
    ],
}


def made(ci: str, iac: str = "cloudformation") -> tuple[Bundle, Blueprint]:
    spec = with_tools(ci, iac)
    blueprint = plan(spec)
    return render(blueprint), blueprint


def with_tools(ci: str, iac: str = "cloudformation") -> DeploymentSpec:
    spec = ALL["ecs_canary"]()
    return spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"iac": iac, "ci": ci})})


def admits(document: Mapping[str, Any], issuer: str, token: tuple[str, str, dict[str, str]]) -> bool:
    """What IAM decides: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    [statement] = document["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity" and statement["Effect"] == "Allow"
    assert statement["Principal"]["Federated"].endswith(f":oidc-provider/{issuer}")
    audience, subject, claims = token
    said = {f"{issuer}:aud": audience, f"{issuer}:sub": subject, **{f"{issuer}:{k}": v for k, v in claims.items()}}
    asked = set()
    for test, conditions in statement["Condition"].items():
        for key, wanted in conditions.items():
            asked.add(key)
            if test == "StringEqualsIfExists" and key not in said:
                continue
            rows = wanted if isinstance(wanted, list) else [wanted]
            patterns = [re.escape(row) for row in rows]
            if test == "StringLike":
                patterns = [item.replace(r"\*", ".*").replace(r"\?", ".") for item in patterns]
            if not any(re.fullmatch(item, said[key]) for item in patterns):
                return False
    assert {f"{issuer}:aud", f"{issuer}:sub"} <= asked
    return True


def issuer_of(ci: str) -> str:
    found = trust(with_tools(ci))
    assert found
    return spelled(found.tokens[BUILD].issuer, GIVEN)


def cloudformation(ci: str) -> dict[str, Any]:
    bundle, blueprint = made(ci)
    found = trust(blueprint.spec)
    assert found
    given = {item.pascal: item.default or GIVEN[item.name] for item in found.settings}
    text = bundle["infrastructure/cloudformation/environments/production/template.yaml"].content
    document = Made(text, given).resources["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]
    return json.loads(document) if isinstance(document, str) else document  # type: ignore[no-any-return]


@pytest.mark.parametrize("ci", sorted(TRUSTS))
def test_cloudformation_admits_the_right_jobs_alone(ci: str) -> None:
    document, issuer = cloudformation(ci), issuer_of(ci)
    assert all(admits(document, issuer, token) for token in ADMITTED[ci])
    assert not [token for token in REFUSED[ci] if admits(document, issuer, token)]


@pytest.mark.skipif(find_spec("pulumi_aws") is None, reason="pulumi, install with pip install 'hug-agents[pulumi]'")
@pytest.mark.parametrize("ci", sorted(TRUSTS))
def test_pulumi_admits_the_right_jobs_alone(ci: str, tmp_path: Path) -> None:
    spec = with_tools(ci, "pulumi")
    roles = of(declare(spec, tmp_path)["production"], "aws:iam/role:Role")
    [document] = [json.loads(item["assumeRolePolicy"]) for item in roles if item["name"].endswith("-deploy")]
    found = trust(spec)
    assert found
    text = json.dumps(document)
    for item in found.settings:  # what a person gives is an example in these stacks
        text = text.replace(item.default or item.example, f"{{{item.name}}}")
    document = json.loads(spelled(text, GIVEN | ({"repository": _ORIGIN} if ci == "circleci" else {})))
    assert all(admits(document, issuer_of(ci), token) for token in ADMITTED[ci])
    assert not [token for token in REFUSED[ci] if admits(document, issuer_of(ci), token)]


@pytest.mark.parametrize("ci", sorted(TRUSTS))
def test_the_three_tools_trust_the_same(ci: str) -> None:
    said = {}
    for iac, reader in (
        ("terraform", identities._terraform),
        ("cloudformation", identities._cloudformation),
        ("pulumi", identities._pulumi),
    ):
        said[iac] = {(kind, value) for kind, value, _, _ in reader(Facts(*made(ci, iac)))}
    assert said["terraform"] == said["cloudformation"] == said["pulumi"]
    places = {value.partition(":")[0] for _, value in said["terraform"]}
    assert places == {"staging", "production", "build"}


@pytest.mark.parametrize("iac", ["terraform", "cloudformation", "pulumi"])
@pytest.mark.parametrize("ci", sorted(TRUSTS))
def test_no_key_is_stored_and_no_role_trusts_everybody(ci: str, iac: str) -> None:
    bundle, _ = made(ci, iac)
    for artifact in bundle:
        assert not re.search(r"AWS_SECRET_ACCESS_KEY|AKIA[0-9A-Z]{16}|aws_access_key_id: ", artifact.content)
        for row in artifact.content.splitlines():
            if re.search(r":sub|subjects", row) and "Identity" in row + artifact.path:
                assert "*" not in row, f"{artifact.path}: {row}"
